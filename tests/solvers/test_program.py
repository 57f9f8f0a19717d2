"""Linear programs: what is refused, how far a solution violates them, and matrices of blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from netwright.core.errors import ConfigError
from netwright.solvers.program import LinearProgram, stack

PROGRAM = LinearProgram(
    np.array([1.0, 2.0]),
    np.array([0.0, -1.0]),
    np.array([4.0, np.inf]),
    sparse.csc_array(np.array([[1.0, 1.0], [1.0, -1.0]])),
    np.array([-np.inf, -2.0]),
    np.array([5.0, 3.0]),
)


@pytest.mark.parametrize(
    ("x", "violation"),
    [
        ([0.0, 0.0], 0.0),
        ([4.0, 1.0], 0.0),  # both rows and the upper bound are met with equality
        ([-0.5, 0.0], 0.5),  # below its bound
        ([4.25, 1.5], 0.75),  # 0.25 above its bound, and the first row is 5.75
        ([0.0, 3.0], 1.0),  # the second row is -3
        ([3.0, -1.5], 1.5),  # 0.5 below its bound, and the second row is 4.5
    ],
)
def test_the_largest_violation_by_hand(x, violation):
    assert PROGRAM.violation(np.array(x)) == pytest.approx(violation)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cost": np.zeros(3)}, "a linear program of 2 columns needs 2 costs and bounds"),
        ({"lower": np.zeros(1)}, "a linear program of 2 columns needs 2 costs and bounds"),
        ({"upper": np.zeros(3)}, "a linear program of 2 columns needs 2 costs and bounds"),
        ({"row_lower": np.zeros(3)}, "a linear program of 2 rows needs 2 row bounds"),
        ({"row_upper": np.zeros(1)}, "a linear program of 2 rows needs 2 row bounds"),
        ({"cost": np.array([1.0, np.inf])}, "finite costs and coefficients"),
        ({"cost": np.array([np.nan, 1.0])}, "finite costs and coefficients"),
        (
            {"matrix": sparse.csc_array(np.array([[1.0, np.nan], [0.0, 1.0]]))},
            "finite costs and coefficients",
        ),
        ({"lower": np.array([np.nan, 0.0])}, "a bound that is not a number"),
        ({"upper": np.array([0.0, np.nan])}, "a bound that is not a number"),
        ({"row_lower": np.array([np.nan, 0.0])}, "a bound that is not a number"),
        ({"row_upper": np.array([0.0, np.nan])}, "a bound that is not a number"),
    ],
)
def test_programs_that_cannot_be_solved_are_refused(change, sentence):
    with pytest.raises(ConfigError, match=sentence):
        replace(PROGRAM, **change)


def test_blocks_become_one_matrix_with_zeros_for_none():
    one, two = sparse.csc_array(np.array([[1.0]])), sparse.csc_array(np.array([[2.0, 3.0]]))
    found = stack([[one, None], [None, two]])
    assert found.format == "csc"
    assert found.toarray().tolist() == [[1.0, 0.0, 0.0], [0.0, 2.0, 3.0]]
