"""Advantages of every choice from copies of episodes: against playing each way out by itself."""

import numpy as np
import pytest

from netwright.adaptation.online.vine import Branches
from tests.adaptation.toy_decisions import DOORS, STEPS, Doors


def all_ways(gamma: float, chosen: np.ndarray) -> tuple[Branches, Doors]:
    """Every door of every state is tried, and afterwards door 0 is taken; the episode itself takes `chosen` (B, T)."""
    environment = Doors(np.random.default_rng(0), len(chosen))
    branches = Branches(gamma, knee=-1000.0)
    rows, doors = (x.ravel() for x in np.indices((len(chosen), DOORS)))
    for step in range(STEPS):
        if branches.alive is not None:
            branches.advance(np.zeros(branches.alive.n, dtype=int))
        branches.begin(environment, step, rows, doors)
        environment.step(chosen[:, step])
    return branches, environment


@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_returns_are_those_of_each_way_played_out(gamma: float) -> None:
    chosen = np.random.default_rng(1).integers(0, DOORS, (5, STEPS))
    branches, environment = all_ways(gamma, chosen)
    worth = environment.numbers * environment.sign[:, None, None]  # of each door, whatever was taken before
    after = np.array(
        [[(gamma ** np.arange(1, STEPS - t)) @ w[t + 1 :, 0] for t in range(STEPS)] for w in worth]
    )
    expected = worth + after[..., None]
    found = np.empty_like(expected)
    found[tuple(np.concatenate(x) for x in (branches.rows, branches.steps, branches.choices))] = (
        branches.returns
    )
    assert found == pytest.approx(expected)


def test_advantages_are_differences_to_the_mean_in_a_state() -> None:
    chosen = np.zeros((4, STEPS), dtype=int)
    branches, environment = all_ways(1.0, chosen)
    rng = np.random.default_rng(2)
    log_probabilities = np.log(rng.dirichlet(np.ones(DOORS), (4, STEPS)))
    found = branches.advantages(log_probabilities, limit=100.0)
    assert (np.exp(log_probabilities) * found).sum(axis=-1) == pytest.approx(0.0)
    worth = environment.numbers * environment.sign[:, None, None]
    assert np.diff(found, axis=-1) == pytest.approx(np.diff(worth, axis=-1))


def test_what_was_not_tried_has_no_advantage_and_none_is_beyond_the_limit() -> None:
    environment = Doors(np.random.default_rng(0), 3)
    branches = Branches(1.0, knee=-5.0)
    branches.begin(environment, 0, np.array([1, 1]), np.array([0, 2]))
    for _ in range(STEPS - 1):
        branches.advance(np.zeros(2, dtype=int))
    found = branches.advantages(np.full((3, STEPS, DOORS), -np.log(DOORS)), limit=0.01)
    assert np.abs(found).max() == 0.01
    assert found[1, 0, 1] == 0.0
    assert not found[[0, 2]].any()
    assert not found[1, 1:].any()


def test_without_branches_nothing_is_worth_more() -> None:
    assert not Branches(1.0, -5.0).advantages(np.zeros((2, 3, 4)), 5.0).any()
