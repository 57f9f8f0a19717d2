"""The dialogue on disk: private, one terminal at a time, and no answer lost to a kill."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import pytest

from netwright.cli.main import main
from netwright.wan import pools
from tests.forked import Forked


@pytest.fixture(scope="module")
def pool_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("dialogue") / "mcf.parquet"
    pools.Builder().obtain(pools.spec_of("mcf", "abilene", n=120), path)
    return path


@pytest.fixture
def terminal(pool_file, tmp_path):
    """Opens further terminals on one dialogue; all are closed at the end."""
    opened: list[Forked] = []

    def open_one(*words: str) -> Forked:
        command = ["design", "ask", "--pool", str(pool_file), "--out", str(tmp_path / "d"), *words]
        opened.append(Forked(lambda: main(command)))
        return opened[-1]

    yield open_one
    for process in opened:
        process.close()


def answers(folder: Path) -> int:
    return len(json.loads((folder / "dialogue.json").read_text())["exchanges"])


def test_a_second_terminal_is_refused_and_no_answer_is_lost(terminal, tmp_path):
    first = terminal("--question", "pair")
    first.read_until("Question 1 of")
    first.type_in("a")
    first.read_until("Question 2 of")
    second = terminal()
    out, err = second.communicate("a\na\ns\n")
    assert second.returncode == 2
    assert not out
    assert f"in use by process {first.pid} on " in err
    assert "continue there, or give another --out" in err
    first.type_in("b")
    first.read_until("Question 3 of")
    assert answers(tmp_path / "d") == 2
    first.type_in("q")
    assert first.wait() == 0
    third = terminal()
    third.communicate("a\nq\n")
    assert third.returncode == 0
    assert answers(tmp_path / "d") == 3


def test_a_kill_between_answers_loses_none(terminal, tmp_path):
    """When the next question is shown, the answer before it is on the disk."""
    for given in range(4):
        process = terminal("--question", "pair")
        process.read_until(f"Question {given + 1} of")
        process.type_in("ab"[given % 2])
        process.read_until(f"Question {given + 2} of")
        process.kill()
        assert answers(tmp_path / "d") == given + 1


def test_a_kill_at_any_moment_leaves_a_dialogue_that_continues(terminal, tmp_path):
    seen = 0
    for delay_s in (0.0, 0.002, 0.005, 0.01, 0.02):
        process = terminal("--queries", "60", "--learner", "voting")
        process.read_until(f"Question {seen + 1} of")
        process.type_in("a\nb\na\nb")
        time.sleep(delay_s)
        process.kill()
        found = answers(tmp_path / "d")
        assert seen <= found <= seen + 4
        seen = found
    last = terminal()
    last.communicate("a\nq\n")
    assert last.returncode == 0
    assert answers(tmp_path / "d") == seen + 1


def test_the_answer_is_flushed_before_the_next_question(cli, pool_file, monkeypatch, tmp_path):
    """A file is on the disk, not in a cache, when the next line is read."""
    import io
    import os

    from netwright.synthesis import store as module

    events: list[str] = []
    real_sync, real_json = os.fsync, module.write_json

    class Operator(io.StringIO):
        def readline(self, *args: object) -> str:
            events.append("question")
            return super().readline()

    monkeypatch.setattr(os, "fsync", lambda handle: (events.append("fsync"), real_sync(handle))[1])
    monkeypatch.setattr(module, "write_json", lambda *a, **k: (events.append("save"), real_json(*a, **k))[1])
    monkeypatch.setattr("sys.stdin", Operator("a\nb\nq\n"))
    assert cli("design", "ask", "--pool", pool_file, "--question", "pair", "--out", tmp_path / "d").code == 0
    between = "".join(event[0] for event in events).split("q")[1:-1]
    assert len(between) == 2
    assert all(words.startswith("sf") for words in between)


def test_a_dialogue_and_its_design_are_private(cli, pool_file, monkeypatch, tmp_path):
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("a\nb\ns\n"))
    run = cli("design", "ask", "--pool", pool_file, "--question", "pair", "--out", tmp_path / "d", "--json")
    assert run.code == 0, run.err
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "d").iterdir()}
    assert set(modes) == {"dialogue.json", "design.json", "tunnels.csv", "links.csv", "map.svg"}
    assert set(modes.values()) == {0o600}


RING = "a b 10 1\nb c 10 2\nc d 10 1\nd a 10 3\na c 10 5\n"
FITTING = "source,target,volume,class\na,c,0.4,1\nb,d,0.3,2\n"


@pytest.mark.parametrize("scenario", ["mcf", "bw", "nf", "ospf"])
def test_where_everything_fits_there_is_nothing_to_decide(cli, scenario, monkeypatch, tmp_path):
    """On its shortest path each flow has a link of 10 to itself or shares one with 0.3: nothing is in the way."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "cache"))
    Path("ring.txt").write_text(RING)
    Path("d.csv").write_text(FITTING)
    words = [
        "design",
        "ask",
        "--scenario",
        scenario,
        "--topology",
        "ring.txt",
        "--demands",
        "d.csv",
        "--objectives",
        40,
    ]
    for _ in range(2):
        run = cli(*words, "--out", "d", "--json")
        assert run.code == 0, run.err
        assert "there is nothing to decide: all " in run.err
        assert "Question" not in run.err
        assert run.document["end"] == "there is nothing to decide"
    metrics = json.loads(Path("d/design.json").read_text())["metrics"]
    if scenario == "mcf":
        assert metrics["throughput (%)"] == pytest.approx(100.0)
        assert metrics["latency (ms)"] == pytest.approx((0.4 * 3 + 0.3 * 3) / 0.7)


