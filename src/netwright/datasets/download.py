"""Resumable downloads: received bytes are kept, and an interrupted download continues from them."""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from netwright.core.errors import ConfigError, DataError
from netwright.core.reading import whole_number
from netwright.datasets.area import Progress

CHUNK_BYTES = 1 << 16
LONGEST_BYTES = 4 << 30
PROGRESS_EVERY_S = 2.0
_WORTH_A_RETRY = {408, 425, 429, 500, 502, 503, 504}


class _ConnectionLostError(Exception):
    """The response ended early."""


# Not OSError as a whole: a full disk does not justify a retry.
_BROKEN_LINE = (
    urllib.error.URLError,
    http.client.HTTPException,
    ssl.SSLError,
    ConnectionError,
    TimeoutError,
    _ConnectionLostError,
)


def partial_path(path: Path) -> Path:
    """File with the bytes of an unfinished download."""
    return path.with_name(path.name + ".partial")


def download(
    url: str,
    path: Path,
    *,
    progress: Progress,
    attempts: int = 5,
    pause_s: float = 1.0,
    timeout_s: float = 60.0,
) -> None:
    """Download `url` to `path`, continuing an earlier unfinished download if the server can (HTTP Range).

    Args:
        url: http or https.
        path: created when complete; until then the bytes are in `partial_path(path)`, also if interrupted.
        progress: called about every two seconds.
        attempts: number of consecutive attempts without progress before giving up.
        pause_s: delay before the second attempt; doubles with each further one.
        timeout_s: longest time without data from the server.

    Raises:
        ConfigError: the URL has another scheme.
        DataError: the server refuses, every attempt failed, or the disk is full.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ConfigError(f"{url}: only http and https can be fetched; correct --base-url.")
    partial = partial_path(path)
    partial.parent.mkdir(parents=True, exist_ok=True)
    failed, longest = 0, _size(partial)
    while True:
        try:
            _continue(url, partial, progress, timeout_s)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in _WORTH_A_RETRY:
                raise DataError(
                    f"{url}: the server responded {error.code} {error.reason}; check the address."
                ) from None
            reason = f"{error.code} {error.reason}"
        except _BROKEN_LINE as error:
            reason = str(error) or type(error).__name__
        except OSError as error:
            raise DataError(
                f"{partial}: {error.strerror}; free some space, or choose another --out."
            ) from None
        else:
            partial.replace(path)
            return
        failed = 1 if _size(partial) > longest else failed + 1
        longest = max(longest, _size(partial))
        if failed >= attempts:
            raise DataError(
                f"{url}: download failed {attempts} times in a row ({reason}); repeat the command to continue "
                f"from {_size(partial) / 1e6:.1f} MB."
            )
        wait_s = pause_s * 2.0 ** (failed - 1)
        progress(f"{url}: {reason}; trying again in {wait_s:.0f} s")
        time.sleep(wait_s)


def _request(url: str, have: int) -> urllib.request.Request:
    """A request of the bytes that follow the first `have`."""
    request = urllib.request.Request(url, headers={"User-Agent": "netwright", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    return request


def _continue(url: str, partial: Path, progress: Progress, timeout_s: float) -> None:
    """One request, from the end of `partial`; returns when the response is complete."""
    have = _size(partial)
    try:
        response = urllib.request.urlopen(_request(url, have), timeout=timeout_s)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        error.close()  # the range is empty: complete, or a different file
        partial.unlink()
        raise _ConnectionLostError("the unfinished download does not match, starting over") from None
    with response:
        continued = response.status == 206 and _range_start(response.headers.get("Content-Range", "")) == have
        if have and not continued:
            progress(f"{url}: the server cannot continue, starting over")
            have = 0
        length = response.headers.get("Content-Length")
        rest = whole_number(length or "")
        total = None if rest is None else have + rest
        with partial.open("ab" if continued else "wb") as out:
            _copy(response, out, have, total, url, progress)


def _copy(
    response: BinaryIO, out: BinaryIO, have: int, total: int | None, url: str, progress: Progress
) -> None:
    told = time.monotonic()
    while chunk := response.read(CHUNK_BYTES):
        out.write(chunk)
        have += len(chunk)
        if have > LONGEST_BYTES:
            raise DataError(
                f"{url}: longer than {LONGEST_BYTES / 1e9:.1f} GB, the limit of a source; check the address."
            )
        if time.monotonic() - told >= PROGRESS_EVERY_S:
            told = time.monotonic()
            progress(f"{url}: {have / 1e6:.1f}{'' if total is None else f' of {total / 1e6:.1f}'} MB")
    if total is not None and have < total:
        raise _ConnectionLostError(f"the connection ended after {have} of {total} bytes")


def _range_start(content_range: str) -> int | None:
    """First byte of a `Content-Range: bytes 5-9/10` header."""
    first = content_range.removeprefix("bytes ").partition("-")[0]
    return whole_number(first)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
