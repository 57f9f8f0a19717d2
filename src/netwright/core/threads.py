"""Make the threads of numeric libraries sleep while they wait, so that other programs get the cores."""

from __future__ import annotations

import os

WAIT_ASLEEP = {
    "OMP_WAIT_POLICY": "PASSIVE",  # GNU OpenMP, bundled with torch: its threads spin for milliseconds by default
    "KMP_BLOCKTIME": "0",  # the same for LLVM's and Intel's OpenMP, bundled with other builds of torch
    "OPENBLAS_THREAD_TIMEOUT": "4",  # OpenBLAS of numpy and scipy: 2^4 clock ticks before a thread sleeps
}
"""Environment variables by name; each library reads its own once when loaded."""


def wait_asleep() -> None:
    """Let threads sleep while they wait, in this process and its child processes.

    Call it before numpy and torch are imported. Variables set by the user are kept. The number of threads does not
    change, so results are bit-identical.
    """
    for name, value in WAIT_ASLEEP.items():
        os.environ.setdefault(name, value)
