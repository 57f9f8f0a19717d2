"""BW: bandwidth shared between traffic classes, by a weighted sum of log utilities (BwE)."""

from netwright.wan.scenario import Scenario
from netwright.wan.scenarios.bw import design, metrics, space

SCENARIO = Scenario(
    name="bw",
    title="bandwidth between classes",
    summary="which traffic classes to reduce when the network cannot carry all traffic",
    config=metrics.config,
    metrics=metrics.metrics,
    reference=space.find_reference,
    family=space.family,
    optimize=design.optimize,
    decide=design.decide,
    evaluate=metrics.evaluate,
    export=design.export,
    fits_settle=True,
)
