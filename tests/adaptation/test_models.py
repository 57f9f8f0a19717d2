"""The adapted model's parts by hand: the gate, the fed-back answers, losses, and inference step by step."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from netwright.adaptation.models.adapted import AdaptedModel, AutoregressiveModel
from netwright.adaptation.models.decision import (
    CANDIDATES,
    DecisionModel,
    StepwiseInference,
    as_tensor,
    choice_loss,
    parts_loss,
)
from netwright.core.errors import ConfigError, DataError
from netwright.llm.backbones import build_backbone
from netwright.llm.encoders import Scalars
from netwright.llm.heads import BoundedRegression, Candidates
from tests.adaptation.toy import small_backbone

MODALITIES = (Scalars("first", 2, n_features=4), Scalars("second", 1, n_features=4))


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return small_backbone(tmp_path_factory.mktemp("backbone") / "model")


def inputs(n=3):
    rng = torch.Generator().manual_seed(n)
    return {
        "first": torch.randn(n, 2, generator=rng),
        "second": torch.randn(n, 1, generator=rng),
    }


def decider(name, window=2):
    torch.manual_seed(0)
    made = DecisionModel(
        build_backbone(name, seed=0), MODALITIES, Candidates(1, n_hidden=8), window=window
    ).eval()
    nn.init.normal_(made.head.score.weight)
    if made.gate is not None:
        nn.init.constant_(made.gate, 0.7)
    return made


# Gate


def test_at_first_the_head_reads_the_tokens_alone(backbone):
    made = AdaptedModel(build_backbone(backbone), MODALITIES, BoundedRegression((1,), limit=5.0)).eval()
    assert made.n_read == 2
    tokens = made.encoder(inputs())
    assert torch.equal(made.hidden(tokens), tokens)
    assert made.gate.tolist() == [0.0] * made.backbone.width


def test_what_the_backbone_adds_is_scaled_by_the_gate_of_each_channel(backbone):
    made = AdaptedModel(build_backbone(backbone), MODALITIES, BoundedRegression((1,), limit=5.0)).eval()
    with torch.no_grad():
        made.gate[3] = 2.0
        tokens = made.encoder(inputs())
        added = made.hidden(tokens) - tokens
        states = made.backbone(tokens)
    assert torch.allclose(added[..., 3], 2.0 * states[..., 3], atol=1e-5)
    assert not added[..., :3].any()
    assert not added[..., 4:].any()
    made.joined = False
    assert torch.equal(made.hidden(tokens), tokens)


def test_a_model_without_a_backbone_has_no_gate():
    made = AdaptedModel(build_backbone("none"), MODALITIES, BoundedRegression((1,), limit=5.0)).eval()
    assert made.gate is None
    tokens = made.encoder(inputs())
    assert torch.equal(made.hidden(tokens), tokens)
    assert made.device.type == "cpu"
    assert not [name for name in made.trainable() if name.startswith("backbone.")]


def test_frozen_parameters_are_not_trained(backbone):
    made = AdaptedModel(build_backbone(backbone), MODALITIES, BoundedRegression((1,), limit=5.0))
    for parameter in made.backbone.parameters():
        parameter.requires_grad_(False)
    names = set(made.trainable())
    assert "gate" in names
    assert any(name.startswith("encoder.") for name in names)
    assert any(name.startswith("head.") for name in names)
    assert not any(name.startswith("backbone.") for name in names)


# One answer after another


def autoregressive(name, **options):
    torch.manual_seed(0)
    made = AutoregressiveModel(
        build_backbone(name, seed=0),
        MODALITIES,
        BoundedRegression((1,), limit=5.0),
        n_steps=3,
        n_values=1,
        **options,
    )
    for parameter in made.head.parameters():
        nn.init.normal_(parameter, std=0.3)
    return made.eval()


def test_the_gate_of_the_autoregressive_mode_starts_open(backbone):
    made = autoregressive(backbone)
    assert made.gate.tolist() == [1.0] * made.backbone.width
    assert made.n_read == 1


def test_true_values_fed_back_give_what_the_models_own_values_give(backbone):
    """Teacher forcing with the model's own answers is the model's own rollout, with a cache and without."""
    for cached in (True, False):
        made = autoregressive(backbone, cached=cached)
        with torch.inference_mode():
            own = made(inputs())
            forced = made.training_answer(inputs(), own)
        assert own.shape == (3, 3, 1)
        assert torch.allclose(own, forced, atol=1e-5)


def test_a_value_that_is_fed_back_changes_only_later_answers(backbone):
    made = autoregressive(backbone)
    target = torch.zeros(3, 3, 1)
    changed = target.clone()
    changed[:, 1] = 4.0
    with torch.inference_mode():
        one, other = (made.training_answer(inputs(), t) for t in (target, changed))
    assert torch.allclose(one[:, :2], other[:, :2], atol=1e-6)
    assert not torch.allclose(one[:, 2], other[:, 2], atol=1e-4)


# Losses


def test_the_loss_of_a_choice_by_hand():
    scores = torch.log(torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]]))
    target = torch.tensor([[[0.0, 2.0, 0.0], [0.0, 0.5, 0.5]]])
    expected = (2.0 * math.log(4.0) + 0.5 * math.log(10.0) + 0.5 * math.log(1.25)) / 2.0
    assert choice_loss(scores, target).item() == pytest.approx(expected)


def test_a_masked_choice_and_a_batch_of_padding_have_a_finite_loss():
    scores = torch.tensor([[[0.0, -math.inf], [1.0, 1.0]]])
    target = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    assert choice_loss(scores, target).item() == 0.0
    assert choice_loss(scores, torch.zeros(1, 2, 2)).item() == 0.0


def test_the_loss_of_an_action_is_the_sum_over_its_parts():
    scores = {"node": torch.zeros(1, 1, 4), "count": torch.zeros(1, 1, 2)}
    targets = {name: nn.functional.one_hot(torch.tensor([[0]]), s.shape[-1]) for name, s in scores.items()}
    assert parts_loss(scores, targets).item() == pytest.approx(math.log(4.0) + math.log(2.0))


# Step by step


def steps(n=4, length=5):
    rng = np.random.default_rng(n)
    return {
        "first": rng.normal(size=(n, length, 2)).astype(np.float32),
        "second": rng.normal(size=(n, length, 1)).astype(np.float32),
        CANDIDATES: rng.normal(size=(n, length, 3, 1)).astype(np.float32),
    }


def at(whole, t, rows=slice(None)):
    return {name: value[rows, t] for name, value in whole.items()}


@pytest.mark.parametrize("name", ["none", "backbone"])
def test_the_window_of_each_episode_stays_its_own_when_others_end(name, backbone):
    made = decider(backbone if name == "backbone" else "none")
    whole = steps()
    alone = StepwiseInference(made)
    expected = [alone.scores(at(whole, t, [2, 3])) for t in range(4)]
    found = StepwiseInference(made)
    together = [found.scores(at(whole, t)) for t in range(2)]
    found.keep(np.array([2, 3]))
    together += [found.scores(at(whole, t, [2, 3])) for t in (2, 3)]
    for t in range(4):
        seen = together[t][[2, 3]] if t < 2 else together[t]
        np.testing.assert_allclose(seen, expected[t], atol=1e-5)


def test_an_episode_that_begins_again_remembers_nothing(backbone):
    made, whole = decider(backbone), steps()
    found, fresh = StepwiseInference(made), StepwiseInference(made)
    for t in range(2):
        found.scores(at(whole, t))
    found.restart(np.array([True, False, True, False]))
    after, new = found.scores(at(whole, 2)), fresh.scores(at(whole, 2))
    np.testing.assert_allclose(after[[0, 2]], new[[0, 2]], atol=1e-5)
    assert np.abs(after[[1, 3]] - new[[1, 3]]).max() > 1e-4


def test_another_number_of_episodes_starts_from_nothing(backbone):
    made, whole = decider(backbone), steps()
    found, fresh = StepwiseInference(made), StepwiseInference(made)
    found.scores(at(whole, 0))
    np.testing.assert_allclose(found.scores(at(whole, 1, [0])), fresh.scores(at(whole, 1, [0])), atol=1e-6)


def test_inference_puts_a_model_that_trains_into_evaluation():
    made = decider("none").train()
    StepwiseInference(made).scores(at(steps(), 0))
    assert not made.training


def test_scores_that_are_not_finite_are_refused_and_masked_ones_are_not():
    made, one = decider("none"), at(steps(), 0)
    scores = StepwiseInference(made).scores(one | {"valid": np.array([[True, False, True]] * 4)})
    assert np.isneginf(scores[:, 1]).all()
    assert np.isfinite(scores[:, [0, 2]]).all()
    for bad in (np.nan, np.inf):
        broken = one | {"first": np.full_like(one["first"], bad)}
        with pytest.raises(DataError, match="the model scored a choice NaN or infinity"):
            StepwiseInference(made).scores(broken)
    with pytest.raises(DataError, match="row 0 of the mask leaves no valid choice"):
        StepwiseInference(made).scores(one | {"valid": np.zeros((4, 3), dtype=bool)})


@pytest.mark.parametrize("window", [0, -1])
def test_a_window_holds_at_least_one_decision(window):
    with pytest.raises(ConfigError, match=f"at least 1 decision, got {window}"):
        decider("none", window)


def test_without_a_backbone_there_is_nothing_to_remember(backbone):
    assert decider("none").memory(3) is None
    made = decider(backbone)
    assert made.memory(3) is not None
    made.joined = False
    assert made.memory(3) is None


def test_arrays_of_any_layout_become_tensors():
    array = np.arange(12, dtype=np.float32).reshape(3, 4).T
    tensor = as_tensor(array, torch.device("cpu"))
    assert tensor.is_contiguous()
    assert tensor.tolist() == array.tolist()


def test_dropout_is_off_unless_it_is_asked_for(backbone):
    for made in (decider(backbone), autoregressive(backbone)):
        made.encoder.train()
        with torch.no_grad():
            assert torch.equal(made.encoder(inputs()), made.encoder(inputs()))
    made = autoregressive(backbone, encoder_dropout=0.5)
    made.encoder.train()
    with torch.no_grad():
        assert not torch.equal(made.encoder(inputs()), made.encoder(inputs()))
