"""Decisions end to end on a toy task: collect, adapt by every method, decide with a cache, continue online, guard."""

from __future__ import annotations

import copy
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from netwright.adaptation import guard
from netwright.adaptation.api import Adapted, adapt
from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.guard import Guarded
from netwright.adaptation.models.decision import CANDIDATES, DecisionModel, StepwiseInference, choice_loss
from netwright.adaptation.offline import experience as storage
from netwright.adaptation.offline.collect import Plan, rl_collect
from netwright.adaptation.saved_model import assemble
from netwright.core.errors import ConfigError, DataError, NetwrightError
from netwright.evaluation import api as evaluation
from netwright.llm.backbones import build_backbone
from tests.adaptation import toy_decisions as toy
from tests.adaptation.toy import finetune_online, load, small_backbone

TOLERANCE = 1e-5  # of float32 sums in another order
PLAN = Plan(("good", "bad", "noisy:0.3:good", "sampled:good"), "house", 300, seed=4, labels=("good",))


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return small_backbone(tmp_path_factory.mktemp("backbone") / "model")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("experience") / "out"
    rl_collect(toy.TASK, None, PLAN, out=out)
    return out


@pytest.fixture(scope="module")
def adapted(backbone: str, collected: Path, tmp_path_factory: pytest.TempPathFactory) -> Adapted:
    return run(tmp_path_factory.mktemp("adapted") / "out", backbone, collected)


@pytest.fixture(scope="module")
def ignorant(backbone: str, collected: Path, tmp_path_factory: pytest.TempPathFactory) -> Adapted:
    """A model after a single update."""
    out = tmp_path_factory.mktemp("ignorant") / "out"
    return run(out, backbone, collected, iterations=1, evaluate_every=1)


def run(
    out: Path, backbone: str, collected: Path, recipe: str = "advantage", resume: bool = False, **options: Any
) -> Adapted:
    return adapt(
        toy.TASK,
        "toy",
        out=out,
        backbone=backbone,
        recipe=recipe,
        experience=[collected],
        seed=3,
        options=options,
        resume=resume,
    )


def model_of(backbone: str, window: int = 3) -> DecisionModel:
    state = {"conditioning": {"kind": "none", "size": 0, "fitted": {}}, "ranges": {"low": [], "high": []}}
    adapter = toy.DoorsAdapter({"window": window, "target": 0.0}, None, state, None, 0)
    model = assemble(build_backbone(backbone), adapter, TrainingConfig(rank=4), seed=0).eval()
    assert isinstance(model, DecisionModel)
    assert model.gate is not None
    torch.nn.init.ones_(model.gate)  # as it starts, the backbone would have no say
    torch.nn.init.normal_(model.head.score.weight)
    return model


def episodes(n: int, steps: int, doors: int = toy.DOORS) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(n)
    numbers = rng.normal(size=(n, steps, doors)).astype(np.float32)
    sign = rng.choice([-1.0, 1.0], size=(n, steps, 1)).astype(np.float32)
    return {"sign": sign, "numbers": numbers[..., : toy.DOORS], CANDIDATES: numbers[..., None]}


@pytest.mark.parametrize("window", [1, 3, 20])
def test_decisions_from_the_cache_are_those_of_a_full_recompute(backbone: str, window: int) -> None:
    model = model_of(backbone, window)
    whole = episodes(5, 12)
    with torch.inference_mode():
        scores = model({k: torch.from_numpy(v) for k, v in whole.items()}).numpy()
    inference = StepwiseInference(model)
    for _ in range(2):  # a second batch of episodes starts from nothing
        inference.reset()
        steps = [inference.scores({k: v[:, t] for k, v in whole.items()}) for t in range(12)]
        np.testing.assert_allclose(np.stack(steps, axis=1), scores, atol=TOLERANCE)
    assert scores.std() > 0.1


def test_the_past_matters_within_the_window_only(backbone: str) -> None:
    """With w = 1 a decision is a function of its own step, with w = 3 of the steps before too."""
    whole = episodes(5, 4)
    changed = {k: v.copy() for k, v in whole.items()}
    changed["sign"][:, 0] *= -1.0
    for window, differs in ((1, False), (3, True)):
        model = model_of(backbone, window)
        with torch.inference_mode():
            one, other = (
                model({k: torch.from_numpy(v) for k, v in x.items()})[:, 1:] for x in (whole, changed)
            )
        assert bool((one - other).abs().max() > 1e-4) == differs


