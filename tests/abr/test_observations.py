"""Every policy refuses an observation with NaN or infinity, before it decides anything."""

from dataclasses import fields, replace

import numpy as np
import pytest

from netwright.core import registry
from netwright.core.errors import DataError
from netwright.core.task import load_attribute
from netwright.tasks.abr.evaluation import sessions_of
from netwright.tasks.abr.observation import Observation, check_finite
from netwright.tasks.abr.settings import SETTINGS

FLOATS = [f.name for f in fields(Observation) if f.type == "Floats"]


@pytest.fixture(scope="module")
def sessions(generated):
    return sessions_of(SETTINGS["default"].config, generated)


def spoilt(obs, name, value):
    values = getattr(obs, name).copy()
    values[(2, *[-1] * (values.ndim - 1))] = value
    return replace(obs, **{name: values})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", FLOATS)
def test_each_field_is_looked_at(sessions, name, value):
    obs = sessions.observe()
    check_finite(obs)
    with pytest.raises(DataError, match=f"observation: {name} of session 2 is {value}"):
        check_finite(spoilt(obs, name, value))


@pytest.mark.parametrize("name", registry.task("abr").policies)
def test_every_policy_refuses(sessions, name):
    spec = registry.task("abr").policies[name]
    policy = load_attribute(spec.factory)()
    policy.reset(np.random.default_rng(0))
    if spec.clairvoyant:
        policy.foresee(sessions.copy())
    obs = sessions.observe()
    for field in FLOATS:
        with pytest.raises(DataError, match="observation: "):
            policy.act(spoilt(obs, field, np.nan))
    assert len(policy.act(obs)) == sessions.n
