"""The contract of a design scenario, checked on a small network."""

from __future__ import annotations

import math

import numpy as np

from netwright.synthesis.problem import ObjectiveFamily
from netwright.testing.tasks import require
from netwright.wan import registry
from netwright.wan.chunks import Work
from netwright.wan.instance import Instance, build, load_topology
from netwright.wan.scenario import Optima, Scenario
from netwright.wan.topology import Array

N_OBJECTIVES = 6
TOLERANCE = 1e-4


def check_scenario(scenario: Scenario | str, topology: str = "abilene") -> None:
    """Check that a scenario supports pools and dialogues, with a few objectives on one network.

    Args:
        scenario: the scenario, or the name of an installed one.
        topology: a small topology, by its name in the catalog or the path of its file.

    Raises:
        AssertionError: the contract is violated; the message says where.
    """
    found = registry.scenario(scenario) if isinstance(scenario, str) else scenario
    who = f"scenario {found.name}"
    require(found.title and found.summary, f"{who}: title and summary must not be empty.")
    instance = build(found.config(topology, load_topology(topology)))
    group, work = found.metrics(instance), Work()
    reference = found.reference(instance, work)
    family = found.family(group, reference)
    require(isinstance(family, ObjectiveFamily), f"{who}: `family` must return an ObjectiveFamily.")
    parameters = family.sample(np.random.default_rng(0), N_OBJECTIVES)
    again = family.sample(np.random.default_rng(0), N_OBJECTIVES)
    require((parameters == again).all(), f"{who}: the same seed must give the same objectives.")
    optima = found.optimize(instance, family, reference, parameters, work)
    shape = (N_OBJECTIVES, len(group))
    require(optima.scores.shape == shape, f"{who}: scores have shape {optima.scores.shape}, not {shape}.")
    require(np.isfinite(optima.scores).all(), f"{who}: a score is not finite.")
    _check_optimal(who, family, parameters, optima)
    _check_monotone(who, family, parameters, optima.scores)
    _check_decisions(found, instance, family, parameters, optima)


def _check_optimal(who: str, family: ObjectiveFamily, parameters: Array, optima: Optima) -> None:
    values = family.values(parameters, optima.scores)
    best = values[np.arange(len(parameters)), np.arange(len(parameters))]
    scale = np.maximum(1.0, np.abs(best))
    require(
        (values <= (best + TOLERANCE * scale)[:, None]).all(),
        f"{who}: the optimum of another objective is better for an objective than its own.",
    )


def _check_monotone(who: str, family: ObjectiveFamily, parameters: Array, scores: Array) -> None:
    values = family.values(parameters, scores)
    for metric in range(scores.shape[1]):
        better = scores.copy()
        better[:, metric] += 0.01 * max(1.0, float(np.ptp(scores[:, metric])))
        require(
            (family.values(parameters, better) >= values - 1e-9).all(),
            f"{who}: improving metric {metric} lowers the value of a design; scores must be oriented so that larger "
            "is better.",
        )


def _check_decisions(
    scenario: Scenario, instance: Instance, family: ObjectiveFamily, parameters: Array, optima: Optima
) -> None:
    who, group = f"scenario {scenario.name}", scenario.metrics(instance)
    given = optima.decisions
    decision = given[0] if given is not None else scenario.decide(instance, family, parameters[0])
    found = group.oriented(scenario.evaluate(instance, decision))
    require(
        np.allclose(found, optima.scores[0], rtol=TOLERANCE, atol=TOLERANCE),
        f"{who}: `evaluate` gives other metrics for a design ({found}) than `optimize` ({optima.scores[0]}).",
    )
    tables = scenario.export(instance, decision)
    require(
        tables and all(tables.values()), f"{who}: `export` must return tables, each with at least one row."
    )
    for name, rows in tables.items():
        for row in rows:
            for key, value in row.items():
                plain = isinstance(value, str | int | np.integer) or math.isfinite(float(value))
                require(
                    plain,
                    f"{who}: table {name}, column {key} holds {value!r}; cells are text or finite numbers.",
                )
