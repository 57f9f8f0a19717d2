"""GraphML (graphml.graphdrawing.org), as the Internet Topology Zoo and networkx write it.

Documents that declare a DTD, an entity or an external reference are refused unread: that is how a small file grows to
gigabytes, or reads files that are not its own.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from netwright.core.errors import DataError
from netwright.wan.importing.graph import ImportedGraph, link, node


def parse_graphml(content: bytes, name: str, source: str) -> ImportedGraph:
    """The graph of a GraphML document.

    Nodes may have the attributes label, Latitude, Longitude; edges capacity (or LinkSpeedRaw), latency_ms, length_km.

    Raises:
        DataError: not such a document, or one that declares entities.
    """
    root = _root(content, source)
    keys = {key.get("id", ""): key.get("attr.name") or key.get("id") or "" for key in _children(root, "key")}
    graphs = _children(root, "graph")
    if _local(root) != "graphml" or len(graphs) != 1:
        raise DataError(
            f"{source}: GraphML has a <graphml> element with one <graph> in it, here there are {len(graphs)}; "
            "check the file."
        )
    graph = graphs[0]
    directed = graph.get("edgedefault") == "directed"
    nodes = tuple(
        node(_attribute(element, "id", f"node {i}", source), _facts(element, keys), source)
        for i, element in enumerate(_children(graph, "node"), start=1)
    )
    links = tuple(
        link(
            _attribute(element, "source", f"edge {i}", source),
            _attribute(element, "target", f"edge {i}", source),
            _facts(element, keys),
            f"edge {i}",
            source,
        )
        for i, element in enumerate(_children(graph, "edge"), start=1)
    )
    return ImportedGraph(name, nodes, links, directed, source)


def _root(content: bytes, source: str) -> Element:
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
    except (ValueError, LookupError):  # an encoding that does not exist, or is not kept to
        raise DataError(
            f"{source}: its text is not in the encoding that it names; save it as UTF-8."
        ) from None
    return root


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _children(element: Element, tag: str) -> list[Element]:
    return [child for child in element if _local(child) == tag]


def _facts(element: Element, keys: dict[str, str]) -> dict[str, str]:
    return {
        keys.get(data.get("key", ""), data.get("key", "")): (data.text or "").strip()
        for data in _children(element, "data")
    }


def _attribute(element: Element, name: str, place: str, source: str) -> str:
    value = element.get(name)
    if value is None:
        raise DataError(f"{source}: {place} has no {name}; add it.")
    return value
