"""Past the teachers by trying every way: in a simulator an episode can be copied and each choice played to the end.

In every state in which the model is not sure, each choice that it might take is taken in a copy of the episode,
which the model then plays on greedily. Copies of one state meet the same future, so that the difference of their
returns is due to the choice alone; the advantage of a choice is its return less the mean over the choices, weighted
by their probabilities. The usual estimate from one choice and a critic is far noisier: on bitrates its errors are a
dozen times as large as what choices differ by.

Sources: "vine" estimates with common random numbers (Schulman et al. 2015, Trust Region Policy Optimization, 5.2); the
sum over all choices in place of a sampled one (Ciosek and Whiteson 2018, Expected Policy Gradients); clipped ratios
(Schulman et al. 2017).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.adaptation.advantages import squashed
from netwright.adaptation.environment import Environment
from netwright.adaptation.online.ppo import Interacting, entropy_of
from netwright.adaptation.trainer import autocast_dtype

Doubles = NDArray[np.float64]

CHUNK = 1024  # copies whose choices are worked out at once


@dataclass(frozen=True)
class Explored:
    """Episodes that were just played, (B, T, ..) each, and what other choices would have been worth.

    Attributes:
        log_probabilities: (B, T, N) of the model that played.
        advantages: (B, T, N) of the choices that were tried; 0 elsewhere.
        tried: (B, T) whether choices were tried there.
    """

    inputs: Mapping[str, Tensor]
    log_probabilities: Tensor
    advantages: Tensor
    tried: Tensor


@dataclass
class Branches:
    """Copies of episodes that go their own ways, all at the same step.

    Attributes:
        returns: (K,) discounted and squashed, of every copy since it went its own way.
        steps, rows, choices: (K,) where each began, and with which choice.
    """

    gamma: float
    knee: float
    alive: Environment | None = None
    returns: Doubles = field(default_factory=lambda: np.zeros(0))
    factor: Doubles = field(default_factory=lambda: np.zeros(0))
    steps: list[NDArray[np.int64]] = field(default_factory=list)
    rows: list[NDArray[np.int64]] = field(default_factory=list)
    choices: list[NDArray[np.int64]] = field(default_factory=list)

    def advance(self, actions: NDArray[Any]) -> None:
        """All copies take a decision (K,)."""
        assert self.alive is not None
        self.returns += self.factor * squashed(self.alive.step(actions)[0], self.knee)
        self.factor *= self.gamma

    def begin(
        self, environment: Environment, step: int, rows: NDArray[np.int64], choices: NDArray[np.int64]
    ) -> None:
        """Copy these episodes (R,) of an environment that is about to take that step, and take these choices."""
        copies = environment.take(rows)
        reward = squashed(copies.step(choices)[0], self.knee)
        self.alive = copies if self.alive is None else self.alive.join(copies)
        self.returns = np.concatenate([self.returns, reward])
        self.factor = np.concatenate([self.factor, np.full(len(rows), self.gamma)])
        self.steps.append(np.full(len(rows), step))
        self.rows.append(rows)
        self.choices.append(choices)

    def advantages(self, log_probabilities: Doubles, limit: float) -> Doubles:
        """(B, T, N) return of each tried choice less the mean in its state, cut at plus and minus `limit`.

        Args:
            log_probabilities: (B, T, N), whose tried choices weight the mean.
        """
        found = np.full(log_probabilities.shape, np.nan)
        if self.rows:
            where = tuple(np.concatenate(x) for x in (self.rows, self.steps, self.choices))
            found[where] = self.returns
        weight = np.where(np.isnan(found), 0.0, np.exp(log_probabilities))
        total = np.maximum(weight.sum(axis=-1, keepdims=True), 1e-12)
        mean = (weight * np.nan_to_num(found)).sum(axis=-1, keepdims=True) / total
        return np.asarray(np.clip(np.nan_to_num(found - mean), -limit, limit))


class BranchTrainer(Interacting):
    """A `Trainer` whose update is one iteration of playing, branching and learning."""

    def update(self, step: int) -> float:
        """One iteration; the mean loss of its updates."""
        rng = self.begin(step)
        with self.interacting() as n:
            explored = self._explore(rng, n)
        self.model.train()
        parts = self.parts(rng, len(explored.tried), self.config.epochs)
        return float(np.mean([self._learn(step, explored, rows) for rows in parts]))

    def _explore(self, rng: np.random.Generator, n: int) -> Explored:
        """Play `n` fresh episodes by drawing from the model, and branch wherever it is not sure."""
        config, model = self.config, self.model.eval()
        environment = self.adapter.environment(rng, n)
        memory = model.memory(n)
        branches = Branches(config.gamma, config.knee)
        shown: list[dict[str, Tensor]] = []
        logs: list[Doubles] = []
        with torch.inference_mode():
            while not environment.done:
                shown.append(self._read(environment))
                scores = torch.log_softmax(model.next(shown[-1], memory), dim=-1).cpu().numpy()
                logs.append(scores.astype(np.float64))
                if branches.alive is not None:
                    branches.advance(self._greedy(branches.alive))
                rows, choices = self._to_try(np.exp(logs[-1]))
                if len(rows):
                    branches.begin(environment, len(shown) - 1, rows, choices)
                environment.step((logs[-1] + rng.gumbel(size=scores.shape)).argmax(axis=1))
        log_probabilities = np.stack(logs, axis=1)
        advantages = branches.advantages(log_probabilities, config.branch_limit)
        size = float(advantages[advantages != 0.0].std()) if advantages.any() else 1.0
        # Stacked out of inference mode, so that gradients may be taken through what is made of them.
        return Explored(
            inputs={name: torch.stack([step[name] for step in shown], dim=1) for name in shown[0]},
            log_probabilities=self.tensor(log_probabilities),
            advantages=self.tensor(advantages / max(size, 1e-8)),
            tried=torch.from_numpy((advantages != 0.0).any(axis=-1)).to(self.device),
        )

    def _to_try(self, probabilities: Doubles) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and choices (R,) that are likely enough, in states (B, N) where none is all but certain."""
        open_ = probabilities.max(axis=1) < self.config.branch_certain
        rows, choices = np.nonzero((probabilities > self.config.branch_least) & open_[:, None])
        return rows, choices

    def _greedy(self, environment: Environment) -> NDArray[np.int64]:
        """(K,) what encoder and head alone would choose; what the backbone adds cancels among copies of a state.

        In lower precision where that is faster, and in parts that fit the processor's cache: this is most of the work.
        """
        model, read = self.model, self._read(environment)
        lower = autocast_dtype(replace(self.config, precision="auto"), self.device)
        joined, model.joined = model.joined, False
        chosen = []
        with torch.autocast(self.device.type, dtype=lower, enabled=lower is not None):
            for first in range(0, environment.n, CHUNK):
                part = {name: value[first : first + CHUNK] for name, value in read.items()}
                chosen.append(model.next(part, None).argmax(dim=-1))
        model.joined = joined
        return np.asarray(torch.cat(chosen).cpu().numpy())

    def _read(self, environment: Environment) -> dict[str, Tensor]:
        return self.tensors(self.adapter.inputs(environment.observe()))

    def _learn(self, step: int, explored: Explored, rows: Tensor) -> float:
        """One step on the clipped gain, summed over all choices, and the entropy, of states that were branched."""
        config = self.config
        tried = explored.tried[rows]
        if not tried.any():
            return 0.0
        scores = self.model({name: value[rows] for name, value in explored.inputs.items()})
        now = torch.log_softmax(scores, dim=-1)[tried]
        before, advantages = explored.log_probabilities[rows][tried], explored.advantages[rows][tried]
        possible = before > -math.inf
        ratio = torch.where(possible, now - before, 0.0).exp()
        gain = (before.exp() * self.clipped_gain(ratio, advantages)).sum(dim=-1).mean()
        loss = -gain - config.entropy_at(step) * entropy_of(now)
        return self.step_on(loss, step, self.parameters.values())
