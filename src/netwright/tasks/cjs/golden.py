"""Golden episodes recorded from the published simulators, replayed decision by decision through ours.

Format ("cjs-golden-1"): one gzipped JSON object for each workload, with the jobs, and `results[variant][policy]` that
hold `decisions` (in the columns of `COLUMNS`), `completion_ms` by job and `num_events`. Kinds: "table" states the
duration of each task, "profile" a deterministic choice among those of TPC-H profiles, "native" the seed of Python's
`random` module, which the published simulator drew them from.

Files of the other kind, `.npz`, hold forward passes of Decima's network: see `baselines.decima_golden`.
"""

from __future__ import annotations

import math
import random
import zlib
from pathlib import Path

import numpy as np

from netwright.core.errors import DataError
from netwright.core.reading import parse_json, read_bytes, size_in_words
from netwright.core.results import Details
from netwright.core.task import load_attribute
from netwright.core.verification import Verification
from netwright.tasks.cjs.cluster import Cluster, Rules, Variant
from netwright.tasks.cjs.dataset import CjsData
from netwright.tasks.cjs.durations import EXECUTORS, HIGH, LOW, PROFILE
from netwright.tasks.cjs.graphs import Floats
from netwright.tasks.cjs.observation import DECLINE
from netwright.tasks.cjs.sim import Simulation
from netwright.tasks.cjs.tpch import profile_name
from netwright.tasks.cjs.workload import Durations, Profile, ProfileTable, Workload

FORMAT = "cjs-golden-1"
COLUMNS = (
    "time_ms",
    "job",
    "stage",
    "num_exec_requested",
    "num_exec_committed",
    "num_committable_before",
    "source_job",
    "source_stage",
    "reward",
)
FIELDS = ("time_ms", "num_exec_committed", "num_committable", "reward", "completion_ms", "num_events")
TOLERANCE = 1e-6  # ms and executors
MAX_BYTES = 256 << 20


