"""Options of an import: missing information about a file, and reductions of its network."""

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
        drop_stubs: repeatedly remove nodes with fewer than two neighbors.
        keep_largest_component: keep the largest strongly connected component.
        default_capacity: capacity of links that have none; in the unit of the others by default.
        directed: every link goes one way (True) or both ways (False); None follows the file.
        capacity_unit: unit of plain capacities, such as "Gbit/s".
        latency_unit: unit of plain latencies, such as "us" or "10us".
        capacity_from: link attribute with the capacity, such as "LinkLabel".
        geographic: whether x and y of nodes are longitude and latitude.
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
        """The options for Table 5 (Wang et al., POPL 2023): collapse parallel links, drop loops and dead ends."""
        return cls(merge_parallel="first", drop_loops=True, drop_stubs=True)
