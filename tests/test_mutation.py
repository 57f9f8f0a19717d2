"""The tool that changes operators and numbers: which changes it makes, which tests it runs, and how it counts."""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
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
    made.folder, made.without, made.seconds, made.tested = tmp_path, (), {}, "tree"
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
    assert runner.outcome([], 100.0, runner.folder) is tool.Outcome[outcome]


def test_a_child_that_waits_for_ever_is_ended(tool, runner, monkeypatch):
    def wait(tests, limit_s, compiled):
        os.setsid()
        time.sleep(60.0)

    monkeypatch.setattr(runner, "_run", wait, raising=False)
    assert runner.outcome([], 0.03, runner.folder) is tool.Outcome.TIMED_OUT


def test_the_limit_grows_with_the_time_of_the_tests_and_the_quickest_come_first(
    tool, runner, monkeypatch, module
):
    calls = []
    [mutant, *_] = tool.mutants(module)
    place = runner.folder / "src" / "netwright" / "wan"
    place.mkdir(parents=True)
    (place / "one.py").write_text(SOURCE)
    written = (place / "one.py").stat().st_mtime_ns

    def outcome(tests, limit_s, compiled):
        calls.append((tests, limit_s, (place / "one.py").read_text()))
        return tool.Outcome.FAILED

    monkeypatch.setattr(tool, "tests_of", lambda module, without, root: ["slow.py", "quick.py"])
    monkeypatch.setattr(runner, "outcome", outcome, raising=False)
    runner.seconds = {"slow.py": 8.0, "quick.py": 2.0}
    assert runner.tried(mutant, 60.0) is tool.Outcome.FAILED
    [(tests, limit_s, seen)] = calls
    assert tests == ["quick.py", "slow.py"]
    assert limit_s == 60.0 + 3.0 * 10.0
    assert "LIMIT: int = (8)" in seen
    assert (place / "one.py").read_text() == SOURCE
    assert (place / "one.py").stat().st_mtime_ns == written


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_module_is_imported_directly_through_others_and_by_its_folder(tool, tmp_path):
    write(
        tmp_path,
        {
            "wan/low.py": "",
            "wan/middle.py": "from netwright.wan.low import value",
            "wan/high.py": "def f():\n    import netwright.wan.middle",
            "wan/by_folder.py": "from netwright.wan import low",
            "wan/other.py": "from netwright.wan.lower import value",
        },
    )
    expected = {"wan/low.py", "wan/middle.py", "wan/high.py", "wan/by_folder.py"}
    assert tool.importers("wan/low.py", tmp_path) == expected
    assert tool.importers("wan/high.py", tmp_path) == {"wan/high.py"}


def test_compiled_code_of_changed_modules_is_not_used(tool, runner, tmp_path):
    names = ("wan_1a/low.f-1.nbi", "wan_1a/low.f-1.1.nbc", "wan_1a/other.f-1.nbi", "tasks_2b/low.f-1.nbi")
    write(tmp_path / ".numba", dict.fromkeys(names, "code"))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    runner.link_compiled(scratch, {"wan/low.py"})
    found = {str(f.relative_to(scratch)) for f in scratch.rglob("*.nb*")}
    assert found == {"wan_1a/other.f-1.nbi", "tasks_2b/low.f-1.nbi"}


def test_the_baseline_measures_only_new_and_changed_test_files(tool, runner, tmp_path, monkeypatch):
    runs = []

    def outcome(tests, limit_s, compiled):
        runs.append((tests, limit_s, compiled.name))
        write(tmp_path, {tool.SECONDS: json.dumps(dict.fromkeys(tests, float(len(runs))))})
        return tool.Outcome.PASSED

    monkeypatch.setattr(runner, "outcome", outcome, raising=False)
    write(tmp_path, {tool.KNOWN: "{}", "a.py": "a", "b.py": "b"})
    assert runner.baseline(["a.py", "b.py"], 10.0)
    assert runner.baseline(["a.py", "b.py"], 10.0)
    write(tmp_path, {"b.py": "changed"})
    assert runner.baseline(["a.py", "b.py"], 10.0)
    assert runs == [(["a.py", "b.py"], 20.0, ".numba"), (["b.py"], 10.0, ".numba")]
    assert runner.seconds == {"a.py": 1.0, "b.py": 2.0}
    runner.tested = "another tree"
    assert runner.baseline(["a.py"], 10.0)
    assert len(runs) == 3


def test_tests_that_fail_without_a_mutant_are_no_baseline(tool, runner, tmp_path, monkeypatch):
    write(tmp_path, {tool.KNOWN: "{}", "a.py": "a"})
    monkeypatch.setattr(runner, "outcome", lambda *_: tool.Outcome.FAILED, raising=False)
    assert not runner.baseline(["a.py"], 10.0)
    assert (tmp_path / tool.KNOWN).read_text() == "{}"


def test_a_copy_replaces_only_an_earlier_copy(tool, runner, tmp_path, monkeypatch):
    project = tmp_path / "project"
    monkeypatch.setattr(tool, "ROOT", project)
    write(project, {"src/one.py": "1", "tests/test_one.py": "", ".git/config": ""})
    runner.folder = tmp_path / "scratch"
    runner.copy()
    write(runner.folder, {f"{tool.COMPILED}/code.nbi": "", "src/removed_since.py": "2"})
    (project / "tests/test_one.py").write_text("changed")
    (runner.folder / "src/removed_since.py").unlink()
    runner.copy()
    assert (runner.folder / "tests/test_one.py").read_text() == "changed"
    assert (runner.folder / tool.COMPILED / "code.nbi").exists(), "the package is as it was"
    assert not (runner.folder / ".git").exists()
    (project / "src/one.py").write_text("3")
    runner.copy()
    assert not (runner.folder / tool.COMPILED).exists()
    write(tmp_path, {"home/thesis.txt": "years of work"})
    runner.folder = tmp_path / "home"
    with pytest.raises(SystemExit, match="holds other files"):
        runner.copy()
    assert (runner.folder / "thesis.txt").exists()


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
