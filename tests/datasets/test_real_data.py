"""Against the real data: it passes, and the original tree written back from it converts to the same files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from local_site import Site, tar_gz
from typer.testing import CliRunner

from netwright.cli.data import app
from netwright.datasets.check import check
from netwright.datasets.sources import NETLLM
from netwright.tasks.vp.area import HELD_OUT_USERS, HELD_OUT_VIDEOS
from netwright.tasks.vp.data import ARCHIVES

FOLDER = "viewport_prediction/data/viewports"


def _csv(rows: np.ndarray) -> bytes:
    return b"".join(b"%.6f,%.6f,%.6f,%.6f\n" % tuple(row) for row in (rows / 1e6).tolist())


@pytest.fixture(scope="module")
def published_tree(real_data: Path) -> dict[str, bytes]:
    """The original repository's files, with a line of other numbers for each trace that the folder lacks."""
    vp = real_data / "vp"
    files = {}
    for name, archive in ARCHIVES.items():
        data = dict(np.load(vp / archive))
        for i, (video, user) in enumerate(zip(data["video"], data["user"], strict=True)):
            rows = data["rows"][data["offset"][i] : data["offset"][i + 1]]
            files[f"{FOLDER}/{name}/video{video}/5Hz/simple_5Hz_user{user}.csv"] = _csv(rows)
    for video in HELD_OUT_VIDEOS:
        for user in HELD_OUT_USERS:
            files[f"{FOLDER}/Jin2022/video{video}/5Hz/simple_5Hz_user{user}.csv"] = b"0.0,1.0,2.0,3.0\n"
    split = json.loads((vp / "split.json").read_text())
    videos = {name: parts["videos"] for name, parts in split.items()}
    users = {name: parts["users"] for name, parts in split.items()}
    users["Jin2022"]["test"] += HELD_OUT_USERS
    text = f"class Config:\n    dataset_video_split_360 = {videos}\n    dataset_user_split_360 = {users}\n"
    return files | {"viewport_prediction/config.py": text.encode()}


def test_real_data_passes_and_its_known_quirks_are_warnings(real_data: Path) -> None:
    report = check(real_data, published=True)
    assert report.errors == []
    text = "\n".join(map(str, report.warnings))
    assert text.count("as in the published file") == 3
    assert text.count("gap of") == 7
    assert text.count("it yields no window") == 2
    assert "is not the published file" not in text


def test_fetch_makes_the_real_archives_from_the_original_tree(
    real_data: Path, published_tree: dict[str, bytes], site: Site, tmp_path: Path
) -> None:
    files = published_tree
    site.files[f"/{NETLLM.url_path}"] = tar_gz(files)
    ran = CliRunner().invoke(app, ["fetch", "vp", "--out", str(tmp_path), "--base-url", site.url, "--json"])
    assert ran.exit_code == 0, ran.output
    (result,) = json.loads(ran.stdout)["areas"]
    assert result["failed"] == {}
    assert len(result["made"]) == 12
    for archive in ARCHIVES.values():
        made, real = np.load(tmp_path / "vp" / archive), np.load(real_data / "vp" / archive)
        for key in ("rows", "video", "user", "offset"):
            np.testing.assert_array_equal(made[key], real[key])
            assert made[key].dtype == real[key].dtype
    assert check(tmp_path).errors == []


def test_csv_sample_is_what_the_archive_says(real_data: Path, published_tree: dict[str, bytes]) -> None:
    files = published_tree
    samples = sorted((real_data / "vp" / "csv_sample").rglob("*.csv"))
    assert len(samples) == 9
    for path in samples:
        assert files[f"{FOLDER}/{path.relative_to(real_data / 'vp' / 'csv_sample')}"] == path.read_bytes()
