"""Small workloads: drawn by hypothesis, and worked by hand."""

import numpy as np
from hypothesis import strategies as st

from netwright.tasks.cjs.workload import Durations, Profile, ProfileTable, Workload


def profile(name, n_tasks, edges=(), duration_ms=1000.0, *, fresh=None, first=None, rest=None):
    """A job whose tasks take `duration_ms`, or the given lists by wave, at every level."""
    lists = [
        {
            wave: {5: list(given) if given is not None else [duration_ms]}
            for wave, given in (("fresh", fresh), ("first", first), ("rest", rest))
        }
        for _ in n_tasks
    ]
    return Profile(
        name,
        np.array(edges, dtype=np.int64).reshape(-1, 2),
        np.array(n_tasks, dtype=np.int64),
        np.full(len(n_tasks), duration_ms),
        Durations.of(lists, name),
    )


def workload(profiles, arrival_ms=None):
    times = np.zeros(len(profiles)) if arrival_ms is None else np.array(arrival_ms, dtype=float)
    return Workload.of(ProfileTable.of(profiles), np.arange(len(profiles)), times)


@st.composite
def profiles(draw, name="job"):
    """1 to 6 stages of 1 to 5 tasks in any DAG, stages in any order, durations that often make events coincide."""
    n = draw(st.integers(1, 6))
    order = draw(st.permutations(range(n)))
    pairs = [(order[i], order[j]) for i in range(n) for j in range(i + 1, n)]
    edges = [pair for pair in pairs if draw(st.booleans())]
    n_tasks = draw(st.lists(st.integers(1, 5), min_size=n, max_size=n))
    values = st.lists(st.sampled_from([0.0, 250.0, 1000.0, 2000.0, 2125.5]), min_size=1, max_size=3)
    return profile(name, n_tasks, edges, fresh=draw(values), first=draw(values), rest=draw(values))


@st.composite
def worlds(draw):
    """A workload and the rules of its cluster."""
    n = draw(st.integers(1, 4))
    gaps = draw(st.lists(st.sampled_from([0.0, 500.0, 2000.0, 30_000.0]), min_size=n, max_size=n))
    made = workload([draw(profiles(f"job {i}")) for i in range(n)], np.cumsum(gaps) - gaps[0])
    rules = {
        "n_executors": draw(st.integers(1, 6)),
        "moving_ms": draw(st.sampled_from([0.0, 2000.0])),
        "variant": draw(st.sampled_from(["netllm", "spark-sched-sim"])),
    }
    return made, rules
