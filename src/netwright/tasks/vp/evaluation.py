"""Testing a policy on the windows of one setting (`Test` of Fig. 9, Wu et al. 2024)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from netwright.core.errors import DataError
from netwright.core.policy import BatchedPolicy, Policy, name_of
from netwright.core.results import Evaluation
from netwright.core.task import Setting
from netwright.core.types import Json
from netwright.tasks.vp import metrics
from netwright.tasks.vp.angles import Floats
from netwright.tasks.vp.dataset import VpData
from netwright.tasks.vp.windows import Observation, Windows, check_finite, observations, windows

N_EXAMPLES = 6


def evaluate(policy: Policy[Observation, Floats], setting: Setting, data: VpData, *, name: str) -> Evaluation:
    """Error of a policy on all windows of a setting; an episode is a trace, weighted by its windows.

    Args:
        policy: under test.
        setting: its config (a `VpConfig`) says which windows.
        data: the datasets.
        name: the policy's name in the result.

    Returns:
        The mean absolute error in degrees by trace (Appendix A.6), and in `detail`: `by_axis` and
        `by_horizon` (degrees), `great_circle_deg`, `within_30_deg` and `overlap` (0..1) of the viewing
        direction, `groups` (the viewer of each episode), `per_window` (degrees) and `examples` (a few windows
        to draw).

    Raises:
        DataError: the data or the answer holds a value that is not finite, or the answer is of another shape.
    """
    chosen = windows(data, setting.config, crowd=True)
    check_finite(chosen, ahead=chosen.horizon)
    policy.reset(np.random.default_rng(0))
    began = time.perf_counter()
    predicted = answers(policy, chosen)
    seconds = time.perf_counter() - began
    actual = chosen.future_deg()
    _check_answer(predicted, actual, f"policy {name!r} in setting {setting.name!r}")
    error = metrics.absolute_error_deg(predicted, actual)
    traces, per_trace, counts = metrics.by_trace(error, chosen.trace)
    distance = metrics.great_circle_deg(predicted, actual)
    return Evaluation(
        task="vp",
        setting=setting.name,
        policy=name,
        metric="mae",
        unit="degrees",
        per_episode=tuple(per_trace.tolist()),
        weights=tuple(counts.astype(float).tolist()),
        episodes=tuple(chosen.traces.label(int(i)) for i in traces),
        seconds=seconds,
        config=asdict(setting.config) | {"data": data.source, "synthetic": data.synthetic},
        detail={
            "by_axis": metrics.by_axis(error),
            "by_horizon": metrics.by_horizon(error).tolist(),
            "great_circle_deg": float(distance.mean()),
            "within_30_deg": metrics.within(distance),
            "overlap": float(metrics.viewport_overlap(distance).mean()),
            "groups": [f"{chosen.traces.name}/user{chosen.traces.user[i]}" for i in traces],
            "per_window": error.mean(axis=(1, 2)).round(4).tolist(),
            "examples": _examples(chosen, predicted),
        },
    )


def trial(setting: Setting, data: VpData) -> Callable[[Policy[Observation, Floats]], None]:
    """A function that lets a policy predict one window of a setting; raises `NotApplicableError` if it cannot."""
    chosen = windows(data, setting.config, crowd=True)
    check_finite(chosen, ahead=chosen.horizon)
    first = chosen.take(np.zeros(1, dtype=np.int64))

    def predict(policy: Policy[Observation, Floats]) -> None:
        policy.reset(np.random.default_rng(0))
        answers(policy, first)

    return predict


def answers(policy: Policy[Observation, Floats], windows: Windows) -> Floats:
    """(N, horizon, 3) a policy's predictions in degrees: at once if it can, otherwise one by one.

    Raises:
        DataError: the answers are of different shapes.
    """
    if isinstance(policy, BatchedPolicy):
        return policy.predict(windows)
    found = [_array(policy.act(obs), policy) for obs in observations(windows)]
    shapes = {answer.shape for answer in found}
    if len(shapes) > 1:
        raise DataError(
            f"policy {name_of(policy)!r} answered arrays of the shapes {sorted(shapes)}; each must be (horizon, 3)."
        )
    return np.stack(found)


def _array(answer: object, policy: Policy[Observation, Floats]) -> Floats:
    """An answer as numbers."""
    try:
        return np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"policy {name_of(policy)!r} answered {answer!r:.60}, which is no array of numbers (horizon, 3)."
        ) from None


def _check_answer(predicted: Floats, actual: Floats, who: str) -> None:
    if predicted.shape != actual.shape:
        raise DataError(
            f"{who}: answered an array of shape {predicted.shape}, expected {actual.shape}; "
            "correct its predict()."
        )
    if not np.isfinite(predicted).all():
        raise DataError(f"{who}: answered NaN or infinity; its model is damaged, train it again.")


def _examples(chosen: Windows, predicted: Floats) -> list[Json]:
    """The same few windows for every policy, spread evenly over the setting."""
    index = np.unique(np.linspace(0, len(chosen) - 1, N_EXAMPLES).round().astype(np.int64))
    few = chosen.take(index)
    arrays = {"history": few.seen_deg(), "future": few.future_deg(), "answer": predicted[index]}
    return [
        {
            "window": int(index[i]),
            "episode": few.traces.label(int(few.trace[i])),
            "start": int(few.start[i]),
            **{key: values[i].round(3).tolist() for key, values in arrays.items()},
        }
        for i in range(len(index))
    ]
