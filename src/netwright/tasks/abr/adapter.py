"""From observations to modalities, and from scores to bitrates: this task's side of adaptation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from netwright.adaptation.contract import Inputs
from netwright.adaptation.guard import FeatureBounds
from netwright.adaptation.models.decision import CANDIDATES, StepwiseInference, choice_loss
from netwright.adaptation.offline.experience import COMPONENTS, OBSERVATION, REWARD, Experience
from netwright.adaptation.offline.imitation import imitation_targets
from netwright.adaptation.offline.return_conditioning import TargetReturn
from netwright.adaptation.saved_state import SavedFeatureBounds, SavedReturnConditioning
from netwright.core.array_files import Arrays, RawArray
from netwright.core.documents import Document
from netwright.core.results import Details
from netwright.core.trained_for import Condition, Conditions
from netwright.core.types import Json
from netwright.llm.encoders import ModalitySpec, Scalars, TimeSeries
from netwright.llm.heads import Candidates
from netwright.rl.advantages import compress_rewards
from netwright.tasks.abr.dataset import AbrData
from netwright.tasks.abr.environment import AbrCollector, AbrEnvironment
from netwright.tasks.abr.evaluation import rollout
from netwright.tasks.abr.experience_checks import check_observations
from netwright.tasks.abr.metrics import chunk_qoe
from netwright.tasks.abr.model_inputs import N_RUNG, N_SUMMARY, SUMMARY_SLICES, columns, state_inputs
from netwright.tasks.abr.observation import RECENT, Observation, check_finite
from netwright.tasks.abr.recipes import AbrRecipe
from netwright.tasks.abr.state_features import COLUMNS
from netwright.tasks.abr.trained_for import of_experience

Floats = NDArray[np.float32]

STATE, CONDITION = "state", "return"
N_FEATURES = 256

# The published eight tokens of a step, in their order: the return (one for each component where there are several),
# six features of the state, and the last action. What is derived from a feature is in its token.
_TOKENS: Mapping[str, tuple[str, ...]] = {
    "throughput": ("throughputs",),
    "delay": ("delays", "rates", "memory"),
    "sizes": ("ladder", "sizes"),
    "buffer": ("buffer", "after"),
    "left": ("left",),
    "viewer": ("viewer",),
    "action": ("last",),
}
_SERIES = "throughput"


def adapter(
    recipe: AbrRecipe,
    data: AbrData | None,
    *,
    seed: int = 0,
    state: Details | None = None,
    experience: Experience | None = None,
) -> AbrAdapter:
    """The task's side of an adaptation: from experience to train, from `state` to decide with a saved model."""
    return AbrAdapter(recipe, data, seed=seed, state=state, experience=experience)


class SavedState(Document):
    """What `AbrAdapter.state` gives."""

    conditioning: SavedReturnConditioning
    ranges: SavedFeatureBounds


