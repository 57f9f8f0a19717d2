"""Output of commands: results on stdout, progress on stderr, and with `--json` exactly one document."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TextIO

import typer
import typer.core

from netwright.core import notes
from netwright.core.interrupts import exit_code, listening
from netwright.core.text import printable
from netwright.core.types import JsonView


def progress(line: str) -> None:
    """Print a line about the progress on stderr; without a stderr (a closed terminal, a full disk) nothing is lost."""
    with contextlib.suppress(OSError):
        print(printable(line, lines=True), file=sys.stderr, flush=True)


def print_line(line: str) -> None:
    """Print a line of a result on stdout."""
    print(printable(line))


def print_json(document: object) -> None:
    """Print the JSON document of a command on stdout; the command's notes are added to an object."""
    lines = notes.so_far()
    if lines and isinstance(document, dict):
        document = document | {"notes": [*document.get("notes", ()), *lines]}
    print(json.dumps(document, indent=2, allow_nan=False))


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, file: TextIO | None = None
) -> None:
    """Print a table on stdout or another stream; columns of numbers are right-aligned."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(_is_number(row[index]) for row in rows)
        table.add_column(Text(printable(column)), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    # Lines are not wrapped in a file or a pipe.
    stream = file if file is not None else sys.stdout
    console = Console(file=stream, width=None if stream.isatty() else 240)
    console.print(Text(printable(title), style="bold"), table, sep="\n")


def print_facts(facts: JsonView) -> None:
    """Print names and values on stdout, one per line; nested names are joined by a dot."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            print_facts({f"{name}.{inner}": item for inner, item in value.items()})
        else:
            print_line(f"{name}: {value:.6g}" if isinstance(value, float) else f"{name}: {value}")


class Group(typer.core.TyperGroup):
    """A group of commands that exits with 130, 143 or 129 when interrupted."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _left("repeat the command to start again.") from None


@contextlib.contextmanager
def interruptible(sentence: str) -> Iterator[Callable[[], bool]]:
    """On Ctrl-C, SIGTERM or SIGHUP, print `sentence` with instructions and exit with 130, 143 or 129.

    Yields a function that says whether a signal was received, because a library may swallow the exception (in a
    callback from C, in `__del__`). Any exception after a signal counts as the interruption.
    """
    with listening() as interrupted:
        try:
            yield interrupted
        except KeyboardInterrupt:
            raise _left(sentence) from None
        except Exception:
            if interrupted():
                raise _left(sentence) from None
            raise


def _left(sentence: str) -> typer.Exit:
    progress(f"\nnetwright: interrupted; {sentence}")
    return typer.Exit(exit_code())


def _is_number(cell: str) -> bool:
    try:
        float(cell.split(" ")[0] or "0")
    except ValueError:
        return False
    return True
