"""Foreign traces and videos: units that are stated or doubted, clocks, comments, and what is said about them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.cli.main import main
from netwright.core.errors import DataError
from netwright.tasks.abr.formats import read_trace_folder, read_traces
from netwright.tasks.abr.units import UNSTATED, Units, implausible, mbps_in, title
from netwright.tasks.abr.video_files import BITRATES_KBPS, read_video


def read(tmp_path, text, units=UNSTATED, name="trace"):
    """The traces of a text, and what was said."""
    said = []
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / name).write_bytes(content)
    return read_traces(tmp_path / name, units, said.append), said


@pytest.mark.parametrize(
    ("unit", "mbps"),
    [
        ("bit/s", 1e-6),
        ("kbit/s", 1e-3),
        ("kbps", 1e-3),
        ("Kbps", 1e-3),
        ("Mbps", 1.0),
        ("Mb/s", 1.0),
        ("Gbit/s", 1e3),
        ("MB/s", 8.0),
        ("MBps", 8.0),
        ("kB/s", 8e-3),
        ("bytes/s", 8e-6),
        ("furlongs", None),
    ],
)
def test_bits_and_bytes_are_told_apart(unit, mbps):
    assert mbps_in(unit) == (None if mbps is None else pytest.approx(mbps))


@pytest.mark.parametrize(
    ("text", "kind", "factor"),
    [
        ("time (ns GMT)", "time", 1e-9),
        ("Time [ms]", "time", 1e-3),
        ("timestamp_ms", "time", 1e-3),
        ("seconds", "time", 1.0),
        ("bandwidth_kbps", "bandwidth", 1e-3),
        ("Throughput (MB/s)", "bandwidth", 8.0),
        ("Mbps", "bandwidth", 1.0),
        ("delivery_rate", "bandwidth", 8e-6),
        ("delivery_rate (kbit/s)", "bandwidth", 1e-3),
        ("bandwidth", "bandwidth", None),
        ("latitude", "other", None),
        ("latitude (deg)", "other", None),
    ],
)
def test_titles_name_columns_and_units(text, kind, factor):
    found = title(text, "f:1")
    assert (found.kind, found.factor) == (kind, None if factor is None else pytest.approx(factor))


@pytest.mark.parametrize("text", ["time (furlongs)", "bandwidth [parsec/s]"])
def test_an_unknown_unit_in_brackets_is_refused(tmp_path, text):
    other = "bandwidth" if text.startswith("time") else "time"
    with pytest.raises(DataError, match=r"trace:1: unknown unit '(furlongs|parsec/s)' of"):
        read(tmp_path, f"{text},{other}\n0,1\n1,2\n")


@pytest.mark.parametrize(
    "text",
    [
        "time,bandwidth\n# seconds, Mbit/s\n0,1\n1,2\n",
        "// made by hand\n0 1 # first\n\n1 2\n",
        "\ufefftime;bandwidth\n0;1\n1;2\n",
        "time_ms\tbandwidth_kbps\n0\t1000\n1000\t2000\n",
        '"time (ms)","note","rate (kB/s)"\n0,x,125\n1000,y,250\n',
        "Mbps,seconds\n1,0\n2,1\n",
    ],
)
def test_titles_comments_and_marks_are_read(tmp_path, text):
    ((trace,), said) = read(tmp_path, text)
    assert trace.times_s.tolist() == pytest.approx([0.0, 1.0])
    assert trace.bandwidths_mbps.tolist() == pytest.approx([1.0, 2.0])
    assert said == (["columns that are not used: note"] if "note" in text else [])


def test_utf16_text_is_read(tmp_path):
    ((trace,), _) = read(tmp_path, "0 1\r\n1 2\r\n".encode("utf-16"))
    assert trace.bandwidths_mbps.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0 1000\n1000 900\n2000 1100\n", "median step would be 1000 s: the times look like ms.*format.json"),
        ("0 1\n3600 2\n7200 1\n", "median step would be 3600 s"),
        ("0 30000\n1 30000\n", "the bandwidths look like kbit/s"),
        ("0 1\n0.000278 2\n0.000556 1\n", "whole trace would be 0.000556 s: the times look like min or h"),
        ("0 3000000\n1 3100000\n", "the bandwidths look like bit/s"),
        ("0 1000000\n1 1000000\n", "the bandwidths look like kbit/s"),
    ],
)
def test_values_in_other_units_are_refused_with_the_likely_one(tmp_path, text, sentence):
    with pytest.raises(DataError, match=f"trace: .*{sentence}"):
        read(tmp_path, text)


def test_stated_units_are_believed(tmp_path):
    (tmp_path / "format.json").write_text('{"time": "ms", "bandwidth": "kbit/s"}')
    (tmp_path / "a").write_text("0 1000\n1000 900\n2000 1100\n")
    (trace,) = read_trace_folder(tmp_path)
    assert trace.times_s.tolist() == [0.0, 1.0, 2.0]
    assert trace.bandwidths_mbps.tolist() == pytest.approx([1.0, 0.9, 1.1])
    ((slow,), _) = read(tmp_path, "0 1\n3600 2\n", Units(1.0, 1.0))
    assert slow.times_s.tolist() == [0.0, 3600.0]


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"time": 3}', '{"bandwidth": "furlong/s"}', '{"tyme": "ms"}', "{"]
)
def test_a_bad_format_file_is_named(tmp_path, text):
    (tmp_path / "format.json").write_text(text)
    (tmp_path / "a").write_text("0 1\n1 2\n")
    with pytest.raises(DataError, match=r"format\.json"):
        read_trace_folder(tmp_path)


@given(
    steps=st.lists(st.floats(0.1, 50.0), min_size=1, max_size=20),
    rates=st.floats(0.01, 400.0),
)
def test_ordinary_values_are_never_doubted(steps, rates):
    times = np.concatenate([[0.0], np.cumsum(steps)])
    assert implausible(times, np.full(len(times), rates), UNSTATED) is None


@pytest.mark.parametrize("start", [1.6e9, -5.0, 1.5, 100.0])
def test_a_clock_that_starts_elsewhere_is_shifted(tmp_path, start):
    text = "".join(f"{start + i} {5 - (i == 1)}\n" for i in range(5))
    ((trace,), said) = read(tmp_path, text)
    assert trace.times_s.tolist() == pytest.approx([0.0, 1.0, 2.0, 3.0, 4.0])
    assert said == ["the clock does not start at 0: shifted"]


@pytest.mark.parametrize("start", [0.0, 0.25, 1.0])
def test_a_first_stamp_within_one_step_ends_the_first_row(tmp_path, start):
    ((trace,), said) = read(tmp_path, "".join(f"{start + i} 5\n" for i in range(4)))
    assert trace.times_s.tolist() == [start, start + 1.0, start + 2.0, start + 3.0]
    assert said == []


@pytest.mark.parametrize(
    ("stamps", "times", "mbps"),
    [
        ([1], [0.0, 0.001], [12.0]),
        ([2], [0.0, 0.002], [6.0]),
        ([0, 500, 1000], [0.0, 1.0], [0.036]),
        ([1000, 2000, 3000], [0.0, 1.0, 2.0, 3.0], [0.012] * 3),
        ([1000, 1500], [0.0, 1.0, 1.5], [0.012, 0.024]),
        ([500, 4000], [0.0, 1.0, 3.0, 4.0], [0.012, 0.0, 0.012]),
        ([2500], [0.0, 2.0, 2.5], [0.0, 0.024]),
    ],
)
def test_mahimahi_repeats_at_its_last_stamp(tmp_path, stamps, times, mbps):
    ((trace,), said) = read(tmp_path, "\n".join(map(str, stamps)))
    assert trace.times_s.tolist() == pytest.approx(times)
    assert trace.bandwidths_mbps[1:].tolist() == pytest.approx(mbps)
    assert said[0].startswith("read as Mahimahi")


@given(st.lists(st.integers(0, 10**5), min_size=1, max_size=300).map(sorted).filter(lambda s: s[-1] > 0))
def test_a_mahimahi_file_keeps_its_mean_rate(tmp_path_factory, stamps):
    path = tmp_path_factory.getbasetemp() / "mahimahi"
    path.write_text("\n".join(map(str, stamps)))
    (trace,) = read_traces(path, UNSTATED, lambda line: None)
    carried = (trace.bandwidths_mbps[1:] * np.diff(trace.times_s)).sum()
    assert carried == pytest.approx(len(stamps) * 12_000 / 1e6)
    assert trace.times_s[-1] == pytest.approx(stamps[-1] / 1000.0)
    assert trace.n_rows <= 2 * len(stamps) + 2


def test_no_table_grows_with_a_stamp(tmp_path):
    ((trace,), _) = read(tmp_path, "1\n" * 2_000_000 + "900000000000\n")
    assert trace.n_rows == 4


@pytest.mark.parametrize("text", ["0\n0\n", "1600000000000\n1600000000001\n"])
def test_stamps_that_are_not_mahimahi_s_are_refused(tmp_path, text):
    with pytest.raises(DataError, match="read as Mahimahi's, milliseconds from 0 on; its stamps"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "# time(ms) bandwidth(kbps)\n0 1000\n1000 2000\n",
        "# time (ms), bandwidth (kbps)\n0,1000\n1000,2000\n",
        "// time_ms bandwidth_kbps\n0 1000\n1000 2000\n",
    ],
)
def test_titles_behind_a_mark_are_titles(tmp_path, text):
    ((trace,), _) = read(tmp_path, text)
    assert trace.times_s.tolist() == [0.0, 1.0]
    assert trace.bandwidths_mbps.tolist() == pytest.approx([1.0, 2.0])


@pytest.mark.parametrize(
    "text", ["# time and bandwidth (furlongs)\n0 1\n1 2\n", "# time bandwidth note\n0 1\n1 2\n"]
)
def test_prose_behind_a_mark_is_a_comment(tmp_path, text):
    ((trace,), _) = read(tmp_path, text)
    assert trace.bandwidths_mbps.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("text", ["time,bandwidth\n0,1_0\n1,2\n", "time,bandwidth\n0,1\n1,٣\n", "0 1\n1 ٣\n"])
def test_only_plain_numerals_are_numbers(tmp_path, text):
    with pytest.raises(DataError, match=r"trace:[23]: "):
        read(tmp_path, text)


@pytest.mark.parametrize("word", ["²", "٣", "9" * 400])
def test_odd_digits_are_no_crash(tmp_path, word):
    with pytest.raises(DataError):
        read(tmp_path, f"{word}\n{word}\n")


PUFFER = "time (ns GMT),session_id,index,delivery_rate\n"


def test_short_and_silent_streams_are_left_out_and_counted(tmp_path):
    rows = "0,a,0,200000\n2000000000,a,0,300000\n1,b,0,100000\n0,c,0,0\n1000000000,c,0,0\n"
    ((trace,), said) = read(tmp_path, PUFFER + rows)
    assert trace.name == "trace:a-0"
    assert trace.bandwidths_mbps.tolist() == pytest.approx([1.6, 2.4])
    assert said == [
        "of 3 streams in trace, 1 are read: 1 of one chunk and 1 without any data are left out",
    ]
    with pytest.raises(DataError, match="holds no stream of two chunks"):
        read(tmp_path, PUFFER + "1,b,0,100000\n")


def test_a_bad_stream_is_named_with_its_line(tmp_path):
    rows = "0,a,0,2\n1000000000,a,0,2\n5000000000,b,1,2\n4000000000,b,1,2\n"
    with pytest.raises(DataError, match="trace:5: stream b-1: time"):
        read(tmp_path, PUFFER + rows)


INTERVALS = [
    {"duration_ms": 500, "bandwidth_kbps": 1000, "latency_ms": 75},
    {"duration_ms": 0, "bandwidth_kbps": 9000, "latency_ms": 75},
    {"duration_ms": 1500, "bandwidth_kbps": 0, "latency_ms": 75},
    {"duration_ms": 1000, "bandwidth_kbps": 2500, "latency_ms": 75},
]


def test_intervals_of_sabre(tmp_path):
    ((trace,), said) = read(tmp_path, json.dumps(INTERVALS), name="network.json")
    assert trace.times_s.tolist() == [0.0, 0.5, 2.0, 3.0]
    assert trace.bandwidths_mbps[1:].tolist() == [1.0, 0.0, 2.5]
    assert "latency_ms is not used" in said[0]


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "[1]",
        '[{"duration_ms": 5, "bandwidth_kbps": -3}]',
        '[{"duration_ms": -1, "bandwidth_kbps": 1}]',
        "[{",
        "[true]",
    ],
)
def test_other_json_is_refused(tmp_path, text):
    with pytest.raises(DataError, match=r"network\.json"):
        read(tmp_path, text, name="network.json")


def test_a_trace_that_carries_next_to_nothing_is_refused(tmp_path):
    with pytest.raises(DataError, match="bits in all"):
        read(tmp_path, "0 1e-9\n1 1e-9\n")


def test_notes_of_a_folder_are_one_line(tmp_path, caplog):
    for name in "abcde":
        (tmp_path / name).write_text("1\n")
    (tmp_path / "f").write_text("0 1\n1 1\n")
    assert len(read_trace_folder(tmp_path)) == 6
    (line,) = [r.getMessage() for r in caplog.records]
    assert "read as Mahimahi" in line
    assert line.endswith("(5 of 6 files, a, b, c, ..)")


def sized(tmp_path, factor=1.0, reverse=False, **described):
    folder = tmp_path / "v"
    folder.mkdir(exist_ok=True)
    rates = list(reversed(BITRATES_KBPS)) if reverse else BITRATES_KBPS
    for level, rate in enumerate(rates):
        (folder / f"video_size_{level}").write_text(f"{max(1, round(500 * rate * factor))}\n" * 49)
    if described:
        (folder / "video.json").write_text(json.dumps(described))
    return folder


@pytest.mark.parametrize(
    ("factor", "reverse", "sentence"),
    [
        (8.0, False, "look like bits"),
        (1e-3, False, "look like kB"),
        (3.5, False, "check the sizes, the bitrates .* and the length of a chunk"),
        (8e-3, False, "look like kbit"),
        (
            1.0,
            True,
            r"rung 1 \(.* bytes\) is not larger than that of rung 0 \(.*\); is the ladder upside down",
        ),
    ],
)
def test_sizes_in_other_units_are_refused(tmp_path, factor, reverse, sentence):
    with pytest.raises(DataError, match=sentence):
        read_video(sized(tmp_path, factor, reverse))


def test_a_stated_unit_that_does_not_fit_is_noted(tmp_path, caplog):
    """Sizes in kbit, stated as kB, are 8 times too large."""
    read_video(sized(tmp_path, 8e-3, size_unit="kB"))
    assert "times what 300 kbit/s and chunks of 4 s make; taken as kB, as stated" in caplog.text
    caplog.clear()
    read_video(sized(tmp_path, 8e-3, size_unit="kbit"))
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"chunk_s": True}, "chunk_s"),
        ({"n_chunks": 47.7}, "n_chunks"),
        ({"n_chunks": 10_001}, "n_chunks"),
        ({"bitrates_kbps": ["300", 750, 1200, 1850, 2850, 4300]}, "bitrates_kbps"),
        ({"bitrates_kbps": list(range(100, 165))}, "bitrates_kbps"),
        ({"size_unit": "furlong"}, "size_unit"),
    ],
)
def test_a_description_is_read_strictly(tmp_path, described, words):
    with pytest.raises(DataError, match=rf"video\.json: .*{words}"):
        read_video(sized(tmp_path, **described))


@pytest.mark.parametrize(("unit", "factor"), [("bits", 8.0), ("kB", 1e-3), ("bytes", 1.0)])
def test_stated_sizes_are_believed(tmp_path, unit, factor):
    video = read_video(sized(tmp_path, factor, size_unit=unit))
    assert video.sizes_bytes[-1, 0] == pytest.approx(2_150_000, rel=1e-3)
    assert read_video(sized(tmp_path, 5.0, size_unit="bytes")).sizes_bytes[-1, 0] == 10_750_000


def test_a_movie_of_sabre(tmp_path):
    folder = tmp_path / "film"
    folder.mkdir()
    sizes = [[9001, 16000], [8000, 15000], [7000, 17000]]
    movie = {"segment_duration_ms": 1000, "bitrates_kbps": [8, 16], "segment_sizes_bits": sizes}
    (folder / "movie.json").write_text(json.dumps(movie))
    video = read_video(folder)
    assert (video.name, video.n_chunks, video.chunk_s, video.bitrates_kbps) == ("film", 3, 1.0, (8.0, 16.0))
    assert video.sizes_bytes.tolist() == [[1126, 1000, 875], [2000, 1875, 2125]]
    (folder / "movie.json").write_text(json.dumps(movie | {"segment_sizes_bits": [[1], [2]]}))
    with pytest.raises(
        DataError, match=r"movie\.json: a movie of Sabre is needed here|every segment needs 2 sizes"
    ):
        read_video(folder)


def test_a_movie_beside_another_description_is_refused(tmp_path):
    (tmp_path / "movie.json").write_text("{}")
    (tmp_path / "video_size_0").write_text("1\n")
    with pytest.raises(DataError, match=r"holds movie\.json and another description of the video; keep one"):
        read_video(tmp_path)


@pytest.fixture
def own(tmp_path):
    """A data folder with a proper video, and a function that adds a set of one trace."""
    sized(tmp_path)
    (tmp_path / "data" / "abr" / "videos").mkdir(parents=True)
    (tmp_path / "v").rename(tmp_path / "data" / "abr" / "videos" / "video1")

    def add(name, text, **stated):
        folder = tmp_path / "data" / "abr" / "traces" / name
        folder.mkdir(parents=True)
        (folder / "t").write_text(text)
        if stated:
            (folder / "format.json").write_text(json.dumps(stated))
        return tmp_path / "data"

    return add


def _test(capsys, monkeypatch, tmp_path, folder, name):
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "cache"))
    capsys.readouterr()
    words = ["test", "abr", "--policy", "bba", "--data", str(folder), "--set", f"traces={name}", "--json"]
    return main(words), capsys.readouterr()


def test_test_says_what_was_assumed_in_text_and_json(own, capsys, monkeypatch, tmp_path):
    folder = own("packets", "1\n")
    own("broken", "0 1\n1 x\n")
    code, shown = _test(capsys, monkeypatch, tmp_path, folder, "packets")
    assert code == 0
    document = json.loads(shown.out)
    assert document["mean"] == pytest.approx(4.2, abs=0.6)
    assert [line for line in document["notes"] if "read as Mahimahi" in line]
    assert shown.err.count("note: ") == len(document["notes"])
    code, shown = _test(capsys, monkeypatch, tmp_path, folder, "broken")
    assert (code, shown.out) == (2, "")
    assert "t:2: expected time" in shown.err


def test_bandwidth_far_above_the_ladder_is_said(own, capsys, monkeypatch, tmp_path):
    folder = own("kbit", "0 3200\n1 2900\n2 3100\n")
    code, shown = _test(capsys, monkeypatch, tmp_path, folder, "kbit")
    assert code == 0
    assert (
        "over 100 times the top rung of 4.3 Mbit/s in 1 of 1 traces, such as t; if the bandwidths"
        in shown.err
    )


def test_a_chunk_that_would_take_forever_is_refused(own, capsys, monkeypatch, tmp_path):
    folder = own("slow", "0 0.00001\n1 0.00001\n")
    code, shown = _test(capsys, monkeypatch, tmp_path, folder, "slow")
    assert code == 2
    assert "rounds of trace 't'" in shown.err
