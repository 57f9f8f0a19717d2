"""Where experience of bitrate decisions comes from: training sessions, never those of a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.array_files import Arrays, RawArray
from netwright.core.trained_for import Condition, Conditions
from netwright.core.types import Json
from netwright.tasks.abr.batch import Sessions
from netwright.tasks.abr.dataset import AbrData
from netwright.tasks.abr.media import QoE
from netwright.tasks.abr.model_inputs import columns
from netwright.tasks.abr.observation import Observation
from netwright.tasks.abr.trained_for import CHANGES, STALLING, of_videos
from netwright.tasks.abr.training_set import NOISY_RULES, TrainingSet

COMPONENTS = ("bitrate_mbps", "rebuffer_s", "change_mbps")

TRAINING_ENVIRONMENTS: Mapping[str, str] = {
    "training": "both videos over measured and synthetic training traces, nothing shared with a test",
    "paper": "the paper's protocol for unseen settings: video 1, no synthetic traces",
    "published": "the published training traces, which overlap the test set: for comparison only",
    "weights": "as training, and QoE weights are randomized per batch",
}

_REBUFFER_RANGE, _CHANGE_RANGE = (
    (1.0, 10.0),
    (0.2, 4.0),
)  # of the viewer's weights in the training environment "weights"
_WEIGHT_RANGES = {
    STALLING: Condition(low=_REBUFFER_RANGE[0], high=_REBUFFER_RANGE[1]),
    CHANGES: Condition(low=_CHANGE_RANGE[0], high=_CHANGE_RANGE[1]),
}


def collector(data: AbrData) -> AbrCollector:
    """The environments of these data."""
    return AbrCollector(data)


class AbrCollector:
    """Training sessions by environment, see `TRAINING_ENVIRONMENTS`; implements `adaptation.environment.Collector`."""

    components = COMPONENTS
    training_environments = TRAINING_ENVIRONMENTS

    def __init__(self, data: AbrData) -> None:
        self.data = data
        self._sets: dict[str, TrainingSet] = {}

    def training_set(self, name: str) -> TrainingSet:
        """The training sessions of a training environment, made once."""
        name = "training" if name == "weights" else name
        if name not in self._sets:
            options: dict[str, Any] = {
                "training": {},
                "paper": {"videos": ("video1",), "synthetic": False},
                "published": {"videos": ("video1",), "synthetic": False, "published": True},
            }[name]
            self._sets[name] = TrainingSet(self.data, **options)
        return self._sets[name]

    def environment(self, name: str, rng: np.random.Generator, n: int) -> AbrEnvironment:
        """`n` fresh training sessions, delays with noise."""
        qoe = QoE()
        if name == "weights":
            qoe = replace(
                qoe,
                rebuffer=float(np.exp(rng.uniform(*np.log(_REBUFFER_RANGE)))),
                change=float(np.exp(rng.uniform(*np.log(_CHANGE_RANGE)))),
            )
        return AbrEnvironment(self.training_set(name).sample(rng, n, rules=NOISY_RULES, qoe=qoe))

    def validation(self, name: str) -> list[Sessions]:
        """The fixed validation sessions of a training environment, a batch for each source."""
        return self.training_set(name).validation()

    def conditions(self, name: str) -> Conditions:
        """Ladders, chunks, buffer, connection and viewers of a training environment."""
        found = of_videos(self.training_set(name).videos.videos, NOISY_RULES, QoE())
        return found | (_WEIGHT_RANGES if name == "weights" else {})

    def generated_only(self, name: str) -> bool:
        """Whether a training environment has no measured traces though the data were not generated."""
        return not self.data.synthetic and self.training_set(name).generated_only

    def columns(self, observation: Observation) -> Arrays:
        """The fields that an experience keeps."""
        return columns(observation)

    def random_actions(self, observation: Observation, rng: np.random.Generator) -> NDArray[np.int64]:
        """(B,) any rung."""
        return rng.integers(0, observation.n_levels, observation.n)

    @cached_property
    def _provenance(self) -> Json:
        hashes = dict(self.data.hashes)
        return {"source": self.data.source, "synthetic": self.data.synthetic, "files": len(hashes)}

    def provenance(self) -> Json:
        """Source of the traces, and of what each environment was made; `synthetic` where all traces are generated."""
        generated = bool(self._sets) and all(made.generated_only for made in self._sets.values())
        about = {**self._provenance, "synthetic": self.data.synthetic or generated}
        return about | {name: made.provenance() for name, made in self._sets.items()}


class AbrEnvironment:
    """Sessions as an environment; implements `netwright.rl.environment.Environment`."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    @property
    def n(self) -> int:
        """Number of sessions."""
        return self.sessions.n

    @property
    def done(self) -> bool:
        """Whether all chunks have been played."""
        return self.sessions.done

    def observe(self) -> Observation:
        """The players' observations."""
        return self.sessions.observe()

    def privileged(self) -> NDArray[np.float64]:
        """(B, 12) log of the mean bandwidth to come, up to 128 s ahead: for a critic in training."""
        return self.sessions.future_log_bandwidth()

    def step(self, actions: RawArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """QoE of the chunk (B,), and its three factors (B, 3)."""
        seen = self.sessions.step(actions)
        return seen.qoe, np.stack([getattr(seen, name) for name in COMPONENTS], axis=1)

    def fork(self, rows: NDArray[np.int64]) -> AbrEnvironment:
        """Copies of these sessions. Their delays have no noise, so that copies of one differ by their choices only."""
        return AbrEnvironment(self.sessions.fork(rows, noise=False))

    def concat(self, other: AbrEnvironment) -> AbrEnvironment:
        """These sessions and those of another environment."""
        return AbrEnvironment(self.sessions.concat(other.sessions))
