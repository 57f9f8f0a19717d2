"""The tool that changes operators and numbers: which changes it makes, which tests it runs, and how it counts."""

from __future__ import annotations

import argparse
import ast
import importlib.util
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from netwright.core.results import read_rows

PATH = Path(__file__).parents[1] / "tools" / "mutation.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("mutation", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutation"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["mutation"]


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("a < b", "a <= b"),
        ("a == b", "a != b"),
        ("a in b", "a not in b"),
        ("a < b < c", "a <= b < c"),
        ("a + b", "a - b"),
        ("a * b", "a / b"),
        ("a // b", "a * b"),
        ("a and b", "a or b"),
        ("-a", "+a"),
        ("3", "4"),
        ("0.5", "1.5"),
        ("a if b else c", "not b"),
        ("True", None),
        ("'text'", None),
        ("f(a)", None),
    ],
)
def test_what_becomes_of_an_expression(tool, code, changed):
    node = ast.parse(code, mode="eval").body
    found = tool.changed(node)
    assert found == (f"not ({changed.removeprefix('not ')})" if "if" in code else changed)
    assert ast.unparse(node) == code, "the tree stays as it was"


SOURCE = '''"""A module with 3 numbers."""
from __future__ import annotations

LIMIT: int = 7


def first(x: "1 + 1", ä: int = 2) -> "2 * 2":
    if x > LIMIT:
        raise ValueError(f"{x + 1} above {LIMIT + 1}")
    note("more than %d" % (x - 1))
    return "ä" and x + ä
'''


@pytest.fixture
def module(tool, tmp_path, monkeypatch):
    monkeypatch.setattr(tool, "SOURCE", tmp_path)
    path = tmp_path / "wan" / "one.py"
    path.parent.mkdir()
    path.write_text(SOURCE)
    return path


def test_messages_and_annotations_are_left_as_they_are(tool, module):
    found = [(m.before, m.after) for m in tool.mutants(module)]
    assert found == [
        ("7", "(8)"),
        ("2", "(3)"),
        ("x > LIMIT", "(not (x > LIMIT))"),
        ("x > LIMIT", "(x >= LIMIT)"),
        ("'ä' and x + ä".replace("'", '"'), "('ä' or x + ä)"),
        ("x + ä", "(x - ä)"),
    ]


def test_a_mutant_changes_one_place_of_the_source(tool, module):
    source = module.read_bytes()
    for mutant in tool.mutants(module):
        changed = mutant.applied(source).decode()
        ast.parse(changed)
        assert changed != SOURCE
        assert len(changed) == len(SOURCE) + len(mutant.after) - len(mutant.before)
        assert str(mutant).startswith(f"wan/one.py:{mutant.line}: ")
        assert mutant.text == SOURCE.splitlines()[mutant.line - 1].strip()


def test_equivalent_mutants_are_known_by_their_line(tool, module, monkeypatch):
    first = tool.mutants(module)[0]
    assert first.equivalent is None
    monkeypatch.setitem(tool.EQUIVALENT, ("wan/one.py", "LIMIT: int = 7", "(8)"), "only a limit")
    assert first.equivalent == "only a limit"


@pytest.mark.parametrize(
    ("module", "included", "folder"),
    [
        ("tasks/cjs/sim.py", "tests/cjs/test_sim.py", "cjs"),
        ("tasks/abr/sim.py", "tests/abr/test_sim.py", "abr"),
        ("wan/frontier.py", "tests/wan/test_mcf.py", "wan"),
        ("wan/scenarios/nf/metrics.py", "tests/wan/test_nf.py", "wan"),
        ("solvers/blocks.py", "tests/solvers/test_blocks.py", "solvers"),
    ],
)
def test_tests_are_those_that_import_the_module(tool, module, included, folder):
    found = tool.tests_of(module, ())
    assert included in found
    assert {Path(path).parts[1] for path in found} == {folder}
    assert included not in tool.tests_of(module, (Path(included).name,))


def test_a_module_that_no_test_names_is_tested_by_its_folder(tool):
    every = sorted(str(p.relative_to(tool.ROOT)) for p in (tool.ROOT / "tests" / "wan").rglob("test_*.py"))
    assert tool.tests_of("wan/nothing_like_it.py", ()) == every


