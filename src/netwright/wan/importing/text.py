"""Bytes of unknown origin as text."""

from __future__ import annotations

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
