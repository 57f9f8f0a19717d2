"""A compiled rule as a policy, and the rules that need nothing but a few numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.tasks.cjs import rules
from netwright.tasks.cjs.baselines.compiled_policy import CompiledPolicy
from netwright.tasks.cjs.observation import DECLINE, Observation
from netwright.tasks.cjs.state import State


class RuleScheduler(CompiledPolicy):
    """Follows one of the rules of `rules`.

    Args:
        rule: its number.
        parameters: see the rule.
    """

    def __init__(self, rule: int, parameters: Sequence[float] = ()) -> None:
        super().__init__()
        self.rule = rule
        self.parameters = np.array(parameters, dtype=np.float64)

    def choose(self, obs: Observation) -> tuple[int, int]:
        """Place among the choices, or `DECLINE`; number of executors."""
        node, n = rules.choose(self.rule, obs, self.parameters, self.memory)
        return (DECLINE if node == DECLINE else int(obs.schedulable[:node].sum())), n

    def play_state(self, state: State) -> None:
        """Play an episode that waits for a decision to its end."""
        rules.play(state, self.rule, self.parameters, self.memory)


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
