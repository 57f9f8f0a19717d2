"""A web site of the tests and the archives that it serves."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Site:
    """What the server has and how it behaves; `requests` records path and Range header of each request."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    cut_after: list[int] = field(
        default_factory=list
    )  # bytes of each of the first answers, then the line breaks
    statuses: list[int] = field(default_factory=list)  # of the first answers, instead of the file
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


def tar_gz(
    files: Mapping[str, bytes], *, links: Mapping[str, str] | None = None, root: str = "repo-1"
) -> bytes:
    """A repository's archive: everything in one root folder, as code hosts pack it."""
    stream = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, content in files.items():
            info = tarfile.TarInfo(f"{root}/{name}" if root else name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(f"{root}/{name}")
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return stream.getvalue()
