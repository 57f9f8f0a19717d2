"""Readers and generators: every format, every fault with its line, and the same numbers from the same seed."""

import json

import numpy as np
import pytest

from netwright.core.errors import DataError, UnknownNameError
from netwright.tasks.abr.data import FOLDERS, load
from netwright.tasks.abr.dataset import is_norway, log_of
from netwright.tasks.abr.formats import read_trace_folder, read_traces
from netwright.tasks.abr.generator import SynthRange, generate, synth_trace, synth_video
from netwright.tasks.abr.video_files import BITRATES_KBPS, read_video


def _file(tmp_path, text, name="trace"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_two_columns_by_tab_blank_or_comma(tmp_path):
    for text in ("0\t1.5\n1\t2.5\n", "0 1.5\n\n1  2.5", "0,1.5\n1,2.5\n"):
        (trace,) = read_traces(_file(tmp_path, text))
        assert trace.times_s.tolist() == [0.0, 1.0]
        assert trace.bandwidths_mbps.tolist() == [1.5, 2.5]
        assert trace.name == "trace"


def test_mahimahi_milliseconds_become_rows_of_a_second(tmp_path):
    stamps = [*range(0, 1000, 10), *range(1000, 2000, 40), *range(2000, 3001, 20)]
    (trace,) = read_traces(_file(tmp_path, "\n".join(map(str, stamps))))
    assert trace.times_s.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert trace.bandwidths_mbps[1:].tolist() == pytest.approx([101 * 0.012, 0.3, 0.6])  # a row holds its end


def test_puffer_streams_become_traces(tmp_path):
    header = "time (ns GMT),session_id,index,size,delivery_rate"
    rows = [
        f"{1_600_000_000_000_000_000 + int(t * 1e9)},s,{index},1,{rate}"
        for t, index, rate in ((0, 0, 125_000), (2, 0, 250_000), (0, 1, 1_000_000), (2.5, 1, 125_000))
    ]
    traces = read_traces(_file(tmp_path, "\n".join([header, *rows]), "puffer.csv"))
    assert [t.name for t in traces] == ["puffer.csv:s-0", "puffer.csv:s-1"]
    assert traces[0].bandwidths_mbps.tolist() == [1.0, 2.0]
    assert traces[1].times_s.tolist() == pytest.approx([0.0, 2.5], abs=1e-6)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "trace: holds no row"),
        ("0 1\n", "needs at least two rows, got 1"),
        ("0 1\n1 -2\n", "trace:2: bandwidth must be"),
        ("0 1\n\n2 1\n1 1\n", "trace:4: time 1.0 s does not come after 2.0 s; sort"),
        ("0 1\n1 x\n", "trace:2: expected time in s"),
        ("0 1\n1 2 3\n", "trace:2: expected time in s"),
        ("0 1\n1\n2 2\n3\n", "trace:2: expected time in s"),
        ("0 1\n1 nan\n", "trace:2: bandwidth must be"),
        ("x 1\n1 2\n", "trace:1: expected two numbers, or titles such as time and bandwidth"),
        ("0 1\n1 inf\n", "trace:2: bandwidth must be"),
        ("0 0\n1 0\n", "is 0 throughout"),
        ("10\n5\n", "trace:2: one column .* read as Mahimahi.* 5 ms comes after 10 ms"),
        ("10\nx\n", "trace:2: one column .* expected whole milliseconds"),
        ("when,delivery_rate\n1,2\n", "trace:1: a Puffer file needs the columns time"),
        ("time,delivery_rate\n1,2\n2,x\n", "trace:3: time and delivery_rate must be numbers"),
        ("time,delivery_rate\n1,2\n1,2\n", "trace:3: time 1.0 s does not come after"),
    ],
)
def test_a_bad_trace_gives_one_sentence_with_its_line(tmp_path, text, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        read_traces(_file(tmp_path, text))
    assert str(caught.value).count("\n") == 0


def test_a_binary_file_is_no_trace(tmp_path):
    (tmp_path / "trace").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not a text file"):
        read_traces(tmp_path / "trace")


def _video(tmp_path, rungs, **described):
    folder = tmp_path / "video"
    folder.mkdir(exist_ok=True)
    for level, sizes in enumerate(rungs):
        (folder / f"video_size_{level}").write_text("\n".join(map(str, sizes)))
    if described:
        (folder / "video.json").write_text(json.dumps(described))
    return folder


def test_a_video_of_another_ladder(tmp_path):
    folder = _video(tmp_path, [[10, 11, 12], [20, 21, 22]], bitrates_kbps=[0.04, 0.08], chunk_s=2, n_chunks=3)
    video = read_video(folder)
    assert video.bitrates_kbps == (0.04, 0.08)
    assert video.chunk_s == 2.0
    assert video.sizes_bytes.tolist() == [[10, 11, 12], [20, 21, 22]]


@pytest.mark.parametrize(
    ("rungs", "described", "sentence"),
    [
        ([[10] * 49] * 5, {}, r"6 bitrates need video_size_0\.\.5, found video_size_0"),
        ([[10, 10], [10]], {"bitrates_kbps": [1, 2], "n_chunks": 2}, "video_size_1:1: ends after 1 chunks"),
        ([[10], [10]], {"bitrates_kbps": [1, 2], "n_chunks": 2}, "video_size_0:1: ends after 1 chunks"),
        (
            [[10, 0], [10, 10]],
            {"bitrates_kbps": [1, 2], "n_chunks": 2},
            "video_size_0:2: expected a chunk's size",
        ),
        (
            [[10, "x"], [10, 10]],
            {"bitrates_kbps": [1, 2], "n_chunks": 2},
            "video_size_0:2: expected a chunk's",
        ),
        ([[10, 10], [10, 10]], {"bitrates_kbps": [2, 1], "n_chunks": 2}, "rise strictly"),
        ([[10, 10]], {"bitrates_kbps": ["a"]}, "bitrates_kbps.0 should be a valid number"),
        ([[10, 10]], {"rate": 3}, "has an unknown entry rate"),
    ],
)
def test_a_bad_video_gives_one_sentence(tmp_path, rungs, described, sentence):
    with pytest.raises(DataError, match=sentence):
        read_video(_video(tmp_path, rungs, **described))


def _folder(tmp_path, *, starts=None):
    abr = tmp_path / "data" / "abr"
    (abr / "traces" / "netllm-fcc-test").mkdir(parents=True)
    (abr / "traces" / "mine").mkdir()
    for name in ("a", "b"):
        (abr / "traces" / "netllm-fcc-test" / name).write_text("0 1\n1 1\n2 3\n")
        (abr / "traces" / "mine" / name).write_text("0 1\n1 1\n2 3\n")
    sizes = _video(tmp_path, [[int(500 * rate)] * 49 for rate in BITRATES_KBPS])
    (abr / "videos").mkdir()
    sizes.rename(abr / "videos" / "video1")
    if starts is not None:
        (abr / "traces" / "netllm-fcc-test.start_ptr.json").write_text(json.dumps({"start_ptr": starts}))
    return tmp_path / "data"


def test_a_folder_is_read_and_other_sets_keep_their_names(tmp_path):
    data = load(_folder(tmp_path, starts={"a": 2, "b": 1}))
    assert set(data.sets) == {"fcc-test", "mine"}
    assert data.start_rows == {"fcc-test": {"a": 2, "b": 1}}
    assert not data.synthetic
    assert len(data.hashes["videos/video1/video_size_0"]) == 64
    with pytest.raises(UnknownNameError, match="did you mean 'mine'"):
        data.traces("mime")
    with pytest.raises(UnknownNameError, match="video1"):
        data.video("video2")


def test_a_bad_file_stops_only_what_uses_it(tmp_path):
    folder = _folder(tmp_path, starts={"a": 3})
    (folder / "abr" / "traces" / "mine" / "bad").write_text("0 1\n1 x\n")
    (folder / "abr" / "videos" / "bad").mkdir()
    data = load(folder)
    assert len(data.traces("fcc-test")) == 2
    assert data.video("video1").n_levels == 6
    with pytest.raises(DataError, match="bad:2: expected time"):
        data.traces("mine")
    with pytest.raises(DataError, match="6 bitrates need"):
        data.video("bad")
    with pytest.raises(DataError, match="a starts at row 3"):
        data.start_rows["fcc-test"]


def test_hidden_and_unfinished_files_are_no_data(tmp_path):
    folder = _folder(tmp_path)
    before = dict(load(folder).hashes)
    (folder / "abr" / "traces" / "mine" / ".a.1234.tmp").write_text("half")
    (folder / "abr" / "videos" / ".video1.1234.tmp").mkdir()
    data = load(folder)
    assert dict(data.hashes) == before
    assert len(data.traces("mine")) == 2
    assert set(data.videos) == {"video1"}


@pytest.mark.parametrize(
    ("starts", "sentence"), [({"a": 3}, "a starts at row 3"), ({"a": "x"}, "needs an object `start_ptr`")]
)
def test_bad_start_rows_are_refused(tmp_path, starts, sentence):
    with pytest.raises(DataError, match=sentence):
        load(_folder(tmp_path, starts=starts)).start_rows.get("fcc-test")


def test_a_folder_without_data_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match="netwright data fetch abr"):
        load(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no trace file"):
        read_trace_folder(tmp_path / "empty")


def test_logs_are_identified_by_name():
    assert log_of("000_trace_942154_http---www.ebay.com_0") == "fcc-942154"
    assert log_of("test_fcc_trace_5554_http---www.amazon.com_720_0") == "fcc-5554"
    ride = "test_norway_tram.ljabru-jernbanetorget-report.2011-01-31_2032CET.log_420_0"
    assert log_of(ride) == "tram.ljabru-jernbanetorget-report.2011-01-31_2032CET.log"
    assert log_of("norway_tram_25_0") == "norway_tram_25"
    assert log_of("trace_0") == "trace_0"
    assert is_norway(ride)
    assert not is_norway("trace_942154_http---www.ebay.com_0")


def test_generated_data_follow_their_seed(generated):
    again, other = generate(seed=0), generate(seed=1)
    assert set(generated.sets) <= set(FOLDERS)
    for name, traces in generated.sets.items():
        assert all(
            (a.bandwidths_mbps == b.bandwidths_mbps).all()
            for a, b in zip(traces, again.sets[name], strict=True)
        )
        assert (traces[0].bandwidths_mbps != other.sets[name][0].bandwidths_mbps).any()
    assert (generated.video("video1").sizes_bytes == again.video("video1").sizes_bytes).all()
    assert generated.synthetic


def test_synthetic_traces_change_faster_and_wider_than_slow_ones(generated):
    def spread(name):
        return np.mean([np.abs(np.diff(t.bandwidths_mbps)).mean() for t in generated.sets[name]])

    assert spread("synthetic-test") > 2.0 * spread("fcc-test")
    top = max(t.bandwidths_mbps.max() for t in generated.sets["synthetic-test"])
    assert top > max(t.bandwidths_mbps.max() for t in generated.sets["fcc-test"])


def test_a_synthetic_trace_stays_in_its_range():
    ranges = SynthRange(low_mbps=(1.0, 1.0), high_mbps=(3.0, 3.0), noise=(0.0, 0.0), n_rows=500)
    trace = synth_trace("t", np.random.default_rng(0), ranges)
    assert trace.n_rows == 500
    assert 1.0 <= trace.bandwidths_mbps.min() < trace.bandwidths_mbps.max() <= 3.0 + 1e-9
    assert len(np.unique(trace.bandwidths_mbps.round(9))) <= 10


def test_a_synthetic_video_has_its_mean_size():
    video = synth_video("v", np.random.default_rng(0), scale=1.2)
    rates = video.sizes_bytes[:, :48].mean(axis=1) * 8.0 / 4.0 / 1000.0
    assert rates.tolist() == pytest.approx([1.2 * r for r in video.bitrates_kbps], rel=1e-3)
    assert video.sizes_bytes.shape == (6, 49)


def test_the_published_files(real):
    assert {name: len(traces) for name, traces in real.sets.items() if name in FOLDERS} == {
        "fcc-train": 235,
        "fcc-test": 100,
        "fcc-extra": 112,
        "norway-train": 115,
        "norway-test": 184,
        "synthetic-test": 200,
    }
    assert set(real.start_rows["fcc-test"]) == {t.name for t in real.sets["fcc-test"]}
    means = real.video("video1").sizes_bytes.mean(axis=1) * 8.0 / 4.0 / 1000.0
    assert means.tolist() == pytest.approx([302, 750, 1197, 1843, 2838, 4279], abs=1.0)
