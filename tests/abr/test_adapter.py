"""Adapted models as bitrate policies: collected, adapted, tested and loaded by the commands, on generated traces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from netwright.adaptation import api
from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.models.decision import DecisionModel, StepwiseInference
from netwright.adaptation.offline import experience as storage
from netwright.adaptation.offline.collect import Plan, rl_collect
from netwright.adaptation.offline.experience import ACTION, COMPONENTS, REWARD
from netwright.adaptation.saved_model import assemble
from netwright.cli.main import main
from netwright.evaluation import api as evaluation
from netwright.llm.backbones import build_backbone
from netwright.tasks.abr import TASK, model_inputs
from netwright.tasks.abr.adapter import AbrAdapter, AdaptedBitratePolicy, last_qoe
from netwright.tasks.abr.baselines.mpc import Mpc
from netwright.tasks.abr.batch import Sessions, Starts
from netwright.tasks.abr.dataset import AbrData
from netwright.tasks.abr.environment import TRAINING_ENVIRONMENTS, AbrCollector
from netwright.tasks.abr.evaluation import rollout
from netwright.tasks.abr.media import Trace, Video
from netwright.tasks.abr.observation import Observation
from netwright.tasks.abr.recipes import RECIPES, AbrRecipe
from tests.adaptation.toy import small_backbone
from tests.cli.conftest import Run

QUICK = {
    "iterations": 4,
    "batch_size": 4,
    "evaluate_every": 4,
    "rank": 2,
    "precision": "float32",
    "warm_start": 0.5,
}
TOLERANCE = 1e-5
UNFITTED = {"conditioning": {"kind": "none", "size": 0, "fitted": {}}, "ranges": {"low": [], "high": []}}


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Run `netwright` with these words, without real data."""
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)

    def run(*words: object) -> Run:
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        return Run(code, printed.out, printed.err)

    return run


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return small_backbone(tmp_path_factory.mktemp("backbone") / "model")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("experience") / "out"
    rl_collect(TASK, None, Plan(("mpc", "noisy:0.2:bba"), "training", 12), out=out)
    return out


def observations(n: int, seed: int = 0, n_levels: int = 6) -> Observation:
    """States that no player may ever be in: anything goes."""
    rng = np.random.default_rng(seed)
    there = rng.random((n, 24)) < rng.random((n, 1))
    return Observation(
        throughputs_mbps=np.exp(rng.normal(0, 2, (n, 24))) * there,
        delays_s=np.exp(rng.normal(0, 2, (n, 24))) * there,
        buffer_s=rng.uniform(0, 60, n),
        last_level=rng.integers(0, n_levels, n),
        chunk_index=rng.integers(1, 48, n),
        n_left=rng.integers(1, 48, n),
        next_sizes_mb=np.exp(rng.normal(0, 1, (n, 6, n_levels))),
        bitrates_mbps=np.cumsum(rng.uniform(0.1, 1.5, (n, n_levels)), axis=1),
        chunk_s=rng.uniform(1, 10, n),
        buffer_cap_s=rng.uniform(10, 100, n),
        rebuffer_weight=rng.uniform(0, 20, n),
        change_weight=rng.uniform(0, 5, n),
    )


def untrained(backbone: str, recipe: AbrRecipe | None = None) -> AdaptedBitratePolicy:
    adapter = AbrAdapter(recipe or AbrRecipe(), None, seed=0, state=UNFITTED, experience=None)
    model = assemble(build_backbone(backbone), adapter, TrainingConfig(rank=4), seed=0).eval()
    assert isinstance(model, DecisionModel)
    torch.nn.init.normal_(model.head.score.weight)
    if model.gate is not None:
        torch.nn.init.ones_(model.gate)
    return adapter.policy(StepwiseInference(model))


def ladder(n_levels: int, chunk_s: float = 4.0) -> Sessions:
    """Eight sessions with a ladder of that many rungs over steady traces."""
    rng = np.random.default_rng(n_levels)
    rates = np.geomspace(300, 5000, n_levels)
    sizes = (rates[:, None] * chunk_s * 125 * rng.uniform(0.8, 1.2, (n_levels, 12))).astype(np.int64)
    traces = [Trace(f"t{i}", np.arange(400.0), np.full(400, 0.5 + 0.5 * i)) for i in range(8)]
    rows = np.arange(8)
    video = Video("ladder", tuple(rates), chunk_s, sizes, 12)
    return Sessions(traces, [video], Starts(trace_of=rows, video_of=rows * 0, start_rows=rows + 1))


