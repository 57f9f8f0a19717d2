"""Create a data folder from the public archives; only files confirmed by the manifest are written."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from netwright.core.errors import DataError
from netwright.core.files import replacing
from netwright.core.reading import read_bytes
from netwright.core.types import Json
from netwright.datasets import area, area_names
from netwright.datasets.archives import DamagedArchiveError, members
from netwright.datasets.area import Area, Conversion, Progress, Source
from netwright.datasets.download import download
from netwright.datasets.manifest import Manifest, content_hash, read_manifest

BASE_URL = "https://codeload.github.com"
DOWNLOADS = ".downloads"


@dataclass
class AreaFetch:
    """Result of one area: paths below its folder, with a reason for each file not created."""

    area: str
    present: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    not_public: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> Json:
        """A document of plain types."""
        return {
            "area": self.area,
            "present": self.present,
            "made": self.made,
            "failed": self.failed,
            "not_public": self.not_public,
        }


def fetch(
    out: Path,
    names: Sequence[str] = (),
    *,
    base_url: str = BASE_URL,
    progress: Progress = lambda message: None,
    pause_s: float = 1.0,
) -> list[AreaFetch]:
    """Download and convert data areas into `<out>/<area>`; existing correct files are kept.

    Each file is written atomically, after its content hash was found in the manifest. Archives stay in
    `<out>/.downloads` until every area is complete, so that an interrupted run continues with them.

    Args:
        out: the data folder; created if absent.
        names: areas; all if empty.
        base_url: prefix of `<owner>/<repository>/tar.gz/<commit>`.
        progress: called with lines about the progress.
        pause_s: delay before the first retry of a failed download.

    Raises:
        DataError: a download failed permanently, or an archive is unsafe or remains damaged.
        UnknownNameError: there is no such area.
    """
    chosen = [area(name) for name in dict.fromkeys(names or area_names())]
    manifests = {a.name: read_manifest(a.name) for a in chosen}
    results = {a.name: _what_is_there(a, manifests[a.name], out / a.name) for a in chosen}
    run = _Run(out, base_url.rstrip("/"), progress, pause_s, manifests, results)
    users: dict[Source, list[Area]] = defaultdict(list)
    for a in chosen:
        if run.missing(a):
            for source in a.sources:
                users[source].append(a)
    errors: list[DataError] = []
    for source, areas in users.items():
        try:
            run.use(source, areas)
        except DataError as error:  # other sources are independent of this one
            progress(str(error))
            errors.append(error)
    if errors:
        raise errors[0]
    for a in chosen:
        results[a.name].failed |= dict.fromkeys(run.missing(a), "no such content in the public archives")
    if not any(result.failed for result in results.values()):
        run.clean(users)
    return list(results.values())


def _what_is_there(found: Area, manifest: Manifest, folder: Path) -> AreaFetch:
    result = AreaFetch(found.name)
    for path, expected in manifest.hashes.items():
        if (folder / path).is_file() and _matches(path, read_bytes(folder / path), expected):
            result.present.append(path)
        elif (why := found.reason_not_public(path)) is not None:
            result.not_public[path] = why
    return result


@dataclass(frozen=True)
class _Run:
    """One call of `fetch`: its arguments, and the manifests and results by area."""

    out: Path
    base_url: str
    progress: Progress
    pause_s: float
    manifests: Mapping[str, Manifest]
    results: Mapping[str, AreaFetch]

    def missing(self, found: Area) -> list[str]:
        """Public files of an area that are neither created nor failed yet."""
        result = self.results[found.name]
        settled = {*result.present, *result.made, *result.failed}
        return [p for p in self.manifests[found.name].paths("copied", "converted") if p not in settled]

    def use(self, source: Source, areas: Sequence[Area]) -> None:
        """Download an archive unless present, and use it; a damaged archive is downloaded once more."""
        archive = self.out / DOWNLOADS / source.file_name
        for attempt in (1, 2):
            if not archive.exists():
                self.progress(f"downloading {source.repository} at {source.commit}")
                url = f"{self.base_url}/{source.url_path}"
                download(url, archive, progress=self.progress, pause_s=self.pause_s)
            self.progress(f"reading {source.repository}")
            try:
                self.take(source, archive, areas)
                return
            except DamagedArchiveError:
                archive.unlink()
                if attempt == 2:
                    raise
                self.progress(f"{archive}: damaged, downloading it again")

    def take(self, source: Source, archive: Path, areas: Sequence[Area]) -> None:
        """One pass over an archive: copy missing files, and convert members."""
        copies: dict[str, list[tuple[Area, str]]] = defaultdict(list)  # content hash -> target paths
        waiting: list[tuple[Area, Conversion, dict[str, bytes]]] = []
        for a in areas:
            missing = set(self.missing(a))
            for path in missing.intersection(self.manifests[a.name].paths("copied")):
                copies[self.manifests[a.name].hashes[path]].append((a, path))
            waiting += [
                (a, c, {}) for c in a.conversions if c.source == source and missing.intersection(c.targets)
            ]
        for name, content in members(archive):
            for a, path in copies.pop(hashlib.sha256(content).hexdigest(), ()):
                _write(self.out / a.name / path, content)
                self.results[a.name].made.append(path)
            for _, conversion, inputs in waiting:
                if conversion.members.fullmatch(name):
                    inputs[name] = content
        for a, conversion, inputs in waiting:
            self.convert(a, conversion, inputs)

    def convert(self, found: Area, conversion: Conversion, inputs: Mapping[str, bytes]) -> None:
        """Create missing targets; a target that does not match the manifest is not written."""
        manifest, result = self.manifests[found.name], self.results[found.name]
        targets = [path for path in self.missing(found) if path in conversion.targets]
        try:
            if not inputs:
                raise DataError(f"{conversion.source.repository} contains no {conversion.members.pattern}.")
            made = conversion.make(inputs)
        except DataError as error:
            result.failed |= dict.fromkeys(targets, str(error))
            return
        for path in targets:
            if path not in made:
                result.failed[path] = f"{conversion.source.repository} no longer contains its sources"
            elif _matches(path, made[path], manifest.hashes[path]):
                _write(self.out / found.name / path, made[path])
                result.made.append(path)
            else:
                result.failed[path] = (
                    f"created from {conversion.source.repository}, but its SHA-256 differs from the manifest "
                    f"({manifest.hashes[path][:12]}..): the public source has changed"
                )

    def clean(self, sources: Iterable[Source]) -> None:
        """Remove the archives, and their folder if it is empty."""
        for source in sources:
            (self.out / DOWNLOADS / source.file_name).unlink(missing_ok=True)
        if (self.out / DOWNLOADS).is_dir() and not any((self.out / DOWNLOADS).iterdir()):
            (self.out / DOWNLOADS).rmdir()


def _matches(path: str, content: bytes, expected: str) -> bool:
    try:
        return content_hash(path, content) == expected
    except DataError:
        return False


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)
