"""Users' own networks from GraphML, JSON and edge lists, read as files of unknown origin deserve."""

from netwright.wan.importing.as_topology import as_topology
from netwright.wan.importing.graph import ImportedGraph, Link, Node
from netwright.wan.importing.reading import SUFFIXES, read_graph

__all__ = ["SUFFIXES", "ImportedGraph", "Link", "Node", "as_topology", "read_graph"]
