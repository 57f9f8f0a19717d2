"""A compiled rule as a policy, and the rules that need nothing but a few numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.tasks.cjs import rules
from netwright.tasks.cjs.cluster import Cluster
from netwright.tasks.cjs.graphs import Ints
from netwright.tasks.cjs.observation import DECLINE, Observation

_LARGEST_SEED = 2**62


class RuleScheduler:
    """Follows one of the rules of `rules`; `play` runs whole episodes in compiled code, with the same decisions.

    Args:
        rule: its number.
        parameters: see the rule.
    """

    def __init__(self, rule: int, parameters: Sequence[float] = ()) -> None:
        self.rule = rule
        self.parameters = np.array(parameters, dtype=np.float64)
        self._memory = np.zeros(2, dtype=np.int64)

    def reset(self, rng: np.random.Generator) -> None:
        """Begin again; only `random` draws from `rng`."""
        self._memory[:] = rng.integers(_LARGEST_SEED), 0

    def act(self, obs: Sequence[Observation]) -> Ints:
        """(B, 2) place among the choices, number of executors."""
        made = np.empty((len(obs), 2), dtype=np.int64)
        for i, one in enumerate(obs):
            node, made[i, 1] = rules.choose(self.rule, one, self.parameters, self._memory)
            made[i, 0] = DECLINE if node == DECLINE else one.schedulable[:node].sum()
        return made

    def play(self, cluster: Cluster) -> None:
        """Play a cluster to its end."""
        if not cluster.done:
            rules.play(cluster.state, self.rule, self.parameters, self._memory)
            cluster.done = True


def fifo() -> RuleScheduler:
    """Jobs in order of arrival, all executors."""
    return RuleScheduler(rules.FIXED_CAP, [1.0])


def fifo_half() -> RuleScheduler:
    """Jobs in order of arrival, at most half of the executors each: NetLLM's FIFO."""
    return RuleScheduler(rules.FIXED_CAP, [0.5])


def fair() -> RuleScheduler:
    """Equal shares."""
    return RuleScheduler(rules.FAIR, [1.0])


def fair_plus() -> RuleScheduler:
    """One and a half times the equal share as a cap, the shortest job first."""
    return RuleScheduler(rules.FAIR_PLUS, [1.5])


def fair_plus_c() -> RuleScheduler:
    """As `fair_plus`, promised executors not counted."""
    return RuleScheduler(rules.FAIR_PLUS_C, [1.5])


def sjf_cp() -> RuleScheduler:
    """Shortest job first, its critical path first."""
    return RuleScheduler(rules.SJF_CP, [1.0])


def weighted_fair(alpha: float = 0.25) -> RuleScheduler:
    """Shares in proportion to (work left)^alpha."""
    return RuleScheduler(rules.WEIGHTED_FAIR, [alpha])


def random() -> RuleScheduler:
    """Any job, any number of executors."""
    return RuleScheduler(rules.RANDOM)
