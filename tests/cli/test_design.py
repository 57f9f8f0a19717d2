"""`netwright design` from end to end: pools, simulated operators, dialogues, users' networks, and bad input."""

import csv
import dataclasses
import io
import json
import re
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from netwright.cli.design.ask import Conversation
from netwright.cli.main import main
from netwright.cli.output import interruptible
from netwright.core.errors import ConfigError
from netwright.synthesis.dialogue import Dialogue
from netwright.synthesis.setup import PoolProblem, Setup
from netwright.synthesis.store import FileStore
from netwright.synthesis.teachers import SimulatedTeacher, simulated_teacher
from netwright.synthesis.view import QuestionView
from netwright.wan import pools
from netwright.wan.details import Details
from netwright.wan.registry import scenario
from netwright.wan.scenarios.ospf import design as ospf
from netwright.wan.scenarios.ospf.search import SearchConfig
from netwright.wan.selection import Source
from tests.forked import Forked

RING = "a b 1 1\nb c 1 2\nc d 1 1\nd a 1 3\na c 2 5\n"


def shown_at_first(dialogue: Dialogue) -> int:
    """Where the first design of the question stands on the screen."""
    query = dialogue.ask()
    return QuestionView.of(dialogue, query, np.ones(len(dialogue.problem.group))).order.index(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("design")


@pytest.fixture(scope="module")
def ring(folder) -> Path:
    path = folder / "ring.txt"
    path.write_text(RING)
    return path


@pytest.fixture(scope="module")
def pool_file(folder) -> Path:
    """A small pool of MCF on Abilene."""
    path = folder / "mcf.parquet"
    pools.Builder().obtain(pools.spec_of("mcf", "abilene", n=120), path)
    return path


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def said(monkeypatch):
    """What the operator types."""

    def type_in(*lines: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))

    return type_in


def table(path: str) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    return list(csv.DictReader(Path(path).read_text().splitlines()))


def sentence(run) -> str:
    """The one sentence of a refused command."""
    assert run.code == 2, run.err
    last = run.err.strip().splitlines()[-1]
    assert last.startswith("netwright: ")
    assert "Traceback" not in run.err
    return last


def test_a_pool_is_built_once_and_kept(cli, tmp_path):
    words = ["design", "pool", "--scenario", "mcf", "--topology", "abilene", "--objectives", 50, "--json"]
    first, again = cli(*words), cli(*words)
    assert first.code == again.code == 0
    assert first.document == again.document
    assert first.document["objectives"] == 50
    assert Path(first.document["file"]).is_relative_to(tmp_path / "cache")
    assert "building the pool" in first.err
    assert "building the pool" not in again.err


def test_two_processes_build_the_same_pool(cli, ring):
    words = ["design", "pool", "--scenario", "bw", "--topology", ring, "--objectives", 120]
    assert cli(*words, "--out", "one.parquet").code == 0
    assert cli(*words, "--out", "two.parquet", "--workers", 2).code == 0
    one, two = (pools.read(Path(f"{name}.parquet")) for name in ("one", "two"))
    assert np.array_equal(one.scores, two.scores)
    assert np.array_equal(one.optimum, two.optimum)


def test_simulation_gives_percentiles_after_each_question(cli, pool_file):
    run = cli(
        *["design", "simulate", "--pool", pool_file, "--learner", "voting", "--teacher", "perfect"],
        *["--queries", 6, "--runs", 20, "--seed", 3, "--json"],
    )
    found = run.document
    assert (found["scenario"], found["topology"], found["learner"]) == ("mcf", "abilene", "voting")
    assert [len(found[key]) for key in ("median", "p10", "p90")] == [6, 6, 6]
    assert all(
        p10 <= m <= p90 for p10, m, p90 in zip(found["p10"], found["median"], found["p90"], strict=True)
    )
    assert found["median"][-1] > found["median"][0]
    assert found["seconds_per_query"] > 0.0
    assert found["config"]["seed"] == 3
    assert found["pool"]["held_out"] == 20


