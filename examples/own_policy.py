"""A policy of one's own beside the baselines: the last viewport, with the head returning to level."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

import netwright
from netwright.evaluation.baselines import ready_policy
from netwright.tasks.vp import TASK
from netwright.tasks.vp.angles import PITCH, ROLL, Floats
from netwright.tasks.vp.data import load
from netwright.tasks.vp.policy import WindowPolicy
from netwright.tasks.vp.windows import Windows


class ReturnToLevel(WindowPolicy):
    """Yaw stays; roll and pitch decay toward zero with a time constant in samples of 0.2 s."""

    name = "return-to-level"

    def __init__(self, samples: float = 60.0) -> None:
        self.samples = samples

    def extrapolate(self, windows: Windows) -> Floats:
        answer = np.repeat(windows.last_deg()[:, None], windows.horizon, axis=1)  # (N, horizon, 3)
        decay = np.exp(-np.arange(1, windows.horizon + 1) / self.samples)
        answer[..., [ROLL, PITCH]] *= decay[:, None]
        return answer


def main() -> None:
    folder = os.environ.get("NETWRIGHT_DATA")
    data = load(Path(folder) if folder else None, seed=0)  # generated without a folder
    print(f"data: {data.source}; mean absolute error in degrees")
    print(" " * 28, "  ".join(TASK.settings))
    rules = [name for name, spec in TASK.policies.items() if spec.train is None]
    policies = {name: ready_policy(TASK, name, data, seed=0, progress=print) for name in rules}
    for name, policy in {**policies, ReturnToLevel.name: ReturnToLevel()}.items():
        means = [netwright.test(TASK, policy, setting, data).mean for setting in TASK.settings]
        print(f"{name:28}", "  ".join(f"{mean:7.3f}" for mean in means))


if __name__ == "__main__":
    main()
