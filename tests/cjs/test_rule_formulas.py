"""Every rule against its sentence in plain Python, on states drawn at random."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.tasks.cjs import rules
from netwright.tasks.cjs.observation import DECLINE, Observation

NO_MEMORY = np.zeros(2, dtype=np.int64)


def observation(seed):
    """A state with up to five jobs of up to four nodes; it need not be one that an episode reaches."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 5, int(rng.integers(1, 6)))
    n_jobs, n = len(sizes), int(sizes.sum())
    supply = rng.integers(0, 9, n_jobs)
    committable = int(rng.integers(1, 9))
    return Observation(
        now_ms=0.0,
        n_executors=int(rng.integers(8, 13)),
        committable=committable,
        source_job=int(rng.integers(0, n_jobs + 1)),
        may_decline=True,
        job=np.arange(n_jobs),
        arrival_ms=np.zeros(n_jobs),
        first_node=np.concatenate([[0], np.cumsum(sizes)]),
        supply=supply,
        promised=np.minimum(rng.integers(0, 3, n_jobs), supply),
        stage=np.arange(n),
        remaining=rng.integers(0, 6, n),
        running=rng.integers(0, 3, n),
        demand=rng.integers(0, 6, n),
        last_ms=np.ones(n),
        mean_ms=rng.choice([100.0, 500.0, 2000.0], n),
        path_ms=rng.choice([1000.0, 4000.0, 9000.0], n),
        schedulable=rng.random(n) < 0.5,
        frontier=rng.random(n) < 0.5,
        edges=np.zeros((0, 2), dtype=np.int64),
    )


def nodes(obs, a):
    return range(obs.first_node[a], obs.first_node[a + 1])


def served_at(obs, a):
    """The first schedulable stage whose parents have finished, else the first schedulable one, else None."""
    can = [i for i in nodes(obs, a) if obs.schedulable[i]]
    return next((i for i in can if obs.frontier[i]), can[0] if can else None)


def work(obs, a):
    return sum(float(obs.remaining[i] * obs.mean_ms[i]) for i in nodes(obs, a))


def jobs(obs):
    return range(len(obs.job))


def own_of(obs):
    """The source's job, and where it is served."""
    if obs.source_job == len(obs.job):
        return None, None
    return obs.source_job, served_at(obs, obs.source_job)


def shared(obs, cap):
    own, node = own_of(obs)
    if node is not None:
        return node, obs.committable
    for a in jobs(obs):
        if a != own and obs.supply[a] < cap and served_at(obs, a) is not None:
            return served_at(obs, a), min(obs.committable, cap - obs.supply[a])
    return DECLINE, 1


def shortest_below_cap(obs, cap, corrected):
    own, node = own_of(obs)
    held = [int(obs.supply[a]) - (int(obs.promised[a]) if corrected else 0) for a in jobs(obs)]
    if node is not None and held[own] <= cap:
        return node, obs.committable
    others = [a for a in jobs(obs) if a != own and held[a] < cap and served_at(obs, a) is not None]
    if others:
        a = min(others, key=lambda a: (work(obs, a), a))
        return served_at(obs, a), min(obs.committable, cap - held[a])
    return (DECLINE if node is None else node), obs.committable


def shortest_critical(obs, cap):
    own = obs.source_job
    able = [
        a
        for a in jobs(obs)
        if (a == own or obs.supply[a] < cap) and any(obs.schedulable[i] for i in nodes(obs, a))
    ]
    if not able:
        return DECLINE, 1
    a = min(able, key=lambda a: (work(obs, a), a))
    node = max((i for i in nodes(obs, a) if obs.schedulable[i]), key=lambda i: (obs.path_ms[i], -i))
    room = obs.committable if a == own else cap - obs.supply[a]
    return node, max(1, min(obs.committable, room))


def weighted(obs, alpha):
    own, node = own_of(obs)
    if node is not None:
        return node, obs.committable
    size = [max(work(obs, a), 1.0) for a in jobs(obs)]
    total = sum(s**alpha for s in size)
    caps = [math.ceil(obs.n_executors * s**alpha / total) for s in size]
    able = [a for a in jobs(obs) if a != own and obs.supply[a] < caps[a] and served_at(obs, a) is not None]
    if not able:
        return DECLINE, 1
    a = min(able, key=lambda a: (size[a], a))
    return served_at(obs, a), max(1, min(obs.committable, caps[a] - obs.supply[a]))


def evolved(obs, p):
    total = max(sum(work(obs, a) for a in jobs(obs)), 1.0)
    n, executors = len(obs.job), obs.n_executors
    best = (-math.inf, DECLINE, 0)
    for a in jobs(obs):
        node = served_at(obs, a)
        if node is None:
            continue
        size = math.log(max(work(obs, a), 1.0) / 1e6)
        path = max(1.0, *(obs.path_ms[i] for i in nodes(obs, a)))
        wanted = math.log(
            (1 + sum(int(obs.demand[i]) for i in nodes(obs, a) if obs.schedulable[i])) / executors
        )
        terms = [
            1.0,
            size,
            math.log(n),
            math.log(max(work(obs, a), 1.0) * n / total),
            math.log(path / 1e4),
            wanted,
            math.log(total / (executors * 25_000.0) + 0.05),
        ]
        cap = math.ceil(executors * math.exp(min(float(np.dot(p[:7], terms)), 0.0)))
        held, own = int(obs.supply[a] - obs.promised[a]), a == obs.source_job
        over = held > cap if own else held >= cap
        score = -size + (p[7] + p[8] * size if own else 0.0) + (p[9] if over else 0.0) + p[10] * wanted
        if score > best[0]:
            best = (score, node, cap - held + (obs.committable if own else 0))
    return best[1], max(1, min(obs.committable, best[2]))


def cap_of(obs, share, *, each=False):
    return math.ceil(obs.n_executors * share / (len(obs.job) if each else 1))


SENTENCES = {
    "fixed cap": (rules.FIXED_CAP, [0.5], lambda obs: shared(obs, cap_of(obs, 0.5))),
    "fair": (rules.FAIR, [1.0], lambda obs: shared(obs, cap_of(obs, 1.0, each=True))),
    "fair plus": (
        rules.FAIR_PLUS,
        [1.5],
        lambda obs: shortest_below_cap(obs, cap_of(obs, 1.5, each=True), False),
    ),
    "corrected": (
        rules.FAIR_PLUS_C,
        [1.5],
        lambda obs: shortest_below_cap(obs, cap_of(obs, 1.5, each=True), True),
    ),
    "critical": (rules.SJF_CP, [0.7], lambda obs: shortest_critical(obs, cap_of(obs, 0.7))),
    "weighted": (rules.WEIGHTED_FAIR, [0.4], lambda obs: weighted(obs, 0.4)),
}


@pytest.mark.parametrize("name", SENTENCES)
@settings(max_examples=60)
@given(seed=st.integers(0, 100_000))
def test_a_rule_does_what_its_sentence_says(name, seed):
    number, parameters, sentence = SENTENCES[name]
    obs = observation(seed)
    found = rules.choose(number, obs, np.array(parameters), NO_MEMORY.copy())
    assert tuple(map(int, found)) == tuple(map(int, sentence(obs)))


@settings(max_examples=60)
@given(seed=st.integers(0, 100_000))
def test_the_evolved_rule_is_its_formula(seed):
    obs, p = observation(seed), np.random.default_rng(seed).normal(0.0, 0.5, len(rules.NAMES))
    found = rules.choose(rules.EVOLVED, obs, p, NO_MEMORY.copy())
    assert tuple(map(int, found)) == tuple(map(int, evolved(obs, p)))
