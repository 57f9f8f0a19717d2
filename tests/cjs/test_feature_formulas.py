"""Features of scheduling models against their formulas in plain NumPy, decision by decision and number by number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.adaptation.offline.ragged import Ragged
from netwright.tasks.cjs import candidate_features, candidates, features
from netwright.tasks.cjs.candidates import CANDIDATE, MOST
from netwright.tasks.cjs.features import CLUSTER, EDGES, JOBS, N_OPTIONS, NODES, Options
from netwright.tasks.cjs.rules import Load
from netwright.tasks.cjs.state import NOWHERE
from netwright.tasks.cjs.views import VIEW

CLOSE = 2e-5  # single precision
REMAINING, RUNNING, DEMAND, LAST, MEAN, PATH, SCHEDULABLE, FRONTIER = range(8)
SCORE, ROOM, SERVED = 4, 5, 6  # of a job, from the evolved rule


def decision(rng, n_jobs):
    """The stored columns of one decision: random, but such as an observation may have."""
    counts = rng.integers(1, 5, n_jobs)
    n = int(counts.sum())
    nodes = np.zeros((n, 8), dtype=np.float32)
    nodes[:, REMAINING], nodes[:, RUNNING] = rng.integers(0, 30, n), rng.integers(0, 9, n)
    nodes[:, DEMAND] = nodes[:, REMAINING] - rng.integers(-2, 5, n)
    nodes[:, LAST], nodes[:, MEAN] = rng.uniform(100, 9000, n), rng.uniform(100, 9000, n)
    nodes[:, PATH] = nodes[:, MEAN] * rng.uniform(1, 4, n)
    nodes[:, SCHEDULABLE] = rng.random(n) < 0.6
    nodes[:, FRONTIER] = rng.random(n) < 0.5
    nodes[0, SCHEDULABLE] = 1.0
    jobs = np.zeros((n_jobs, 7), dtype=np.float32)
    jobs[:, 0], jobs[:, 1] = counts, rng.uniform(0, 1e6, n_jobs)
    jobs[:, 2], jobs[:, 3] = rng.integers(0, 12, n_jobs), rng.integers(0, 4, n_jobs)
    jobs[:, SCORE], jobs[:, ROOM] = rng.uniform(-15, 15, n_jobs), rng.integers(0, 9, n_jobs)
    jobs[jobs[:, SCORE].argmax(), SERVED] = 1.0
    executors = int(rng.integers(12, 90))
    source = int(rng.integers(0, n_jobs + 1))
    cluster = np.array([rng.uniform(0, 100), executors, rng.integers(1, executors + 1), source, 1.0])
    return nodes, jobs, np.zeros((0, 2), dtype=np.int32), cluster


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(5)
    rows = [decision(rng, n_jobs) for n_jobs in (1, 3, 6, 2)]
    nodes, jobs, edges, clusters = zip(*rows, strict=True)
    kept = {
        NODES: Ragged.of(nodes),
        JOBS: Ragged.of(jobs),
        EDGES: Ragged.of(edges),
        CLUSTER: np.stack(clusters),
    }
    return rows, features.features(kept)


def of_stage(nodes, jobs, cluster, a, node):
    """The 29 features of one stage and its limits, by the sentences of the documentation."""
    first = jobs[:, 0].cumsum().astype(int) - jobs[:, 0].astype(int)
    own = nodes[first[a] : first[a] + int(jobs[a, 0])].astype(float)
    row, (_, executors, committable, source, _) = nodes[node].astype(float), cluster
    n_jobs, total = len(jobs), 1.0 + float((nodes[:, REMAINING] * nodes[:, MEAN].astype(float)).sum())
    work, path = 1.0 + (own[:, REMAINING] * own[:, MEAN]).sum(), max(1.0, own[:, PATH].max())
    can = own[:, SCHEDULABLE] > 0
    demand = 1.0 + own[can, DEMAND].sum()
    served = next(
        (i for i in range(len(own)) if can[i] and own[i, FRONTIER] > 0), next(iter(np.flatnonzero(can)), -1)
    )
    held = max(jobs[a, 2] - jobs[a, 3], 0.0)
    keeps = max(held - committable, 0.0) if a == source else held
    most = min(committable, max(row[DEMAND], 1.0)) if row[SCHEDULABLE] else 0.0
    relative = math.log(work / (total / n_jobs))
    reference = min(relative * 0.44 - 0.9 * math.log(n_jobs), 0.0)
    log_jobs, backlog = math.log(n_jobs) / 2, math.log(total / (executors * 25_000) + 0.05)
    kept_share = math.log((keeps + 1.0) / executors)
    found = [
        *(math.log(1.0 + row[i]) / 3 for i in (REMAINING, RUNNING)),
        math.log(1.0 + max(row[DEMAND], 0.0)) / 3,
        *((math.log(1.0 + row[i]) - 7.0) / 2 for i in (MEAN, LAST)),
        math.log(row[PATH] / 1e4 + 1e-3) / 2,
        row[SCHEDULABLE],
        row[FRONTIER],
        float(node - first[a] == served),
        math.log(work / 1e6) / 2,
        math.log(path / 1e4) / 2,
        math.log(demand / executors),
        math.log(1.0 + held) / 2,
        kept_share,
        math.log(1.0 + jobs[a, 3]) / 2,
        float(a == source),
        relative,
        math.log(1.0 + jobs[a, 1] / 1e4) / 2,
        math.log(1.0 + most) / 2,
        log_jobs,
        backlog,
        math.log(committable) / 2,
        math.log(executors / 50),
        reference,
        kept_share - reference,
        max(jobs[a, SCORE] - jobs[:, SCORE].max(), -20.0) / 5,
        jobs[a, SERVED],
        jobs[a, SERVED] * (node - first[a] == served),
        math.log(max(jobs[a, ROOM], 1.0)) / 2,
    ]
    return found, [max(most, 1.0), keeps, reference, executors, max(jobs[a, ROOM], 1.0)]


def test_every_feature_of_every_stage_is_its_formula(made):
    rows, read = made
    assert read.nodes.shape[1] == features.N_FEATURES
    for first, (nodes, jobs, _, cluster) in zip(read.first, rows, strict=True):
        owner = np.repeat(np.arange(len(jobs)), jobs[:, 0].astype(int))
        for node, a in enumerate(owner):
            expected, limits = of_stage(nodes, jobs, cluster, int(a), node)
            np.testing.assert_allclose(read.nodes[first + node], expected, atol=CLOSE, rtol=CLOSE)
            np.testing.assert_allclose(read.limits[first + node], limits, atol=CLOSE)


def test_the_state_of_a_decision_is_its_formula(made):
    rows, read = made
    for found, (nodes, jobs, _, cluster) in zip(read.state, rows, strict=True):
        total = 1.0 + float((nodes[:, REMAINING] * nodes[:, MEAN].astype(float)).sum())
        _, executors, committable, source, _ = cluster
        n_choices = nodes[:, SCHEDULABLE].sum()
        expected = [
            math.log(len(jobs)) / 2,
            math.log(total / (executors * 25_000) + 0.05),
            math.log(committable) / 2,
            math.log(executors / 50),
            float(source < len(jobs)),
            math.log(n_choices + 1) / 2,
        ]
        np.testing.assert_allclose(found, expected, atol=CLOSE)


def test_choices_are_the_schedulable_nodes_and_padding_behind(made):
    rows, read = made
    for found, (nodes, *_) in zip(read.choices, rows, strict=True):
        own = np.flatnonzero(nodes[:, SCHEDULABLE]).tolist()
        assert found.tolist() == own + [-1] * (read.choices.shape[1] - len(own))


def test_decisions_do_not_depend_on_their_neighbors(made):
    rows, read = made
    nodes, jobs, edges, cluster = rows[2]
    kept = {
        NODES: Ragged.of([nodes]),
        JOBS: Ragged.of([jobs]),
        EDGES: Ragged.of([edges]),
        CLUSTER: cluster[None],
    }
    alone = features.features(kept)
    begin = read.first[2]
    assert (alone.nodes == read.nodes[begin : begin + len(nodes)]).all()
    assert (alone.state[0] == read.state[2]).all()


# Options for the number of executors


def options_of(most, keeps=0.0, reference=0.0, executors=100.0, room=1) -> Options:
    found = features.Features(
        np.zeros((1, features.N_FEATURES), dtype=np.float32),
        np.zeros((1, features.N_STATE), dtype=np.float32),
        np.zeros((1, 1), dtype=np.int64),
        np.array([[most, keeps, reference, executors, room]]),
        np.zeros(1, dtype=np.int64),
        rule=True,
    )
    return found.options(np.zeros(1, dtype=np.int64))


@settings(max_examples=40)
@given(st.integers(1, 300), st.integers(0, 50), st.floats(-3.0, 0.0), st.integers(1, 400))
def test_features_of_options_are_their_formulas(most, keeps, reference, room):
    found = options_of(most, keeps, reference, 400.0, room)
    numbers = found.numbers[0]
    assert numbers[0] == 1
    assert numbers[-1] == most
    assert len(numbers) == min(most, N_OPTIONS)
    assert (np.diff(numbers) >= 1).all()
    for k, n in enumerate(numbers):
        share = math.log((keeps + n) / 400.0)
        expected = [
            math.log(n) / 2,
            n / most,
            float(k == len(numbers) - 1),
            float(k == 0),
            share,
            share - reference,
            abs(share - reference),
            n / 400.0,
            math.log(n / min(room, most)),
            float(n == min(room, most)),
        ]
        np.testing.assert_allclose(found.features[0, k], expected, atol=CLOSE)


def test_few_options_are_every_number_and_many_grow_in_steps():
    assert options_of(5).numbers[0].tolist() == [1, 2, 3, 4, 5]
    assert options_of(N_OPTIONS).numbers[0].tolist() == list(range(1, N_OPTIONS + 1))
    steps = np.diff(options_of(200).numbers[0])
    assert steps[0] == 1
    assert steps[-1] > 10
    assert (steps[1:] >= steps[:-1] - 1).all()


def test_the_nearest_option_is_nearest_in_the_logarithm():
    options = Options(np.array([[1, 4, 16, 0], [1, 2, 3, 4]]), np.zeros((2, 4, 1), dtype=np.float32))
    # 8 is as far from 4 as from 16 in the logarithm; 9 is nearer to 16, 7 to 4.
    assert options.nearest(np.array([7, 4])).tolist() == [1, 3]
    assert options.nearest(np.array([9, 100])).tolist() == [2, 3]
    assert options.nearest(np.array([500, 0])).tolist() == [2, 0], "what is not there is never chosen"


# Candidates of a decision


def views_of(rng, n_jobs, own):
    views = np.zeros(n_jobs, dtype=VIEW)
    for name in ("held", "promised", "n_open", "running", "stage_tasks", "stage_running", "room"):
        views[name] = rng.integers(1, 9, n_jobs)
    for name in ("stage_demand", "other_demand"):
        views[name] = rng.integers(4, 20, n_jobs)
    for name in ("work_ms", "path_ms", "age_ms", "stage_ms", "stage_path_ms"):
        views[name] = rng.uniform(200, 90_000, n_jobs)
    views["stage"], views["other"] = 10 * np.arange(n_jobs), 10 * np.arange(n_jobs) + 1
    views["stage_frontier"], views["over"] = rng.integers(0, 2, n_jobs), rng.integers(0, 2, n_jobs)
    views["wanted"], views["log_cap"] = rng.uniform(1, 40, n_jobs), rng.uniform(-3, 0.5, n_jobs)
    views["score"] = rng.permutation(n_jobs) - 0.5
    views["own"] = np.arange(n_jobs) == own
    return views


def load_of(views, executors=50, committable=9):
    return Load(executors, committable, len(views), float(views["work_ms"].sum()))


def proposed(views, load, best):
    found = np.zeros(MOST, dtype=CANDIDATE)
    n = candidates.propose(views, load, best, found)
    return n, found[:n]


def test_candidates_begin_with_the_rules_decision_and_never_repeat():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        views = views_of(rng, 5, own=int(rng.integers(0, 5)))
        best = int(views["score"].argmax())
        n, found = proposed(views, load_of(views), best)
        assert 2 <= n <= MOST
        first = found[0]
        assert (first["job"], first["stage"], first["is_other"]) == (best, views["stage"][best], 0)
        assert first["n"] == min(views["room"][best], views["stage_demand"][best])
        pairs = [(int(c["stage"]), int(c["n"])) for c in found]
        assert len(set(pairs)) == n
        for c in found:
            view = views[c["job"]]
            demand = view["other_demand"] if c["is_other"] else view["stage_demand"]
            assert c["demand"] == demand
            assert 1 <= c["n"] <= demand


def test_candidates_by_hand():
    """Three jobs by score 0, 1, 2; the source's is the last; room 3, committable 9, demands above all of them."""
    views = np.zeros(3, dtype=VIEW)
    views["stage"], views["other"] = [0, 10, 20], [1, NOWHERE, NOWHERE]
    views["room"], views["stage_demand"], views["other_demand"] = 3, 50, 50
    views["score"], views["own"] = [5.0, 4.0, 3.0], [0, 0, 1]
    n, found = proposed(views, load_of(views), best=0)
    expected = [
        (0, 0, 3),  # the rule's decision
        (0, 0, 9),  # with all executors
        (0, 1, 3),  # at its other stage
        (2, 20, 9),  # the source's job with all
        (1, 10, 3),  # the next highest score with the rule's number
        (1, 10, 9),  # and with all
        (2, 20, 3),  # the one after it
        (0, 0, 5),  # half of the executors, rounded up
    ]
    assert n == MOST
    assert [(int(c["job"]), int(c["stage"]), int(c["n"])) for c in found] == expected


