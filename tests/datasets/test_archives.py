from __future__ import annotations

import gzip
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_site import tar_gz

from netwright.core.errors import DataError
from netwright.datasets import archives
from netwright.datasets.archives import DamagedArchiveError, members


def _written(folder: Path, content: bytes) -> Path:
    path = folder / "a.tar.gz"
    path.write_bytes(content)
    return path


def test_names_are_below_the_root_folder(tmp_path: Path) -> None:
    path = _written(tmp_path, tar_gz({"a.txt": b"1", "b/c.txt": b"22"}))
    assert dict(members(path)) == {"a.txt": b"1", "b/c.txt": b"22"}


@pytest.mark.parametrize("name", ["/etc/passwd", "repo/../../escape", "../escape", "repo\\..\\escape"])
def test_name_that_leaves_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    path = _written(tmp_path, tar_gz({name: b"x"}, root=""))
    with pytest.raises(DataError, match="unsafe name"):
        list(members(path))


def test_links_are_never_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    path = _written(tmp_path, tar_gz({"a": b"1"}, links={"link": str(secret), "b": "a"}))
    assert dict(members(path)) == {"a": b"1"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_archive_cut_anywhere_is_noticed(tmp_path: Path, data: st.DataObject) -> None:
    whole = tar_gz({"a": bytes(range(256)) * 9, "b": b"2" * 999})
    path = _written(tmp_path, whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(DamagedArchiveError, match="damaged or truncated"):
        list(members(path))


def test_changed_byte_is_noticed(tmp_path: Path) -> None:
    whole = bytearray(tar_gz({"a": bytes(range(256)) * 99}))
    whole[-6] ^= 1  # in the stored checksum or length
    with pytest.raises(DamagedArchiveError):
        list(members(_written(tmp_path, bytes(whole))))


def test_bombs_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _written(tmp_path, tar_gz({"big": b"0" * 5000, "small": b"1"}))
    monkeypatch.setattr("netwright.datasets.archives.LARGEST_MEMBER_BYTES", 1000)
    assert dict(members(path)) == {"small": b"1"}
    monkeypatch.setattr("netwright.datasets.archives.LARGEST_ARCHIVE_BYTES", 4000)
    with pytest.raises(DataError, match="unpacks to more than"):
        list(members(path))


def _header_bomb(path, size):
    entry = tarfile.TarInfo("././@LongLink")
    entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, size
    path.write_bytes(gzip.compress(entry.tobuf(tarfile.GNU_FORMAT) + bytes(2 << 20)))


@pytest.mark.parametrize("size", [(1 << 20) + 1, 8 << 30])
def test_a_header_of_no_plausible_size_is_refused(tmp_path, size):
    path = tmp_path / "a.tar.gz"
    _header_bomb(path, size)
    with pytest.raises(archives.DamagedArchiveError, match=f"a header of {size} bytes"):
        list(archives.members(path))


def test_a_gzip_bomb_is_refused_before_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "SMALL_BYTES", 1 << 20)
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(bytes(64 << 20)))
    with pytest.raises(DataError, match="unpacks to more than"):
        list(archives.members(path))


@pytest.mark.timeout(10)
def test_what_is_no_plain_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", tmp_path):
        with pytest.raises(DataError, match="not a plain file"):
            list(archives.members(place))


def test_an_archive_without_a_file_is_refused(tmp_path):
    """Zeros alone are a valid, empty tar."""
    path = _written(tmp_path, gzip.compress(bytes(20_480)))
    with pytest.raises(DamagedArchiveError, match="holds no file"):
        list(members(path))
