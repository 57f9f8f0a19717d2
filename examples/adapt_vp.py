"""Adapt the tiny backbone to viewport prediction and set it beside the last viewport, in all settings."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import netwright
from netwright.evaluation.statistics import bootstrap_mean
from netwright.tasks.vp import TASK
from netwright.tasks.vp.baselines.last_value import LastValue
from netwright.tasks.vp.data import load


def main(backbone: str = "tiny", out: str = "runs/example-vp", **options: object) -> None:
    """`options` are fields of `netwright.adaptation.config.TrainingConfig`, such as iterations."""
    folder = os.environ.get("NETWRIGHT_DATA")
    data = load(Path(folder) if folder else None, seed=0)  # generated without a folder
    print(f"data: {data.source}")

    model = netwright.adapt(TASK, data, backbone=backbone, out=Path(out), options=options, progress=print)
    for setting in TASK.settings:
        adapted = netwright.test(TASK, model, setting, data)
        repeated = netwright.test(TASK, LastValue(), setting, data)
        differences = [a - b for a, b in zip(adapted.per_episode, repeated.per_episode, strict=True)]
        gain = bootstrap_mean(differences, adapted.weights, groups=adapted.detail["groups"])
        print(
            f"{setting:8} {model.name} {adapted.mean:.3f}, last-value {repeated.mean:.3f} degrees; "
            f"difference {gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
