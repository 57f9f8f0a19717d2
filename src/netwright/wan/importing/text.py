"""Bytes of unknown origin as text, and cells that spreadsheets do not take for formulas."""

from __future__ import annotations

import re

from netwright.core.errors import DataError


def decoded(content: bytes, source: str) -> str:
    """UTF-8 text without its byte order mark, or UTF-16 with one, as spreadsheets write it.

    Raises:
        DataError: neither.
    """
    try:
        encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise DataError(f"{source}: not text in UTF-8; save it as such.") from None


MAX_LINES = 1_000_000
MAX_TOKENS = 1_000_000


def lines_of(content: bytes, source: str) -> list[str]:
    """The lines of a text, if there are not more than any network has.

    Raises:
        DataError: too many lines, or not text.
    """
    text = decoded(content, source)
    if max(text.count("\n"), text.count("\r")) > MAX_LINES:
        raise too_long(source)
    return text.splitlines()


def too_long(source: str) -> DataError:
    """For a file whose parts are too many to be those of a network."""
    return DataError(
        f"{source}: holds more lines or words than a network that can be imported; check the file."
    )


_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def escaped(cell: str) -> str:
    """A cell of a table that no spreadsheet takes for a formula: a quote goes before `= + - @`."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescaped(cell: str) -> str:
    """The cell that `escaped` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
