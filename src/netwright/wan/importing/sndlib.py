"""SNDlib (Orlowski et al., Networks 55(3), 2010): networks with demands, in its XML and in its native format."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element

from netwright.core.errors import DataError
from netwright.wan.importing.graph import check_counts
from netwright.wan.importing.graphml import children, descendants, local
from netwright.wan.importing.raw import Conventions, RawDemand, RawGraph, RawLink, RawNode
from netwright.wan.importing.text import lines_of
from netwright.wan.units import plain_number, rate_unit

NATIVE = "?SNDlib native format"
_BOTH_WAYS = "SNDlib networks do not say which way links lead: both ways, and demands as they are listed"


def is_sndlib(root: Element) -> bool:
    """Whether an XML document is a network of SNDlib."""
    return local(root) == "network"


def sndlib_xml_of(root: Element, name: str, source: str) -> RawGraph:
    """The network of an XML document's root.

    Raises:
        DataError: a node or link without name or ends, or a demand that is not a number.
    """
    holders = descendants(root, "nodes")
    geographic = bool(holders) and holders[0].get("coordinatesType", "") == "geographical"
    check_counts(len(descendants(root, "node")), len(descendants(root, "link")), source)
    nodes = tuple(_xml_node(e, i, source) for i, e in enumerate(descendants(root, "node"), start=1))
    links = tuple(_xml_link(e, i, source) for i, e in enumerate(descendants(root, "link"), start=1))
    word = _text_of(root, "unit")
    unit = rate_unit(word) or ""
    demands = tuple(
        _xml_demand(e, unit, i, source) for i, e in enumerate(descendants(root, "demand"), start=1)
    )
    return RawGraph(
        name, "SNDlib XML", source, nodes, links, False,
        Conventions(capacity_unit=unit or word, geographic=geographic), demands, _unread_xml(root), _notes(links),
    )  # fmt: skip


_DEMAND = ("source", "target", "demandValue", "routingUnit")


def _unread_xml(root: Element) -> tuple[str, ...]:
    """Names of elements with content that is not read."""
    parts = [local(e) for e in root if local(e) not in ("meta", "networkStructure", "demands", "")]
    demands = [local(e) for demand in descendants(root, "demand") for e in demand if local(e) not in _DEMAND]
    return tuple(dict.fromkeys([*parts, *(f"demands.{tag}" for tag in demands if tag)]))


def _xml_node(element: Element, number: int, source: str) -> RawNode:
    places = {tag: _text_of(element, tag) for tag in ("x", "y")}
    return RawNode(_attribute(element, f"node {number}", source), {k: v for k, v in places.items() if v})


def _xml_link(element: Element, number: int, source: str) -> RawLink:
    ends = [_text_of(element, tag) for tag in ("source", "target")]
    if not all(ends):
        raise DataError(f"{source}: link {number} does not name its source and target; add them.")
    installed = [_text_of(e, "capacity") for e in children(element, "preInstalledModule")]
    if len(installed) > 1:
        raise DataError(
            f"{source}: link {element.get('id', number)} has more than one preInstalledModule; keep one."
        )
    modules = [_text_of(e, "capacity") for e in descendants(element, "addModule")]
    facts = {
        "capacity": _installed(installed[0] if installed else ""),
        "addModule": modules[0] if modules else "",
    }
    for tag in ("routingCost", "setupCost"):
        facts[tag] = _text_of(element, tag)
    return RawLink(ends[0], ends[1], facts, f"link {element.get('id', number)}")


def _xml_demand(element: Element, unit: str, number: int, source: str) -> RawDemand:
    a, b, value = (_text_of(element, tag) for tag in ("source", "target", "demandValue"))
    routing = _text_of(element, "routingUnit") or "1"
    return _demand((a, b), (routing, value), unit, f"demand {number}", source)


def _notes(links: tuple[RawLink, ...]) -> tuple[str, ...]:
    """Notes about what SNDlib does not define: the direction of links, and capacity if none is installed."""
    if any(link.facts["capacity"] for link in links) or not any(link.facts["addModule"] for link in links):
        return (_BOTH_WAYS,)
    return (
        _BOTH_WAYS,
        "no capacity is installed, only offered (--capacity-from addModule takes the first module)",
    )


def _installed(text: str) -> str:
    """An installed capacity; None if it is 0."""
    return "" if plain_number(text) == 0.0 else text


def _attribute(element: Element, place: str, source: str) -> str:
    name = element.get("id")
    if not name:
        raise DataError(f"{source}: {place} has no id; add it.")
    return name


def _text_of(element: Element, tag: str) -> str:
    found = descendants(element, tag)
    return (found[0].text or "").strip() if found else ""


def _demand(ends: tuple[str, str], amount: tuple[str, str], unit: str, place: str, source: str) -> RawDemand:
    """A demand of `amount`: the routing unit (capacity that one unit of demand takes) and the demand's value."""
    routing, value = (plain_number(text) for text in amount)
    if routing is None or value is None or routing <= 0.0 or value < 0.0 or not all(ends):
        raise DataError(
            f"{source}: {place} needs a source, a target, a routing unit above 0 and a volume from 0; correct it."
        )
    return RawDemand(*ends, routing * value, unit)


