"""Data for the tests of adaptive bitrate streaming: generated, and the real ones where NETWRIGHT_DATA points."""

import os
from pathlib import Path

import pytest

from netwright.tasks.abr.data import load
from netwright.tasks.abr.dataset import AbrData
from netwright.tasks.abr.generator import generate


@pytest.fixture(scope="session")
def generated() -> AbrData:
    return generate(seed=0)


@pytest.fixture(scope="session")
def real_folder() -> Path:
    folder = os.environ.get("NETWRIGHT_DATA")
    if not folder or not (Path(folder) / "abr" / "traces").is_dir():
        pytest.skip("needs the real traces: set NETWRIGHT_DATA to a folder that holds abr/traces")
    return Path(folder)


@pytest.fixture(scope="session")
def real(real_folder) -> AbrData:
    return load(real_folder)
