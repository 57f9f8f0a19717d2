"""The boundary for untrusted bytes: every file that netwright reads is opened here, bounded and strictly decoded.

A path must refer to a regular file (never a FIFO, a device or a folder), its size is checked against a limit before
memory is allocated, and each decoding failure becomes one `DataError` that names the file. Arrays, parquet tables and
safetensors are in `core.array_files`.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import json
import os
import re
import stat
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from netwright.core.errors import DataError, NetwrightError
from netwright.core.text import printable
from netwright.core.types import Json

MAX_TEXT_BYTES = 16 << 20
MAX_BINARY_BYTES = 1 << 30
MAX_STREAM_BYTES = 8 << 30  # of a file that is read line by line, decompressed
MAX_DEPTH = 64  # nesting depth of a JSON document
MAX_DIGITS = 40  # of an integer; 128-bit generator states have 39

_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?", re.ASCII)
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_LONE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class MissingFileError(DataError):
    """The file does not exist."""


@contextlib.contextmanager
def opened(
    path: Path, *, limit: int = MAX_BINARY_BYTES, remedy: str = "check the path"
) -> Iterator[BinaryIO]:
    """A regular file of at most `limit` bytes, open for reading; does not wait for FIFOs or devices.

    Raises:
        MissingFileError: the file does not exist.
        DataError: not a regular file, not readable, or larger than `limit`.
    """
    with contextlib.ExitStack() as stack:
        try:
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            stream: BinaryIO = stack.enter_context(os.fdopen(handle, "rb"))
            status = os.fstat(handle)
        except FileNotFoundError:
            raise MissingFileError(f"{path}: no such file; {remedy}.") from None
        except IsADirectoryError:
            raise DataError(f"{path}: cannot be read (a folder, not a plain file); check the path.") from None
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); check the path.") from None
        except ValueError as error:  # a null byte in the name
            raise DataError(f"{path}: cannot be read ({error}); check the path.") from None
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{path}: cannot be read (not a plain file); check the path.")
        if status.st_size > limit:
            raise DataError(
                f"{path}: has {size_in_words(status.st_size)}, above the limit of {size_in_words(limit)} for such a "
                "file; check the path, or split the file."
            )
        yield stream


def read_bytes(path: Path, *, limit: int = MAX_BINARY_BYTES, remedy: str = "check the path") -> bytes:
    """The content of a regular file; at most `limit` bytes are read.

    Raises:
        DataError: missing, not a regular file, unreadable or larger than `limit`.
    """
    with opened(path, limit=limit, remedy=remedy) as stream:
        try:
            content = stream.read(limit + 1)
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); check the disk.") from None
    if len(content) > limit:
        raise DataError(f"{path}: grew beyond {size_in_words(limit)} while being read; check the path.")
    return content


def read_text(path: Path, *, limit: int = MAX_TEXT_BYTES, remedy: str = "check the path") -> str:
    """The text of a file in UTF-8 (or UTF-16 with a byte-order mark), without the mark.

    Raises:
        DataError: as for `read_bytes`, or the encoding is another.
    """
    return text_of(read_bytes(path, limit=limit, remedy=remedy), path)


def text_of(content: bytes, where: object) -> str:
    """Decode UTF-8, or UTF-16 with a byte-order mark; the mark is dropped.

    Raises:
        DataError: another encoding, or a null byte.
    """
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{where}:{line}: not a text file in UTF-8; save it as UTF-8, or check the path."
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(f"{where}:{line}: contains a null byte, so it is not a text file; check the path.")
    return text


def read_json(path: Path, *, limit: int = MAX_TEXT_BYTES, remedy: str = "check the path") -> Any:
    """Read a JSON file, strictly (see `parse_json`).

    Raises:
        DataError: the file is missing, cannot be read, is too large or is not strict JSON.
    """
    content = read_bytes(path, limit=limit, remedy=remedy)
    return parse_json(content, path)


def parse_json(content: bytes | str, where: object) -> Any:
    """Parse strict JSON: finite numbers of at most 40 digits, unique keys, at most 64 levels of nesting.

    Args:
        content: the document; bytes are UTF-8.
        where: location for error messages.

    Raises:
        DataError: the document violates these rules.
    """
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
        _check_depth(text)
        document = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_short_whole,
            object_pairs_hook=_once,
        )
        if _LONE_SURROGATE.search(text):
            json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise DataError(
            f"{where}: not valid JSON (line {error.lineno}, column {error.colno}: {error.msg}); the file is damaged, "
            "correct it or create it again."
        ) from None
    except (ValueError, RecursionError) as error:
        reason = "text not in UTF-8" if isinstance(error, UnicodeError) else short_reason(error)
        raise DataError(
            f"{where}: not valid JSON ({reason}); the file is damaged, create it again."
        ) from None
    return document


def read_json_lines(path: Path, *, limit: int = MAX_TEXT_BYTES) -> Iterator[tuple[int, Any]]:
    """Line number (from 1) and document of each nonblank line.

    Raises:
        DataError: as for `read_text`, or a line is not strict JSON; names the line.
    """
    for number, line in enumerate(read_text(path, limit=limit).split("\n"), start=1):
        if line.strip():
            yield number, parse_json(line, f"{path}:{number}")


def stream_lines(
    path: Path,
    *,
    limit: int = MAX_STREAM_BYTES,
    longest: int = MAX_TEXT_BYTES,
    remedy: str = "check the path",
) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and content of each nonblank line of a file, plain or gzipped; holds one line at a time.

    Args:
        limit: bytes of the file, and of its decompressed content.
        longest: bytes of a line.

    Raises:
        DataError: as for `opened`, damaged or truncated gzip data, or a limit is exceeded; names the line.
    """
    with opened(path, limit=limit, remedy=remedy) as stream:
        number, total = 0, 0
        try:
            packed = stream.read(2) == b"\x1f\x8b"
            stream.seek(0)
            lines = gzip.GzipFile(fileobj=stream) if packed else stream
            while line := lines.readline(longest + 1):
                number, total = number + 1, total + len(line)
                if len(line) > longest:
                    raise DataError(
                        f"{path}:{number}: a line has more than {size_in_words(longest)}; {remedy}."
                    )
                if total > limit:
                    raise DataError(f"{path}: contains more than {size_in_words(limit)}; split the file.")
                if content := line.removeprefix(codecs.BOM_UTF8).strip():
                    yield number, content
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(
                f"{path}:{number + 1}: cannot be read ({short_reason(error)}); {remedy}."
            ) from None


