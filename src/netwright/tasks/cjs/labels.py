"""Labels for learners: what each candidate of a decision costs more than the evolved rule's choice, by look-ahead.

`weigh` labels one decision of a cluster. `collect` plays job sequences, labels a sample of their decisions and writes
one npz file for each sequence; a repeated call continues where an earlier one was stopped. `read` gives all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from netwright.core.array_files import RawArray, read_npz
from netwright.core.documents import Document, JsonObject, plain, read_document, write_document
from netwright.core.errors import ConfigError
from netwright.core.files import replacing
from netwright.core.identity import data_sha256
from netwright.core.locks import locked
from netwright.core.seeding import generator
from netwright.tasks.cjs.candidate_features import SIZE, Singles
from netwright.tasks.cjs.candidates import MOST
from netwright.tasks.cjs.cluster import N_SEEDS, Cluster
from netwright.tasks.cjs.compiled import compiled
from netwright.tasks.cjs.dataset import CjsData
from netwright.tasks.cjs.durations import below, mixed, uniform
from netwright.tasks.cjs.graphs import Floats, Ints
from netwright.tasks.cjs.kernels import decide
from netwright.tasks.cjs.lookahead import Futures, candidates, costs, mean_and_error
from netwright.tasks.cjs.sequences import Range, drawn_from, sequence, training_seed
from netwright.tasks.cjs.small_network import Network, considered, lowest, scratch, zero
from netwright.tasks.cjs.state import State
from netwright.tasks.cjs.views import view_state

DESCRIPTION = "labels.json"
REMEDY = "collect the labels again"
Progress = Callable[[str], None]


class Weighed(NamedTuple):
    """The C candidates of one decision, the evolved rule's first."""

    stage: Ints  # (C,) number of the stage in the workload; `observation.place_of` gives its place among the choices
    n: Ints  # (C,) executors
    difference_s: Floats  # (C,) job time in s more than with the first
    error_s: Floats  # (C,) standard error of it


class Labels(NamedTuple):
    """D labeled decisions of one sequence, N candidates in all."""

    offsets: Ints  # (D + 1,) candidates of decision d are offsets[d] up to offsets[d + 1], the evolved rule's first
    decision: Ints  # (D,) its number in the sequence, from 0
    features: Singles  # (N, SIZE) see `candidate_features.describe`
    stage: Ints  # (N,) number of the stage in the workload
    n: Ints  # (N,) executors
    difference_s: Floats  # (N,) job time in s more than with the rule's choice, mean of the futures
    error_s: Floats  # (N,) standard error of it
    played: Ints  # (T, 2) stage and number of executors of every decision that was played


class Sampling(NamedTuple):
    """Which decisions are labeled and played.

    Attributes:
        share: of the decisions that is labeled.
        explore: share of the decisions at which a random candidate is played.
        n_futures, horizon_ms: of the look-ahead.
    """

    share: float
    explore: float
    n_futures: int
    horizon_ms: float


@dataclass(frozen=True, slots=True)
class LabelConfig:
    """Which sequences are played and labeled.

    Attributes:
        n_sequences: files to write.
        n_jobs: ranges from which the number of jobs of sequences is drawn, each range as likely as the others; long
            sequences on few executors build up a backlog.
        n_executors: range for each range of jobs.
        per_sequence: decisions that are labeled in a sequence, about.
        n_futures, horizon_s: of the look-ahead.
        explore: share of the decisions at which a random candidate is played.
    """

    n_sequences: int = 200
    n_jobs: tuple[Range, ...] = ((60, 200), (60, 200), (300, 450))
    n_executors: tuple[Range, ...] = ((30, 50), (30, 50), (30, 40))
    per_sequence: int = 150
    n_futures: int = 3
    horizon_s: float = 60.0
    explore: float = 0.05


DECISIONS_PER_JOB = 23.0  # about, for the share that is labeled


class SavedLabels(Document):
    """The document of a folder of labels."""

    FORMAT_VERSION: ClassVar[int] = 1

    task: str
    player: str
    seed: int
    data_sha256: str
    config: JsonObject


def weigh(cluster: Cluster, parameters: Floats, futures: Futures) -> Weighed:
    """The candidates of a cluster's next decision and what they cost, in futures that hide what it hides.

    Args:
        cluster: waits for a decision; it stays as it is.
        parameters: of the evolved rule, as `es_rule.load().parameters`.
        futures: how often and how far to look ahead.
    """
    found = candidates(cluster.state, parameters)
    made = costs(cluster.state, found, futures, parameters)
    pairs = [mean_and_error(made[:, c] - made[:, 0]) for c in range(len(found))]
    mean, error = np.array(pairs).T
    return Weighed(found["stage"].copy(), found["n"].copy(), mean, error)


