"""BBA and robust MPC: answers by brute force, the published code's numbers, and nothing but valid rungs."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.tasks.abr.baselines.bba import Bba
from netwright.tasks.abr.baselines.mpc import HORIZON, Mpc, MpcReference, best_first_levels
from netwright.tasks.abr.batch import Starts
from netwright.tasks.abr.evaluation import evaluate, rollout
from netwright.tasks.abr.generator import synth_video
from netwright.tasks.abr.observation import BitratePolicy, Observation
from netwright.tasks.abr.settings import SETTINGS
from netwright.tasks.abr.training_set import TrainingSet

LADDERS = {
    4: (400.0, 1000.0, 2500.0, 6000.0),
    6: (300.0, 750.0, 1200.0, 1850.0, 2850.0, 4300.0),
    10: tuple(250.0 * 1.4**k for k in range(10)),
}


def observations(rng, n, n_levels, *, n_left=None):
    """`n` random moments of play, from empty to full buffers and from dead to fast connections."""
    n_seen = rng.integers(1, 25, n)
    seen = np.arange(24) >= 24 - n_seen[:, None]
    kbps = np.array(LADDERS[n_levels])
    throughputs = np.exp(rng.uniform(-5.0, 3.0, (n, 1)) + 0.5 * rng.standard_normal((n, 24))) * seen
    sizes_mb = kbps / 8000.0 * 4.0 * rng.uniform(0.5, 2.0, (n, 6, 1))
    n_left = rng.integers(1, 48, n) if n_left is None else np.full(n, n_left)
    return Observation(
        throughputs_mbps=throughputs,
        delays_s=np.where(seen, rng.uniform(0.1, 20.0, (n, 24)), 0.0),
        buffer_s=rng.uniform(0.0, 60.0, n),
        last_level=rng.integers(0, n_levels, n),
        chunk_index=48 - n_left,
        n_left=n_left,
        next_sizes_mb=sizes_mb * (np.arange(6)[:, None] < n_left[:, None, None]),
        bitrates_mbps=np.tile(kbps / 1000.0, (n, 1)),
        chunk_s=np.full(n, 4.0),
        buffer_cap_s=np.full(n, 60.0),
        rebuffer_weight=rng.choice([1.0, 4.3, 20.0], n),
        change_weight=rng.choice([0.0, 1.0, 3.0], n),
    )


def _plan_qoe(plan, sizes_mb, rate, buffer_s, last, kbps, chunk_s, stall_weight, change_weight):
    total = 0.0
    for k, level in enumerate(plan):
        download_s = sizes_mb[k, level] / rate
        total += kbps[level] / 1000.0 - stall_weight * max(0.0, download_s - buffer_s)
        total -= change_weight * abs(kbps[level] - kbps[last]) / 1000.0
        buffer_s, last = max(0.0, buffer_s - download_s) + chunk_s, level
    return total


@given(st.integers(0, 10_000), st.sampled_from([4, 6]), st.sampled_from([1, 2, 3, 10]), st.integers(1, 4))
@settings(max_examples=25)
def test_the_search_finds_what_brute_force_finds(seed, n_levels, reach, horizon):
    rng = np.random.default_rng(seed)
    obs = observations(rng, 3, n_levels)
    obs.next_sizes_mb[:] = np.abs(obs.next_sizes_mb) + 0.01
    kbps = obs.bitrates_mbps * 1000.0
    rate = rng.uniform(0.02, 2.0, 3)
    found = best_first_levels(
        np.full(3, horizon),
        obs.next_sizes_mb,
        rate,
        obs.buffer_s,
        obs.last_level,
        kbps,
        obs.chunk_s,
        obs.rebuffer_weight,
        obs.change_weight,
        reach,
    )
    for b in range(3):
        best = {}
        for plan in itertools.product(range(n_levels), repeat=horizon):
            steps = np.abs(np.diff([obs.last_level[b], *plan]))
            if (steps <= reach).all():
                value = _plan_qoe(
                    plan,
                    obs.next_sizes_mb[b],
                    rate[b],
                    obs.buffer_s[b],
                    obs.last_level[b],
                    kbps[b],
                    4.0,
                    obs.rebuffer_weight[b],
                    obs.change_weight[b],
                )
                best[plan[0]] = max(best.get(plan[0], -np.inf), value)
        top = max(best.values())
        assert best[int(found[b])] == pytest.approx(top, abs=1e-9)


def test_of_equal_plans_the_higher_one_is_chosen():
    free = np.zeros(1)  # neither stalls nor changes cost anything, and chunks of one size take no time
    place = (np.array([2]), np.full((1, 6, 3), 0.5), np.ones(1), np.zeros(1), np.array([0]))
    equal = best_first_levels(*place, np.array([[512.0, 512.0, 512.0]]), np.full(1, 4.0), free, free, 3)
    assert equal.tolist() == [2]


def test_the_cautious_guess_by_hand():
    def seen(*mbps):
        obs = observations(np.random.default_rng(0), 1, 6)
        obs.throughputs_mbps[:] = 0.0
        obs.throughputs_mbps[0, -len(mbps) :] = mbps
        return obs

    mpc = Mpc()
    for count in (1, 2, 3):
        mpc.act(seen(*(2.0, 4.0, 1.0)[:count]))
    guesses = [2.0, 2 / (1 / 2 + 1 / 4), 3 / (1 / 2 + 1 / 4 + 1)]
    assert mpc._guess_mbps[0] == pytest.approx(guesses[2])
    errors = [abs(2.0 - 4.0) / 4.0, abs(guesses[1] - 1.0) / 1.0]
    assert mpc._errors[0].tolist() == pytest.approx([0.0, 0.0, 0.0, *errors])
    assert mpc._cautious_rate(seen(2.0, 4.0, 1.0, 1.0).throughputs_mbps)[0] == pytest.approx(
        4 / (1 / 2 + 1 / 4 + 1 + 1) / (1.0 + max(errors))
    )


def test_errors_last_as_long_as_a_session_except_in_the_published_code():
    rng = np.random.default_rng(1)
    first, later = observations(rng, 1, 6), observations(rng, 1, 6)
    first.throughputs_mbps[0] = [0.0] * 21 + [9.0, 1.0, 5.0]
    later.throughputs_mbps[0] = [0.0] * 23 + [3.0]
    for policy, kept in ((Mpc(), False), (MpcReference(), True)):
        policy.act(first)
        policy.act(first)
        policy.act(later)
        assert policy._errors.any() == kept


@pytest.mark.parametrize("n_levels", [4, 6, 10])
@pytest.mark.parametrize("policy", [Bba(), Mpc(), MpcReference()], ids=["bba", "mpc", "mpc-reference"])
def test_every_answer_is_a_rung(policy, n_levels):
    n = 200 if n_levels == 10 else 2_000
    policy.reset(np.random.default_rng(0))
    rng = np.random.default_rng(7)
    for n_left in (None, 1, 2):
        levels = policy.act(observations(rng, n, n_levels, n_left=n_left))
        assert levels.shape == (n,)
        assert levels.dtype.kind == "i"
        assert levels.min() >= 0
        assert levels.max() < n_levels
        assert len(set(levels.tolist())) > n_levels // 2


def decide(policy, n_batches, n):
    """Many decisions on random states, all of which must be rungs."""
    rng = np.random.default_rng(3)
    policy.reset(rng)
    for _ in range(n_batches):
        levels = policy.act(observations(rng, n, 6))
        assert len(levels) == n
        assert levels.min() >= 0
        assert levels.max() <= 5


def test_a_hundred_thousand_decisions_of_mpc_and_a_million_of_bba_are_rungs():
    decide(Mpc(), 5, 20_000)
    decide(Bba(), 10, 100_000)


@pytest.mark.slow
def test_a_million_decisions_of_mpc_are_rungs():
    decide(Mpc(), 50, 20_000)


def test_bba_by_hand():
    obs = observations(np.random.default_rng(0), 6, 6)
    obs.buffer_s[:] = [0.0, 4.99, 5.0, 7.1, 14.99, 15.0]
    assert Bba().act(obs).tolist() == [0, 0, 0, 1, 4, 5]


def test_policies_keep_the_protocol():
    assert all(isinstance(policy, BitratePolicy) for policy in (Bba(), Mpc(), MpcReference()))
    assert HORIZON == 5


def test_mpc_plays_other_ladders(generated):
    rng = np.random.default_rng(0)
    training = TrainingSet(generated)
    for kbps in (LADDERS[4], LADDERS[10]):
        video = synth_video("other", rng, bitrates_kbps=kbps, chunk_s=2.0, n_chunks=20)
        sessions = training.sample(rng, 4)
        played = rollout(
            Mpc(),
            type(sessions)(
                sessions.traces,
                [video],
                Starts(sessions.trace_of, [0] * 4, sessions.start_rows),
            ),
            rng,
        )
        assert played.qoe.shape == (4, 19)


# QoE per chunk of the published simulator, chunks 2..48 (measured with its own code, outside this repository).
REFERENCE = {
    "bba": {"default": 0.7642, "unseen1": 1.5742, "unseen2": 0.5867, "unseen3": 1.2993, "norway": 0.4957},
    "mpc-reference": {
        "default": 0.8485,
        "unseen1": 2.0938,
        "unseen2": 0.6309,
        "unseen3": 1.7370,
        "norway": 0.6501,
    },
    "mpc": {"default": 1.0002, "unseen1": 2.0401, "unseen2": 0.8187, "unseen3": 1.7024},
}


@pytest.mark.parametrize(("name", "policy"), [("bba", Bba), ("mpc-reference", MpcReference), ("mpc", Mpc)])
def test_the_reference_table(real, name, policy):
    for setting, expected in REFERENCE[name].items():
        found = evaluate(policy(), SETTINGS[setting], real, name=name)
        assert found.mean == pytest.approx(expected, abs=0.002), setting


def test_components_of_the_default_test(real):
    detail = evaluate(MpcReference(), SETTINGS["default"], real, name="mpc-reference").detail
    assert [detail[k] for k in ("bitrate_mbps", "rebuffer_s", "change_mbps")] == pytest.approx(
        [1.232, 0.0566, 0.140], abs=0.001
    )