def test_more_choices_than_in_training(backbone: str) -> None:
    model = model_of(backbone)
    many = episodes(4, 5, doors=9)
    few = {k: v[..., :2, :] if k == CANDIDATES else v for k, v in many.items()}
    with torch.inference_mode():
        scores = model({k: torch.from_numpy(v) for k, v in many.items()})
        assert scores.shape == (4, 5, 9)
        assert torch.equal(scores[..., :2], model({k: torch.from_numpy(v) for k, v in few.items()}))


def test_a_choice_that_may_not_be_taken_never_is(backbone: str) -> None:
    whole = episodes(50, 1)
    inputs = {k: v[:, 0] for k, v in whole.items()} | {"valid": np.tile([True, False, True], (50, 1))}
    scores = StepwiseInference(model_of(backbone)).scores(inputs)
    assert (scores.argmax(axis=1) != 1).all()


def test_the_loss_is_the_cross_entropy_and_leaves_padding_out() -> None:
    scores = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0))
    chosen = torch.arange(20).reshape(4, 5) % 3
    target = torch.nn.functional.one_hot(chosen, 3).float()
    expected = torch.nn.functional.cross_entropy(scores.flatten(0, 1), chosen.flatten())
    assert choice_loss(scores, target).item() == pytest.approx(expected.item())
    target[2:] = 0.0
    expected = torch.nn.functional.cross_entropy(scores[:2].flatten(0, 1), chosen[:2].flatten())
    assert choice_loss(scores, target).item() == pytest.approx(expected.item())


@pytest.mark.parametrize("recipe", toy.METHODS)
def test_every_method_learns_to_prefer_the_good_door(
    tmp_path: Path, backbone: str, collected: Path, recipe: str
) -> None:
    model = run(tmp_path / "out", backbone, collected, recipe=recipe)
    best, worst = toy.play(toy.good(), 2), toy.play(toy.bad(), 2)
    assert evaluation.test(toy.TASK, model, "default", None).mean > worst + 0.8 * (best - worst)
    again = load(model.folder, toy.TASK)
    assert toy.play(again.policy, 5) == toy.play(model.policy, 5)


def test_asking_for_less_gives_less(tmp_path: Path, backbone: str, collected: Path) -> None:
    model = run(tmp_path / "out", backbone, collected, recipe="regret", iterations=120)
    reached = []
    for target in (-2.0, 0.8):
        model.policy.adapter.recipe = {"target": target}
        reached.append(toy.play(model.policy, 2))
    assert reached[0] < reached[1] - 0.5


def test_validation_is_a_reward_and_the_best_is_kept(adapted: Adapted) -> None:
    validation = adapted.info["validation"]
    assert validation["metric"] == "reward"
    assert 0 < validation["kept"] <= validation["best"]
    assert adapted.info["data"]["experience"]["policies"]["bad"]["mean_reward"] < 0


def test_an_average_of_weights_survives_an_interruption(
    tmp_path: Path, backbone: str, collected: Path
) -> None:
    options = {"average": 0.9, "iterations": 20, "evaluate_every": 5}
    whole = run(tmp_path / "whole", backbone, collected, **options)
    plain = run(tmp_path / "plain", backbone, collected, **(options | {"average": 0.0}))

    def interrupt(line: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        adapt(
            toy.TASK,
            "toy",
            out=tmp_path / "cut",
            backbone=backbone,
            experience=[collected],
            seed=3,
            options=options,
            progress=interrupt,
        )
    resumed = run(tmp_path / "cut", backbone, collected, resume=True, **options)
    weights = [load_file(m.folder / "encoder_head.safetensors") for m in (whole, resumed, plain)]
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])
    assert any(not torch.equal(weights[0][k], weights[2][k]) for k in weights[0])


def test_without_experience_nothing_is_learned(tmp_path: Path, backbone: str) -> None:
    with pytest.raises(ConfigError, match="netwright collect doors"):
        adapt(toy.TASK, "toy", out=tmp_path / "out", backbone=backbone)


def test_distilling_needs_labels(tmp_path: Path, backbone: str) -> None:
    out = tmp_path / "experience"
    rl_collect(toy.TASK, None, replace(PLAN, labels=(), sessions=5), out=out)
    with pytest.raises(ConfigError, match="--label"):
        run(tmp_path / "out", backbone, out, recipe="distill")


