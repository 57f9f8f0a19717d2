"""The Gymnasium faces play what the simulator plays."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from netwright.tasks.abr.env import AbrEnv, AbrVectorEnv, training_sessions
from netwright.tasks.abr.generator import synth_video
from netwright.tasks.abr.media import QoE


@pytest.fixture(scope="module")
def draw(generated):
    return training_sessions(generated, qoe=QoE(rebuffer=2.0))


@pytest.mark.filterwarnings("ignore:.*render.*")
def test_the_environment_passes_gymnasiums_check(draw):
    check_env(AbrEnv(draw), skip_render_check=True)


def test_an_episode_is_a_session(draw):
    env = AbrEnv(draw)
    env.reset(seed=3)
    rewards, ended = [], False
    while not ended:
        seen, reward, ended, cut, info = env.step(np.int64(len(rewards) % 6))
        assert env.observation_space.contains(seen)
        assert not cut
        assert reward == pytest.approx(info["bitrate_mbps"] - 2.0 * info["rebuffer_s"] - info["change_mbps"])
        rewards.append(reward)
    assert len(rewards) == 47
    assert seen["n_left"] == 0.0


def test_the_vector_environment_plays_the_same(draw):
    env, vector = AbrEnv(draw), AbrVectorEnv(1, draw)
    one, many = env.reset(seed=11)[0], vector.reset(seed=11)[0]
    for step in range(60):
        for name, value in one.items():
            assert (many[name][0] == value).all(), (step, name)
        many, rewards, ended, _, _ = vector.step(np.array([step % 6]))
        if step == 47:  # the step after the end starts again and ignores the action
            one = env.reset()[0]
            assert not ended[0]
            continue
        one, reward, over, _, _ = env.step(np.int64(step % 6))
        assert rewards[0] == reward
        assert ended[0] == over == (step == 46)


def test_both_are_made_by_their_name():
    name = "netwright.tasks.abr.env:netwright/ABR-v0"
    single = gymnasium.make(name)
    assert single.action_space.n == 6
    vector = gymnasium.make_vec(name, num_envs=3, vectorization_mode="vector_entry_point")
    seen, _ = vector.reset(seed=0)
    assert vector.observation_space.contains(seen)
    assert vector.step(vector.action_space.sample())[1].shape == (3,)


@pytest.mark.parametrize("kbps", [(500.0, 1500.0, 3000.0, 6000.0), tuple(200.0 * 1.5**k for k in range(10))])
def test_any_ladder(generated, kbps):
    from netwright.tasks.abr.batch import Sessions, Starts

    video = synth_video("other", np.random.default_rng(0), bitrates_kbps=kbps, n_chunks=12, chunk_s=2.0)
    traces = generated.sets["fcc-train"]

    def draw(rng, n):
        return Sessions(
            traces,
            [video],
            Starts(trace_of=rng.integers(len(traces), size=n), video_of=[0] * n, start_rows=[1] * n),
        )

    env = AbrEnv(draw)
    assert env.action_space.n == len(kbps)
    env.reset(seed=0)
    assert env.step(np.int64(len(kbps) - 1))[4]["bitrate_mbps"] == pytest.approx(kbps[-1] / 1000.0)
