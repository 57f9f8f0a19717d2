"""Data for the tests of viewport prediction: generated, and the real ones where NETWRIGHT_DATA points."""

import os
from pathlib import Path

import pytest

from netwright.tasks.vp.data import load
from netwright.tasks.vp.dataset import VpData
from netwright.tasks.vp.generator import generate


@pytest.fixture(scope="session")
def generated() -> VpData:
    return generate(seed=0)


@pytest.fixture(scope="session")
def real_folder() -> Path:
    folder = os.environ.get("NETWRIGHT_DATA")
    if not folder or not (Path(folder) / "vp" / "jin2022_5hz.npz").exists():
        pytest.skip("needs the real traces: set NETWRIGHT_DATA to a folder that holds vp/jin2022_5hz.npz")
    return Path(folder)


@pytest.fixture(scope="session")
def real(real_folder) -> VpData:
    return load(real_folder)
