"""The load of a network by its demands, which reveals wrong units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netwright.core.types import Json
from netwright.wan.demands import Demands, shortest_path_utilization
from netwright.wan.instance import Instance
from netwright.wan.topology import Topology
from netwright.wan.units import rate_unit, readable

SANE_PERCENT = (
    1.0,
    2000.0,
)  # percent of the fullest link on shortest paths; loads in this project are 60 to 600


@dataclass(frozen=True)
class LoadFacts:
    """Demands compared with capacities, all traffic on its lowest-latency path.

    Attributes:
        volume: sum of all demands, in `unit`.
        unit: of capacities and demands.
        fullest_percent: load of the fullest link, in percent of its capacity.
    """

    flows: int
    classes: int
    volume: float
    unit: str
    fullest_link: str
    fullest_percent: float

    @classmethod
    def of(cls, instance: Instance) -> LoadFacts:
        """The facts of an instance."""
        return cls.of_demands(instance.topology, instance.demands)

    @classmethod
    def of_demands(cls, topology: Topology, demands: Demands) -> LoadFacts:
        """The facts of demands on a topology."""
        utilization = shortest_path_utilization(topology, demands)
        arc = int(np.argmax(utilization))
        return cls(
            len(demands),
            demands.n_classes,
            float(demands.volume.sum()),
            topology.capacity_unit,
            topology.arc_name(arc),
            100.0 * float(utilization[arc]),
        )

    @property
    def percent(self) -> str:
        """The load of the fullest link with two digits or more, without an exponent above 1 %."""
        return f"{self.fullest_percent:{'.2g' if self.fullest_percent < 99.5 else '.0f'}}"

    @property
    def text(self) -> str:
        """The facts in one line."""
        known = rate_unit(self.unit)
        volume, unit = (
            readable(self.volume, known)
            if known
            else (f"{self.volume:.4g}", "in the unit of the capacities,")
        )
        classes = f" in {self.classes} classes" if self.classes > 1 else ""
        flows = f"{self.flows} flow{'s' if self.flows > 1 else ''}"
        return (
            f"load: {flows}{classes}, {volume} {unit} in total; "
            f"fullest link on shortest paths {self.percent} % ({self.fullest_link})"
        )

    @property
    def warning(self) -> str | None:
        """A warning if the load is implausible; None otherwise."""
        low, high = SANE_PERCENT
        if low <= self.fullest_percent <= high:
            return None
        much = "hardly used" if self.fullest_percent < low else "far beyond full"
        return (
            f"the fullest link is {much} ({self.percent} % on shortest paths): check that demands and "
            "capacities are in the same unit, or scale the demands with --load"
        )

    def to_json(self) -> Json:
        """Plain data."""
        return {
            "flows": self.flows,
            "classes": self.classes,
            "volume": self.volume,
            "unit": self.unit,
            "fullest_link": self.fullest_link,
            "fullest_link_percent": self.fullest_percent,
        }
