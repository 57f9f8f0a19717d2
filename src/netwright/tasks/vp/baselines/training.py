"""Common parts of the learned baselines: their trainer, saving and loading."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.contract import Answer
from netwright.adaptation.inference import predict_fn
from netwright.adaptation.saved_model import BASELINE, DESCRIPTION, REMEDY, SavedBaseline, read_saved
from netwright.core.documents import JsonObject, plain, write_folder
from netwright.core.errors import DataError, FormatError, UnknownNameError
from netwright.core.files import replacing
from netwright.core.identity import RunIdentity, data_sha256
from netwright.core.reading import MissingFileError
from netwright.core.results import versions
from netwright.core.seeding import derived_seed, generator
from netwright.core.trained_for import from_json, to_json
from netwright.core.types import JsonView
from netwright.llm.tensors import read_tensors
from netwright.tasks.vp.adapter import AdaptedViewportPolicy
from netwright.tasks.vp.dataset import VpData
from netwright.tasks.vp.examples import Examples
from netwright.tasks.vp.features import LONGEST_HISTORY, LONGEST_HORIZON
from netwright.tasks.vp.policy import WindowPolicy
from netwright.tasks.vp.recipes import RECIPES, VpRecipe
from netwright.tasks.vp.trained_for import of_training
from netwright.training.run import Progress, Run
from netwright.training.trainer import Schedule, SupervisedTrainer

WEIGHTS = BASELINE
ANSWER_CHUNK = 4096

Module = TypeVar("Module", bound=nn.Module)
Viewports = TypeVar("Viewports", bound=WindowPolicy)
Shape = Mapping[str, Any]
"""Sizes of a network by name."""

Description = dict[str, Any]
"""The document of a saved baseline."""

Batch = Callable[[np.random.Generator], tuple[Any, Tensor]]
"""Draws inputs and target of an update."""


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


def initialized(make: Callable[[], Module], seed: int) -> Module:
    """A module with initial weights drawn from `seed`; torch's own random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed))
        return make()


@dataclass(frozen=True)
class Settings:
    """Settings of a training run.

    Attributes:
        updates: steps of the optimizer.
        learning_rate: at the start; a cosine to zero.
        evaluate_every: updates between two evaluations; there is one at the end, too.
        weight_decay: decoupled, of all weights.
        batch_size: examples of an update.
    """

    updates: int
    learning_rate: float
    evaluate_every: int
    weight_decay: float = 0.0
    batch_size: int = 256


class BaselineTrainer(SupervisedTrainer):
    """Trains a model with AdamW; the latest weights that are about as good as the best are kept.

    They are selected within the same share of the best validation error as those of adapted models
    (`TrainingConfig.tolerance`), so that both are selected alike.

    Args:
        model: called with the inputs that `batch` gives.
        batch: inputs and target of one update, drawn from the generator of (seed, step).
        loss: of the model's answer and the target.
        validation: called with the model in evaluation mode; error in degrees.
        settings: of the run.
        seed: of batches and dropout.
    """

    def __init__(
        self,
        model: nn.Module,
        batch: Batch,
        loss: Callable[[Tensor, Tensor], Tensor],
        validation: Callable[[], float],
        settings: Settings,
        *,
        seed: int,
    ) -> None:
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        schedule = Schedule(settings.updates, settings.evaluate_every, tolerance=TrainingConfig().tolerance)
        super().__init__(model, dict(model.named_parameters()), optimizer, schedule, seed=seed)
        self.batch, self.error, self.validation, self.settings = batch, loss, validation, settings
        self.learning_rates = _cosine(settings)

    def set_learning_rates(self, step: int) -> None:
        """A cosine to zero."""
        self.optimizer.param_groups[0]["lr"] = self.learning_rates[step]

    def loss(self, step: int, batch: int) -> Tensor:
        """The loss of the batch of that step."""
        inputs, target = self.batch(generator(self.seed, step))
        return self.error(self.network(inputs), target)

    def validate(self) -> float:
        """Error in degrees on validation windows."""
        self.network.eval()
        return self.validation()

    def finish(self) -> None:
        """Put the kept weights in place, in evaluation mode."""
        super().finish()
        self.network.eval()


