"""The contract of a scenario: `SCENARIO = Scenario(...)` in `netwright/wan/scenarios/<name>/__init__.py`.

A scenario defines the metrics of designs of an instance, the target functions that an operator may have (a family with
parameters), and the best design for each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from netwright.core.results import Details
from netwright.core.types import JsonView
from netwright.synthesis.problem import MetricGroup, ObjectiveFamily, Parameter
from netwright.wan.allocation import without_lost_tunnels
from netwright.wan.chunks import Work
from netwright.wan.failures import Failure
from netwright.wan.instance import Instance, InstanceConfig
from netwright.wan.tables import Tables
from netwright.wan.topology import Array, Topology

Reference = Details  # plain data, stored with a pool

DISJOINT_FROM_NODES = 20  # smaller networks have few paths, so the four shortest ones work better


@dataclass(frozen=True, eq=False)
class Optima:
    """The best design of each of N objectives.

    Attributes:
        scores: oriented metrics, larger is better; shape (N, m).
        decisions: decision vector of each design, if it cannot be solved for again (link weights); shape (N, v).
        report: plain facts about the computation: solves, pivots, largest violation.
    """

    scores: Array
    decisions: npt.NDArray[np.float64] | None = None
    report: JsonView = field(default_factory=dict)


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Scenario:
    """A kind of network design problem, named after its folder.

    Attributes:
        config: default instance for a topology of that name: load, tunnels, classes.
        metrics: the metrics of an instance's designs.
        reference: basis of all objectives (the largest throughput, a frontier), solved for once.
        family: the target functions, from the instance's metrics and the reference.
        optimize: the best design of every objective (N, k).
        decide: the best design of one objective (k,) as a decision vector (v,): an allocation or link weights.
        evaluate: metric values (m,), in their units, of a decision vector.
        export: a decision vector as tables by name ("tunnels", "links", ..), each a list of flat rows.
        fits_settle: whether there is nothing to decide if all demand fits on its shortest paths.
        parameters: those of its objectives if they are the same on every instance, so that they are checked before the
            reference is computed.
        changes_in: the exported table in which changes from the design in use are counted.
        when_failed: utilization of each arc (A,) and the carried share of the demand of a decision vector while the
            arcs of a failure are down.
        warm_up: loads or compiles what the first call of `optimize` needs, so that programs can do it in advance.
    """

    name: str
    title: str
    summary: str
    config: Callable[[str, Topology], InstanceConfig]
    metrics: Callable[[Instance], MetricGroup]
    reference: Callable[[Instance, Work], Reference]
    family: Callable[[MetricGroup, Reference], ObjectiveFamily]
    optimize: Callable[[Instance, ObjectiveFamily, Reference, Array, Work], Optima]
    decide: Callable[[Instance, ObjectiveFamily, Array], Array]
    evaluate: Callable[[Instance, Array], Array]
    export: Callable[[Instance, Array], Tables]
    fits_settle: bool = False
    parameters: tuple[Parameter, ...] = ()
    changes_in: Literal["tunnels", "links"] = "tunnels"
    when_failed: Callable[[Instance, Array, Failure], tuple[Array, float]] = without_lost_tunnels
    warm_up: Callable[[], None] = _nothing


def tunnel_rule(topology: Topology) -> str:
    """Four shortest tunnels on small networks, three maximally disjoint ones on others."""
    return "k4" if topology.n_nodes < DISJOINT_FROM_NODES else "d3"