def parse_sndlib_native(content: bytes, name: str, source: str) -> RawGraph:
    """The network of a file in SNDlib's native format, with one entry per line.

    Raises:
        DataError: the file is malformed or an entry is incomplete.
    """
    lines = lines_of(content, source)
    text = "\n".join(lines)
    sections = _sections(lines, source)
    check_counts(len(sections.get("NODES", [])), len(sections.get("LINKS", [])), source)
    nodes, links, demands = (
        [_entry(line, source) for line in sections.get(part, [])] for part in ("NODES", "LINKS", "DEMANDS")
    )
    found = re.search(r"^\s*unit\s*=\s*(\S+)", text, re.MULTILINE)
    word = found[1] if found else ""
    unit = rate_unit(word) or ""
    built = tuple(_native_link(*entry, source) for entry in links)
    return RawGraph(
        name, "SNDlib native", source,
        tuple(RawNode(n, dict(zip("xy", first, strict=False))) for n, first, _, _ in nodes),
        built, False,
        Conventions(capacity_unit=unit or word, geographic="longitude" in text.lower()),
        tuple(_native_demand(*entry, unit, source) for entry in demands), _unread(sections, demands), _notes(built),
    )  # fmt: skip


def _unread(sections: Iterable[str], demands: Iterable[Entry]) -> tuple[str, ...]:
    """Names of sections, and of a column of demands, with content that is not read."""
    found = [name for name in sections if name not in ("META", "NODES", "LINKS", "DEMANDS")]
    limits = {word for _, _, behind, _ in demands for word in behind[2:]} - {"UNLIMITED"}
    return (*found, *(["demands.maxPathLength"] if limits else []))


Entry = tuple[
    str, list[str], list[str], list[str]
]  # name, words in the first parentheses, after them, and in the second parentheses
_ENTRY = re.compile(r"(\S+)\s*(?:\(([^()]*)\)([^()]*)(?:\(([^()]*)\))?)?")


def _sections(lines: list[str], source: str) -> dict[str, list[tuple[int, str]]]:
    """The lines of each section, with line numbers."""
    found: dict[str, list[tuple[int, str]]] = {}
    inside = ""
    for number, line in enumerate(lines[1:], start=2):
        plain = line.partition("#")[0].strip()
        opening = re.fullmatch(r"(\w+)\s*\(", plain)
        if opening and not inside:
            inside = opening[1]
            found[inside] = []
        elif plain == ")":
            inside = ""
        elif plain and inside:
            found[inside].append((number, plain))
        elif plain and "=" not in plain:
            raise DataError(
                f"{source}: line {number}: {plain[:40]!r} is outside of a section; the file is cut short or damaged."
            )
    if inside:
        raise DataError(f"{source}: the section {inside} is not closed; the file is cut short.")
    return found


def _entry(line: tuple[int, str], source: str) -> Entry:
    match = _ENTRY.fullmatch(line[1])
    if not match:
        raise DataError(f"{source}: line {line[0]}: not an entry `id ( .. ) ..`; correct it.")
    first, behind, second = ((match[i] or "").split() for i in (2, 3, 4))
    return match[1], first, behind, second


def _native_link(name: str, ends: list[str], behind: list[str], modules: list[str], source: str) -> RawLink:
    if len(ends) != 2:
        raise DataError(f"{source}: link {name!r} must be `id ( source target ) ..`; correct it.")
    facts: dict[str, object] = dict(
        zip(("capacity", "installedCost", "routingCost", "setupCost"), behind, strict=False)
    )
    facts["capacity"] = _installed(str(facts.get("capacity", "")))
    facts["addModule"] = modules[0] if modules else ""
    return RawLink(ends[0], ends[1], facts, f"link {name}")


def _native_demand(
    name: str, ends: list[str], behind: list[str], _: list[str], unit: str, source: str
) -> RawDemand:
    if len(ends) != 2 or len(behind) < 2:
        raise DataError(
            f"{source}: demand {name!r} must be `id ( source target ) unit volume ..`; correct it."
        )
    return _demand((ends[0], ends[1]), (behind[0], behind[1]), unit, f"demand {name!r}", source)
