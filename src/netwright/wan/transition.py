"""From the design in use to another one, step by step, so that no link overfills on the way.

Allocations: the traffic of a flow moves from its old tunnels to its new ones in one step, during which an arc may carry
the larger of the two (packets under way). If no remaining flow can move, one is first reduced to what its old and new
allocation have in common; after all reductions every load is at most that of the new design, so an order always
exists if the new design fits. SWAN (Hong et al., SIGCOMM 2013) keeps spare capacity on every link instead.

Link weights: one weight changes at a time; of the weights left, the one that keeps the fullest link lowest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from netwright.core.types import Json
from netwright.wan.allocation import SAME_WITHIN
from netwright.wan.instance import Instance
from netwright.wan.topology import Array, Topology

SLACK = 1e-6  # share of a capacity by which a load may exceed it: rounding of solvers
MOST_ROUTINGS = 3_000  # weight settings that are evaluated for an order

Flags = npt.NDArray[np.bool_]
Fullest = Callable[[Array], float]
"""Utilization of the fullest link under link weights (A,); 1 = full."""


@dataclass(frozen=True)
class Step:
    """One change.

    Attributes:
        what: the flow, such as "Chicago -> Denver, class 1", or the arc and its new weight.
        kind: "reduce" comes before the "move" of the same flow.
        fullest: utilization of the fullest link during the step, 1 = full.
        paused: traffic that is not carried until the flow moves, in the unit of the demands.
    """

    what: str
    kind: Literal["move", "reduce", "weight"]
    fullest: float
    paused: float = 0.0


@dataclass(frozen=True)
class Transition:
    """Steps in order.

    Attributes:
        safe: whether no link exceeds its capacity on the way, or its load before if that was higher.
    """

    steps: tuple[Step, ...]
    safe: bool

    @property
    def fullest(self) -> float:
        """Utilization of the fullest link at any time; 0 without steps."""
        return max((step.fullest for step in self.steps), default=0.0)

    @property
    def paused(self) -> float:
        """Sum of the traffic that is reduced for a while, in the unit of the demands."""
        return sum(step.paused for step in self.steps)

    def to_json(self) -> Json:
        """Plain data."""
        steps = [
            {"what": s.what, "kind": s.kind, "fullest": s.fullest, "paused": s.paused} for s in self.steps
        ]
        return {"safe": self.safe, "fullest": self.fullest, "paused": self.paused, "steps": steps}


@dataclass
class _Moving:
    """Flows that change on the way from one allocation to another.

    Attributes:
        held: shares (T,) now; changes step by step.
        flows: flows that change; shape (n,).
    """

    instance: Instance
    held: Array
    after: Array

    def __post_init__(self) -> None:
        changed = np.abs(self.after - self.held) > SAME_WITHIN
        self.flows = np.unique(self.instance.tunnels.flow[changed])
        self.held = np.where(np.isin(self.instance.tunnels.flow, self.flows), self.held, self.after)

    @cached_property
    def _of_flow(self) -> sparse.csr_array:
        """1 if a tunnel (column) belongs to a changing flow (row); (n, T)."""
        return self.instance.tunnels.serving[self.flows]

    def loads(self, share: Array) -> Array:
        """Utilization that each changing flow adds to each arc under shares (T,); (n, A)."""
        per_tunnel = self.instance.demand_per_capacity @ sparse.diags_array(share)
        found: Array = (self._of_flow @ per_tunnel.T).toarray()
        return found

    def total(self) -> Array:
        """Utilization of each arc now; (A,)."""
        found: Array = self.instance.demand_per_capacity @ self.held
        return found

    def set(self, at: int, share: Array) -> float:
        """Give a changing flow its shares in `share` (T,); returns the traffic that it loses."""
        flow = self.flows[at]
        own = slice(*(int(i) for i in self.instance.tunnels.first[flow : flow + 2]))
        lost = float(self.held[own].sum() - share[own].sum()) * float(self.instance.demands.volume[flow])
        self.held[own] = share[own]
        return max(lost, 0.0)

    def name(self, at: int) -> str:
        """The flow in words."""
        names, demands, flow = self.instance.topology.nodes, self.instance.demands, self.flows[at]
        label = f", class {int(demands.classes[flow]) + 1}" if demands.n_classes > 1 else ""
        return f"{names[demands.source[flow]]} -> {names[demands.target[flow]]}{label}"


def of_allocations(instance: Instance, before: Array, after: Array) -> Transition:
    """The steps between two allocations (T,), as shares of demands."""
    moving = _Moving(instance, before.copy(), after)
    limit = np.maximum(moving.total(), 1.0) + SLACK
    steps = tuple(_moves(moving, moving.loads(after), limit))
    return Transition(steps, bool((instance.demand_per_capacity @ after <= limit).all()))


def _moves(moving: _Moving, new: Array, limit: Array) -> Iterator[Step]:
    """Steps until no flow is left; `new` (n, A) are the loads of the flows at the end."""
    left = np.ones(len(moving.flows), dtype=bool)
    reduced = np.zeros(len(moving.flows), dtype=bool)
    while left.any():
        old, total = moving.loads(moving.held), moving.total()
        during = total + np.maximum(new - old, 0.0)
        fits = left & (during <= limit).all(1)
        if not fits.any() and (left & ~reduced).any():
            blocking: Flags = np.any(during[left] > limit, axis=0)
            at = _first_to_reduce(left & ~reduced, old - new, blocking)
            reduced[at] = True
            lost = moving.set(at, np.minimum(moving.held, moving.after))
            yield Step(moving.name(at), "reduce", float(total.max()), lost)
            continue
        at = _first_to_move(fits if fits.any() else left, old - new, total)
        left[at] = False
        moving.set(at, moving.after)
        yield Step(moving.name(at), "move", float(during[at].max()))


def _first_to_move(fits: Flags, relief: Array, total: Array) -> int:
    """The flow that takes most from the fullest links."""
    return int(np.where(fits, relief @ total**4, -np.inf).argmax())


def _first_to_reduce(possible: Flags, relief: Array, blocking: Flags) -> int:
    """The flow that frees most of the blocking links for the load that it gives up."""
    freed = np.maximum(relief, 0.0)
    gain = freed[:, blocking].sum(1) / np.maximum(freed.sum(1), 1e-12)
    return int(np.where(possible, gain, -np.inf).argmax())


def of_weights(topology: Topology, before: Array, after: Array, fullest: Fullest) -> Transition:
    """The order in which to change link weights (A,).

    Safe if the fullest link stays below its capacity, or below the higher of its loads before and after.
    """
    weights, left = before.copy(), [int(arc) for arc in np.flatnonzero(before != after)]
    limit = max(1.0, fullest(before), fullest(after)) + SLACK
    looked_at = max(1, MOST_ROUTINGS // max(len(left), 1))
    steps: list[Step] = []
    while left:
        peaks = [_peak(weights, after, arc, fullest) for arc in left[:looked_at]]
        arc = left.pop(int(np.argmin(peaks)))
        weights[arc] = after[arc]
        what = f"{topology.arc_name(arc)}: weight {before[arc]:.0f} to {after[arc]:.0f}"
        steps.append(Step(what, "weight", min(peaks)))
    return Transition(tuple(steps), all(step.fullest <= limit for step in steps))


def _peak(weights: Array, after: Array, arc: int, fullest: Fullest) -> float:
    changed = weights.copy()
    changed[arc] = after[arc]
    return fullest(changed)