def test_simulation_repeats_with_its_seed(cli, pool_file):
    words = ["design", "simulate", "--pool", pool_file, "--queries", 2, "--runs", 10, "--teacher", "noisy:10"]
    first, again = (cli(*words, "--question", "pair", "--json").document for _ in range(2))
    assert first["median"] == again["median"]
    assert "quality after each question" in cli(*words, "--question", "pair").out


def test_a_dialogue_ends_in_files(cli, pool_file, said):
    said("a", "b", "ab", "c")
    run = cli(
        "design", "ask", "--pool", pool_file, "--queries", 4, "--question", "tick", "--out", "d", "--json"
    )
    found = run.document
    assert found["finished"]
    assert found["answers"] == 4
    assert "Question 4 of 4" in run.err
    assert "throughput (%), more is better" in run.err
    kept = json.loads(Path("d/design.json").read_text())
    result = found["result"]
    assert list(kept["metrics"]) == ["throughput (%)", "latency (ms)"]
    assert list(kept["metrics"].values()) == pytest.approx(result["metrics"], abs=1e-3)
    assert len(kept["exchanges"]) == 4
    assert "throughput" in kept["objective"]["text"]
    rows = table("d/tunnels.csv")
    served = sum(float(r["carried"]) for r in rows)
    volume = {(r["source"], r["target"], r["class"]): float(r["demand"]) for r in rows}
    assert 100.0 * served / sum(volume.values()) == pytest.approx(kept["metrics"]["throughput (%)"])
    links = table("d/links.csv")
    assert max(float(r["utilization"]) for r in links) <= 1.0 + 1e-6


def test_a_dialogue_that_was_left_continues_with_the_same_question(cli, pool_file, said):
    words = ["design", "ask", "--pool", pool_file, "--queries", 3, "--question", "pair"]
    said("a", "b", "a")
    whole = cli(*words, "--out", "whole", "--json")
    said("a", "q")
    left = cli(*words, "--out", "parts", "--json")
    assert (left.code, left.document["finished"]) == (0, False)
    assert left.document["answers"] == 1
    said("b")  # the lines end before the questions do
    cut = cli(*words, "--out", "parts")
    assert cut.code == 2
    assert "2 answers are kept in parts/dialogue.json" in cut.out
    assert "the input ended before the dialogue did; no design was written" in cut.err
    said("a")
    on = cli("design", "ask", "--pool", pool_file, "--out", "parts", "--json")
    assert "continuing the dialogue" in on.err
    assert on.document["result"]["exchanges"] == whole.document["result"]["exchanges"]
    assert on.document["result"]["design"] == whole.document["result"]["design"]


def test_an_undone_answer_is_asked_again(cli, pool_file, said):
    said("a", "u", "b", "s")
    found = cli("design", "ask", "--pool", pool_file, "--question", "pair", "--out", "d", "--json").document
    said("b", "s")
    other = cli("design", "ask", "--pool", pool_file, "--question", "pair", "--out", "e", "--json").document
    assert found["result"]["exchanges"] == other["result"]["exchanges"]


def test_what_is_no_answer_is_asked_again(cli, pool_file, said):
    said("nonsense", "u", "s", "d", "a", "s")
    run = cli("design", "ask", "--pool", pool_file, "--learner", "voting", "--out", "d", "--json")
    assert run.document["answers"] == 1
    assert "'nonsense' is not a valid answer" in run.err
    assert "no answer to undo yet" in run.err
    assert "nothing can be recommended before the first answer" in run.err


