"""Training throughput in windows per second: our recipe against the reference's, same backbone, same machine.

    python benchmarks/vp_training.py [--data ../shared/data] [--results results]

The reference recipe, as in NetLLM's published code: one window at a time with gradients accumulated over 32, float32,
one token for each of the 10 + 20 samples, gradient checkpointing, clipping after every window, and 4 % of the
windows trained through 20 autoregressive passes. Both take turns; quote the ratio.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import reporting
import torch

from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.saved_model import assemble
from netwright.adaptation.trainer import AdaptationTrainer
from netwright.core import registry
from netwright.llm.backbones import build_backbone
from netwright.llm.encoders import TimeSeries
from netwright.tasks.vp.adapter import ViewportAdapter
from netwright.tasks.vp.data import load
from netwright.tasks.vp.dataset import VpData
from netwright.tasks.vp.features import SIZES

MIX_RATE = 0.04
HISTORY, HORIZON = 10, 20
ACCUMULATION = 32
COMMAND = "python benchmarks/vp_training.py --data ../shared/data --results results"


JOINED, ALONE, REFERENCE = "ours, with the backbone", "ours, before it joins", "reference"
WHOLE, RATIO = "ours, whole run", "with the backbone / reference"


def ours(data: VpData, *, joined: bool) -> tuple[Callable[[int], object], int]:
    """One update of `netwright adapt vp --backbone tiny`, and its windows."""
    task = registry.task("vp")
    adapter = ViewportAdapter(task.recipe("strict").config, data, None)
    config = TrainingConfig.from_options(task.training_defaults)
    model = assemble(build_backbone("tiny"), adapter, config, seed=0)
    trainer = AdaptationTrainer(model, adapter, config, seed=0)
    first = config.joins_at if joined else 0
    return lambda step: trainer.update(first + step), config.batch_size * config.accumulation


def reference(data: VpData) -> tuple[Callable[[int], object], int]:
    """One update of the reference recipe on the same backbone, and its windows."""
    adapter = ViewportAdapter(registry.task("vp").recipe("autoregressive").config, data, None)
    adapter.modalities = [TimeSeries("motion", SIZES["motion"], HISTORY, patch=1)]
    adapter.n_steps = HORIZON
    config = TrainingConfig(batch_size=1, precision="float32", gradient_checkpointing=True)
    model = assemble(build_backbone("tiny"), adapter, config, seed=0).train()
    model.cached = False
    optimizer = torch.optim.AdamW(model.trainable().values(), lr=2e-4, weight_decay=1e-4)
    rng = np.random.default_rng(0)

    def update(step: int) -> None:
        for _ in range(ACCUMULATION):
            inputs, target = adapter.batch(rng, 1)
            window = {"motion": torch.from_numpy(inputs["motion"][:, -HISTORY:])}
            goal = torch.from_numpy(target[:, :HORIZON])
            answer = model(window) if rng.random() < MIX_RATE else model.training_answer(window, goal)
            ((answer - goal) ** 2).mean().backward()
            torch.nn.utils.clip_grad_norm_(model.trainable().values(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return update, ACCUMULATION


def main() -> None:
    """Measure in turns, print one JSON document, and write rows if asked to."""
    parser = reporting.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    data = load(chosen.data, seed=0)
    recipes = {JOINED: ours(data, joined=True), ALONE: ours(data, joined=False), REFERENCE: reference(data)}
    rates: dict[str, list[float]] = {name: [] for name in recipes}
    for step in range(chosen.rounds + 1):
        for name, (update, n_windows) in recipes.items():
            began = time.perf_counter()
            update(step)
            if step:
                rates[name].append(n_windows / (time.perf_counter() - began))
    figures = {name: float(np.median(r)) for name, r in rates.items()}
    alone = TrainingConfig.from_options(registry.task("vp").training_defaults).warm_start
    figures[WHOLE] = 1.0 / (alone / figures[ALONE] + (1.0 - alone) / figures[JOINED])
    ratios = [a / b for a, b in zip(rates[JOINED], rates[REFERENCE], strict=True)]
    figures[RATIO] = float(np.median(ratios))
    kinds = {RATIO: ("ratio", "times")}
    extra = {"threads": torch.get_num_threads()}
    measured = [
        reporting.Measured(
            name, *kinds.get(name, ("throughput", "windows per second")), value, chosen.rounds, extra
        )
        for name, value in figures.items()
    ]
    reporting.publish(figures, reporting.rows("vp training, tiny", measured, command=COMMAND), chosen.results)


if __name__ == "__main__":
    main()
