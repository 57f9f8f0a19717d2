"""Speed of the cluster simulator: compiled episodes, Gymnasium steps, resets. Prints one JSON document.

    python benchmarks/cjs_simulator.py [--data ../shared/data] [--results results]

One core, in CPU time, so that other work on the machine counts little; all is compiled before it is measured; the
best of several repeats. The folder is NETWRIGHT_DATA by default; generated profiles without either.
"""

from __future__ import annotations

import os
import time

import gymnasium
import reporting

from netwright.tasks.cjs.baselines import ruled
from netwright.tasks.cjs.cluster import Cluster
from netwright.tasks.cjs.data import load
from netwright.tasks.cjs.dataset import CjsData
from netwright.tasks.cjs.evaluation import cluster_of
from netwright.tasks.cjs.settings import SETTINGS

REPEATS = 5
COMMAND = "python benchmarks/cjs_simulator.py --data ../shared/data --results results"


def episode_s(data: CjsData, policy: ruled.RuleScheduler) -> tuple[float, Cluster]:
    """CPU seconds of a compiled episode of the default setting, seed 1, and the cluster at its end."""
    fresh = cluster_of(SETTINGS["default"].config, data, 1)
    clusters = [fresh.copy() for _ in range(REPEATS + 1)]
    ended = clusters[0]
    return reporting.best_s(lambda: policy.play(clusters.pop()), REPEATS), ended


def gymnasium_steps_per_s(data: CjsData) -> float:
    """Steps of the Gymnasium environment in a second, observations included, actions given."""
    env = gymnasium.make("netwright.tasks.cjs.env:netwright/CJS-v0", data=data, n_jobs=40)
    env.reset(seed=1)
    actions, policy = [], ruled.fair()
    while not env.unwrapped.cluster.done:
        ((choice, n),) = policy.act([env.unwrapped.cluster.observe()])
        actions.append({"stage_idx": choice, "num_exec": n})
        env.step(actions[-1])

    found = []
    for _ in range(REPEATS):
        env.reset(seed=1)
        began = time.process_time()
        for action in actions:
            env.step(action)
        found.append(time.process_time() - began)
    return len(actions) / min(found)


def main() -> None:
    """Measure, print one JSON document, and write rows if asked to."""
    chosen = reporting.parser(__doc__).parse_args()
    data = load(chosen.data, seed=0)
    config = SETTINGS["default"].config
    seconds, ended = episode_s(data, ruled.fair())
    fresh = cluster_of(config, data, 1)
    figures = {
        "events with fair": (ended.n_events / seconds, "1/s"),
        "decisions with fair": (ended.n_decisions / seconds, "1/s"),
        "gymnasium steps": (gymnasium_steps_per_s(data), "1/s"),
        "reset of 200 jobs": (reporting.best_s(lambda: cluster_of(config, data, 1), REPEATS), "s"),
        "copy of a state": (reporting.best_s(lambda: [fresh.copy() for _ in range(100)], REPEATS) / 100, "s"),
        "observation": (reporting.best_s(lambda: [fresh.observe() for _ in range(100)], REPEATS) / 100, "s"),
    }
    load_average = os.getloadavg()[0]
    measured = reporting.rates_and_times(figures, REPEATS, load_average=load_average)
    setting = f"cjs, {'synthetic' if data.synthetic else 'TPC-H'}, one core"
    about = {"data": data.source, "load_average": load_average}
    document = about | {f"{name} ({unit})": value for name, (value, unit) in figures.items()}
    reporting.publish(document, reporting.rows(setting, measured, command=COMMAND, seed=1), chosen.results)


if __name__ == "__main__":
    main()
