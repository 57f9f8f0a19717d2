"""Golden episodes: the published ones, and made-up files through the whole command."""

import gzip
import json

import pytest

from netwright.cli.main import main
from netwright.tasks.cjs.golden import COLUMNS, FIELDS, verify

REAL = ("syn0", "syn2", "syn4", "tpch_small0", "tpch_small2", "tpch_mix0")
REAL += ("profile0", "profile2", "profile4", "native0", "native2")


@pytest.mark.parametrize("name", REAL)
def test_the_published_episodes(real, real_folder, name):
    found = verify(real_folder / "cjs" / "golden" / f"{name}.json.gz", real)
    assert found.passed, found.largest
    assert set(found.largest) == set(FIELDS)
    assert found.counts["episodes"] >= 4


UNKNOWN = {"arrival_ms": 0, "query": 99, "size": "1g"}


@pytest.fixture
def recorded(tmp_path):
    """One job of a stage of two tasks on one executor, worked by hand: 2 s moving, 3 s cold, 1 s warm."""

    def record(change=None):
        stage = {"num_tasks": 2, "rough_duration_ms": 2.0, "fresh_ms": [3e3, 9.0]}
        stage |= {"first_ms": [9.0, 9.0], "rest_ms": [9.0, 1e3]}
        episode = {
            "decisions": [[0.0, 0, 0, 1, 1, 1, -1, -1, -6000.0]],
            "completion_ms": [6000.0],
            "num_events": 4,
        }
        document = {
            "format": "cjs-golden-1",
            "kind": "table",
            "num_executors": 1,
            "moving_delay_ms": 2000.0,
            "jobs": [{"arrival_ms": 0.0, "edges": [], "stages": [stage]}],
            "decision_columns": list(COLUMNS),
            "results": {"netllm": {"by hand": episode}},
        }
        if change:
            change(document)
        path = tmp_path / "golden.json.gz"
        path.write_bytes(gzip.compress(json.dumps(document).encode()))
        return path

    return record


def _run(capsys, monkeypatch, *words):
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)
    code = main(["verify", "cjs", *map(str, words)])
    return code, capsys.readouterr()


def _episode(document):
    return document["results"]["netllm"]["by hand"]


def test_an_episode_by_hand(recorded, capsys, monkeypatch):
    code, shown = _run(capsys, monkeypatch, recorded())
    assert code == 0
    assert "equal to 1e-06" in shown.out


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("reward", lambda d: _episode(d)["decisions"][0].__setitem__(8, -5999.0)),
        ("num_committable", lambda d: _episode(d)["decisions"][0].__setitem__(5, 2)),
        ("completion_ms", lambda d: _episode(d).update(completion_ms=[6001.0])),
        ("num_events", lambda d: _episode(d).update(num_events=5)),
    ],
)
def test_verify_fails_above_the_tolerance(recorded, capsys, monkeypatch, field, change):
    code, shown = _run(capsys, monkeypatch, recorded(change), "--json")
    found = json.loads(shown.out)["files"][0]["largest_difference"]
    assert code == 1
    assert [name for name, value in found.items() if value] == [field]
    assert found[field] == pytest.approx(1.0)


def test_a_choice_that_cannot_be_made_fails(recorded, capsys, monkeypatch):
    def twice(document):
        _episode(document)["decisions"] *= 2

    code, shown = _run(capsys, monkeypatch, recorded(twice), "--json")
    assert code == 1
    assert json.loads(shown.out)["files"][0]["largest_difference"]["time_ms"] is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d.update(format="other"), "not of the format 'cjs-golden-1'"),
        (lambda d: d.update(decision_columns=[]), "columns of decisions"),
        (lambda d: d.pop("jobs"), "not a file of golden episodes"),
        (lambda d: d["jobs"][0].update(edges=[[0, 7]]), "an edge names a stage"),
        (lambda d: d.update(num_executors=0), "n_executors must be"),
        (lambda d: d.update(kind="profile", jobs=[UNKNOWN]), "unknown job profile"),
    ],
)
def test_a_broken_file_gives_one_sentence(recorded, capsys, monkeypatch, change, sentence):
    code, shown = _run(capsys, monkeypatch, recorded(change))
    assert code == 2
    assert sentence in shown.err


def test_another_file_is_refused(tmp_path, capsys, monkeypatch):
    path = tmp_path / "golden.json.gz"
    path.write_bytes(b"no gzip")
    code, shown = _run(capsys, monkeypatch, path)
    assert code == 2
    assert "not a gzipped file" in shown.err
