"""Ways to adapt a model to cluster scheduling: training targets, inputs and window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from netwright.core.errors import ConfigError
from netwright.core.task import Recipe

Method = Literal["clone", "distill", "advantage", "costs", "returns", "returns-published"]


@dataclass(frozen=True)
class CjsRecipe:
    """How a model learns to schedule.

    Attributes:
        method: training targets, see `imitation`.
        layout: tokens of a step; "fused": the graph of stages, and the cluster's state with the condition; "paper":
            return, stages, executors and last action.
        window: decisions in the context window (w of Eq. 3).
        slice_steps: consecutive decisions of an episode in one training example.
        rounds: of message passing along the edges of the jobs.
        attention: layers in which all stages attend to each other; four have about as many weights as the low-rank
            matrices of `tiny` at rank 32.
        target: condition at test time: of `returns` a quantile of the relative returns in the experience, of
            `returns-published` a share of the highest return.
        temperature: of `advantage`, in standard deviations of the relative returns; of `costs`, in units of the typical
            difference between alternatives (`imitation.cost_scale`).
        trust, imitation: of `costs`: logit by which the rule's own decision is preferred to alternatives, and weight of
            the decisions without costs, at which the label is imitated.
        rule: whether the model reads what the evolved rule would do: its scores of the jobs, and its decision.
        place: training environment of the online phase.
        validation_jobs: of each validation sequence.
    """

    method: Method = "clone"
    layout: Literal["fused", "paper"] = "fused"
    window: int = 20
    slice_steps: int = 32
    rounds: int = 2
    attention: int = 0
    target: float = 0.9
    temperature: float = 1.0
    trust: float = 0.0
    imitation: float = 0.0
    rule: bool = False
    place: str = "short"
    validation_jobs: int = 60

    def __post_init__(self) -> None:
        for name in ("window", "slice_steps", "validation_jobs"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be a whole number from 1, got {getattr(self, name)}.")
        for name in ("rounds", "attention"):
            if not 0 <= getattr(self, name) <= 16:
                raise ConfigError(f"{name} must be 0 to 16, got {getattr(self, name)}.")
        if self.temperature <= 0.0:
            raise ConfigError(f"temperature must be above 0, got {self.temperature}.")


RECIPES = {
    r.name: r
    for r in (
        Recipe("clone", "imitate the best policy of the experience", CjsRecipe()),
        Recipe(
            "distill",
            "follow the labeling policy in all visited states",
            CjsRecipe("distill", rule=True),
        ),
        Recipe(
            "advantage",
            "imitate every policy, better episodes of a sequence more than worse ones",
            CjsRecipe("advantage"),
        ),
        Recipe(
            "costs",
            "prefer what costs less than the evolved rule's decision in copies of the episode",
            CjsRecipe("costs"),
        ),
        Recipe(
            "returns",
            "conditioned on the return against the same sequence's other policies",
            CjsRecipe("returns"),
        ),
        Recipe(
            "paper",
            "the published form: return tokens scaled by minimum and maximum, four tokens a step",
            CjsRecipe("returns-published", layout="paper", target=1.0),
        ),
    )
}
