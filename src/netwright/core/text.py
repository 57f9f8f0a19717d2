"""Text of foreign origin made safe to show: names from files and folders reach terminals and reports through here."""

from __future__ import annotations

import re

# Control characters, separators that end a line, marks that change the direction of text, lone surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_UNSAFE_IN_LINES = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def printable(text: str, *, lines: bool = False) -> str:
    """The text with each character that could steer a terminal or hide in a page as its escape, such as `\\x1b`.

    Args:
        lines: whether line ends and tabs are kept.
    """
    return (_UNSAFE_IN_LINES if lines else _UNSAFE).sub(lambda found: _escape(found[0]), text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
