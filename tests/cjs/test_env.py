"""The Gymnasium face plays what the simulator plays."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from netwright.core.errors import ConfigError
from netwright.tasks.cjs.baselines import ruled
from netwright.tasks.cjs.cluster import Cluster
from netwright.tasks.cjs.env import CLUSTER, JOB, NODE, CjsEnv
from netwright.tasks.cjs.observation import DECLINE

ENV = "netwright.tasks.cjs.env:netwright/CJS-v0"


@pytest.fixture
def env(generated):
    return gymnasium.make(ENV, data=generated, n_jobs=6, n_executors=5, mean_gap_s=10.0)


def test_gymnasium_accepts_it(generated):
    check_env(CjsEnv(generated, n_jobs=4, n_executors=3), skip_render_check=True)


def _play(env, seed, choose):
    seen, _ = env.reset(seed=seed)
    total, done, n = 0.0, False, 0
    while not done:
        assert env.observation_space.contains(seen)
        seen, reward, done, truncated, info = env.step(choose(env))
        assert not truncated
        total, n = total + reward, n + 1
    return total, n, info


def test_every_action_of_the_space_is_valid_and_rewards_sum_to_completion_times(env):
    env.action_space.seed(0)
    total, _, _ = _play(env, 3, lambda env: env.action_space.sample())
    cluster = env.unwrapped.cluster
    jct_s = (cluster.completion_ms - cluster.workload.arrival_ms) / 1000.0
    assert total == pytest.approx(-jct_s.sum())


def test_declining_for_ever_ends(env):
    _, _, info = _play(env, 3, lambda env: {"stage_idx": DECLINE, "num_exec": 1})
    assert info["n_forced"] > 0


def test_it_plays_the_jobs_and_decisions_of_the_simulator(generated, env):
    def choose(env):
        ((choice, n),) = ruled.fair().act([env.unwrapped.cluster.observe()])
        return {"stage_idx": choice, "num_exec": n}

    _, n_steps, _ = _play(env, 7, choose)
    found = env.unwrapped.cluster
    rng = np.random.default_rng(7)
    other = Cluster(
        generated.workload(rng, 6, 10_000.0), env.unwrapped.config.rules, int(rng.integers(2**62))
    )
    ruled.fair().play(other)
    assert found.workload.names == other.workload.names
    assert found.completion_ms.tolist() == other.completion_ms.tolist()
    assert found.n_decisions == n_steps


def test_what_is_observed(env):
    seen, _ = env.reset(seed=1)
    obs = env.unwrapped.cluster.observe()
    nodes, jobs, cluster = seen["graph"].nodes, seen["jobs"], seen["cluster"]
    assert (nodes.shape[1], jobs.shape, cluster.shape) == (len(NODE), (6, len(JOB)), (len(CLUSTER),))
    assert nodes[:, 0].tolist() == obs.remaining.tolist()
    assert nodes[:, 4].tolist() == (obs.mean_ms / 1000.0).astype(np.float32).tolist()
    assert seen["graph"].edge_links.tolist() == obs.edges.tolist()
    assert int(nodes[:, NODE.index("schedulable")].sum()) == env.action_space["stage_idx"].n - 1
    assert cluster.tolist() == [5.0, 1.0, 1.0, 5.0, 0.0, 0.0]  # source: the common pool


def test_an_action_beyond_the_space_is_cut_and_one_below_it_refused(env, generated):
    env.reset(seed=1)
    other = env.unwrapped.cluster.copy()
    env.step({"stage_idx": 99, "num_exec": 99})
    other.step(len(other.observe().choices) - 1, 5)
    assert env.unwrapped.cluster.observe().demand.tolist() == other.observe().demand.tolist()
    with pytest.raises(ConfigError, match="can be chosen"):
        env.step({"stage_idx": -2, "num_exec": 1})
    with pytest.raises(ConfigError, match="executors can be committed"):
        env.step({"stage_idx": 0, "num_exec": 0})


def test_a_seed_decides_everything(env):
    env.action_space.seed(2)
    runs = []
    for seed in (4, 4, 5):
        env.action_space.seed(0)
        runs.append(_play(env, seed, lambda env: env.action_space.sample())[0])
    assert runs[0] == runs[1] != runs[2]


def test_bad_options_are_refused(generated):
    with pytest.raises(ConfigError, match=r"CjsConfig\.n_jobs"):
        CjsEnv(generated, n_jobs=0)
