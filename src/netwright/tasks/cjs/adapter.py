"""From observations of a cluster to tokens, and from scores to a stage and a number of executors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.adaptation.contract import Inputs
from netwright.adaptation.models.decision import ACTION as PART
from netwright.adaptation.models.decision import StepwiseInference, parts_loss
from netwright.adaptation.offline.experience import ACTION, OBSERVATION, Experience
from netwright.adaptation.offline.ragged import Column, Ragged
from netwright.core.array_files import Arrays, RawArray
from netwright.core.documents import Document
from netwright.core.results import Details
from netwright.core.trained_for import Condition as Trained
from netwright.core.trained_for import Conditions
from netwright.core.types import Json
from netwright.llm.encoders import Graph, GraphBatch, ModalitySpec, Scalars
from netwright.llm.heads import Candidates, Factored, Pointer, best
from netwright.llm.heads.factored import sampled
from netwright.tasks.cjs import features
from netwright.tasks.cjs.collector import EXECUTORS, PLACES, CjsCollector
from netwright.tasks.cjs.dataset import CjsData
from netwright.tasks.cjs.evaluation import play_together
from netwright.tasks.cjs.features import (
    CLUSTER,
    EDGES,
    N_STATE,
    Features,
    Options,
    n_features,
    n_option_features,
)
from netwright.tasks.cjs.graphs import Floats, Ints
from netwright.tasks.cjs.imitation import Condition, Targets, targets
from netwright.tasks.cjs.observation import Observation
from netwright.tasks.cjs.online import OptionEnvironment
from netwright.tasks.cjs.recipes import CjsRecipe

Singles = NDArray[np.float32]

GRAPH, STATE, RETURN, LAST = "graph", "state", "return", "action"
STAGE, NUMBER = "stage", "number"
NUMBERS, NUMBERS_VALID, STAGES_VALID = "numbers", "numbers_valid", "stages_valid"
WIDTH = 64  # of a stage's embedding
N_SINCE = 1  # number that tells the time since the last decision
INDEX_SCALE, NUMBER_SCALE = 100.0, 50.0  # of the published action token


def adapter(
    recipe: CjsRecipe,
    data: CjsData | None,
    *,
    seed: int = 0,
    state: Details | None = None,
    experience: Experience | None = None,
) -> CjsAdapter:
    """The task's side of an adaptation: from experience to train, from `state` to decide with a saved model."""
    return CjsAdapter(recipe, data, state=state, experience=experience)


class SavedState(Document):
    """What `CjsAdapter.state` gives."""

    condition: Condition


