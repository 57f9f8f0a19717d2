"""What commands print: results on stdout, progress on stderr, and with `--json` exactly one document."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any, TextIO

import typer

from netwright.core import notes

INTERRUPTED = 130


def progress(line: str) -> None:
    """One line about work under way, on stderr."""
    print(line, file=sys.stderr, flush=True)


def print_json(document: Any) -> None:
    """The one JSON document of a command, on stdout; an object gets the command's notes, if there are any."""
    lines = notes.so_far()
    if lines and isinstance(document, dict):
        document = document | {"notes": [*document.get("notes", ()), *lines]}
    print(json.dumps(document, indent=2, allow_nan=False))


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, file: TextIO | None = None
) -> None:
    """A table on stdout or another stream; columns whose cells are all numbers are set flush right."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(_is_number(row[index]) for row in rows)
        table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    # A file or a pipe gets whole lines, however long.
    stream = file if file is not None else sys.stdout
    console = Console(file=stream, width=None if stream.isatty() else 240)
    console.print(Text(title, style="bold"), table, sep="\n")


def print_facts(facts: Mapping[str, Any]) -> None:
    """Names and plain values on stdout, a line each, and those of nested mappings under both names."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            print_facts({f"{name}.{inner}": item for inner, item in value.items()})
        else:
            print(f"{name}: {value:.6g}" if isinstance(value, float) else f"{name}: {value}")


@contextlib.contextmanager
def interruptible(sentence: str) -> Iterator[Callable[[], bool]]:
    """On Ctrl-C: say `sentence`, which tells how to go on, and exit with 130.

    Yields whether Ctrl-C was pressed: a library may swallow the exception (in a callback from C, in `__del__`),
    and whoever works in steps can look before the next one.
    """
    pressed = threading.Event()
    previous = signal.getsignal(signal.SIGINT)

    def press(number: int, frame: FrameType | None) -> None:
        pressed.set()
        assert callable(previous)
        previous(number, frame)

    # A process in the background may have been told to ignore Ctrl-C, and still does.
    heard = callable(previous) and threading.current_thread() is threading.main_thread()
    if heard:
        signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    except KeyboardInterrupt:
        progress(f"\nnetwright: interrupted; {sentence}")
        raise typer.Exit(INTERRUPTED) from None
    finally:
        if heard:
            signal.signal(signal.SIGINT, previous)


def _is_number(cell: str) -> bool:
    try:
        float(cell.split(" ")[0] or "0")
    except ValueError:
        return False
    return True
