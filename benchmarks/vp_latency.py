"""Time of one viewport answer (10 -> 20 samples), batch 1, one thread: one pass, against the autoregressive mode.

    python benchmarks/vp_latency.py [--answers 1000] [--results results]

The three ways take turns in blocks of answers, so that a noisy machine disturbs all alike; quote the ratio.
"""

from __future__ import annotations

import time

import numpy as np
import reporting
import torch

from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.inference import predict_fn
from netwright.adaptation.models.adapted import AutoregressiveModel
from netwright.adaptation.saved_model import assemble
from netwright.core import registry
from netwright.llm.backbones import build_backbone
from netwright.tasks.vp.adapter import ViewportAdapter
from netwright.tasks.vp.dataset import VpData
from netwright.tasks.vp.generator import generate
from netwright.tasks.vp.policy import WindowPolicy
from netwright.tasks.vp.settings import SETTINGS
from netwright.tasks.vp.windows import Observation, windows

HORIZON = 20
BLOCKS = 10
SLOWER = 10  # the slow ways give so many times fewer answers
WARM_UP = 10  # answers of a block that are not counted
COMMAND = "python benchmarks/vp_latency.py --results results"


def policy(recipe: str, data: VpData, *, cached: bool = True) -> WindowPolicy:
    """An adapted policy with an untrained head: what it costs does not depend on what it has learned."""
    adapter = ViewportAdapter(registry.task("vp").recipe(recipe).config, data, None)
    model = assemble(build_backbone("tiny"), adapter, TrainingConfig(), seed=0)
    model.backbone.model = model.backbone.model.merge_and_unload()
    if isinstance(model, AutoregressiveModel):
        model.n_steps, model.cached = HORIZON, cached
    return adapter.policy(predict_fn(model, model.device))


def observations(n: int, data: VpData) -> list[Observation]:
    """Moments of test sessions, as a live player would see them."""
    chosen = windows(data, SETTINGS["default"].config)
    some = chosen.take(np.random.default_rng(0).integers(0, len(chosen), n))
    return [
        Observation(some.traces.trace(int(i))[:start], horizon=HORIZON, front_deg=some.front_deg)
        for i, start in zip(some.trace, some.start, strict=True)
    ]


def main() -> None:
    """Measure, print one JSON document, and write rows if asked to."""
    parser = reporting.parser(__doc__, data=False)
    parser.add_argument("--answers", type=int, default=1000)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    data = generate(seed=0)
    ways = {
        "one pass": policy("strict", data),
        "autoregressive, cached": policy("autoregressive", data),
        "autoregressive, no cache": policy("autoregressive", data, cached=False),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    moments = observations(chosen.answers // BLOCKS, data)
    for _ in range(BLOCKS):
        for name, decider in ways.items():
            n = len(moments) if name == "one pass" else max(1, len(moments) // SLOWER)
            for i, moment in enumerate([*moments[:WARM_UP], *moments[:n]]):
                began = time.perf_counter()
                decider.act(moment)
                if i >= WARM_UP:
                    seconds[name].append(time.perf_counter() - began)
    figures = {
        f"{name}, p{p}": 1e3 * float(np.percentile(s, p)) for name, s in seconds.items() for p in (50, 99)
    }
    ratio = "no cache / one pass, medians"
    figures[ratio] = figures["autoregressive, no cache, p50"] / figures["one pass, p50"]
    measured = [
        reporting.Measured(
            name, *(("ratio", "times") if name == ratio else ("latency", "ms")), value, chosen.answers
        )
        for name, value in figures.items()
    ]
    rows = reporting.rows("vp answer, tiny, batch 1, one thread", measured, command=COMMAND)
    reporting.publish(figures, rows, chosen.results)


if __name__ == "__main__":
    main()
