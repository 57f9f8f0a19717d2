"""GENET: Pensieve's network on a curriculum of environments in which it trails the rule-based baseline.

Source: Xia et al., "Genet: automatic curriculum generation for learning adaptation in networking", SIGCOMM 2022,
section 4: in every round a Bayesian search over the parameters of a trace generator finds the environment with the
largest gap between the rule-based baseline and the policy; it joins the training mix, and training continues. As
published, the network chooses between down, keep and up. Departures: our training loop (`training`), our RobustMPC
as the baseline, and training traces that share nothing with the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from netwright.core.documents import checked
from netwright.core.errors import ConfigError, DataError
from netwright.core.files import read_json, write_json
from netwright.core.seeding import derived_seed, generator
from netwright.core.types import Json
from netwright.tasks.abr.baselines import learned, pensieve, training
from netwright.tasks.abr.baselines.learned import Design, LearnedPolicy
from netwright.tasks.abr.baselines.mpc import Mpc
from netwright.tasks.abr.baselines.ppo_trainer import PpoConfig, PpoTrainer, Sampler
from netwright.tasks.abr.baselines.search import highest
from netwright.tasks.abr.batch import Sessions, Starts, TraceTable
from netwright.tasks.abr.dataset import AbrData
from netwright.tasks.abr.evaluation import rollout
from netwright.tasks.abr.generator import SynthRange, synth_traces
from netwright.tasks.abr.media import Floats, Trace
from netwright.tasks.abr.observation import BitratePolicy
from netwright.tasks.abr.training_set import TrainingSet
from netwright.training.run import Progress, partial_folder

NAME = "genet"
CONFIG = PpoConfig(iterations=180)
CURRICULUM = "curriculum.json"

N_TRACES = 24  # of an environment
N_ROWS = 330
LARGEST_SHARE = 0.4  # of the sessions that come from the curriculum, reached as environments join
RANGES = {
    "low_mbps": (0.1, 2.0),
    "ratio": (1.5, 20.0),  # of the highest to the lowest level
    "hold_s": (1.0, 60.0),
    "noise": (0.01, 0.5),
}
"""Parameters of the trace generator that the search is over; all on a logarithmic scale."""
ROUNDING = 1e-9  # by which the end of a range may be missed


@dataclass(frozen=True)
class Environment:
    """A point of the generator's parameters: all traces made there have these.

    Attributes:
        iteration: after which it joined the mix.
        gap: by how much the policy trailed the baseline there, QoE per chunk.
    """

    low_mbps: float
    ratio: float
    hold_s: float
    noise: float
    iteration: int = 0
    gap: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not low * (1.0 - ROUNDING) <= value <= high * (1.0 + ROUNDING):
                raise ConfigError(f"Environment.{name} must lie in {low:g} to {high:g}, got {value!r}.")

    @classmethod
    def at(cls, point: Floats) -> Environment:
        """That of a point of the unit cube."""
        low_mbps, ratio, hold_s, noise = (
            float(low * (high / low) ** share)
            for (low, high), share in zip(RANGES.values(), point, strict=True)
        )
        return cls(low_mbps, ratio, hold_s, noise)

    def traces(self, seed: int) -> tuple[Trace, ...]:
        """Traces made there."""
        high = self.low_mbps * self.ratio
        ranges = SynthRange(
            low_mbps=(self.low_mbps, self.low_mbps),
            high_mbps=(high, high),
            hold_s=(self.hold_s, self.hold_s),
            noise=(self.noise, self.noise),
            n_rows=N_ROWS,
        )
        return synth_traces(f"genet-{self.iteration}", N_TRACES, seed=seed, ranges=ranges)


class Curriculum:
    """Training sessions, of which a growing share comes from environments that were searched for.

    Args:
        base: the sessions before any search.
        rounds: environments that will join in all.
        seed: of their traces.
    """

    def __init__(self, base: TrainingSet, rounds: int, seed: int) -> None:
        self.base, self.rounds, self.seed = base, rounds, seed
        self.environments: list[Environment] = []
        self._set(())

    def extend(self, environments: Sequence[Environment]) -> None:
        """Add environments to the mix."""
        self._set((*self.environments, *environments))

    def _set(self, environments: Sequence[Environment]) -> None:
        self.environments = list(environments)
        added = [t for e in environments for t in e.traces(derived_seed(self.seed, e.iteration))]
        self.traces = TraceTable.of([*self.base.traces.traces, *added])
        self.n_base = len(self.base.traces.traces)

    def around(self, sample: Sampler) -> Sampler:
        """Draws sessions of the mix, where `sample` draws those before any search."""
        return lambda rng, n: self._mixed(sample(rng, n), rng)

    def _mixed(self, drawn: Sessions, rng: np.random.Generator) -> Sessions:
        if not self.environments:
            return drawn
        share = LARGEST_SHARE * len(self.environments) / self.rounds
        rows = np.flatnonzero(rng.random(drawn.n) < share)
        trace_of, start_rows, scale = drawn.trace_of.copy(), drawn.start_rows.copy(), drawn.scale.copy()
        trace_of[rows] = rng.integers(self.n_base, len(self.traces.traces), len(rows))
        start_rows[rows] = rng.integers(1, N_ROWS, len(rows))
        scale[rows] = 1.0
        return Sessions(
            self.traces,
            drawn.videos,
            Starts(trace_of=trace_of, video_of=drawn.video_of, start_rows=start_rows, scale=scale),
            rules=drawn.rules,
            rng=drawn.rng,
        )


def gap(policy: BitratePolicy, baseline: BitratePolicy, sessions: Sessions) -> float:
    """By how much the policy trails the baseline over those sessions, QoE per chunk."""
    rng = np.random.default_rng(0)
    mine, other = (rollout(p, sessions.copy(), rng).qoe.mean() for p in (policy, baseline))
    return float(other - mine)


def find_environment(policy: BitratePolicy, base: TrainingSet, *, seed: int, iteration: int) -> Environment:
    """The environment where the policy trails the rule-based baseline most, among those that the search tries."""
    baseline = Mpc()

    def measure(point: Floats) -> float:
        traces = Environment.at(point).traces(derived_seed(seed, iteration, 1))
        sessions = Sessions(
            traces,
            base.videos,
            Starts(
                trace_of=np.arange(len(traces)),
                video_of=np.arange(len(traces)) % len(base.videos.videos),
                start_rows=np.ones(len(traces), dtype=np.int64),
            ),
        )
        return gap(policy, baseline, sessions)

    point, found = highest(measure, len(RANGES), generator(seed, iteration, 2))
    return replace(Environment.at(point), iteration=iteration, gap=found)


DESIGN = Design(NAME, pensieve.DESIGN.inputs, lambda n_levels: pensieve.Network(learned.N_STEPS), True)


def load(folder: Path | None = None, *, greedy: bool = True) -> LearnedPolicy:
    """The trained policy of a folder; the shipped one if none is given. Sampled if not greedy."""
    return learned.load(folder or learned.SHIPPED / NAME, DESIGN, greedy=greedy)


def load_sampled(folder: Path | None = None) -> LearnedPolicy:
    """The same, drawing from its probabilities."""
    return load(folder, greedy=False)


def train(
    data: AbrData,
    *,
    recipe: str,
    out: Path,
    seed: int,
    progress: Progress,
    config: PpoConfig = CONFIG,
    rounds: int = 9,
    first_share: float = 0.4,
) -> None:
    """Train on the recipe's sessions and the curriculum, and write the folder `out`; see `ppo.train`.

    Args:
        data, recipe, out, seed, progress, config: as there.
        rounds: searches, evenly spread over the rest of the run.
        first_share: of the run, before the first search.
    """
    job = training.Job(DESIGN, data, recipe, out, seed, progress, config)
    curriculum = Curriculum(job.sessions, rounds, seed)
    saved = partial_folder(out) / CURRICULUM
    rests = np.linspace(first_share, 1.0, rounds, endpoint=False) * config.iterations
    searches = {int(iteration) for iteration in rests}

    def begin(trainer: PpoTrainer) -> None:
        trainer.sample = curriculum.around(trainer.sample)
        if saved.exists():
            curriculum.extend([e for e in _environments(saved) if e.iteration <= trainer.state.step])

    def search(trainer: PpoTrainer) -> None:
        iteration = trainer.state.step
        if iteration not in searches:
            return
        policy = LearnedPolicy(DESIGN, trainer.average, trainer.n_levels)
        curriculum.extend([find_environment(policy, job.sessions, seed=seed, iteration=iteration)])
        write_json(saved, [asdict(e) for e in curriculum.environments])
        progress(
            f"environment {len(curriculum.environments)}/{rounds}: {describe(curriculum.environments[-1])}"
        )

    training.train(job, training.Variation(begin, search, lambda: _about(curriculum)))


def _environments(path: Path) -> list[Environment]:
    remedy = "remove the unfinished run and train again"
    entries = read_json(path, remedy=remedy)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f"{path}: not a list of environments; {remedy}.")
    return [checked(Environment, entry, path, remedy=remedy) for entry in entries]


def describe(e: Environment) -> str:
    """One line about an environment."""
    return (
        f"{e.low_mbps:.2f}..{e.low_mbps * e.ratio:.2f} Mbit/s, levels held {e.hold_s:.0f} s, noise "
        f"{100 * e.noise:.0f} %: trails mpc by {e.gap:.3f}"
    )


def _about(curriculum: Curriculum) -> Json:
    return {"curriculum": [asdict(e) for e in curriculum.environments]}
