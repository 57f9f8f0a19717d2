import os
import subprocess
import sys

import pytest

from netwright.core import threads

READS_ITS_ENVIRONMENT = """
from netwright.cli.main import main
main(["--version"])
import torch
"""


def test_threads_sleep_unless_the_user_says_otherwise(monkeypatch):
    for name in threads.WAIT_ASLEEP:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KMP_BLOCKTIME", "infinite")
    threads.wait_asleep()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert os.environ["KMP_BLOCKTIME"] == "infinite"
    for name in threads.WAIT_ASLEEP:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(("chosen", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_openmp_hears_of_it_before_torch_loads_it(chosen, policy):
    """OpenMP prints its settings when it is loaded (`OMP_DISPLAY_ENV`)."""
    environment = {k: v for k, v in os.environ.items() if k not in threads.WAIT_ASLEEP}
    environment |= {"OMP_DISPLAY_ENV": "TRUE", **chosen}
    found = subprocess.run(
        [sys.executable, "-c", READS_ITS_ENVIRONMENT],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert f"OMP_WAIT_POLICY = '{policy}'" in found.stderr