def _cosine(settings: Settings) -> list[float]:
    """Learning rate of every update, as torch's schedule computes it: each from the last."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.updates)
    rates = []
    for _ in range(settings.updates):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    return rates


@dataclass(frozen=True)
class Baseline:
    """A viewport baseline that is to be trained.

    Attributes:
        policy: its name.
        recipe: name of the recipe that says what it learns from.
        data: the datasets.
        seed: of weights, batches and dropout.
        shape: what its `load` needs to build the same model, as plain JSON types.
    """

    policy: str
    recipe: str
    data: VpData
    seed: int
    shape: Shape

    def train(self, trainer: BaselineTrainer, out: Path, progress: Progress) -> None:
        """Train to the end and write the folder `out`; `<out>.partial` holds a checkpoint meanwhile.

        A repeated call after Ctrl-C or a kill continues from the checkpoint.

        Raises:
            BusyError: another process trains there.
            ConfigError: `<out>.partial` holds a run with other settings, seed or data.
            DataError: the training did not converge.
        """
        run, identity = Run(out, progress), self.identity(trainer.settings)
        with run.locked():
            run.restore(trainer, identity)
            run.train(trainer, identity)
            save_baseline(out, trainer.network, self, trainer.state.kept_score, identity)
            run.remove()

    def identity(self, settings: Settings) -> RunIdentity:
        """What the run's numbers depend on."""
        return RunIdentity.made(
            kind="train",
            task="vp",
            method=f"{self.policy}:{self.recipe}",
            config=asdict(settings) | {"shape": dict(self.shape)},
            seed=self.seed,
            data=data_sha256(self.data),
            machine={"threads": torch.get_num_threads(), "precision": "float32"},
        )


def save_baseline(
    folder: Path, model: nn.Module, about: Baseline, validation_deg: float, identity: RunIdentity
) -> None:
    """Write a learned baseline: its tensors and a description, in one step.

    Args:
        folder: replaced if it exists.
        model: whose state is kept.
        about: what it is and what it learned from.
        validation_deg: error of the kept weights on the validation windows.
        identity: of the run.
    """
    first = next(iter(RECIPES))
    description = {
        "task": "vp",
        "kind": "baseline",
        "role": "baseline",
        "policy": about.policy,
        "recipe": about.recipe,
        "name": about.policy if about.recipe == first else f"{about.policy}:{about.recipe}",
        "window": {"history": LONGEST_HISTORY, "horizon": LONGEST_HORIZON},
        "seed": about.seed,
        "trained_for": to_json(of_training(about.data, RECIPES[about.recipe].config.datasets)),
        "shape": dict(about.shape),
        "validation": {"metric": "mae", "kept": validation_deg},
        "data": {
            "source": about.data.source,
            "synthetic": about.data.synthetic,
            "sha256": dict(about.data.hashes),
        },
        "versions": versions(),
        "identity": identity.model_dump(),
    }
    with replacing(folder) as temporary:
        temporary.mkdir()
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, temporary / WEIGHTS)
        saved = SavedViewportModel.of(plain(description), folder / DESCRIPTION, remedy=REMEDY)
        write_folder(temporary, DESCRIPTION, saved)


def load_baseline(folder: Path, policy: str, build: Callable[[Shape], Module]) -> tuple[Module, Description]:
    """A saved baseline, ready to answer, and its description.

    Args:
        folder: written by `save_baseline`.
        policy: the name that it must have.
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
        model = initialized(lambda: build(shape), seed=0)
        model.load_state_dict(read_tensors(folder / WEIGHTS, remedy="train the baseline again"))
    except MissingFileError:
        raise DataError(f"{folder / WEIGHTS}: missing; the baseline is not whole, train it again.") from None
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise FormatError(
            f"{folder}: weights and description do not fit ({reason}); train it again."
        ) from None
    return model.requires_grad_(False).eval(), description


def described(policy: Viewports, description: JsonView, folder: Path) -> Viewports:
    """The policy of a saved baseline, with what it was trained for, where its description says so."""
    if "trained_for" in description:
        policy.trained_for = from_json(description["trained_for"], folder / DESCRIPTION, remedy=REMEDY)
    return policy


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
        """The network as a viewport policy with the recipe's inputs."""
        return AdaptedViewportPolicy(recipe, self.scale_deg.numpy(), predict(self))


def predict(model: nn.Module) -> Answer:
    """A model of arrays by name as a function of arrays."""
    return predict_fn(model, torch.device("cpu"), chunk=ANSWER_CHUNK)


def residual_trainer(
    network: nn.Module, recipe: VpRecipe, data: VpData, settings: Settings, *, seed: int
) -> BaselineTrainer:
    """A trainer of a network of modalities, with L1 on the recipe's examples; it trains a `Residual`."""
    examples = Examples(recipe, data)
    model = Residual(network, examples.scale_deg)
    answer = predict(model)

    def batch(rng: np.random.Generator) -> tuple[Mapping[str, Tensor], Tensor]:
        inputs, target = examples.batch(rng, settings.batch_size)
        return {k: torch.from_numpy(v) for k, v in inputs.items()}, torch.from_numpy(target)

    return BaselineTrainer(
        model, batch, nn.functional.l1_loss, lambda: examples.validate(answer), settings, seed=seed
    )
