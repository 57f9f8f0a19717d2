"""Where experience of scheduling comes from: training sequences of jobs, never those of a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netwright.adaptation.offline.ragged import Column
from netwright.core.array_files import RawArray
from netwright.core.trained_for import Condition, Conditions
from netwright.core.types import Json
from netwright.tasks.cjs.alternatives import AlternativesEnvironment, Comparison
from netwright.tasks.cjs.dataset import CjsData
from netwright.tasks.cjs.environment import COMPONENTS, ClusterEnvironment
from netwright.tasks.cjs.features import columns
from netwright.tasks.cjs.graphs import Ints
from netwright.tasks.cjs.observation import DECLINE, Observation
from netwright.tasks.cjs.sequences import Range, drawn_sequence, sequence
from netwright.tasks.cjs.settings import VALIDATION_SEEDS, CjsConfig

EXECUTORS = "executors"


@dataclass(frozen=True, slots=True)
class Place:
    """A training environment: ranges from which jobs and executors of a sequence are drawn, ends included."""

    summary: str
    n_jobs: Range
    n_executors: Range = (30, 50)
    comparison: Comparison | None = None


PLACES = {
    "short": Place("20 to 80 jobs on 30 to 50 executors", (20, 80)),
    "training": Place("50 to 200 jobs on 30 to 50 executors", (50, 200)),
    "overload": Place("200 to 300 jobs on 30 to 40 executors, where many jobs wait", (200, 300), (30, 40)),
    "alternatives": Place(
        "40 to 160 jobs, and the costs of alternatives to the evolved rule",
        (40, 160),
        comparison=Comparison(),
    ),
    "default": Place("200 jobs on 50 executors, as in the paper's training", (200, 200), (50, 50)),
}


def collector(data: CjsData) -> CjsCollector:
    """The training environments of these data."""
    return CjsCollector(data)


class CjsCollector:
    """Training sequences by environment, see `PLACES`; implements `adaptation.environment.Collector`."""

    components = COMPONENTS
    training_environments: Mapping[str, str] = {name: place.summary for name, place in PLACES.items()}

    def __init__(self, data: CjsData) -> None:
        self.data = data

    def environment(self, name: str, rng: np.random.Generator, n: int) -> ClusterEnvironment:
        """`n` fresh training sequences."""
        place = PLACES[name]
        clusters = [drawn_sequence(self.data, rng, place.n_jobs, place.n_executors) for _ in range(n)]
        if place.comparison is None:
            return ClusterEnvironment(clusters)
        return AlternativesEnvironment(clusters, place.comparison)

    def validation(self, n_jobs: int) -> ClusterEnvironment:
        """The validation sequences, cut to so many jobs, by turns on 50 and on 30 executors."""
        return ClusterEnvironment(
            [
                sequence(self.data, seed, n_jobs, 30 if i % 2 else 50)
                for i, seed in enumerate(VALIDATION_SEEDS)
            ]
        )

    def conditions(self, name: str) -> Conditions:
        """The numbers of executors of a training environment."""
        low, high = PLACES[name].n_executors
        return {EXECUTORS: Condition(low=float(low), high=float(high))}

    def generated_only(self, name: str) -> bool:
        """Whether the job profiles are generated though the data were not: never."""
        return False

    def columns(self, observation: Sequence[Observation]) -> dict[str, Column]:
        """The columns that an experience keeps."""
        return columns(observation)

    def encoded(self, observation: Sequence[Observation], actions: RawArray) -> Ints:
        """Actions (R, 2) from 0: declining is the place after the last choice."""
        n_choices = [int(obs.schedulable.sum()) for obs in observation]
        return np.stack(
            [
                np.where(actions[:, 0] == DECLINE, n_choices, actions[:, 0]),
                actions[:, 1],
            ],
            axis=1,
        )

    def random_actions(self, observation: Sequence[Observation], rng: np.random.Generator) -> Ints:
        """(R, 2) any choice, any number of executors."""
        drawn = [
            (
                rng.integers(int(obs.schedulable.sum())),
                rng.integers(1, obs.committable + 1),
            )
            for obs in observation
        ]
        return np.array(drawn, dtype=np.int64).reshape(-1, 2)

    def provenance(self) -> Json:
        """Source of the job profiles."""
        return {
            "source": self.data.source,
            "synthetic": self.data.synthetic,
            "files": len(self.data.hashes),
        }


def conditions(config: CjsConfig, data: CjsData) -> Conditions:
    """The conditions of a setting."""
    return {EXECUTORS: Condition(values=((float(config.n_executors),),))}
