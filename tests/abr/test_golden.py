"""Golden transitions: the published ones to 1e-9, and a made-up file through the whole command."""

import json
import re

import numpy as np
import pytest

from netwright.cli.main import main
from netwright.core import registry
from netwright.tasks.abr.batch import Sessions, Starts
from netwright.tasks.abr.golden import COLUMNS, TOLERANCE, verify


def test_the_published_transitions(real, real_folder):
    found = verify(real_folder / "abr" / "golden" / "transitions.jsonl", real)
    assert TOLERANCE == 1e-9
    assert found.passed, found.largest
    assert found.counts["sessions"] >= 23
    assert set(found.largest) == set(COLUMNS)


@pytest.fixture
def recorded(generated, tmp_path):
    """A golden file recorded from the batched simulator, which shares no code with the replay."""

    def record(change=None):
        video, trace = generated.video("video1"), generated.sets["fcc-test"][3]
        sessions = Sessions(
            [trace], [video], Starts(trace_of=[0], video_of=[0], start_rows=[7]), first_level=None
        )
        rows = []
        for chunk, level in enumerate(np.random.default_rng(0).integers(0, 6, 48)):
            seen = sessions.step(np.array([level]))
            following = (chunk + 1) % 48
            rows.append(
                [
                    int(level),
                    *(float(getattr(seen, name)[0]) for name in COLUMNS[1:5]),
                    int(seen.chunk_bytes[0]),
                    int(chunk == 47),
                    video.sizes_bytes[:, following].tolist(),
                    float(47 - chunk),
                ]
            )
        session = {"trace_set": "netllm-fcc-test", "trace": trace.name, "video": "video1", "start_ptr": 7}
        session |= {"noise": False, "rows": rows}
        if change:
            change(session)
        path = tmp_path / "golden.jsonl"
        path.write_text(json.dumps({"columns": list(COLUMNS)}) + "\n" + json.dumps(session) + "\n")
        return path

    return record


def _run(capsys, monkeypatch, *words):
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)
    code = main(["verify", "abr", *map(str, words)])
    return code, capsys.readouterr()


def test_verify_prints_the_largest_difference_of_each_field(recorded, capsys, monkeypatch):
    code, shown = _run(capsys, monkeypatch, recorded())
    assert code == 0
    assert "delay_ms" in shown.out
    assert "equal to 1e-09" in shown.out


def test_verify_fails_above_the_tolerance(recorded, capsys, monkeypatch):
    def disturb(session):
        session["rows"][5][1] += 1e-6

    code, shown = _run(capsys, monkeypatch, recorded(disturb), "--json")
    document = json.loads(shown.out)
    assert code == 1
    assert document["passed"] is False
    assert document["files"][0]["largest_difference"]["delay_ms"] == pytest.approx(1e-6, rel=1e-3)
    assert document["files"][0]["largest_difference"]["buffer_s"] < 1e-9


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: s.update(trace="no-such"), "golden.jsonl:2: there is no trace 'no-such'"),
        (lambda s: s.update(video="video9"), "unknown video 'video9'"),
        (lambda s: s.pop("rows"), "golden.jsonl:2: not a session"),
        (lambda s: s["rows"][0].pop(), "golden.jsonl:2: not a session"),
        (lambda s: s["rows"][0].__setitem__(0, 9), r"has rungs 0\.\.5, got 9"),
        (lambda s: s.update(start_ptr=10_000), "a session starts at row"),
    ],
)
def test_a_broken_file_gives_one_sentence(recorded, capsys, monkeypatch, change, sentence):
    code, shown = _run(capsys, monkeypatch, recorded(change))
    assert code == 2
    assert re.search(sentence, shown.err)
    assert shown.err.strip().splitlines()[-1].startswith("netwright: ")


@pytest.mark.parametrize("text", ["", "{}\n", "[]\n", "x\n"])
def test_another_file_is_refused(tmp_path, capsys, monkeypatch, text):
    path = tmp_path / "other.jsonl"
    path.write_text(text)
    code, shown = _run(capsys, monkeypatch, path)
    assert code == 2
    assert "other.jsonl" in shown.err


def test_the_folder_of_a_golden_file_is_found(real_folder, capsys, monkeypatch):
    code, shown = _run(capsys, monkeypatch, real_folder / "abr" / "golden" / "transitions.jsonl", "--json")
    assert code == 0
    assert json.loads(shown.out)["files"][0]["rows"] >= 1104


def test_a_task_without_golden_files_says_so(recorded, capsys, monkeypatch):
    assert registry.task("vp").verify is None
    code = main(["verify", "vp", str(recorded())])
    assert code == 2
    assert "no golden files" in capsys.readouterr().err
