"""SHA-256 manifests of the files in a data folder.

The hash covers a file's content, independent of its compression: an `.npz` by its arrays (name, dtype, shape and bytes,
in the order of the names; zlib versions compress the same arrays differently), a `.json` by its values (keys sorted, no
blanks), any other file by its bytes.

`python -m netwright.datasets.manifest DATA` creates the packaged manifests from a folder known to be correct.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import get_args

import numpy as np

from netwright.core.array_files import npz_of_bytes
from netwright.core.errors import DataError
from netwright.core.files import check_format_version, plain_files, read_json, write_json
from netwright.core.reading import parse_json, read_bytes
from netwright.datasets import area, area_names
from netwright.datasets.area import Area, Finding, Origin

FORMAT_VERSION = 1
NOTES = "README.md"  # of a folder: prose, not data


@dataclass(frozen=True)
class Manifest:
    """Expected files of an area: content hash and origin by path below the folder."""

    hashes: dict[str, str]
    origins: dict[str, Origin]

    def paths(self, *origins: Origin) -> list[str]:
        """Paths of those origins."""
        return [path for path, origin in self.origins.items() if origin in origins]


def content_hash(name: str, data: bytes) -> str:
    """SHA-256 of a file's content, as defined by this module for the extension of the file.

    Raises:
        DataError: the file is damaged (an archive that cannot be read, text that is not JSON).
    """
    if name.endswith(".npz"):
        return _hash_of_arrays(name, data)
    if name.endswith(".json"):
        document = parse_json(data, name)
        data = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(data).hexdigest()


def _hash_of_arrays(name: str, data: bytes) -> str:
    digest = hashlib.sha256()
    for key, values in sorted(npz_of_bytes(data, name, remedy="fetch it again", finite=False).items()):
        array = np.ascontiguousarray(values)
        digest.update(f"{key} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def read_manifest(area_name: str) -> Manifest:
    """The packaged manifest of an area."""
    path = Path(str(resources.files("netwright.datasets") / "manifests" / f"{area_name}.json"))
    document = read_json(path)
    check_format_version(document, FORMAT_VERSION, path)
    hashes: dict[str, str] = {}
    origins: dict[str, Origin] = {}
    for origin in get_args(Origin):
        hashes |= document[origin]
        origins |= dict.fromkeys(document[origin], origin)
    return Manifest(hashes, origins)


def differences(found: Area, folder: Path, *, absent: bool = True) -> Iterator[Finding]:
    """Files of the manifest that differ in `folder` or, with `absent`, are missing.

    A missing file that `fetch` cannot create is a warning; everything else is an error.
    """
    manifest = read_manifest(found.name)
    for path, expected in sorted(manifest.hashes.items()):
        place = folder / path
        if not place.is_file():
            if not absent:
                continue
            why = found.reason_not_public(path)
            if why is None:
                yield Finding("error", str(place), "missing; run `netwright data fetch`.")
            else:
                yield Finding("warning", str(place), f"missing; not public ({why}).")
            continue
        try:
            actual = content_hash(str(place), read_bytes(place))
        except DataError as error:
            yield Finding("error", str(place), str(error).removeprefix(f"{place}: "))
            continue
        if actual != expected:
            yield Finding(
                "error",
                str(place),
                f"changed: SHA-256 is {actual[:12]}.. instead of {expected[:12]}..; fetch it again.",
            )


def make_manifest(found: Area, folder: Path, out: Path) -> None:
    """Write the manifest of the area's files in `folder` to `out`."""
    sections: dict[str, dict[str, str]] = {origin: {} for origin in get_args(Origin)}
    for file in plain_files(folder):
        path = str(PurePosixPath(file.relative_to(folder)))
        if file.name != NOTES:
            sections[found.origin(path)][path] = content_hash(str(file), read_bytes(file))
    write_json(out, {"format_version": FORMAT_VERSION, **sections})


def main(arguments: Sequence[str]) -> None:
    """Create every packaged manifest from the data folder named by the first argument."""
    (data,) = arguments
    for name in area_names():
        make_manifest(area(name), Path(data) / name, Path(__file__).parent / "manifests" / f"{name}.json")


if __name__ == "__main__":
    main(sys.argv[1:])
