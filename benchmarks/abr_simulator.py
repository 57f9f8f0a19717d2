"""Speed of the ABR simulator, of robust MPC, of a whole test and of the offline optimum. Prints one JSON document.

    python benchmarks/abr_simulator.py [--data ../shared/data] [--results results]

One core, in CPU time, so that other work on the machine counts little; all is compiled before it is measured; the
best of several repeats. The folder is NETWRIGHT_DATA by default; generated traces without either.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from netwright.core.results import ResultRow, write_rows
from netwright.tasks.abr import sim
from netwright.tasks.abr.baselines.bba import Bba
from netwright.tasks.abr.baselines.mpc import Mpc
from netwright.tasks.abr.baselines.offline_optimum import optimal_levels
from netwright.tasks.abr.batch import Sessions
from netwright.tasks.abr.data import load
from netwright.tasks.abr.dataset import AbrData
from netwright.tasks.abr.evaluation import rollout, sessions_of
from netwright.tasks.abr.media import Rules
from netwright.tasks.abr.settings import SETTINGS
from netwright.tasks.abr.training_set import TrainingSet

REPEATS = 7
BATCH = 1024
COMMAND = "python benchmarks/abr_simulator.py --data ../shared/data --results results"


def best_s(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """CPU seconds of the fastest of several runs, after one that does not count."""
    work()
    found = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def step_all(sessions: Sessions, levels: np.ndarray) -> None:
    """Play sessions to their end with rungs that are given, observing nothing."""
    for column in levels:
        sessions.step(column)


def steps_per_s(training: TrainingSet, *, observe: bool) -> float:
    """Batched simulator steps of random rungs in a second, with or without building observations."""
    rng = np.random.default_rng(0)
    fresh = training.sample(rng, BATCH)
    levels = rng.integers(0, fresh.n_levels, (fresh.n_decisions, BATCH))
    spares = [fresh.copy() for _ in range(REPEATS + 1)]
    if not observe:
        return BATCH * len(levels) / best_s(lambda: step_all(spares.pop(), levels))

    def play() -> None:
        sessions = spares.pop()
        for column in levels:
            sessions.observe()
            sessions.step(column)

    return BATCH * len(levels) / best_s(play)


def pure_steps_per_s(data: AbrData) -> float:
    """Steps of the pure core in a second."""
    video, trace = data.video("video1"), data.traces("fcc-test")[0]

    def play() -> None:
        state = sim.start(trace)
        for chunk in range(video.n_chunks):
            state, _ = sim.step(state, chunk % video.n_levels, video, trace, Rules())

    return video.n_chunks / best_s(play)


def mpc_decisions_per_s(training: TrainingSet) -> float:
    """Decisions of full-horizon robust MPC in a second, on observations of its own play."""
    rng = np.random.default_rng(0)
    sessions, seen, policy = training.sample(rng, BATCH), [], Mpc()
    while not sessions.done:
        seen.append(sessions.observe())
        sessions.step(policy.act(seen[-1]))

    def decide() -> None:
        policy.reset(rng)
        for observation in seen:
            policy.act(observation)

    return BATCH * len(seen) / best_s(decide)


def main() -> None:
    """Measure, print one JSON document, and write rows if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("NETWRIGHT_DATA"))
    parser.add_argument("--results", type=Path)
    chosen = parser.parse_args()
    data = load(chosen.data and Path(chosen.data), seed=0)
    training = TrainingSet(data)
    config = SETTINGS["default"].config

    def test_bba() -> None:
        rollout(Bba(), sessions_of(config, data), np.random.default_rng(0))

    few = sessions_of(config, data)
    n_planned = min(20, few.n)
    figures = {
        "batched steps": (steps_per_s(training, observe=False), "1/s"),
        "batched steps with observations": (steps_per_s(training, observe=True), "1/s"),
        "steps of the pure core": (pure_steps_per_s(data), "1/s"),
        "mpc decisions": (mpc_decisions_per_s(training), "1/s"),
        f"bba test of {few.n} traces": (best_s(test_bba), "s"),
        "offline optimum of a session": (
            best_s(lambda: [optimal_levels(few.only(i)) for i in range(n_planned)], 3) / n_planned,
            "s",
        ),
    }
    print(
        json.dumps(
            {
                "data": data.source,
                "batch": BATCH,
                "load_average": os.getloadavg()[0],
                **{f"{name} ({unit})": value for name, (value, unit) in figures.items()},
            },
            indent=2,
        )
    )
    if chosen.results:
        rows = [
            ResultRow(
                area="speed",
                setting=f"abr, {'synthetic' if data.synthetic else 'FCC'}, one core",
                subject=name,
                metric="rate" if unit == "1/s" else "time",
                unit=unit,
                value=value,
                n=REPEATS,
                seeds=(0,),
                command=COMMAND,
                extra={"batch": BATCH, "load_average": os.getloadavg()[0]},
            )
            for name, (value, unit) in figures.items()
        ]
        write_rows(chosen.results / "speed.jsonl", rows, replaces={"command": COMMAND})


if __name__ == "__main__":
    main()
