"""The identity of a run: any changed entry is refused, the machine's are said."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import ConfigError
from netwright.core.identity import RunIdentity, data_sha256

FULL = {
    "kind": "adapt",
    "task": "abr",
    "method": "returns",
    "options": {"window": 5, "parts": [1, 2]},
    "config": {"rank": 8, "alpha": None, "targets": "query-value", "nested": {"a": 1.5}},
    "seed": 3,
    "data": "a" * 64,
    "experience": ["b" * 64, "c" * 64],
    "models": {"start": "d" * 64},
    "backbone": {"name": "tiny", "sha256": "e" * 64, "dtype": "float32", "seed": 3},
    "machine": {"threads": 2, "precision": "float32"},
}


def identity(document: Any) -> RunIdentity:
    return RunIdentity.of(document, "here", remedy="make it again")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all entries that are neither objects nor lists."""
    items = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    )
    return [path] if items is None else [leaf for key, inner in items for leaf in leaves(inner, (*path, key))]


LEAVES = [leaf for leaf in leaves(FULL) if leaf[0] != "machine"]


def changed(leaf: tuple[Any, ...], value: Any) -> Any:
    document = json.loads(json.dumps(FULL))
    place = document
    for key in leaf[:-1]:
        place = place[key]
    place[leaf[-1]] = value
    return document


def at(leaf: tuple[Any, ...]) -> Any:
    found: Any = FULL
    for key in leaf:
        found = found[key]
    return found


OTHER = st.one_of(st.integers(0, 2**40), st.text(max_size=5), st.floats(0, 1e6), st.none(), st.booleans())


def test_every_entry_of_the_document_is_tried() -> None:
    assert {leaf[0] for leaf in LEAVES} | {"machine"} == set(RunIdentity.model_fields) == set(FULL)


@given(
    leaf=st.sampled_from(LEAVES), other=OTHER, digest=st.text("0123456789abcdef", min_size=64, max_size=64)
)
def test_any_changed_entry_is_refused(leaf: tuple[Any, ...], other: Any, digest: str) -> None:
    before = at(leaf)
    is_hash = isinstance(before, str) and len(before) == 64
    if leaf[0] in ("options", "config"):
        value = other
    else:
        value = digest if is_hash else f"{before}x" if isinstance(before, str) else before + 1
    if value == before and type(value) is type(before):
        return
    own, kept = identity(FULL), identity(changed(leaf, value))
    for one, two in ((own, kept), (kept, own)):
        with pytest.raises(ConfigError, match=rf"has another .*{leaf[0]}.*; resume with the same"):
            one.check(two, Path("out"), "unfinished run", "resume with the same")


@given(st.sampled_from(sorted(set(FULL) - {"machine", "kind", "task", "seed", "data"})))
def test_an_absent_entry_is_refused(name: str) -> None:
    kept = identity({key: value for key, value in FULL.items() if key != name})
    assert identity(FULL).differences(kept)


def test_the_same_run_is_taken_and_another_machine_is_said(caplog: pytest.LogCaptureFixture) -> None:
    own = identity(FULL)
    with caplog.at_level(logging.WARNING):
        own.check(identity(json.loads(json.dumps(own.to_json()))), Path("out"), "unfinished run", "-")
        assert caplog.messages == []
        other = identity(FULL | {"machine": {"threads": 4, "precision": "float32"}})
        own.check(other, Path("out"), "unfinished run", "-")
    assert len(caplog.messages) == 1
    assert "was made with threads 4, now 2" in caplog.messages[0]


def test_data_are_known_by_their_files_or_else_by_their_source() -> None:
    files = {"a.txt": "0" * 64}
    here = SimpleNamespace(source="/here", synthetic=False, hashes=files)
    moved = SimpleNamespace(source="/there", synthetic=False, hashes=files)
    more = SimpleNamespace(source="/here", synthetic=False, hashes=files | {"b.txt": "1" * 64})
    drawn = [SimpleNamespace(source=f"synthetic (seed {s})", synthetic=True, hashes={}) for s in (0, 1)]
    assert data_sha256(here) == data_sha256(moved)
    assert len({data_sha256(d) for d in (here, more, *drawn, "toy", "other")}) == 6
