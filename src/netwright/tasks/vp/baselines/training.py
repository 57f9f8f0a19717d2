"""What the learned baselines share: a short training loop, and how they are saved and loaded."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.contract import Answer, Inputs
from netwright.adaptation.saved_model import BASELINE, DESCRIPTION, REMEDY, SavedBaseline, read_saved
from netwright.core.documents import JsonObject, plain, write_folder
from netwright.core.errors import DataError, FormatError, UnknownNameError
from netwright.core.files import replacing
from netwright.core.reading import MissingFileError
from netwright.core.results import versions
from netwright.core.seeding import derived_seed, generator
from netwright.core.trained_for import from_json, to_json
from netwright.llm.tensors import read_tensors
from netwright.tasks.vp.adapter import AdaptedViewportPolicy
from netwright.tasks.vp.dataset import VpData
from netwright.tasks.vp.examples import Examples
from netwright.tasks.vp.features import LONGEST_HISTORY, LONGEST_HORIZON
from netwright.tasks.vp.policy import WindowPolicy
from netwright.tasks.vp.recipes import RECIPES, VpRecipe
from netwright.tasks.vp.trained_for import of_training

WEIGHTS = BASELINE
ANSWER_CHUNK = 4096

Progress = Callable[[str], None]
Module = TypeVar("Module", bound=nn.Module)
Viewports = TypeVar("Viewports", bound=WindowPolicy)


class SavedViewportModel(SavedBaseline):
    """The document of a learned viewport baseline; `shape` is what its `load` builds the model from."""

    recipe: str
    shape: JsonObject


def recipe_named(name: str) -> VpRecipe:
    """The recipe of that name; an unknown one raises `UnknownNameError`."""
    if name not in RECIPES:
        raise UnknownNameError("vp recipe", name, RECIPES)
    config: VpRecipe = RECIPES[name].config
    return config


def initialised(make: Callable[[], Module], seed: int) -> Module:
    """A module with initial weights drawn from `seed`; torch's own random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed))
        return make()


def fit(
    model: nn.Module,
    batch: Callable[[np.random.Generator], tuple[Any, Tensor]],
    loss: Callable[[Tensor, Tensor], Tensor],
    validate: Callable[[], float],
    *,
    updates: int,
    learning_rate: float,
    weight_decay: float = 0.0,
    evaluate_every: int,
    seed: int,
    progress: Progress,
) -> float:
    """Train a model in place with AdamW and a cosine to zero; the latest weights that are about the best stay in it.

    "About the best" is within the same share of the best validation error as for adapted models
    (`TrainingConfig.tolerance`), so that neither side is selected more cleverly than the other.

    Args:
        model: called with what `batch` gives.
        batch: inputs and target of one update, drawn from the generator of (seed, step).
        loss: of the model's answer and the target.
        validate: called with the model in evaluation mode; lower is better.
        updates: optimiser steps.
        learning_rate: at the start.
        weight_decay: decoupled, of all weights.
        evaluate_every: updates between two looks at `validate`; there is one at the end, too.
        seed: of batches and dropout.
        progress: told about every look.

    Returns:
        The value of `validate` for the kept weights.
    """
    optimiser = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, updates)
    tolerance = TrainingConfig().tolerance
    best, kept_score, kept = math.inf, math.inf, copy.deepcopy(model.state_dict())
    with torch.random.fork_rng(devices=[]):
        for step in range(updates):
            model.train()
            torch.manual_seed(derived_seed(seed, step))
            inputs, target = batch(generator(seed, step))
            error = loss(model(inputs), target)
            optimiser.zero_grad()
            error.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            if (step + 1) % evaluate_every == 0 or step + 1 == updates:
                model.eval()
                score = validate()
                best = min(best, score)
                if score <= best * (1.0 + tolerance):
                    kept_score, kept = score, copy.deepcopy(model.state_dict())
                progress(
                    f"update {step + 1}/{updates}: loss {error.item():.4f}, validation {score:.3f} degrees"
                )
    if not math.isfinite(best):
        raise DataError(
            "training did not converge to a finite error; check the data with `netwright data check`."
        )
    model.load_state_dict(kept)
    model.eval()
    return kept_score


