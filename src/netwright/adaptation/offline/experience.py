"""Experience: whole episodes of decisions, as columns, with policy, environment and seed of each (Eq. 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from netwright.adaptation.offline.ragged import Column, Ragged, concatenated, restored, stored
from netwright.core.array_files import RawArray, read_npz
from netwright.core.documents import (
    Count,
    Document,
    JsonObject,
    SavedFolder,
    check_files,
    unsealed,
    write_folder,
)
from netwright.core.errors import ConfigError, DataError
from netwright.core.files import check_format_version, read_json, replacing
from netwright.core.identity import sha256_of
from netwright.core.results import Details
from netwright.core.types import Json

EARLIER_FORMAT = 1
DESCRIPTION = "experience.json"
COLUMNS = "columns.npz"

ACTION, REWARD, COMPONENTS, PRIVILEGED, LABELS = "action", "reward", "components", "privileged", "labels"
TEACHER = "teacher"
NEEDED = (ACTION, REWARD, COMPONENTS)
OBSERVATION = "observation."
EPISODES = ("policy", "where", "seed", "session")  # what is known of each episode

REMEDY = "collect it again"
PROBABILITY_SUM = 1e-3  # by which the labels of a decision may miss a sum of 1: they are float32

Array = RawArray


class PolicySummary(Document):
    """What one policy did: its episodes, and the mean reward of an episode's mean decision."""

    episodes: Annotated[int, Field(ge=1)]
    mean_reward: float


class ExperienceSummary(Document):
    """What `Experience.provenance` counts; compared with the arrays when they are read."""

    decisions: Annotated[int, Field(ge=1)]
    episodes: Annotated[int, Field(ge=1)]
    places: tuple[str, ...]
    seeds: tuple[Count, ...]
    policies: dict[str, PolicySummary]


class SavedExperience(SavedFolder):
    """`experience.json`, beside the arrays.

    Attributes:
        policies, places: names.
        info: other facts, see `Experience`.
        summary: of the arrays.
    """

    FORMAT_VERSION: ClassVar[int] = 2

    policies: Annotated[tuple[str, ...], Field(min_length=1)]
    places: Annotated[tuple[str, ...], Field(min_length=1)]
    info: JsonObject
    summary: ExperienceSummary

    def sha256(self) -> str:
        """Of the whole experience: the arrays' hash, names and origin."""
        return sha256_of(self.model_dump(mode="json", exclude={"summary"}))


