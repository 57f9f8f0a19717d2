import dataclasses
import json

import pytest

from netwright.core.errors import ConfigError, DataError
from netwright.core.results import Evaluation, ResultRow, read_rows, versions, write_rows

EVALUATION = Evaluation(
    task="vp",
    setting="default",
    policy="last-value",
    metric="mae",
    unit="degrees",
    per_episode=(1.0, 4.0),
    weights=(2.0, 1.0),
    episodes=("a", "b"),
    seconds=0.5,
    config={"history": 10},
    detail={"by_axis": [1, 2, 3]},
)


def _row(subject: str, value: float, **extra: object) -> ResultRow:
    return ResultRow(
        area="vp",
        setting="default",
        subject=subject,
        metric="mae",
        unit="degrees",
        value=value,
        n=2,
        seeds=(0, 1),
        command="netwright experiments vp",
        extra=extra,
    )


def test_the_mean_weighs_the_episodes():
    assert EVALUATION.mean == 2.0


def test_the_document_holds_what_its_readers_rely_on():
    document = json.loads(json.dumps(EVALUATION.to_json(), allow_nan=False))
    promised = "task setting policy metric unit mean n_episodes per_episode seconds config version"
    assert set(promised.split()) <= set(document)
    assert (document["mean"], document["n_episodes"], document["per_episode"]) == (2.0, 2, [1.0, 4.0])
    assert document["config"] == {"history": 10}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"episodes": ("a",)}, "same number"),
        ({"episodes": (), "per_episode": (), "weights": ()}, "at least one"),
        ({"per_episode": (1.0, float("nan"))}, "not finite"),
        ({"weights": (1.0, float("inf"))}, "not finite"),
        ({"weights": (0.0, 0.0)}, "nonnegative weights"),
        ({"weights": (2.0, -1.0)}, "nonnegative weights"),
    ],
)
def test_an_evaluation_that_cannot_be_averaged_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(EVALUATION, **changes)


def test_rows_make_the_round_trip(tmp_path):
    path = tmp_path / "results" / "vp.jsonl"
    write_rows(path, [_row("mlp", 8.9, row="strict")], replaces={"subject": "mlp"})
    [row] = read_rows(path)
    assert (row["subject"], row["value"], row["seeds"], row["row"]) == ("mlp", 8.9, [0, 1], "strict")
    assert (row["low"], row["high"]) == (None, None)
    assert row["version"]["netwright"] == versions()["netwright"]
    assert {"machine", "date", "command"} <= set(row)
    assert "extra" not in row


def test_only_rows_that_match_everything_are_replaced(tmp_path):
    path = tmp_path / "vp.jsonl"
    old = [_row("mlp", 1.0, row="strict"), _row("mlp", 2.0, row="long"), _row("track", 3.0, row="strict")]
    write_rows(path, old, replaces={"subject": "nobody"})
    write_rows(path, [_row("mlp", 9.0, row="strict")], replaces={"subject": "mlp", "row": "strict"})
    assert [(r["subject"], r["row"], r["value"]) for r in read_rows(path)] == [
        ("mlp", "long", 2.0),
        ("track", "strict", 3.0),
        ("mlp", "strict", 9.0),
    ]


def test_a_row_that_is_not_finite_leaves_the_old_file(tmp_path):
    path = tmp_path / "vp.jsonl"
    write_rows(path, [_row("mlp", 1.0)], replaces={"subject": "mlp"})
    before = path.read_text()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_rows(path, [_row("mlp", float("nan"))], replaces={"subject": "mlp"})
    assert path.read_text() == before


def test_no_file_has_no_rows(tmp_path):
    assert read_rows(tmp_path / "vp.jsonl") == []


@pytest.mark.parametrize("line", ["{", "[1]", "null"])
def test_a_damaged_line_is_named(tmp_path, line):
    path = tmp_path / "vp.jsonl"
    path.write_text('{"area": "vp"}\n\n' + line + "\n")
    with pytest.raises(DataError, match=r"vp\.jsonl:3: not (a JSON object|valid JSON)"):
        read_rows(path)
