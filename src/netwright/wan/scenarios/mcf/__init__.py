"""MCF: how much traffic to carry, and how far around, when links are scarce (SWAN's trade-off)."""

from netwright.wan.scenario import Scenario
from netwright.wan.scenarios.mcf import design, metrics, space

SCENARIO = Scenario(
    name="mcf",
    title="throughput against latency",
    summary="how much traffic to carry when the last of it takes long ways",
    config=metrics.config,
    metrics=metrics.metrics,
    reference=design.find_reference,
    family=space.family,
    optimize=design.optimize,
    decide=design.decide,
    evaluate=metrics.evaluate,
    export=design.export,
    fits_settle=True,
)
