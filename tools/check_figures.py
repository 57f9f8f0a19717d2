"""Hold every figure that README and docs quote against the row of `results/` that it is from.

    python tools/check_figures.py            # as `make check` does; exit 1 and a line for each figure that is wrong
    python tools/check_figures.py --write    # after a page or the results have changed: name the rows again

Quoted figures are the numbers with two or more decimals between `<!-- results -->` and `<!-- /results -->`.
`results/figures.jsonl` names for each, in the order of the page, its row (area, setting, subject, metric, ..) and the
field of that row. `--write` finds them: among the fields whose value reads as the figure does, the one that fits the
table's row and column best.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
INDEX = Path("results") / "figures.jsonl"
FIGURE = re.compile(r"(?<![\w.])[+-]?\d+\.\d{2,}(?![\w.])")
MARKED = re.compile(r"<!-- results -->(.*?)<!-- /results -->", re.DOTALL)
NOT_KEY = ("value", "low", "high", "n", "seeds", "command", "version", "machine", "date")
AREAS = {
    "docs/design.md": ("design",),
    "docs/tasks/abr.md": ("abr", "speed"),
    "docs/adaptation.md": ("abr", "speed"),
}
AREAS |= {"docs/tasks/vp.md": ("vp", "speed"), "docs/tasks/cjs.md": ("cjs", "speed")}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """A quoted figure: its page, its text, and what stands around it."""

    page: str
    text: str
    line: str
    label: str  # first cell of its table row
    column: str  # header of its column
    cell: str
    before: str  # what stands before it in its cell


@dataclass(frozen=True)
class Field:
    """One number of a row."""

    row: int
    name: str
    value: float


class Results:
    """All rows, and their numbers by how they read."""

    def __init__(self, root: Path) -> None:
        files = [path for path in sorted((root / "results").glob("*.jsonl")) if path.name != INDEX.name]
        self.rows: list[Row] = [
            json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()
        ]
        self.fields = [
            Field(i, name, value) for i, row in enumerate(self.rows) for name, value in numbers(row)
        ]

    @cached_property
    def by_key(self) -> dict[str, list[int]]:
        """Rows by their key."""
        found: dict[str, list[int]] = {}
        for i, row in enumerate(self.rows):
            found.setdefault(key_text(key_of(row)), []).append(i)
        return found

    def read_as(self, text: str) -> list[Field]:
        """Fields whose value, at as many decimals, reads as this text does (without a sign: whatever the sign)."""
        decimals = len(text.partition(".")[2])
        if decimals not in self._read:
            self._read[decimals] = {}
            for field in self.fields:
                self._read[decimals].setdefault(f"{abs(field.value):.{decimals}f}", []).append(field)
        found = self._read[decimals].get(text.lstrip("+-"), [])
        return [f for f in found if shown(f.value, text) == text]

    @cached_property
    def _read(self) -> dict[int, dict[str, list[Field]]]:
        return {}


def shown(value: float, text: str) -> str:
    """A value as that text would show it: its decimals, and a sign where it has one."""
    decimals = len(text.partition(".")[2])
    signed = text[0] in "+-"
    return f"{value:+.{decimals}f}" if signed else f"{abs(value):.{decimals}f}"


def numbers(row: Row) -> Iterator[tuple[str, float]]:
    """Names and values of a row's decimal numbers; those of a list by their place."""
    for name, value in row.items():
        if name in ("n", "seeds"):
            continue
        if isinstance(value, float):
            yield name, value
        elif isinstance(value, list):
            yield from ((f"{name}.{i}", v) for i, v in enumerate(value) if isinstance(v, float))


def key_of(row: Row) -> dict[str, Any]:
    """What names a row: its texts and whole numbers."""
    return {k: v for k, v in row.items() if k not in NOT_KEY and isinstance(v, str | int | bool)}


def key_text(key: Mapping[str, Any]) -> str:
    return json.dumps(key, sort_keys=True)


def figures(root: Path) -> Iterator[Figure]:
    """All quoted figures, page by page, in their order."""
    for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        page = path.relative_to(root).as_posix()
        for block in MARKED.findall(path.read_text(encoding="utf-8")):
            yield from in_block(page, block)


def in_block(page: str, block: str) -> Iterator[Figure]:
    head: list[str] = []
    lines = block.splitlines()
    for number, line in enumerate(lines):
        if not line.startswith("|"):
            for match in FIGURE.finditer(line):
                yield Figure(page, match.group(), line, line, "", line, line[: match.start()])
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if number + 1 < len(lines) and re.fullmatch(r"[|\s:-]+", lines[number + 1]):
            head = cells
        for i, cell in enumerate(cells):
            column = head[i] if i < len(head) else ""
            for match in FIGURE.finditer(cell):
                yield Figure(page, match.group(), line, cells[0], column, cell, cell[: match.start()])


