"""Public files of other makers, where NETWRIGHT_DATA holds them: read as their makers mean them."""

import shutil

import pytest

from netwright.core.errors import DataError
from netwright.core.registry import task
from netwright.core.task import load_attribute
from netwright.tasks.abr.baselines.mpc import Mpc
from netwright.tasks.abr.data import load
from netwright.tasks.abr.formats import read_trace_folder, read_traces
from netwright.tasks.abr.video_files import read_video


@pytest.fixture(scope="module")
def public(real_folder):
    folder = real_folder / "public" / "abr"
    if not folder.is_dir():
        pytest.skip("needs the public files in public/abr of the data folder")
    return folder


@pytest.fixture
def oboe(public, real_folder, tmp_path):
    """A data folder with Oboe's traces, in ms and kbit/s, and the published video."""
    place = tmp_path / "abr"
    shutil.copytree(public / "oboe", place / "traces" / "oboe")
    shutil.copytree(real_folder / "abr" / "videos" / "video1", place / "videos" / "video1")
    return tmp_path


def test_oboe_is_refused_until_its_units_are_stated(oboe, tmp_path, monkeypatch):
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError, match="the times look like ms"):
        load(oboe).traces("oboe")
    (oboe / "abr" / "traces" / "oboe" / "format.json").write_text('{"time": "ms", "bandwidth": "kbit/s"}')
    abr = task("abr")
    from netwright.cli.fields import customized

    setting = customized(abr.setting("default"), ["traces=oboe"])
    found = load_attribute(abr.evaluate)(Mpc(), setting, load(oboe), name="mpc")
    assert found.mean == pytest.approx(2.133, abs=5e-4)


def test_lumos_starts_at_one_and_stays(public):
    traces = read_trace_folder(public / "lumos5g-driving")
    assert len(traces) >= 20
    assert {float(t.times_s[0]) for t in traces} == {1.0}
    assert 1000.0 < max(t.bandwidths_mbps.max() for t in traces) < 2000.0


def test_mahimahi_files_keep_their_mean_rate(public):
    for path in sorted((public / "mahimahi").iterdir()):
        stamps = [int(word) for word in path.read_text().split()]
        (trace,) = read_traces(path)
        carried = float((trace.bandwidths_mbps[1:] * (trace.times_s[1:] - trace.times_s[:-1])).sum())
        assert carried == pytest.approx(len(stamps) * 0.012)
        assert trace.times_s[-1] == pytest.approx(stamps[-1] / 1000.0)


def test_sabre_network_and_movie(public, tmp_path):
    (network,) = read_traces(public / "sabre" / "network.json")
    assert network.times_s.tolist() == [0.0, 30.0, 60.0, 90.0, 120.0]
    assert network.bandwidths_mbps[1:].tolist() == [5.0, 3.0, 1.5, 3.0]
    shutil.copy(public / "sabre" / "movie.json", tmp_path)
    movie = read_video(tmp_path)
    assert (movie.chunk_s, movie.n_levels, movie.bitrates_kbps[-1]) == (3.0, 10, 6000.0)
    rates = movie.sizes_bytes.mean(axis=1) * 8.0 / movie.chunk_s / 1000.0
    assert rates.tolist() == pytest.approx(list(movie.bitrates_kbps), rel=0.1)
