"""Interpret the attributes of a file: their meaning, their units, and the direction of links."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from netwright.core.errors import DataError
from netwright.wan.importing.capacities import capacities, capacity_facts, speed_in
from netwright.wan.importing.columns import (
    Column,
    Given,
    all_given,
    columns_of,
    disagreements,
    first_given,
    place_of,
    unit_beside,
)
from netwright.wan.importing.graph import Findings, ImportedGraph, Link, Node, check_nodes
from netwright.wan.importing.options import ImportOptions
from netwright.wan.importing.raw import Facts, RawDemand, RawGraph, RawLink, RawNode, count, listed
from netwright.wan.units import (
    ENDS,
    KILOMETERS,
    LINK_TITLES,
    MILLISECONDS,
    NODE_TITLES,
    distance_km,
    duration_ms,
    factor,
    length_unit,
    plain_number,
    short,
    split,
    time_unit,
)

# Indices of links, which are not needed.
IDLE = {"id", "key"}


def interpret(raw: RawGraph, options: ImportOptions) -> ImportedGraph:
    """The graph described by a file.

    Raises:
        DataError: an invalid value, a link to an unknown node, or a unit that the user must specify.
    """
    nodes, node_findings = _nodes(raw, options)
    check_nodes(nodes, raw.source)
    ends = _Ends(raw, nodes)
    rows = [replace(link, a=ends.id(link.a, link), b=ends.id(link.b, link)) for link in raw.links]
    columns = columns_of((link.facts for link in rows), LINK_TITLES)
    rates, unit, capacity_notes = capacities(raw, rows, columns, options)
    latencies, latency_notes = _latencies(raw, rows, columns, options)
    lengths, length_notes = _lengths(raw, rows, columns)
    ways, way_notes = _ways(raw, rows, options)
    links = tuple(
        Link(row.a, row.b, capacity, latency, length, row.place, way)
        for row, capacity, latency, length, way in zip(rows, rates, latencies, lengths, ways, strict=True)
    )
    names, naming = distinct_labels(nodes)
    used = {c.name for meaning, each in columns.items() if meaning not in ENDS for c in each}
    others = _others(rows, used | capacity_facts(rows, options))
    if all(each is None for each in rates):
        capacity_notes = _speeds_elsewhere(rows, others)
        if not options.default_capacity:
            _check_no_capacity_was_missed(raw, others)
    findings = Findings(
        {"links": others, "nodes": node_findings.ignored["nodes"], "the whole": raw.unread},
        (
            *raw.notes,
            *way_notes,
            *capacity_notes,
            *latency_notes,
            *length_notes,
            *node_findings.notes,
            *naming,
        ),
    )
    return ImportedGraph(
        raw.name, nodes, links, raw.source, unit, raw.format,
        tuple(ends.demand(demand) for demand in raw.demands), findings,
        names={node.name: name for node, name in zip(nodes, names, strict=True)},
        folds=options.directed is False and (raw.directed is not False or any(r.directed for r in rows)),
        said_directed=bool(raw.directed) and options.directed is None,
    )  # fmt: skip


class _Ends:
    """Finds the node of a link or a demand by its id, or by a unique label."""

    def __init__(self, raw: RawGraph, nodes: Sequence[Node]) -> None:
        self.source = raw.source
        self.ids = {node.name for node in nodes}
        times = Counter(node.label for node in nodes)
        self.labels = {n.label: n.name for n in nodes if n.label and times[n.label] == 1}

    def id(self, name: str, link: RawLink) -> str:
        """The id of a link's end."""
        found = name if name in self.ids else self.labels.get(name)
        if found is None:
            raise DataError(
                f"{self.source}: {link.place} ends at node {name!r}, which the file does not list; "
                "add the node or correct the link."
            )
        return found

    def demand(self, demand: RawDemand) -> RawDemand:
        """A demand with the ids of its ends."""
        ends = [
            name if name in self.ids else self.labels.get(name) for name in (demand.source, demand.target)
        ]
        if ends[0] is None or ends[1] is None:
            raise DataError(
                f"{self.source}: a demand from {demand.source!r} to {demand.target!r}, but one of them is no "
                "node of the file; correct the demand or add the node."
            )
        if not demand.volume >= 0.0:
            raise DataError(
                f"{self.source}: a demand from {demand.source!r} to {demand.target!r} must be at least 0, got "
                f"{demand.volume:g}; correct it."
            )
        return replace(demand, source=ends[0], target=ends[1])


