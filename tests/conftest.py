"""What holds for every test: one thread for torch, no deadline for laws checked on a busy machine, Ctrl-C is heard."""

import os
import signal

import pytest
from hypothesis import settings

from netwright.core import interrupts

os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("netwright", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("netwright")

# `nohup make test &` starts the tests, and every process that they start, with Ctrl-C ignored.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_signal_of_an_earlier_test() -> None:
    """Every test begins as a new command does: signals of an earlier one in this process do not count."""
    interrupts.forget()