class TestOnline:
    def test_it_continues_from_the_adapted_model_and_says_what_it_cost(
        self, tmp_path: Path, adapted: Adapted
    ) -> None:
        before = {p.name: p.read_bytes() for p in adapted.folder.iterdir()}
        options = {"iterations": 40, "learning_rate": 5e-3, "evaluate_every": 10}
        model = finetune_online(toy.TASK, "toy", adapted.folder, out=tmp_path / "out", options=options)
        assert model.name == adapted.name + ":online"
        cost = model.info["cost"]
        assert cost["seconds_interacting"] > 0
        assert cost["seconds_learning"] > 0
        assert cost["offline"] == adapted.info["cost"]
        assert toy.play(model.policy, 2) > toy.play(adapted.policy, 2) - 0.02
        assert {p.name: p.read_bytes() for p in adapted.folder.iterdir()} == before
        assert not any("critic" in k for k in load_file(model.folder / "encoder_head.safetensors"))

    @pytest.mark.parametrize("advantages", ["critic", "vine"])
    @pytest.mark.parametrize("warm_start", [0.0, 0.5])
    def test_it_learns_from_a_model_that_knows_little(
        self, tmp_path: Path, ignorant: Adapted, warm_start: float, advantages: str
    ) -> None:
        options = {"warm_start": warm_start, "learning_rate": 1e-2, "iterations": 20, "evaluate_every": 20}
        options |= {"advantages": advantages, "critic_warmup": 2}
        model = finetune_online(toy.TASK, "toy", ignorant.folder, out=tmp_path / "out", options=options)
        assert toy.play(model.policy, 2) > toy.play(ignorant.policy, 2) + 0.3
        gate = load_file(model.folder / "encoder_head.safetensors")["gate"]
        assert gate.any()

    @pytest.mark.parametrize("advantages", ["critic", "vine"])
    def test_ctrl_c_then_resume_gives_the_weights_of_an_uninterrupted_run(
        self, tmp_path: Path, adapted: Adapted, advantages: str
    ) -> None:
        options = {"advantages": advantages}
        whole = finetune_online(toy.TASK, "toy", adapted.folder, out=tmp_path / "whole", options=options)

        def interrupt(line: str) -> None:
            os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            finetune_online(
                toy.TASK, "toy", adapted.folder, out=tmp_path / "cut", options=options, progress=interrupt
            )
        resumed = finetune_online(
            toy.TASK, "toy", adapted.folder, out=tmp_path / "cut", options=options, resume=True
        )
        one, other = (load_file(m.folder / "encoder_head.safetensors") for m in (whole, resumed))
        assert all(torch.equal(one[k], other[k]) for k in one)
        again = finetune_online(
            toy.TASK, "toy", adapted.folder, out=whole.folder, options=options, resume=True
        )
        assert again.info == whole.info
        with pytest.raises(ConfigError, match=r"has another config\.gamma, seed"):
            finetune_online(
                toy.TASK,
                "toy",
                adapted.folder,
                out=whole.folder,
                seed=9,
                options=options | {"gamma": 0.5},
                resume=True,
            )

    def test_the_model_has_no_weights_for_what_only_the_critic_sees(self, adapted: Adapted) -> None:
        """The encoder reads four numbers of a step; the environment's private one is not among them."""
        model = adapted.policy.inference.model
        assert (
            sum(
                m.layers[0].in_features if hasattr(m, "layers") else m[0].in_features
                for m in model.encoder.features.values()
            )
            == 1 + toy.DOORS
        )

    def test_options_that_cannot_be(self, tmp_path: Path, adapted: Adapted) -> None:
        for wrong in (
            {"epochs": 0},
            {"gamma": 2.0},
            {"clip_range": 0.0},
            {"encoder_dropout": 0.1},
            {"advantages": "guesses"},
        ):
            with pytest.raises(NetwrightError):
                finetune_online(toy.TASK, "toy", adapted.folder, out=tmp_path / "out", options=wrong)


class Slow:
    """A model that does something else before each of its decisions."""

    def __init__(self, policy: Any, work: Any) -> None:
        self.policy, self.work, self.calls = policy, work, 0

    def reset(self, rng: np.random.Generator) -> None:
        self.policy.reset(rng)

    def act(self, obs: Any) -> np.ndarray:
        self.calls += 1
        self.work()
        return self.policy.act(obs)

    def out_of_distribution(self) -> np.ndarray:
        return self.policy.out_of_distribution()


class Hanging(Slow):
    """Waits as long as the next number says; copies share the numbers."""

    def __init__(self, policy: Any, waits: Any) -> None:
        super().__init__(policy, None)
        self.waits = waits

    def act(self, obs: Any) -> np.ndarray:
        time.sleep(next(self.waits))
        return self.policy.act(obs)

    def __deepcopy__(self, memo: Any) -> Hanging:
        return Hanging(copy.deepcopy(self.policy, memo), self.waits)