def test_a_job_alone_has_few_candidates():
    views = np.zeros(1, dtype=VIEW)
    views["stage"], views["other"], views["room"], views["stage_demand"] = 0, NOWHERE, 1, 2
    n, found = proposed(views, load_of(views, committable=2), best=0)
    assert [int(c["n"]) for c in found] == [1, 2]
    assert n == 2


def test_equal_scores_follow_the_order_of_arrival():
    views = np.zeros(4, dtype=VIEW)
    views["stage"], views["score"] = [0, 10, 20, 30], [2.0, 1.0, 1.0, 1.0]
    load = load_of(views)
    order = [0]
    while (found := candidates.next_best(views, load, 0, order[-1])) != NOWHERE:
        order.append(found)
    assert order == [0, 1, 2, 3]
    views["stage"][2] = NOWHERE
    assert candidates.next_best(views, load, 0, 1) == 3
    assert candidates.next_best(views, load, 0, NOWHERE) == NOWHERE


def described_job(view, load):
    return [
        math.log(max(view["work_ms"], 1e3) / 1e6) / 2,
        view["log_cap"],
        view["held"] / load.n_executors,
        view["over"],
        view["own"],
        math.log(view["wanted"] / load.n_executors) / 2,
        math.log(max(view["path_ms"], 1e2) / 1e4),
        math.log1p(view["age_ms"] / 1e4) / 2,
        view["n_open"] / 10.0,
        view["running"] / load.n_executors,
        view["promised"] / load.n_executors,
    ]


