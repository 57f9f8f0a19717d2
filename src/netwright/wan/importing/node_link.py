"""JSON: `nodes` and `links`, as netwright's own files, networkx (`node_link_data`) and many tools write them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from netwright.core.errors import DataError
from netwright.wan.importing.graph import MAX_NAME, ImportedGraph, Link, link, node, nodes_of_links

_ENDS = (("a", "b"), ("source", "target"), ("from", "to"))


def parse_node_link(content: bytes, name: str, source: str) -> ImportedGraph:
    """The graph of a JSON document `{"nodes": [{"id": ..}], "links": [{"a": .., "b": ..}]}`.

    `edges` may stand for `links`; ends may be called a and b, source and target, or from and to. Without `nodes`, they
    are those that the links name. Nodes may have label, lat, lon; links capacity, latency_ms, length_km. Links lead
    both ways unless the document says `"directed": true`.

    Raises:
        DataError: not such a document.
    """
    document = _document(content, source)
    links = tuple(
        _link(entry, f"link {i}", source)
        for i, entry in enumerate(_list(document, "links", source, other="edges"), start=1)
    )
    if "nodes" in document:
        nodes = tuple(
            node(_name(entry, f"node {i}", source), _mapping(entry), source)
            for i, entry in enumerate(_list(document, "nodes", source), start=1)
        )
    else:
        nodes = nodes_of_links(links)
    return ImportedGraph(
        _word(document.get("name")) or name,
        nodes,
        links,
        document.get("directed") is True,
        source,
        _word(document.get("capacity_unit")),
    )


def _document(content: bytes, source: str) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{source}: line {error.lineno}, column {error.colno}: not valid JSON; mend it."
        ) from None
    except UnicodeDecodeError:
        raise DataError(f"{source}: not text in UTF-8; save it as such.") from None
    except (RecursionError, ValueError):
        raise DataError(
            f"{source}: nested deeper, or with longer numbers, than a network is; check it."
        ) from None
    if not isinstance(document, dict):
        raise DataError(f"{source}: must be a JSON object with the lists nodes and links; check the file.")
    return document


def _list(document: Mapping[str, Any], key: str, source: str, other: str = "") -> Sequence[Any]:
    found = document.get(key, document.get(other) if other else None)
    if not isinstance(found, list):
        raise DataError(
            f"{source}: has no list {key!r}; a network is an object with the lists nodes and links."
        )
    return found


def _name(entry: Any, place: str, source: str) -> str:
    found = entry.get("id", entry.get("name")) if isinstance(entry, dict) else entry
    return _as_name(found, place, "id", source)


def _link(entry: Any, place: str, source: str) -> Link:
    facts = _mapping(entry)
    for a, b in _ENDS:
        if a in facts and b in facts:
            ends = (_as_name(facts[a], place, a, source), _as_name(facts[b], place, b, source))
            return link(*ends, facts, place, source)
    raise DataError(f"{source}: {place} does not say between which nodes it is; give it a and b.")


def _as_name(value: Any, place: str, key: str, source: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise DataError(f"{source}: {place} needs a text or a whole number as its {key}; give it one.")
    return str(value)


def _word(value: Any) -> str:
    """A short text that can be shown, or "" where there is none."""
    return value if isinstance(value, str) and value.isprintable() and len(value) <= MAX_NAME else ""


def _mapping(entry: Any) -> Mapping[str, Any]:
    return entry if isinstance(entry, dict) else {}