@dataclass(frozen=True)
class Experience:
    """Episodes one after another: N decisions in E episodes.

    Attributes:
        columns: arrays of N rows: `observation.<piece>` (`Ragged` where rows differ in length: nodes of a graph,
            candidates of a decision), `action` (N,), or (N, K) of K parts, `reward` (the scalar that counts),
            `components` (N, K) its parts in their own units, and where there are such: `privileged` (what only a
            critic may see in training), `labels` (N, L) the mean probabilities that teachers gave to each choice,
            `teacher` (N, K) the action that a teacher without probabilities would have taken.
        offsets: (E + 1,) where each episode begins, and the end of the last.
        policy, where: (E,) index into `policies` and `places`.
        seed, session: (E,) seed of the collection, and the session's number: episodes with the same place, seed
            and session met the same environment.
        policies, places: names.
        info: what else is known, as plain JSON types: the task, the names of the components, the source of the data.
    """

    columns: Mapping[str, Column] = field(repr=False)
    offsets: NDArray[np.int64] = field(repr=False)
    policy: NDArray[np.int32] = field(repr=False)
    where: NDArray[np.int32] = field(repr=False)
    seed: NDArray[np.int64] = field(repr=False)
    session: NDArray[np.int64] = field(repr=False)
    policies: tuple[str, ...]
    places: tuple[str, ...]
    info: Details

    def __post_init__(self) -> None:
        absent = [c for c in NEEDED if c not in self.columns]
        if absent:
            raise DataError(f"the experience lacks the column {absent[0]!r}; {REMEDY}.")
        if self.offsets.ndim != 1 or self.offsets.dtype.kind not in "iu" or len(self.offsets) < 2:
            raise DataError(f"the experience's offsets are no row of whole numbers; {REMEDY}.")
        n_steps, n_episodes = int(self.offsets[-1]), len(self.offsets) - 1
        if self.offsets[0] or (np.diff(self.offsets) < 1).any():
            raise DataError("an experience needs at least one episode, and each at least one decision.")
        for name, column in self.columns.items():
            if column.ndim < 1 or len(column) != n_steps:
                raise DataError(
                    f"column {name!r} has shape {column.shape}, the episodes have {n_steps} decisions; {REMEDY}."
                )
        for name in EPISODES:
            if getattr(self, name).shape != (n_episodes,):
                raise DataError(
                    f"{name!r} has shape {getattr(self, name).shape} for {n_episodes} episodes; {REMEDY}."
                )
        self._check_values()

    def _check_values(self) -> None:
        for name, column in self.columns.items():
            _check_column(name, column)
        for name, end in (("policy", len(self.policies)), ("where", len(self.places))):
            _check_whole(name, getattr(self, name), end)
        for name in ("seed", "session"):
            _check_whole(name, getattr(self, name), None)

    @property
    def n_steps(self) -> int:
        """Decisions in all episodes."""
        return int(self.offsets[-1])

    @property
    def n_episodes(self) -> int:
        """Episodes."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(E,) decisions of each episode."""
        return np.diff(self.offsets)

    @property
    def returns(self) -> NDArray[np.float64]:
        """(E,) mean reward of a decision of each episode."""
        sums: NDArray[np.float64] = np.add.reduceat(self.array(REWARD).astype(np.float64), self.offsets[:-1])
        return sums / self.lengths

    def array(self, name: str) -> Array:
        """The column of that name, which is not ragged."""
        column = self.columns[name]
        assert not isinstance(column, Ragged), name
        return column

    def take(self, episodes: Array) -> Experience:
        """Some of the episodes, by index or by a mask (E,)."""
        chosen = np.flatnonzero(episodes) if episodes.dtype == bool else episodes
        rows = self.rows(chosen)
        return Experience(
            columns={name: column[rows] for name, column in self.columns.items()},
            offsets=np.concatenate([[0], np.cumsum(self.lengths[chosen])]).astype(np.int64),
            policies=self.policies,
            places=self.places,
            info=self.info,
            **{name: getattr(self, name)[chosen] for name in EPISODES},
        )

    def rows(self, episodes: Array) -> NDArray[np.int64]:
        """Indices of the decisions of these episodes, one episode after another."""
        starts, lengths = self.offsets[:-1][episodes], self.lengths[episodes]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        found: NDArray[np.int64] = np.repeat(starts, lengths) + within
        return found

    def of_policy(self, name: str) -> NDArray[np.bool_]:
        """(E,) which episodes that policy decided."""
        mask: NDArray[np.bool_] = np.array(self.policies)[self.policy] == name
        return mask

    def same_session(self) -> NDArray[np.int64]:
        """(E,) a number for each environment that was met, equal for the episodes that met the same."""
        key = np.stack([self.where.astype(np.int64), self.seed, self.session], axis=1)
        numbers: NDArray[np.int64] = np.unique(key, axis=0, return_inverse=True)[1].reshape(-1)
        return numbers

    def provenance(self) -> Json:
        """Where it came from, as plain JSON types."""
        return {
            **self.info,
            "decisions": self.n_steps,
            "episodes": self.n_episodes,
            "places": list(self.places),
            "seeds": sorted({int(s) for s in self.seed}),
            "policies": self.by_policy(),
        }

    def by_policy(self) -> dict[str, dict[str, float]]:
        """For each policy that played, how many episodes and their mean return."""
        returns, chosen = self.returns, {name: self.policy == i for i, name in enumerate(self.policies)}
        return {
            name: {"episodes": int(own.sum()), "mean_reward": float(returns[own].mean())}
            for name, own in chosen.items()
            if own.any()
        }


