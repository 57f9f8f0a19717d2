"""Adapted models as viewport policies: every recipe end to end on generated data, and every answer valid."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from netwright.adaptation import api
from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.inference import predict_fn
from netwright.adaptation.saved_model import assemble
from netwright.core.errors import DataError
from netwright.evaluation import api as evaluation
from netwright.llm.backbones import build_backbone
from netwright.tasks.vp import TASK
from netwright.tasks.vp.adapter import ViewportAdapter
from netwright.tasks.vp.angles import LIMITS_DEG
from netwright.tasks.vp.dataset import TraceSet, VpData
from netwright.tasks.vp.recipes import RECIPES
from netwright.tasks.vp.settings import SETTINGS
from netwright.tasks.vp.windows import Observation, Windows, windows
from tests.adaptation.toy import small_backbone

QUICK = {"iterations": 6, "batch_size": 16, "evaluate_every": 3, "rank": 2, "precision": "float32"}
N_IMAGE = RECIPES["image"].config.n_image_features


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return small_backbone(tmp_path_factory.mktemp("backbone") / "model")


def with_frames(data: VpData) -> VpData:
    """The same data with image features for every video."""
    rng = np.random.default_rng(0)

    def seen(traces: TraceSet) -> TraceSet:
        longest = int(traces.lengths.max())
        videos = np.unique(traces.video)
        frames = {int(v): rng.standard_normal((longest, N_IMAGE)).astype(np.float32) for v in videos}
        return replace(traces, frames=frames)

    return replace(data, sets={name: seen(traces) for name, traces in data.sets.items()})


@pytest.fixture(scope="module", params=list(RECIPES))
def adapted(request: Any, backbone: str, generated: VpData, tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = with_frames(generated) if request.param == "image" else generated
    out = tmp_path_factory.mktemp("adapted") / request.param
    return api.adapt(TASK, data, out=out, backbone=backbone, recipe=request.param, options=QUICK), data


def test_every_recipe_adapts_tests_and_loads(adapted: Any, backbone: str) -> None:
    model, data = adapted
    again = api.load(model.folder, backbone=backbone)
    for setting in SETTINGS:
        found = evaluation.test(TASK, model, setting, data)
        assert 3.0 < found.mean < 60.0
        assert found.per_episode == evaluation.test(TASK, again, setting, data).per_episode


def test_one_moment_is_answered_as_among_many(adapted: Any) -> None:
    model, data = adapted
    chosen = windows(data, SETTINGS["default"].config, crowd=True).take(np.array([0, 3, 5]))
    many = model.policy.predict(chosen)
    for i in range(len(chosen)):
        trace, start = int(chosen.trace[i]), int(chosen.start[i])
        video = int(chosen.traces.video[trace])
        frames = chosen.traces.frames.get(video)
        assert chosen.crowd is not None
        others = chosen.crowd.angles_deg[chosen.crowd.video_index[video]].transpose(2, 0, 1)
        moment = Observation(
            chosen.traces.trace(trace)[:start],
            chosen.horizon,
            chosen.history,
            chosen.front_deg,
            others.astype(float),
            None if frames is None else frames[start - 1],
        )
        np.testing.assert_allclose(model.policy.act(moment), many[i], atol=2e-3)


def test_any_history_and_horizon(adapted: Any) -> None:
    model, data = adapted
    config = replace(SETTINGS["default"].config, history=25, horizon=45)
    answer = model.policy.predict(windows(data, config, crowd=True))
    assert answer.shape[1:] == (45, 3)
    np.testing.assert_allclose(answer[:, 30:], np.repeat(answer[:, 29:30], 15, axis=1), atol=1e-9)


def test_the_future_is_not_read(adapted: Any) -> None:
    model, data = adapted
    chosen = windows(data, SETTINGS["default"].config, crowd=True).take(np.array([4]))
    angles = chosen.traces.angles_deg.copy()
    end = chosen.traces.offset[chosen.trace[0] + 1]
    angles[chosen.row[0] : end] = 33.0
    other = replace(chosen, traces=replace(chosen.traces, angles_deg=angles))
    np.testing.assert_allclose(model.policy.predict(other), model.policy.predict(chosen), atol=1e-4)


def wild_policy(recipe: str, backbone: str, data: VpData) -> Any:
    """A model whose head has large random weights, so that its raw answers are far out of bounds."""
    adapter = ViewportAdapter(RECIPES[recipe].config, data, None)
    model = assemble(build_backbone(backbone), adapter, TrainingConfig(rank=2), seed=0).eval()
    torch.manual_seed(0)
    for parameter in model.head.parameters():
        torch.nn.init.normal_(parameter, std=30.0)
    return adapter.policy(predict_fn(model, model.device))


def random_windows(rng: np.random.Generator, n: int) -> Windows:
    """Windows of uniformly random angles: no smoothness, every direction, many wraps."""
    rows = n + 20
    angles = rng.uniform(-1.0, 1.0, (rows, 3)) * np.array(LIMITS_DEG)
    one = np.array([1])
    traces = TraceSet("random", angles, np.arange(rows) / 5.0, np.array([0, rows]), one, one)
    start = np.arange(20, rows, dtype=np.int64)
    return Windows(traces, np.zeros(n, dtype=np.int64), start, history=10, horizon=20)


def test_a_million_viewports_are_all_valid(generated: VpData) -> None:
    """Twenty steps of each of 50,000 windows."""
    answer = wild_policy("strict", "none", generated).predict(
        random_windows(np.random.default_rng(1), 50_000)
    )
    assert answer.shape[0] * answer.shape[1] == 1_000_000
    assert np.isfinite(answer).all()
    assert (answer[..., [0, 2]] < 180.0).all()
    largest = np.abs(answer).max(axis=(0, 1))
    assert (largest <= np.array(LIMITS_DEG)).all()
    assert (largest > 0.99 * np.array(LIMITS_DEG)).all()  # the bounds were reached, so they were tested


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(bad: float, backbone: str, generated: VpData) -> None:
    policy = wild_policy("strict", backbone, generated)
    angles = np.zeros((40, 3))
    angles[35, 2] = bad
    with pytest.raises(DataError, match="NaN or infinity"):
        policy.act(Observation(angles, 20))


def test_a_damaged_model_is_refused(backbone: str, generated: VpData) -> None:
    adapter = ViewportAdapter(RECIPES["strict"].config, generated, None)
    model = assemble(build_backbone(backbone), adapter, TrainingConfig(rank=2), seed=0).eval()
    torch.nn.init.constant_(next(model.head.parameters()), float("nan"))
    with pytest.raises(DataError, match="answered NaN"):
        adapter.policy(predict_fn(model, model.device)).act(Observation(np.zeros((40, 3)), 20))
