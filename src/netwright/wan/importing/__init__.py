"""Users' own networks from the formats of the trade, read as their files say, or refused in a sentence."""

from netwright.wan.importing.as_topology import as_topology
from netwright.wan.importing.graph import ImportedGraph, Link, Node
from netwright.wan.importing.options import ImportOptions
from netwright.wan.importing.reading import SUFFIXES, read_graph

__all__ = ["SUFFIXES", "ImportOptions", "ImportedGraph", "Link", "Node", "as_topology", "read_graph"]
