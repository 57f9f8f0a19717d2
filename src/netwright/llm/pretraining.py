"""Synthetic pre-training of a preset backbone: next-state prediction on random Markov chains.

Wang et al., "Pre-training with Synthetic Data Helps Offline Reinforcement Learning" (arXiv 2310.00771) show
that a few updates on such sequences serve a decision model as well as text does. Departure: they draw one
chain of 100 states and keep it, so that what is learned is that chain's transition table, much of which sits
in the embedding and the output layer that are thrown away. Here every sequence has a chain of its own over a
few states: the next state can only be foretold by looking up, in the sequence itself, what followed this one
before (the statistical induction heads of Edelman et al., arXiv 2402.11004), and that skill sits in the
layers that are kept.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.files import replacing
from netwright.core.results import versions
from netwright.core.seeding import derived_seed, generator
from netwright.core.types import Json
from netwright.llm.backbones import BACKBONES, WEIGHTS_FORMAT, random_model
from netwright.llm.seeding import seeded


@dataclass(frozen=True)
class Sequences:
    """A batch of state sequences and the chains that made them."""

    states: NDArray[np.int64]  # (B, length + 1)
    transition: NDArray[np.float64]  # (B, n_states, n_states), rows sum to 1

    def chain_entropy(self) -> float:
        """Mean entropy of the next state given this one and its chain, in nats: the least possible loss."""
        rows = np.arange(len(self.states))[:, None]
        return float(_entropy(self.transition)[rows, self.states[:, :-1]].mean())

    def unigram_entropy(self) -> float:
        """Mean entropy of the chains' stationary distributions, in nats: the loss of known frequencies."""
        return float(_entropy(np.linalg.matrix_power(self.transition, 64).mean(axis=1)).mean())


@dataclass(frozen=True)
class MarkovChains:
    """Sequences, each from a chain of its own: P[i, j] proportional to exp(z[i, j] / temperature)."""

    n_states: int = 10
    temperature: float = 0.3
    length: int = 64

    def __post_init__(self) -> None:
        if self.n_states < 2 or self.length < 2 or not self.temperature > 0:
            raise ConfigError(
                "MarkovChains needs at least 2 states, a length of at least 2 and a temperature above 0, got "
                f"{self.n_states}, {self.length}, {self.temperature}."
            )

    def draw(self, n: int, rng: np.random.Generator) -> Sequences:
        """`n` sequences with z drawn from a standard normal; the first state is uniform."""
        z = rng.standard_normal((n, self.n_states, self.n_states)) / self.temperature
        transition = np.exp(z - z.max(axis=-1, keepdims=True))
        transition /= transition.sum(axis=-1, keepdims=True)
        cumulative = transition.cumsum(axis=-1)
        states = np.empty((n, self.length + 1), dtype=np.int64)
        states[:, 0] = rng.integers(self.n_states, size=n)
        uniform = rng.random((n, self.length, 1))
        rows = np.arange(n)
        for t in range(self.length):
            above = cumulative[rows, states[:, t]] < uniform[:, t]
            states[:, t + 1] = np.minimum(above.sum(axis=-1), self.n_states - 1)
        return Sequences(states, transition)


@dataclass(frozen=True)
class PretrainingConfig:
    """Training data and schedule: linear warm-up over `warmup` updates, cosine to zero."""

    source: MarkovChains = MarkovChains()
    batch_size: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: int = 50
    n_evaluation: int = 256


