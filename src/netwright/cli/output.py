"""What commands print: results on stdout, progress on stderr, and with `--json` exactly one document."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer

INTERRUPTED = 130


def progress(line: str) -> None:
    """One line about work under way, on stderr."""
    print(line, file=sys.stderr, flush=True)


def print_json(document: Any) -> None:
    """The one JSON document of a command, on stdout."""
    print(json.dumps(document, indent=2, allow_nan=False))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout; columns whose cells are all numbers are set flush right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", title_style="bold")
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(_is_number(row[index]) for row in rows)
        table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console()
    # Not a terminal: a file or a pipe gets whole lines, however long.
    console.print(table, width=None if console.is_terminal else 240)


def print_facts(facts: Mapping[str, Any]) -> None:
    """Names and plain values, a line each, on stdout; nested ones are left to `--json`."""
    for name, value in facts.items():
        if isinstance(value, str | int | float):
            print(f"{name}: {value:.6g}" if isinstance(value, float) else f"{name}: {value}")


@contextlib.contextmanager
def interruptible(sentence: str) -> Iterator[None]:
    """On Ctrl-C: say `sentence`, which tells how to go on, and exit with 130."""
    try:
        yield
    except KeyboardInterrupt:
        progress(f"\nnetwright: interrupted; {sentence}")
        raise typer.Exit(INTERRUPTED) from None


def _is_number(cell: str) -> bool:
    try:
        float(cell.split(" ")[0] or "0")
    except ValueError:
        return False
    return True
