"""NF: traffic carried normally, and traffic guaranteed under any link failure (FFC)."""

from netwright.wan.scenario import Scenario
from netwright.wan.scenarios.nf import design, metrics, space

SCENARIO = Scenario(
    name="nf",
    title="normal traffic against traffic that survives failures",
    summary="how much capacity to reserve for failures, and for which group of flows",
    config=metrics.config,
    metrics=metrics.metrics,
    reference=space.find_reference,
    family=space.family,
    optimize=design.optimize,
    decide=design.decide,
    evaluate=metrics.evaluate,
    export=metrics.export,
    when_failed=metrics.when_failed,
)
