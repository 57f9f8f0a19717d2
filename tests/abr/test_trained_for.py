"""Trained policies outside of what they were trained for: said by test, compare, collect and the report."""

import json
from dataclasses import replace

import numpy as np
import pytest

import netwright
from netwright.adaptation.api import adapt
from netwright.adaptation.guard import Guarded
from netwright.adaptation.offline.collect import Plan, rl_collect
from netwright.cli.main import main
from netwright.core import registry
from netwright.core.trained_for import conditions_of, remark
from netwright.evaluation.api import test as nw_test
from netwright.tasks.abr.baselines import genet, pensieve, ppo
from netwright.tasks.abr.baselines.bba import Bba
from netwright.tasks.abr.media import QoE, Rules
from netwright.tasks.abr.trained_for import of_experience, of_videos

TASK = registry.task("abr")
LADDER_5G = (20_000, 40_000, 60_000, 80_000, 110_000, 160_000)
N_CHUNKS = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data folder with one set of 5G traces (60 to 260 Mbit/s) and a video whose ladder fits them."""
    place = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    traces = place / "abr" / "traces" / "cell-5g"
    traces.mkdir(parents=True)
    for i in range(3):
        rates = rng.uniform(60.0, 260.0, 200)
        (traces / f"walk{i}").write_text("".join(f"{t}\t{rate:.3f}\n" for t, rate in enumerate(rates)))
    video = place / "abr" / "videos" / "video-5g"
    video.mkdir(parents=True)
    about = {"bitrates_kbps": LADDER_5G, "chunk_s": 4.0, "n_chunks": N_CHUNKS}
    (video / "video.json").write_text(json.dumps(about))
    for level, rate in enumerate(LADDER_5G):
        (video / f"video_size_{level}").write_text(f"{rate * 500}\n" * N_CHUNKS)
    return place


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path, folder):
    monkeypatch.setenv("NETWRIGHT_DATA", str(folder))
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "cache"))

    def run(*words):
        capsys.readouterr()
        assert main([str(word) for word in words]) == 0
        return capsys.readouterr()

    return run


HERE = ("--setting", "default", "--set", "traces=cell-5g", "--set", "video=video-5g")
CLAUSE = (
    "was trained for ladder 300, 750, 1200, 1850, 2850, 4300 kbit/s; here there is ladder 20000, 40000, 60000, 80000, "
    "110000, 160000 kbit/s: its results may be far off"
)


@pytest.mark.parametrize("policy", ["ppo", "ppo-sampled", "pensieve", "genet"])
def test_every_shipped_policy_says_that_a_5g_ladder_is_not_its_own(cli, policy):
    shown = cli("test", "abr", "--policy", policy, *HERE, "--json")
    document = json.loads(shown.out)
    assert document["detail"]["outside_training"] == CLAUSE
    assert shown.err.count(f"{policy} {CLAUSE}") == 1


def test_rules_and_the_own_ladder_get_no_remark(cli, monkeypatch):
    assert "trained for" not in cli("test", "abr", "--policy", "mpc", *HERE).err
    monkeypatch.delenv("NETWRIGHT_DATA")
    assert "trained for" not in cli("test", "abr", "--policy", "ppo").err


def test_the_verdict_and_the_page_say_it(cli, tmp_path):
    shown = cli(
        "compare", "abr", "--policy", "ppo", "--policy", "mpc", *HERE, "--out", tmp_path / "r", "--json"
    )
    [comparison] = json.loads(shown.out)["comparison"]
    means = {m["policy"]: m["mean"]["value"] for m in comparison["methods"]}
    assert means["ppo"] < means["mpc"]  # which is why it has to be said
    outside = {m["policy"]: m["outside_training"] for m in comparison["methods"]}
    assert outside == {"bba": None, "mpc": None, "ppo": CLAUSE}
    report = json.loads((tmp_path / "r" / "report.json").read_text())
    assert f"ppo {CLAUSE}." in report["verdict"]
    page = (tmp_path / "r" / "index.html").read_text()
    assert page.count("outside its training conditions") == 1


@pytest.mark.parametrize(
    ("option", "before", "now"),
    [
        ("rtt_ms=300", "RTT 80 ms", "RTT 300 ms"),
        ("buffer_cap_s=6", "buffer cap 60 s", "buffer cap 6 s"),
        ("rebuffer=160", "weight of stalling 4.3", "weight of stalling 160"),
        ("change=0", "weight of changes 1", "weight of changes 0"),
    ],
)
def test_connection_buffer_and_viewer_are_compared_too(cli, monkeypatch, option, before, now):
    monkeypatch.delenv("NETWRIGHT_DATA")
    shown = cli("test", "abr", "--policy", "ppo", "--set", option)
    assert f"ppo was trained for {before}; here there is {now}" in shown.err


def test_a_trained_policy_stores_what_it_was_trained_for(generated, tmp_path):
    config = ppo.PpoConfig(iterations=1, n_sessions=8, epochs=1)
    ppo.train(
        generated, recipe="advantage", out=tmp_path / "p", seed=0, progress=lambda line: None, config=config
    )
    videos = [generated.video(name) for name in ("video1", "video2")]
    assert ppo.load(tmp_path / "p").trained_for == of_videos(videos, Rules(), QoE())


@pytest.mark.parametrize("module", [ppo, pensieve, genet])
def test_shipped_weights_know_the_published_conditions(module, generated):
    setting = TASK.setting("default")
    here = conditions_of(TASK, setting, generated)
    trained = module.load().trained_for
    assert set(trained) == set(here)
    assert remark(module.load(), here) is None


def test_collect_says_that_it_plays_generated_data_only(cli, folder, tmp_path):
    for name in ("video1", "video2"):
        place = folder / "abr" / "videos" / name
        place.mkdir(exist_ok=True)
        for level, rate in enumerate((300, 750, 1200, 1850, 2850, 4300)):
            (place / f"video_size_{level}").write_text(f"{rate * 500}\n" * 49)
    shown = cli("collect", "abr", "--policy", "bba", "--episodes", "4", "--out", tmp_path / "e", "--json")
    assert shown.err.count("all episodes are generated (synthetic)") == 1
    assert json.loads(shown.out)["data"]["synthetic"] is True


def test_collect_says_for_which_policies_its_sessions_are_foreign(caplog, tmp_path):
    plan = Plan(("bba", "noisy:0.1:ppo"), "weights", 4)
    experience = rl_collect(TASK, None, plan, out=tmp_path / "e")
    [line] = [r.message for r in caplog.records if "trained for" in r.message]
    assert line.startswith(
        "weights: noisy:0.1:ppo was trained for weight of stalling 4.3 and weight of changes 1;"
    )
    assert "1 to 10" in line
    assert not [
        r for r in caplog.records if "generated (synthetic)" in r.message
    ]  # the command says it already
    kept = of_experience(experience)
    assert kept["ladder"].values == ((300.0, 750.0, 1200.0, 1850.0, 2850.0, 4300.0),)
    assert kept["chunk length"].values == ((4.0,),)


def test_an_adapted_model_stores_the_conditions_of_its_experience(generated, tmp_path):
    rl_collect(TASK, None, Plan(("bba",), "training", 8), out=tmp_path / "e")
    options = {"iterations": 1, "batch_size": 4, "evaluate_every": 1}
    made = adapt(
        TASK, generated, out=tmp_path / "m", backbone="none", experience=[tmp_path / "e"], options=options
    )
    stored = json.loads((tmp_path / "m" / "netwright.json").read_text())["trained_for"]
    assert stored["ladder"]["values"] == [[300.0, 750.0, 1200.0, 1850.0, 2850.0, 4300.0]]
    assert remark(made.policy, conditions_of(TASK, TASK.setting("default"), generated)) is None
    slow = replace(TASK.setting("default"), config=replace(TASK.setting("default").config, rtt_ms=300.0))
    assert (
        nw_test(TASK, made, slow, generated)
        .detail["outside_training"]
        .startswith("was trained for RTT 80 ms;")
    )
    guarded = Guarded(made.policy, Bba())
    assert remark(guarded, conditions_of(TASK, slow, generated)) is not None


def test_a_ladder_of_another_length_is_one_row_in_the_table_and_the_page(cli, folder, tmp_path):
    video = folder / "abr" / "videos" / "video-four"
    video.mkdir()
    rates = LADDER_5G[:4]
    about = {"bitrates_kbps": rates, "chunk_s": 4.0, "n_chunks": N_CHUNKS}
    (video / "video.json").write_text(json.dumps(about))
    for level, rate in enumerate(rates):
        (video / f"video_size_{level}").write_text(f"{rate * 500}\n" * N_CHUNKS)
    words = ("--policy", "ppo", "--policy", "mpc", "--setting", "default", "--out", tmp_path / "r")
    places = ("--set", "traces=cell-5g", "--set", "video=video-four")
    shown = cli("compare", "abr", *words, *places)
    [line] = [line for line in shown.out.splitlines() if "not applicable" in line]
    assert "ppo" in line
    assert "was trained for 6 rungs" in line
    report = json.loads((tmp_path / "r" / "report.json").read_text())
    assert [one["policy"] for one in report["not_applicable"]] == ["ppo"]
    assert {m["policy"] for m in report["comparison"][0]["methods"]} == {"bba", "mpc"}
    page = (tmp_path / "r" / "index.html").read_text()
    assert page.count("<small>not applicable</small>") == 1
    assert "Not applicable: ppo in default[traces=cell-5g,video=video-four]" in page


def test_being_tried_first_changes_no_number(generated):
    names = ("bba", "mpc", "mpc-reference", "ppo", "ppo-sampled")
    found = netwright.compare("abr", settings=["norway"], policies=names, data=generated)
    for evaluation in found.evaluations:
        alone = nw_test(TASK, evaluation.policy, "norway", generated)
        assert alone.per_episode == evaluation.per_episode


def test_the_optimum_is_stored_as_clairvoyant(generated):
    found = netwright.compare("abr", settings=["norway"], policies=["offline-optimum"], data=generated)
    assert {e.policy: e.role for e in found.evaluations} == {
        "bba": "baseline",
        "offline-optimum": "clairvoyant",
    }
