"""Wide-area design: topologies and demands from the Topology Zoo and the Flexile repository."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from xml.etree import ElementTree

import numpy as np

from netwright.core.errors import DataError
from netwright.core.types import Json
from netwright.datasets.area import Area, Conversion
from netwright.datasets.sources import FLEXILE, TOPOLOGY_ZOO

Position = tuple[float, float]  # latitude, longitude in degrees

EARTH_RADIUS_KM = 6371.0
CAPACITY_MBPS = {"OC-192c": 9953.28, "45 Mbps DS-3": 44.736}
_B4_HEADER = {
    "source": "12-site B4 graph of Jain et al. 2013 as transcribed identically (19 links) by the "
    "repositories Purdue-ISL/Flexile, manyaghobadi/teavar, netcontract/ncflow, cornell-netlab/yates",
    "preparation": "none",
    "capacity_unit": "none (all links equal)",
}
TOPOLOGIES = ("Abilene", "BtNorthAmerica", "Cwix", "Deltacom", "Ion", "Tinet")

_NS = "{http://graphml.graphdrawing.org/xmlns}"
_HEADER = {
    "source": "Internet Topology Zoo (repository mroughan/InternetTopologyZoo), CC BY 4.0",
    "preparation": "simple graph; nodes of degree<=1 removed recursively (2-core)",
    "capacity_unit": "Mbit/s where the Zoo link label names a speed, else null (Zoo gives none): "
    "use 1.0 for every link, as the authors' group does in its Flexile data",
}


def topology(name: str, graphml: bytes) -> Json:
    """The prepared topology of one graph of the Zoo.

    Parallel edges are collapsed, self loops dropped, nodes of degree <= 1 removed repeatedly, and the remaining nodes
    renumbered in the Zoo's order. A position missing from the Zoo is the mean of its neighbors' positions.

    Raises:
        DataError: it is not such a graph.
    """
    if b"<!ENTITY" in graphml:
        raise DataError(f"{name}: declares XML entities, unlike the files of the Zoo; do not use it.")
    try:
        root = ElementTree.fromstring(graphml)
        titles = {k.attrib["id"]: (k.attrib["for"], k.attrib["attr.name"]) for k in root.iter(f"{_NS}key")}

        def facts(element: ElementTree.Element) -> dict[str, str]:
            return {titles[d.attrib["key"]][1]: d.text or "" for d in element.iter(f"{_NS}data")}

        nodes = {n.attrib["id"]: facts(n) for n in root.iter(f"{_NS}node")}
        edges = [(e.attrib["source"], e.attrib["target"], facts(e)) for e in root.iter(f"{_NS}edge")]
    except (ElementTree.ParseError, KeyError) as error:
        raise DataError(f"{name}: not a graph of the Topology Zoo ({error}).") from None
    neighbors: dict[str, set[str]] = {n: set() for n in nodes}
    for a, b, _ in edges:
        if a != b:
            neighbors[a].add(b)
            neighbors[b].add(a)
    while leaves := [n for n, near in neighbors.items() if len(near) <= 1]:
        for leaf in leaves:
            for near in neighbors.pop(leaf):
                neighbors.get(near, set()).discard(leaf)
    return _document(name, nodes, edges, neighbors)


def _document(
    name: str,
    nodes: dict[str, dict[str, str]],
    edges: list[tuple[str, str, dict[str, str]]],
    neighbors: dict[str, set[str]],
) -> Json:
    number = {node: i for i, node in enumerate(n for n in nodes if n in neighbors)}
    known = {
        n: (float(f["Latitude"]), float(f["Longitude"]))
        for n, f in nodes.items()
        if n in number and "Latitude" in f and "Longitude" in f
    }
    place = _positions(known, neighbors, number)
    links: dict[tuple[int, int], Json] = {}
    parallel: Counter[tuple[int, int]] = Counter()
    for a, b, facts in edges:
        if a == b or a not in number or b not in number:
            continue
        pair = (min(number[a], number[b]), max(number[a], number[b]))
        parallel[pair] += 1
        if pair in links:
            continue
        label = facts.get("LinkLabel", "")
        links[pair] = {
            "a": pair[0],
            "b": pair[1],
            "parallel_in_zoo": 1,
            "length_km": round(max(1.0, great_circle_km(place[a], place[b])), 1),
            "length_known": a in known and b in known,
            "zoo_link_label": label,
            "capacity_mbps_from_label": CAPACITY_MBPS.get(label),
        }
    return {
        "name": name,
        **_HEADER,
        "nodes": [
            {
                "id": i,
                "zoo_id": node,
                "label": nodes[node].get("label", ""),
                "lat": round(place[node][0], 5),
                "lon": round(place[node][1], 5),
                "position_known": node in known,
            }
            for node, i in number.items()
        ],
        "links": [{**links[pair], "parallel_in_zoo": parallel[pair]} for pair in sorted(links)],
    }


def _positions(
    known: Mapping[str, Position], neighbors: Mapping[str, set[str]], order: Iterable[str]
) -> dict[str, Position]:
    """Known positions; each unknown one is the mean of all its neighbors' (a linear system)."""
    unknown = [n for n in order if n not in known]
    row = {n: i for i, n in enumerate(unknown)}
    matrix, right = np.eye(len(unknown)), np.zeros((len(unknown), 2))
    for node in unknown:
        for near in neighbors[node]:
            share = 1.0 / len(neighbors[node])
            if near in row:
                matrix[row[node], row[near]] -= share
            else:
                right[row[node]] += share * np.array(known[near])
    try:
        solved = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        raise DataError("a component of the graph has no node of known position.") from None
    return dict(known) | {n: (float(lat), float(lon)) for n, (lat, lon) in zip(unknown, solved, strict=True)}


