"""The simulator: episodes worked by hand, laws that hold for all, and the compiled one pinned to the plain one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import ConfigError
from netwright.tasks.cjs import durations
from netwright.tasks.cjs.cluster import Cluster, Rules
from netwright.tasks.cjs.observation import DECLINE
from netwright.tasks.cjs.sim import Simulation
from tests.cjs.small import profile, workload, worlds


def _first_choice(cluster):
    while not cluster.done:
        cluster.step(0, cluster.committable)
    return cluster


def test_one_job_by_hand():
    # 3 tasks of 1 s on 2 executors that move 2 s: 2..3 s two tasks, 3..4 s the third; a child of one task 4..5 s.
    job = workload([profile("one", [3, 1], [(0, 1)])])
    cluster = _first_choice(Cluster(job, Rules(n_executors=2, durations="listed"), record=True))
    assert cluster.completion_ms.tolist() == [5000.0]
    assert cluster.launches.tolist() == [
        [0, 0, 2000.0, 3000.0],
        [1, 0, 2000.0, 3000.0],
        [0, 0, 3000.0, 4000.0],
        [0, 1, 4000.0, 5000.0],
    ]
    assert cluster.busy_ms == 4000.0
    assert cluster.n_events == 1 + 2 + 4


def test_cold_executors_take_fresh_durations_and_warm_ones_those_of_the_rest():
    job = workload([profile("one", [2, 1], [(0, 1)], fresh=[5000.0], first=[3000.0], rest=[1000.0])])
    cluster = _first_choice(
        Cluster(job, Rules(n_executors=1, moving_ms=0.0, durations="listed"), record=True)
    )
    lengths = (cluster.launches[:, 3] - cluster.launches[:, 2]).tolist()
    assert lengths == [5000.0, 1000.0, 5000.0]  # released without a commitment it forgets its last task


def test_an_executor_committed_ahead_stays_warm():
    # Executor 1 is free at 3 s. Executor 0, which still runs, is committed with it, and continues at 5 s.
    job = workload([profile("one", [2, 2], fresh=[5000.0, 3000.0], first=[700.0], rest=[9.0])])
    cluster = Cluster(job, Rules(n_executors=2, moving_ms=0.0, durations="listed"), record=True)
    cluster.step(0, 2)
    assert (cluster.now_ms, cluster.committable) == (3000.0, 2)
    cluster.step(0, 2)
    assert cluster.launches[2:].tolist() == [[1, 1, 3000.0, 8000.0], [0, 1, 5000.0, 5700.0]]


def test_rewards_are_minus_the_number_of_jobs_in_the_system_over_time():
    jobs = workload([profile("a", [2]), profile("b", [1])], [0.0, 500.0])
    cluster = Cluster(jobs, Rules(n_executors=1, durations="listed"))
    total = 0.0
    while not cluster.done:
        total += cluster.step(0, 1)
    assert total == -float((cluster.completion_ms - [0.0, 500.0]).sum())


def test_an_idle_cluster_cannot_decline():
    jobs = workload([profile("a", [2]), profile("b", [1])], [0.0, 500.0])
    cluster = Cluster(jobs, Rules(n_executors=2, durations="listed"))
    assert not cluster.observe().may_decline
    while not cluster.done:
        cluster.step(DECLINE, 1)
    assert cluster.n_forced > 0
    assert np.isfinite(cluster.completion_ms).all()


def test_jobs_without_edges_and_of_one_task():
    cluster = _first_choice(
        Cluster(workload([profile("a", [1]), profile("b", [1, 1])]), Rules(3, durations="listed"))
    )
    assert cluster.completion_ms.tolist() == [3000.0, 3000.0]


class _Same:
    """Durations of the compiled rules `listed` and `hashed`, for the plain simulator."""

    def __init__(self, made, rule, seed):
        self.state = Cluster(made, Rules(1, durations=rule), seed).state

    def __call__(self, stage, wave, k, n_local):
        rows = self.state.lists[self.state.stages["row"][stage], wave]
        n = min(n_local, len(durations.LOW) - 1)
        low, high = durations.LOW[n], durations.HIGH[n]
        if self.state.cluster["durations"][0] == durations.LISTED:
            return float(
                self.state.values[rows[low]["start"] + k % rows[low]["length"]] + rows[low]["extra_ms"]
            )
        hashed = _mixed(_mixed(int(self.state.cluster["seed"][0]), stage), k)
        level = low
        if low != high:
            width = int(durations.EXECUTORS[high] - durations.EXECUTORS[low])
            level = low if 1 + _below(hashed, width) <= n - durations.EXECUTORS[low] else high
        found = rows[level]
        return float(
            self.state.values[found["start"] + _below(_mixed(hashed, 1), int(found["length"]))]
            + found["extra_ms"]
        )


def _mixed(seed, number):
    """SplitMix64 in Python's whole numbers."""
    mask = 2**64 - 1
    z = (seed + 0x9E3779B97F4A7C15 * (number + 1)) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def _below(hashed, n):
    return ((hashed >> 32) * n) >> 32


