"""The public checks over everything that is registered, and what they say of things that break the contract."""

from dataclasses import replace

import numpy as np
import pytest

from netwright.core import registry
from netwright.core.results import Evaluation
from netwright.core.task import PolicySpec, Setting
from netwright.tasks.cjs.settings import CjsConfig
from netwright.testing import check_policy, check_scenario, check_task
from netwright.wan.registry import scenario, scenario_names
from tests.adaptation import toy_decisions

SHORT = {"cjs": Setting("short", "", CjsConfig(n_jobs=12, n_executors=10, seeds=(1, 2)))}
"""Settings in place of a task's own, whose episodes are long."""


@pytest.mark.parametrize("name", registry.task_names())
def test_every_task_keeps_the_contract(name):
    task = registry.task(name)
    if name in SHORT:
        task = replace(task, settings={SHORT[name].name: SHORT[name]})
    check_task(task, adapt=name == "vp")


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.task_names())
def test_every_task_can_be_adapted_to(name):
    check_task(name)


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_keeps_the_contract(name):
    check_scenario(name)


def evaluate_twice(policy, setting, data, *, name):
    values = toy_decisions.play(policy, 2), toy_decisions.play(policy, 3)
    return Evaluation(
        "doors", setting.name, name, "reward", "points", values, (1.0, 1.0), ("house 2", "house 3"), 0.0
    )


class Restless:
    """Draws from a generator that `reset` does not restore."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def reset(self, rng):
        pass

    def act(self, obs):
        return self.rng.integers(0, obs.n_levels, obs.n)


class Fixed:
    def reset(self, rng):
        pass

    def act(self, obs):
        return np.zeros(obs.n, dtype=np.int64)


class Still:
    """`reset` and `act` alone, for viewports."""

    def reset(self, rng):
        pass

    def act(self, obs):
        return np.repeat(obs.angles_deg[-1:], obs.horizon, axis=0)


def test_a_policy_that_is_not_repeatable_is_named():
    with pytest.raises(AssertionError, match=r"restless: two tests gave different results; reset\(rng\)"):
        check_policy(Restless(), "abr", name="restless")


def test_a_policy_without_reset_is_named():
    with pytest.raises(AssertionError, match=r"needs the methods reset\(rng\) and act\(obs\)"):
        check_policy(object(), "abr")


def test_reset_and_act_are_enough_in_every_task():
    assert check_policy(Fixed(), "abr").mean < 1.0
    task = registry.task("vp")
    still = check_policy(Still(), task)
    last_value = check_policy(registry.load_attribute(task.policy("last-value").factory)(), task)
    assert still.per_episode == last_value.per_episode


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"settings": {}}, "at least one setting"),
        ({"policies": {"other": PolicySpec("one", "", "json:loads")}}, "hold 'one' under the name 'other'"),
        ({"evaluate": "netwright.nothing:here"}, 'evaluate: .* is not a "module:attribute"'),
        ({"reference_policy": "best"}, "no reference policy 'best'"),
        ({"load_data": "tests.adaptation.toy_decisions:load_data"}, "the data need an attribute `source`"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_task_that_breaks_the_contract_is_named(change, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_task(replace(registry.task("abr"), **change), adapt=False)


def test_a_task_of_decisions_is_adapted_saved_and_loaded():
    class Data(str):
        source, synthetic = "toy", True

    with pytest.raises(AssertionError, match="at least two episodes"):
        check_task(toy_decisions.TASK, Data("toy"))
    check_task(replace(toy_decisions.TASK, evaluate=f"{__name__}:evaluate_twice"), Data("toy"))


def test_an_optimum_that_is_none_is_named():
    bw = scenario("bw")

    def worse(instance, family, reference, parameters, work):
        optima = bw.optimize(instance, family, reference, parameters, work)
        return replace(optima, scores=optima.scores - np.linspace(0.0, 1.0, len(parameters))[:, None])

    with pytest.raises(AssertionError, match="the optimum of another objective is better"):
        check_scenario(replace(bw, optimize=worse))