def _others(rows: Iterable[RawLink] | Iterable[RawNode], used: set[str]) -> tuple[str, ...]:
    """Unused attributes that have a value."""
    present = dict.fromkeys(
        name for row in rows for name, value in row.facts.items() if value not in (None, "")
    )
    return tuple(name for name in present if name not in used and name.lower() not in IDLE)


def _speeds_elsewhere(rows: Sequence[RawLink], others: Sequence[str]) -> list[str]:
    """A hint about an attribute with speeds, such as a label, if the file has no capacities."""
    notes = []
    for name in others:
        texts = [row.facts[name] for row in rows if isinstance(row.facts.get(name), str)]
        n = sum(speed_in(text) is not None and plain_number(str(text)) is None for text in texts)
        if n:
            notes.append(
                f"{name!r} names a speed on {n} of {count(len(rows), 'link')} (--capacity-from {name})"
            )
    return notes


_CAPACITY_WORDS = frozenset(("capacity", "capacities", "bandwidth", "bw", "cap"))


def _check_no_capacity_was_missed(raw: RawGraph, others: Sequence[str]) -> None:
    """Where the file has no capacities: refuse an attribute that is called one, in a unit or way that is not known."""
    for name in others:
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
        if _CAPACITY_WORDS & set(re.split(r"[^a-z]+", words)):
            raise DataError(
                f"{raw.source}: {name!r} of links looks like their capacity, but its unit or meaning is not known; "
                "call it such as `capacity_gbps`, or run `netwright design import` with --capacity-from or "
                "--default-capacity."
            )


def _latencies(
    raw: RawGraph, rows: Sequence[RawLink], by_meaning: Mapping[str, list[Column]], options: ImportOptions
) -> tuple[list[float | None], list[str]]:
    columns, stated = by_meaning["latency"], by_meaning["latency_unit"]
    fixed = options.latency_unit or raw.conventions.latency_unit
    found: list[float | None] = []
    bare = 0
    for row in rows:
        given = first_given(row.facts, columns)
        if given is None:
            found.append(None)
            continue
        name, value, unit = given
        amount, where = split(value), place_of(raw, row)
        unit = unit or unit_beside(row, stated, time_unit, MILLISECONDS, where)
        alone = not unit and amount is not None and not amount[1]
        if alone and not fixed and raw.conventions.asks_latency_unit:
            raise DataError(
                f"{raw.source}: {raw.format} files do not say in which unit {name!r} is (here such as "
                f"{short(value)}); run `netwright design import` with --latency-unit us, 10us, ms, ..."
            )
        bare += alone and not fixed
        ms = duration_ms(value, name, where, unit or fixed or "ms")
        found.append(_at_least_zero(ms, name, where))
    notes = [
        f"{_quoted(columns)} on {count(bare, 'link')} has no unit in the file: read as ms (--latency-unit)"
    ]
    doubled = _both_given(rows, columns, "latency", duration_ms, fixed or "ms")
    return found, doubled + (notes if bare else _said(raw, options, columns, found))


def _both_given(
    rows: Sequence[RawLink],
    columns: Sequence[Column],
    meaning: str,
    read: Callable[[object, str, str, str], float],
    unit: str,
) -> list[str]:
    """A note where links have two attributes of one meaning with different values; bare numbers are in `unit`."""

    def size(given: Given) -> float | None:
        name, value, own = given
        try:
            return read(value, name, "", own or unit)
        except DataError:
            return None

    found = disagreements([all_given(row.facts, columns) for row in rows], size)
    return [
        f"{name!r} and {other!r} both hold the {meaning} of {count(n, 'link')}: {name!r} is read"
        for (name, other), n in found.items()
    ]


def _said(
    raw: RawGraph, options: ImportOptions, columns: Sequence[Column], found: Sequence[float | None]
) -> list[str]:
    unit = options.latency_unit
    if not unit or all(ms is None for ms in found):
        return []
    return [f"{_quoted(columns)} read in units of {factor(unit, MILLISECONDS):g} ms (--latency-unit {unit})"]