class AbrAdapter:
    """Bitrate decisions; implements `netwright.adaptation.contract.DecisionAdapter`."""

    def __init__(
        self,
        recipe: AbrRecipe,
        data: AbrData | None,
        *,
        seed: int,
        state: Details | None,
        experience: Experience | None,
    ) -> None:
        self.recipe, self.window = recipe, recipe.window
        self.collector = None if data is None else AbrCollector(data)
        self._experience = experience
        if experience is not None:
            kept = _kept(experience)
            check_observations(kept, experience.array(REWARD), experience.array(COMPONENTS))
            read = state_inputs(kept, recipe.memory)
            self._imitation_targets = imitation_targets(
                recipe.method,
                experience,
                critic_inputs=read.summary,
                n_choices=read.rungs.shape[1],
                temperature=recipe.temperature,
                seed=seed,
            )
            self.conditioning = self._imitation_targets.conditioning
            self.feature_bounds = FeatureBounds.of(read.summary)
        else:
            assert state is not None
            where, remedy = "netwright.json: adapter", "make the model again"
            saved = SavedState.of(dict(state), where, remedy=remedy)
            self.conditioning = saved.conditioning.made(f"{where}.conditioning", remedy=remedy)
            self.feature_bounds = FeatureBounds.from_json(state["ranges"])
            self._state = state
        self.head = Candidates(N_RUNG)
        self.modalities: Sequence[ModalitySpec] = _modalities(recipe, self.conditioning.size)

    @property
    def n_examples(self) -> int:
        """Sessions of the experience that are learned from."""
        return len(self._imitation_targets.episodes)

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Inputs, Floats]:
        """Random whole sessions of the experience."""
        rows, real = self._imitation_targets.draw(rng, size)
        flat = rows.reshape(-1)
        kept = {name: column[flat] for name, column in _kept(self._imitation_targets.experience).items()}
        inputs = self._inputs(kept, self._imitation_targets.condition[flat])
        shaped = {name: array.reshape(*rows.shape, *array.shape[1:]) for name, array in inputs.items()}
        return shaped, self._imitation_targets.target(rows, real)

    def loss(self, answer: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of the rungs, weighted as the recipe says."""
        return choice_loss(answer, target)

    def validate(self, answer: StepwiseInference) -> float:
        """Mean QoE per chunk over the recipe's validation sessions, each chunk's compressed below -5.

        Uncompressed, one stall of minutes in a single session would decide which weights are kept.
        """
        assert self.collector is not None, "an adapter without data cannot validate"
        policy = self.policy(answer)
        rng = np.random.default_rng(0)
        played = [rollout(policy, s, rng).qoe for s in self.collector.validation(self.recipe.place)]
        return float(compress_rewards(np.concatenate(played)).mean())

    def policy(self, answer: StepwiseInference) -> AdaptedBitratePolicy:
        """The model as a bitrate policy."""
        return AdaptedBitratePolicy(self, answer)

    def state(self) -> Json:
        """The condition's scales, and the bounds of the training features."""
        if self._experience is None:
            return dict(self._state)
        conditioning = self.conditioning
        return {
            "conditioning": {
                "kind": conditioning.kind,
                "size": conditioning.size,
                "fitted": dict(conditioning.fitted),
            },
            "ranges": self.feature_bounds.to_json(),
        }

    def provenance(self) -> Json:
        """The experience's policies, training environments and data."""
        assert self._experience is not None, "an adapter made from a saved state has no experience"
        data = self._experience.info.get("data", {})
        found = {name: data.get(name) for name in ("source", "synthetic")}
        return {**found, "experience": self._experience.provenance()}

    def trained_for(self) -> dict[str, Condition]:
        """Ladders, chunks, buffer, connection and viewers of the experience."""
        assert self._experience is not None, "an adapter made from a saved state has no experience"
        return of_experience(self._experience)

    def environment(self, rng: np.random.Generator, n: int) -> AbrEnvironment:
        """`n` fresh training sessions of the recipe's training environment."""
        assert self.collector is not None, "an adapter without data has no environment"
        return self.collector.environment(self.recipe.place, rng, n)

    def inputs(self, observation: Observation) -> Arrays:
        """(B, ..) what the model reads, without a condition."""
        return self._inputs(columns(observation), np.zeros((observation.n, 0), dtype=np.float32))

    def conditioned(self, observation: Observation, condition: Floats) -> Arrays:
        """(B, ..) what the model reads under a condition (B, size)."""
        return self._inputs(columns(observation), condition)

    def critic_inputs(self, inputs: Inputs) -> Floats:
        """(B, 110) the summary of the state."""
        return np.asarray(inputs[STATE])[:, :N_SUMMARY]

    def out_of_distribution(self, inputs: Inputs) -> NDArray[np.bool_]:
        """(B,) which states are outside of the bounds of the training features."""
        return self.feature_bounds.outside(self.critic_inputs(inputs))

    def _inputs(self, kept: Mapping[str, RawArray], condition: Floats) -> Arrays:
        read = state_inputs(kept, self.recipe.memory)
        # The summary is always there for critic and guard; an encoder reads what its modalities name.
        inputs: Arrays = {CANDIDATES: read.rungs}
        if self.recipe.layout == "fused":
            return inputs | {STATE: np.concatenate([read.summary, condition], axis=1)}
        inputs[STATE] = read.summary
        for name, parts in _TOKENS.items():
            inputs[name] = np.concatenate([read.summary[:, SUMMARY_SLICES[p]] for p in parts], axis=1)
        inputs[_SERIES] = inputs[_SERIES][..., None]
        return inputs | {f"{CONDITION}{i}": condition[:, i : i + 1] for i in range(condition.shape[1])}


class AdaptedBitratePolicy:
    """Chooses rungs through an adapted model, for any number of sessions in lock step and any ladder.

    Attributes:
        greedy: take the best-scored rung; else draw one by its probability.
        target: target of a return-conditioned model, see `AbrRecipe`.
        trained_for: see `TrainedPolicy`.
    """

    def __init__(self, adapter: AbrAdapter, inference: StepwiseInference) -> None:
        self.adapter, self.inference = adapter, inference
        self.greedy = True
        self.target = adapter.recipe.target
        self.trained_for: Conditions = {}
        self.outside = np.zeros(0, dtype=np.bool_)
        self._counts = {"model_decisions": 0, "model_out_of_distribution": 0}
        self.reset(np.random.default_rng(0))

    def reset(self, rng: np.random.Generator) -> None:
        """Forget all sessions."""
        self.rng = rng
        self.inference.reset()
        self._target_return: TargetReturn | None = None
        self._before: Observation | None = None

    def act(self, obs: Observation) -> NDArray[np.int64]:
        """(B,) the rung of each session's next chunk."""
        log_probabilities = self.log_probabilities(obs)
        noise = 0.0 if self.greedy else self.rng.gumbel(size=log_probabilities.shape)
        return np.asarray((log_probabilities + noise).argmax(axis=1))

    def log_probabilities(self, obs: Observation) -> Floats:
        """(B, L) of each rung; counts as the decision of that step, so ask once a step."""
        check_finite(obs)
        self.inputs = self.adapter.conditioned(obs, self._condition(obs))
        self.outside = self.adapter.out_of_distribution(self.inputs)
        self._counts["model_decisions"] += obs.n
        self._counts["model_out_of_distribution"] += int(self.outside.sum())
        scores = self.inference.scores(self.inputs).astype(np.float64)
        shifted = scores - scores.max(axis=1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), dtype=np.float32)

    def out_of_distribution(self) -> NDArray[np.bool_]:
        """(B,) which of the states that were just decided lie outside of what was seen in training."""
        return self.outside

    def counts(self) -> dict[str, int]:
        """Decisions so far, and those in states outside of what was seen in training."""
        return dict(self._counts)

    def _condition(self, obs: Observation) -> Floats:
        """The condition now, after the reward of the last chunk."""
        if self._target_return is None or self._target_return.n != obs.n:
            self._target_return = self.adapter.conditioning.start(obs.n, self.target)
        elif self._before is not None:
            self._target_return.update(last_qoe(self._before, obs))
        self._before = obs
        weights = np.stack([np.ones(obs.n), -obs.rebuffer_weight, -obs.change_weight], axis=1)
        return self._target_return.now(obs.n_left, weights)


