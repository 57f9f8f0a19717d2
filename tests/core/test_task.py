import json

import numpy as np
import pytest

from netwright.core.policy import Policy
from netwright.core.task import load_attribute


def test_a_reference_is_loaded():
    assert load_attribute("json:loads") is json.loads


@pytest.mark.parametrize(
    ("reference", "error"), [("no_such_module:x", ModuleNotFoundError), ("json:no_such", AttributeError)]
)
def test_a_wrong_reference_fails_loudly(reference, error):
    with pytest.raises(error):
        load_attribute(reference)


class Still:
    def reset(self, rng: np.random.Generator) -> None: ...

    def act(self, obs: float) -> float:
        return obs


def test_a_policy_needs_no_base_class():
    assert isinstance(Still(), Policy)
    assert not isinstance(object(), Policy)
