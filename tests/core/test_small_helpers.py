"""Escaped text, mappings that read late, checked arguments, and what a verification says."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.arguments import check_path, check_text
from netwright.core.errors import ConfigError, DataError
from netwright.core.lazy import LazyMapping
from netwright.core.text import printable
from netwright.core.verification import Verification


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, café, 网络, 😀", "plain, café, 网络, 😀"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\ud800", "\\ud800"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("\ufeffmark", "\\ufeffmark"),
    ],
)
def test_characters_that_control_a_terminal_are_escaped(text, shown):
    assert printable(text) == shown


def test_line_breaks_and_tabs_stay_where_lines_are_asked_for():
    assert printable("a\nb\tc", lines=True) == "a\nb\tc"
    assert printable("a\rb\x0b", lines=True) == "a\\rb\\x0b"


@given(st.text())
def test_escaped_text_is_safe_and_is_not_escaped_again(text):
    shown = printable(text)
    assert shown.isprintable() or all(c.isprintable() or c.isspace() or ord(c) > 0xA0 for c in shown)
    assert printable(shown) == shown
    assert not any(ord(c) < 0x20 for c in shown)


def test_a_value_is_read_on_first_use_and_once():
    calls = []

    def read(name):
        calls.append(name)
        return len(calls)

    found = LazyMapping(["b", "a", "b"], read)
    assert list(found) == ["b", "a"]
    assert len(found) == 2
    assert "a" in found
    assert "c" not in found
    assert calls == [], "neither keys nor length read a value"
    assert (found["a"], found["a"], found["b"]) == (1, 1, 2)
    assert calls == ["a", "b"]
    with pytest.raises(KeyError, match="c"):
        found["c"]
    assert calls == ["a", "b"]


def test_a_value_that_cannot_be_read_stops_only_its_users():
    def read(name):
        if name == "bad":
            raise DataError("bad is damaged")
        return name.upper()

    found = LazyMapping(["good", "bad"], read)
    assert found["good"] == "GOOD"
    for _ in range(2):
        with pytest.raises(DataError, match="bad is damaged"):
            found["bad"]
    assert found["good"] == "GOOD"


@pytest.mark.parametrize("value", [None, 3, "", b"folder", ["a"], 2.5])
def test_what_is_no_path_is_refused_by_its_argument(value):
    with pytest.raises(ConfigError, match="out must be a path, got "):
        check_path("out", value)


@pytest.mark.parametrize("value", ["folder", Path("folder"), Path()])
def test_texts_and_paths_are_paths(value):
    check_path("out", value)


@pytest.mark.parametrize("value", [None, 3, "", Path("a")])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(ConfigError, match="name must be a text, got "):
        check_text("name", value)


def test_an_optional_text_may_be_absent_but_not_empty():
    check_text("name", None, optional=True)
    check_text("name", "x", optional=True)
    with pytest.raises(ConfigError, match="name must be a text, got ''"):
        check_text("name", "", optional=True)


def test_a_long_argument_is_cut_in_the_sentence():
    with pytest.raises(ConfigError) as caught:
        check_text("name", list(range(1000)))
    assert len(str(caught.value)) < 120


def verification(**largest):
    return Verification(Path("g.npz"), largest, 1e-3, {"sessions": 2, "rows": 90})


def test_a_difference_of_the_tolerance_passes_and_a_larger_one_does_not():
    assert verification(qoe=1e-3, delay=0.0).passed
    assert not verification(qoe=1.0001e-3, delay=0.0).passed
    assert not verification(qoe=math.inf).passed
    assert verification().passed


def test_an_infinite_difference_is_null_in_the_document():
    document = verification(qoe=0.5, delay=math.inf).to_json()
    assert document == {
        "file": "g.npz",
        "passed": False,
        "tolerance": 1e-3,
        "largest_difference": {"qoe": 0.5, "delay": None},
        "sessions": 2,
        "rows": 90,
    }
