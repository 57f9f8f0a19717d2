"""Foreign bytes enter through the boundary alone: the rule itself, and that it sees what it must."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

CHECK = runpy.run_path(str(Path(__file__).parent.parent / "tools" / "check_boundary.py"))


def test_no_module_reads_past_the_boundary(capsys):
    assert CHECK["main"]() == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    "line",
    [
        "open(path)",
        "path.open()",
        "path.open('rb')",
        "gzip.open(path)",
        "path.read_text(encoding='utf-8')",
        "(folder / 'a').read_bytes()",
        "json.loads(text)",
        "json.load(stream)",
        "np.load(path)",
        "pq.read_table(path)",
        "load_file(path)",
        "safetensors.torch.load_file(path)",
        "torch.load(path)",
        "word.strip().isdigit()",
    ],
)
def test_a_raw_read_is_seen(line):
    assert len(CHECK["violations"](f"def f():\n    return {line}\n", "wan/a.py")) == 1


@pytest.mark.parametrize(
    "line",
    [
        "read_text(path)",
        "reading.read_bytes(path)",
        "path.open('w')",
        "path.open('ab' if continued else 'wb')",
        "log.open('a', encoding='utf-8')",
        "json.loads(json.dumps(value))",
        "registry.load('a')",
    ],
)
def test_what_writes_or_goes_through_the_boundary_is_not(line):
    assert CHECK["violations"](f"{line}\n", "wan/a.py") == []
