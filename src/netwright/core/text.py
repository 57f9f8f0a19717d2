"""Escaping of untrusted text, such as names from files, before it reaches a terminal or a report."""

from __future__ import annotations

import re

# Control characters, line separators, bidirectional marks, lone surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_UNSAFE_IN_LINES = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def printable(text: str, *, lines: bool = False) -> str:
    """The text with characters that could control a terminal or be invisible replaced by escapes, such as `\\x1b`.

    Args:
        lines: whether line breaks and tabs are kept.
    """
    return (_UNSAFE_IN_LINES if lines else _UNSAFE).sub(lambda found: _escape(found[0]), text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
