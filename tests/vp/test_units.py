"""Head motion of other makers: radians, milliseconds, other rates, titles, and what they are refused for."""

import json

import numpy as np
import pytest

from netwright.cli.main import main
from netwright.core.errors import DataError
from netwright.datasets.check import check
from netwright.tasks.vp.data import load, read_csv, read_csv_tree
from netwright.tasks.vp.units import UNSTATED, Units, doubts, read_units
from tests.vp.test_data import SPLITS, write_archive, write_csv


def rows(n=120, *, step=0.2, angle=1.0):
    """A viewer who turns from -59.5 to 59.5 degrees, in some unit and at some rate."""
    yaw = np.arange(n) - n / 2 + 0.5
    return np.column_stack([step * np.arange(n), 0.1 * yaw * angle, -0.2 * yaw * angle, yaw * angle])


def held(table):
    """Six rows for each, 30 a second."""
    more = np.repeat(table, 6, axis=0)
    more[:, 0] = np.arange(len(more)) / 30
    return more


def text(table):
    return "".join(",".join(f"{value:.9f}" for value in row) + "\n" for row in table)


def tree(tmp_path, table, **stated):
    folder = tmp_path / "vp" / "Jin2022"
    write_csv(folder, 1, 1, text(table))
    if stated:
        (folder / "format.json").write_text(json.dumps(stated))
    (tmp_path / "vp" / "split.json").write_text(json.dumps(SPLITS))
    return tmp_path


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (rows(angle=np.pi / 180), 'look like radians. State {"angle": "rad"}'),
        (rows(step=200.0), "the times look like ms"),
        (rows(step=1 / 30), "that is 30 rows a second"),
        (rows(step=1.0), "that is 1 rows a second"),
    ],
)
def test_other_units_are_refused_by_reader_and_check(tmp_path, table, sentence):
    folder = tree(tmp_path, table)
    with pytest.raises(DataError) as caught:
        load(folder).traces("Jin2022")
    assert sentence in str(caught.value)
    assert str(folder / "vp" / "Jin2022") in str(caught.value)
    assert sentence in "".join(f.message for f in check(folder).errors)


@pytest.mark.parametrize(
    ("table", "stated"),
    [
        (rows(angle=np.pi / 180), {"angle": "rad"}),
        (rows(step=200.0), {"time": "ms"}),
        (held(rows()), {"rate_hz": 30}),
        (rows(step=200.0, angle=np.pi / 180), {"time": "ms", "angle": "rad", "rate_hz": 5}),
    ],
)
def test_stated_units_are_converted(tmp_path, table, stated):
    traces = load(tree(tmp_path, table, **stated)).traces("Jin2022")
    assert traces.angles_deg == pytest.approx(rows()[:, 1:], abs=1e-5)
    assert traces.time_s == pytest.approx(rows()[:, 0], abs=1e-5)
    assert traces.offset.tolist() == [0, 120]
    assert not [f for f in check(tmp_path).errors if "Jin2022/video1" in f.place or "look" in f.message]


def test_every_kth_row_of_each_trace_is_kept(tmp_path):
    folder = tmp_path / "Jin2022"
    for user in (1, 2):
        write_csv(folder, 1, user, text(rows(61, step=0.1)))
    (folder / "format.json").write_text('{"rate_hz": 10}')
    traces = read_csv_tree(folder, "Jin2022")
    assert traces.offset.tolist() == [0, 31, 62]
    assert traces.trace(0)[1].tolist() == traces.trace(1)[1].tolist()
    assert traces.time_s[1] == pytest.approx(0.2)


def test_archives_are_questioned_too(tmp_path, generated):
    for name, file in (("Jin2022", "jin2022_5hz.npz"), ("Wu2017", "wu2017_5hz.npz")):
        write_archive(tmp_path / file, generated.sets[name])
    (tmp_path / "split.json").write_text(json.dumps(SPLITS))
    (tmp_path / "format.json").write_text('{"angle": "rad"}')
    with pytest.raises(DataError, match=r"wu2017_5hz\.npz: .* degrees, outside -180 \.\. 180, in \d+ rows"):
        load(tmp_path).traces("Wu2017")  # degrees that are stated to be radians
    archive = dict(np.load(tmp_path / "wu2017_5hz.npz"))
    archive["rows"][:, 1:] = np.rint(np.radians(archive["rows"][:, 1:]))
    np.savez(tmp_path / "wu2017_5hz.npz", **archive)
    assert np.abs(load(tmp_path).traces("Wu2017").angles_deg).max() < 181.0
    (tmp_path / "format.json").unlink()
    with pytest.raises(DataError, match=r"wu2017_5hz\.npz: .*radians"):
        load(tmp_path).traces("Wu2017")
    assert load(tmp_path).traces("Jin2022").n_traces > 0


