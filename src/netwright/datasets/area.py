"""What a data area is: where its files come from, how they are made, and how a folder of it is checked."""

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

    `commit` may be "HEAD" where no commit is on record: the manifest then decides which files are right.
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
        source: the archive that holds the members.
        members: what their names (below the repository's root) must match in full.
        make: from members by name to the targets' contents; leaves out a target that lacks its member, raises
            `DataError` if members are not as expected.
    """

    targets: tuple[str, ...]
    source: Source
    members: re.Pattern[str]
    make: Callable[[Mapping[str, bytes]], Mapping[str, bytes]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a data folder ("error") or worth knowing ("warning"), and its place."""

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

    Files of the manifest that no conversion makes and `not_public` does not match are copies, found in the
    archives of `sources` by their SHA-256.

    Attributes:
        not_public: pairs of a glob pattern and why `fetch` cannot make the files that match.
        check: what this area's readers refuse of a folder; None compares its files with the manifest.
    """

    name: str
    title: str
    sources: tuple[Source, ...]
    conversions: tuple[Conversion, ...] = ()
    not_public: tuple[tuple[str, str], ...] = ()
    check: Callable[[Path], Sequence[Finding]] | None = None

    def origin(self, path: str) -> Origin:
        """Where the file at that path below the area's folder comes from."""
        if self.reason_not_public(path) is not None:
            return "not public"
        return "converted" if any(path in c.targets for c in self.conversions) else "copied"

    def reason_not_public(self, path: str) -> str | None:
        """Why `fetch` cannot make that file, or None if it can."""
        return next((why for pattern, why in self.not_public if fnmatch.fnmatchcase(path, pattern)), None)
