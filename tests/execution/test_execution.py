import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.seeding import generator
from netwright.execution import EXECUTORS, ProcessExecutor, SerialExecutor, executor


def draw(seed: int) -> float:
    return float(generator(11, seed).random())


def late_first(item: int) -> int:
    time.sleep(0.2 if item == 0 else 0.0)
    return item


def fails_on_two(item: int) -> int:
    if item == 2:
        raise ConfigError("item 2 is out of its range.")
    return item


@given(st.lists(st.integers(0, 1000)))
def test_serial_is_the_plain_map(items):
    assert list(SerialExecutor().map(draw, items)) == [draw(i) for i in items]


@pytest.fixture(params=EXECUTORS.names())
def each_executor(request):
    return executor(request.param, n_workers=2)


def test_results_and_their_order_are_the_same(each_executor):
    assert list(each_executor.map(draw, range(5))) == [draw(i) for i in range(5)]


def test_a_slow_item_keeps_its_place(each_executor):
    assert list(each_executor.map(late_first, range(3))) == [0, 1, 2]


def test_an_exception_arrives_in_its_place(each_executor):
    results = each_executor.map(fails_on_two, range(4))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ConfigError, match="item 2 is out of its range"):
        next(results)


def test_closing_early_stops_the_workers():
    results = ProcessExecutor(1).map(late_first, range(3))
    assert next(results) == 0
    results.close()
    with pytest.raises(StopIteration):
        next(results)


def threads_of(item: int) -> str | None:
    return os.environ.get("OMP_NUM_THREADS")


def test_workers_share_the_cores_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    shared = str(max(1, (os.cpu_count() or 1) // 2))
    assert set(ProcessExecutor(2).map(threads_of, range(4))) == {shared}
    assert "OMP_NUM_THREADS" not in os.environ
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert set(ProcessExecutor(2).map(threads_of, range(4))) == {"7"}
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_no_items_no_results(each_executor):
    assert list(each_executor.map(draw, [])) == []


def test_an_unknown_executor_and_no_workers_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'processes'"):
        executor("process")
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        executor("processes", 0)


def note_and_wait(folder: str) -> None:
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60.0)


PARENT = """
from netwright.execution import ProcessExecutor
from tests.execution.test_execution import note_and_wait
if __name__ == "__main__":
    list(ProcessExecutor(1).map(note_and_wait, [{folder!r}]))
"""


def test_workers_do_not_outlive_a_killed_parent(tmp_path):
    script = tmp_path / "parent.py"
    notes = tmp_path / "notes"
    notes.mkdir()
    script.write_text(PARENT.format(folder=str(notes)))
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'src'}"}
    parent = subprocess.Popen([sys.executable, str(script)], env=environment)
    worker = int(eventually(lambda: [p.name for p in notes.iterdir()])[0])
    parent.kill()
    parent.wait()
    assert eventually(lambda: not Path(f"/proc/{worker}").exists() or zombie(worker))


def eventually(found, seconds: float = 30.0):
    """What `found` gives as soon as it is true; fails after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def zombie(pid: int) -> bool:
    """Whether a process has ended and only waits to be collected."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_closing_the_results_does_not_wait_for_what_is_under_way():
    results = ProcessExecutor(2).map(_sleep, [0.0, 60.0, 60.0])
    assert next(results) == 0.0
    began = time.monotonic()
    results.close()
    assert time.monotonic() - began < 20.0