@pytest.mark.parametrize(
    "head",
    [
        "time,roll,pitch,yaw\n",
        "# comment\nTime (s),Roll (deg),Pitch (deg),Yaw (deg)\n",
        "\ufeff",
        "\ufeff\n# x\n",
    ],
)
def test_titles_comments_and_marks_are_read(tmp_path, head):
    table = read_csv(write_csv(tmp_path, 1, 1, head + "0.2,1,2,3\n\n0.4,4,5,6\n"))
    assert table.tolist() == [[0.2, 1.0, 2.0, 3.0], [0.4, 4.0, 5.0, 6.0]]


def test_titles_behind_a_mark_are_titles(tmp_path):
    path = write_csv(tmp_path, 1, 1, "# time (ms), yaw, pitch, roll\n200,3,2,1\n400,6,5,4\n")
    assert read_csv(path).tolist() == [[0.2, 1.0, 2.0, 3.0], [0.4, 4.0, 5.0, 6.0]]


@pytest.mark.parametrize("cell", ["1_0", "٣", "nan"])
def test_only_plain_numerals_are_numbers(tmp_path, cell):
    with pytest.raises(DataError, match="csv:2: expected four numbers"):
        read_csv(write_csv(tmp_path, 1, 1, f"0.2,1,2,3\n0.4,4,{cell},6\n"))


def test_titles_give_order_and_units(tmp_path):
    path = write_csv(tmp_path, 1, 1, "yaw_rad,note,pitch (rad),roll,timestamp_ms\n1,x,2,30,200\n")
    assert read_csv(path)[0].tolist() == pytest.approx([0.2, 30.0, np.degrees(2.0), np.degrees(1.0)])


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        ("time,roll,pitch,yaw (turns)\n", "csv:1: yaw .turns.: unknown unit 'turns'"),
        ("time (h),roll,pitch,yaw\n", "unknown unit 'h'"),
        ("time,roll,pitch\n", "csv:1: expected four numbers"),
    ],
)
def test_titles_that_say_something_else_are_refused(tmp_path, head, sentence):
    folder = tree(tmp_path, rows())
    path = write_csv(folder / "vp" / "Jin2022", 1, 1, head + "0.2,1,2,3\n")
    with pytest.raises(DataError, match=sentence):
        read_csv(path)
    assert [f.place for f in check(folder).errors if f.place.startswith(str(path))]


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"angle": "turns"}', '{"rate_hz": 7}', '{"rate_hz": "x"}', '{"a": 1}']
)
def test_a_bad_format_file_is_named(tmp_path, text):
    (tmp_path / "format.json").write_text(text)
    with pytest.raises(DataError, match=r"format\.json"):
        read_units(tmp_path)


def test_published_forms_are_never_doubted(generated):
    for traces in generated.sets.values():
        table = np.column_stack([traces.time_s, traces.angles_deg])
        assert doubts(table, traces.offset, UNSTATED) == []
    still = np.zeros((50, 4))
    assert doubts(still, np.array([0, 50]), UNSTATED) == []  # no angle, no time: nothing to tell a unit by
    assert doubts(rows(angle=0.01), np.array([0, 120]), Units(angle_deg=1.0)) == []


def test_a_bad_dataset_stops_only_its_own_settings(tmp_path, generated, capsys):
    for name, file in (("Jin2022", "jin2022_5hz.npz"), ("Wu2017", "wu2017_5hz.npz")):
        place = tmp_path / "vp" / file
        place.parent.mkdir(exist_ok=True)
        write_archive(place, generated.sets[name])
    (tmp_path / "vp" / "wu2017_5hz.npz").write_bytes(b"broken")
    split = {name: {"videos": dict(s.videos), "users": dict(s.users)} for name, s in generated.splits.items()}
    (tmp_path / "vp" / "split.json").write_text(json.dumps(split))
    words = ["test", "vp", "--policy", "last-value", "--data", str(tmp_path), "--json", "--setting"]
    assert main([*words, "default"]) == 0
    assert main([*words, "unseen2"]) == 2
    assert "wu2017_5hz.npz: damaged" in capsys.readouterr().err


def test_columns_that_are_not_used_are_named_once(tmp_path, caplog):
    folder = tree(tmp_path, rows())
    head = "time,roll,pitch,yaw,zoom,yaw (rad)\n"
    for user in (1, 2):
        write_csv(folder / "vp" / "Jin2022", 1, user, head + "0.2,1,2,30,9,7\n0.4,1,2,31,9,7\n")
    found = read_csv_tree(folder / "vp" / "Jin2022", "Jin2022")
    assert found.angles_deg[0].tolist() == [1.0, 2.0, 30.0]
    place = folder / "vp" / "Jin2022"
    assert caplog.messages == [f"{place}: columns that are not used: zoom, yaw (rad)"]
    caplog.clear()
    check(folder)
    assert f"{place}: columns that are not used: zoom, yaw (rad)" in caplog.messages
