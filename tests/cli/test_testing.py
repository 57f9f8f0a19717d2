import dataclasses

import pytest

from netwright.core import registry
from netwright.core.errors import DataError
from netwright.core.task import PolicySpec
from tests.cli import toy

PROMISED = "task setting policy metric unit mean n_episodes per_episode seconds config version"


@pytest.fixture(autouse=True)
def _toy(toy): ...


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "values.json").write_text("[1.0, 3.0, 5.0, 7.0, 9.0]")
    return folder


def test_the_document_is_the_evaluation(cli, data):
    document = cli("test", "toy", "--policy", "one", "--data", data, "--json").document
    assert set(PROMISED.split()) <= set(document)
    assert document["per_episode"] == [0.0, 2.0, 4.0, 6.0]
    assert document["mean"] == 3.0
    assert (document["config"]["data"], document["config"]["synthetic"]) == (str(data), False)


def test_the_table_shows_mean_and_plain_details(cli, data):
    shown = cli("test", "toy", "--policy", "one", "--data", data).out
    assert "error (points)" in shown
    assert "worst" in shown
    assert "synthetic" not in shown


def test_without_data_every_output_says_synthetic(cli):
    run = cli("test", "toy", "--policy", "one")
    assert "synthetic" in run.out
    assert "synthetic" in run.err
    assert cli("test", "toy", "--policy", "one", "--json").document["config"]["synthetic"] is True


def test_data_are_found_through_the_environment(cli, data, monkeypatch):
    monkeypatch.setenv("NETWRIGHT_DATA", str(data))
    assert cli("test", "toy", "--policy", "one", "--json").document["config"]["data"] == str(data)


def test_the_seed_decides_the_synthetic_data(cli):
    means = {
        seed: cli("test", "toy", "--policy", "one", "--seed", seed, "--json").document["mean"]
        for seed in (0, 1)
    }
    assert means[0] != means[1]
    assert means[0] == cli("test", "toy", "--policy", "one", "--json").document["mean"]


def test_set_replaces_fields_and_the_setting_says_so(cli, data):
    words = ["--set", "count=2", "--set", "offset=-1"]
    document = cli("test", "toy", "--policy", "zero", "--data", data, *words, "--json").document
    assert document["per_episode"] == [0.0, 2.0]
    assert document["setting"] == "default[count=2,offset=-1]"


def test_an_adapted_model_is_tested_by_its_folder(cli, adaptation, tmp_path):
    (tmp_path / "m").mkdir()
    document = cli("test", "toy", "--adapted", tmp_path / "m", "--json").document
    assert document["policy"] == "adapted:tiny"
    assert document["config"]["seed"] == 7


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "either --policy NAME or --adapted DIR"),
        (["--policy", "one", "--adapted", "m"], "either --policy NAME or --adapted DIR"),
        (["--policy", "oen"], "did you mean 'one'"),
        (["--policy", "one:rich"], "takes no recipe"),
        (["--policy", "mean:ritch"], "did you mean 'rich'"),
        (["--policy", "one", "--setting", "defautl"], "did you mean 'default'"),
        (["--policy", "one", "--set", "counts=2"], "did you mean 'count'"),
        (["--policy", "one", "--data", "/no/such"], "/no/such: no such folder"),
        (["--adapted", "/no/such"], "/no/such: no such folder"),
    ],
)
def test_wrong_input_is_one_sentence(cli, words, message):
    run = cli("test", "toy", *words)
    assert (run.code, run.out) == (2, "")
    assert message in run.err
    assert "Traceback" not in run.err


def test_an_unknown_task_is_named(cli):
    assert "unknown task 'vpp'" in cli("test", "vpp", "--policy", "one").err


def test_a_learned_baseline_is_trained_once_and_kept(cli, data):
    first = cli("test", "toy", "--policy", "mean", "--data", data, "--json")
    again = cli("test", "toy", "--policy", "mean", "--data", data, "--json")
    assert "training it once" in first.err
    assert "learning the mean" in first.err
    assert "learning" not in again.err
    assert first.document == again.document
    assert first.document["per_episode"] == [4.0, 2.0, 0.0, 2.0]


def test_compare_evaluates_all_in_all_settings_beside_the_reference(cli, data, adaptation, report, tmp_path):
    (tmp_path / "m").mkdir()
    words = ["--policy", "one", "--policy", "mean", "--adapted", tmp_path / "m", "--data", data]
    document = cli("compare", "toy", *words, "--out", tmp_path / "r", "--json").document
    pairs = [(e["setting"], e["policy"]) for e in document["evaluations"]]
    assert pairs == [(s, p) for s in ("default", "shifted") for p in ("adapted:tiny", "zero", "one", "mean")]
    assert document["report"] == str(tmp_path / "r" / "index.html")
    assert document["synthetic"] is False
    assert [c["setting"] for c in document["comparison"]] == ["default", "shifted"]
    # Of 1, 3, 5, 7 the guess 1 is one point nearer than 0 in every episode.
    one = next(m for m in document["comparison"][0]["methods"] if m["policy"] == "one")
    assert one["to_reference"]["difference"] == {"value": -1.0, "low": -1.0, "high": -1.0}
    assert {m["policy"]: m["kind"] for m in document["comparison"][0]["methods"]}["adapted:tiny"] == "adapted"
    [evaluations] = report
    assert len(evaluations) == 8


