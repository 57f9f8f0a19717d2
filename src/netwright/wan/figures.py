"""A design on the map of its network: how full each direction of each link is.

The two halves of a link are its two directions: each half shows the traffic that leaves the node at its end, by color
and by width. Drawn with matplotlib's objects only.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import matplotlib
import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from netwright.core.palette import INK, LOADS, PAPER, RC, RULE
from netwright.core.text import printable
from netwright.wan.tables import Tables
from netwright.wan.topology import Array, Ints, Topology

MAP_FILE = "map.svg"
LEVELS = (0.25, 0.5, 0.75, 0.9)  # utilization at which the color changes
MOST_NAMES = 40  # nodes; of larger networks no names are written

_WIDTH_IN = 5.2
_NARROW, _WIDE = 1.0, 5.5  # points, of an empty and of a full link
_NAME_POINTS = 7.5
_SIDES = np.array([(0, 1), (0, -1), (1, 0), (-1, 0), (0.8, 0.8), (-0.8, 0.8), (0.8, -0.8), (-0.8, -0.8)])
_GRID = np.array(
    [(x, y) for x in np.linspace(-0.9, 0.9, 9) for y in (-0.9, 0.0, 0.9)]
)  # points inside a name
_SHAPE = (0.4, 0.8)  # least and largest height of a map over its width


def network_maps(topology: Topology, designs: Mapping[str, Tables]) -> Figure:
    """Maps below each other, one for each design.

    Args:
        designs: tables as a scenario exports them (`Scenario.export`), by the title of the map.
    """
    places = positions(topology)
    extent = np.ptp(places, axis=0)
    height_in = _WIDTH_IN * float(np.clip(extent[1] / max(extent[0], 1e-9), *_SHAPE))
    figure = Figure(figsize=(_WIDTH_IN, 0.3 + (height_in + 0.25) * len(designs)))
    panels = figure.subplots(len(designs), 1, squeeze=False)[:, 0]
    for axes, (title, tables) in zip(panels, designs.items(), strict=True):
        axes.set_title(printable(title))
        _draw(axes, topology, places, utilization(topology, tables))
    figure.legend(handles=_key(), loc="outside lower center", ncols=len(LOADS), handlelength=1.4)
    return figure


def map_svg(topology: Topology, tables: Tables) -> str:
    """The map of one design as an SVG document of its own; the same design gives the same text."""
    with matplotlib.rc_context(RC):
        figure = network_maps(topology, {f"{topology.name}: link utilization": tables})
        FigureCanvasSVG(figure)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def utilization(topology: Topology, tables: Tables) -> Array:
    """(A,) load over capacity of each arc, from the table "links" of a design."""
    by_ends = {(row["from"], row["to"]): float(row["utilization"]) for row in tables["links"]}
    names = topology.nodes
    return np.array([by_ends[names[a], names[b]] for a, b in topology.arcs.tolist()])


def positions(topology: Topology) -> Array:
    """(n, 2) of the nodes on a plane, x to the east: geographic, or laid out by the links if a place is unknown."""
    known = topology.positions
    if np.isfinite(known).all() and np.ptp(known, axis=0).max() > 0.0:
        return np.column_stack([known[:, 1] * np.cos(np.radians(known[:, 0].mean())), known[:, 0]])
    graph = nx.Graph(topology.arcs.tolist())
    laid_out = nx.kamada_kawai_layout(graph)
    found = np.array([laid_out[node] for node in range(topology.n_nodes)])
    return found if np.ptp(found[:, 0]) >= np.ptp(found[:, 1]) else found[:, ::-1]


def _draw(axes: Axes, topology: Topology, places: Array, used: Array) -> None:
    tails, heads = places[topology.arcs[:, 0]], places[topology.arcs[:, 1]]
    axes.add_collection(
        LineCollection(list(np.stack([tails, heads], axis=1)), colors=RULE[0], linewidths=1.0)
    )
    order = np.argsort(used, kind="stable")  # the fullest on top
    halves = np.stack([tails, (tails + heads) / 2.0], axis=1)[order]
    colors = [LOADS[i][0] for i in np.searchsorted(LEVELS, used[order])]
    widths = _NARROW + (_WIDE - _NARROW) * np.clip(used[order], 0.0, 1.0)
    axes.add_collection(LineCollection(list(halves), colors=colors, linewidths=widths))
    axes.plot(*places.T, "o", markersize=4.5, color=INK[0], markerfacecolor=PAPER[0], linestyle="none")
    if topology.n_nodes <= MOST_NAMES:
        _write_names(axes, topology, places)
    axes.set_aspect("equal")
    axes.margins(0.1)
    axes.set_axis_off()


def _write_names(axes: Axes, topology: Topology, places: Array) -> None:
    points_per_unit = 72.0 * _WIDTH_IN / (1.25 * np.ptp(places, axis=0).max())
    at = places * points_per_unit
    names = list(map(printable, topology.nodes))
    middles = name_places(at, topology.arcs, names, _NAME_POINTS)
    for name, place, offset in zip(names, places, middles - at, strict=True):
        axes.annotate(
            name,
            tuple(place),
            tuple(offset),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=_NAME_POINTS,
            color=INK[0],
        )


def name_places(at: Array, arcs: Ints, names: Sequence[str], size: float) -> Array:
    """The middle of each name beside its node, on the side where it hides least of links, nodes and names before it.

    Args:
        at: positions of the nodes in points; shape (n, 2).
        arcs: shape (A, 2).
        size: of the letters, in points.

    Returns:
        Shape (n, 2).
    """
    steps = np.linspace(0.0, 1.0, 25)[:, None, None]
    along = at[arcs[:, 0]] * (1.0 - steps) + at[arcs[:, 1]] * steps
    taken = np.concatenate([along.reshape(-1, 2), np.repeat(at, 10, axis=0)])
    found = []
    for place, name in zip(at, names, strict=True):
        half = np.array([0.28 * len(name), 0.5]) * size
        middles = place + _SIDES * (half + 5.0)
        hidden = [(np.abs(taken - middle) < half).all(axis=1).sum() for middle in middles]
        best = middles[int(np.argmin(hidden))]
        taken = np.concatenate([taken, best + half * _GRID])
        found.append(best)
    return np.array(found)


def _key() -> list[Line2D]:
    """The legend: a line for each color, in percent."""
    ends = [100.0 * level for level in LEVELS]
    texts = [*(f"up to {end:.0f} %" for end in ends), f"over {ends[-1]:.0f} %"]
    middles = np.clip(np.array([0.0, *LEVELS]) + 0.1, 0.0, 1.0)
    widths = _NARROW + (_WIDE - _NARROW) * middles
    return [
        Line2D([], [], color=light, linewidth=width, label=text)
        for (light, _), width, text in zip(LOADS, widths, texts, strict=True)
    ]
