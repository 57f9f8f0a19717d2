"""Time of a bitrate decision by an adapted `tiny`: one session on one core, many sessions in lock step, collection.

    python benchmarks/abr_decisions.py [--decisions 2000] [--results results]

Weights are untrained, since what a decision costs does not depend on them. Both layouts, and the fused one without
`netwright.llm.llama_step`, take turns in blocks, so that a noisy machine disturbs all alike. Every session is longer
than the window, so the cache is full and forgets.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import reporting
import torch

from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.models.decision import DecisionModel, StepwiseInference
from netwright.adaptation.offline.collect import Plan, rl_collect
from netwright.adaptation.saved_model import assemble
from netwright.core import registry
from netwright.llm.backbones import build_backbone
from netwright.tasks.abr.adapter import AbrAdapter, AdaptedBitratePolicy
from netwright.tasks.abr.environment import AbrCollector
from netwright.tasks.abr.generator import generate
from netwright.tasks.abr.recipes import AbrRecipe

LAYOUTS = ("fused", "paper")
FRAMEWORK = "fused, the framework's pass"
MANY = 1000
BLOCKS = 5
WARM_UP = 12  # decisions of a session that are not counted: until the cache is full
POLICIES = ("mpc", "bba", "noisy:0.1:mpc", "noisy:0.3:bba")
CHUNKS = 200_000
COMMAND = "python benchmarks/abr_decisions.py --results results"


def policy(layout: str) -> AdaptedBitratePolicy:
    """An adapted policy with untrained matrices, merged as in a saved model."""
    state = {"conditioning": {"kind": "none", "size": 0, "fitted": {}}, "ranges": {"low": [], "high": []}}
    adapter = AbrAdapter(AbrRecipe(layout=layout), None, seed=0, state=state, experience=None)  # type: ignore[arg-type]
    model = assemble(build_backbone("tiny"), adapter, TrainingConfig(), seed=0)
    assert isinstance(model, DecisionModel)
    model.backbone.model = model.backbone.model.merge_and_unload()
    return adapter.policy(StepwiseInference(model.requires_grad_(False).eval()))


def one_session(inference: AdaptedBitratePolicy, collector: AbrCollector, seed: int, n: int) -> list[float]:
    """Seconds of `n` decisions, each for one session."""
    seconds: list[float] = []
    while len(seconds) < n:
        sessions = collector.environment("training", np.random.default_rng(seed + len(seconds)), 1).sessions
        inference.reset(np.random.default_rng(0))
        step = 0
        while not sessions.done:
            observation = sessions.observe()
            began = time.perf_counter()
            levels = inference.act(observation)
            if step >= WARM_UP:
                seconds.append(time.perf_counter() - began)
            sessions.step(levels)
            step += 1
    return seconds[:n]


def many_sessions(inference: AdaptedBitratePolicy, collector: AbrCollector) -> float:
    """Decisions a second of 1000 sessions in lock step."""
    sessions = collector.environment("training", np.random.default_rng(0), MANY).sessions
    inference.reset(np.random.default_rng(0))
    spent, n, step = 0.0, 0, 0
    while step < WARM_UP + 10:
        observation = sessions.observe()
        began = time.perf_counter()
        levels = inference.act(observation)
        if step >= WARM_UP:
            spent, n = spent + time.perf_counter() - began, n + MANY
        sessions.step(levels)
        step += 1
    return n / spent


def collection() -> float:
    """Seconds to collect 200 thousand chunks with four policies, from traces to files, compilation apart."""
    sessions = -(-CHUNKS // (47 * len(POLICIES)))
    with tempfile.TemporaryDirectory() as scratch:
        rl_collect(registry.task("abr"), None, Plan(POLICIES, "training", 8), out=Path(scratch) / "warm")
        began = time.perf_counter()
        rl_collect(
            registry.task("abr"), None, Plan(POLICIES, "training", sessions), out=Path(scratch) / "out"
        )
        return time.perf_counter() - began


def main() -> None:
    """Measure, print one JSON document, and write rows if asked to."""
    parser = reporting.parser(__doc__, data=False)
    parser.add_argument("--decisions", type=int, default=2000)
    chosen = parser.parse_args()
    collector = AbrCollector(generate(seed=0))
    ways = {layout: policy(layout) for layout in LAYOUTS}
    torch.set_num_threads(1)
    seconds: dict[str, list[float]] = {layout: [] for layout in (*LAYOUTS, FRAMEWORK)}
    for block in range(BLOCKS):
        seed, n = 1000 * block, chosen.decisions // BLOCKS
        for layout, inference in ways.items():
            seconds[layout] += one_session(inference, collector, seed, n)
        with patch("netwright.llm.windows.fits", return_value=False):
            seconds[FRAMEWORK] += one_session(ways["fused"], collector, seed, n)
    latencies = [
        reporting.Measured(f"{layout}, p{p}", "latency", "ms", value, len(taken))
        for layout, taken in seconds.items()
        for p in (50, 99)
        for value in [1e3 * float(np.percentile(taken, p))]
    ]
    torch.set_num_threads(2)
    rates = [
        reporting.Measured(layout, "rate", "decisions/s", rate, 10 * MANY)
        for layout, inference in ways.items()
        for rate in [many_sessions(inference, collector)]
    ]
    measured = {
        "decision, tiny, one session, one thread": latencies,
        f"decisions, tiny, {MANY} sessions, two threads": rates,
        "collection, 200 thousand chunks, four policies, one process": [
            reporting.Measured("rl_collect", "time", "s", collection(), 1)
        ],
    }
    rows = [
        row
        for setting, figures in measured.items()
        for row in reporting.rows(f"abr {setting}", figures, command=COMMAND)
    ]
    reporting.publish({f"{r.setting}, {r.subject}": r.value for r in rows}, rows, chosen.results)


if __name__ == "__main__":
    main()
