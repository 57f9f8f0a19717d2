"""From windows to modalities, and from a model's answer to viewports: this task's side of adaptation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from netwright.adaptation.contract import Answer
from netwright.core.documents import Document
from netwright.core.results import Details
from netwright.core.trained_for import Condition
from netwright.core.types import Json
from netwright.llm.encoders import ModalitySpec, Scalars, TimeSeries
from netwright.llm.heads import BoundedRegression
from netwright.tasks.vp import features
from netwright.tasks.vp.angles import Floats
from netwright.tasks.vp.dataset import VpData
from netwright.tasks.vp.examples import Examples, changes_deg, model_inputs
from netwright.tasks.vp.features import LONGEST_HISTORY, LONGEST_HORIZON, Arrays
from netwright.tasks.vp.policy import WindowPolicy
from netwright.tasks.vp.recipes import VpRecipe
from netwright.tasks.vp.trained_for import of_training
from netwright.tasks.vp.windows import Windows

N_HIDDEN, HEAD_DROPOUT = 512, 0.5
PATCH = 10  # samples in a token of motion (2 s), steps in a token of the cross-user modality
Scale = Annotated[float, Field(gt=0, le=360)]
LIMIT_UNITS = 20.0  # an answer within +-20 typical changes: far beyond any head, yet bounded


def adapter(
    recipe: VpRecipe, data: VpData | None, *, seed: int = 0, state: Details | None = None
) -> ViewportAdapter:
    """The task's side of an adaptation: from data to train, from `state` to answer with a saved model."""
    return ViewportAdapter(recipe, data, state)


class SavedWindow(Document):
    """The longest window of a model."""

    history: Annotated[int, Field(ge=LONGEST_HISTORY, le=LONGEST_HISTORY)]
    horizon: Annotated[int, Field(ge=LONGEST_HORIZON, le=LONGEST_HORIZON)]


class SavedState(Document):
    """What `ViewportAdapter.state` gives: typical changes (30, 3) in degrees."""

    window: SavedWindow
    scale_deg: Annotated[
        tuple[tuple[Scale, Scale, Scale], ...], Field(min_length=LONGEST_HORIZON, max_length=LONGEST_HORIZON)
    ]


class ViewportAdapter:
    """Supervised viewport prediction (Eq. 1): all steps at once, as changes against the last viewport, L1 loss.

    Departures from the published code, each because the facts speak for it: residual and wrap-aware instead of
    absolute angles through tanh; L1 in units of each step's typical change instead of squared error; one forward
    pass instead of twenty (the recipe "autoregressive" keeps theirs).
    """

    def __init__(self, recipe: VpRecipe, data: VpData | None, state: Details | None) -> None:
        self.recipe = recipe
        self._examples = None if data is None else Examples(recipe, data)
        if self._examples is not None:
            self.scale_deg: NDArray[np.float32] = self._examples.scale_deg
        else:
            assert state is not None
            saved = SavedState.of(dict(state), "netwright.json: adapter", remedy="make the model again")
            self.scale_deg = np.array(saved.scale_deg, dtype=np.float32)
        autoregressive = recipe.answer == "autoregressive"
        self.n_steps = LONGEST_HORIZON if autoregressive else 0
        shape = (3,) if autoregressive else (LONGEST_HORIZON, 3)
        self.head = BoundedRegression(shape, limit=LIMIT_UNITS, n_hidden=N_HIDDEN, dropout=HEAD_DROPOUT)
        self.modalities: Sequence[ModalitySpec] = _modalities(recipe)

    @property
    def n_examples(self) -> int:
        """Training windows."""
        return self._training.n_training

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Arrays, NDArray[np.float32]]:
        """Random examples of the training split."""
        return self._training.batch(rng, size)

    def loss(self, answer: Tensor, target: Tensor) -> Tensor:
        """Mean absolute error in units of the typical change of each axis and step."""
        return (answer - target).abs().mean()

    def validate(self, answer: Answer) -> float:
        """Mean absolute error in degrees over the validation settings of the recipe's datasets."""
        return self._training.validate(answer)

    def policy(self, answer: Answer) -> AdaptedViewportPolicy:
        """The model as a viewport policy."""
        return AdaptedViewportPolicy(self.recipe, self.scale_deg, answer)

    def state(self) -> Json:
        """Units of the answer, and the longest window."""
        window = {"history": LONGEST_HISTORY, "horizon": LONGEST_HORIZON}
        return {"window": window, "scale_deg": [[float(v) for v in row] for row in self.scale_deg]}

    def provenance(self) -> Json:
        """Source and hashes of the data."""
        data = self._training.data
        return {
            "source": data.source,
            "synthetic": data.synthetic,
            "sha256": dict(data.hashes),
            "datasets": list(self.recipe.datasets),
        }

    def trained_for(self) -> dict[str, Condition]:
        """Rate, histories and horizons of the examples."""
        return of_training(self._training.data, self.recipe.datasets)

    @property
    def _training(self) -> Examples:
        assert self._examples is not None, "an adapter made from a saved state has no data to learn from"
        return self._examples


class AdaptedViewportPolicy(WindowPolicy):
    """Answers windows through an adapted model; every answer is a valid viewport by construction."""

    def __init__(self, recipe: VpRecipe, scale_deg: NDArray[np.float32], answer: Answer) -> None:
        self.recipe, self.scale_deg, self.answer = recipe, scale_deg, answer

    def extrapolate(self, windows: Windows) -> Floats:
        """(N, horizon, 3) degrees; beyond 6 s the last predicted viewport stays."""
        answer = self.answer(model_inputs(self.recipe, windows))
        return windows.last_deg()[:, None] + changes_deg(answer, self.scale_deg, windows.horizon)


def _modalities(recipe: VpRecipe) -> list[ModalitySpec]:
    sizes = features.SIZES
    known: dict[str, ModalitySpec] = {
        "motion": TimeSeries("motion", sizes["motion"], LONGEST_HISTORY, patch=PATCH),
        "summary": Scalars("summary", sizes["summary"]),
        "past": Scalars("past", sizes["past"]),
        "crowd": TimeSeries("crowd", sizes["crowd"], len(features.CROSS_USER_STEPS), patch=PATCH),
    }
    image: list[ModalitySpec] = [Scalars("image", recipe.n_image_features)] if recipe.n_image_features else []
    return [*image, *(known[m] for m in recipe.modalities)]