def test_where_everything_fits_all_of_it_is_carried_though_the_pool_holds_no_such_design(
    cli, monkeypatch, tmp_path
):
    """Six random objectives have optima that carry less than all; the shortest paths have room for all."""
    monkeypatch.chdir(tmp_path)
    Path("net.txt").write_text("a b 10\nb c 10\nc d 10\nd a 10\na c 5\n")
    Path("d.csv").write_text("source,target,volume\na,c,3\nb,d,4\nd,b,2\n")
    words = ["--scenario", "mcf", "--topology", "net.txt", "--demands", "d.csv", "--objectives", 6]
    run = cli("design", "pool", *words, "--out", "p.parquet")
    assert run.code == 0, run.err
    run = cli("design", "ask", "--pool", "p.parquet", "--out", "d", "--json")
    assert run.code == 0, run.err
    design = json.loads(Path("d/design.json").read_text())
    assert design["design"] is None
    assert design["metrics"]["throughput (%)"] == pytest.approx(100.0)
    assert design["metrics"]["latency (ms)"] == pytest.approx((3 * 1 + 4 * 2 + 2 * 2) / 9)


def test_a_changed_answer_is_refused_with_the_file(cli, pool_file, monkeypatch, tmp_path):
    import io

    words = ["design", "ask", "--pool", pool_file, "--question", "pair", "--out", tmp_path / "d"]
    monkeypatch.setattr("sys.stdin", io.StringIO("a\nq\n"))
    assert cli(*words).code == 0
    file = tmp_path / "d" / "dialogue.json"
    document = json.loads(file.read_text())
    document["exchanges"][0]["answer"]["best"] = [1 - document["exchanges"][0]["answer"]["best"][0]]
    file.write_text(json.dumps(document))
    run = cli(*words)
    assert run.code == 2
    assert "dialogue.json: not a saved dialogue as it was written, its SHA-256 differs" in run.err


MCF_PARAMETERS = [
    "--parameter=latency-weight=0.4",
    "--parameter=throughput-discount=0.5",
    "--parameter=latency-surcharge=1",
    "--parameter=throughput-threshold=0.8",
    "--parameter=latency-threshold=0.6",
]


def test_mcf_says_that_it_needs_latencies(cli, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "cache"))
    Path("zero.txt").write_text("A B 10 0\nB C 10 0\nC A 10 0\n")
    for command in ("solve", "pool", "ask"):
        words = MCF_PARAMETERS if command == "solve" else []
        run = cli("design", command, "--scenario", "mcf", "--topology", "zero.txt", *words)
        assert run.code == 2
        assert "latency 0; give latencies (or lengths) in the topology's file" in run.err
        assert not list(tmp_path.glob("**/*.parquet"))
