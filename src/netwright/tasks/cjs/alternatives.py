"""What alternatives to the evolved rule's decision cost, as privileged information of training environments.

The candidates of `lookahead` are simulated in random futures. One cost is noisy, but the mean over many decisions is
the difference to expect: as targets in training these are vine estimates (Schulman et al. 2015, section 5.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.tasks.cjs.baselines import es_rule
from netwright.tasks.cjs.candidates import MOST
from netwright.tasks.cjs.cluster import Cluster
from netwright.tasks.cjs.compiled import compiled
from netwright.tasks.cjs.durations import below, mixed
from netwright.tasks.cjs.environment import ClusterEnvironment
from netwright.tasks.cjs.graphs import Floats
from netwright.tasks.cjs.lookahead import Futures, candidates, costs
from netwright.tasks.cjs.observation import observe
from netwright.tasks.cjs.state import State

N_COLUMNS = 3
"""Of a candidate: place among the choices, number of executors, cost in s; -1 where there are fewer."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far candidates are simulated, in how many futures, and at which share of the decisions."""

    horizon_s: float = 60.0
    n_futures: int = 2
    share: float = 0.25


class AlternativesEnvironment(ClusterEnvironment):
    """Clusters whose privileged information includes the costs of alternatives.

    Args:
        clusters: see `ClusterEnvironment`.
        comparison: how far, and at which share of the decisions.
    """

    def __init__(self, clusters: Sequence[Cluster], comparison: Comparison) -> None:
        super().__init__(clusters)
        self.comparison = comparison
        self._parameters = es_rule.load().parameters

    def privileged(self) -> Floats:
        """(R, 3 + 8 * 3) as without alternatives, then place, number and cost (s) of each, those of the rule first."""
        chosen = self.comparison
        found = [
            alternatives(
                self.clusters[i].state,
                self._parameters,
                1000.0 * chosen.horizon_s,
                chosen.n_futures,
                chosen.share,
            )
            for i in self.running()
        ]
        return np.concatenate([super().privileged(), np.reshape(found, (-1, MOST * N_COLUMNS))], axis=1)


def costs_of(privileged: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 8, 3) the alternatives in privileged information (N, 3 + 8 * 3)."""
    return privileged[:, -MOST * N_COLUMNS :].reshape(-1, MOST, N_COLUMNS)


@compiled
def alternatives(s: State, parameters: Floats, horizon_ms: float, n_futures: int, share: float) -> Floats:
    """(8, 3) place, number and cost in s of the rule's decision and of alternatives, relative to the rule's.

    At a share of the decisions, drawn by a hash of the seed; elsewhere, and where there is no alternative, all is -1.
    """
    made = np.full((MOST, N_COLUMNS), -1.0)
    drawn = mixed(mixed(np.uint64(s.cluster[0].seed), s.cluster[0].n_decisions), 0)
    if below(drawn, 1_000_000) >= share * 1e6:
        return made
    found = candidates(s, parameters)
    if len(found) < 2:
        return made
    obs = observe(s)
    differences = costs(s, found, Futures(drawn, 0, n_futures, horizon_ms), parameters)
    for k in range(len(found)):
        node = np.searchsorted(obs.stage, found[k].stage)
        made[k, 0] = obs.schedulable[:node].sum()
        made[k, 1] = min(found[k].n, obs.demand[node])
        made[k, 2] = (differences[:, k] - differences[:, 0]).mean()
    return made