class TestWhatAModelIsShown:
    def test_a_ladder_of_six_is_read_as_it_is(self) -> None:
        seen = observations(50)
        shown = model_inputs.state_inputs(model_inputs.columns(seen))
        ladders = shown.summary[:, model_inputs.SUMMARY_SLICES["ladder"]]
        np.testing.assert_allclose(ladders, np.log(seen.bitrates_mbps), rtol=1e-4, atol=1e-5)
        place = shown.summary[:, model_inputs.SUMMARY_SLICES["last"]][:, 3:]
        assert np.array_equal(place.argmax(axis=1), seen.last_level)

    @pytest.mark.parametrize("n_levels", [1, 2, 4, 10])
    def test_the_summary_has_one_size_for_every_ladder(self, n_levels: int) -> None:
        shown = model_inputs.state_inputs(model_inputs.columns(observations(20, n_levels=n_levels)))
        assert shown.summary.shape == (20, model_inputs.N_SUMMARY)
        assert shown.rungs.shape == (20, n_levels, model_inputs.N_RUNG)
        assert np.isfinite(shown.summary).all()
        assert np.isfinite(shown.rungs).all()

    def test_a_ladder_with_rungs_between_is_summarized_alike(self) -> None:
        """Eleven rungs, every other of which is one of six, and the rest half way between: read at the same points."""
        six = observations(30)
        fine = np.linspace(0, 5, 11)
        low, share = np.minimum(fine.astype(int), 4), fine - np.minimum(fine.astype(int), 4)

        def finer(values: np.ndarray) -> np.ndarray:
            return values[..., low] * (1 - share) + values[..., low + 1] * share

        eleven = replace(
            six,
            bitrates_mbps=finer(six.bitrates_mbps),
            next_sizes_mb=finer(six.next_sizes_mb),
            last_level=six.last_level * 2,
        )
        one, other = (model_inputs.state_inputs(model_inputs.columns(o)).summary for o in (six, eleven))
        for name in ("ladder", "sizes", "last", "rates", "buffer"):
            where = model_inputs.SUMMARY_SLICES[name]
            np.testing.assert_allclose(one[:, where], other[:, where], rtol=1e-4, atol=1e-4)

    def test_it_is_made_of_the_observation_alone(self) -> None:
        """Two worlds with the same past and another future are shown alike, so no model can know the future."""
        past = np.full(400, 2.0)
        futures = [np.concatenate([past[:100], np.full(300, rate)]) for rate in (0.3, 8.0)]
        shown = []
        for bandwidths in futures:
            sessions = ladder(6)
            sessions = Sessions(
                [Trace("t", np.arange(400.0), bandwidths)],
                sessions.videos.videos,
                Starts(trace_of=[0], video_of=[0], start_rows=[1]),
            )
            for _ in range(4):
                sessions.step(np.array([1]))
            shown.append(model_inputs.state_inputs(model_inputs.columns(sessions.observe())))
            ahead = sessions.future_log_bandwidth()
        assert np.array_equal(shown[0].summary, shown[1].summary)
        assert np.array_equal(shown[0].rungs, shown[1].rungs)
        assert ahead.max() > 1.0  # the critic does see it

    @pytest.mark.parametrize("memory", [1, 6, 8, 13])
    def test_with_a_short_memory_it_is_what_a_player_would_be_shown_who_has_forgotten(
        self, memory: int
    ) -> None:
        seen = observations(30)
        shown = model_inputs.state_inputs(model_inputs.columns(seen), memory)
        past = {"throughputs_mbps": seen.throughputs_mbps.copy(), "delays_s": seen.delays_s.copy()}
        for column in past.values():
            column[:, :-memory] = 0.0
        forgetful = model_inputs.state_inputs(model_inputs.columns(replace(seen, **past)))
        assert np.array_equal(shown.summary, forgetful.summary)
        assert np.array_equal(shown.rungs, forgetful.rungs)
        assert not np.array_equal(
            shown.summary, model_inputs.state_inputs(model_inputs.columns(seen)).summary
        )

    def test_the_pieces_cover_the_summary_once(self) -> None:
        covered = np.concatenate([np.arange(p.start, p.stop) for p in model_inputs.SUMMARY_SLICES.values()])
        assert np.array_equal(np.sort(covered), np.arange(model_inputs.N_SUMMARY))
        assert {f.name for f in fields(Observation)} - set(model_inputs.COLUMNS) == {"chunk_index"}


def test_a_player_can_tell_its_own_qoe(generated: AbrData) -> None:
    environment = AbrCollector(generated).environment("training", np.random.default_rng(0), 40)
    rng, before, got = np.random.default_rng(1), environment.observe(), None
    while not environment.done:
        got, components = environment.step(rng.integers(0, 6, 40))
        now = environment.observe()
        np.testing.assert_allclose(last_qoe(before, now), got, atol=1e-9)
        np.testing.assert_allclose(components @ [1.0, -4.3, -1.0], got, atol=1e-9)
        before = now


