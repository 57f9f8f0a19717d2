"""Experience: whole episodes of decisions, as columns, with who decided, where and from which seed (Eq. 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.array_files import read_npz
from netwright.core.errors import ConfigError, DataError
from netwright.core.files import check_format_version, read_json, replacing, sha256_of_file, write_json

FORMAT_VERSION = 1
DESCRIPTION = "experience.json"
COLUMNS = "columns.npz"

ACTION, REWARD, COMPONENTS, PRIVILEGED, LABELS = "action", "reward", "components", "privileged", "labels"
NEEDED = (ACTION, REWARD, COMPONENTS)
OBSERVATION = "observation."
EPISODES = ("policy", "where", "seed", "session")  # what is known of each episode

Array = NDArray[Any]


@dataclass(frozen=True)
class Experience:
    """Episodes one after another: N decisions in E episodes.

    Attributes:
        columns: arrays of N rows: `observation.<piece>`, `action`, `reward` (the scalar that counts), `components`
            (N, K) its parts in their own units, and where there are such: `privileged` (what only a critic may
            see in training), `labels` (N, L) the mean probabilities that teachers gave to each choice.
        offsets: (E + 1,) where each episode begins, and the end of the last.
        policy, where: (E,) index into `policies` and `places`.
        seed, session: (E,) seed of the collection, and the session's number: episodes with the same place, seed
            and session met the same environment.
        policies, places: names.
        info: what else is known, as plain JSON types: the task, the names of the components, the source of the data.
    """

    columns: Mapping[str, Array] = field(repr=False)
    offsets: NDArray[np.int64] = field(repr=False)
    policy: NDArray[np.int32] = field(repr=False)
    where: NDArray[np.int32] = field(repr=False)
    seed: NDArray[np.int64] = field(repr=False)
    session: NDArray[np.int64] = field(repr=False)
    policies: tuple[str, ...]
    places: tuple[str, ...]
    info: Mapping[str, Any]

    def __post_init__(self) -> None:
        absent = [c for c in NEEDED if c not in self.columns]
        if absent:
            raise DataError(f"the experience lacks the column {absent[0]!r}; collect it again.")
        n_steps, n_episodes = int(self.offsets[-1]), len(self.offsets) - 1
        if n_episodes < 1 or self.offsets[0] or (np.diff(self.offsets) < 1).any():
            raise DataError("an experience needs at least one episode, and each at least one decision.")
        for name, column in self.columns.items():
            if len(column) != n_steps:
                raise DataError(
                    f"column {name!r} has {len(column)} rows, the episodes have {n_steps} decisions."
                )
        for name in EPISODES:
            if len(getattr(self, name)) != n_episodes:
                raise DataError(f"{name!r} is known of {len(getattr(self, name))} episodes of {n_episodes}.")

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
        sums: NDArray[np.float64] = np.add.reduceat(
            self.columns[REWARD].astype(np.float64), self.offsets[:-1]
        )
        return sums / self.lengths

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

    def provenance(self) -> dict[str, Any]:
        """Where it came from, as plain JSON types: for each policy, how many episodes and their mean return."""
        returns, chosen = self.returns, [self.policy == i for i in range(len(self.policies))]
        return {
            **self.info,
            "decisions": self.n_steps,
            "episodes": self.n_episodes,
            "places": list(self.places),
            "seeds": sorted({int(s) for s in self.seed}),
            "policies": {
                name: {"episodes": int(own.sum()), "mean_reward": float(returns[own].mean())}
                for name, own in zip(self.policies, chosen, strict=True)
                if own.any()
            },
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
        columns={name: np.concatenate([p.columns[name] for p in parts]) for name in first.columns},
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
            **experience.columns,
        )
        document = {
            "format_version": FORMAT_VERSION,
            "policies": list(experience.policies),
            "places": list(experience.places),
            "info": dict(experience.info),
            "sha256": sha256_of_file(temporary / COLUMNS),
            "summary": experience.provenance(),
        }
        write_json(temporary / DESCRIPTION, document)


def read(folder: Path) -> Experience:
    """The experience in a folder.

    Raises:
        DataError: there is none, or it is damaged.
        FormatError: it is of a format that this release does not know.
    """
    if not (folder / DESCRIPTION).is_file():
        raise DataError(
            f"{folder}: no experience there ({DESCRIPTION} is missing); give the --out of `netwright collect`."
        )
    document = read_json(folder / DESCRIPTION)
    check_format_version(document, FORMAT_VERSION, folder / DESCRIPTION)
    try:
        loaded = read_npz(folder / COLUMNS, remedy="collect it again", fault="damaged")
        episodes = {name: loaded.pop(f"episode.{name}") for name in EPISODES}
        return Experience(
            columns={k: v for k, v in loaded.items() if k != "offsets"},
            offsets=loaded["offsets"],
            policies=tuple(document["policies"]),
            places=tuple(document["places"]),
            info=document["info"],
            **episodes,
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"{folder / COLUMNS}: damaged ({error}); collect it again.") from None


def read_all(folders: Sequence[Path]) -> Experience:
    """The experiences in several folders as one; errors as for `read`."""
    return merge([read(folder) for folder in folders])