class CjsAdapter:
    """Scheduling decisions; implements `netwright.adaptation.contract.DecisionAdapter`.

    A stage is chosen by a pointer over all that can be chosen, then a number of executors among those that may be
    committed to it: every answer is valid, whatever the weights are.
    """

    def __init__(
        self,
        recipe: CjsRecipe,
        data: CjsData | None,
        *,
        state: Details | None,
        experience: Experience | None,
    ) -> None:
        self.recipe, self.window = recipe, recipe.window
        self.collector = None if data is None else CjsCollector(data)
        self._history = None if experience is None else History(experience, targets(recipe, experience))
        if self._history is not None:
            self.condition = self._history.targets.condition
        else:
            assert state is not None
            saved = SavedState.of(dict(state), "netwright.json: adapter", remedy="make the model again")
            self.condition = saved.condition
        self.head = Factored(
            {
                STAGE: Pointer(GRAPH, WIDTH, valid=STAGES_VALID),
                NUMBER: Candidates(n_option_features(recipe.rule), candidates=NUMBERS, valid=NUMBERS_VALID),
            },
            {NUMBER: STAGE},
        )
        self.modalities = _modalities(recipe, self.condition.size)

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Inputs, dict[str, Singles]]:
        """Random slices of episodes: some consecutive decisions, and the wanted action of each."""
        assert self._history is not None
        history = self._history
        rows, real = history.draw(rng, size, self.recipe.slice_steps)
        flat = rows.reshape(-1)
        kept = history.kept(flat)
        read = features.features(kept, rule=self.recipe.rule)
        wanted = history.wanted(rng, flat, real.reshape(-1), (read.choices >= 0).sum(axis=1))
        options = read.options(wanted.made[:, 0])
        condition, since_s, last = (
            history.condition(flat),
            history.since_s[flat],
            history.last[flat],
        )
        goals, masks = wanted.goals(options, read.choices.shape[1])
        inputs = {
            **self._inputs(kept, read, condition, since_s, last),
            NUMBERS: options.features,
            **masks,
            PART + STAGE: wanted.made[:, 0],
            PART + NUMBER: options.nearest(wanted.made[:, 1]),
        }
        return {k: _shaped(v, rows.shape) for k, v in inputs.items()}, {
            k: _shaped(v, rows.shape) for k, v in goals.items()
        }

    def loss(self, answer: Any, target: Any) -> Tensor:
        """Negative logarithm of the probability of the wanted stage and number, weighted."""
        return parts_loss(answer, target)

    def validate(self, answer: StepwiseInference) -> float:
        """Geometric mean over the validation sequences of mean JCT in s, under the model."""
        assert self.collector is not None, "an adapter without data cannot validate"
        environment = self.collector.validation(self.recipe.validation_jobs)
        play_together(self.policy(answer), environment)
        jct_s = [cluster.jct_ms.mean() / 1000.0 for cluster in environment.clusters]
        return float(np.exp(np.log(jct_s).mean()))

    def policy(self, answer: StepwiseInference) -> AdaptedScheduler:
        """The model as a scheduler."""
        return AdaptedScheduler(self, answer)

    def state(self) -> Json:
        """The scales of the condition."""
        return {"condition": self.condition.model_dump(mode="json")}

    def provenance(self) -> Json:
        """The experience's policies, training environments and data."""
        assert self._history is not None, "an adapter made from a saved state has no experience"
        experience = self._history.experience
        data = experience.info.get("data", {})
        found = {name: data.get(name) for name in ("source", "synthetic")}
        return {**found, "experience": experience.provenance()}

    def trained_for(self) -> dict[str, Trained]:
        """The numbers of executors of the experience's training environments, and those that occurred."""
        assert self._history is not None, "an adapter made from a saved state has no experience"
        experience = self._history.experience
        drawn_from = [PLACES[name].n_executors for name in experience.places if name in PLACES]
        executors = np.append(experience.array(OBSERVATION + CLUSTER)[:, 1], drawn_from)
        return {EXECUTORS: Trained(low=float(executors.min()), high=float(executors.max()))}

    def environment(self, rng: np.random.Generator, n: int) -> OptionEnvironment:
        """`n` fresh training sequences of the recipe's training environment."""
        assert self.collector is not None, "an adapter without data has no environment"
        return OptionEnvironment(self.collector.environment(self.recipe.place, rng, n).clusters)

    def inputs(self, observation: Sequence[Observation]) -> dict[str, Any]:
        """(R, ..) what the model reads, without a condition and without memory of the last action."""
        n = len(observation)
        return self.decision_inputs(
            observation,
            np.zeros((n, self.condition.size)),
            np.zeros(n),
            np.zeros((n, 2)),
        )[0]

    def critic_inputs(self, inputs: Inputs) -> Singles:
        """(R, 6) the state of the cluster."""
        return np.asarray(inputs[STATE], dtype=np.float32)[:, :N_STATE]

    def decision_inputs(
        self,
        observation: Sequence[Observation],
        condition: Floats,
        since_s: Floats,
        last: Floats,
    ) -> tuple[dict[str, Any], Options]:
        """What the model reads of R decisions, and the options (R, C, K) for the number of executors.

        Args:
            observation: of each cluster.
            condition: (R, size).
            since_s: (R,) seconds since the last decision.
            last: (R, 2) place and number of the last action.
        """
        kept = features.columns(observation)
        read = features.features(kept, rule=self.recipe.rule)
        options = read.all_options()
        inputs = self._inputs(kept, read, condition, since_s, last) | _option_inputs(options)
        return inputs, options

    def _inputs(
        self,
        kept: Mapping[str, Column],
        read: Features,
        condition: RawArray,
        since_s: Floats,
        last: Floats,
    ) -> dict[str, Any]:
        edges = kept[EDGES]
        assert isinstance(edges, Ragged)
        sizes = np.diff(np.append(read.first, len(read.nodes)))
        moved = edges.values + np.repeat(read.first, edges.lengths)[:, None]
        state = np.concatenate([read.state, np.log1p(since_s)[:, None] / 2.0], axis=1)
        graphs = GraphBatch(
            torch.from_numpy(read.nodes),
            torch.from_numpy(np.ascontiguousarray(moved.T.astype(np.int64))),
            torch.from_numpy(sizes),
            (len(sizes),),
        )
        found: dict[str, Any] = {GRAPH: graphs, "candidate_nodes": read.choices}
        if self.recipe.layout == "fused":
            return found | {STATE: np.concatenate([state, condition], axis=1).astype(np.float32)}
        scaled = last / np.array([INDEX_SCALE, NUMBER_SCALE])
        found |= {STATE: state.astype(np.float32), LAST: scaled.astype(np.float32)}
        return found | ({RETURN: condition.astype(np.float32)} if condition.shape[1] else {})


