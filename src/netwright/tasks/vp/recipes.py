"""Ways to adapt a model to viewport prediction, by inputs and training data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from netwright.core.task import Recipe
from netwright.tasks.vp.features import Modality


@dataclass(frozen=True)
class VpRecipe:
    """Inputs of a learned model, and the source of its examples.

    Attributes:
        modalities: see `features`.
        datasets: whose training traces it learns from, and whose validation traces select its weights.
        hide_front: share of the examples in which the direction of the video's front is hidden, so that the model
            also works where it is unknown.
        answer: "parallel" for all steps in one forward pass; "autoregressive" for the paper's way, one pass a step.
        n_image_features: size of a cached image feature that becomes one more token; 0 for none.
    """

    modalities: tuple[Modality, ...] = ("motion", "summary")
    datasets: tuple[str, ...] = ("Jin2022",)
    hide_front: float = 0.5
    answer: Literal["parallel", "autoregressive"] = "parallel"
    n_image_features: int = 0


_STRICT = VpRecipe()
_BOTH = ("Jin2022", "Wu2017")

RECIPES = {
    r.name: r
    for r in (
        Recipe("strict", "the paper's protocol: the window's history, learned from Jin2022", _STRICT),
        Recipe(
            "long",
            "also the earlier part of the session, learned from both training sets",
            VpRecipe(modalities=("motion", "summary", "past"), datasets=_BOTH),
        ),
        Recipe(
            "crowd",
            "also where training viewers looked in the same video, learned from both training sets",
            VpRecipe(modalities=("motion", "summary", "past", "crowd"), datasets=_BOTH),
        ),
        Recipe(
            "plain",
            "only the motion of the window's history, whatever its direction, learned from Jin2022",
            replace(_STRICT, modalities=("motion",), hide_front=1.0),
        ),
        Recipe(
            "autoregressive",
            "as strict, but one forward pass for each predicted sample, as published",
            replace(_STRICT, answer="autoregressive"),
        ),
        Recipe(
            "image",
            "as strict, with one token for the frame; needs vp/image_features in the data folder",
            replace(_STRICT, n_image_features=768),
        ),
    )
}