def _quoted(columns: Sequence[Column]) -> str:
    return " and ".join(repr(column.name) for column in columns)


def _lengths(
    raw: RawGraph, rows: Sequence[RawLink], by_meaning: Mapping[str, list[Column]]
) -> tuple[list[float | None], list[str]]:
    columns, stated = by_meaning["length"], by_meaning["length_unit"]
    usual = raw.conventions.length_unit or "km"
    found: list[float | None] = []
    bare = 0
    for row in rows:
        given = first_given(row.facts, columns)
        if given is None:
            found.append(None)
            continue
        name, value, unit = given
        amount, where = split(value), place_of(raw, row)
        unit = unit or unit_beside(row, stated, length_unit, KILOMETERS, where)
        bare += not unit and amount is not None and not amount[1]
        km = distance_km(value, name, where, unit or usual)
        found.append(_at_least_zero(km, name, where))
    notes = _both_given(rows, columns, "length", distance_km, usual)
    if not bare or raw.conventions.length_unit:
        return found, notes
    return found, [*notes, f"{_quoted(columns)} on {count(bare, 'link')} has no unit in the file: read as km"]


def _at_least_zero(value: float, what: str, where: str) -> float:
    if value < 0.0:
        raise DataError(f"{where}: {what} must be at least 0, got {value:g}; correct it.")
    return value + 0.0  # -0.0 is 0.0


def _ways(raw: RawGraph, rows: Sequence[RawLink], options: ImportOptions) -> tuple[list[bool], list[str]]:
    """Whether each link is directed."""
    if options.directed is not None:
        words = "one way only (--directed)" if options.directed else "both ways (--undirected)"
        return [options.directed] * len(rows), [f"every link leads {words}"]
    if raw.directed is None and raw.conventions.opposite_lines:
        return _ways_by_order(rows)
    return [bool(raw.directed) if row.directed is None else row.directed for row in rows], []


def _ways_by_order(rows: Sequence[RawLink]) -> tuple[list[bool], list[str]]:
    """Pairs of nodes in both orders define the two directions of a link; the others are bidirectional."""
    orders = {(row.a, row.b) for row in rows}
    opposite = [(row.b, row.a) in orders and row.a != row.b for row in rows]
    ways = [o if row.directed is None else row.directed for row, o in zip(rows, opposite, strict=True)]
    if all(row.directed is not None for row in rows):
        return ways, []
    both, rest = sum(ways), len(ways) - sum(ways)
    if not both:
        return ways, []
    note = f"{count(both, 'line')} of opposite order read as the two directions of a link"
    return ways, [note + (f"; the other {count(rest, 'link')} lead both ways" if rest else "")]


def _nodes(raw: RawGraph, options: ImportOptions) -> tuple[tuple[Node, ...], Findings]:
    columns = columns_of((node.facts for node in raw.nodes), NODE_TITLES)
    used = {c.name for each in columns.values() for c in each}
    notes: list[str] = []
    places, note = _places(raw, columns, options)
    notes += note
    if (raw.conventions.geographic or options.geographic) and not columns["latitude"]:
        used |= {"x", "y", "X", "Y"}
    elif any({"x", "y"} <= {name.lower() for name in node.facts} for node in raw.nodes):
        notes.append("x and y of nodes are not said to be degrees and are left out (--geographic reads them)")
    labels = [
        str(given[1]) if (given := first_given(node.facts, columns["label"] + columns["name"])) else ""
        for node in raw.nodes
    ]
    nodes = tuple(
        Node(node.id, "" if label == node.id else label, *place)
        for node, label, place in zip(raw.nodes, labels, places, strict=True)
    )
    return nodes, Findings({"nodes": _others(raw.nodes, used)}, tuple(notes))


Place = tuple[float | None, float | None]


