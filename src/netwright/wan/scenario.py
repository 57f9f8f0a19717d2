"""The contract of a scenario: one `SCENARIO = Scenario(...)` in `netwright/wan/scenarios/<name>/__init__.py`.

A scenario says by which metrics designs of an instance are judged, which target functions an operator may have
(a family with parameters), and which design is best for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from netwright.synthesis.problem import MetricGroup, ObjectiveFamily
from netwright.wan.chunks import Work
from netwright.wan.instance import Instance, InstanceConfig
from netwright.wan.topology import Array, Topology

Reference = Mapping[str, Any]  # plain data, kept with a pool

DISJOINT_FROM_NODES = 20  # smaller networks have few paths, so the four shortest serve them better


@dataclass(frozen=True, eq=False)
class Optima:
    """The best design of each of N objectives.

    Attributes:
        scores: oriented metrics, larger is better; shape (N, m).
        decisions: what each design does, where it cannot be solved for again (link weights); shape (N, v).
        report: plain facts about the work: solves, pivots, largest violation.
    """

    scores: Array
    decisions: npt.NDArray[np.float64] | None = None
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """One way to design a network, told apart from others by its folder's name.

    Attributes:
        config: instance that suits a topology of that name: load, tunnels, classes.
        metrics: how designs of an instance are judged.
        reference: what every objective builds on (the largest throughput, a frontier), solved for once.
        family: the target functions, from the instance's metrics and the reference.
        optimize: the best design of every objective (N, k).
        decide: the best design of one objective (k,) as a decision vector (v,): an allocation or link weights.
        evaluate: metric values (m,), in their units, of a decision vector.
        export: a decision vector as tables by name ("tunnels", "links", ..), each a list of flat rows.
        fits_settle: whether nothing is left to decide where all demand fits on its shortest paths.
        changes_in: the exported table in which changes from the design in use are counted.
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
    export: Callable[[Instance, Array], Mapping[str, list[dict[str, Any]]]]
    fits_settle: bool = False
    changes_in: Literal["tunnels", "links"] = "tunnels"


def tunnel_rule(topology: Topology) -> str:
    """Four shortest tunnels on small networks, three as disjoint as possible on the others."""
    return "k4" if topology.n_nodes < DISJOINT_FROM_NODES else "d3"
