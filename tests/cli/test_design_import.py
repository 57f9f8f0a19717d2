"""`netwright design import`: what it says, what it writes, and that the rest of `design` takes it."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from tests.wan import foreign


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    for name, text in foreign.SAMPLES.items():
        Path(name).write_text(text)


def test_what_was_read_ignored_and_assumed_is_said_once(cli):
    Path("net.csv").write_text("source,target,color,bw\nA,B,red,10G\nB,C,red,10G\nC,A,blue,2.5G\n")
    run = cli("design", "import", "net.csv", "--json")
    assert run.code == 0
    line, summary = run.err.splitlines()
    assert line == "net.csv: ignored on links: color; latency unknown on 3 links: 1 ms each"
    assert summary == (
        "imported net (edge list): 3 nodes, 3 links (undirected); capacity 2.5 to 10 Gbit/s; latency 1 ms"
    )
    found = run.document
    assert found["ignored"] == {"links": ["color"]}
    assert found["notes"] == ["ignored on links: color", "latency unknown on 3 links: 1 ms each"]
    assert (found["capacity_unit"], found["capacity_least"], found["directed"]) == ("Gbit/s", 2.5, False)


def test_what_is_dropped_is_listed(cli):
    Path("net.txt").write_text("a b 1\nb c 1\nc a 1\nc d 1\na b 2\nx y 1\n")
    words = ["--merge-parallel", "sum", "--drop-stubs", "--keep-largest-component"]
    run = cli("design", "import", "net.txt", *words, "--json")
    assert run.document["dropped"] == {"nodes": ["x", "y", "d"], "links": 3}
    assert run.document["capacity_most"] == 3.0
    assert "dropped 3 nodes and 3 links" in run.err


def test_ids_stay_and_demands_go_by_id_or_label(cli):
    nodes = [{"id": i, "label": label} for i, label in ((1, "Lyon"), (2, "Paris"), (3, "Nice"), (4, "Brest"))]
    pairs = [(1, 2), (2, 3), (3, 1), (3, 4)]
    links = [{"source": a, "target": b, "capacity": 10, "latency_ms": 1 + a} for a, b in pairs]
    Path("net.json").write_text(json.dumps({"nodes": nodes, "links": links}))
    assert cli("design", "import", "net.json", "--prepare", "--out", "own.json").code == 0
    written = json.loads(Path("own.json").read_text())
    assert [(n["id"], n["name"]) for n in written["nodes"]] == [("1", "Lyon"), ("2", "Paris"), ("3", "Nice")]
    Path("d.csv").write_text("source,target,volume\n1,Paris,40\nNice,1,40\n")
    words = ["--scenario", "mcf", "--topology", "own.json", "--demands", "d.csv", "--objectives", 10]
    run = cli("design", "pool", *words, "--json")
    assert (run.code, run.document["instance"]["n_flows"]) == (0, 2)
    Path("d.csv").write_text("source,target,volume\n0,Paris,40\n")
    run = cli("design", "pool", *words)
    assert run.code == 2
    assert "'0' is not a node" in run.err


def test_demands_of_the_file_are_written_beside(cli):
    run = cli("design", "import", "ring.txt", "--out", "ring-own.json", "--json")
    assert run.document["demands"] == {"file": "ring-own.demands.csv", "listed": 2}
    assert run.document["format"] == "SNDlib native"
    words = [
        "--scenario",
        "mcf",
        "--topology",
        "ring-own.json",
        "--demands",
        "ring-own.demands.csv",
        "--load",
        3,
    ]
    assert cli("design", "pool", *words, "--objectives", 10, "--json").document["instance"]["n_flows"] == 2


def test_demands_in_foreign_formats(cli):
    Path("ring.demands").write_text(foreign.REPETITA_DEMANDS)
    run = cli("design", "import", "ring.graph", "--demands", "ring.demands")
    assert run.code == 2
    assert "--latency-unit us" in run.err
    run = cli("design", "import", "ring.graph", "--latency-unit", "us", "--demands", "ring.demands", "--json")
    assert run.document["demands"]["listed"] == 2
    assert Path("topology.demands.csv").read_text().splitlines()[1] == '"0_A","2_C",3.5'
    assert run.document["directed"]


@pytest.mark.parametrize("suffix", ["csv", "graphml"])
def test_directed_networks_leave_and_come_back(cli, suffix):
    Path("net.txt").write_text("A B 10 1\nB A 4 1\nB C 10 2\nC A 10 3\n")
    assert cli("design", "import", "net.txt", "--out", "own.json").code == 0
    assert cli("design", "import", "own.json", "--out", f"out.{suffix}").code == 0
    assert cli("design", "import", f"out.{suffix}", "--out", "again.json").code == 0
    one, two = (json.loads(Path(name).read_text()) for name in ("own.json", "again.json"))
    assert sorted(map(str, one["links"])) == sorted(map(str, two["links"]))
    assert one["directed"]
    run = cli("design", "pool", "--scenario", "ospf", "--topology", "again.json", "--objectives", 5, "--json")
    assert run.document["instance"]["n_arcs"] == 6


def test_a_topology_that_is_not_imported_first_is_explained_too(cli):
    Path("net.txt").write_text("A B 10\nB C 10\nC A 5\n")
    run = cli("design", "pool", "--scenario", "mcf", "--topology", "net.txt", "--objectives", 5)
    assert run.code == 0
    assert "net.txt: capacities have no unit in the file" in run.err
    assert "latency unknown on 3 links: 1 ms each" in run.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--merge-parallel", "both"], "unknown way to merge parallel links"),
        (["--default-capacity", "much"], "--default-capacity: capacity must be a finite number"),
        (["--default-capacity", "-1"], "must be above 0"),
        (["--capacity-unit", "lanes"], "unknown capacity unit 'lanes'"),
        (["--latency-unit", "weeks"], "unknown unit 'weeks'"),
        (["--out", "own.svg"], "networks are written as .json, .csv, .graphml"),
        (["--demands", "d.pkl"], "never opened"),
    ],
)
def test_wrong_options_end_in_a_sentence(cli, words, message):
    run = cli("design", "import", "ring.json", *words)
    assert run.code == 2
    assert message in run.err
    assert not Path("topology.json").exists()


def test_demands_of_an_earlier_import_do_not_stay_beside_another_network(cli):
    Path("plain.txt").write_text("a b 1\nb c 1\nc a 1\n")
    Path("net.graph").write_text(
        "NODES 2\nlabel x y\nA 0 0\nB 1 1\n\nEDGES 2\nlabel src dest weight bw delay\n"
        "e0 0 1 1 1000 10\ne1 1 0 1 1000 10\n"
    )
    Path("net.demands").write_text("DEMANDS 1\nlabel src dest bw\nd0 0 1 100\n")
    assert (
        cli(
            "design",
            "import",
            "net.graph",
            "--demands",
            "net.demands",
            "--latency-unit",
            "ms",
            "--out",
            "t.json",
        ).code
        == 0
    )
    old = Path("t.demands.csv").read_bytes()
    run = cli("design", "import", "plain.txt", "--out", "t.json", "--json")
    assert run.code == 0, run.err
    assert not Path("t.demands.csv").exists()
    assert Path("t.demands.csv.old").read_bytes() == old
    assert any("belongs to an earlier import" in line for line in run.document["notes"])
    assert "t.demands.csv belongs to an earlier import" in run.err


def test_network_and_demands_appear_together_or_not_at_all(cli, monkeypatch):
    """The disk is full when the second file is flushed."""
    real, calls = os.fsync, []

    def full_at_second(handle):
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    Path("made").mkdir()
    monkeypatch.setattr(os, "fsync", full_at_second)
    run = cli("design", "import", "ring.xml", "--out", "made/net.json")
    assert run.code == 2
    assert "No space left on device" in run.err
    assert list(Path("made").iterdir()) == []
    assert cli("design", "import", "ring.xml", "--out", "made/net.json").code == 0
    assert {path.name for path in Path("made").iterdir()} == {"net.json", "net.demands.csv"}


def test_both_ways_of_reading_directions_are_refused(cli, tmp_path):
    (tmp_path / "a.csv").write_text("source,target\nA,B\nB,C\nC,A\n")
    run = cli("design", "import", tmp_path / "a.csv", "--directed", "--undirected")
    assert run.code == 2
    assert "--directed and --undirected exclude each other" in run.err