@given(
    worlds(), st.sampled_from(["listed", "hashed"]), st.integers(0, 2**40), st.randoms(use_true_random=False)
)
@settings(max_examples=150)
def test_the_compiled_simulator_equals_the_plain_one(world, rule, seed, random):
    made, rules = world
    cluster = Cluster(made, Rules(**rules, durations=rule), seed)
    plain = Simulation(
        made,
        rules["n_executors"],
        _Same(made, rule, seed),
        moving_ms=rules["moving_ms"],
        first_backup=rules["variant"] == "spark-sched-sim",
    )
    while not cluster.done:
        seen = cluster.observe()
        stages = seen.stage[seen.choices].tolist()
        assert (seen.now_ms, seen.committable, seen.may_decline) == (
            plain.now_ms,
            plain.committable,
            plain.may_decline,
        )
        assert stages == plain.choices()
        assert seen.demand[seen.choices].tolist() == [plain.demand(stage) for stage in stages]
        assert seen.job.tolist() == plain.active
        assert seen.supply.tolist() == [plain.supply[job] for job in plain.active]
        choice = random.randint(DECLINE, len(stages) - 1)
        n = random.randint(1, seen.committable)
        reward = cluster.step(choice, n)
        assert reward == pytest.approx(plain.decide(None if choice == DECLINE else stages[choice], n))
    assert plain.done
    assert cluster.completion_ms.tolist() == [plain.completion_ms[job] for job in range(made.n_jobs)]
    assert (cluster.n_events, cluster.n_forced) == (plain.n_events, plain.n_forced)


@given(worlds(), st.integers(0, 99), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_laws_of_an_episode(world, seed, random):
    made, rules = world
    cluster = Cluster(made, Rules(**rules), seed, record=True)
    while not cluster.done:
        seen = cluster.observe()
        assert 1 <= seen.committable <= rules["n_executors"]
        assert (seen.promised >= 0).all() and (seen.promised <= seen.supply).all()
        cluster.step(random.randint(DECLINE, len(seen.choices) - 1), random.randint(1, seen.committable))
    log, stages = cluster.launches, made.stages
    assert np.bincount(log[:, 1].astype(int), minlength=len(stages)).tolist() == stages["n_tasks"].tolist()
    for executor in range(rules["n_executors"]):
        own = log[log[:, 0] == executor]
        assert (own[1:, 2] >= own[:-1, 3]).all()  # one task at a time
        jobs = stages["job"][own[:, 1].astype(int)]
        moved = jobs[1:] != jobs[:-1]
        assert (own[1:, 2][moved] >= own[:-1, 3][moved] + rules["moving_ms"]).all()
    for stage, one in enumerate(stages):
        for child in made.children[one["first_child"] : one["end_child"]]:
            assert log[log[:, 1] == child, 2].min() >= log[log[:, 1] == stage, 3].max()
    ends = [log[stages["job"][log[:, 1].astype(int)] == job, 3].max() for job in range(made.n_jobs)]
    assert cluster.completion_ms.tolist() == ends


@given(worlds(), st.integers(0, 20), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_a_copy_has_the_same_future_and_goes_its_own_way(world, n_steps, random):
    made, rules = world
    cluster = Cluster(made, Rules(**rules), 3)
    for _ in range(n_steps):
        if not cluster.done:
            cluster.step(0, random.randint(1, cluster.committable))
    before = cluster.observe() if not cluster.done else None
    other = _first_choice(cluster.copy())
    if before is not None:
        assert cluster.now_ms == before.now_ms
        assert cluster.observe().remaining.tolist() == before.remaining.tolist()
    assert _first_choice(cluster).completion_ms.tolist() == other.completion_ms.tolist()


def test_hashed_durations_do_not_depend_on_the_policy(generated):
    made = generated.workload(np.random.default_rng(1), 8)
    logs = []
    for choose in (lambda seen: 0, lambda seen: len(seen.choices) - 1):
        cluster = Cluster(made, Rules(5, durations="hashed"), 7, record=True)
        while not cluster.done:
            seen = cluster.observe()
            cluster.step(choose(seen), seen.committable)
        logs.append(cluster.launches)
    firsts = [{int(row[1]): row[3] - row[2] for row in log[::-1]} for log in logs]
    assert logs[0].tolist() != logs[1].tolist()
    equal = [firsts[0][stage] == firsts[1][stage] for stage in firsts[0]]
    assert np.mean(equal) > 0.5  # those launched in the same wave


@pytest.mark.parametrize(
    ("choice", "n", "sentence"),
    [
        (9, 1, r"stages 0\.\.0 can be chosen"),
        (-2, 1, "can be chosen"),
        (0, 4, r"1\.\.3 executors"),
        (0, 0, r"1\.\.3 executors"),
    ],
)
def test_a_decision_that_cannot_be_is_refused(choice, n, sentence):
    cluster = Cluster(workload([profile("a", [1])]), Rules(3))
    with pytest.raises(ConfigError, match=sentence):
        cluster.step(choice, n)


def test_an_episode_ends():
    cluster = _first_choice(Cluster(workload([profile("a", [1])]), Rules(3)))
    with pytest.raises(ConfigError, match="all jobs have completed"):
        cluster.step(0, 1)


@pytest.mark.parametrize(
    "options", [{"n_executors": 0}, {"moving_ms": -1.0}, {"durations": "guessed"}, {"variant": "other"}]
)
def test_bad_rules_are_refused(options):
    with pytest.raises(ConfigError, match=rf"Rules\.{next(iter(options))}"):
        Rules(**options)