def test_a_contradiction_is_shown_and_the_dialogue_continues(folder, tmp_path, capsys):
    """An operator who likes whatever is new better than the best so far, and so goes round in a circle."""
    path = folder / "few.parquet"
    pool = pools.Builder().obtain(pools.spec_of("mcf", "abilene", n=6), path)
    source = Source(pool, path, pools.instance_of(pool))
    dialogue = Dialogue(PoolProblem(pool), Setup(learner="no-prune", n_queries=10))
    talk = Conversation(dialogue, source, Details(source, None), FileStore(tmp_path / "dialogue.json"))
    talk.hold(lambda: "ab"[shown_at_first(dialogue)])
    shown = capsys.readouterr().err
    assert re.search(r"note: answers \d(, \d)* and \d disagree; the dialogue continues", shown)
    said = str(dialogue.contradictions()[0])
    assert shown.index(said) < shown.rindex("Question ")
    assert said in dialogue.result().contradictions


def test_options_of_another_dialogue_are_refused(cli, pool_file, said):
    said("a", "q")
    cli("design", "ask", "--pool", pool_file, "--out", "d", "--queries", 5)
    said("a")
    assert "started with n_queries 5" in sentence(
        cli("design", "ask", "--pool", pool_file, "--out", "d", "--queries", 6)
    )


def test_changes_are_counted_from_the_design_in_use(cli, pool_file, said):
    said("a", "s")
    cli("design", "ask", "--pool", pool_file, "--out", "first")
    said("a", "s")
    words = ["design", "ask", "--pool", pool_file, "--today", "first/design.json"]
    cli(*words, "--out", "second")
    kept = json.loads(Path("second/design.json").read_text())
    assert kept["figures"]["changes from today"] == 0
    wrong_title = json.loads(json.dumps(kept["tables"]))
    wrong_title["links"][1] = {f"x{title}": cell for title, cell in wrong_title["links"][1].items()}
    missing = json.loads(json.dumps(kept["tables"]))
    missing["links"][0].popitem()
    for tables in ({"links": []}, wrong_title, missing):
        Path("bad.json").write_text(json.dumps({**kept, "tables": tables}))
        said("a")
        assert "contains no design of this network" in sentence(
            cli("design", "ask", "--pool", pool_file, "--today", "bad.json", "--out", "third")
        )