@pytest.mark.parametrize("own", [NOWHERE, 0, 2])
def test_every_feature_of_every_candidate_is_its_formula(own):
    views = views_of(np.random.default_rng(3), 4, own)
    if own == 2:
        views["stage"][2] = NOWHERE  # nothing of the source's job can be chosen
    load, best = load_of(views), int(views["score"][:2].argmax())
    n, found = proposed(views, load, best)
    out = np.zeros((MOST, candidate_features.SIZE), dtype=np.float32)
    candidate_features.describe(views, load, found, n, out)
    for c, row in zip(found, out[:n], strict=True):
        view, rule = views[c["job"]], views[found[0]["job"]]
        room = load.n_executors * math.exp(min(view["log_cap"], 0.0)) - view["held"]
        room += view["own"] * load.committable
        expected = [
            math.log(load.n_jobs) / 2,
            math.log(load.total_ms / (load.n_executors * 25_000.0) + 0.05) / 2,
            load.committable / load.n_executors,
            math.log(load.committable) / 2,
            load.n_executors / 50.0,
            0.0 if own == NOWHERE else 1.0 + float(views["stage"][own] != NOWHERE),
            *described_job(view, load),
            *described_job(rule, load),
            c["is_other"],
            math.log1p(view["stage_tasks"]) / 4,
            math.log1p(c["demand"]) / 4,
            view["stage_running"] / load.n_executors,
            math.log1p(view["stage_ms"] / 1e3),
            math.log1p(view["stage_path_ms"] / 1e4),
            view["stage_frontier"],
            c["n"] / load.n_executors,
            c["n"] / load.committable,
            c["n"] / c["demand"],
            max(-2.0, min(2.0, (c["n"] - room) / load.n_executors * 4)),
            (int(c["n"]) - int(found[0]["n"])) / load.n_executors * 4,
            float(c["job"] == found[0]["job"]),
            max(-12.0, view["score"] - rule["score"]) / 4,
            (views["work_ms"] < view["work_ms"]).sum() / load.n_jobs,
        ]
        np.testing.assert_allclose(row, expected, atol=CLOSE, rtol=CLOSE)
    assert not out[n:].any()
