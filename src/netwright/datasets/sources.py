"""Public repositories used by more than one area."""

from __future__ import annotations

from netwright.datasets.area import Source

NETLLM = Source("duowuyms/NetLLM", "105bcf070f2bec808f7b14f8f5a953de6e4e6e54", "MIT")
GENET = Source("GenetProject/Genet", "5d4303b", "none stated")
TOPOLOGY_ZOO = Source("mroughan/InternetTopologyZoo", "HEAD", "CC BY 4.0")
FLEXILE = Source("Purdue-ISL/Flexile", "HEAD", "MIT")
