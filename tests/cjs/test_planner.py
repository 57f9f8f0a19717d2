"""Look-ahead: views, candidates, futures without hidden knowledge, and the planner's decisions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import NotApplicableError
from netwright.core.seeding import generator
from netwright.tasks.cjs import rules, views
from netwright.tasks.cjs.baselines import es_planner, es_rule
from netwright.tasks.cjs.candidates import MOST
from netwright.tasks.cjs.cluster import Cluster, Rules
from netwright.tasks.cjs.evaluation import cluster_of, rollout
from netwright.tasks.cjs.futures import future, longer_ms
from netwright.tasks.cjs.lookahead import Ahead, Futures, candidates, costs
from netwright.tasks.cjs.settings import CjsConfig
from netwright.tasks.cjs.state import NOWHERE, RUNNING
from netwright.tasks.cjs.workload import REST
from tests.cjs.small import worlds

RULE = es_rule.load()
SHORT = Ahead(5_000.0, 2, 2)
BUSY = CjsConfig(n_jobs=12, n_executors=9, seeds=(4,), mean_gap_s=20.0)


def _advanced(cluster, n):
    """The cluster after up to n decisions of the rule."""
    for _ in range(n):
        if not cluster.done:
            ((choice, k),) = RULE.act([cluster.observe()])
            cluster.step(int(choice), int(k))
    return cluster


def _busy(data, n=20):
    return _advanced(cluster_of(BUSY, data, 4), n)


@given(worlds(), st.integers(0, 12))
@settings(max_examples=60)
def test_views_of_state_and_observation_agree(world, n):
    made, options = world
    cluster = _advanced(Cluster(made, Rules(**options)), n)
    if cluster.done:
        return
    obs = cluster.observe()
    of_state, seen = (np.zeros(len(obs.job), views.VIEW) for _ in range(2))
    loads = views.view_state(cluster.state, of_state), views.view_observation(obs, seen)
    assert loads[0] == loads[1]
    best = [views.bids(v, loads[0], RULE.parameters) for v in (of_state, seen)]
    node, room = rules.evolved(obs, RULE.parameters)
    assert best[0] == best[1]
    assert (seen["stage"][best[0]], seen["room"][best[0]]) == (node, room)
    for field in ("stage", "other"):
        nodes = seen[field]
        seen[field] = np.where(nodes == NOWHERE, NOWHERE, obs.stage[nodes])
    assert (of_state == seen).all()


@given(worlds(), st.integers(0, 12))
@settings(max_examples=60)
def test_candidates_are_different_decisions_that_can_be_made(world, n):
    made, options = world
    cluster = _advanced(Cluster(made, Rules(**options)), n)
    if cluster.done:
        return
    obs, found = cluster.observe(), candidates(cluster.state, RULE.parameters)
    assert 1 <= len(found) <= MOST
    assert len({(c["stage"], c["n"]) for c in found}) == len(found)
    node, room = rules.evolved(obs, RULE.parameters)
    assert (found[0]["stage"], found[0]["n"]) == (obs.stage[node], min(room, obs.demand[node]))
    for one in found:
        assert one["stage"] in obs.stage[obs.choices]
        assert 1 <= one["n"] <= obs.committable


@given(worlds(), st.integers(0, 12), st.integers(0, 99))
@settings(max_examples=60)
def test_a_future_without_chance_is_what_happens(world, n, seed):
    """Where all jobs have arrived and each task takes the same time, the future of a copy is the cluster's own."""
    made, options = world
    made.jobs["arrival_ms"] = 0.0
    made.durations.lists["length"] = 1
    made.durations.lists["start"] = made.durations.lists["start"].min(axis=(1, 2), keepdims=True)
    cluster = _advanced(Cluster(made, Rules(**options)), n)
    if cluster.done:
        return
    state = future(cluster.state, np.uint64(seed), 0.0)
    active = cluster.state.jobs["active"][: cluster.state.cluster["n_active"][0]].copy()
    places = state.jobs["active"][: len(active)].copy()
    RULE.play_state(state)
    RULE.play(cluster)
    assert state.jobs["completion_ms"][places].tolist() == cluster.completion_ms[active].tolist()


