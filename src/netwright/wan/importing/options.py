"""What the user says of a file that the file does not say itself, and what is to be made of its network."""

from __future__ import annotations

from dataclasses import dataclass

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.wan.units import MILLISECONDS, Rate, factor, rate_unit

MERGES = ("sum", "first")


@dataclass(frozen=True)
class ImportOptions:
    """How to read and reduce a network's file.

    Attributes:
        merge_parallel: "sum" adds the capacities of parallel links, "first" keeps the first; "" refuses them.
        drop_loops: drop links from a node to itself.
        drop_stubs: remove nodes with fewer than two neighbors, again and again.
        keep_largest_component: keep the largest part in which every node reaches every other.
        default_capacity: of links without one; in the unit of the others where it has none itself.
        directed: every link leads one way (True) or both (False); None is what the file says.
        capacity_unit: of capacities that stand alone; such as "Gbit/s".
        latency_unit: of latencies that stand alone; such as "us" or "10us".
        capacity_from: the attribute of links that holds the capacity, such as "LinkLabel".
        geographic: x and y of nodes are longitude and latitude.
    """

    merge_parallel: str = ""
    drop_loops: bool = False
    drop_stubs: bool = False
    keep_largest_component: bool = False
    default_capacity: Rate | None = None
    directed: bool | None = None
    capacity_unit: str = ""
    latency_unit: str = ""
    capacity_from: str = ""
    geographic: bool = False

    def __post_init__(self) -> None:
        if self.merge_parallel and self.merge_parallel not in MERGES:
            raise UnknownNameError("way to merge parallel links", self.merge_parallel, MERGES)
        if self.capacity_unit and rate_unit(self.capacity_unit) is None:
            raise ConfigError(
                f"unknown capacity unit {self.capacity_unit!r}; give bit/s, kbit/s, Mbit/s, Gbit/s or Tbit/s."
            )
        if self.latency_unit:
            factor(self.latency_unit, MILLISECONDS)
        if self.default_capacity is not None and self.default_capacity.value <= 0.0:
            raise ConfigError(f"the default capacity must be above 0, got {self.default_capacity.value:g}.")

    @classmethod
    def preparation(cls) -> ImportOptions:
        """Of Table 5 (Wang et al., POPL 2023): parallel links collapsed, loops and dead ends dropped."""
        return cls(merge_parallel="first", drop_loops=True, drop_stubs=True)
