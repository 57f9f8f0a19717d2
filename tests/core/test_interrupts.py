import os
import signal
import subprocess
import sys
import threading

import pytest

from netwright.core import interrupts


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_each_signal_raises_and_is_remembered(number, code):
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with interrupts.listening() as came:
        assert not came()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        assert came()
    assert interrupts.exit_code() == code
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_waits_and_the_second_does_not(number):
    with interrupts.listening(), interrupts.deferred() as came:
        signal.raise_signal(number)
        assert came()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)


def test_what_was_ignored_stays_ignored():
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts.listening() as came, interrupts.deferred() as came_too:
            signal.raise_signal(signal.SIGINT)
            assert not came()
            assert not came_too()
            with pytest.raises(KeyboardInterrupt):  # the second of two, by then
                signal.raise_signal(signal.SIGTERM)
                signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, previous)


def test_in_a_thread_nothing_changes():
    found = []

    def look() -> None:
        with interrupts.listening() as came, interrupts.deferred():
            found.append(came())

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [False]


def test_an_error_in_place_of_the_interruption_counts_as_one():
    program = """
import signal, sys
from netwright.cli.output import interruptible
with interruptible("continue."):
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        raise SystemError("CPUDispatcher returned a result with an exception set")
"""
    wrapped = (
        f"import typer\ntry:\n exec({program!r})\nexcept typer.Exit as end:\n raise SystemExit(end.exit_code)"
    )
    found = subprocess.run(
        [sys.executable, "-c", wrapped], capture_output=True, text=True, env={**os.environ}
    )
    assert (found.returncode, found.stderr) == (143, "\nnetwright: interrupted; continue.\n")


def test_a_closed_terminal_keeps_what_was_learned(tmp_path):
    """After SIGHUP, stderr is gone too; the checkpoint is written all the same, and resuming ends as without."""
    program = f"""
import os, signal, sys
from netwright.cli.main import main
from netwright.training.run import _Loop
update = _Loop._report
def report(self):
    update(self)
    os.close(2)
    signal.raise_signal(signal.SIGHUP)
_Loop._report = report
words = "adapt vp --backbone none --iterations 3 --batch-size 4 --set evaluate_every=1 --out".split()
sys.exit(main([*words, {str(tmp_path / "run")!r}]))
"""
    environment = {k: v for k, v in os.environ.items() if k != "NETWRIGHT_DATA"}
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment)
    assert found.returncode == 129
    assert (tmp_path / "run.partial" / "checkpoint").is_dir()
