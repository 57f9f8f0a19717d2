"""Untrusted array files (npz, npy, parquet, safetensors): sizes are checked from headers before allocation."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import DataError
from netwright.core.reading import MAX_BINARY_BYTES, decoding, opened, parse_json, read_bytes, size_in_words

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ARRAY_BYTES = 4 << 30
MAX_TABLE_BYTES = 256 << 20
MAX_TENSOR_BYTES = 64 << 30
MAX_MEMBERS = 4096
LARGEST_RATIO = 100  # ratio of unpacked to packed size above SMALL_BYTES; real arrays stay below 10
SMALL_BYTES = 64 << 20

_HEADER_BYTES = 32 << 20  # of safetensors
_ITEM_BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8}
_ITEM_BITS |= {"U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8, "F8_E4M3": 8, "F8_E5M2": 8, "C64": 64}


RawArray = NDArray[Any]
"""An array of any type."""

Arrays = dict[str, RawArray]
"""Arrays by name."""


@dataclass(frozen=True, slots=True)
class TensorHeader:
    """What a safetensors file declares about one tensor."""

    dtype: str  # "F32", "BF16", ..
    shape: tuple[int, ...]


def read_npz(
    path: Path,
    *,
    remedy: str,
    limit: int = MAX_ARRAY_BYTES,
    finite: bool = True,
    fault: str = "damaged or not an archive of arrays",
) -> Arrays:
    """All arrays of an npz archive by name.

    Args:
        remedy: what the user can do about an invalid file; ends the error message.
        limit: total size of all arrays in bytes.
        finite: whether NaN and infinity are refused.
        fault: description of an archive that cannot be read.

    Raises:
        MissingFileError: the file does not exist.
        DataError: damaged, too large, of another kind, or an array contains NaN or infinity.
    """
    with opened(path, remedy=remedy) as stream:
        return _arrays(stream, path, remedy, limit=limit, finite=finite, fault=fault)


def npz_of_bytes(
    content: bytes,
    where: object,
    *,
    remedy: str,
    limit: int = MAX_ARRAY_BYTES,
    finite: bool = True,
    fault: str = "damaged or not an archive of arrays",
) -> Arrays:
    """Like `read_npz`, for an archive in memory."""
    return _arrays(io.BytesIO(content), where, remedy, limit=limit, finite=finite, fault=fault)


def read_npy(path: Path, *, remedy: str, limit: int = MAX_ARRAY_BYTES) -> RawArray:
    """The array of an npy file.

    Raises:
        DataError: missing, damaged, too large, or it contains NaN or infinity.
    """
    return npy_of_bytes(
        read_bytes(path, remedy=remedy, limit=min(limit, MAX_BINARY_BYTES)), path, remedy=remedy
    )


def npy_of_bytes(content: bytes, where: object, *, remedy: str) -> RawArray:
    """Like `read_npy`, for a file in memory."""
    stream = io.BytesIO(content)
    with decoding(where, "damaged or not an array", remedy):
        _check_member(stream, len(content), str(where))
        stream.seek(0)
        array: RawArray = np.lib.format.read_array(stream, allow_pickle=False)
    _check_finite(array, str(where), remedy)
    return array


def read_table(path: Path, *, remedy: str, limit: int = MAX_TABLE_BYTES) -> pa.Table:
    """The table of a parquet file.

    Raises:
        MissingFileError: there is no such file.
        DataError: damaged, or larger than `limit` bytes as declared or unpacked.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = read_bytes(path, remedy=remedy, limit=limit)
    with decoding(path, "damaged or not parquet", remedy):
        file = pq.ParquetFile(
            pa.BufferReader(content),
            pre_buffer=False,
            thrift_string_size_limit=_HEADER_BYTES,
            thrift_container_size_limit=1_000_000,
        )
        _check_size(path, _declared_bytes(file.metadata), limit, remedy)
        batches, total = [], 0
        for batch in file.iter_batches(batch_size=4096, use_threads=False):
            total += batch.nbytes
            _check_size(path, total, limit, remedy)
            batches.append(batch)
        table = pa.Table.from_batches(batches, schema=file.schema_arrow)
        table.validate(full=True)
    return table


