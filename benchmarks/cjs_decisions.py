"""Latency of one scheduling decision of an adapted model, batch 1, one thread. Prints one JSON document.

    python benchmarks/cjs_decisions.py [--data ../shared/data] [--decisions 1000] [--results results]

The model reads a default episode (200 jobs, 50 executors, seed 1) that `es-rule` plays, so that the load is usual
whatever the weights are. CPU time, so that other work on the machine counts little; the observation is not included,
features, encoder, backbone and both heads are.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch

from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.models.decision import StepwiseInference
from netwright.adaptation.saved_model import assemble
from netwright.core.results import ResultRow, write_rows
from netwright.llm.backbones import build_backbone
from netwright.tasks.cjs.adapter import AdaptedScheduler, CjsAdapter
from netwright.tasks.cjs.baselines import es_rule
from netwright.tasks.cjs.data import load
from netwright.tasks.cjs.dataset import CjsData
from netwright.tasks.cjs.evaluation import cluster_of
from netwright.tasks.cjs.recipes import RECIPES
from netwright.tasks.cjs.settings import SETTINGS

WARM = 50  # decisions that do not count: the window fills, code is compiled
COMMAND = "python benchmarks/cjs_decisions.py --data ../shared/data --results results"


def scheduler(backbone: str, recipe: str) -> AdaptedScheduler:
    """An untrained model as a policy, low-rank matrices merged as in a loaded one."""
    config = RECIPES[recipe].config
    adapter = CjsAdapter(config, None, state={"condition": {}}, experience=None)
    model = assemble(build_backbone(backbone), adapter, TrainingConfig(), seed=0)
    if model.backbone.model is not None:
        model.backbone.model = model.backbone.model.merge_and_unload()  # type: ignore[operator]
    return adapter.policy(StepwiseInference(model.requires_grad_(False).eval()))


def latencies_s(policy: AdaptedScheduler, data: CjsData, n: int) -> np.ndarray:
    """CPU seconds of each of n decisions after the first ones."""
    cluster, rule, found = cluster_of(SETTINGS["default"].config, data, 1), es_rule.load(), []
    for _ in range(WARM + n):
        obs = cluster.observe()
        began = time.process_time()
        policy.act([obs])
        found.append(time.process_time() - began)
        cluster.step(*map(int, rule.act([obs])[0]))
    return np.array(found[WARM:])


def main() -> None:
    """Measure, print one JSON document, and write rows if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("NETWRIGHT_DATA"))
    parser.add_argument("--decisions", type=int, default=1000)
    parser.add_argument("--results", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    data = load(chosen.data and Path(chosen.data), seed=0)
    figures = {}
    for name, backbone in (("tiny", "tiny"), ("no backbone", "none")):
        seconds = latencies_s(scheduler(backbone, "distill"), data, chosen.decisions)
        for share in (50, 99):
            figures[f"{name}, p{share}"] = round(float(np.percentile(seconds, share)) * 1000.0, 2)
    print(json.dumps({"command": COMMAND, "decisions": chosen.decisions, "ms": figures}, indent=1))
    if chosen.results:
        found = rows(figures, chosen.decisions)
        write_rows(chosen.results / "speed.jsonl", found, replaces={"area": "speed", "command": COMMAND})


def rows(figures: dict[str, float], n: int) -> list[ResultRow]:
    """A row for each percentile in ms of n decisions."""
    return [
        ResultRow(
            area="speed",
            setting="cjs",
            subject=f"decision with {name.partition(',')[0]}",
            metric=name.rpartition(" ")[2],
            value=value,
            unit="ms",
            n=n,
            seeds=[1],
            command=COMMAND,
        )
        for name, value in figures.items()
    ]


if __name__ == "__main__":
    main()