def text_lines(path: Path, *, limit: int = MAX_TEXT_BYTES) -> io.StringIO:
    """The text of a file as a stream with unchanged line endings, for the `csv` module."""
    return io.StringIO(read_text(path, limit=limit), newline="")


LONGEST_ROW = 100_000  # characters


def check_rows(text: str, path: Path) -> None:
    """Refuse a text with a line that is longer than any row of a table, before its cells are parsed.

    Raises:
        DataError: names file and line.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > LONGEST_ROW:
            raise DataError(
                f"{path}:{number}: has {len(line)} characters, and no row has more than {LONGEST_ROW}; check the file."
            )


def marked_first_line(lines: Iterable[str], marks: tuple[str, ...] = ("#",)) -> tuple[int, str] | None:
    """Number (from 1) and content of a text's first line that is not blank, if it is marked as a comment.

    Some programs write the titles of a table behind such a mark.

    Args:
        marks: by which comments begin; removed from the content.
    """
    numbered = ((number, line.lstrip("\ufeff").strip()) for number, line in enumerate(lines, start=1))
    number, first = next(((number, line) for number, line in numbered if line), (0, ""))
    return (number, first.lstrip("".join(marks) + " ")) if first.startswith(marks) else None


def whole_number(text: str) -> int | None:
    """A nonnegative integer of at most 18 ASCII digits; None for anything else (such as "²", "1_0" or "+1")."""
    return int(text) if _WHOLE.fullmatch(text) else None


def decimal_number(text: str) -> float | None:
    """A finite decimal number in ASCII; None for anything else (such as "nan", "1_0" or "1e999")."""
    if not _DECIMAL.fullmatch(text):
        return None
    value = float(text)
    return value if abs(value) != float("inf") else None


@contextlib.contextmanager
def decoding(where: object, fault: str, remedy: str) -> Iterator[None]:
    """Turn every exception of a decoder into one `DataError`: "where: fault (reason); remedy."."""
    try:
        yield
    except NetwrightError:
        raise
    except MemoryError:
        raise DataError(f"{where}: needs more memory than is available; {remedy}.") from None
    except Exception as error:
        raise DataError(f"{where}: {fault} ({short_reason(error)}); {remedy}.") from None


def short_reason(error: BaseException) -> str:
    """The first line of an exception's message, or its type if the message is empty."""
    if isinstance(error, OSError) and error.strerror and error.errno is not None:
        return error.strerror
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(lines[0])[:200].rstrip(".") if lines else type(error).__name__


def size_in_words(n_bytes: int) -> str:
    """A number of bytes in readable form: "512 bytes", "16 MiB"."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if n_bytes >= size:
            return f"{round(n_bytes / size, 1):g} {unit}"
    return f"{n_bytes} bytes"


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for found in _NESTING.finditer(text):
        token = found[0]
        depth += 1 if token in "[{" else -1 if token in "]}" else 0
        if depth > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} levels deep")


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number")


def _finite(digits: str) -> float:
    value = float(digits)
    if abs(value) == float("inf"):
        raise ValueError(f"the number {digits[:MAX_DIGITS]} is too large")
    return value


def _short_whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"an integer of {len(digits)} digits, {digits[:8]}..")
    return int(digits)


def _once(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {printable(twice)[:60]!r} occurs twice in one object")
    return found
