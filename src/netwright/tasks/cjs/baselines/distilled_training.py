"""Training of `distilled`: labels by look-ahead, a regression, and the epoch that schedules best.

In each round, job sequences are played and labeled (`labels`), by the evolved rule at first and then by the network of
the round before, so that it learns from the states that it meets (DAgger, Ross et al. 2011). A better fit does not make
a better schedule: the epoch is chosen by JCT in closed loop on the validation sequences.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from netwright.core.documents import write_folder
from netwright.core.files import replacing
from netwright.core.seeding import derived_seed
from netwright.tasks.cjs import labels, rules, small_network
from netwright.tasks.cjs.baselines import es_rule
from netwright.tasks.cjs.baselines.description import described
from netwright.tasks.cjs.baselines.distilled import DESCRIPTION, NAME, WEIGHTS, Distilled, SavedNetwork
from netwright.tasks.cjs.baselines.relative_jct import RelativeJct
from netwright.tasks.cjs.candidate_features import SIZE
from netwright.tasks.cjs.dataset import CjsData
from netwright.tasks.cjs.labels import LabelConfig
from netwright.tasks.cjs.sequences import sequence
from netwright.tasks.cjs.settings import VALIDATION_SEEDS
from netwright.tasks.cjs.small_network import Network
from netwright.training.run import Progress


@dataclass(frozen=True, slots=True)
class DistillationConfig:
    """The recipe.

    Attributes:
        labels: of each round.
        rounds: the first is played by the rule, later ones by the network of the round before.
        width, last: of the two hidden layers.
        epochs: of each round's regression.
        error_s: added to the standard error of a label in its weight, 1 / (error^2 + error_s^2).
        scale_s: of the regression's targets, beyond which its loss is linear.
        validation_jobs: number of jobs of each validation sequence, in turn; `validation_executors` likewise.
    """

    labels: LabelConfig = field(default_factory=LabelConfig)
    rounds: int = 2
    width: int = 48
    last: int = 32
    epochs: int = 16
    batch_size: int = 256
    lr: float = 2e-3
    weight_decay: float = 1e-4
    error_s: float = 4.0
    scale_s: float = 20.0
    validation_jobs: tuple[int, ...] = (200, 200, 450)
    validation_executors: tuple[int, ...] = (50, 30)


@dataclass(frozen=True, slots=True)
class Examples:
    """N candidates beside the rule's choice."""

    features: Tensor  # (N, SIZE)
    targets: Tensor  # (N,) cost difference / scale
    weights: Tensor  # (N,) mean 1


def train(
    data: CjsData,
    *,
    recipe: str,
    out: Path,
    seed: int,
    progress: Progress,
    config: DistillationConfig | None = None,
) -> None:
    """Label, train and write the folder `out`.

    Args:
        data: job profiles.
        recipe: not used.
        out: folder to write; `<out>.labels` keeps the labels, from which a repeated call continues.
        seed: of sequences, futures and weights.
        progress: called with a line from time to time.
        config: the recipe.
    """
    config = config or DistillationConfig()
    began = time.process_time()
    rule = es_rule.load()
    sizes = zip(
        VALIDATION_SEEDS, cycle(config.validation_jobs), cycle(config.validation_executors), strict=False
    )
    validation = RelativeJct([sequence(data, *size) for size in sizes], rule)

    def loss_of(network: Network) -> float:
        return validation.loss(Distilled(network, rule.parameters))

    network, loss, folders = None, 0.0, []
    for number in range(config.rounds):
        folders.append(out.with_name(f"{out.name}.labels") / f"round-{number}")
        labels.collect(
            data,
            folders[-1],
            rule.parameters,
            config=config.labels,
            seed=derived_seed(seed, number),
            progress=progress,
            network=network,
            player=NAME if number else es_rule.NAME,
        )
        made = examples([one for folder in folders for one in labels.read(folder)], config)
        network, loss = fitted(made, config, derived_seed(seed, number, 1), loss_of, progress)
    assert network is not None, "a recipe has at least one round"
    reached = {
        "parameters": {n: float(v) for n, v in zip(rules.NAMES, rule.parameters, strict=True)},
        "validation": {"metric": "log of JCT over that of es-rule", "kept": round(loss, 5)},
        "cost": {"labeled": len(made.targets), "processor_seconds": round(time.process_time() - began, 1)},
    }
    about = described(NAME, data, asdict(config), seed, reached)
    with replacing(out) as temporary:
        temporary.mkdir()
        save_file(
            {name: torch.from_numpy(a.copy()) for name, a in network._asdict().items()}, temporary / WEIGHTS
        )
        write_folder(temporary, DESCRIPTION, SavedNetwork.of(about, out, remedy="train again"))


def examples(found: list[labels.Labels], config: DistillationConfig) -> Examples:
    """The candidates of all labels but the rule's own."""
    kept = [np.setdiff1d(np.arange(one.offsets[-1]), one.offsets[:-1]) for one in found]
    pairs = list(zip(found, kept, strict=True))
    error = np.concatenate([one.error_s[rows] for one, rows in pairs])
    weights = 1.0 / (error**2 + config.error_s**2)
    return Examples(
        torch.from_numpy(np.concatenate([one.features[rows] for one, rows in pairs])),
        torch.from_numpy(np.concatenate([one.difference_s[rows] for one, rows in pairs])).float()
        / config.scale_s,
        torch.from_numpy(weights / weights.mean()).float(),
    )


def fitted(
    made: Examples,
    config: DistillationConfig,
    seed: int,
    loss_of: Callable[[Network], float],
    progress: Progress,
) -> tuple[Network, float]:
    """The network of the epoch with the lowest loss in validation, and that loss; the rule if none is below 0."""
    mean, spread = made.features.mean(0), made.features.std(0).clamp(min=1e-3)
    best, lowest = small_network.zero(), 0.0
    for epoch, (model, error) in enumerate(_epochs((made.features - mean) / spread, made, config, seed)):
        network = network_of(model, mean, spread)
        found = loss_of(network)
        if found < lowest:
            best, lowest = network, found
        progress(
            f"epoch {epoch + 1}/{config.epochs}: loss {error:.4f}, {100 * found:+.1f} % against es-rule in validation"
        )
    return best, lowest


def _epochs(
    inputs: Tensor, made: Examples, config: DistillationConfig, seed: int
) -> Iterator[tuple[nn.Sequential, float]]:
    """The model after each epoch, and its mean training loss in it."""
    rng = torch.Generator().manual_seed(seed)
    model = _model(config, seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    n_steps = config.epochs * math.ceil(len(inputs) / config.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    for _ in range(config.epochs):
        total = 0.0
        for rows in torch.split(torch.randperm(len(inputs), generator=rng), config.batch_size):
            errors = nn.functional.huber_loss(model(inputs[rows])[:, 0], made.targets[rows], reduction="none")
            loss = (errors * made.weights[rows]).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(rows)
        yield model, total / len(inputs)


def _model(config: DistillationConfig, seed: int) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(SIZE, config.width),
            nn.ReLU(),
            nn.Linear(config.width, config.last),
            nn.ReLU(),
            nn.Linear(config.last, 1, bias=False),
        )


def network_of(model: nn.Sequential, mean: Tensor, spread: Tensor) -> Network:
    """The compiled form of a model of standardized features; the standardization becomes part of its first layer."""
    first, second, third = (layer for layer in model if isinstance(layer, nn.Linear))
    with torch.no_grad():
        weight = first.weight / spread
        arrays = (weight.T, first.bias - weight @ mean, second.weight.T, second.bias, third.weight[0])
        return Network(*(a.detach().contiguous().numpy().copy() for a in arrays))
