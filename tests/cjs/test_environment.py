"""Clusters in lock step play as each does alone."""

import numpy as np

from netwright.rl.environment import RaggedEnvironment, TimedEnvironment, running
from netwright.tasks.cjs.baselines import ruled
from netwright.tasks.cjs.environment import ClusterEnvironment
from netwright.tasks.cjs.evaluation import cluster_of
from netwright.tasks.cjs.settings import CjsConfig


def _clusters(data, *sizes):
    return [cluster_of(CjsConfig(n_jobs=n, n_executors=6), data, n) for n in sizes]


def test_each_cluster_plays_as_it_does_alone(generated):
    environment, policy = ClusterEnvironment(_clusters(generated, 2, 5, 3)), ruled.fair()
    assert isinstance(environment, RaggedEnvironment)
    assert isinstance(environment, TimedEnvironment)
    assert environment.times().tolist() == [0.0] * 3
    totals = np.zeros(3)
    while not environment.done:
        rows = running(environment)
        seen = environment.observe()
        assert len(seen) == len(rows) == len(environment.privileged())
        rewards, components = environment.step(policy.act(seen))
        assert (components[:, 0] == -rewards).all()
        totals[rows] += rewards
    for total, ended, alone in zip(totals, environment.clusters, _clusters(generated, 2, 5, 3), strict=True):
        policy.play(alone)
        assert ended.completion_ms.tolist() == alone.completion_ms.tolist()
        assert np.isclose(total, -(alone.completion_ms - alone.workload.arrival_ms).sum() / 1000.0)


def test_forks_have_the_same_future(generated):
    environment, policy = ClusterEnvironment(_clusters(generated, 3, 4)), ruled.fair()
    environment.step(policy.act(environment.observe()))
    both = environment.concat(environment.fork(np.array([1, 1])))
    while not both.done:
        both.step(policy.act(both.observe()))
    ends = [cluster.completion_ms.tolist() for cluster in both.clusters]
    assert ends[1] == ends[2] == ends[3]
    assert environment.clusters[1] is both.clusters[1]


def test_rows_of_forks_count_the_running_clusters(generated):
    environment, policy = ClusterEnvironment(_clusters(generated, 1, 4)), ruled.fair()
    while not environment.clusters[0].done:
        environment.step(policy.act(environment.observe()))
    (copy,) = environment.fork(np.array([0])).clusters
    assert len(copy.completion_ms) == 4
    assert copy.now_ms == environment.clusters[1].now_ms
