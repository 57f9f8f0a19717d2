import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.seeding import derived_seed, generator

PATHS = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=6).map(tuple)


@given(PATHS)
def test_the_same_path_gives_the_same_numbers(path):
    assert generator(*path).random() == generator(*path).random()
    assert derived_seed(*path) == derived_seed(*path)


@given(PATHS, PATHS)
def test_different_paths_give_different_numbers(one, other):
    if one != other:
        assert derived_seed(*one) != derived_seed(*other)
        assert generator(*one).random() != generator(*other).random()


def test_a_trailing_zero_is_another_path():
    assert len({derived_seed(1), derived_seed(1, 0), derived_seed(1, 0, 0)}) == 3


@given(PATHS)
def test_a_derived_seed_fits_63_bits(path):
    assert 0 <= derived_seed(*path) < 2**63


def test_streams_of_consecutive_steps_are_uncorrelated():
    draws = np.array([generator(7, step).standard_normal(2000) for step in range(8)])
    off_diagonal = np.corrcoef(draws)[~np.eye(8, dtype=bool)]
    assert np.abs(off_diagonal).max() < 0.1  # four standard errors of 2000 draws are 0.09