def words(text: str) -> set[str]:
    """Names in a text: lower case, `unseen 1` as one."""
    plain = re.sub(r"\bunseen (\d)", r"unseen\1", text.lower().replace("`", " ").replace("*", " "))
    plain = (
        plain.replace("last value", "last-value")
        .replace("no backbone", "none")
        .replace("random weights", "random")
    )
    plain = plain.replace("linear, l1", "linear-l1").replace("triples", "triple").replace("pairs", "pair")
    return set(re.findall(r"[a-z0-9.:-]+", plain))


def fit(figure: Figure, row: Row, name: str) -> float:
    """How well a row and its field fit what stands around a figure."""
    key = key_of(row)
    around = words(figure.label + " " + figure.column)
    score = 0.0
    for part in ("setting", "subject", "topology", "baseline", "row"):
        value = str(key.get(part, "")).lower()
        if value:
            score += 4.0 * (value in around) + 2.0 * len(set(re.split(r"[:+,\[\]-]", value)) & around)
            score -= 0.5 * len(set(re.split(r"[:+,\[\]-]", value)) - around)
    difference = "minus" in around or figure.text[0] in "+-" or "against" in around
    score += 6.0 if difference == ("difference" in str(key.get("metric"))) else -6.0
    noise = re.search(r"p = (\d+)", figure.column)
    if "noise_percent" in row:
        score += 4.0 if float(noise.group(1) if noise else 0) == float(row["noise_percent"] or 0) else -4.0
    query = str(key.get("query", ""))
    if query:
        asked = re.findall(r"\d+", figure.column.replace(noise.group(), "") if noise else figure.column)
        score += 3.0 if query in (asked or ["5"]) else -1.0
    bracket = figure.before.count("[") > figure.before.count("]")
    inside = figure.before.rpartition("[")[2] if bracket else ""
    if bracket:
        wanted = ("p10", "low") if "," not in inside else ("high",)
        score += 5.0 if name.split(".")[0] in wanted or name.startswith("p10") else -5.0
    else:
        score += (
            3.0 if name in ("value", "ratio", "share_of_optimum", "mean_gain") or "median" in name else -3.0
        )
    if "(" in figure.before and ")" not in figure.before.rpartition("(")[2]:
        score += 5.0 if name == "ratio" else 0.0
    if figure.page in AREAS:
        score += 3.0 if key.get("area") in AREAS[figure.page] else -10.0
    return score


def named(results: Results, figure: Figure) -> dict[str, Any] | None:
    """The line of the index for a figure: the fitting row's key and field; None where no row reads so."""
    found = results.read_as(figure.text)
    if not found:
        return None
    best = max(found, key=lambda f: fit(figure, results.rows[f.row], f.name))
    key = key_of(results.rows[best.row])
    place = results.by_key[key_text(key)].index(best.row)
    return {"page": figure.page, "text": figure.text, "field": best.name, "row": key} | (
        {"place": place} if place else {}
    )


def wrong(root: Path, results: Results, index: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each figure that is not what its row says."""
    found = list(figures(root))
    for figure, line in zip(found, index, strict=False):
        where = f"{figure.page}: {figure.text} in {figure.line.strip()[:80]!r}"
        if line["page"] != figure.page:
            yield f"{where}: the index has a figure of {line['page']} here; run it with --write"
            return
        rows = results.by_key.get(key_text(line["row"]), [])
        place = line.get("place", 0)
        value = dict(numbers(results.rows[rows[place]])).get(line["field"]) if place < len(rows) else None
        if value is None:
            yield f"{where}: its row is not in results any more: {line['row']}"
        elif shown(value, figure.text) != figure.text or line["text"] != figure.text:
            yield f"{where}: the row {line['row']} has {line['field']} {value:.6g}"
    if len(found) != len(index):
        yield f"{len(found)} figures are quoted, {len(index)} are named; run it with --write"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="name the rows of all figures again")
    parser.add_argument("--root", type=Path, default=ROOT, help="of the project")
    options = parser.parse_args(arguments)
    results = Results(options.root)
    if options.write:
        lines = []
        for figure in figures(options.root):
            line = named(results, figure)
            if line is None:
                print(f"{figure.page}: no row reads {figure.text} ({figure.line.strip()[:80]})")
                return 1
            lines.append(line)
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (options.root / INDEX).write_text(text, encoding="utf-8")
    index = [json.loads(line) for line in (options.root / INDEX).read_text(encoding="utf-8").splitlines()]
    faults = list(wrong(options.root, results, index))
    print("\n".join(faults) or f"{len(index)} quoted figures are what their rows say")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
