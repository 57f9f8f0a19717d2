"""A design on the map of its network as inline SVG: styles are classes, so that a page may forbid inline styles.

Each half of a link is one direction, the traffic that leaves the node at its end: its color and width show how full it
is, and its title names the link, its load and its largest flows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from netwright.core.text import printable
from netwright.wan.figures import LEVELS, MOST_NAMES, name_places
from netwright.wan.instance import Instance
from netwright.wan.topology import Array, Topology

WIDTH = 360.0
MARGIN_X, MARGIN_Y = 40.0, 18.0
SHAPE = (0.42, 0.85)  # least and largest height over width
NARROW, WIDE = 1.5, 7.0
NAME_SIZE = 11.0
FLOWS_NAMED = 4


@dataclass(frozen=True)
class Load:
    """How full the arcs are.

    Attributes:
        utilization: shape (A,).
        failed: arcs that are down.
        flows: for each arc, what its title adds, such as the largest flows.
    """

    utilization: Array
    failed: tuple[int, ...] = ()
    flows: Sequence[str] = ()


@dataclass(frozen=True)
class Canvas:
    """What all maps of a network have in common.

    Attributes:
        box: the picture's `viewBox`.
        arcs: the ends of each line with the name of its arc, as text of SVG.
        above: nodes and names, which are drawn over the lines.
    """

    box: str
    arcs: tuple[tuple[str, str], ...]
    above: str


def canvas(topology: Topology, places: Array) -> Canvas:
    """The canvas of a network; `places` (n, 2) as `figures.positions` gives them."""
    at, height = _scaled(places)
    names, left, right = _names(topology, at) if topology.n_nodes <= MOST_NAMES else ("", 0.0, WIDTH)
    nodes = "".join(_node(name, *at[i]) for i, name in enumerate(topology.nodes))
    arcs = tuple(
        (_half(at, a, b), _text(topology.arc_name(k))) for k, (a, b) in enumerate(topology.arcs.tolist())
    )
    return Canvas(f"{left:.0f} 0 {right - left:.0f} {height:.0f}", arcs, nodes + names)


def map_svg(on: Canvas, load: Load, title: str) -> Markup:
    """The map of a design."""
    order = np.argsort(load.utilization, kind="stable").tolist()
    lines = "".join(_arc(on, arc, load) for arc in order)
    return Markup(  # every text in it is escaped
        f'<svg class="map" viewBox="{on.box}" role="img" aria-label="{escape(title)}">{lines}{on.above}</svg>'
    )


def _text(name: str) -> str:
    """A name as text of SVG."""
    return str(escape(printable(name)))


def _half(at: Array, a: int, b: int) -> str:
    """The half of a link that is the direction from a to b."""
    (x1, y1), (x2, y2) = at[a], (at[a] + at[b]) / 2.0
    return f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'


def _scaled(places: Array) -> tuple[Array, float]:
    """Positions in the picture, y downwards, and its height."""
    extent = np.maximum(np.ptp(places, axis=0), 1e-9)
    inner = WIDTH - 2 * MARGIN_X
    height = inner * float(np.clip(extent[1] / extent[0], *SHAPE))
    unit = min(inner / extent[0], height / extent[1])
    middle = places.min(0) + extent / 2.0
    shifted = (places - middle) * unit * np.array([1.0, -1.0])
    return shifted + np.array([WIDTH / 2.0, MARGIN_Y + height / 2.0]), height + 2 * MARGIN_Y


def _arc(on: Canvas, arc: int, load: Load) -> str:
    used = float(load.utilization[arc])
    if arc in load.failed:
        kind, width, words = "failed", NARROW + 1.0, "down"
    else:
        kind = f"load{int(np.searchsorted(LEVELS, used))}"
        width = NARROW + (WIDE - NARROW) * min(used, 1.0)
        words = f"{100.0 * used:.0f} % full"
    more = f"\n{escape(load.flows[arc])}" if load.flows and load.flows[arc] else ""
    ends, name = on.arcs[arc]
    return f'<line class="arc {kind}" {ends} stroke-width="{width:.1f}"><title>{name}: {words}{more}</title></line>'


def _node(name: str, x: float, y: float) -> str:
    return f'<circle class="node" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{_text(name)}</title></circle>'


def _names(topology: Topology, at: Array) -> tuple[str, float, float]:
    """The names of the nodes, and the ends of the picture that holds them."""
    names = [printable(name)[:24] for name in topology.nodes]
    middles = name_places(at, topology.arcs, names, NAME_SIZE)
    half = np.array([0.34 * NAME_SIZE * len(name) for name in names])
    left, right = middles[:, 0] - half, middles[:, 0] + half
    drawn = "".join(
        f'<text class="name" x="{x:.1f}" y="{y + 0.35 * NAME_SIZE:.1f}">{escape(name)}</text>'
        for name, (x, y) in zip(names, middles.tolist(), strict=True)
    )
    return drawn, min(MARGIN_X - 8.0, float(left.min())), max(WIDTH - MARGIN_X + 8.0, float(right.max()))


def flows_of_arcs(instance: Instance, share: Array) -> list[str]:
    """For each arc, its largest flows in words; `share` (T,) is an allocation."""
    demands, names = instance.demands, instance.topology.nodes
    traffic = share * demands.volume[instance.tunnels.flow]
    crossing = instance.tunnels.crossing
    words = []
    for arc in range(instance.topology.n_arcs):
        tunnels = crossing.indices[crossing.indptr[arc] : crossing.indptr[arc + 1]]
        used = tunnels[traffic[tunnels] > 0.0]
        largest = used[np.argsort(-traffic[used], kind="stable")][:FLOWS_NAMED]
        lines = [
            f"{names[demands.source[f]]} to {names[demands.target[f]]}: {traffic[t]:.3g}"
            for t, f in ((int(t), int(instance.tunnels.flow[t])) for t in largest)
        ]
        rest = len(used) - len(largest)
        words.append("\n".join([*map(printable, lines), *([f"and {rest} more tunnels"] if rest > 0 else [])]))
    return words


def legend() -> Markup:
    """The legend: a line for each color."""
    ends = [f"up to {100 * level:.0f} %" for level in LEVELS] + [f"over {100 * LEVELS[-1]:.0f} %"]
    middles = np.clip(np.array([0.0, *LEVELS]) + 0.1, 0.0, 1.0)
    items = [
        Markup(
            '<li><svg class="key" viewBox="0 0 28 12" aria-hidden="true"><line class="arc load{}" x1="2" y1="6" '
            'x2="26" y2="6" stroke-width="{:.1f}"/></svg>{}</li>'
        ).format(i, NARROW + (WIDE - NARROW) * width, escape(text))
        for i, (width, text) in enumerate(zip(middles, ends, strict=True))
    ]
    return Markup('<ul class="legend" aria-label="how full a link is">{}</ul>').format(Markup("").join(items))
