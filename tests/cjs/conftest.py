"""Data for the tests of cluster scheduling: generated, and the real ones where NETWRIGHT_DATA points."""

import os
from pathlib import Path

import pytest

from netwright.tasks.cjs.data import load
from netwright.tasks.cjs.dataset import CjsData
from netwright.tasks.cjs.generator import generate


@pytest.fixture(scope="session")
def generated() -> CjsData:
    return generate(seed=0)


@pytest.fixture(scope="session")
def real_folder() -> Path:
    folder = os.environ.get("NETWRIGHT_DATA")
    if not folder or not (Path(folder) / "cjs" / "tpch_npz").is_dir():
        pytest.skip("needs the real profiles: set NETWRIGHT_DATA to a folder that holds cjs/tpch_npz")
    return Path(folder)


@pytest.fixture(scope="session")
def real(real_folder) -> CjsData:
    return load(real_folder)
