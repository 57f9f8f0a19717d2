"""The document in a pool's file: the origin of the pool, with a SHA-256 of the document and the table."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from netwright.core.array_files import RawArray
from netwright.core.documents import Count, Document, JsonObject, Sha256
from netwright.core.errors import ConfigError, DataError
from netwright.core.types import JsonView
from netwright.synthesis.problem import Array, ObjectiveFamily

REMEDY = "build the pool again"

Positive = Annotated[int, Field(ge=1)]
Amount = Annotated[float, Field(ge=0)]


class SavedMetric(Document):
    """See `Metric`."""

    name: str
    unit: str
    larger_is_better: bool
    summary: str = ""


class SavedInstance(Document):
    """An instance: the fields of `InstanceConfig`, and derived facts (see `Instance.describe`)."""

    topology: str
    load: Amount
    tunnels: str
    demands: str
    flows: Count
    n_classes: Count
    failures: str
    seed: Count
    guarantee: Literal["flow", "group"] = "flow"
    fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    n_nodes: Positive
    n_arcs: Positive
    n_flows: Positive
    n_tunnels: Positive
    capacity_unit: str


class SavedPool(Document):
    """The origin of a pool, and facts about it.

    Attributes:
        n: number of rows of the table, one per objective.
        n_designs: number of distinct designs.
        reference: the scenario's reference of the instance.
        sha256: see `digest`; absent in pools of earlier releases.
    """

    FORMAT_VERSION: ClassVar[int] = 1

    scenario: str
    n: Positive
    seed: Count
    instance: SavedInstance
    reference: JsonObject
    metrics: Annotated[tuple[SavedMetric, ...], Field(min_length=1)]
    n_designs: Positive
    effective_optima: Annotated[float, Field(ge=0.999)]
    at_best: dict[str, Annotated[float, Field(ge=0, le=1)]]
    report: JsonObject
    seconds: Amount
    memory_peak_mib: Amount
    versions: JsonObject
    sha256: Sha256 | None = None


def digest(facts: JsonView, table: pa.Table) -> str:
    """SHA-256 of the entries of a pool's document except `sha256`, and of every value of its table."""
    entries = {key: value for key, value in facts.items() if key != "sha256"}
    text = json.dumps(entries, sort_keys=True, separators=(",", ":"), allow_nan=False)
    found = hashlib.sha256(text.encode())
    for name in table.column_names:
        values, lengths = flat(table, name)
        found.update(f"|{name}|{values.dtype.str}|".encode())
        found.update(lengths.tobytes() + values.tobytes())
    return found.hexdigest()


def flat(table: pa.Table, name: str) -> tuple[RawArray, RawArray]:
    """A column's concatenated values, and the number of values per row (empty if one per row)."""
    column = table[name].combine_chunks()
    lengths = np.empty(0, dtype=np.int64)
    if pa.types.is_list(column.type):
        lengths = np.asarray(column.value_lengths(), dtype=np.int64)
        column = column.flatten()
    return np.ascontiguousarray(column.to_numpy(zero_copy_only=False)), lengths


def check_table(table: pa.Table, document: SavedPool, where: object) -> None:
    """Check that a pool's table has the number of rows in its document, and only finite numbers.

    Raises:
        DataError: names the column and the row.
    """
    if table.num_rows != document.n:
        raise DataError(
            f"{where}: contains {table.num_rows} rows, but was written with {document.n}; {REMEDY}."
        )
    for name in table.column_names:
        kind = table.schema.field(name).type
        inner = kind.value_type if pa.types.is_list(kind) else kind
        if not (pa.types.is_float64(inner) or pa.types.is_int64(inner)):
            raise DataError(f"{where}: column {name!r} is of type {kind}, not of numbers; {REMEDY}.")
        values, lengths = flat(table, name)
        bad = np.flatnonzero(~np.isfinite(values.astype(np.float64)))
        if table[name].null_count or len(bad):
            row = _row(int(bad[0]), lengths) if len(bad) else "a row"
            raise DataError(f"{where}: column {name!r}, {row} is not a finite number; {REMEDY}.")


def check_parameters(family: ObjectiveFamily, parameters: Array, where: object) -> None:
    """Check that each row of parameters (n, k) is an objective of the family.

    Raises:
        DataError: names the row and the parameter.
    """
    for number, row in enumerate(parameters, start=1):
        try:
            family.check(row)
        except ConfigError as error:
            raise DataError(f"{where}: row {number}: {error} The pool is damaged; {REMEDY}.") from None


def _row(position: int, lengths: RawArray) -> str:
    row = int(np.searchsorted(np.cumsum(lengths), position, side="right")) if len(lengths) else position
    return f"row {row + 1}"