def merge(parts: Sequence[Experience]) -> Experience:
    """Several experiences of one task as one.

    Raises:
        ConfigError: they are of different tasks or have different columns.
    """
    first = parts[0]
    for part in parts[1:]:
        for what in ("task", "components"):
            if part.info.get(what) != first.info.get(what):
                raise ConfigError(
                    f"experiences with different {what} cannot be merged: {first.info.get(what)!r} and "
                    f"{part.info.get(what)!r}."
                )
        shapes = [{k: v.shape[1:] for k, v in p.columns.items()} for p in (first, part)]
        if shapes[0] != shapes[1]:
            other = next(
                k for k in sorted(set(shapes[0]) | set(shapes[1])) if shapes[0].get(k) != shapes[1].get(k)
            )
            raise ConfigError(
                f"experiences cannot be merged: column {other!r} has rows of shape {shapes[0].get(other)} in one and "
                f"{shapes[1].get(other)} in another; collect them with the same options."
            )
    policies = tuple(dict.fromkeys(n for p in parts for n in p.policies))
    places = tuple(dict.fromkeys(n for p in parts for n in p.places))

    def renumbered(indices: Array, names: tuple[str, ...], among: tuple[str, ...]) -> Array:
        return np.array([among.index(n) for n in names], dtype=np.int32)[indices]

    return Experience(
        columns={name: concatenated([p.columns[name] for p in parts]) for name in first.columns},
        offsets=np.concatenate([[0], np.cumsum(np.concatenate([p.lengths for p in parts]))]).astype(np.int64),
        policy=np.concatenate([renumbered(p.policy, p.policies, policies) for p in parts]),
        where=np.concatenate([renumbered(p.where, p.places, places) for p in parts]),
        seed=np.concatenate([p.seed for p in parts]),
        session=np.concatenate([p.session for p in parts]),
        policies=policies,
        places=places,
        info=first.info,
    )


def write(folder: Path, experience: Experience) -> None:
    """Write an experience into `folder` in one step."""
    with replacing(folder) as temporary:
        temporary.mkdir()
        episodes = {f"episode.{name}": getattr(experience, name) for name in EPISODES}
        np.savez(
            temporary / COLUMNS,
            allow_pickle=False,
            offsets=experience.offsets,
            **episodes,
            **stored(experience.columns),
        )
        document = {
            "policies": list(experience.policies),
            "places": list(experience.places),
            "info": dict(experience.info),
            "summary": _summary(experience),
        }
        write_folder(
            temporary, DESCRIPTION, SavedExperience.of(document, folder / DESCRIPTION, remedy=REMEDY)
        )


