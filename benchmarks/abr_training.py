"""How fast the learned bitrate policies train, and what training the shipped ones took.

    python benchmarks/abr_training.py --data ../shared/data [--results results]

One thread; decisions per second of processor time, which other work on the machine hardly changes, collecting and
learning together.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import reporting
import torch

from netwright.core.files import read_json
from netwright.tasks.abr.baselines import genet, learned, pensieve, ppo
from netwright.tasks.abr.baselines.ppo_trainer import PpoConfig, PpoTrainer
from netwright.tasks.abr.data import load
from netwright.tasks.abr.training_set import TrainingSet

COMMAND = "python benchmarks/abr_training.py --data ../shared/data --results results"
DESIGNS = {module.NAME: module.DESIGN for module in (ppo, pensieve, genet)}


def measure(sessions: TrainingSet, iterations: int) -> Iterator[tuple[str, str, str, float, int]]:
    """Policy, metric, unit, value and number of decisions behind it."""
    for name, design in DESIGNS.items():
        learner = PpoTrainer(design, 6, PpoConfig(iterations=iterations), seed=0)
        learner.sample = sessions.sample
        learner.update(0)  # compiles
        before, busy = learner.n_decisions, time.process_time()
        for step in range(iterations):
            learner.update(step)
        n = learner.n_decisions - before
        yield name, "throughput", "decisions per processor second", n / (time.process_time() - busy), n


def shipped() -> Iterator[tuple[str, str, str, float, int]]:
    """What is on record with the shipped weights."""
    for name in DESIGNS:
        cost = read_json(learned.SHIPPED / name / "netwright.json")["cost"]
        yield name, "training", "seconds", cost["seconds"], cost["decisions"]
        yield name, "training", "processor seconds", cost["processor_seconds"], cost["decisions"]


def main() -> None:
    """Measure, print one JSON document, and write rows if asked to."""
    parser = reporting.parser(__doc__)
    parser.add_argument("--iterations", type=int, default=10)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    figures = [*measure(TrainingSet(load(chosen.data, seed=0)), chosen.iterations), *shipped()]
    document = [dict(zip(("policy", "metric", "unit", "value", "n"), f, strict=True)) for f in figures]
    measured = [reporting.Measured(*figure, {"threads": 1}) for figure in figures]
    reporting.publish(document, reporting.rows("abr training", measured, command=COMMAND), chosen.results)


if __name__ == "__main__":
    main()