def collect(
    data: CjsData,
    out: Path,
    parameters: Floats,
    *,
    config: LabelConfig,
    seed: int,
    progress: Progress,
    network: Network | None = None,
    player: str = "es-rule",
) -> None:
    """Write labels into a folder, sequence by sequence; sequences that are there already are kept.

    Files `00000.npz` and so on hold a `Labels` each, and `seed`, `n_jobs`, `n_executors`, from which `clusters` makes
    the labeled states again.

    Args:
        data: job profiles.
        out: the folder.
        parameters: of the evolved rule, which the look-ahead follows.
        config: see there.
        seed: of sequences and futures.
        progress: called with a line from time to time.
        network: decides which candidate is played; the evolved rule if none is given.
        player: its name.

    Raises:
        ConfigError: the folder holds other labels.
    """
    about = SavedLabels(
        task="cjs", player=player, seed=seed, data_sha256=data_sha256(data), config=plain(asdict(config))
    )
    out.mkdir(parents=True, exist_ok=True)
    with locked(out):
        path = out / DESCRIPTION
        if path.exists() and read_document(path, SavedLabels, remedy=REMEDY) != about:
            raise ConfigError(f"{out}: holds labels of other data or another config; choose another folder.")
        write_document(path, about)
        for number in range(config.n_sequences):
            file = out / f"{number:05d}.npz"
            if not file.exists():
                arrays = _labeled(data, parameters, config, generator(seed, number), network)
                with replacing(file) as temporary, temporary.open("wb") as stream:
                    np.savez_compressed(stream, allow_pickle=False, **arrays)
            if (number + 1) % 20 == 0:
                progress(f"labels of {number + 1}/{config.n_sequences} sequences")


def read(folder: Path) -> Iterator[Labels]:
    """All labels of a folder.

    Raises:
        DataError: the folder holds no labels, or a file is damaged.
    """
    read_document(folder / DESCRIPTION, SavedLabels, remedy=REMEDY)
    for path in sorted(folder.glob("*.npz")):
        arrays = read_npz(path, remedy=REMEDY)
        yield Labels(**{name: arrays[name] for name in Labels._fields})


def clusters(path: Path, data: CjsData) -> Iterator[Cluster]:
    """A file's cluster at each of its labeled decisions, in their order: one cluster, which continues in between."""
    arrays = read_npz(path, remedy=REMEDY)
    cluster = sequence(data, int(arrays["seed"]), int(arrays["n_jobs"]), int(arrays["n_executors"]))
    labeled = set(arrays["decision"].tolist())
    for number, (stage, n) in enumerate(arrays["played"]):
        if number in labeled:
            yield cluster
        cluster.done = not decide(cluster.state, stage, n)


def _labeled(
    data: CjsData, parameters: Floats, config: LabelConfig, rng: np.random.Generator, network: Network | None
) -> dict[str, RawArray]:
    kind = int(rng.integers(len(config.n_jobs)))
    n_jobs, n_executors = drawn_from(rng, config.n_jobs[kind]), drawn_from(rng, config.n_executors[kind])
    cluster = sequence(data, training_seed(rng), n_jobs, n_executors)
    share = config.per_sequence / (DECISIONS_PER_JOB * n_jobs)
    sampling = Sampling(share, config.explore, config.n_futures, config.horizon_s * 1000.0)
    network = zero() if network is None else network
    own = np.uint64(rng.integers(N_SEEDS))
    labels = play(cluster.state, network, parameters, sampling, own, 3 * config.per_sequence)
    return labels._asdict() | {
        "seed": np.array(cluster.seed),
        "n_jobs": np.array(n_jobs),
        "n_executors": np.array(n_executors),
    }


@compiled
def play(
    s: State, network: Network, parameters: Floats, sampling: Sampling, seed: np.uint64, most: int
) -> Labels:
    """Play an episode that waits for a decision to its end, labeling at most `most` of its decisions."""
    room = scratch(len(s.jobs), network)
    offsets, decision = np.zeros(most + 1, dtype=np.int64), np.zeros(most, dtype=np.int64)
    features = np.zeros((most * MOST, SIZE), dtype=np.float32)
    stage, number = np.zeros(most * MOST, dtype=np.int64), np.zeros(most * MOST, dtype=np.int64)
    difference, error = np.zeros(most * MOST), np.zeros(most * MOST)
    played: list[tuple[int, int]] = []
    labeled, end, going = 0, 0, True
    while going:
        drawn = mixed(seed, len(played))
        n = considered(view_state(s, room.views), parameters, room)
        if n > 1 and labeled < most and uniform(mixed(drawn, 0)) < sampling.share:
            futures = Futures(mixed(drawn, 1), 0, sampling.n_futures, sampling.horizon_ms)
            made = costs(s, room.found[:n], futures, parameters)
            for c in range(n):
                difference[end + c], error[end + c] = mean_and_error(made[:, c] - made[:, 0])
                features[end + c] = room.features[c]
                stage[end + c], number[end + c] = room.found[c].stage, room.found[c].n
            decision[labeled] = len(played)
            labeled, end = labeled + 1, end + n
            offsets[labeled] = end
        chosen = lowest(network, room, n)
        if uniform(mixed(drawn, 2)) < sampling.explore:
            chosen = int(np.int64(below(mixed(drawn, 3), n)))
        one = room.found[chosen]
        played.append((one.stage, one.n))
        going = decide(s, one.stage, one.n)
    return Labels(
        offsets[: labeled + 1],
        decision[:labeled],
        features[:end],
        stage[:end],
        number[:end],
        difference[:end],
        error[:end],
        np.array(played),
    )
