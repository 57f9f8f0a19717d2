"""How the threads of numeric libraries wait: asleep, so that other programs get the cores."""

from __future__ import annotations

import os

WAIT_ASLEEP = {
    "OMP_WAIT_POLICY": "PASSIVE",  # GNU OpenMP, which torch brings: its threads spin for milliseconds by default
    "KMP_BLOCKTIME": "0",  # the same for LLVM's and Intel's OpenMP, which other builds of torch bring
    "OPENBLAS_THREAD_TIMEOUT": "4",  # OpenBLAS of numpy and scipy: 2^4 clock ticks before a thread sleeps
}
"""Environment variables by name; each library reads its own once, when it is loaded."""


def wait_asleep() -> None:
    """Let threads sleep while they wait, in this process and those that it starts.

    Call it before numpy and torch are imported. A variable that the user has set stays as it is. The number of threads
    does not change, so results are equal to the last bit.
    """
    for name, value in WAIT_ASLEEP.items():
        os.environ.setdefault(name, value)
