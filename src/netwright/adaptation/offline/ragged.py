"""Columns of an experience whose rows have different lengths: nodes of a graph, candidates of a decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.core.array_files import RawArray
from netwright.core.errors import DataError

Array = RawArray


@dataclass(frozen=True)
class Ragged:
    """N rows of any length, without padding.

    Attributes:
        values: (M, ..) of all rows, one after the other.
        offsets: (N + 1,) where each row begins, and M.
    """

    values: Array
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        offsets = self.offsets
        if offsets.ndim != 1 or offsets.dtype.kind not in "iu" or not len(offsets):
            raise DataError("offsets of a ragged column must be a row of whole numbers.")
        if offsets[0] != 0 or offsets[-1] != len(self.values) or (np.diff(offsets) < 0).any():
            raise DataError("offsets of a ragged column must rise from 0 to the number of its values.")

    @staticmethod
    def of(rows: Sequence[Array]) -> Ragged:
        """From rows (n, ..), at least one."""
        lengths = [len(row) for row in rows]
        return Ragged(np.concatenate(rows), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(N,) of each row."""
        return np.diff(self.offsets)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, ..): rows, and the shape of one value."""
        return (len(self), *self.values.shape[1:])

    @property
    def ndim(self) -> int:
        """Dimensions of `shape`."""
        return len(self.shape)

    def row(self, index: int) -> Array:
        """(n, ..) one row."""
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def __getitem__(self, rows: Array) -> Ragged:
        """Some rows (R,), by index or by a mask."""
        chosen = np.flatnonzero(rows) if rows.dtype == bool else rows
        starts, lengths = self.offsets[:-1][chosen], self.lengths[chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return Ragged(self.values[np.repeat(starts, lengths) + within], offsets)

    def padded(self, fill: float) -> Array:
        """(N, longest, ..) with `fill` behind the end of shorter rows."""
        longest = max(1, int(self.lengths.max(initial=0)))
        found = np.full((len(self), longest, *self.values.shape[1:]), fill, dtype=self.values.dtype)
        found[np.arange(longest) < self.lengths[:, None]] = self.values
        return found


Column = Array | Ragged


def concatenated(columns: Sequence[Column]) -> Column:
    """Columns of one name as one; all of them ragged, or none."""
    ragged = [column for column in columns if isinstance(column, Ragged)]
    if not ragged:
        return np.concatenate([column for column in columns if not isinstance(column, Ragged)])
    starts = np.cumsum([0, *(len(column.values) for column in ragged[:-1])])
    offsets = [column.offsets[1:] + start for column, start in zip(ragged, starts, strict=True)]
    return Ragged(
        np.concatenate([column.values for column in ragged]), np.concatenate([[0], *offsets]).astype(np.int64)
    )


VALUES, OFFSETS = "|values", "|offsets"


def stored(columns: Mapping[str, Column]) -> dict[str, Array]:
    """Columns as the plain arrays that are written."""
    found: dict[str, Array] = {}
    for name, column in columns.items():
        if isinstance(column, Ragged):
            found |= {name + VALUES: column.values, name + OFFSETS: column.offsets}
        else:
            found[name] = column
    return found


def restored(arrays: Mapping[str, Array]) -> dict[str, Column]:
    """Columns from what `stored` gave.

    Raises:
        DataError: half of a ragged column is missing, or the halves do not fit.
    """
    found: dict[str, Column] = {}
    for key, array in arrays.items():
        name = key.removesuffix(VALUES).removesuffix(OFFSETS)
        if name == key:
            found[name] = array
            continue
        try:
            found[name] = Ragged(arrays[name + VALUES], arrays[name + OFFSETS])
        except KeyError as error:
            raise DataError(f"the experience lacks {error.args[0]!r}, half of a ragged column.") from None
    return found
