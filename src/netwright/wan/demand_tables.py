"""Tables of demands, such as from spreadsheets: columns by title, any separator, numbers with units."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from netwright.core.errors import DataError
from netwright.core.notes import note
from netwright.core.reading import check_rows, read_text, whole_number
from netwright.core.text import printable
from netwright.wan.importing.text import SEPARATOR_LINE, unescaped
from netwright.wan.topology import Topology
from netwright.wan.units import DEMAND_TITLES, rate, rate_unit, short, understand

SEPARATORS = ",;\t|"
NEEDED = ("source", "target", "volume")


@dataclass(frozen=True, slots=True)
class Row:
    """One demand of a table: node numbers, step and class as written, and volume in the unit of the capacities."""

    line: int
    source: int
    target: int
    step: int
    klass: int
    volume: float


@dataclass(frozen=True)
class Columns:
    """Columns of a table.

    Attributes:
        place: index of the column of each meaning in `DEMAND_TITLES`.
        unit: unit of plain volumes; "" if the title names none.
        ignored: unknown titles.
        n: number of columns.
    """

    place: Mapping[str, int]
    unit: str
    ignored: tuple[str, ...]
    n: int


def has_classes(path: Path) -> bool:
    """Whether a table of demands has a column of classes.

    Raises:
        DataError: it is not a table of demands.
    """
    return "class" in _columns(path, next(_lines(read_text(path), path), (1, []))[1]).place


def rows_of(text: str, path: Path, topology: Topology) -> list[Row]:
    """The demands of a table with a header line.

    Args:
        path: name of the table, for messages.

    Raises:
        DataError: names the line of the first invalid demand.
    """
    lines = _lines(text, path)
    columns = _columns(path, next(lines, (1, []))[1])
    if columns.ignored:
        note(f"{path}: ignored the columns {', '.join(columns.ignored)}")
    ours = rate_unit(topology.capacity_unit or "") or ""
    if columns.unit and not ours:
        note(_unscaled(path, columns.unit, topology))
    return [_row(path, number, cells, columns, topology, ours) for number, cells in lines]


def _unscaled(path: Path, unit: str, topology: Topology) -> str:
    kind = topology.capacity_unit or "without a unit"
    return f"{path}: demands are in {unit} but capacities are {kind}: used without conversion, scale them with --load"


def _lines(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and stripped cells of each nonblank line."""
    check_rows(text, path)
    first = next((line for line in text.splitlines() if _holds(line)), "")
    separator = max(SEPARATORS, key=first.count)
    if separator not in first:
        separator = " "
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    begun = False
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            begun = begun or _holds("".join(stripped))  # from the titles on, a name may begin with #
            if begun and any(stripped):
                yield reader.line_num, stripped
    except csv.Error as error:
        raise DataError(
            f"{path}:{reader.line_num}: not a CSV file ({error}); save it as UTF-8 text."
        ) from None


def _holds(line: str) -> bool:
    """Whether a line holds cells, and not a comment, blanks or a line that names the separator to Excel."""
    return (
        bool(line.strip())
        and not line.lstrip().startswith("#")
        and not SEPARATOR_LINE.fullmatch(line.strip())
    )


def _columns(path: Path, titles: Sequence[str]) -> Columns:
    place: dict[str, int] = {}
    unit, ignored = "", []
    for i, title in enumerate(titles):
        found = understand(title, DEMAND_TITLES) if title else None
        if found is None:
            ignored += [repr(printable(title)[:60])] if title else []
            continue
        if found.meaning in place:
            raise DataError(
                f"{path}: the columns {titles[place[found.meaning]]!r} and {title!r} both mean {found.meaning}; "
                "keep one of them."
            )
        place[found.meaning] = i
        unit = found.unit if found.meaning == "volume" else unit
    _check_needed(path, place, titles)
    return Columns(place, unit, tuple(ignored), len(titles))


def _check_needed(path: Path, place: Mapping[str, int], titles: Iterable[str]) -> None:
    for meaning in NEEDED:
        if meaning not in place:
            shown = printable(", ".join(titles))[:120] or "nothing"
            raise DataError(
                f"{path}: has no column {meaning!r}; the first line must name source, target and volume, but contains "
                f"{shown}."
            )


def _row(
    path: Path, number: int, cells: Sequence[str], columns: Columns, topology: Topology, ours: str
) -> Row:
    where = f"{path}:{number}"
    if (len(cells) < columns.n and max(columns.place.values()) >= len(cells)) or any(cells[columns.n :]):
        raise DataError(f"{where}: has {len(cells)} cells for {columns.n} columns; correct the line.")
    cell = {meaning: cells[i] for meaning, i in columns.place.items()}
    ends = (unescaped(cell["source"]), unescaped(cell["target"]))
    try:
        source, target = (topology.number_of(end) for end in ends)
    except DataError as error:
        raise DataError(f"{where}: demand between {ends[0]!r} and {ends[1]!r}, but {error}") from None
    step, klass = (_whole(cell.get(name) or "0", name, where) for name in ("step", "class"))
    return Row(
        number, source, target, step, klass, _volume(cell["volume"], where, columns.unit, ours, topology)
    )


def _whole(text: str, name: str, where: str) -> int:
    found = whole_number(text)
    if found is None:
        raise DataError(f"{where}: a {name} must be a nonnegative integer, got {short(text)}; correct it.")
    return found


def _volume(text: str, where: str, unit: str, ours: str, topology: Topology) -> float:
    found = rate(text, "a demand's volume", where, unit)
    if found.value < 0.0:
        raise DataError(f"{where}: a demand needs a nonnegative volume, got {short(text)}; correct it.")
    if not found.unit or found.unit == ours:
        return found.value
    if not ours and found.unit != unit:
        raise DataError(
            f"{where}: a demand of {short(text)}, but capacities of {topology.name} have no unit; "
            "give plain numbers in the unit of the capacities."
        )
    return found.in_unit(ours) if ours else found.value