def great_circle_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance of two points (latitude, longitude in degrees) by the haversine formula."""
    lat_a, lon_a, lat_b, lon_b = map(math.radians, (*a, *b))
    h = (
        math.sin((lat_b - lat_a) / 2) ** 2
        + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    )
    return 2.0 * EARTH_RADIUS_KM * math.asin(math.sqrt(h))


def topologies(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """`topologies/<name>.json` of each graph of the Zoo."""
    return {
        f"topologies/{name.lower()}.json": _json(topology(name, content))
        for name, content in ((PurePosixPath(path).stem, content) for path, content in files.items())
    }


_UNKNOWN_NODE = {"lat": None, "lon": None, "position_known": False}
_UNKNOWN_LINK = {
    "length_km": None,
    "length_known": False,
    "zoo_link_label": "",
    "capacity_mbps_from_label": None,
}


def b4(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """`topologies/b4.json` from Flexile's table of directed arcs (Jain et al., SIGCOMM 2013).

    Raises:
        DataError: the table is malformed.
    """
    ((name, content),) = files.items()
    try:
        arcs = [tuple(map(int, line.split()[:2])) for line in content.decode().splitlines()[1:] if line]
        pairs = sorted({(min(a, b), max(a, b)) for a, b in arcs})
    except ValueError as error:
        raise DataError(f"{name}: not a table of arcs ({error}).") from None
    nodes = sorted({n for pair in pairs for n in pair})
    document = {
        "name": "B4",
        **_B4_HEADER,
        "nodes": [{"id": n, "label": f"site{n + 1}", **_UNKNOWN_NODE} for n in nodes],
        "links": [{"a": a, "b": b, "parallel_in_zoo": 1, **_UNKNOWN_LINK} for a, b in pairs],
    }
    return {"topologies/b4.json": _json(document)}


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=0) + "\n").encode()


AREA = Area(
    name="wan",
    title="wide-area network design: topologies, demands, tunnels",
    sources=(TOPOLOGY_ZOO, FLEXILE),
    conversions=(
        Conversion(
            tuple(f"topologies/{name.lower()}.json" for name in TOPOLOGIES),
            TOPOLOGY_ZOO,
            re.compile(rf"graphml/(?:{'|'.join(TOPOLOGIES)})\.graphml"),
            topologies,
        ),
        Conversion(("topologies/b4.json",), FLEXILE, re.compile(r"_data/b4/b4_capa\.tab"), b4),
    ),
    not_public=(
        ("demands/*", "mapped from the Abilene demands of cornell-netlab/yates by the netwright developers"),
    ),
)