def test_ctrl_c_keeps_the_dialogue(pool_file, tmp_path):
    out = tmp_path / "d"
    words = ["design", "ask", "--pool", str(pool_file), "--out", str(out), "--question", "pair"]
    running = Forked(lambda: main(words))
    running.type_in("a")
    kept = out / "dialogue.json"
    deadline = time.monotonic() + 60.0
    while not (kept.exists() and json.loads(kept.read_text())["exchanges"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate()
    running.close()
    assert running.returncode == 130
    assert f"the dialogue is kept in {kept}" in err
    assert len(json.loads(kept.read_text())["exchanges"]) == 1


def test_ctrl_c_that_a_library_swallows_ends_the_dialogue(cli, pool_file, monkeypatch):
    """An exception in a callback from C is printed and forgotten; the operator's wish to stop is not."""

    class Swallowing(io.StringIO):
        def readline(self, *_: object) -> str:
            with suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            return ""

    monkeypatch.setattr("sys.stdin", Swallowing())
    run = cli("design", "ask", "--pool", pool_file, "--question", "pair", "--out", "d")
    assert run.code == 130
    assert "the dialogue is kept in" in run.err


def test_a_process_that_ignores_ctrl_c_still_does():
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible("continue."):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, previous)


def test_weights_of_a_users_own_network(cli, ring, said, monkeypatch):
    """OSPF on a file of five links: the exported weights have the metrics that were shown."""
    monkeypatch.setattr(ospf, "search_config", lambda net, _=0: SearchConfig(n_walks=16, n_steps=200))
    said("a", "b", "s")
    words = ["--scenario", "ospf", "--topology", ring, "--objectives", 60]
    run = cli("design", "ask", *words, "--question", "pair", "--out", "d", "--json")
    assert run.document["finished"]
    rows = table("d/links.csv")
    assert len(rows) == 10
    assert all(int(row["weight"]) >= 1 for row in rows)
    fullest = max(float(row["utilization"]) for row in rows)
    assert 100.0 * fullest == pytest.approx(run.document["result"]["metrics"][0], abs=1e-4)


def test_demands_of_ones_own(cli, ring):
    Path("demands.csv").write_text("source,target,volume\na,c,3\nb,d,2\n")
    found = cli(
        *["design", "pool", "--scenario", "mcf", "--topology", ring, "--demands", "demands.csv"],
        *["--objectives", 20, "--json"],
    ).document
    assert (found["instance"]["n_flows"], found["instance"]["load"]) == (2, 0.0)


def test_the_load_is_always_said_and_a_slip_of_the_unit_warned_of(cli, ring):
    """a to c by b over links of 1: 3 is 300 %; the same in a unit of 10^9 is next to nothing."""
    words = ["design", "pool", "--scenario", "mcf", "--topology", ring, "--objectives", 5]
    for volume, percent, warned in (
        ("3", "300 %", False),
        ("3e-9", "3e-07 %", True),
        ("3e9", "300000000000 %", True),
    ):
        Path("d.csv").write_text(f"source,target,volume\na,c,{volume}\n")
        run = cli(*words, "--demands", "d.csv", "--json")
        assert f"fullest link on shortest paths {percent} (a -> b)" in run.err, run.err
        assert run.document["load"]["fullest_link"] == "a -> b"
        notes = " ".join(run.document.get("notes", ()))
        assert ("in the same unit" in notes) == warned
        assert ("in the same unit" in run.err) == warned


def test_classes_of_the_demand_file_are_kept_by_default(cli, ring):
    Path("demands.csv").write_text("Source;Target;Traffic;Class\na;c;3;1\nb;d;2;2\nd;b;2;2\nb;a;0;5\n")
    words = ["--scenario", "bw", "--topology", ring, "--demands", "demands.csv", "--json"]
    found = cli("design", "pool", *words, "--objectives", 5).document
    assert found["metrics"] == ["class 1 (ln)", "class 2 (ln)"]
    assert any("omitted the class without a positive demand" in line for line in found["notes"])
    solved = cli(
        "design", "solve", *words, *parameter_words({"weight-of-class-1": 0.5, "weight-of-class-2": 0.5})
    )
    assert solved.code == 0, solved.err
    assert {row["class"] for row in table("netwright-design/tunnels.csv")} == {"1", "2"}


def test_flows_tunnels_and_classes_of_ones_own(cli):
    words = ["design", "pool", "--scenario", "bw", "--topology", "abilene", "--objectives", 5]
    found = cli(*words, "--flows", 12, "--tunnels", "k2", "--classes", 3, "--json").document
    assert (found["instance"]["n_flows"], found["instance"]["n_tunnels"]) == (12, 24)
    assert found["metrics"] == ["class 1 (ln)", "class 2 (ln)", "class 3 (ln)"]


def test_classes_of_the_demand_file_are_kept(cli, ring):
    Path("demands.csv").write_text("source,target,volume,class\na,c,3,0\nb,d,2,1\nd,b,2,1\n")
    words = ["design", "pool", "--scenario", "bw", "--topology", ring, "--demands", "demands.csv", "--json"]
    found = cli(*words, "--classes", 0, "--objectives", 5).document
    assert found["metrics"] == ["class 1 (ln)", "class 2 (ln)"]
    assert found["instance"]["n_classes"] == 0


def test_failures_of_ones_own_are_planned_for(cli):
    """Two links at once take more of what is guaranteed than none at all."""
    guaranteed = {}
    for name, failures in {
        "none": "[]",
        "two": '[[["Seattle", "Sunnyvale"], ["Denver", "Seattle"]]]',
    }.items():
        Path(f"{name}.json").write_text(failures)
        parameters = [
            f"--parameter=weight-of-group-{g}-{k}=0.25" for g in (1, 2) for k in ("normal", "worst-failure")
        ]
        words = ["--scenario", "nf", "--topology", "abilene", "--failures", f"{name}.json", "--out", name]
        run = cli("design", "solve", *words, *parameters, "--json")
        assert run.code == 0, run.err
        metrics = run.document["metrics"]
        guaranteed[name] = sum(v for k, v in metrics.items() if "worst failure" in k)
        assert run.document["instance"]["failures"].endswith(f"{name}.json")
    assert guaranteed["two"] < guaranteed["none"]
    Path("bad.json").write_text('[[["Seattle", "Atlantis"]]]')
    words = ["--scenario", "nf", "--topology", "abilene", "--failures", "bad.json"]
    assert "names the link Seattle - Atlantis" in sentence(cli("design", "pool", *words))


MCF_PARAMETERS = {
    "latency-weight": 0.4,
    "throughput-discount": 0.5,
    "latency-surcharge": 1.0,
    "throughput-threshold": 0.8,
    "latency-threshold": 0.6,
}


def parameter_words(parameters) -> list[str]:
    """Options of `design solve`."""
    return [f"--parameter={name}={value}" for name, value in parameters.items()]


def test_a_known_objective_is_solved_for(cli, pool_file):
    """The design beats every design of a pool for the same objective, and is taken as the one in use."""
    words = [
        "design",
        "solve",
        "--scenario",
        "mcf",
        "--topology",
        "abilene",
        *parameter_words(MCF_PARAMETERS),
    ]
    found = cli(*words, "--out", "best", "--json").document
    pool = pools.read(pool_file)
    parameters = np.array([list(MCF_PARAMETERS.values())])
    own = np.array([[found["metrics"]["throughput (%)"], -found["metrics"]["latency (ms)"]]])
    assert pool.family.values(parameters, own)[0, 0] >= pool.values(parameters).max() - 1e-6
    assert found["objective"]["parameters"]["latency weight"] == 0.4
    again = cli(
        "design", "solve", "--pool", pool_file, *parameter_words(MCF_PARAMETERS), "--out", "pool", "--json"
    )
    assert again.document["metrics"] == pytest.approx(found["metrics"], abs=1e-4)
    same = cli(*words, "--out", "same", "--today", "best/design.json", "--json").document
    assert same["figures"]["changes from today"] == 0
    assert "best exists already; choose another --out" in sentence(cli(*words, "--out", "best"))
    assert len(table("best/tunnels.csv")) == 440


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"latency-weight": 1.5}, "mcf parameter latency weight must lie in 0 to 1.2, got 1.5"),
        ({"latency-weight": "much"}, "takes NAME=VALUE with a number, got 'latency-weight=much'"),
        ({"latency-weight": "nan"}, "must be a finite number"),
        ({"latency-wait": 1}, "did you mean 'latency-weight'"),
        ({"latency weight": 0.4}, "is given twice"),
        ({"latency-weight": None}, "give --parameter NAME=VALUE for latency-weight in 0 to 1.2."),
    ],
)
def test_infeasible_parameters_are_refused_in_a_sentence(cli, pool_file, changed, message):
    parameters = {name: value for name, value in (MCF_PARAMETERS | changed).items() if value is not None}
    assert message in sentence(cli("design", "solve", "--pool", pool_file, *parameter_words(parameters)))
    assert not Path("netwright-design").exists()


