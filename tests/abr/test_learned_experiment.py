"""The rows of the experiment over all baselines, on generated data."""

import pytest

from netwright.core import registry
from netwright.core.task import load_attribute
from netwright.experiments.abr import baselines as abr_baselines
from netwright.experiments.catalog import experiment
from netwright.tasks.abr.baselines.bba import Bba
from netwright.tasks.abr.baselines.mpc import Mpc, MpcReference


@pytest.fixture(scope="module")
def rows(generated):
    task = registry.task("abr")
    policies = {"bba": Bba(), "mpc": Mpc(), "mpc-reference": MpcReference()}
    evaluations = [
        load_attribute(task.evaluate)(policy, task.setting("default"), generated, name=name)
        for name, policy in policies.items()
    ]
    return {e.policy: e for e in evaluations}, list(abr_baselines.ROWS.rows(task, evaluations))


def test_every_policy_has_its_figures(rows):
    evaluations, made = rows
    for name, evaluation in evaluations.items():
        mine = {r.metric: r for r in made if r.subject == name and not r.extra}
        assert set(mine) == {"qoe", "share_of_optimum", *abr_baselines.FACTORS}
        assert mine["qoe"].value == pytest.approx(evaluation.mean)
        assert mine["qoe"].low < evaluation.mean < mine["qoe"].high
        assert 0.0 < mine["share_of_optimum"].value <= 1.0
        factors = [mine[f].value for f in abr_baselines.FACTORS]
        assert mine["qoe"].value == pytest.approx(factors[0] - 4.3 * factors[1] - factors[2], abs=1e-5)


def test_differences_are_those_of_the_means(rows):
    evaluations, made = rows
    found = {r.extra["baseline"]: r for r in made if r.metric == "qoe_difference"}
    assert set(found) == {"bba", "mpc-reference"}
    for other, row in found.items():
        assert row.subject == "mpc"
        assert row.value == pytest.approx(evaluations["mpc"].mean - evaluations[other].mean)


def test_opponents_are_policies_and_the_experiment_is_listed():
    for policy, others in abr_baselines.OPPONENTS.items():
        assert policy not in others
    assert experiment("abr-baselines").run is abr_baselines.run