def _places(
    raw: RawGraph, columns: Mapping[str, list[Column]], options: ImportOptions
) -> tuple[list[Place], list[str]]:
    """Latitude and longitude of each node from its attributes."""
    if columns["latitude"] or columns["longitude"]:
        if _is_a_plane(raw.nodes, columns):
            return [(None, None)] * len(raw.nodes), [
                "latitude and longitude of most nodes are outside of degrees, as on a plane: left out"
            ]
        return [_degrees(raw, node, columns) for node in raw.nodes], []
    if raw.conventions.geographic or options.geographic:
        places = [_pair(node.facts, "x", "y") for node in raw.nodes]
        return (
            _checked_places(raw, places, "x and y")
            if places != [(None, None)] * len(places)
            else (places, [])
        )
    if columns["position"]:
        name = columns["position"][0].name
        return _checked_places(raw, [_listed_pair(node.facts.get(name)) for node in raw.nodes], repr(name))
    return [(None, None)] * len(raw.nodes), []


def _is_a_plane(nodes: Sequence[RawNode], columns: Mapping[str, list[Column]]) -> bool:
    """Whether most coordinates are outside the range of degrees, as in TopoHub's synthetic networks."""
    outside = known = 0
    for node in nodes:
        for meaning, most in (("latitude", 90.0), ("longitude", 360.0)):
            given = first_given(node.facts, columns[meaning])
            amount = None if given is None else split(given[1])
            known += amount is not None
            outside += amount is not None and abs(amount[0]) > most
    return known > 4 and 4 * outside > known


def _degrees(raw: RawGraph, node: RawNode, columns: Mapping[str, list[Column]]) -> Place:
    found: list[float | None] = []
    for meaning, most in (("latitude", 90.0), ("longitude", 360.0)):
        given = first_given(node.facts, columns[meaning])
        amount = None if given is None else split(given[1])
        where = f"{raw.source}: node {node.id!r}"
        if given is not None and (amount is None or amount[1] not in ("", "°")):
            raise DataError(f"{where}: {meaning} must be a finite number, got {short(given[1])}; correct it.")
        if amount is not None and abs(amount[0]) > most:
            end = f"at most {most:g}" if amount[0] > 0 else f"at least {-most:g}"
            raise DataError(f"{where}: {meaning} must be {end}, got {amount[0]:g}; correct it.")
        found.append(None if amount is None else amount[0])
    return found[0], found[1]


def _pair(facts: Facts, x: str, y: str) -> Place:
    """Longitude and latitude as given."""
    by_name = {name.lower(): value for name, value in facts.items()}
    amounts = [split(by_name.get(name)) for name in (x, y)]
    return (amounts[0][0], amounts[1][0]) if amounts[0] and amounts[1] else (None, None)


def _listed_pair(value: object) -> Place:
    if not isinstance(value, (list, tuple)) or len(value) < 2:
        return (None, None)
    return _pair({"x": value[0], "y": value[1]}, "x", "y")


def _checked_places(raw: RawGraph, found: Sequence[Place], what: str) -> tuple[list[Place], list[str]]:
    """Convert (longitude, latitude) pairs to (latitude, longitude), unless they are drawing coordinates."""
    known = [(x, y) for x, y in found if x is not None and y is not None]
    none: list[Place] = [(None, None)] * len(found)
    if not known:
        return none, [f"{what} of nodes is not understood: left out"] if found else []
    outside = next(((x, y) for x, y in known if abs(x) > 180.0 or abs(y) > 90.0), None)
    if outside is not None:
        return none, [f"{what} of nodes, such as {outside[0]:g}, {outside[1]:g}, is not in degrees: left out"]
    if max(max(abs(x), abs(y)) for x, y in known) <= 1.0 and len(known) > 2:
        return none, [f"{what} of nodes lies within -1 to 1, as on a drawing: left out"]
    places: list[Place] = [(y, x) for x, y in found]
    return places, [f"{what} of nodes read as longitude, latitude in degrees"]


def distinct_labels(nodes: Sequence[Node]) -> tuple[tuple[str, ...], list[str]]:
    """A name for each node: its label, or its id if it has none; "label (id)" for duplicate labels."""
    plain = [node.label or node.name for node in nodes]
    ids = {node.name for node in nodes}
    times = Counter(plain)
    names = tuple(
        f"{name} ({node.name})" if times[name] > 1 or (name != node.name and name in ids) else name
        for name, node in zip(plain, nodes, strict=True)
    )
    twice = [name for name, n in times.items() if n > 1]
    if not twice:
        return names, []
    return names, [f"several nodes share the label {listed(map(repr, twice))}: their ids are added to it"]