def test_weights_that_do_not_sum_to_one_are_refused(cli):
    parameters = {f"weight-of-class-{k}": 0.5 for k in (1, 2, 3, 4)}
    words = ["--scenario", "bw", "--topology", "abilene"]
    assert "the weights of bw must sum to 1, got 2" in sentence(
        cli("design", "solve", *words, *parameter_words(parameters))
    )


@pytest.mark.parametrize(
    ("network", "demands", "words"),
    [
        ("a b 1\nc d 1\n", None, "is disconnected"),
        ("a b 1\nb c -2\nc a 1\n", None, "line 2 (b to c): capacity must be above 0, got -2; correct it."),
        ("a b 1\nb c 1\nc a 1\n", "source,target,volume\na,z,1\n", "'z' is not a node"),
        ("a b 1\nb c 1\nc a 1\n", "source,target,volume\na,b,-1\n", "nonnegative volume"),
        ("a b 1\nb c 1\nb c 1\n", None, "given already at line 2"),
        ("a a 1\n", None, "a link from a node to itself"),
    ],
)
def test_networks_and_demands_that_cannot_be(cli, network, demands, words):
    Path("net.txt").write_text(network)
    more = []
    if demands is not None:
        Path("demands.csv").write_text(demands)
        more = ["--demands", "demands.csv"]
    run = cli("design", "pool", "--scenario", "mcf", "--topology", "net.txt", *more, "--objectives", 10)
    assert words in sentence(run)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["simulate", "--scenario", "mcf"], "give --scenario and --topology"),
        (["simulate", "--scenario", "mfc", "--topology", "b4"], "did you mean 'mcf'"),
        (["pool", "--scenario", "mcf", "--topology", "abiline"], "did you mean 'abilene'"),
        (["pool", "--scenario", "mcf", "--topology", "tinet"], "is not packaged"),
        (["pool", "--scenario", "mcf", "--topology", "absent.json"], "no such file"),
        (["pool", "--scenario", "ospf", "--topology", "b4"], "all links of B4 have the same latency"),
        (["pool", "--scenario", "mcf", "--topology", "b4", "--load", "-1"], "load must be above 0"),
        (["pool", "--scenario", "mcf", "--topology", "b4", "--objectives", "0"], "at least one objective"),
        (
            ["pool", "--scenario", "mcf", "--topology", "b4", "--tunnels", "four"],
            "unknown tunnel rule 'four'",
        ),
        (["pool", "--scenario", "nf", "--topology", "b4", "--failures", "absent.json"], "absent.json"),
        (["pool", "--scenario", "bw", "--topology", "b4", "--classes", "999"], "cannot form 999"),
        (
            [
                "pool",
                "--scenario",
                "nf",
                "--topology",
                "b4",
                "--flows",
                "1",
                "--classes",
                "1",
                "--tunnels",
                "k70",
            ],
            "a flow has 70 tunnels, but failures are supported for at most 62",
        ),
        (
            ["simulate", "--scenario", "mcf", "--topology", "b4", "--teacher", "kind"],
            "a simulated teacher is perfect",
        ),
        (["ask", "--pool", "absent.parquet"], "no such pool"),
    ],
)
def test_wrong_words_are_refused_in_a_sentence(cli, words, message):
    assert message in sentence(cli("design", *words))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["simulate", "--learner", "vote"], "did you mean"),
        (["simulate", "--question", "tripel"], "did you mean 'triple'"),
        (["simulate", "--runs", "120"], "1 to 119 can be held out"),
        (["simulate", "--truths", "maximum"], "unknown kind of truth"),
        (["ask", "--scenario", "mcf"], "--pool already determines"),
        (["simulate", "--flows", "9", "--tunnels", "k2"], "--pool already determines --flows, --tunnels"),
        (["ask", "--learner", "vote"], "did you mean"),
        (["ask", "--learner", "voting", "--question", "triple"], "cannot be told to ask 'triple'"),
        (["simulate", "--learner", "voting", "--question", "triple"], "cannot be told to ask 'triple'"),
    ],
)
def test_wrong_words_about_a_pool_are_refused_in_a_sentence(cli, pool_file, words, message):
    command, *rest = words
    assert message in sentence(cli("design", command, "--pool", pool_file, *rest))


