"""Locks: the second process says who is at work; a killed holder blocks nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from netwright.core.errors import NetwrightError
from netwright.core.locks import BusyError, lock_path, locked

HOLDER = """
import sys, time
from pathlib import Path
from netwright.core.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def holder(path: Path, seconds: float = 60.0) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def ended(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_the_second_process_names_the_first(tmp_path: Path) -> None:
    first = holder(tmp_path / "run")
    try:
        with (
            pytest.raises(BusyError, match=rf"run: in use by process {first.pid} on .* \(since 20.*\); "),
            locked(tmp_path / "run"),
        ):
            pass
        with locked(tmp_path / "other"):
            pass
    finally:
        ended(first)


def test_a_killed_holder_blocks_nothing(tmp_path: Path) -> None:
    ended(holder(tmp_path / "run"))
    assert lock_path(tmp_path / "run").exists()  # it had no time to remove it
    with locked(tmp_path / "run"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_threads_exclude_each_other_and_a_lock_can_be_waited_for(tmp_path: Path) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with locked(tmp_path / "run", wait_s=30.0):
                inside += 1
                most = max(most, inside)
                time.sleep(0.001)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert list(tmp_path.iterdir()) == []


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "run"):
        raise ZeroDivisionError
    with locked(tmp_path / "run"), pytest.raises(BusyError, match=str(os.getpid())), locked(tmp_path / "run"):
        pass


def test_a_link_or_folder_in_place_of_the_lock_is_one_sentence(tmp_path: Path) -> None:
    lock_path(tmp_path / "run").mkdir()
    with pytest.raises(NetwrightError, match="cannot be written"), locked(tmp_path / "run"):
        pass
    (tmp_path / "target").write_text("kept")
    lock_path(tmp_path / "linked").symlink_to(tmp_path / "target")
    with pytest.raises(NetwrightError, match="cannot be written"), locked(tmp_path / "linked"):
        pass
    assert (tmp_path / "target").read_text() == "kept"
