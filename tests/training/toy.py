"""A trainer so small that its updates are worked by hand: one number that is moved toward a target."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from netwright.core.identity import RunIdentity
from netwright.training.trainer import Gradients, Schedule, SupervisedTrainer, Trainer


class Scripted(Trainer):
    """Adds one to its weight in each update; its validation figures are given in advance."""

    def __init__(self, schedule: Schedule, figures: Sequence[float], *, lower_is_better: bool = True) -> None:
        self.weight = nn.Parameter(torch.zeros(2))
        self.figures = list(figures)
        self.seen: list[float] = []  # the weight at each evaluation
        optimizer = torch.optim.Adam([self.weight], lr=0.1)
        super().__init__({"weight": self.weight}, [optimizer], schedule, lower_is_better=lower_is_better)

    def update(self, step: int) -> float:
        with torch.no_grad():
            self.weight += 1.0
        return float(10 - step)

    def validate(self) -> float:
        self.seen.append(float(self.weight[0].detach()))
        return self.figures[len(self.seen) - 1]

    def measurements(self) -> dict[str, float]:
        return {"weight": float(self.weight[0].detach())}


class Linear(SupervisedTrainer):
    """Fits `y = 3 x`; with `noise` the inputs are drawn at random."""

    noise = 0.0

    def __init__(
        self,
        schedule: Schedule,
        *,
        accumulation: int = 1,
        max_grad_norm: float = float("inf"),
        seed: int = 0,
        adam: bool = False,
    ) -> None:
        self.net = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.net.weight, 0.0)
        parameters = list(self.net.parameters())
        optimizer = torch.optim.Adam(parameters, lr=0.1) if adam else torch.optim.SGD(parameters, lr=0.1)
        self.learning_rate, self.inputs = 0.1, 1.0
        super().__init__(
            self.net,
            dict(self.net.named_parameters()),
            optimizer,
            schedule,
            seed=seed,
            gradients=Gradients(accumulation, max_grad_norm),
        )

    def loss(self, step: int, batch: int) -> Tensor:
        x = torch.full((1, 1), self.inputs) + torch.randn(1, 1) * self.noise
        return (self.net(x) - 3.0 * x).square().mean()

    def set_learning_rates(self, step: int) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate

    def validate(self) -> float:
        return float((self.net.weight - 3.0).abs().detach())


def identity(seed: int = 0) -> RunIdentity:
    """The identity of a toy run."""
    return RunIdentity.made(config={"steps": 4}, kind="train", task="toy", seed=seed, data="a" * 64)
