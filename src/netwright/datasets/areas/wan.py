"""Wide-area design: topologies and demands from the Topology Zoo and the Flexile repository."""

from __future__ import annotations

from netwright.datasets.area import Area
from netwright.datasets.sources import FLEXILE, TOPOLOGY_ZOO

AREA = Area(
    name="wan",
    title="wide-area network design: topologies, demands, tunnels",
    sources=(TOPOLOGY_ZOO, FLEXILE),
    not_public=(
        ("topologies/*", "prepared from zoo/*.graphml by the netwright developers"),
        ("demands/*", "mapped from the Abilene demands of cornell-netlab/yates by the netwright developers"),
    ),
)
