"""Decoding of untrusted bytes, and escaping of cells that spreadsheets would run as formulas."""

from __future__ import annotations

import re

from netwright.core.errors import DataError


def decoded(content: bytes, source: str) -> str:
    """Decode UTF-8 text, without its byte-order mark, or UTF-16 with one, as written by spreadsheets.

    Raises:
        DataError: the text has another encoding.
    """
    try:
        encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise DataError(f"{source}: not text in UTF-8; save it as such.") from None


SEPARATOR_LINE = re.compile(r'"?sep=.?"?', re.IGNORECASE)  # names the separator of a table to Excel
MAX_LINES = 1_000_000
MAX_TOKENS = 1_000_000


def lines_of(content: bytes, source: str) -> list[str]:
    """The lines of a text, if their number is plausible for a network.

    Raises:
        DataError: too many lines, or not text.
    """
    text = decoded(content, source)
    if max(text.count("\n"), text.count("\r")) > MAX_LINES:
        raise too_long(source)
    return text.splitlines()


def too_long(source: str) -> DataError:
    """An error for a file with implausibly many parts."""
    return DataError(f"{source}: contains more lines or words than a supported network; check the file.")


_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def escaped(cell: str) -> str:
    """A cell that no spreadsheet runs as a formula: a leading `= + - @` is quoted."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescaped(cell: str) -> str:
    """The inverse of `escaped`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
