"""Import of networks from common file formats; invalid files are refused with one message."""

from netwright.wan.importing.as_topology import as_topology
from netwright.wan.importing.graph import ImportedGraph, Link, Node
from netwright.wan.importing.options import ImportOptions
from netwright.wan.importing.reading import SUFFIXES, graph_of, read_graph

__all__ = [
    "SUFFIXES",
    "ImportOptions",
    "ImportedGraph",
    "Link",
    "Node",
    "as_topology",
    "graph_of",
    "read_graph",
]
