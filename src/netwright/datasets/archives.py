"""Reading a repository's archive without unpacking it: nothing in it can choose where a byte is written."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from netwright.core.errors import DataError

LARGEST_MEMBER_BYTES = 256 << 20
LARGEST_ARCHIVE_BYTES = 16 << 30
_CHUNK_BYTES = 1 << 20


class DamagedArchiveError(DataError):
    """The archive is cut short or its bytes are wrong; downloading it again may help."""


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name (below the repository's root folder) and content of each regular file of a `.tar.gz`.

    Links and devices are passed over, never followed; so is a file above `LARGEST_MEMBER_BYTES`, which no
    data file is. The whole stream is read, so that its checksum is verified.

    Raises:
        DamagedArchiveError: cut short, or not a tar.gz.
        DataError: a name that leaves the archive's folder, or more than `LARGEST_ARCHIVE_BYTES` unpacked.
    """
    try:
        with gzip.open(path) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for member in archive:
                    name = PurePosixPath(member.name)
                    if name.is_absolute() or ".." in name.parts or "\\" in member.name:
                        raise DataError(
                            f"{path}: holds the unsafe name {member.name!r}; do not use this archive."
                        )
                    if member.offset_data + member.size > LARGEST_ARCHIVE_BYTES:
                        raise DataError(
                            f"{path}: unpacks to more than {LARGEST_ARCHIVE_BYTES >> 30} GiB; do not use it."
                        )
                    if member.isreg() and member.size <= LARGEST_MEMBER_BYTES and len(name.parts) > 1:
                        content = archive.extractfile(member)
                        assert content is not None
                        yield "/".join(name.parts[1:]), content.read()
            while stream.read(_CHUNK_BYTES):
                pass
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedArchiveError(f"{path}: damaged or cut short ({error}); fetch it again.") from None
