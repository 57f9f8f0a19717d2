"""JSON with `nodes` and `links`, as written by netwright, networkx (`node_link_data`), TopoHub and NCFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from netwright.core.errors import DataError
from netwright.core.reading import parse_json
from netwright.wan.importing.graph import MAX_NAME, check_counts
from netwright.wan.importing.raw import (
    Conventions,
    RawDemand,
    RawGraph,
    RawLink,
    RawNode,
    direction,
    nodes_of_links,
)
from netwright.wan.topology import DIRECTED_FORMAT_VERSION, FORMAT_VERSION
from netwright.wan.units import ends_in, length_unit, plain_number, short, time_unit

_UNITS = ("capacity_unit", "latency_unit", "length_unit")
_READ = {"nodes", "links", "edges", "name", "directed", "multigraph", "graph", *_UNITS}
_OURS = {"format_version", "source"}


def parse_node_link(content: bytes, name: str, source: str) -> RawGraph:
    """The network of a JSON document `{"nodes": [{"id": ..}], "links": [{"source": .., "target": ..}]}`.

    `edges` is accepted for `links`; ends may have any of the names in `units.ENDS`. Without `nodes`, they are taken
    from the links. Links are bidirectional unless the document has `"directed": true`.

    Raises:
        DataError: the document is malformed.
    """
    document = _document(content, source)
    _check_version(document, source)
    entries = _list(document, "links", source, other="edges")
    given = _list(document, "nodes", source) if "nodes" in document else []
    check_counts(len(given), len(entries), source)
    links = tuple(_link(entry, f"link {i}", source) for i, entry in enumerate(entries, start=1))
    if "nodes" in document:
        nodes = tuple(
            RawNode(_name(entry, f"node {i}", source), _mapping(entry))
            for i, entry in enumerate(given, start=1)
        )
    else:
        nodes = nodes_of_links(links)
    inner = _mapping(document.get("graph"))
    topohub = isinstance(inner.get("demands"), dict)
    unit = _word(document.get("capacity_unit")) or _word(inner.get("capacity_unit"))
    skipped = _READ | (_OURS if "format_version" in document else set())
    unread = [key for key in document if key not in skipped]
    unread += [f"graph.{key}" for key in inner if key not in ("name", "demands", "stats", *_UNITS)]
    demands, notes = _mirrored(
        _demands(inner["demands"], source) if topohub else (), _mapping(inner.get("stats"))
    )
    return RawGraph(
        _word(document.get("name")) or _word(inner.get("name")) or name,
        "TopoHub JSON" if topohub else "JSON",
        source, nodes, links, _directed(document, source),
        Conventions(
            capacity_unit=unit,
            latency_unit=_unit(document, inner, "latency_unit", time_unit, source),
            length_unit=_unit(document, inner, "length_unit", length_unit, source) or ("km" if topohub else ""),
        ),
        demands, tuple(unread), notes,
    )  # fmt: skip


def _unit(
    document: Mapping[str, object],
    inner: Mapping[str, object],
    key: str,
    read: Callable[[str], str | None],
    source: str,
) -> str:
    """The unit that the document or its graph states for all links, "" if none.

    Raises:
        DataError: it is not known.
    """
    said = document.get(key, inner.get(key))
    if said in (None, ""):
        return ""
    unit = read(said) if isinstance(said, str) else None
    if unit is None:
        raise DataError(f"{source}: {key} {short(said)} is not known; give one such as ms, us, km or m.")
    return unit


def _check_version(document: Mapping[str, object], source: str) -> None:
    """Refuse netwright's own documents of an unknown version."""
    version = document.get("format_version", FORMAT_VERSION)
    if version not in (FORMAT_VERSION, DIRECTED_FORMAT_VERSION):
        raise DataError(
            f"{source}: format_version is {short(version)}, this netwright reads {FORMAT_VERSION} and "
            f"{DIRECTED_FORMAT_VERSION}; open it with the release that wrote it."
        )


def _directed(document: Mapping[str, object], source: str) -> bool:
    said = document.get("directed", False)
    if not isinstance(said, bool):
        raise DataError(f'{source}: "directed" must be true or false, got {short(said)}; correct it.')
    return said


def _document(content: bytes, source: str) -> Mapping[str, object]:
    document = parse_json(content, source)
    if not isinstance(document, dict):
        raise DataError(f"{source}: must be a JSON object with the lists nodes and links; check the file.")
    return document


def _list(document: Mapping[str, object], key: str, source: str, other: str = "") -> Sequence[object]:
    if key in document and other in document:
        raise DataError(f"{source}: has both {key!r} and {other!r}; keep one of the two lists.")
    found = document.get(key, document.get(other) if other else None)
    if not isinstance(found, list):
        raise DataError(
            f"{source}: has no list {key!r}; a network is an object with the lists nodes and links."
        )
    return found


def _name(entry: object, place: str, source: str) -> str:
    found = entry.get("id", entry.get("name")) if isinstance(entry, dict) else entry
    return _as_name(found, place, "id", source)


def _link(entry: object, place: str, source: str) -> RawLink:
    facts = dict(_mapping(entry))
    for end in ("id", "key"):
        facts.pop(end, None)
    names = ends_in(facts)
    if names is not None:
        a, b = (_as_name(facts.pop(name), place, name, source) for name in names)
        return RawLink(a, b, facts, place, direction(facts, f"{source}: {place}"))
    raise DataError(f"{source}: {place} does not say between which nodes it is; give it source and target.")


def _as_name(value: object, place: str, key: str, source: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise DataError(f"{source}: {place} needs a text or a whole number as its {key}; give it one.")
    return str(value)


def _mirrored(
    found: tuple[RawDemand, ...], stats: Mapping[str, object]
) -> tuple[tuple[RawDemand, ...], tuple[str, ...]]:
    """Whether demands apply in both directions: TopoHub lists such a pair once and counts it twice in `stats`."""
    pairs = {(d.source, d.target) for d in found}
    if stats.get("demands") != 2 * len(found) or any((b, a) in pairs for a, b in pairs):
        return found, ()
    back = tuple(RawDemand(d.target, d.source, d.volume) for d in found)
    note = f"{len(found)} demands hold in both directions, as stats.demands ({2 * len(found)}) says"
    return found + back, (note,) if found else ()


def _demands(found: object, source: str) -> tuple[RawDemand, ...]:
    """TopoHub's `{source: {target: volume}}`."""
    demands = []
    for a, row in _mapping(found).items():
        for b, volume in _mapping(row).items():
            if isinstance(volume, bool) or not isinstance(volume, (int, float)):
                raise DataError(
                    f"{source}: the demand from {a!r} to {b!r} must be a number, got {short(volume)}."
                )
            demands.append(RawDemand(a, b, float(volume)))
    return tuple(demands)


def _word(value: object) -> str:
    """A short printable text, or ""."""
    shown = isinstance(value, str) and value.isprintable() and len(value) <= MAX_NAME
    return str(value) if shown and plain_number(str(value)) is None else ""


def _mapping(entry: object) -> Mapping[str, object]:
    return entry if isinstance(entry, dict) else {}