@pytest.mark.parametrize("place", TRAINING_ENVIRONMENTS)
def test_every_place_has_sessions(generated: AbrData, place: str) -> None:
    collector = AbrCollector(generated)
    environment = collector.environment(place, np.random.default_rng(0), 6)
    assert environment.n == 6
    assert environment.privileged().shape == (6, 12)
    assert sum(s.n for s in collector.validation(place)) > 6
    if place == "weights":
        weights = {
            float(collector.environment(place, np.random.default_rng(i), 1).observe().rebuffer_weight[0])
            for i in range(5)
        }
        assert len(weights) == 5


def test_the_experience_is_what_happened(collected: Path) -> None:
    experience = storage.read(collected)
    assert experience.n_episodes == 24
    assert (experience.lengths == 47).all()
    columns = experience.columns
    np.testing.assert_allclose(
        columns[COMPONENTS] @ np.float32([1.0, -4.3, -1.0]), columns[REWARD], atol=1e-3
    )
    played = columns[ACTION].reshape(24, 47)
    last = columns["observation.last_level"].reshape(24, 47)
    assert np.array_equal(last[:, 1:], played[:, :-1])
    assert experience.info["data"]["synthetic"]


@pytest.mark.parametrize(
    ("recipe", "options"),
    [(r.name, {}) for r in RECIPES.values() if r.config.method != "distill"]  # which needs labels
    + [
        ("advantage", {"layout": "paper"}),
        ("returns", {"layout": "paper"}),
        ("vector-returns", {"layout": "paper"}),
    ],
)
def test_every_recipe_adapts_tests_and_loads(
    recipe: str, options: dict[str, Any], backbone: str, collected: Path, generated: AbrData, tmp_path: Path
) -> None:
    model = api.adapt(
        TASK,
        generated,
        out=tmp_path / "out",
        backbone=backbone,
        recipe=recipe,
        recipe_options={"window": 3, **options},
        experience=[collected],
        options=QUICK,
    )
    found = evaluation.test(TASK, model, "default", generated)
    assert np.isfinite(found.mean)
    again = api.load(model.folder, backbone=backbone)
    assert again.name == model.name
    assert evaluation.test(TASK, again, "default", generated).per_episode == found.per_episode
    assert model.policy.adapter.window == 3


@pytest.mark.parametrize("layout", ["fused", "paper"])
def test_decisions_from_the_cache_are_those_of_a_full_recompute(
    backbone: str, layout: Any, generated: AbrData
) -> None:
    policy = untrained(backbone, AbrRecipe(layout=layout, window=4))
    sessions = AbrCollector(generated).environment("training", np.random.default_rng(0), 5).sessions
    policy.reset(np.random.default_rng(0))
    shown, steps = [], []
    while not sessions.done:
        observation = sessions.observe()
        steps.append(policy.log_probabilities(observation))
        shown.append(policy.inputs)
        sessions.step(steps[-1].argmax(axis=1))
    whole = {k: torch.from_numpy(np.stack([s[k] for s in shown], axis=1)) for k in shown[0]}
    with torch.inference_mode():
        scores = torch.log_softmax(policy.inference.model(whole), dim=-1).numpy()
    np.testing.assert_allclose(np.stack(steps, axis=1), scores, atol=TOLERANCE)


def test_sessions_do_not_hear_of_each_other(backbone: str, generated: AbrData) -> None:
    policy = untrained(backbone)
    sessions = AbrCollector(generated).environment("training", np.random.default_rng(0), 6).sessions
    together = rollout(policy, sessions.copy(), np.random.default_rng(0)).levels
    again = rollout(policy, sessions.copy(), np.random.default_rng(0)).levels
    assert np.array_equal(together, again)
    alone = np.concatenate(
        [rollout(policy, sessions.only(i), np.random.default_rng(0)).levels for i in range(6)]
    )
    assert np.array_equal(together, alone)


@pytest.mark.parametrize(("n_levels", "chunk_s"), [(4, 2.0), (10, 6.0)])
@pytest.mark.parametrize("layout", ["fused", "paper"])
def test_another_ladder_and_chunk_length_need_no_retraining(
    backbone: str, layout: Any, n_levels: int, chunk_s: float
) -> None:
    policy = untrained(backbone, AbrRecipe(layout=layout))
    sessions = ladder(n_levels, chunk_s)
    played = rollout(policy, sessions, np.random.default_rng(0))
    assert played.levels.min() >= 0
    assert played.levels.max() < n_levels
    assert np.isfinite(played.qoe).all()


