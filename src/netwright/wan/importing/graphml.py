"""GraphML (graphml.graphdrawing.org), as written by the Internet Topology Zoo, yEd and networkx.

Documents that declare a DTD, an entity or an external reference are refused unread, because these can expand a small
file to gigabytes or read other files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from netwright.core.errors import DataError
from netwright.wan.importing.graph import check_counts
from netwright.wan.importing.raw import Conventions, RawGraph, RawLink, RawNode, check_titles

_DIRECTED = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class _Key:
    """A declared attribute: its name, its domain, and its default value."""

    name: str
    domain: str
    default: str


def graphml_of(root: Element, name: str, source: str) -> RawGraph:
    """The network of a GraphML document, including labels in yEd's own tags.

    Raises:
        DataError: the document is malformed, or has hyperedges or nested graphs.
    """
    graphs = children(root, "graph")
    if local(root) != "graphml" or len(graphs) != 1:
        raise DataError(
            f"{source}: GraphML has a <graphml> element with one <graph> in it, here there are {len(graphs)}; "
            "check the file."
        )
    graph = graphs[0]
    _refuse_what_is_no_network(graph, source)
    check_counts(len(children(graph, "node")), len(children(graph, "edge")), source)
    declared = children(root, "key")
    check_titles((key.get("id", "") for key in declared), f"{source}: <key>")
    keys = {key.get("id", ""): _key(key) for key in declared}
    nodes = tuple(
        RawNode(_attribute(element, "id", f"node {i}", source), _node_facts(element, keys, source))
        for i, element in enumerate(children(graph, "node"), start=1)
    )
    links = tuple(
        _link(element, keys, i, source) for i, element in enumerate(children(graph, "edge"), start=1)
    )
    facts = _facts(graph, keys, "graph", source)
    default = graph.get("edgedefault", "")
    directed = {"directed": True, "undirected": False}.get(default)
    if default and directed is None:
        raise DataError(f"{source}: edgedefault is {default[:40]!r}; write directed or undirected.")
    notes = () if directed is not None else ("the file does not say whether links are directed: both ways",)
    if directed and links and all(_arrowless(element) for element in children(graph, "edge")):
        directed = False
        notes = ('edgedefault is "directed" but no link is drawn with an arrow: read as leading both ways',)
    return RawGraph(
        name, "GraphML", source, nodes, links, bool(directed),
        Conventions(capacity_unit=facts.get("capacity_unit", "")), notes=notes,
    )  # fmt: skip


def xml_root(content: bytes, source: str) -> Element:
    """The root of an XML document.

    Raises:
        DataError: not well-formed, or with a DTD, entities or references to other files.
    """
    try:
        root: Element = ElementTree.fromstring(content, forbid_dtd=True)
    except DefusedXmlException:
        raise DataError(
            f"{source}: declares a DTD, an entity or an external reference, which no network needs and which "
            "can do harm; remove the declaration, or do not use this file."
        ) from None
    except ParseError as error:
        line, column = error.position
        raise DataError(
            f"{source}: line {line}, column {column}: not well-formed XML; check the file."
        ) from None
    except (ValueError, LookupError):  # an unknown or violated encoding
        raise DataError(
            f"{source}: its text is not in the encoding that it names; save it as UTF-8."
        ) from None
    return root


def local(element: Element) -> str:
    """An element's tag without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def children(element: Element, tag: str) -> list[Element]:
    """The children of that tag, in any namespace."""
    return [child for child in element if local(child) == tag]


def descendants(element: Element, tag: str) -> list[Element]:
    """All descendants of that tag."""
    return [each for each in element.iter() if local(each) == tag]


def _refuse_what_is_no_network(graph: Element, source: str) -> None:
    hyper = children(graph, "hyperedge")
    if hyper:
        ends = ", ".join(repr(e.get("node", "")) for e in children(hyper[0], "endpoint")[:6])
        raise DataError(
            f"{source}: hyperedge 1 joins {ends} at once, and a network has links between two nodes only; "
            "replace it by links."
        )
    for part in children(graph, "node") + children(graph, "edge"):
        if children(part, "graph"):
            raise DataError(
                f"{source}: {local(part)} {part.get('id', '')!r} holds a graph of its own; "
                "give all nodes and links in one graph."
            )


def _key(element: Element) -> _Key:
    defaults = children(element, "default")
    default = (defaults[0].text or "").strip() if defaults else ""
    name = element.get("attr.name") or ("" if element.get("yfiles.type") else element.get("id") or "")
    return _Key(name, element.get("for", "all"), default)


def _link(element: Element, keys: Mapping[str, _Key], number: int, source: str) -> RawLink:
    place = f"edge {number}"
    said = element.get("directed")
    directed = None if said is None else _DIRECTED.get(said.strip().lower())
    if said is not None and directed is None:
        raise DataError(f"{source}: {place} has directed={said!r}; write true or false.")
    if directed is None and _arrows(element):
        directed = True
    ends = [_attribute(element, end, place, source) for end in ("source", "target")]
    facts = _facts(element, keys, "edge", source)
    drawn = " ".join(filter(None, (_text(label) for label in descendants(element, "EdgeLabel"))))
    return RawLink(ends[0], ends[1], {**facts, **({"EdgeLabel": drawn} if drawn else {})}, place, directed)


def _arrows(element: Element) -> bool:
    """Whether yEd draws the link with an arrow at one end."""
    ends = [a.get(end, "none") for a in descendants(element, "Arrows") for end in ("source", "target")]
    return ends == ["none", "standard"]


def _arrowless(element: Element) -> bool:
    arrows = descendants(element, "Arrows")
    return bool(arrows) and all(a.get(end, "none") == "none" for a in arrows for end in ("source", "target"))


def _node_facts(element: Element, keys: Mapping[str, _Key], source: str) -> dict[str, str]:
    facts = _facts(element, keys, "node", source)
    drawn = [_text(label) for label in descendants(element, "NodeLabel")]
    if drawn and drawn[0] and not facts.get("label"):
        facts["label"] = " ".join(drawn[0].split())
    return facts


def _text(element: Element) -> str:
    return (element.text or "").strip()


def _whole_text(element: Element) -> str:
    """The text of an element and of all below it."""
    return "".join(element.itertext()).strip()


# Attributes of an element itself that say nothing of the network; "{..}" is another namespace.
_STRUCTURE = re.compile(r"id|source|target|directed|edgedefault|parse\..*|\{.*\}.*")


def _facts(element: Element, keys: Mapping[str, _Key], domain: str, source: str) -> dict[str, str]:
    """What the element says by <data>, by defaults, and by attributes of its own."""
    found = {k.name: k.default for k in keys.values() if k.default and k.name and k.domain in (domain, "all")}
    given = [
        (keys.get(data.get("key", ""), _Key(data.get("key", ""), "all", "")).name, _whole_text(data))
        for data in children(element, "data")
    ]
    given += [(name, value) for name, value in element.items() if not _STRUCTURE.fullmatch(name)]
    check_titles((name for name, _ in given), f"{source}: {local(element)} {element.get('id', '')!r}")
    return found | {name: value for name, value in given if name}


def _attribute(element: Element, name: str, place: str, source: str) -> str:
    value = element.get(name)
    if value is None:
        raise DataError(f"{source}: {place} has no {name}; add it.")
    return value
