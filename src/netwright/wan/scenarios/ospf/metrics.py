"""Metrics of a weight setting: utilization of the fullest link, and latency of the traffic."""

from __future__ import annotations

from netwright.synthesis.problem import Metric, MetricGroup

GROUP = MetricGroup(
    (
        Metric(
            "max utilization",
            "%",
            larger_is_better=False,
            summary="load of the fullest link, in percent of its capacity; above 100 % traffic is lost",
        ),
        Metric(
            "latency",
            "ms",
            larger_is_better=False,
            summary="one-way latency of the paths taken, averaged over all traffic",
        ),
    )
)