def test_a_trained_model_carries_over_to_other_ladders(generated: AbrData, tmp_path: Path) -> None:
    """Cloned from MPC on six rungs, it stays near MPC on four and on ten, far from random."""
    out = tmp_path / "experience"
    rl_collect(TASK, None, Plan(("mpc",), "training", 60), out=out)
    options = {"iterations": 150, "batch_size": 16, "evaluate_every": 150, "learning_rate": 3e-3}
    model = api.adapt(
        TASK,
        generated,
        out=tmp_path / "m",
        backbone="none",
        recipe="clone",
        experience=[out],
        options=options,
    )
    for n_levels in (4, 10):
        qoe = [
            rollout(policy, ladder(n_levels), np.random.default_rng(0)).qoe.mean()
            for policy in (model.policy, Mpc(), Random())
        ]
        assert qoe[0] > qoe[2] + 0.5 * (qoe[1] - qoe[2])


class Random:
    def reset(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def act(self, obs: Observation) -> np.ndarray:
        return self.rng.integers(0, obs.n_levels, obs.n)


def valid_decisions(n_levels: int, seeds: int, n: int) -> None:
    policy = untrained("none")
    policy.greedy = False
    for seed in range(seeds):
        policy.reset(np.random.default_rng(seed))
        chosen = policy.act(observations(n, seed, n_levels))
        assert chosen.min() >= 0
        assert chosen.max() < n_levels
        assert len(np.unique(chosen)) == n_levels


@pytest.mark.parametrize("n_levels", [4, 6, 10])
def test_a_hundred_thousand_decisions_on_random_states_are_valid(n_levels: int) -> None:
    valid_decisions(n_levels, 2, 17_000)


@pytest.mark.slow
def test_a_million_decisions_on_random_states_are_valid() -> None:
    valid_decisions(6, 20, 50_000)


def test_the_guard_takes_states_that_training_never_saw(
    collected: Path, backbone: str, generated: AbrData, tmp_path: Path
) -> None:
    model = api.adapt(
        TASK, generated, out=tmp_path / "m", backbone=backbone, experience=[collected], options=QUICK
    )
    policy = model.policy
    usual = AbrCollector(generated).environment("training", np.random.default_rng(0), 50).sessions.observe()
    policy.act(usual)
    assert policy.out_of_distribution().mean() < 0.2
    policy.act(replace(usual, rebuffer_weight=np.full(50, 50.0)))
    assert policy.out_of_distribution().all()


def test_the_commands(
    cli: Callable[..., Run], backbone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(backbone).parent)
    words = (
        "--episodes",
        6,
        "--policy",
        "mpc",
        "--policy",
        "noisy:0.1:bba",
        "--out",
        tmp_path / "e",
        "--json",
    )
    made = cli("collect", "abr", *words)
    assert made.code == 0, made.err
    assert made.document["decisions"] == 2 * 6 * 47
    small = [f"--set={k}={v}" for k, v in QUICK.items()]
    online = [
        f"--set-online={x}"
        for x in ("iterations=2", "batch_size=8", "joined_batch_size=4", "critic_warmup=0")
    ]
    made = cli(
        "adapt",
        "abr",
        "--backbone",
        "model",
        "--experience",
        tmp_path / "e",
        "--out",
        tmp_path / "m",
        "--set",
        "window=2",
        *small,
        "--online",
        *online,
        "--json",
    )
    assert made.code == 0, made.err
    assert made.document["name"].endswith(":online")
    assert made.document["recipe_options"] == {"window": 2}
    tested = cli(
        *("test", "abr", "--adapted", tmp_path / "m", "--backbone", "model"),
        *("--guard", "mpc", "--deadline-ms", 5000, "--json"),
    )
    assert tested.code == 0, tested.err
    assert tested.document["detail"]["guard_decisions"] > 0
    assert tested.document["policy"].endswith("+mpc")
    compared = cli(
        "compare",
        "abr",
        "--setting",
        "default",
        "--backbone",
        "model",
        "--adapted",
        tmp_path / "m",
        "--adapted",
        tmp_path / "m.offline",
        "--policy",
        "mpc",
        "--out",
        tmp_path / "report",
        "--json",
    )
    assert compared.code == 0, compared.err
    assert len(compared.document["evaluations"]) == 4


def test_wrong_words(cli: Callable[..., Run], tmp_path: Path) -> None:
    for words, sentence in (
        (("collect", "abr", "--policy", "nobody", "--out", tmp_path / "e"), "nobody"),
        (("collect", "abr", "--policy", "bba", "--setting", "default", "--out", tmp_path / "e"), "training"),
        (("collect", "vp", "--policy", "last-value", "--out", tmp_path / "e"), "learns from its data set"),
        (("adapt", "abr", "--backbone", "none", "--out", tmp_path / "m"), "netwright collect abr"),
        (("adapt", "abr", "--backbone", "none", "--out", tmp_path / "m", "--start", tmp_path), "--online"),
        (("test", "abr", "--policy", "bba", "--guard", "mpc"), "--adapted"),
    ):
        failed = cli(*words)
        assert failed.code == 2, words
        assert sentence in failed.err, failed.err
