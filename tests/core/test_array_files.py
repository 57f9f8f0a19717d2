import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from netwright.core import array_files
from netwright.core.errors import DataError


def _npz(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def _npy(shape: str, dtype: str = "<f8", data: bytes = b"") -> bytes:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def _zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_arrays_come_back(tmp_path):
    arrays = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.array(["x", "yz"]),
        "c": np.array(True),
        "e": np.empty(0),
    }
    found = array_files.read_npz(_npz(tmp_path / "a.npz", **arrays), remedy="x")
    assert sorted(found) == sorted(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (_npy("(1000000000000,)"), "do not fit"),
        (_npy("(-1,)", data=bytes(8)), "declares the shape"),
        (_npy("(1,)", dtype="|O", data=bytes(8)), "not plain numbers"),
        (_npy("(1,)", dtype="<c16", data=bytes(16)), "not plain numbers"),
        (_npy("(1,", data=bytes(8)), "damaged"),
        (_npy("(True,)", data=bytes(8)), "damaged"),
        (b"\x93NUMPY\x09\x00", "damaged"),
        (b"", "damaged"),
    ],
)
def test_a_member_that_declares_what_it_is_not_is_refused(tmp_path, member, message):
    path = _zip(tmp_path / "a.npz", {"a.npy": member})
    with pytest.raises(DataError, match=f"{message}.*; fetch it again"):
        array_files.read_npz(path, remedy="fetch it again")


def test_a_bomb_is_refused_by_what_it_declares(tmp_path):
    n = 20 << 20
    path = _zip(tmp_path / "bomb.npz", {"a.npy": _npy(f"({n},)", data=bytes(8 * n))})
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DataError, match="unpacks to 160 MiB, above the limit of 64 MiB"):
        array_files.read_npz(path, remedy="x")


def test_members_that_are_no_arrays_and_nan_are_refused(tmp_path):
    with pytest.raises(DataError, match="not an array"):
        array_files.read_npz(_zip(tmp_path / "a.npz", {"readme.txt": b"x"}), remedy="x")
    bad = _npz(tmp_path / "b.npz", a=np.array([[0.0, 1.0], [np.inf, 0.0]]))
    with pytest.raises(DataError, match=r"array 'a': inf at \[1, 0\] is not a finite number"):
        array_files.read_npz(bad, remedy="x")
    assert np.isinf(array_files.read_npz(bad, remedy="x", finite=False)["a"]).any()


def test_every_flipped_byte_gives_the_arrays_or_one_sentence(tmp_path):
    path = _npz(tmp_path / "a.npz", a=np.arange(5), b=np.arange(3.0))
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x41]) + content[place + 1 :])
        try:
            found = array_files.read_npz(path, remedy="x")
        except DataError:
            continue
        for name, wanted in {"a": np.arange(5), "b": np.arange(3.0)}.items():
            if name in found:
                np.testing.assert_array_equal(found[name], wanted)


def test_npy(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(4.0))
    np.testing.assert_array_equal(array_files.read_npy(tmp_path / "a.npy", remedy="x"), np.arange(4.0))
    for content in (b"", _npy("(9999999999999,)"), _npy("(1,)", data=struct.pack("<d", np.nan))):
        with pytest.raises(DataError):
            array_files.npy_of_bytes(content, "a.npy", remedy="x")


def test_a_table_comes_back_with_its_metadata(tmp_path):
    table = pa.table({"a": [1.0, 2.0], "b": [[1.0], [2.0, 3.0]]}).replace_schema_metadata({"k": "v"})
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd")
    found = array_files.read_table(tmp_path / "a.parquet", remedy="x")
    assert found.equals(table)
    assert found.schema.metadata[b"k"] == b"v"


def test_a_table_that_unpacks_to_too_much_is_refused(tmp_path):
    pq.write_table(pa.table({"a": np.zeros(1 << 20)}), tmp_path / "a.parquet", compression="zstd")
    assert (tmp_path / "a.parquet").stat().st_size < 1 << 16
    with pytest.raises(DataError, match="unpacks to 8 MiB, above the limit of 1 MiB"):
        array_files.read_table(tmp_path / "a.parquet", remedy="x", limit=1 << 20)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"x" * 1000])
def test_what_is_no_parquet_is_refused(tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.parquet: damaged or not parquet .*; build it again"):
        array_files.read_table(tmp_path / "a.parquet", remedy="build it again")


def _safetensors(path: Path, header: object, data: bytes = b"", length: int | None = None) -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def test_the_header_of_safetensors(tmp_path):
    entry = {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]}
    path = _safetensors(tmp_path / "a.safetensors", {"a": entry, "__metadata__": {"k": "v"}}, bytes(8))
    tensors, metadata = array_files.safetensors_header(path, remedy="x")
    assert tensors == {"a": array_files.TensorHeader("F32", (2, 1))}
    assert metadata == {"k": "v"}


@pytest.mark.parametrize(
    ("header", "length"),
    [
        ({"a": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 8]}}, None),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 800]}}, None),
        ({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}, None),
        ({"a": {"dtype": "F32"}}, None),
        ({"a": 1}, None),
        ([], None),
        ({}, 1 << 60),
        ({}, 0),
    ],
)
def test_a_header_that_does_not_fit_is_refused(tmp_path, header, length):
    path = _safetensors(tmp_path / "a.safetensors", header, bytes(8), length)
    with pytest.raises(DataError, match=r"a\.safetensors: damaged .*; adapt again"):
        array_files.safetensors_header(path, remedy="adapt again")


def test_an_archive_in_memory():
    stream = io.BytesIO()
    np.savez_compressed(stream, a=np.arange(3))
    np.testing.assert_array_equal(
        array_files.npz_of_bytes(stream.getvalue(), "m", remedy="x")["a"], np.arange(3)
    )
    with pytest.raises(DataError, match=r"^m: "):
        array_files.npz_of_bytes(stream.getvalue()[:-30], "m", remedy="x")