class History:
    """An experience as slices of episodes are read from it."""

    def __init__(self, experience: Experience, wanted: Targets) -> None:
        self.experience, self.targets = experience, wanted
        time_s, action = (
            experience.array(OBSERVATION + CLUSTER)[:, 0],
            experience.array(ACTION),
        )
        first = experience.offsets[:-1]
        self.since_s = np.diff(time_s, prepend=0.0)
        self.since_s[first] = 0.0
        self.last = np.concatenate([np.zeros((1, 2)), action[:-1].astype(np.float64)])
        self.last[first] = 0.0
        self._counting = np.flatnonzero(wanted.weight > 0.0)

    def draw(self, rng: np.random.Generator, size: int, n_steps: int) -> tuple[Ints, NDArray[np.bool_]]:
        """Rows (size, T) of slices, each around a random decision that counts, and where they are real."""
        lengths, offsets = self.experience.lengths, self.experience.offsets
        rows = self._counting[rng.integers(0, len(self._counting), size)]
        episodes = np.searchsorted(offsets, rows, side="right") - 1
        own, place = lengths[episodes], rows - offsets[episodes]
        start = np.clip(place - rng.integers(0, n_steps, size), 0, np.maximum(own - n_steps, 0))
        within = start[:, None] + np.arange(min(n_steps, int(own.max())))
        return offsets[:-1][episodes][:, None] + np.minimum(within, own[:, None] - 1), within < own[:, None]

    def kept(self, rows: Ints) -> dict[str, Column]:
        """The columns of these decisions."""
        return {name: self.experience.columns[OBSERVATION + name][rows] for name in features.COLUMNS}

    def condition(self, rows: Ints) -> Singles:
        """(R, size) what these decisions are conditioned on."""
        return self.targets.conditions[rows]

    def wanted(
        self,
        rng: np.random.Generator,
        rows: Ints,
        real: NDArray[np.bool_],
        n_choices: Ints,
    ) -> Wanted:
        """The wanted actions of R decisions; of weight 0 where there is none, as where a policy declined."""
        actions, shares = self.targets.actions[rows], self.targets.shares[rows]
        declined = actions[:, 0, 0] >= n_choices
        weight = np.where(real & ~declined, self.targets.weight[rows], np.float32(0.0))
        actions = np.where(declined[:, None, None], np.array([0, 1]), actions)
        drawn = (shares.cumsum(axis=1) < rng.random((len(rows), 1))).sum(axis=1)
        drawn = np.minimum(drawn, shares.shape[1] - 1)
        return Wanted(actions, shares, weight, actions[np.arange(len(rows)), drawn])


class Wanted(NamedTuple):
    """What R decisions should be: K actions each, and one of them drawn by its share."""

    actions: Ints  # (R, K, 2)
    shares: Singles  # (R, K)
    weight: Singles  # (R,)
    made: Ints  # (R, 2)

    @property
    def compared(self) -> NDArray[np.bool_]:
        """(R, 1) where several actions are compared with each other, and nothing is known of all others."""
        found: NDArray[np.bool_] = (self.shares > 0.0).sum(axis=1, keepdims=True) > 1
        return found

    def goals(
        self, options: Options, n_choices: int
    ) -> tuple[dict[str, Singles], dict[str, NDArray[np.bool_]]]:
        """Weights of the stages (R, C), and of the numbers (R, N) for the stage that was drawn; and their masks.

        Where actions are compared, probabilities are those among them alone: how often an action is among those
        compared must not count. So a stage has the mean share of its actions.
        """
        rows, there = np.arange(len(self.made)), self.shares > 0.0
        stages = np.zeros((2, len(rows), n_choices), dtype=np.float32)  # shares, and number of actions
        numbers = np.zeros((len(rows), options.numbers.shape[1]), dtype=np.float32)
        for k in range(self.shares.shape[1]):
            choice, number = self.actions[:, k, 0], self.actions[:, k, 1]
            np.add.at(stages[0], (rows, choice), self.shares[:, k])
            np.add.at(stages[1], (rows, choice), there[:, k])
            same = self.shares[:, k] * (choice == self.made[:, 0])
            np.add.at(numbers, (rows, options.nearest(number)), same)
        masks = {
            STAGES_VALID: (stages[1] > 0.0) | ~self.compared,
            NUMBERS_VALID: (options.numbers > 0) & ((numbers > 0.0) | ~self.compared),
        }
        weights = {STAGE: stages[0] / np.maximum(stages[1], 1.0), NUMBER: numbers}
        return {
            part: value / np.maximum(value.sum(axis=1, keepdims=True), 1e-30) * self.weight[:, None]
            for part, value in weights.items()
        }, masks


