"""Actions of several parts as one: the likeliest of them, and the probabilities of given ones.

The probability of an action is the product over its parts, each given the parts before it (`llm.heads.Factored`).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from netwright.llm.encoders import Inputs
from netwright.llm.heads import FactoredHead
from netwright.rl.ppo import evaluate_parts


def likeliest(head: FactoredHead, hidden: Tensor, inputs: Inputs, most: int) -> tuple[Tensor, Tensor]:
    """Actions of high probability, by beam search over the parts.

    Args:
        head: of the model.
        hidden: (R, width).
        inputs: what the parts read (R, ..), by name.
        most: width of the beam.

    Returns:
        (R, K, parts) actions with K <= `most`, all of them where there are no more, and (R, K) their log-probabilities,
        falling. Where a state has fewer, the first is repeated with the log-probability minus infinity.
    """
    actions = torch.zeros((len(hidden), 1, 0), dtype=torch.int64, device=hidden.device)
    logprobs = torch.zeros((len(hidden), 1), dtype=torch.float64, device=hidden.device)
    for part in head.parts:
        scores = [head(hidden, inputs, _by_part(head, actions[:, k]))[part] for k in range(actions.shape[1])]
        given = torch.log_softmax(torch.stack(scores, dim=1).double(), dim=-1)
        width = given.shape[-1]
        joint = (logprobs[..., None] + given).flatten(1)
        logprobs, order = joint.topk(min(most, joint.shape[1]), dim=1)
        before = actions.gather(1, (order // width)[..., None].expand(-1, -1, actions.shape[-1]))
        actions = torch.cat([before, (order % width)[..., None]], dim=-1)
        actions = torch.where((logprobs > -math.inf)[..., None], actions, actions[:, :1])
    return actions, logprobs


def log_probabilities(
    head: FactoredHead, hidden: Tensor, inputs: Inputs, actions: Tensor, rows: Tensor
) -> tuple[Tensor, Tensor]:
    """Log-probabilities (R, K) of given actions, and the mean entropy, at the R steps that `rows` (B, T) selects.

    Args:
        head: of the model.
        hidden: (B, T, width).
        inputs: what the parts read (B, T, ..), by name.
        actions: (B, T, K, parts).
        rows: (B, T) which steps count.

    Returns:
        The log-probabilities, and the sum over the parts of their entropy, later parts given the first action.
    """
    found = []
    for k in range(actions.shape[-2]):
        chosen = actions[..., k, :]
        scores = head(hidden, inputs, _by_part(head, chosen))
        found.append(evaluate_parts([scores[part][rows] for part in head.parts], chosen[rows]))
    return torch.stack([logprobs for logprobs, _ in found], dim=-1), found[0][1]


def _by_part(head: FactoredHead, actions: Tensor) -> dict[str, Tensor]:
    """The parts (..) of actions (.., P), by their names; those that are not yet chosen are left out."""
    return dict(zip(head.parts, actions.unbind(dim=-1), strict=False))