def test_a_folder_of_other_files_is_not_written_into(cli, pool_file):
    Path("full").mkdir()
    Path("full/thesis.tex").write_text("x")
    assert "contains other files" in sentence(cli("design", "ask", "--pool", pool_file, "--out", "full"))


def test_a_network_is_imported(cli, ring):
    Path("net.txt").write_text(RING + "d e 1 1\na b 9 9\n")
    assert "given already at line 1" in sentence(cli("design", "import", "net.txt"))
    found = cli("design", "import", "net.txt", "--prepare", "--out", "net.json", "--json").document
    assert (found["nodes"], found["links"]) == (4, 5)
    same = cli("design", "import", ring, "--out", "ring.json")
    assert same.code == 0
    one, two = (json.loads(Path(name).read_text()) for name in ("net.json", "ring.json"))
    assert one["links"] == two["links"]


@pytest.mark.parametrize("command", ["pool", "simulate", "ask", "solve", "import"])
def test_each_command_has_help(cli, command):
    run = cli("design", command, "--help")
    assert run.code == 0
    assert "--json" in run.out


def test_teachers_by_their_words():
    assert simulated_teacher("perfect") == SimulatedTeacher()
    assert simulated_teacher("noisy:20") == SimulatedTeacher(noise_percent=20.0)
    assert simulated_teacher("jnd:5") == SimulatedTeacher(jnd_percent=5.0)
    for wrong in ("noisy", "noisy:x", "noisy:-1", "perfect:3", "noisy:101", "jnd:nan"):
        with pytest.raises(ConfigError, match="teacher is perfect, noisy:P or jnd:P"):
            simulated_teacher(wrong)