class Memory(NamedTuple):
    """What a policy keeps of B clusters from one decision to the next."""

    condition: Floats  # (B, size)
    before: Floats  # (B, 2) time in s and number of jobs at the last decision; no jobs before the first
    last: Floats  # (B, 2) place and number of the last action


class AdaptedScheduler:
    """Schedules through an adapted model, any number of clusters in lock step.

    Attributes:
        greedy: take the best stage and number; else draw both by their probabilities.
        target: of a return-conditioned model, see `CjsRecipe`.
        trained_for: see `TrainedPolicy`.
    """

    def __init__(self, made: CjsAdapter, inference: StepwiseInference) -> None:
        self.adapter, self.inference = made, inference
        self.greedy = True
        self.target = made.recipe.target
        self.trained_for: Conditions = {}
        self.reset(np.random.default_rng(0))

    def reset(self, rng: np.random.Generator) -> None:
        """Forget all clusters."""
        self.inference.reset()
        self._generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        self._memory = self._begin(0)

    def keep(self, rows: Ints) -> None:
        """Continue with these clusters (R,) only, see `RaggedPolicy`."""
        self.inference.keep(rows)
        memory = self._memory
        self._memory = Memory(memory.condition[rows], memory.before[rows], memory.last[rows])

    def act(self, obs: Sequence[Observation]) -> Ints:
        """(B, 2) place among the choices, number of executors."""
        if len(obs) != len(self._memory.before):
            self.inference.reset()
            self._memory = self._begin(len(obs))
        memory, now = (
            self._memory,
            np.array([(one.now_ms / 1000.0, len(one.job)) for one in obs]),
        )
        since_s = np.where(memory.before[:, 1] > 0, now[:, 0] - memory.before[:, 0], 0.0)
        # Jobs come and go in between: their number is taken as the mean of before and after.
        rewards_s = -since_s * (now[:, 1] + memory.before[:, 1]) / 2.0
        condition = self.adapter.condition.after(memory.condition, rewards_s)
        inputs, options = self.adapter.decision_inputs(obs, condition, since_s, memory.last)
        chosen = self.inference.decide(inputs, best if self.greedy else sampled(self._generator))
        stage, option = chosen[STAGE], chosen[NUMBER]
        actions: Ints = np.stack([stage, options.numbers[np.arange(len(obs)), stage, option]], axis=1)
        self._memory = Memory(condition, now, actions.astype(np.float64))
        return actions

    def _begin(self, n: int) -> Memory:
        return Memory(
            self.adapter.condition.start(n, self.target),
            np.zeros((n, 2)),
            np.zeros((n, 2)),
        )


def _modalities(recipe: CjsRecipe, n_condition: int) -> list[ModalitySpec]:
    graph = Graph(
        GRAPH, n_features(recipe.rule), rounds=recipe.rounds, n_features=WIDTH, attention=recipe.attention
    )
    if recipe.layout == "fused":
        return [
            graph,
            Scalars(STATE, N_STATE + N_SINCE + n_condition, n_features=WIDTH),
        ]
    returns = [Scalars(RETURN, n_condition, n_features=WIDTH)] if n_condition else []
    return [
        *returns,
        graph,
        Scalars(STATE, N_STATE + N_SINCE, n_features=WIDTH),
        Scalars(LAST, 2, n_features=WIDTH),
    ]


def _option_inputs(options: Options) -> Arrays:
    valid = options.numbers > 0
    return {NUMBERS: options.features, NUMBERS_VALID: valid}


def _shaped(value: Any, shape: tuple[int, ...]) -> Any:
    """(B * T, ..) as (B, T, ..)."""
    return value.reshape(*shape) if isinstance(value, GraphBatch) else value.reshape(*shape, *value.shape[1:])