def pretrain(
    out: Path,
    *,
    iterations: int,
    seed: int,
    progress: Callable[[str], None],
    preset: str = "tiny",
    config: PretrainingConfig | None = None,
) -> Json:
    """Pre-train a preset's layers from random weights and write them to one safetensors file, in bfloat16.

    Args:
        out: the file; written in one step when training is over, and read by `build_backbone(str(out))`.
        iterations: updates.
        seed: of weights and sequences; on one machine the same seed gives the same file.
        progress: called with a line of text from time to time.
        preset: "tiny" or "small".
        config: the sequences and the optimizer.

    Returns:
        What the file's metadata holds: command, seed, shape, versions, and in nats the final loss on fresh
        chains beside the losses of a uniform guess, of known frequencies, and of the known chain.

    Raises:
        UnknownNameError: no such preset.
        ConfigError: fewer than one iteration.
    """
    trainable = [n for n, p in BACKBONES.items() if p.hidden and not n.startswith("random:")]
    if preset not in trainable:
        raise UnknownNameError("backbone to pre-train", preset, trainable)
    if iterations < 1:
        raise ConfigError(f"iterations must be at least 1, got {iterations}.")
    config = config or PretrainingConfig()
    model = _Predictor(random_model(BACKBONES[preset], seed), config.source.n_states, seed)
    _train(model, config, iterations, seed, progress)
    model.backbone.to(torch.bfloat16)
    weights = {
        name: value.contiguous()
        for name, value in sorted(model.backbone.state_dict().items())
        if not name.startswith("embed_tokens")
    }
    model.backbone.to(torch.float32)
    chosen = "" if preset == "tiny" else f" --preset {preset}"
    document = {
        "format_version": WEIGHTS_FORMAT,
        "command": f"netwright pretrain{chosen} --iterations {iterations} --seed {seed} --out {out.name}",
        "preset": preset,
        "iterations": iterations,
        "seed": seed,
        "config": asdict(config),
        **_evaluate(model, config, seed),
        "versions": versions(),
    }
    with replacing(out) as temporary:
        save_file(weights, temporary, metadata={"netwright": json.dumps(document)})
    return document


class _Predictor(nn.Module):
    """A backbone between an embedding and an output layer that are thrown away.

    Embeddings pass a layer norm, as those of the multimodal encoder do: the layers meet the same scale there.
    """

    def __init__(self, backbone: nn.Module, n_states: int, seed: int) -> None:
        super().__init__()
        self.backbone = backbone
        width: int = backbone.get_input_embeddings().embedding_dim  # type: ignore[operator]
        with seeded(derived_seed(seed, 1)):
            self.embedding = nn.Sequential(nn.Embedding(n_states, width), nn.LayerNorm(width))
            self.output = nn.Linear(width, n_states)

    def loss(self, sequences: Sequences) -> Tensor:
        """Mean cross entropy of the next state, in nats."""
        states = torch.from_numpy(sequences.states)
        hidden = self.backbone(
            inputs_embeds=self.embedding(states[:, :-1]), use_cache=False
        ).last_hidden_state
        return functional.cross_entropy(self.output(hidden).transpose(1, 2), states[:, 1:])


def _train(
    model: _Predictor, config: PretrainingConfig, iterations: int, seed: int, progress: Callable[[str], None]
) -> None:
    model.train().requires_grad_(True)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, betas=(0.9, 0.95), weight_decay=config.weight_decay
    )

    def rate(i: int) -> float:
        return min(1.0, (i + 1) / config.warmup) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, i / iterations)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    started = time.perf_counter()
    for i in range(iterations):
        loss = model.loss(config.source.draw(config.batch_size, generator(seed, 2, i)))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if (i + 1) % 20 == 0 or i + 1 == iterations:
            left = (time.perf_counter() - started) / (i + 1) * (iterations - i - 1)
            progress(f"pre-training {i + 1}/{iterations}: loss {loss.item():.3f}, {left:.0f} s left")


@torch.no_grad()
def _evaluate(model: _Predictor, config: PretrainingConfig, seed: int) -> dict[str, float]:
    model.eval()
    fresh = config.source.draw(config.n_evaluation, generator(seed, 3))
    return {
        "loss": model.loss(fresh).item(),
        "loss_uniform": math.log(config.source.n_states),
        "loss_unigram": fresh.unigram_entropy(),
        "loss_chain": fresh.chain_entropy(),
    }


def _entropy(p: NDArray[np.float64]) -> NDArray[np.float64]:
    entropy: NDArray[np.float64] = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=-1)
    return entropy
