"""Read a repository's archive without unpacking it, so that its paths are never used for writing."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from netwright.core.errors import DataError
from netwright.core.reading import opened, size_in_words

LARGEST_MEMBER_BYTES = 256 << 20
LARGEST_ARCHIVE_BYTES = 16 << 30
LARGEST_RATIO = 100  # ratio of unpacked to packed size above SMALL_BYTES; archives of text stay below 20
SMALL_BYTES = 256 << 20
LARGEST_HEADER_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 20
_LONG_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class DamagedArchiveError(DataError):
    """The archive is truncated or damaged; downloading it again may help."""


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name (below the repository's root folder) and content of each regular file of a `.tar.gz`.

    Links, devices and files above `LARGEST_MEMBER_BYTES` are skipped. The whole stream is read, so that its checksum
    is verified.

    Raises:
        DamagedArchiveError: cut short, empty, or not a tar.gz.
        DataError: not a regular file, a name that leaves the archive's folder, or more unpacked than is plausible.
    """
    try:
        with opened(path, limit=LARGEST_ARCHIVE_BYTES) as file, gzip.GzipFile(fileobj=file) as unpacked:
            stream = _Bounded(unpacked, path)
            empty = True
            with tarfile.open(fileobj=stream, mode="r|", tarinfo=_SmallHeaders) as archive:
                for member in archive:
                    empty = False
                    name = PurePosixPath(member.name)
                    if name.is_absolute() or ".." in name.parts or "\\" in member.name:
                        raise DataError(
                            f"{path}: contains the unsafe name {member.name!r}; do not use this archive."
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
            if empty:
                raise DamagedArchiveError(f"{path}: holds no file; fetch it again.")
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError, OverflowError) as error:
        raise DamagedArchiveError(f"{path}: damaged or truncated ({error}); fetch it again.") from None


class _Bounded(io.RawIOBase):
    """An unpacked stream that raises an error when it exceeds the plausible size for its archive."""

    def __init__(self, unpacked: gzip.GzipFile, path: Path) -> None:
        super().__init__()
        self._unpacked, self._path, self._n_bytes = unpacked, path, 0
        plausible = max(SMALL_BYTES, LARGEST_RATIO * path.stat().st_size)
        self._limit = min(LARGEST_ARCHIVE_BYTES, plausible)

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        content = self._unpacked.read(size)
        self._n_bytes += len(content)
        if self._n_bytes > self._limit:
            raise DataError(
                f"{self._path}: unpacks to more than {size_in_words(self._limit)}, an implausible size; "
                "do not use it."
            )
        return content


class _SmallHeaders(tarfile.TarInfo):
    """Refuses implausibly large extended headers, which would be read into memory."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.size < 0 or (self.type in _LONG_HEADERS and self.size > LARGEST_HEADER_BYTES):
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        found: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return found
