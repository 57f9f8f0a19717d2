"""A few hundred corrupt and hostile files through the readers; `benchmarks/hostile_files.py` runs thousands."""

from __future__ import annotations

import importlib.util
import random
import sys
import time
from pathlib import Path

import pytest

from netwright.core.array_files import read_table
from netwright.core.errors import NetwrightError
from netwright.core.files import read_json
from netwright.wan.importing.reading import read_graph

_PLACE = Path(__file__).parent.parent / "benchmarks" / "hostile_files.py"
_SPEC = importlib.util.spec_from_file_location("hostile_files", _PLACE)
assert _SPEC is not None
assert _SPEC.loader is not None
hostile = importlib.util.module_from_spec(_SPEC)
sys.modules["hostile_files"] = hostile
_SPEC.loader.exec_module(hostile)

N_CHANGES = 25
LONGEST_S = 10.0


def _targets(folder: Path) -> list:
    def file(name: str, content: bytes | str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    texts = {
        "a.graphml": hostile.GRAPHML,
        "a.gml": hostile.GML,
        "a.dot": hostile.DOT,
        "a.graph": hostile.REPETITA,
    }
    texts |= {
        "a.json": '{"links": [{"a": "x", "b": "y"}, {"a": "y", "b": "z"}]}',
        "a.txt": "a b 10\nb c 10\n",
    }
    networks = [hostile.Target(name, file(name, text), read_graph, "text") for name, text in texts.items()]
    document = hostile.Target(
        "document", file("d.json", '{"a": [1, 2.5, "x"], "b": null}'), read_json, "json"
    )
    return [*networks, document, *hostile._vp(file), *hostile._cjs(file)]


def _read(target) -> None:
    try:
        target.run(target.file)
    except NetwrightError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 2000


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", range(14))
def test_a_changed_file_is_read_or_refused_in_a_sentence(tmp_path, number):
    target = _targets(tmp_path)[number]
    content = target.file.read_bytes()
    began = time.monotonic()
    for case in range(N_CHANGES):
        if hostile.special(target, case) is None:
            _, changed = hostile.corrupt(content, target.kind, random.Random(case))
            target.file.write_bytes(changed)
        _read(target)
        hostile._restore(target, content)
    assert time.monotonic() - began < N_CHANGES * LONGEST_S


@pytest.mark.parametrize("special", range(4))
def test_what_is_no_file_is_refused(tmp_path, special):
    (tmp_path / "a").write_bytes(b"PAR1")
    target = hostile.Target(
        "pool", tmp_path / "a", lambda path: read_table(path, remedy="build it again"), "binary"
    )
    hostile.special(target, special)
    with pytest.raises(NetwrightError):
        target.run(target.file)
