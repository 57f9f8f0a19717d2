"""Makes a data folder from the public archives, and trusts no file that the manifest does not confirm."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netwright.core.errors import DataError
from netwright.core.files import replacing
from netwright.datasets import area, area_names
from netwright.datasets.archives import DamagedArchiveError, members
from netwright.datasets.area import Area, Conversion, Progress, Source
from netwright.datasets.download import download
from netwright.datasets.manifest import Manifest, content_hash, read_manifest

BASE_URL = "https://codeload.github.com"
DOWNLOADS = ".downloads"


@dataclass
class AreaFetch:
    """What became of one area: paths below its folder, and for those that were not made, why."""

    area: str
    present: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    not_public: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
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
    """Download and convert data areas into `<out>/<area>`; what is already there and right is left alone.

    Each file is written in one step, after its content hash was found in the manifest. Archives lie in
    `<out>/.downloads` until every area is complete, so that a run that was interrupted goes on from there.

    Args:
        out: the data folder; made if absent.
        names: areas; all if empty.
        base_url: what stands before `<owner>/<repository>/tar.gz/<commit>`.
        progress: told what happens.
        pause_s: wait before the first new attempt at a download that failed.

    Raises:
        DataError: a download failed for good, or an archive is unsafe or stays damaged.
        UnknownNameError: there is no such area.
    """
    areas = [area(name) for name in dict.fromkeys(names or area_names())]
    manifests = {a.name: read_manifest(a.name) for a in areas}
    results = {a.name: _what_is_there(a, manifests[a.name], out / a.name) for a in areas}
    by_source: dict[Source, list[Area]] = defaultdict(list)
    for a in areas:
        if _still_missing(manifests[a.name], results[a.name]):
            for source in a.sources:
                by_source[source].append(a)
    for source, users in by_source.items():
        archive = out / DOWNLOADS / source.file_name
        for attempt in ("first", "last"):
            if not archive.exists():
                progress(f"downloading {source.repository} at {source.commit}")
                download(
                    f"{base_url.rstrip('/')}/{source.url_path}", archive, progress=progress, pause_s=pause_s
                )
            try:
                progress(f"reading {source.repository}")
                _take(source, archive, users, manifests, results, out)
                break
            except DamagedArchiveError:
                archive.unlink()
                if attempt == "last":
                    raise
                progress(f"{archive}: damaged, downloading it again")
    for a in areas:
        result = results[a.name]
        for path in _still_missing(manifests[a.name], result):
            result.failed[path] = "no file of this content is in the public archives"
    if not any(result.failed for result in results.values()):
        _clean(out / DOWNLOADS, by_source)
    return list(results.values())


def _what_is_there(found: Area, manifest: Manifest, folder: Path) -> AreaFetch:
    result = AreaFetch(found.name)
    for path, expected in manifest.hashes.items():
        if (folder / path).is_file() and _matches(path, (folder / path).read_bytes(), expected):
            result.present.append(path)
        elif (why := found.reason_not_public(path)) is not None:
            result.not_public[path] = why
    return result


def _still_missing(manifest: Manifest, result: AreaFetch) -> list[str]:
    settled = {*result.present, *result.made, *result.failed}
    return [path for path in manifest.paths("copied", "converted") if path not in settled]


def _take(
    source: Source,
    archive: Path,
    areas: Sequence[Area],
    manifests: Mapping[str, Manifest],
    results: Mapping[str, AreaFetch],
    out: Path,
) -> None:
    """One pass over an archive: copies the files that some area lacks, and converts what can be converted."""
    copies: dict[str, list[tuple[Area, str]]] = defaultdict(list)  # content hash -> where it belongs
    waiting: list[tuple[Area, Conversion, dict[str, bytes]]] = []
    for a in areas:
        missing = set(_still_missing(manifests[a.name], results[a.name]))
        for path in missing.intersection(manifests[a.name].paths("copied")):
            copies[manifests[a.name].hashes[path]].append((a, path))
        waiting += [
            (a, c, {}) for c in a.conversions if c.source == source and missing.intersection(c.targets)
        ]
    for name, content in members(archive):
        for a, path in copies.pop(hashlib.sha256(content).hexdigest(), ()):
            _write(out / a.name / path, content)
            results[a.name].made.append(path)
        for _, conversion, inputs in waiting:
            if conversion.members.fullmatch(name):
                inputs[name] = content
    for a, conversion, inputs in waiting:
        _convert(conversion, inputs, manifests[a.name], results[a.name], out / a.name)


def _convert(
    conversion: Conversion, inputs: Mapping[str, bytes], manifest: Manifest, result: AreaFetch, folder: Path
) -> None:
    try:
        if not inputs:
            raise DataError(f"{conversion.source.repository} holds no {conversion.members.pattern}.")
        made = conversion.make(inputs)
    except DataError as error:
        result.failed |= {path: str(error) for path in conversion.targets if path in manifest.hashes}
        return
    for path in conversion.targets:
        if path not in manifest.hashes or path in result.present:
            continue
        if path not in made:
            result.failed[path] = f"{conversion.source.repository} no longer holds what it is made from"
        elif _matches(path, made[path], manifest.hashes[path]):
            _write(folder / path, made[path])
            result.made.append(path)
        else:
            result.failed[path] = (
                f"made from {conversion.source.repository}, but its SHA-256 is not the manifest's "
                f"({manifest.hashes[path][:12]}..): the public source has changed"
            )


def _matches(path: str, content: bytes, expected: str) -> bool:
    try:
        return content_hash(path, content) == expected
    except DataError:
        return False


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _clean(downloads: Path, sources: Mapping[Source, object]) -> None:
    for source in sources:
        (downloads / source.file_name).unlink(missing_ok=True)
    if downloads.is_dir() and not any(downloads.iterdir()):
        downloads.rmdir()
