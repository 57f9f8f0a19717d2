"""OSPF: link weights for shortest-path routing with equal-cost multipath; utilization versus latency."""

from netwright.wan.scenario import Scenario
from netwright.wan.scenarios.ospf import design

SCENARIO = Scenario(
    name="ospf",
    title="OSPF link weights",
    summary="link weights by local search, traffic split over equal-cost paths: maximum utilization versus latency",
    config=design.config,
    metrics=design.group,
    reference=design.reference,
    family=design.family,
    optimize=design.optimize,
    decide=design.decide,
    evaluate=design.evaluate,
    export=design.export,
    when_failed=design.when_failed,
    warm_up=design.warm_up,
    changes_in="links",
)
