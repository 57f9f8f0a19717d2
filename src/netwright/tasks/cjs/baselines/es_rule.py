"""`es-rule`: caps and order of jobs by a few numbers, which evolution has found (`rules.evolved` holds the formula).

CMA-ES minimizes the mean logarithm of JCT over that of `fair-plus-c` on the same jobs, new ones in each generation, of
50 to 150 jobs on 30 to 50 executors. The distribution's mean is kept, of the generation that is best on validation
sequences. It begins at `fair-plus-c`, which the formula contains.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from pydantic import ConfigDict

from netwright.core.documents import Document, JsonObject, read_document, write_document
from netwright.core.errors import FormatError
from netwright.core.files import replacing
from netwright.core.seeding import generator
from netwright.tasks.cjs import rules
from netwright.tasks.cjs.baselines.cma_es import CmaEs
from netwright.tasks.cjs.baselines.description import described
from netwright.tasks.cjs.baselines.relative_jct import RelativeJct
from netwright.tasks.cjs.baselines.ruled import RuleScheduler, fair_plus_c
from netwright.tasks.cjs.cluster import Cluster
from netwright.tasks.cjs.dataset import CjsData
from netwright.tasks.cjs.graphs import Floats
from netwright.tasks.cjs.sequences import Range, drawn_sequence, sequence
from netwright.tasks.cjs.settings import VALIDATION_SEEDS

NAME = "es-rule"
DESCRIPTION = "netwright.json"
SHIPPED = Path(__file__).parent / "weights" / NAME
REMEDY = "train the policy again"

START = (0.4, 0.1, -1.0, 0.2, 0.0, 0.0, 0.1, 10.0, 0.0, -12.0, 0.0)
"""Where the search begins: as `fair-plus-c`, with caps that grow with a job's work and with the backlog."""

SCALES = (0.2, 0.1, 0.1, 0.1, 0.05, 0.03, 0.1, 2.0, 0.4, 3.0, 0.1)
"""First standard deviations of the search."""

VALIDATION_JOBS = 200

Progress = Callable[[str], None]


class SavedRule(Document):
    """The document of an evolved rule."""

    FORMAT_VERSION = 2
    model_config = ConfigDict(extra="allow")

    task: str
    policy: str
    parameters: dict[str, float]


@dataclass(frozen=True, slots=True)
class EvolutionConfig:
    """How long to search.

    Attributes:
        population: candidates of a generation.
        n_sequences: that each candidate plays in it.
        n_jobs, n_executors: ranges from which those of a sequence are drawn.
        validate_every: generations between two looks at the validation sequences.
    """

    generations: int = 48
    population: int = 14
    n_sequences: int = 12
    n_jobs: Range = (50, 150)
    n_executors: Range = (30, 50)
    validate_every: int = 6


def load(folder: Path | None = None) -> RuleScheduler:
    """The rule of a folder; the shipped one if none is given.

    Raises:
        DataError: the document is missing or damaged.
        FormatError: it is of another policy, or names other parameters.
    """
    path = (folder or SHIPPED) / DESCRIPTION
    saved = read_document(path, SavedRule, remedy=REMEDY)
    if saved.task != "cjs" or saved.policy != NAME:
        raise FormatError(f"{path}: holds {saved.policy}, not {NAME}; give another folder.")
    if set(saved.parameters) != set(rules.NAMES):
        raise FormatError(f"{path}: the parameters must be {', '.join(rules.NAMES)}; {REMEDY}.")
    return scheduler(np.array([saved.parameters[name] for name in rules.NAMES]))


def scheduler(parameters: Floats) -> RuleScheduler:
    """The rule with these parameters, in the order of `rules.NAMES`."""
    return RuleScheduler(rules.EVOLVED, parameters.tolist())


def train(
    data: CjsData,
    *,
    recipe: str,
    out: Path,
    seed: int,
    progress: Progress,
    config: EvolutionConfig | None = None,
    n_workers: int = 2,
) -> None:
    """Evolve the rule and write the folder `out`.

    Args:
        data: job profiles.
        recipe: not used.
        out: folder to write.
        seed: of candidates and job sequences.
        progress: called with a line from time to time.
        config: of the search.
        n_workers: threads; the result does not depend on their number.
    """
    config = config or EvolutionConfig()
    began, spent = time.monotonic(), time.process_time()
    best, loss = evolve(data, seed, config, progress, n_workers)
    named: JsonObject = {name: round(float(value), 4) for name, value in zip(rules.NAMES, best, strict=True)}
    reached = {
        "parameters": named,
        "validation": {"metric": "log of JCT over that of fair-plus-c", "kept": round(loss, 5)},
        "cost": {
            "seconds": round(time.monotonic() - began, 1),
            "processor_seconds": round(time.process_time() - spent, 1),
        },
    }
    about = described(NAME, data, asdict(config), seed, reached)
    with replacing(out) as temporary:
        temporary.mkdir()
        write_document(temporary / DESCRIPTION, SavedRule.of(about, out / DESCRIPTION, remedy=REMEDY))


def evolve(
    data: CjsData, seed: int, config: EvolutionConfig, progress: Progress, n_workers: int = 2
) -> tuple[Floats, float]:
    """The parameters that were best in validation, and their loss there: mean log of JCT over that of `fair-plus-c`."""
    search = CmaEs(np.array(START), np.array(SCALES), config.population)
    with ThreadPoolExecutor(n_workers) as workers:
        validation = RelativeJct(_validation(data), fair_plus_c(), workers)
        best, lowest = search.mean, float("inf")
        for generation in range(config.generations):
            rng = generator(seed, generation)
            drawn = [
                drawn_sequence(data, rng, config.n_jobs, config.n_executors)
                for _ in range(config.n_sequences)
            ]
            candidates = search.ask(rng)
            losses = RelativeJct(drawn, fair_plus_c(), workers).losses([scheduler(c) for c in candidates])
            search.tell(candidates, losses)
            if (generation + 1) % config.validate_every == 0 or generation + 1 == config.generations:
                loss = validation.loss(scheduler(search.mean))
                if loss < lowest:
                    best, lowest = search.mean, loss
                progress(
                    f"generation {generation + 1}/{config.generations}: {100 * losses.mean():+.1f} % against "
                    f"fair-plus-c, {100 * loss:+.1f} % in validation"
                )
    return best, lowest


def _validation(data: CjsData) -> list[Cluster]:
    """The validation sequences, each on 50, then each on 30 executors."""
    return [
        sequence(data, seed, VALIDATION_JOBS, n_executors)
        for n_executors in (50, 30)
        for seed in VALIDATION_SEEDS
    ]
