"""Ways to adapt a model to adaptive bitrate streaming: training method, inputs and window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from netwright.core.errors import ConfigError
from netwright.core.task import Recipe
from netwright.tasks.abr.observation import HISTORY

Method = Literal["advantage", "clone", "distill", "returns", "returns-published", "regret", "vector-returns"]


@dataclass(frozen=True)
class AbrRecipe:
    """How a model learns to choose bitrates.

    Attributes:
        method: imitation targets, see `netwright.adaptation.offline.imitation`.
        layout: tokens of a step; "fused": one for all; "paper": tokens of their own for the return, each feature of the
            state and the last action.
        window: decisions in the context window (w of Eq. 3).
        memory: throughputs and delays of how many chunks back each state holds; with 1, earlier chunks are known
            through the window only.
        place: training environment of validation and online episodes, see `AbrCollector`.
        target: target at test time: a quantile of the returns in the experience (`returns`), a share of the
            highest (`returns-published`), standard deviations above the other policies (`regret`), or a share of what
            the best policy reached (`vector-returns`).
        temperature: of advantage weighting.
    """

    method: Method = "advantage"
    layout: Literal["fused", "paper"] = "fused"
    window: int = 10
    memory: int = HISTORY
    place: str = "training"
    target: float = 0.75
    temperature: float = 0.5

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ConfigError(f"window must be at least 1 decision, got {self.window}.")
        if not 1 <= self.memory <= HISTORY:
            raise ConfigError(f"memory must be 1 to {HISTORY} chunks, got {self.memory}.")
        if self.temperature <= 0.0:
            raise ConfigError(f"temperature must be above 0, got {self.temperature}.")


RECIPES = {
    r.name: r
    for r in (
        Recipe(
            "advantage",
            "imitate every policy, good decisions more than bad ones: weight exp(advantage / 0.5)",
            AbrRecipe(),
        ),
        Recipe("clone", "imitate the best policy of the experience only: the control", AbrRecipe("clone")),
        Recipe("distill", "follow the mean probabilities of the labeling policies", AbrRecipe("distill")),
        Recipe(
            "returns",
            "conditioned on the return to go per chunk, robust scaling, target the 75 % quantile",
            AbrRecipe("returns"),
        ),
        Recipe(
            "returns-published",
            "conditioned on the return to go, scaled as in the published code, target the highest",
            AbrRecipe("returns-published", target=1.0),
        ),
        Recipe(
            "regret",
            "conditioned on the return against the same session's other policies",
            AbrRecipe("regret", target=0.8),
        ),
        Recipe(
            "vector-returns",
            "conditioned on bitrate, rebuffering and change apart: one model for any QoE weights",
            AbrRecipe("vector-returns", target=1.0),
        ),
        Recipe(
            "paper",
            "distill on the paper's training data: video 1, no synthetic traces",
            AbrRecipe("distill", place="paper"),
        ),
    )
}