def test_a_cache_that_cannot_be_written_is_found_before_the_pool_is_built(cli, monkeypatch):
    monkeypatch.setenv("NETWRIGHT_CACHE", "/dev/null/x")
    run = cli("design", "pool", "--scenario", "mcf", "--topology", "abilene")
    assert "set the variable NETWRIGHT_CACHE" in sentence(run)
    assert "building the pool" not in run.err


TUTORIAL = Path(__file__).parents[2] / "docs" / "design-tutorial.md"


def test_the_tutorials_pipe_ends_in_a_design(cli, monkeypatch):
    """Section 3, with the pool of section 2."""
    text = TUTORIAL.read_text()
    [pool] = re.findall(r"^netwright (design pool --scenario mcf --topology abilene .*)$", text, re.MULTILINE)
    [(lines, ask)] = re.findall(r"^printf '([^']*)' \| netwright (design ask .*)$", text, re.MULTILINE)
    assert cli(*pool.split()).code == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines.replace("\\n", "\n")))
    run = cli(*ask.split())
    assert run.code == 0, run.err
    assert "is not a valid answer" not in run.err
    assert {path.name for path in Path("my-design").iterdir()} == {
        "tunnels.csv",
        "links.csv",
        "map.svg",
        "design.json",
        "dialogue.json",
    }


def test_one_answer_is_one_answer(cli, pool_file, said):
    said("a", "q")
    assert (
        "1 answer is kept in d/dialogue.json" in cli("design", "ask", "--pool", pool_file, "--out", "d").out
    )
    said("q")
    assert "continuing the dialogue of d/dialogue.json: 1 answer\n" in (
        cli("design", "ask", "--pool", pool_file, "--out", "d").err
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"latency-weight": 1.5}, "must lie in 0 to 1.2"), ({"latency-wait": 1}, "did you mean")],
)
def test_parameters_are_checked_before_the_frontier_is_computed(cli, monkeypatch, changed, message):
    known = scenario("mcf")
    never = dataclasses.replace(known, reference=lambda *a: pytest.fail("the frontier was computed"))
    monkeypatch.setattr("netwright.cli.design.solve.scenario_named", lambda name: never)
    words = ["--scenario", "mcf", "--topology", "abilene", *parameter_words(MCF_PARAMETERS | changed)]
    assert message in sentence(cli("design", "solve", *words))
