"""Imitation targets from an experience: which episodes, under which condition, with which weights of the actions.

Methods:

- `advantage`: imitate every decision, weighted by exp(advantage / temperature); the default.
- `clone`: imitate the best policy only; the control.
- `distill`: follow the mean probabilities of the labeling policies, in all visited states.
- `returns`, `returns-published`, `regret`, `vector-returns`: imitate all policies under the condition of that name
  (see `netwright.adaptation.offline.return_conditioning`), Eq. 2-4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from netwright.adaptation.offline import return_conditioning
from netwright.adaptation.offline.experience import ACTION, LABELS, PRIVILEGED, REWARD, Experience
from netwright.adaptation.offline.return_conditioning import ReturnConditioning
from netwright.core.errors import ConfigError, DataError
from netwright.rl.advantages import compress_rewards
from netwright.rl.critic import fitted_advantages

Method = Literal["advantage", "clone", "distill", "returns", "returns-published", "regret", "vector-returns"]
METHODS: tuple[Method, ...] = get_args(Method)

Floats = NDArray[np.float32]

LARGEST_WEIGHT = 20.0


@dataclass(frozen=True)
class ImitationTargets:
    """The imitation targets of every decision of an experience.

    Attributes:
        experience: the episodes.
        episodes: (E',) which of them are learned from.
        condition: (N, size) what each decision is conditioned on.
        weight: (N,) how much each decision counts.
        labels: (N, L) target probabilities of the choices; None to imitate the choice that was made.
        n_choices: L.
    """

    experience: Experience
    episodes: NDArray[np.int64]
    conditioning: ReturnConditioning
    condition: Floats
    weight: Floats
    labels: Floats | None
    n_choices: int

    def draw(self, rng: np.random.Generator, size: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Rows (B, T) of random whole episodes, and where they are real: a short episode is padded by its last row."""
        chosen = self.episodes[rng.integers(0, len(self.episodes), size)]
        lengths = self.experience.lengths[chosen]
        within = np.arange(lengths.max())
        rows = self.experience.offsets[:-1][chosen][:, None] + np.minimum(within, lengths[:, None] - 1)
        return rows, within < lengths[:, None]

    def target(self, rows: NDArray[np.int64], real: NDArray[np.bool_]) -> Floats:
        """(B, T, L) weight of each choice as a target, for `choice_loss`."""
        weight = np.where(real, self.weight[rows], np.float32(0.0))[..., None]
        if self.labels is not None:
            wanted: Floats = self.labels[rows] * weight
            return wanted
        made = self.experience.array(ACTION)[rows]
        return np.asarray((made[..., None] == np.arange(self.n_choices)) * weight, dtype=np.float32)


def imitation_targets(
    method: Method,
    experience: Experience,
    *,
    critic_inputs: Floats,
    n_choices: int,
    temperature: float,
    seed: int,
) -> ImitationTargets:
    """The imitation targets of a method.

    Args:
        method: see above.
        experience: episodes of any policies.
        critic_inputs: (N, F) what a critic observes of each state besides the privileged column.
        n_choices: largest number of choices at a decision.
        temperature: of advantage weighting, in units of the compressed reward.
        seed: of the critic.

    Raises:
        ConfigError: labels are wanted and the experience has none.
        DataError: an action or the labels do not fit the number of choices.
    """
    _check_choices(experience, n_choices)
    weight = np.ones(experience.n_steps, dtype=np.float32)
    episodes = np.arange(experience.n_episodes)
    labels = None
    kind: return_conditioning.Kind = "none"
    if method == "advantage":
        privileged = experience.columns.get(PRIVILEGED, np.zeros((experience.n_steps, 0), dtype=np.float32))
        advantages = fitted_advantages(
            experience.offsets,
            np.concatenate([critic_inputs, privileged], axis=1).astype(np.float32),
            compress_rewards(experience.array(REWARD)),
            seed=seed,
        )
        weight = np.exp(np.minimum(advantages / temperature, np.log(LARGEST_WEIGHT))).astype(np.float32)
        weight /= weight.mean()
    elif method == "clone":
        episodes = np.flatnonzero(experience.policy == best_policy(experience))
    elif method == "distill":
        if LABELS not in experience.columns:
            raise ConfigError("recipe distill needs labels; collect with --label, for example --label ppo.")
        labels = experience.array(LABELS)
    else:
        kind = cast(return_conditioning.Kind, method)
    conditioning, condition = return_conditioning.fit(kind, experience)
    return ImitationTargets(experience, episodes, conditioning, condition, weight, labels, n_choices)


def best_policy(experience: Experience) -> int:
    """Index of the policy with the highest mean return."""
    present = np.unique(experience.policy)
    means = [experience.returns[experience.policy == i].mean() for i in present]
    return int(present[int(np.argmax(means))])


def _check_choices(experience: Experience, n_choices: int) -> None:
    actions, labels = experience.array(ACTION), experience.columns.get(LABELS)
    wrong = np.flatnonzero(actions >= n_choices)
    if len(wrong):
        raise DataError(
            f"the experience's decision {int(wrong[0])} is action {actions[wrong[0]]}, there are {n_choices} choices; "
            "collect it again."
        )
    if labels is not None and labels.shape[1] != n_choices:
        raise DataError(
            f"the experience's labels are of {labels.shape[1]} choices, there are {n_choices}; collect it again."
        )
