"""Speed of the ABR simulator, of robust MPC, of a whole test and of the offline optimum. Prints one JSON document.

    python benchmarks/abr_simulator.py [--data ../shared/data] [--results results]

One core, in CPU time, so that other work on the machine counts little; all is compiled before it is measured; the
best of several repeats. The folder is NETWRIGHT_DATA by default; generated traces without either.
"""

from __future__ import annotations

import os

import numpy as np
import reporting

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

BATCH = 1024
COMMAND = "python benchmarks/abr_simulator.py --data ../shared/data --results results"


def step_all(sessions: Sessions, levels: np.ndarray) -> None:
    """Play sessions to their end with rungs that are given, observing nothing."""
    for column in levels:
        sessions.step(column)


def steps_per_s(training: TrainingSet, *, observe: bool) -> float:
    """Batched simulator steps of random rungs in a second, with or without building observations."""
    rng = np.random.default_rng(0)
    fresh = training.sample(rng, BATCH)
    levels = rng.integers(0, fresh.n_levels, (fresh.n_decisions, BATCH))
    spares = [fresh.copy() for _ in range(reporting.REPEATS + 1)]
    if not observe:
        return BATCH * len(levels) / reporting.best_s(lambda: step_all(spares.pop(), levels))

    def play() -> None:
        sessions = spares.pop()
        for column in levels:
            sessions.observe()
            sessions.step(column)

    return BATCH * len(levels) / reporting.best_s(play)


def pure_steps_per_s(data: AbrData) -> float:
    """Steps of the pure core in a second."""
    video, trace = data.video("video1"), data.traces("fcc-test")[0]

    def play() -> None:
        state = sim.start(trace)
        for chunk in range(video.n_chunks):
            state, _ = sim.step(state, chunk % video.n_levels, video, trace, Rules())

    return video.n_chunks / reporting.best_s(play)


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

    return BATCH * len(seen) / reporting.best_s(decide)


def main() -> None:
    """Measure, print one JSON document, and write rows if asked to."""
    chosen = reporting.parser(__doc__).parse_args()
    data = load(chosen.data, seed=0)
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
        f"bba test of {few.n} traces": (reporting.best_s(test_bba), "s"),
        "offline optimum of a session": (
            reporting.best_s(lambda: [optimal_levels(few.only(i)) for i in range(n_planned)], 3) / n_planned,
            "s",
        ),
    }
    load_average = os.getloadavg()[0]
    measured = reporting.rates_and_times(figures, reporting.REPEATS, batch=BATCH, load_average=load_average)
    setting = f"abr, {'synthetic' if data.synthetic else 'FCC'}, one core"
    about = {"data": data.source, "batch": BATCH, "load_average": load_average}
    document = about | {f"{name} ({unit})": value for name, (value, unit) in figures.items()}
    reporting.publish(document, reporting.rows(setting, measured, command=COMMAND), chosen.results)


if __name__ == "__main__":
    main()
