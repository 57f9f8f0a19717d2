"""What a scheduler is shown, recomputed from the plain simulator, and how long tasks take by level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.tasks.cjs import durations
from netwright.tasks.cjs.cluster import Cluster, Rules
from netwright.tasks.cjs.environment import ClusterEnvironment
from netwright.tasks.cjs.metrics import Outcome, percentile
from netwright.tasks.cjs.observation import DECLINE, chosen_stage
from netwright.tasks.cjs.state import NOWHERE
from netwright.tasks.cjs.workload import LEVELS, Durations, Profile, ProfileTable, Workload
from tests.cjs.small import profile, workload, worlds


def played(world, random, n_steps):
    """A cluster some random decisions later; None if its episode has ended."""
    made, rules = world
    cluster = Cluster(made, Rules(**rules, durations="listed"), record=True)
    for _ in range(n_steps):
        if cluster.done:
            return None
        seen = cluster.observe()
        cluster.step(random.randint(DECLINE, len(seen.choices) - 1), random.randint(1, seen.committable))
    return None if cluster.done else cluster


@settings(max_examples=60)
@given(worlds(), st.randoms(use_true_random=False), st.integers(0, 12))
def test_nodes_are_the_incomplete_stages_of_the_jobs_that_have_arrived(world, random, n_steps):
    cluster = played(world, random, n_steps)
    if cluster is None:
        return
    seen, log, made = cluster.observe(), cluster.launches, cluster.workload
    ends = [log[log[:, 1] == s, 3] for s in range(len(made.stages))]
    started = [int((log[:, 1] == s).sum()) for s in range(len(made.stages))]
    assert (made.arrival_ms[seen.job] <= seen.now_ms).all()
    assert seen.arrival_ms.tolist() == made.arrival_ms[seen.job].tolist()
    for node, stage in enumerate(seen.stage.tolist()):
        n_tasks = int(made.stages["n_tasks"][stage])
        assert seen.remaining[node] == n_tasks - started[stage]
        assert seen.remaining[node] + seen.running[node] > 0
        assert seen.demand[node] <= seen.remaining[node]
        parents = [
            p
            for p, row in enumerate(made.stages)
            if stage in made.children[row["first_child"] : row["end_child"]]
        ]
        whole = [len(ends[p]) == made.stages["n_tasks"][p] for p in parents]
        # Of events at this very instant, some may be still to come.
        if all(whole) and all((ends[p] < seen.now_ms).all() for p in parents):
            assert seen.frontier[node]
        if not all(whole) or any((ends[p] > seen.now_ms).any() for p in parents):
            assert not seen.frontier[node]
    owner = np.repeat(seen.job, np.diff(seen.first_node))
    assert made.stages["job"][seen.stage].tolist() == owner.tolist()
    assert seen.mean_ms.tolist() == made.stages["mean_ms"][seen.stage].tolist()
    for parent, child in seen.edges.tolist():
        row = made.stages[seen.stage[parent]]
        assert seen.stage[child] in made.children[row["first_child"] : row["end_child"]]


@settings(max_examples=40)
@given(worlds(), st.randoms(use_true_random=False), st.integers(0, 12))
def test_answers_count_in_the_choices(world, random, n_steps):
    cluster = played(world, random, n_steps)
    if cluster is None:
        return
    seen = cluster.observe()
    for choice, node in enumerate(seen.choices.tolist()):
        assert chosen_stage(cluster.state, choice) == seen.stage[node]
    assert chosen_stage(cluster.state, len(seen.choices)) == NOWHERE
    assert chosen_stage(cluster.state, DECLINE) == NOWHERE


def test_an_observation_is_a_copy():
    cluster = Cluster(workload([profile("a", [2, 1], [(0, 1)])]), Rules(2, durations="listed"))
    seen = cluster.observe()
    seen.remaining[:] = 0
    seen.demand[:] = 0
    assert cluster.observe().remaining.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("n", "low", "high"), [(0, 5, 5), (5, 5, 5), (7, 5, 10), (40, 40, 40), (99, 80, 100)]
)
def test_levels_on_both_sides_of_a_number_of_executors(n, low, high):
    assert (LEVELS[durations.LOW[n]], LEVELS[durations.HIGH[n]]) == (low, high)


def by_level():
    """One stage of very many tasks whose durations name the level they are of."""
    lists = [{wave: {level: [float(level)] for level in LEVELS} for wave in ("fresh", "first", "rest")}]
    made = Profile(
        "levels",
        np.zeros((0, 2), dtype=np.int64),
        np.array([4000]),
        np.array([10.0]),
        Durations.of(lists, "here"),
    )
    return Workload.of(ProfileTable.of([made]), np.array([0]), np.zeros(1))


@pytest.mark.parametrize("rule", ["sampled", "hashed"])
@pytest.mark.parametrize(("n", "share_low"), [(10, 0.0), (12, 0.2), (18, 0.8), (30, 0.5), (100, 0.0)])
def test_the_lower_level_is_the_likelier_the_more_executors(rule, n, share_low):
    """As published: with probability (n - low) / (high - low), inverted."""
    cluster = Cluster(by_level(), Rules(n, moving_ms=0.0, durations=rule), seed=3, record=True)
    while not cluster.done:
        cluster.step(0, cluster.committable)
    taken = (cluster.launches[:, 3] - cluster.launches[:, 2]).round()
    low, high = LEVELS[durations.LOW[n]], LEVELS[durations.HIGH[n]]
    full = taken[n:]  # all executors are at the job by then
    assert set(full.tolist()) <= {low, high}
    if low == high:
        assert (full == low).all()
    else:
        assert (full == low).mean() == pytest.approx(share_low, abs=0.05)


def test_more_executors_than_the_largest_level_take_its_durations():
    cluster = Cluster(by_level(), Rules(130, moving_ms=0.0, durations="sampled"), record=True)
    cluster.step(0, cluster.committable)
    assert (cluster.launches[-1, 3] - cluster.launches[-1, 2]).round() == LEVELS[-1]


def test_an_environment_leaves_ended_clusters_out():
    short, long = workload([profile("a", [1])]), workload([profile("b", [3, 1], [(0, 1)])])
    clusters = [Cluster(made, Rules(1, moving_ms=0.0, durations="listed")) for made in (short, long)]
    playing = ClusterEnvironment(clusters)
    assert playing.n == 2
    # Work left 1 s and 4 s; none to come; one active job each.
    assert playing.privileged() == pytest.approx(np.log1p([[1.0, 0.0, 1.0], [4.0, 0.0, 1.0]]))
    rewards, parts = playing.step(np.array([[0, 1], [0, 1]]))
    assert rewards.tolist() == [-1.0, -3.0]
    assert parts.tolist() == [[1.0], [3.0]]
    assert playing.running().tolist() == [1]
    assert playing.times().tolist() == [3.0]
    assert len(playing.observe()) == 1
    fork = playing.fork(np.array([0, 0]))  # the first of those that run, twice
    fork.step(np.array([[0, 1], [0, 1]]))
    assert fork.done
    assert not playing.done
    assert playing.concat(fork).n == 4
    assert playing.concat(fork).running().tolist() == [1]
    assert fork.privileged().shape == (0, 3)


def test_outcomes_of_two_jobs_by_hand():
    # a: one task of 2 s from 0 to 2; b arrives at 1 s, moves for 0 s, one task from 2 to 4.
    made = workload(
        [profile("a", [1], duration_ms=2000.0), profile("b", [1], duration_ms=2000.0)], [0.0, 1000.0]
    )
    cluster = Cluster(made, Rules(1, moving_ms=0.0, durations="listed"))
    while not cluster.done:
        cluster.step(0, 1)
    found = Outcome.of(cluster)
    assert found.jct_s.tolist() == [2.0, 3.0]
    assert found.slowdown.tolist() == [1.0, 1.5]
    assert (found.makespan_s, found.utilization) == (4.0, 1.0)
    assert found.n_decisions == 2


def test_the_bound_of_a_slowdown_is_the_path_or_the_shared_work():
    wide = workload([profile("wide", [4], duration_ms=1000.0)])
    cluster = Cluster(wide, Rules(2, moving_ms=0.0, durations="listed"))
    while not cluster.done:
        cluster.step(0, cluster.committable)
    found = Outcome.of(cluster)
    assert found.jct_s.tolist() == [2.0]
    assert found.slowdown.tolist() == [1.0]
    assert found.utilization == 1.0


@given(st.lists(st.floats(0.0, 1e4), min_size=1, max_size=20), st.sampled_from([0.0, 0.5, 0.9, 1.0]))
def test_percentiles_are_interpolated_between_sorted_values(values, share):
    ordered = sorted(values)
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    expected = ordered[low] + (place - low) * (ordered[high] - ordered[low])
    assert percentile(np.array(values), share) == pytest.approx(expected)
