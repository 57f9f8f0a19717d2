"""Adaptive bitrate streaming from the command line, on generated data, and its figures in a report."""

import json

import pytest

from netwright.cli.main import main
from netwright.core import registry
from netwright.core.results import Evaluation
from netwright.tasks.abr.figures import figures


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path_factory):
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))

    def run(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        return code, capsys.readouterr()

    return run


def test_test_prints_one_document(cli):
    code, shown = cli("test", "abr", "--policy", "mpc", "--setting", "norway", "--json")
    assert code == 0
    document = json.loads(shown.out)
    assert (document["task"], document["metric"], document["unit"]) == ("abr", "qoe", "per chunk")
    assert document["config"]["synthetic"] is True
    assert document["n_episodes"] == len(document["per_episode"]) == 30
    assert 0.0 < document["detail"]["share_of_optimum"] < 1.0
    factors = (document["detail"][k] for k in ("bitrate_mbps", "rebuffer_s", "change_mbps"))
    bitrate, stalled, change = factors
    assert document["mean"] == pytest.approx(bitrate - 4.3 * stalled - change)


def test_the_same_seed_gives_the_same_numbers(cli):
    runs = [cli("test", "abr", "--policy", "bba", "--set", "noise=0.1", "--json")[1].out for _ in range(2)]
    one, two = (json.loads(run) for run in runs)
    assert one["per_episode"] == two["per_episode"]


def test_fields_of_a_setting_can_be_replaced(cli):
    options = ["--set", "rebuffer=0", "--set", "change=0", "--json"]
    document = json.loads(cli("test", "abr", "--policy", "bba", *options)[1].out)
    assert document["mean"] == pytest.approx(document["detail"]["bitrate_mbps"])
    code, shown = cli("test", "abr", "--policy", "bba", "--set", "buffer_cap_s=-1")
    assert code == 2
    assert "Rules.buffer_cap_s must be above 0" in shown.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--policy", "bbb"), "did you mean 'bba'"),
        (("--policy", "bba", "--setting", "unsen1"), "did you mean 'unseen1'"),
        (("--policy", "bba", "--set", "traces=nowhere"), "unknown trace set 'nowhere'"),
        (("--policy", "bba", "--set", "video=video9"), "unknown video 'video9'"),
    ],
)
def test_wrong_names_give_one_sentence(cli, words, sentence):
    code, shown = cli("test", "abr", *words)
    assert code == 2
    assert sentence in shown.err


def test_compare_writes_a_report_with_the_optimum(cli, tmp_path):
    words = [
        "--policy",
        "mpc",
        "--policy",
        "mpc-reference",
        "--setting",
        "default",
        "--out",
        tmp_path / "report",
    ]
    code, shown = cli("compare", "abr", *words, "--json")
    assert code == 0
    (comparison,) = json.loads(shown.out)["comparison"]
    assert {m["policy"] for m in comparison["methods"]} == {"bba", "mpc", "mpc-reference"}
    assert comparison["reference"] == "bba"
    page = (tmp_path / "report" / "index.html").read_text()
    for title in ("Share of the offline optimum", "QoE by trace", "Factors of QoE"):
        assert title in page


def test_list_names_what_there_is(cli):
    found = json.loads(cli("list", "--json")[1].out)
    settings = {s["name"] for s in found["settings"] if s["task"] == "abr"}
    assert settings == {
        "default",
        "unseen1",
        "unseen2",
        "unseen3",
        "default-clean",
        "norway",
        "default-published",
    }
    policies = {p["name"] for p in found["policies"] if p["task"] == "abr"}
    assert {"bba", "mpc", "mpc-reference", "offline-optimum"} <= policies


def test_figures_leave_out_what_an_evaluation_lacks():
    plain = Evaluation(
        task="abr",
        setting="default",
        policy="mine",
        metric="qoe",
        unit="per chunk",
        per_episode=(1.0, 2.0),
        weights=(1.0, 1.0),
        episodes=("a", "b"),
        seconds=0.1,
    )
    assert figures([plain]) == []
    assert registry.task("abr").report == "netwright.tasks.abr.figures:figures"