def test_a_meter_adds_up_the_time_of_each_file(tool, monkeypatch):
    clock = iter([0.0, 1.0, 3.0, 3.5])
    monkeypatch.setattr(tool, "processor_seconds", lambda: next(clock))
    meter = tool.Meter()
    for test in ("a.py::one", "a.py::two", "b.py::one"):
        meter.pytest_runtest_logfinish(test)
    assert meter.seconds == {"a.py": 3.0, "b.py": 0.5}


@pytest.fixture
def runner(tool, tmp_path):
    """A runner without its copy of the project; what it runs is given by the test."""
    made = object.__new__(tool.Runner)
    made.folder, made.without, made.seconds = tmp_path, (), {}
    return made


@pytest.mark.parametrize(
    ("work", "outcome"),
    [
        (lambda: os._exit(0), "PASSED"),
        (lambda: os._exit(1), "FAILED"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "FAILED"),
        (lambda: os.kill(os.getpid(), signal.SIGXCPU), "TIMED_OUT"),
    ],
)
def test_outcomes_of_a_child(tool, runner, monkeypatch, work, outcome):
    monkeypatch.setattr(runner, "_run", lambda tests, limit_s, compiled: work(), raising=False)
    assert runner.outcome([], 100.0) is tool.Outcome[outcome]


def test_a_child_that_waits_for_ever_is_ended(tool, runner, monkeypatch):
    def wait(tests, limit_s, compiled):
        os.setsid()
        time.sleep(60.0)

    monkeypatch.setattr(runner, "_run", wait, raising=False)
    assert runner.outcome([], 0.03) is tool.Outcome.TIMED_OUT


def test_the_limit_grows_with_the_time_of_the_tests_and_the_quickest_come_first(
    tool, runner, monkeypatch, module
):
    calls = []
    [mutant, *_] = tool.mutants(module)
    place = runner.folder / "src" / "netwright" / "wan"
    place.mkdir(parents=True)
    (place / "one.py").write_text(SOURCE)

    def outcome(tests, limit_s, *, compiled):
        calls.append((tests, limit_s, compiled, (place / "one.py").read_text()))
        return tool.Outcome.FAILED

    monkeypatch.setattr(tool, "tests_of", lambda module, without, root: ["slow.py", "quick.py"])
    monkeypatch.setattr(runner, "outcome", outcome, raising=False)
    runner.seconds = {"slow.py": 8.0, "quick.py": 2.0}
    assert runner.tried(mutant, 60.0) is tool.Outcome.FAILED
    [(tests, limit_s, compiled, seen)] = calls
    assert tests == ["quick.py", "slow.py"]
    assert limit_s == 60.0 + 3.0 * 10.0
    assert not compiled
    assert "LIMIT: int = (8)" in seen
    assert (place / "one.py").read_text() == SOURCE


def test_the_row_leaves_equivalent_survivors_out_and_counts_time_outs(
    tool, module, tmp_path, monkeypatch, capsys
):
    first, *others = tool.mutants(module)
    monkeypatch.setitem(tool.EQUIVALENT, ("wan/one.py", "LIMIT: int = 7", "(8)"), "only a limit")
    passed, failed, late = tool.Outcome.PASSED, tool.Outcome.FAILED, tool.Outcome.TIMED_OUT
    outcomes = [(first, passed), (others[0], failed), (others[1], late), (others[2], passed)]
    chosen = argparse.Namespace(package="wan", sample=4, seed=5, without=[], results=tmp_path)
    tool.write_summary(chosen, 6, outcomes)
    assert (
        "wan: 2 of 3 killed, 1 of them out of time (6 mutants in all; 1 equivalent" in capsys.readouterr().out
    )
    [row] = read_rows(tmp_path / "quality.jsonl")
    assert (row["value"], row["n"], row["timed_out"]) == (2 / 3, 3, 1)
    assert row["survivors"] == [str(others[2])]
    assert row["command"] == "python tools/mutation.py wan --sample 4 --seed 5"