def test_compare_shows_a_table_with_differences(cli, data, report, tmp_path):
    words = ["--policy", "one", "--setting", "default", "--data", data]
    run = cli("compare", "toy", *words, "--out", tmp_path / "r")
    assert "-1.000 [-1.000, -1.000]" in run.out
    assert "minus zero" in run.out
    assert str(data) in run.out
    assert f"report: {tmp_path / 'r' / 'index.html'}" in run.out
    assert "default: one" in run.err


def test_compare_names_the_reference_once(cli, report, tmp_path):
    cli("compare", "toy", "--policy", "zero", "--setting", "default", "--out", tmp_path / "r")
    assert [e.policy for e in report[0]] == ["zero"]


def test_compare_checks_all_names_before_it_trains(cli, report, tmp_path):
    run = cli("compare", "toy", "--policy", "mean", "--policy", "oen", "--out", tmp_path / "r")
    assert run.code == 2
    assert "did you mean 'one'" in run.err
    assert "learning" not in run.err


def test_compare_keeps_other_peoples_files(cli, report, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    run = cli("compare", "toy", "--policy", "one", "--out", tmp_path)
    assert run.code == 2
    assert report == []
    assert "would be lost" in run.err


def test_an_interrupted_comparison_continues_and_ends_in_the_same_report(cli, data, monkeypatch, tmp_path):
    words = ["--policy", "one", "--policy", "mean", "--data", data, "--json"]
    whole = cli("compare", "toy", *words, "--out", tmp_path / "whole").document
    plain, calls = toy.evaluate, []

    def evaluate(policy, setting, loaded, *, name):
        calls.append((setting.name, name))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return plain(policy, setting, loaded, name=name)

    monkeypatch.setattr(toy, "evaluate", evaluate)
    stopped = cli("compare", "toy", *words, "--out", tmp_path / "r")
    assert stopped.code == 130
    assert f"{tmp_path / 'r'}.partial holds finished evaluations" in stopped.err
    assert not (tmp_path / "r").exists()
    again = cli("compare", "toy", *words, "--out", tmp_path / "r")
    assert calls[3:] == [("default", "mean"), ("shifted", "zero"), ("shifted", "one"), ("shifted", "mean")]
    assert again.document["evaluations"] == whole["evaluations"]
    assert again.document["comparison"] == whole["comparison"]
    assert not (tmp_path / "r.partial").exists()


def test_a_failure_in_the_middle_names_what_is_kept(cli, data, monkeypatch, tmp_path):
    plain = toy.evaluate

    def evaluate(policy, setting, loaded, *, name):
        if (setting.name, name) == ("shifted", "one"):
            raise DataError("values.json: damaged; restore it.")
        return plain(policy, setting, loaded, name=name)

    monkeypatch.setattr(toy, "evaluate", evaluate)
    run = cli("compare", "toy", "--policy", "one", "--data", data, "--out", tmp_path / "r")
    assert run.code == 2
    assert "damaged; restore it" in run.err
    assert f"{tmp_path / 'r.partial'} holds the finished evaluations" in run.err
    assert len(list((tmp_path / "r.partial").glob("*.json"))) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--guard", "future"], "policy 'future' knows the future and cannot take over"),
        *[
            (["--guard", "one", "--deadline-ms", ms], "at most a day")
            for ms in ("inf", "nan", "1e13", "0", "-1")
        ],
    ],
)
def test_an_impossible_guard_is_refused_before_data_are_loaded(cli, adaptation, monkeypatch, words, message):
    future = PolicySpec("future", "knows all", f"{toy.HERE}:one", clairvoyant=True)
    monkeypatch.setattr(
        toy, "TOY", dataclasses.replace(toy.TOY, policies={**toy.TOY.policies, "future": future})
    )
    monkeypatch.setattr(registry, "task", lambda name: toy.TOY)
    monkeypatch.setattr(toy, "load_data", lambda *a, **k: pytest.fail("data were loaded"))
    run = cli("test", "toy", "--adapted", "m", *words)
    assert (run.code, run.out) == (2, "")
    assert message in run.err


def test_a_cache_that_cannot_be_written_is_found_before_training(cli, data, monkeypatch):
    monkeypatch.setenv("NETWRIGHT_CACHE", "/dev/null/x")
    run = cli("test", "toy", "--policy", "mean", "--data", data)
    assert run.code == 2
    assert "the cache /dev/null/x cannot be written; set the variable NETWRIGHT_CACHE" in run.err
    assert "learning the mean" not in run.err


@pytest.mark.parametrize("place", ["link", "link/report"])
def test_a_link_to_nothing_is_refused_before_anything_is_played(cli, data, tmp_path, place):
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    run = cli("compare", "toy", "--policy", "one", "--data", data, "--out", tmp_path / place)
    assert run.code == 2
    assert f"{tmp_path / 'link'}: is a symbolic link to a missing file or folder" in run.err
    assert "default: one" not in run.err
