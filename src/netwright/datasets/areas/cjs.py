"""Cluster job scheduling: TPC-H job profiles and Decima's published weights, from NetLLM's repository."""

from __future__ import annotations

from netwright.datasets.area import Area
from netwright.datasets.sources import NETLLM

AREA = Area(
    name="cjs",
    title="cluster job scheduling: TPC-H job profiles, Decima weights",
    sources=(NETLLM,),
    not_public=(
        ("golden/*", "recorded from the reference simulators"),
        ("tpch_npz/*", "published as pickles (tpch_original), which netwright does not read"),
        ("tpch_checks.json", "worked out from the profiles by the netwright developers"),
        ("decima/decima_weights.npz", "published as a torch file (decima/model.pt)"),
    ),
)
