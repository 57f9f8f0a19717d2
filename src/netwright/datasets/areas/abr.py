"""Adaptive bitrate streaming: bandwidth traces and chunk sizes from the NetLLM and Genet repositories."""

from __future__ import annotations

from netwright.datasets.area import Area
from netwright.datasets.sources import GENET, NETLLM

AREA = Area(
    name="abr",
    title="adaptive bitrate streaming: FCC, Norway and synthetic bandwidth traces, two videos",
    sources=(NETLLM, GENET),
    not_public=(
        ("golden/*", "recorded from the reference simulator"),
        ("traces/fcc-no-train-overlap.json", "worked out from the traces by the netwright developers"),
        ("traces/netllm-fcc-test.start_ptr.json", "published as a pickle, which netwright does not read"),
    ),
)