def test_jobs_of_a_future_arrive_at_the_rate_of_the_past(generated):
    cluster = _busy(generated, 100)
    arrived = int(cluster.state.cluster["n_arrived"][0])
    rate = arrived / (cluster.now_ms + 25_000.0)
    horizon_ms = 8.0 / rate
    numbers, seen = [], {tuple(_tasks(cluster.state, job)) for job in range(arrived)}
    for seed in range(200):
        state = future(cluster.state, np.uint64(seed), horizon_ms)
        first = int(state.cluster["n_arrived"][0])
        new = range(first, len(state.jobs))
        numbers.append(len(new))
        assert {tuple(_tasks(state, job)) for job in new} <= seen
        assert (np.diff(state.jobs["arrival_ms"][first:]) >= 0.0).all()
        assert (state.jobs["arrival_ms"][first:] >= cluster.now_ms).all()
    assert np.mean(numbers) == pytest.approx(8.0, abs=5 * np.sqrt(8.0 / 200))


def _tasks(state, job):
    first, end = state.jobs[job]["first_stage"], state.jobs[job]["end_stage"]
    return state.stages["n_tasks"][first:end].tolist()


def test_running_tasks_end_as_long_ones_do(generated):
    """Remaining times follow the measured durations above the time that a task has run, also where these are rare."""
    state = _busy(generated).state
    row = 3
    found = state.lists[row, REST, 0]
    values = np.sort(state.values[found["start"] :][: found["length"]])
    for least, expected in ((values[4], values[4:]), (values[-1], values[-1:]), (values[-1] + 1.0, [])):
        drawn = [longer_ms(state, row, REST, 3, least, np.uint64(seed)) for seed in range(2000)]
        if len(expected) == 0:
            assert set(drawn) == {least}
        else:
            assert set(drawn) == set(expected)
            assert np.mean(drawn) == pytest.approx(np.mean(expected), rel=0.05)


def _costs(cluster):
    """Of the candidates, in six futures."""
    futures = Futures(np.uint64(5), 0, 6, 20_000.0)
    return costs(cluster.state, candidates(cluster.state, RULE.parameters), futures, RULE.parameters)


def test_what_is_hidden_does_not_count(generated):
    """Other ends of running tasks, other jobs to come and another seed of durations change no cost."""
    cluster = _busy(generated)
    expected = _costs(cluster)
    assert len(np.unique(expected)) > 6, "futures and candidates should matter"
    other = cluster.copy()
    state = other.state
    running = state.executors["kind"] == RUNNING
    assert running.any()
    state.executors["time_ms"][running] = state.cluster["now_ms"][0] + 1e6 * np.arange(1, running.sum() + 1)
    state.stages["last_ms"] = 123.0
    state.cluster["seed"] = 987654321
    later = state.jobs["arrival_ms"] > other.now_ms
    assert later.any()
    state.jobs["arrival_ms"][later] += 5e5
    hidden = np.isin(state.stages["job"], np.flatnonzero(later))
    state.stages["n_tasks"][hidden] += 500
    assert (_costs(other) == expected).all()


def test_the_cluster_stays_as_it_is(generated):
    cluster = _busy(generated)
    before = cluster.copy()
    _costs(cluster)
    for name, array in cluster.state._asdict().items():
        assert array.tobytes() == getattr(before.state, name).tobytes(), name


def test_episodes_are_played_as_one_by_one(generated):
    ends = []
    for play in (lambda p, c: p.play(c), rollout, rollout):
        policy, cluster = es_planner.Planner(RULE, SHORT), cluster_of(BUSY, generated, 4)
        policy.reset(generator(7, 0))
        play(policy, cluster)
        ends.append(cluster.completion_ms.tolist())
    assert ends[0] == ends[1] == ends[2]
    rule = cluster_of(BUSY, generated, 4)
    RULE.play(rule)
    assert ends[0] != rule.completion_ms.tolist()


@given(worlds())
@settings(max_examples=25)
def test_every_decision_can_be_made(world):
    made, options = world
    cluster, policy = Cluster(made, Rules(**options)), es_planner.Planner(RULE, SHORT)
    policy.reset(np.random.default_rng(0))
    rollout(policy, cluster)
    assert np.isfinite(cluster.completion_ms).all()
    assert cluster.n_forced == 0


def test_clusters_must_be_watched(generated):
    policy = es_planner.load()
    policy.reset(np.random.default_rng(0))
    with pytest.raises(NotApplicableError, match="hand it their ClusterEnvironment by `watch`"):
        policy.act([_busy(generated).observe()])
