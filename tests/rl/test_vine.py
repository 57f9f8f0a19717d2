"""Advantages of every choice from copies of episodes: against playing each way out by itself."""

import numpy as np
import pytest

from netwright.rl.vine import VineRollout
from tests.adaptation.toy_decisions import DOORS, STEPS, Doors


def all_ways(gamma: float, chosen: np.ndarray) -> tuple[VineRollout, Doors]:
    """Every door of every state is tried, and afterwards door 0 is taken; the episode itself takes `chosen` (B, T)."""
    environment = Doors(np.random.default_rng(0), len(chosen))
    vine = VineRollout(gamma, reward_threshold=-1000.0)
    rows, doors = (x.ravel() for x in np.indices((len(chosen), DOORS)))
    for step in range(STEPS):
        if vine.copies is not None:
            vine.advance(np.zeros(vine.copies.n, dtype=int))
        vine.begin(environment, rows * STEPS + step, rows, doors)
        environment.step(chosen[:, step])
    return vine, environment


@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_returns_are_those_of_each_way_played_out(gamma: float) -> None:
    chosen = np.random.default_rng(1).integers(0, DOORS, (5, STEPS))
    vine, environment = all_ways(gamma, chosen)
    worth = environment.numbers * environment.sign[:, None, None]  # of each door, whatever was taken before
    after = np.array(
        [[(gamma ** np.arange(1, STEPS - t)) @ w[t + 1 :, 0] for t in range(STEPS)] for w in worth]
    )
    expected = worth + after[..., None]
    found = np.empty_like(expected)
    found.reshape(-1, DOORS)[np.concatenate(vine.decisions), np.concatenate(vine.columns)] = vine.returns
    assert found == pytest.approx(expected)


def test_advantages_are_differences_to_the_mean_in_a_state() -> None:
    chosen = np.zeros((4, STEPS), dtype=int)
    vine, environment = all_ways(1.0, chosen)
    rng = np.random.default_rng(2)
    logprobs = np.log(rng.dirichlet(np.ones(DOORS), (4, STEPS)))
    found = vine.advantages(logprobs.reshape(-1, DOORS), limit=100.0).reshape(logprobs.shape)
    assert (np.exp(logprobs) * found).sum(axis=-1) == pytest.approx(0.0)
    worth = environment.numbers * environment.sign[:, None, None]
    assert np.diff(found, axis=-1) == pytest.approx(np.diff(worth, axis=-1))


def test_what_was_not_tried_has_no_advantage_and_none_is_beyond_the_limit() -> None:
    environment = Doors(np.random.default_rng(0), 3)
    vine = VineRollout(1.0, reward_threshold=-5.0)
    vine.begin(environment, np.array([STEPS, STEPS]), np.array([1, 1]), np.array([0, 2]))
    for _ in range(STEPS - 1):
        vine.advance(np.zeros(2, dtype=int))
    found = vine.advantages(np.full((3 * STEPS, DOORS), -np.log(DOORS)), limit=0.01).reshape(3, STEPS, DOORS)
    assert np.abs(found).max() == 0.01
    assert found[1, 0, 1] == 0.0
    assert not found[[0, 2]].any()
    assert not found[1, 1:].any()


def test_without_copies_nothing_is_worth_more() -> None:
    assert not VineRollout(1.0, -5.0).advantages(np.zeros((6, 4)), 5.0).any()
