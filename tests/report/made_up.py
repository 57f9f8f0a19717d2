"""A made-up task, and evaluations of it with the detail that viewport prediction gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from netwright.core.results import Evaluation
from netwright.core.task import PolicySpec, Setting, Task

SKILL = {  # policy -> (how much of the motion it foresees, spread of its error in degrees)
    "last-value": (0.0, 0.0),
    "velocity": (-0.55, 12.0),
    "linear-regression": (-0.6, 16.0),
    "mlp": (0.17, 1.0),
    "track": (0.05, 5.0),
    "adapted:tiny": (0.21, 1.0),
    "adapted:random:tiny": (0.18, 1.0),
    "adapted:none": (0.15, 1.5),
}
HISTORY, HORIZON, WINDOWS = 10, 20, 6


def make_task(report: str | None = "netwright.tasks.vp.figures:figures", **changes: Any) -> Task:
    """A prediction task that looks like viewport prediction."""
    settings = {
        "default": "Jin2022, 2 s history, 4 s horizon",
        "unseen1": "Jin2022, 4 s history, 6 s horizon",
        "unseen2": "Wu2017, 2 s history, 4 s horizon",
        "unseen3": "Wu2017, 4 s history, 6 s horizon",
    }
    fields: dict[str, Any] = {
        "name": "vp",
        "title": "Viewport prediction",
        "kind": "prediction",
        "metric": "mae",
        "unit": "degrees",
        "lower_is_better": True,
        "settings": {name: Setting(name, summary, None) for name, summary in settings.items()},
        "policies": {n: PolicySpec(n, n, "") for n in SKILL if not n.startswith("adapted")},
        "recipes": {},
        "load_data": "",
        "evaluate": "",
        "adapter": "",
        "report": report,
        "reference_policy": "last-value",
    }
    return Task(**(fields | changes))


def make_evaluation(
    policy: str,
    values: Sequence[float],
    *,
    setting: str = "default",
    weights: Sequence[float] | None = None,
    episodes: Sequence[str] | None = None,
    seed: int | None = None,
    detail: dict[str, Any] | None = None,
) -> Evaluation:
    """An evaluation with the given values per episode."""
    return Evaluation(
        task="vp",
        setting=setting,
        policy=policy,
        metric="mae",
        unit="degrees",
        per_episode=tuple(values),
        weights=tuple(weights or [1.0] * len(values)),
        episodes=tuple(episodes or [f"episode{i}" for i in range(len(values))]),
        seconds=0.1,
        config={} if seed is None else {"seed": seed},
        detail=detail or {},
    )


def make_evaluations(
    settings: Sequence[str] = ("default", "unseen1"),
    policies: Sequence[str] = tuple(SKILL),
    n_viewers: int = 6,
    n_videos: int = 3,
) -> list[Evaluation]:
    """Policies of known skill on made-up head motion; adapted models with three seeds."""
    return [
        _test(policy, setting, 100 * k, seed, n_viewers, n_videos)
        for k, setting in enumerate(settings, start=1)
        for policy in policies
        for seed in ((1, 2, 3) if policy == "adapted:tiny" else (1,))
    ]


def _test(policy: str, setting: str, world: int, seed: int, n_viewers: int, n_videos: int) -> Evaluation:
    motion, who = np.random.default_rng(world), np.random.default_rng([world, seed, len(policy)])
    labels = [(f"video{v}", f"user{u}") for v in range(n_videos) for u in range(n_viewers)]
    n, m = len(labels) * WINDOWS, HISTORY + HORIZON
    speed = motion.normal(0, [0.4, 1.2, 4.0], (n, 1, 3)) * motion.gamma(1.0, 1.0, (n, 1, 1))
    steps = speed * np.exp(-np.arange(m) / 14)[:, None] + motion.normal(0, [0.3, 0.8, 2.0], (n, m, 3))
    angles = motion.normal(0, [3, 9, 110], (n, 1, 3)) + np.cumsum(steps, axis=1)
    history, future = angles[:, :HISTORY], angles[:, HISTORY:]
    foresight, spread = SKILL[policy]
    last = history[:, -1:]
    scale = np.linspace(0.1, 1, HORIZON)[:, None] * np.array([0.3, 0.6, 1.0])
    answer = last + foresight * (future - last) + who.normal(0, spread, (n, 1, 3)) * scale
    error = np.abs(answer - future)
    per_window = error.mean(axis=(1, 2))

    def wrapped(a: np.ndarray) -> list[Any]:
        return np.round((a + 180) % 360 - 180, 3).tolist()

    return Evaluation(
        task="vp",
        setting=setting,
        policy=policy,
        metric="mae",
        unit="degrees",
        per_episode=tuple(per_window.reshape(-1, WINDOWS).mean(axis=1).tolist()),
        weights=(float(WINDOWS),) * len(labels),
        episodes=tuple("/".join(label) for label in labels),
        seconds=0.2,
        config={"seed": seed, "horizon": HORIZON, "data": {"source": "generated, seed 0", "synthetic": True}},
        detail={
            "by_axis": dict(zip(("roll", "pitch", "yaw"), error.mean(axis=(0, 1)).tolist(), strict=True)),
            "by_horizon": error.mean(axis=(0, 2)).tolist(),
            "great_circle_deg": float(error[..., 1:].mean() * 1.2),
            "within_30_deg": float((error[..., 2] < 30).mean()),
            "groups": [user for _, user in labels],
            "per_window": per_window.round(4).tolist(),
            "examples": [
                {
                    "window": i,
                    "episode": "/".join(labels[i // WINDOWS]),
                    "start": 30 + 15 * (i % WINDOWS),
                    "history": wrapped(history[i]),
                    "future": wrapped(future[i]),
                    "answer": wrapped(answer[i]),
                }
                for i in range(0, n, n // 5)
            ],
        },
    )
