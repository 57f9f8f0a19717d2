"""A model that sleeps 200 ms under a guard with a deadline of 50 ms: wall time of decisions, QoE beside the rule's.

python benchmarks/abr_guard.py [--results results]
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import reporting

from netwright.adaptation.guard import Guarded
from netwright.core import registry
from netwright.core.task import load_attribute
from netwright.tasks.abr.baselines.bba import Bba
from netwright.tasks.abr.evaluation import evaluate

COMMAND = "python benchmarks/abr_guard.py"
SLEEP_S, DEADLINE_S, TRACES = 0.2, 0.05, 5


class Sleeping:
    """A model that takes too long."""

    def reset(self, rng: np.random.Generator) -> None:
        """Nothing to forget."""

    def act(self, obs: Any) -> np.ndarray:
        time.sleep(SLEEP_S)
        return np.full(obs.n, obs.n_levels - 1)

    def out_of_distribution(self) -> np.ndarray:
        return np.zeros(1, dtype=bool)


class Timed(Guarded):
    """Keeps the wall time of each decision."""

    def act(self, obs: Any) -> np.ndarray:
        began = time.perf_counter()
        chosen = super().act(obs)
        self.seconds.append(time.perf_counter() - began)
        return chosen


def main() -> None:
    parser = reporting.parser(__doc__, data=False)
    results = parser.parse_args().results
    task = registry.task("abr")
    data = load_attribute(task.load_data)(None, seed=0)
    few = type(data)(**{**vars(data), "sets": {k: v[:TRACES] for k, v in data.sets.items()}})
    setting = task.setting("default")
    rule = evaluate(Bba(), setting, few, name="bba").mean
    guarded = Timed(Sleeping(), Bba(), deadline_s=DEADLINE_S)
    guarded.seconds = []
    found = evaluate(guarded, setting, few, name="sleeping+bba").mean
    ms = 1000.0 * np.array(guarded.seconds)
    figures = {
        "p50 of a guarded decision": (float(np.median(ms)), "ms"),
        "p100 of a guarded decision": (float(ms.max()), "ms"),
        "QoE of the guarded model minus the rule's": (found - rule, "per chunk"),
    }
    subject = f"sleeping {1000 * SLEEP_S:.0f} ms, deadline {1000 * DEADLINE_S:.0f} ms"
    measured = [
        reporting.Measured(subject, metric, unit, value, len(ms)) for metric, (value, unit) in figures.items()
    ]
    document = {f"{metric} ({unit})": value for metric, (value, unit) in figures.items()}
    reporting.publish(document, reporting.rows("abr guard", measured, command=COMMAND), results)


if __name__ == "__main__":
    main()
