"""`es-planner`: looks ahead from each decision, and leaves the evolved rule where another candidate is clearly better.

A rollout policy (Tesauro and Galperin 1996) on top of `es-rule`: each candidate is simulated in the same random
futures, in which the rule decides what follows. After a few futures, candidates that do not look better than the rule
are dropped; of the others, one is taken whose mean is lower than the rule's by more than a standard error.

It needs the clusters that it decides for, as `watch` gives them. What a scheduler cannot know is not used: futures draw
again when running tasks end, how long later ones take and which jobs come (`futures`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.core.errors import NotApplicableError
from netwright.tasks.cjs.baselines import es_rule
from netwright.tasks.cjs.baselines.ruled import RuleScheduler
from netwright.tasks.cjs.cluster import N_SEEDS, Cluster
from netwright.tasks.cjs.environment import ClusterEnvironment
from netwright.tasks.cjs.graphs import Ints
from netwright.tasks.cjs.lookahead import Ahead, plan, play
from netwright.tasks.cjs.observation import Observation, place_of

NAME = "es-planner"
AHEAD = Ahead(horizon_ms=60_000.0, n_first=3, n_more=4)


class Planner:
    """A `LookaheadPolicy` on top of an evolved rule.

    Args:
        rule: decides in the simulated futures, and where nothing better is found.
        ahead: how far and how often to look.
    """

    def __init__(self, rule: RuleScheduler, ahead: Ahead = AHEAD) -> None:
        self.rule, self.ahead = rule, ahead
        self.memory = np.zeros(2, dtype=np.int64)  # a seed, and the number of decisions so far
        self.environment: ClusterEnvironment | None = None

    def reset(self, rng: np.random.Generator) -> None:
        """Begin again; draw all later randomness from `rng`."""
        self.memory[:] = rng.integers(N_SEEDS), 0
        self.environment = None

    def watch(self, episodes: ClusterEnvironment) -> None:
        """The clusters for whose running ones `act` decides from now on."""
        self.environment = episodes

    def act(self, obs: Sequence[Observation]) -> Ints:
        """(B, 2) place among the choices, number of executors.

        Raises:
            NotApplicableError: the clusters of these observations are not being watched.
        """
        clusters = self.environment.clusters if self.environment is not None else []
        running = [cluster for cluster in clusters if not cluster.done]
        if len(running) != len(obs):
            raise NotApplicableError(
                f"{NAME} simulates copies of the clusters ahead and has {len(running)} of them for {len(obs)} "
                "observations; hand it their ClusterEnvironment by `watch` after each `reset`."
            )
        found = [self.decide(cluster, one) for cluster, one in zip(running, obs, strict=True)]
        return np.array(found, dtype=np.int64).reshape(-1, 2)

    def decide(self, cluster: Cluster, obs: Observation) -> tuple[int, int]:
        """The decision for one cluster, which stays as it is."""
        stage, n = plan(cluster.state, self.ahead, self.rule.parameters, self.memory)
        return place_of(obs, stage), n

    def play(self, cluster: Cluster) -> None:
        """Play a cluster to its end."""
        if not cluster.done:
            play(cluster.state, self.ahead, self.rule.parameters, self.memory)
            cluster.done = True


def load() -> Planner:
    """The planner on top of the shipped rule."""
    return Planner(es_rule.load())