def save_baseline(
    folder: Path,
    model: nn.Module,
    *,
    policy: str,
    recipe: str,
    seed: int,
    data: VpData,
    shape: Mapping[str, Any],
    validation_deg: float,
) -> None:
    """Write a learned baseline: its tensors and a description, in one step.

    Args:
        folder: replaced if it stands there already.
        model: whose state is kept.
        policy, recipe, seed, data: what it is and what it learned from.
        shape: what its `load` needs to build the same model, as plain JSON types.
        validation_deg: error of the kept weights on the validation windows.
    """
    first = next(iter(RECIPES))
    description = {
        "task": "vp",
        "kind": "baseline",
        "role": "baseline",
        "policy": policy,
        "recipe": recipe,
        "name": policy if recipe == first else f"{policy}:{recipe}",
        "window": {"history": LONGEST_HISTORY, "horizon": LONGEST_HORIZON},
        "seed": seed,
        "trained_for": to_json(of_training(data, RECIPES[recipe].config.datasets)),
        "shape": dict(shape),
        "validation": {"metric": "mae", "kept": validation_deg},
        "data": {"source": data.source, "synthetic": data.synthetic, "sha256": dict(data.hashes)},
        "versions": versions(),
    }
    with replacing(folder) as temporary:
        temporary.mkdir()
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, temporary / WEIGHTS)
        saved = SavedViewportModel.of(plain(description), folder / DESCRIPTION, remedy=REMEDY)
        write_folder(temporary, DESCRIPTION, saved)


def load_baseline(
    folder: Path, policy: str, build: Callable[[Mapping[str, Any]], Module]
) -> tuple[Module, dict[str, Any]]:
    """A saved baseline, ready to answer, and its description.

    Args:
        folder: written by `save_baseline`.
        policy: the name that must stand in it.
        build: makes the model from the saved `shape`.

    Raises:
        DataError: a file is missing or damaged.
        FormatError: it is another policy, format or shape.
    """
    saved = read_saved(folder, needed=(WEIGHTS,))
    found = saved.policy if isinstance(saved, SavedBaseline) else "an adapted model"
    if saved.task != "vp" or found != policy:
        raise FormatError(f"{folder}: holds {found}, not {policy}; give another folder.")
    description = saved.to_json()
    shape = SavedViewportModel.of(description, folder / DESCRIPTION, remedy=REMEDY).shape
    try:
        model = initialised(lambda: build(shape), seed=0)
        model.load_state_dict(read_tensors(folder / WEIGHTS, remedy="train the baseline again"))
    except MissingFileError:
        raise DataError(f"{folder / WEIGHTS}: missing; the baseline is not whole, train it again.") from None
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise FormatError(
            f"{folder}: weights and description do not fit ({reason}); train it again."
        ) from None
    return model.requires_grad_(False).eval(), description


def described(policy: Viewports, description: Mapping[str, Any], folder: Path) -> Viewports:
    """The policy of a saved baseline, which knows what it was trained for where its description says so."""
    if "trained_for" in description:
        policy.trained_for = from_json(description["trained_for"], folder / DESCRIPTION, remedy=REMEDY)
    return policy


def answerer(model: nn.Module) -> Answer:
    """A model of arrays by name as a function of arrays, without gradients, in bounded chunks."""

    def answer(inputs: Inputs) -> NDArray[np.float32]:
        n = len(next(iter(inputs.values())))
        with torch.inference_mode():
            parts = [
                model({k: torch.from_numpy(v[i : i + ANSWER_CHUNK]) for k, v in inputs.items()}).numpy()
                for i in range(0, n, ANSWER_CHUNK)
            ]
        return np.concatenate(parts)

    return answer


class Residual(nn.Module):
    """A network whose (N, 90) answer counts in typical changes, with those changes beside its weights.

    Called with a recipe's modalities by name; gives (N, 30, 3) changes against the last viewport.
    """

    scale_deg: Tensor  # (30, 3)

    def __init__(self, network: nn.Module, scale_deg: NDArray[np.float32] | None = None) -> None:
        super().__init__()
        self.network = network
        scale = np.ones((LONGEST_HORIZON, 3), dtype=np.float32) if scale_deg is None else scale_deg
        self.register_buffer("scale_deg", torch.from_numpy(scale))

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(N, 30, 3) changes in units of `scale_deg`."""
        answer: Tensor = self.network(inputs)
        return answer.view(-1, LONGEST_HORIZON, 3)

    def policy(self, recipe: VpRecipe) -> AdaptedViewportPolicy:
        """The network as a viewport policy that is shown what the recipe says."""
        return AdaptedViewportPolicy(recipe, self.scale_deg.numpy(), answerer(self))


def fit_residual(
    network: nn.Module, recipe: VpRecipe, data: VpData, *, batch_size: int, **options: Any
) -> tuple[Residual, float]:
    """Train a network of modalities with L1 on the recipe's examples; `options` as `fit` takes them.

    Returns:
        The trained model and its mean error in degrees over the validation settings.
    """
    examples = Examples(recipe, data)
    model = Residual(network, examples.scale_deg)
    answer = answerer(model)

    def batch(rng: np.random.Generator) -> tuple[Mapping[str, Tensor], Tensor]:
        inputs, target = examples.batch(rng, batch_size)
        return {k: torch.from_numpy(v) for k, v in inputs.items()}, torch.from_numpy(target)

    best = fit(model, batch, nn.functional.l1_loss, lambda: examples.validate(answer), **options)
    return model, best