def safetensors_header(
    path: Path, *, remedy: str, limit: int = MAX_TENSOR_BYTES
) -> tuple[dict[str, TensorHeader], dict[str, str]]:
    """Tensors and metadata that a safetensors file declares; reads the header only.

    Raises:
        MissingFileError: there is no such file.
        DataError: the header is damaged or does not fit the size of the file.
    """
    with opened(path, limit=limit, remedy=remedy) as stream, decoding(path, "damaged", remedy):
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(size - 8, _HEADER_BYTES):
            raise ValueError(f"declares a header of {length} bytes")
        document = parse_json(stream.read(length), path)
        metadata = document.pop("__metadata__", {})
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("its metadata are not strings")
        tensors = {name: _tensor_header(name, entry, size - 8 - length) for name, entry in document.items()}
    return tensors, metadata


def _tensor_header(name: str, entry: Mapping[str, Any], n_bytes: int) -> TensorHeader:
    shape, (start, end) = tuple(entry["shape"]), entry["data_offsets"]
    if not all(type(n) is int and n >= 0 for n in (*shape, start, end)):
        raise ValueError(f"tensor {name[:60]!r} has a shape or offset that is not made of integers")
    bits = _ITEM_BITS.get(entry["dtype"])
    if not start <= end <= n_bytes or (bits is not None and (end - start) * 8 != math.prod(shape) * bits):
        raise ValueError(f"tensor {name[:60]!r} of shape {shape} does not fit its {end - start} bytes")
    return TensorHeader(entry["dtype"], shape)


def _arrays(stream: BinaryIO, where: object, remedy: str, *, limit: int, finite: bool, fault: str) -> Arrays:
    with decoding(where, fault, remedy), zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS or len({m.filename for m in members}) < len(members):
            raise ValueError(f"holds {len(members)} members, too many or twice the same")
        declared, packed = sum(m.file_size for m in members), sum(m.compress_size for m in members)
        _check_size(where, declared, max(SMALL_BYTES, min(limit, LARGEST_RATIO * packed)), remedy)
        arrays = {m.filename.removesuffix(".npy"): _member(archive, m) for m in members}
    if finite:
        for name, array in arrays.items():
            _check_finite(array, f"{where}: array {name!r}", remedy)
    return arrays


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> RawArray:
    if not member.filename.endswith(".npy"):
        raise ValueError(f"holds {member.filename[:60]!r}, which is not an array")
    with archive.open(member) as stream:
        _check_member(stream, member.file_size, member.filename)
    with archive.open(member) as stream:
        array: RawArray = np.lib.format.read_array(stream, allow_pickle=False)
        if stream.read(1):  # reading to the end also verifies the checksum
            raise ValueError(f"{member.filename[:60]!r} is longer than its header says")
    return array


def _check_member(stream: Any, n_bytes: int, name: str) -> None:
    """Refuse an array whose header does not match its content, before memory is allocated."""
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"{name[:60]!r} is of npy version {version}")
    shape, _, dtype = read_header(stream)
    if dtype.hasobject or dtype.kind not in "biufSU":
        raise ValueError(f"{name[:60]!r} holds {dtype}, not plain numbers or text")
    if not all(isinstance(n, int) and n >= 0 for n in shape):
        raise ValueError(f"{name[:60]!r} declares the shape {shape}")
    if math.prod(shape) * dtype.itemsize != n_bytes - stream.tell():
        raise ValueError(f"{name[:60]!r} declares {shape} of {dtype}, its {n_bytes} bytes do not fit")


def _check_finite(array: RawArray, where: str, remedy: str) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise DataError(f"{where}: {array[place]} at {list(place)} is not a finite number; {remedy}.")


def _check_size(where: object, n_bytes: int, limit: int, remedy: str) -> None:
    if n_bytes > limit:
        raise DataError(
            f"{where}: unpacks to {size_in_words(n_bytes)}, above the limit of {size_in_words(limit)}; "
            f"{remedy}."
        )


def _declared_bytes(metadata: Any) -> int:
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    columns = [g.column(i) for g in groups for i in range(g.num_columns)]
    if any(c.num_values < 0 or c.total_uncompressed_size < 0 for c in columns) or metadata.num_rows < 0:
        raise ValueError("declares negative sizes")
    n_bytes = sum(max(c.total_uncompressed_size, 8 * c.num_values) for c in columns)
    return int(max(8 * metadata.num_rows, n_bytes))
