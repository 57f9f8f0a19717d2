"""The word list: what it finds in Python and Markdown, and what it leaves alone."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

TOOL = runpy.run_path(str(Path(__file__).parent.parent / "tools" / "check_words.py"))
findings, prose_of_markdown, prose_of_python = (
    TOOL[name] for name in ("findings", "prose_of_markdown", "prose_of_python")
)


@pytest.mark.parametrize(
    "line",
    [
        "the colour of a link",  # words: ok
        "it is normalised",  # words: ok
        "mend the value",  # words: ok
        "squashed rewards",  # words: ok
        "the run goes on",  # words: ok
    ],  # words: ok
)
def test_private_wording_and_british_spelling_are_found(line):
    assert list(findings(line))


@pytest.mark.parametrize(
    "line", ["the color of a link", "a normal answer", "recommend it", "it goes on a disk"]
)
def test_other_words_are_left_alone(line):
    assert not list(findings(line))


def test_python_is_read_for_its_prose():
    source = 'def test_it_goes_on():\n    """A text."""\n    x = "utilisation"  # a comment\n'  # words: ok
    assert [text.strip('"# ') for _, text in prose_of_python(source)] == [
        "test it goes on",  # words: ok
        "A text.",
        "a comment",
    ]


def test_an_exempt_line_and_code_in_markdown_are_left_out():
    assert not [line for _, line in prose_of_python("# colour of old  # words: ok\n")]
    page = "a `colour` b\n```\ncolour\n```\n"  # words: ok
    assert [line.split() for _, line in prose_of_markdown(page)] == [["a", "b"]]