def last_qoe(before: Observation, now: Observation) -> NDArray[np.float64]:
    """(B,) QoE of the chunk that arrived between two observations, as the player itself can compute it."""
    rows = np.arange(now.n)
    bitrate = now.bitrates_mbps[rows, now.last_level]
    change = np.abs(bitrate - now.bitrates_mbps[rows, before.last_level])
    rebuffer_s = np.maximum(now.delays_s[:, -1] - before.buffer_s, 0.0)
    found: NDArray[np.float64] = chunk_qoe(
        bitrate, rebuffer_s, change, now.rebuffer_weight, now.change_weight
    )
    return found


def _kept(experience: Experience) -> Arrays:
    return {name: experience.array(OBSERVATION + name) for name in COLUMNS}


def _modalities(recipe: AbrRecipe, n_condition: int) -> list[ModalitySpec]:
    if recipe.layout == "fused":
        return [Scalars(STATE, N_SUMMARY + n_condition, n_features=N_FEATURES)]
    sizes = {
        name: sum(SUMMARY_SLICES[p].stop - SUMMARY_SLICES[p].start for p in parts)
        for name, parts in _TOKENS.items()
    }
    tokens: list[ModalitySpec] = [
        TimeSeries(name, 1, RECENT, patch=RECENT) if name == _SERIES else Scalars(name, size)
        for name, size in sizes.items()
    ]
    return [*(Scalars(f"{CONDITION}{i}", 1) for i in range(n_condition)), *tokens]
