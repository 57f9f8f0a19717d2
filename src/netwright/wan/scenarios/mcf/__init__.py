"""MCF: the trade-off between throughput and latency when capacity is limited (SWAN)."""

from netwright.wan.scenario import Scenario
from netwright.wan.scenarios.mcf import design, metrics, space

SCENARIO = Scenario(
    name="mcf",
    title="throughput against latency",
    summary="how much traffic to carry if the last part needs long paths",
    config=metrics.config,
    metrics=metrics.metrics,
    reference=design.find_reference,
    family=space.family,
    optimize=design.optimize,
    decide=design.decide,
    evaluate=metrics.evaluate,
    export=design.export,
    fits_settle=True,
    parameters=space.PARAMETERS,
)