def verify(path: Path, data: CjsData) -> Verification:
    """Replay all episodes, or forward passes of Decima, of one file; the largest difference of each field.

    A recorded choice that cannot be made here is an infinite difference of its time.

    Raises:
        DataError: the file is of another form, or a profile of it is not in the data.
    """
    if path.suffix == ".npz":
        found: Verification = load_attribute("netwright.tasks.cjs.baselines.decima_golden:verify")(path)
        return found
    document = _document(path)
    largest = dict.fromkeys(FIELDS, 0.0)
    counts = {"episodes": 0, "decisions": 0}
    try:
        workload = _workload(document, data)
        for variant, results in document["results"].items():
            for recorded in results.values():
                for name, difference in _differences(document, variant, recorded, workload).items():
                    largest[name] = max(largest[name], difference)
                counts["episodes"] += 1
                counts["decisions"] += len(recorded["decisions"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(
            f"{path}: not a file of golden episodes ({type(error).__name__}: {error}); restore the file."
        ) from None
    return Verification(path=path, largest=largest, tolerance=TOLERANCE, counts=counts)


def _document(path: Path) -> Details:
    try:
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        content = unpacker.decompress(read_bytes(path, limit=MAX_BYTES), MAX_BYTES)
    except zlib.error as error:
        raise DataError(f"{path}: not a gzipped file ({error}); restore the file.") from None
    if unpacker.unconsumed_tail:
        raise DataError(f"{path}: unpacks to more than {size_in_words(MAX_BYTES)}; restore the file.")
    document = parse_json(content, path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DataError(f"{path}: not of the format {FORMAT!r}; give a file of golden episodes.")
    if document.get("decision_columns") != list(COLUMNS):
        raise DataError(f"{path}: the columns of decisions must be {', '.join(COLUMNS)}.")
    return document


def _workload(document: Details, data: CjsData) -> Workload:
    jobs = document["jobs"]
    if document["kind"] == "table":
        profiles = [_stated(number, job) for number, job in enumerate(jobs)]
    else:
        profiles = [data.profile(profile_name(job["query"], job["size"])) for job in jobs]
    arrival_ms = np.array([job["arrival_ms"] for job in jobs], dtype=np.float64)
    return Workload.of(ProfileTable.of(profiles), np.arange(len(jobs)), arrival_ms)


def _stated(number: int, job: Details) -> Profile:
    stages = job["stages"]
    lists = [{wave: {1: stage[f"{wave}_ms"]} for wave in ("fresh", "first", "rest")} for stage in stages]
    return Profile(
        f"job {number}",
        np.array(job["edges"], dtype=np.int64).reshape(-1, 2),
        np.array([stage["num_tasks"] for stage in stages], dtype=np.int64),
        np.array([stage["rough_duration_ms"] for stage in stages], dtype=np.float64),
        Durations.of(lists, f"job {number}"),
    )


def _differences(
    document: Details, variant: Variant, recorded: Details, workload: Workload
) -> dict[str, float]:
    """The largest difference of each field in one episode."""
    episode = (_Plain if document["kind"] == "native" else _Compiled)(document, variant, workload)
    largest = dict.fromkeys(FIELDS, 0.0)
    first_stage = workload.jobs["first_stage"]
    for row in recorded["decisions"]:
        seen = dict(zip(COLUMNS, row, strict=True))
        stage = None if seen["job"] < 0 else int(first_stage[seen["job"]] + seen["stage"])
        found = episode.decide(stage, int(seen["num_exec_requested"]))
        if found is None:
            largest["time_ms"] = math.inf
            return largest
        wanted = (
            seen[name] for name in ("time_ms", "num_exec_committed", "num_committable_before", "reward")
        )
        for name, want, got in zip(FIELDS, wanted, found, strict=False):
            largest[name] = max(largest[name], abs(want - got))
    completion_ms, n_events = episode.end()
    difference = np.abs(completion_ms - np.array(recorded["completion_ms"], dtype=np.float64)).max()
    largest["completion_ms"] = float(difference) if math.isfinite(difference) else math.inf
    largest["num_events"] = float(abs(n_events - recorded["num_events"]))
    return largest


class _Compiled:
    """An episode in the compiled simulator."""

    def __init__(self, document: Details, variant: Variant, workload: Workload) -> None:
        rules = Rules(document["num_executors"], document["moving_delay_ms"], "listed", variant)
        self.cluster = Cluster(workload, rules)
        if document["kind"] == "profile":
            self.cluster.state.cluster["durations"] = PROFILE

    def decide(self, stage: int | None, n: int) -> tuple[float, int, int, float] | None:
        """Time, executors committed and committable, reward; None if the stage cannot be chosen."""
        if self.cluster.done:
            return None
        seen = self.cluster.observe()
        choices = seen.choices
        place = np.flatnonzero(seen.stage[choices] == (DECLINE if stage is None else stage))
        if stage is not None and not len(place):
            return None
        committed = 0 if stage is None else min(n, int(seen.demand[choices[place[0]]]))
        reward = self.cluster.step(DECLINE if stage is None else int(place[0]), n)
        return seen.now_ms, committed, seen.committable, reward

    def end(self) -> tuple[Floats, int]:
        """Completion times and number of events."""
        return self.cluster.completion_ms, self.cluster.n_events


class _Plain:
    """An episode in the plain simulator, its durations drawn as the published one draws them."""

    def __init__(self, document: Details, variant: Variant, workload: Workload) -> None:
        drawn = PythonDurations(workload, document["seed"])
        self.simulation = Simulation(
            workload,
            document["num_executors"],
            drawn,
            moving_ms=document["moving_delay_ms"],
            first_backup=variant == "spark-sched-sim",
        )
        self.n_jobs = workload.n_jobs

    def decide(self, stage: int | None, n: int) -> tuple[float, int, int, float] | None:
        """As of `_Compiled`."""
        one = self.simulation
        if one.done or (stage is not None and stage not in one.choices()):
            return None
        now_ms, committable = one.now_ms, one.committable
        committed = 0 if stage is None else min(n, one.demand(stage))
        return now_ms, committed, committable, one.decide(stage, n)

    def end(self) -> tuple[Floats, int]:
        """As of `_Compiled`."""
        times = self.simulation.completion_ms
        return np.array([times.get(job, math.nan) for job in range(self.n_jobs)]), self.simulation.n_events


class PythonDurations:
    """Durations drawn with Python's `random`: a number for the level if n is between two, a choice from the list."""

    def __init__(self, workload: Workload, seed: int) -> None:
        self.rows = workload.stages["row"]
        self.durations = workload.durations
        self.rng = random.Random(seed)

    def __call__(self, stage: int, wave: int, k: int, n_local: int) -> float:
        """See `sim.Duration`."""
        n = min(n_local, len(LOW) - 1)
        low, high = int(LOW[n]), int(HIGH[n])
        if low != high:
            drawn = 1 + int(self.rng.random() * (EXECUTORS[high] - EXECUTORS[low]))
            low = low if drawn <= n - EXECUTORS[low] else high
        found = self.durations.lists[self.rows[stage], wave, low]
        chosen = self.rng.choice(range(found["length"]))
        return float(self.durations.values[found["start"] + chosen] + found["extra_ms"])