class TestGuard:
    def guarded(self, adapted: Adapted, **options: Any) -> Guarded:
        guarded = Guarded(adapted.policy, toy.bad(), **options)
        guarded.reset(np.random.default_rng(0))
        return guarded

    def observation(self, scale: float = 1.0) -> dict[str, np.ndarray]:
        observation = toy.Doors(np.random.default_rng(1), 40).observe()
        return observation | {"numbers": observation["numbers"] * scale}

    def test_a_usual_state_is_left_to_the_model(self, adapted: Adapted) -> None:
        guarded = self.guarded(adapted)
        usual = self.observation(0.5)
        chosen = guarded.act(usual)
        adapted.policy.reset(np.random.default_rng(0))
        assert np.array_equal(chosen, adapted.policy.act(usual))
        assert guarded.counts() == {
            "guard_decisions": 40,
            "guard_late": 0,
            "guard_failed": 0,
            "guard_out_of_distribution": 0,
        }

    def test_states_out_of_distribution_are_the_rules(self, adapted: Adapted) -> None:
        guarded = self.guarded(adapted)
        far = self.observation(100.0)
        assert np.array_equal(guarded.act(far), toy.bad().act(far))
        assert guarded.by_rule["out_of_distribution"] == 40

    @pytest.mark.parametrize("slow", ["sleep", "spin"])
    def test_at_the_deadline_the_rules_answer_is_given(self, adapted: Adapted, slow: str) -> None:
        def work() -> None:
            end = time.perf_counter() + 0.2
            if slow == "sleep":
                time.sleep(0.2)
            while time.perf_counter() < end:
                torch.ones(64, 64) @ torch.ones(64, 64)

        model = Slow(adapted.policy, work)
        guarded = Guarded(model, toy.bad(), deadline_s=0.05)
        guarded.reset(np.random.default_rng(0))
        usual = self.observation(0.5)
        for _ in range(3):
            began = time.perf_counter()
            assert np.array_equal(guarded.act(usual), toy.bad().act(usual))
            assert time.perf_counter() - began < 0.15
            assert guarded.decision_seconds.max() < 0.15
        assert guarded.by_rule["late"] == 3 * 40
        assert model.calls == 1  # the second and third decision found it at work

    def test_after_a_late_answer_the_model_begins_again(self, adapted: Adapted) -> None:
        release = threading.Event()
        waits = iter([release.wait, lambda: None])
        guarded = Guarded(Slow(adapted.policy, lambda: next(waits)()), toy.bad(), deadline_s=0.05)
        guarded.reset(np.random.default_rng(0))
        usual = self.observation(0.5)
        guarded.act(usual)
        release.set()
        time.sleep(0.3)
        guarded.deadline_s = 30.0
        adapted.policy.reset(np.random.default_rng(0))
        assert np.array_equal(guarded.act(usual), adapted.policy.act(usual))

    def test_a_model_that_hangs_is_replaced(self, adapted: Adapted, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guard, "PATIENCE_S", 0.1)
        waits = iter([60.0, 0.0, 0.0])
        guarded = Guarded(Hanging(adapted.policy, waits), toy.bad(), deadline_s=0.05)
        guarded.reset(np.random.default_rng(0))
        usual = self.observation(0.5)
        guarded.act(usual)
        time.sleep(0.2)
        guarded.act(usual)  # starts the copy
        time.sleep(2.0)
        guarded.deadline_s = 30.0
        before = guarded.by_rule["late"]
        guarded.act(usual)
        assert before == guarded.by_rule["late"] == 80

    @pytest.mark.parametrize("deadline_s", [None, 5.0])
    def test_a_failure_goes_to_the_rule(self, adapted: Adapted, deadline_s: float | None) -> None:
        def fail() -> None:
            raise DataError("the model scored a choice NaN or infinity")

        guarded = Guarded(Slow(adapted.policy, fail), toy.bad(), deadline_s=deadline_s)
        guarded.reset(np.random.default_rng(0))
        usual = self.observation(0.5)
        assert np.array_equal(guarded.act(usual), toy.bad().act(usual))
        assert guarded.by_rule["failed"] == 40

    def test_its_counts_are_in_the_evaluation(self, adapted: Adapted) -> None:
        found = evaluation.test(toy.TASK, Guarded(adapted.policy, toy.good()), "default", None)
        assert found.detail["guard_decisions"] == 200 * toy.STEPS

    def test_a_rule_cannot_be_guarded(self) -> None:
        with pytest.raises(ConfigError, match="drop --guard"):
            Guarded(toy.good(), toy.bad())


def test_experience_survives_the_disk(collected: Path) -> None:
    read = storage.read(collected)
    assert read.n_episodes == 4 * 300
    assert read.n_steps == 4 * 300 * toy.STEPS
    assert read.policies == PLAN.policies
