import json
import sys

import pytest


def _interrupted(*args, **options):
    raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def _toy(toy): ...


def test_adapt_hands_over_only_what_was_given(cli, adaptation, tmp_path):
    run = cli("adapt", "toy", "--backbone", "tiny", "--out", tmp_path / "m", "--rank", 4, "--seed", 3)
    assert run.code == 0
    [call] = adaptation
    assert call["task"].name == "toy"
    assert call["data"].source == "synthetic (seed 3)"
    assert (call["backbone"], call["recipe"], call["seed"], call["resume"]) == ("tiny", "plain", 3, False)
    assert call["options"] == {"rank": 4}
    assert call["out"] == tmp_path / "m"


def test_adapt_takes_every_training_option(cli, adaptation, tmp_path):
    words = "--recipe rich --iterations 9 --method full --batch-size 2 --learning-rate 0.5 --resume"
    more = ["--set", "patience=3", "--set", "precision=bfloat16", "--set", "gradient_checkpointing=true"]
    assert cli("adapt", "toy", "--backbone", "b", "--out", tmp_path / "m", *words.split(), *more).code == 0
    [call] = adaptation
    assert call["recipe"] == "rich"
    assert call["resume"] is True
    assert call["options"] == {
        "iterations": 9,
        "method": "full",
        "batch_size": 2,
        "learning_rate": 0.5,
        "patience": 3,
        "precision": "bfloat16",
        "gradient_checkpointing": True,
    }


def test_adapt_prints_what_it_made_and_that_data_are_synthetic(cli, adaptation, tmp_path):
    run = cli("adapt", "toy", "--backbone", "tiny", "--out", tmp_path / "m")
    assert "name: adapted:tiny" in run.out
    assert "cost.trainable_fraction: 0.0031" in run.out
    assert "synthetic" in run.out
    assert "step 1 of 1" in run.err
    assert "step 1 of 1" not in run.out


def test_adapt_prints_one_json_document(cli, adaptation, tmp_path):
    document = cli("adapt", "toy", "--backbone", "tiny", "--out", tmp_path / "m", "--json").document
    assert (document["name"], document["backbone"]) == ("adapted:tiny", "tiny")
    assert (document["data"], document["synthetic"]) == ("synthetic (seed 0)", True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--recipe", "plian"], "did you mean 'plain'"),
        (["--set", "pateince=3"], "did you mean 'patience'"),
        (["--set", "patience=long"], "--set patience=long: input should be a valid integer"),
        (["--set", "patience"], "KEY=VALUE"),
        (["--data", "/no/such/folder"], "/no/such/folder: no such folder"),
        (
            ["--iterations", "1", "--set", "iterations=3"],
            "iterations is given twice, by --iterations and by --set",
        ),
        (["--set", "learning-rate=0.1", "--learning-rate", "0.2"], "learning_rate is given twice"),
        (["--set", "patience=3", "--set", "patience=4"], "--set patience is given twice"),
        (["--online"], "task 'toy' has no online phase"),
    ],
)
def test_adapt_refuses_wrong_input(cli, adaptation, tmp_path, words, message):
    run = cli("adapt", "toy", "--backbone", "tiny", "--out", tmp_path / "m", *words)
    assert run.code == 2
    assert message in run.err
    assert adaptation == []


def test_ctrl_c_exits_130_and_says_how_to_continue(cli, adaptation, monkeypatch, tmp_path):
    monkeypatch.setattr(sys.modules["netwright.adaptation.api"], "adapt", _interrupted)
    run = cli("adapt", "toy", "--backbone", "tiny", "--out", tmp_path / "m")
    assert run.code == 130
    assert "--resume" in run.err
    assert f"{tmp_path / 'm'}.partial" in run.err
    assert "Traceback" not in run.err


def test_train_writes_the_folder_with_the_recipe(cli, tmp_path):
    run = cli("train", "toy", "--policy", "mean:rich", "--out", tmp_path / "m", "--seed", 5, "--json")
    assert run.document["out"] == str(tmp_path / "m")
    assert run.document["synthetic"] is True
    saved = json.loads((tmp_path / "m" / "netwright.json").read_text())
    assert (saved["recipe"], saved["seed"]) == ("rich", 5)


def test_train_does_not_write_over_what_it_did_not_make(cli, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    assert "would be lost" in cli("train", "toy", "--policy", "mean", "--out", tmp_path).err
    assert "is a file" in cli("train", "toy", "--policy", "mean", "--out", tmp_path / "thesis.tex").err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_train_may_write_again_where_it_wrote_before(cli, tmp_path):
    for _ in range(2):
        assert cli("train", "toy", "--policy", "mean", "--out", tmp_path / "m").code == 0


def test_train_uses_the_first_recipe_by_default(cli, tmp_path):
    assert cli("train", "toy", "--policy", "mean", "--out", tmp_path / "m").code == 0
    assert json.loads((tmp_path / "m" / "netwright.json").read_text())["recipe"] == "plain"


def test_train_names_the_baselines_that_learn(cli, tmp_path):
    run = cli("train", "toy", "--policy", "zero", "--out", tmp_path / "m")
    assert run.code == 2
    assert "'zero' of toy is not trainable; trainable policies: mean" in run.err


def test_pretrain_hands_over_its_options(cli, stand_in, tmp_path):
    calls = []
    stand_in("netwright.llm.pretraining", pretrain=lambda out, **options: calls.append((out, options)))
    run = cli("pretrain", "--out", tmp_path / "w.safetensors", "--iterations", 3, "--seed", 2, "--json")
    assert run.document == {
        "preset": "tiny",
        "out": str(tmp_path / "w.safetensors"),
        "iterations": 3,
        "seed": 2,
        "synthetic": True,
    }
    [(out, options)] = calls
    assert out == tmp_path / "w.safetensors"
    assert (options["iterations"], options["seed"], options["preset"]) == (3, 2, "tiny")
    assert cli("pretrain", "--out", tmp_path).code == 2