def read_description(folder: Path) -> SavedExperience:
    """The document of an experience, after its arrays were compared with their SHA-256.

    Raises:
        DataError: there is none, or a file is damaged.
        FormatError: unknown format.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise DataError(
            f"{folder}: no experience there ({DESCRIPTION} is missing); give the --out of `netwright collect`."
        )
    document = read_json(path)
    earlier = isinstance(document, dict) and document.get("format_version") == EARLIER_FORMAT
    if earlier:
        document = _upgraded(document)
    check_format_version(document, SavedExperience.FORMAT_VERSION, path)
    saved = unsealed(document, SavedExperience, path, remedy=REMEDY, required=not earlier)
    check_files(folder, saved.files, path, remedy=REMEDY, needed=(COLUMNS,))
    return saved


def read(folder: Path) -> Experience:
    """The experience in a folder: whole, finite, in range, and what its document says.

    Raises:
        DataError: there is none, or it is damaged or was changed.
        FormatError: unknown format.
    """
    saved = read_description(folder)
    try:
        loaded = read_npz(folder / COLUMNS, remedy=REMEDY, fault="damaged")
        episodes = {name: loaded.pop(f"episode.{name}") for name in EPISODES}
        experience = Experience(
            offsets=loaded.pop("offsets"),
            columns=restored(loaded),
            policies=saved.policies,
            places=saved.places,
            info=saved.info,
            **episodes,
        )
    except DataError as error:
        raise DataError(f"{folder / COLUMNS}: {str(error).removeprefix(f'{folder / COLUMNS}: ')}") from None
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"{folder / COLUMNS}: damaged ({error}); {REMEDY}.") from None
    _check_summary(folder, saved, experience)
    return experience


def read_all(folders: Sequence[Path]) -> Experience:
    """The experiences in several folders as one; errors as for `read`."""
    return merge([read(folder) for folder in folders])


def _summary(experience: Experience) -> Json:
    found = experience.provenance()
    return {name: found[name] for name in ExperienceSummary.model_fields}


def _upgraded(document: Details) -> Json:
    """A document of the earlier format, which kept one hash and the origin within the summary, in the present one."""
    found = {k: v for k, v in document.items() if k not in ("format_version", "sha256")}
    if isinstance(found.get("summary"), dict):
        found["summary"] = {k: v for k, v in found["summary"].items() if k in ExperienceSummary.model_fields}
    return found | {
        "format_version": SavedExperience.FORMAT_VERSION,
        "files": {COLUMNS: document.get("sha256")},
    }


def _check_summary(folder: Path, saved: SavedExperience, experience: Experience) -> None:
    found = ExperienceSummary.of(_summary(experience), folder / DESCRIPTION, remedy=REMEDY)
    for name in ExperienceSummary.model_fields:
        stated, counted = getattr(saved.summary, name), getattr(found, name)
        if name == "policies":
            agree = stated.keys() == counted.keys() and all(
                _same_figures(stated[k], counted[k]) for k in stated
            )
        else:
            agree = stated == counted
        if not agree:
            raise DataError(
                f"{folder / DESCRIPTION}: summary.{name} is not what the arrays hold; one was changed, {REMEDY}."
            )


def _same_figures(stated: PolicySummary, counted: PolicySummary) -> bool:
    close = np.isclose(stated.mean_reward, counted.mean_reward, rtol=1e-6, atol=1e-9)
    return stated.episodes == counted.episodes and bool(close)


def _check_column(name: str, column: Column) -> None:
    if isinstance(column, Ragged):
        if name in (*NEEDED, PRIVILEGED, LABELS):
            raise DataError(f"column {name!r} must have rows of one length; {REMEDY}.")
        column = column.values
    if name in (ACTION, TEACHER):
        # One number for each part of a factored action.
        _check_whole(name, column.reshape(-1) if column.ndim == 2 else column, None)
        return
    if column.dtype.kind not in "fiub":
        raise DataError(f"column {name!r} holds {column.dtype}, not numbers; {REMEDY}.")
    if column.dtype.kind == "f" and not np.isfinite(column).all():
        place = [int(i) for i in np.argwhere(~np.isfinite(column))[0]]
        raise DataError(f"column {name!r} holds {column[tuple(place)]} at {place}; {REMEDY}.")
    if name in (REWARD, LABELS, COMPONENTS) and column.dtype.kind != "f":
        raise DataError(f"column {name!r} holds {column.dtype}, not decimal numbers; {REMEDY}.")
    if name == REWARD and column.ndim != 1:
        raise DataError(f"column {name!r} has shape {column.shape}, not one number a decision; {REMEDY}.")
    if name == LABELS:
        _check_labels(column)


def _check_whole(name: str, values: Array, end: int | None) -> None:
    """Whole numbers from 0, below `end`."""
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise DataError(
            f"{name!r} holds {values.dtype} of shape {values.shape}, not whole numbers; {REMEDY}."
        )
    wrong = np.flatnonzero((values < 0) | (values >= end if end is not None else False))
    if len(wrong):
        below = "" if end is None else f" and below {end}"
        raise DataError(
            f"{name!r} is {values[wrong[0]]} at {int(wrong[0])}, must be from 0{below}; {REMEDY}."
        )


def _check_labels(labels: Array) -> None:
    sums = labels.sum(axis=1, dtype=np.float64) if labels.ndim == 2 else None
    if sums is None or (labels < 0.0).any() or (np.abs(sums - 1.0) > PROBABILITY_SUM).any():
        raise DataError(
            f"column {LABELS!r} holds rows that are no probabilities (from 0, with a sum of 1); {REMEDY}."
        )
