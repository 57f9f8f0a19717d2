"""Limits leave out designs, and every objective takes the best of the others."""

import numpy as np
import pytest

from netwright.core.errors import ConfigError
from netwright.synthesis.limits import within
from tests.synthesis.problems import concave_pool


@pytest.fixture(scope="module")
def pool():
    return concave_pool(60)


def test_objectives_take_their_best_design_within_the_limits(pool):
    first, second = (metric.name for metric in pool.group.metrics[:2])
    middle = float(np.median(pool.group.oriented(pool.scores)[:, 0]))
    found = within(pool, {first: middle})
    kept = [i for i, row in enumerate(pool.scores) if row[0] >= pool.group.signs[0] * middle - 1e-6]
    assert 0 < len(kept) < pool.n_designs
    assert np.array_equal(found.scores, pool.scores[kept])
    assert np.array_equal(found.design_ids, pool.design_ids[kept])
    values = pool.family.values(pool.parameters, pool.scores)
    assert [kept[i] for i in found.optimum] == [max(kept, key=row.__getitem__) for row in values]
    assert within(pool, {}) is pool
    with pytest.raises(ConfigError, match=f"no design keeps the limit of {second}"):
        within(pool, {second: pool.group.signs[1] * 1e9})
    with pytest.raises(ConfigError, match="no metric 'speed'"):
        within(pool, {"speed": 1.0})
