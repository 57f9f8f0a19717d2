"""A data area: the origin of its files, their conversion, and the check of its folder."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Progress = Callable[[str], None]
Origin = Literal["copied", "converted", "not public"]


@dataclass(frozen=True, slots=True)
class Source:
    """A public GitHub repository at one commit.

    `commit` may be "HEAD" if none is recorded: the manifest then decides which files are correct.
    """

    repository: str
    commit: str
    license: str

    @property
    def url_path(self) -> str:
        """Path of the archive below the base URL."""
        return f"{self.repository}/tar.gz/{self.commit}"

    @property
    def file_name(self) -> str:
        """Name of the downloaded archive."""
        return f"{self.repository.replace('/', '-')}-{self.commit}.tar.gz"


@dataclass(frozen=True, slots=True)
class Conversion:
    """Files of an area that are made from archive members rather than copied.

    Attributes:
        targets: paths below the area's folder.
        source: the archive with the members.
        members: pattern that fully matches their names (below the repository's root).
        make: converts members by name to the targets' contents; omits a target whose member is missing, raises
            `DataError` for malformed members.
    """

    targets: tuple[str, ...]
    source: Source
    members: re.Pattern[str]
    make: Callable[[Mapping[str, bytes]], Mapping[str, bytes]]


@dataclass(frozen=True, slots=True)
class Finding:
    """An "error" or "warning" about a data folder, and its location."""

    level: Literal["error", "warning"]
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.level}: {self.place}: {self.message}"

    def to_json(self) -> dict[str, str]:
        """A document of plain types."""
        return {"level": self.level, "place": self.place, "message": self.message}


@dataclass(frozen=True)
class Area:
    """One folder of the data layout.

    Files of the manifest that are neither converted nor matched by `not_public` are copies, found in the archives of
    `sources` by their SHA-256.

    Attributes:
        not_public: pairs of a glob pattern and the reason why `fetch` cannot create the matching files.
        check: returns the findings of this area's readers; None compares the files with the manifest.
    """

    name: str
    title: str
    sources: tuple[Source, ...]
    conversions: tuple[Conversion, ...] = ()
    not_public: tuple[tuple[str, str], ...] = ()
    check: Callable[[Path], Sequence[Finding]] | None = None

    def origin(self, path: str) -> Origin:
        """Origin of the file at that path below the area's folder."""
        if self.reason_not_public(path) is not None:
            return "not public"
        return "converted" if any(path in c.targets for c in self.conversions) else "copied"

    def reason_not_public(self, path: str) -> str | None:
        """Why `fetch` cannot create that file, or None if it can."""
        return next((why for pattern, why in self.not_public if fnmatch.fnmatchcase(path, pattern)), None)
