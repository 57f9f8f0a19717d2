"""The check of a folder of head-motion traces: each fault is named with its place, and good folders pass."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from netwright.tasks.vp import checks
from netwright.tasks.vp.data import ARCHIVES
from netwright.tasks.vp.units import COLUMNS

N_ROWS = 100
EVERY = {part: {"train": [1], "valid": [2], "test": [3]} for part in ("videos", "users")}


def motion(n_rows=N_ROWS):
    """Rows at 5 Hz of a head that turns a degree a sample, in seconds and degrees."""
    yaw = np.arange(n_rows) - n_rows / 2.0
    return np.column_stack([0.2 * np.arange(n_rows), 0.1 * yaw, 0.2 * yaw, yaw])


def text_of(rows):
    return "".join(",".join(f"{value:.6f}" for value in row) + "\n" for row in rows)


def csv_path(folder, video, user, dataset="Jin2022"):
    return folder / dataset / f"video{video}" / "5Hz" / f"simple_5Hz_user{user}.csv"


@pytest.fixture
def tree(tmp_path):
    """Three videos watched by three viewers each in both datasets, as CSV files without a fault."""
    for dataset in ARCHIVES:
        for video in (1, 2, 3):
            for user in (1, 2, 3):
                path = csv_path(tmp_path, video, user, dataset)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text_of(motion()))
    write_split(tmp_path)
    return tmp_path


def write_split(folder, **changes):
    document = dict.fromkeys(ARCHIVES, EVERY) | changes
    (folder / "split.json").write_text(json.dumps({k: v for k, v in document.items() if v is not None}))


def said(folder):
    """Level, place relative to the folder, and message of each finding."""
    return [(f.level, f.place.replace(f"{folder}/", ""), f.message) for f in checks.check(folder)]


def change_rows(folder, change, video=2, user=1):
    rows = motion()
    rows = change(rows)
    csv_path(folder, video, user).write_text(text_of(rows))
    return f"Jin2022/video{video}/5Hz/simple_5Hz_user{user}.csv"


def test_a_folder_without_a_fault_has_no_finding(tree):
    assert said(tree) == []


def test_time_that_does_not_rise_is_an_error_at_its_line(tree):
    def swap(rows):
        rows[[10, 11], 0] = rows[[11, 10], 0]
        return rows

    place = change_rows(tree, swap)
    # Rows count from 1: the row that goes back is the twelfth, and the gap of 0.4 s is below the limit.
    assert said(tree) == [("error", f"{place}:12", "time 2 s is not after 2.2 s; sort or drop the row.")]


def test_time_that_stands_still_is_an_error(tree):
    def repeat(rows):
        rows[50, 0] = rows[49, 0]
        return rows

    place = change_rows(tree, repeat)
    assert said(tree) == [("error", f"{place}:51", "time 9.8 s is not after 9.8 s; sort or drop the row.")]


def test_a_step_back_of_the_published_files_is_a_warning(tree):
    dataset, video, user, row = sorted(checks.PUBLISHED_STEPS_BACK)[0]
    rows = motion(row + 20)
    rows[row - 1, 0] = rows[row - 2, 0] - 0.1
    path = csv_path(tree, video, user, dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text_of(rows))
    [(level, place, message)] = said(tree)
    assert level == "warning"
    assert place.endswith(f"user{user}.csv:{row}")
    assert message.endswith("s, as in the published file.")


@pytest.mark.parametrize(("gap_s", "warned"), [(0.99, False), (1.1, True), (7.3, True)])
def test_a_gap_of_more_than_a_second_is_a_warning(tree, gap_s, warned):
    def pause(rows):
        rows[40:, 0] += gap_s - 0.2
        return rows

    place = change_rows(tree, pause)
    expected = [("warning", f"{place}:41", f"gap of {gap_s:.1f} s before this row.")] if warned else []
    assert said(tree) == expected


@pytest.mark.parametrize(
    ("column", "value", "limit"), [(1, 181.0, 180), (2, -90.5, 90), (3, 200.0, 180), (2, 91.0, 90)]
)
def test_an_angle_out_of_its_range_is_an_error(tree, column, value, limit):
    def turn(rows):
        rows[7, column] = value
        return rows

    place = change_rows(tree, turn)
    message = f"{COLUMNS[column]} is {value:g}, outside -{limit} .. {limit}; is it in degrees?"
    assert said(tree) == [("error", f"{place}:8", message)]


@pytest.mark.parametrize(("column", "value"), [(1, 180.0), (2, -90.0), (3, -180.0)])
def test_angles_at_the_ends_of_their_ranges_are_accepted(tree, column, value):
    def turn(rows):
        rows[7, column] = value
        return rows

    change_rows(tree, turn)
    assert said(tree) == []


def test_cells_that_are_no_numbers_and_rows_of_another_length_are_named_by_line(tree):
    path = csv_path(tree, 1, 1)
    lines = path.read_text().splitlines(keepends=True)
    lines[4] = "0.8,1,two,3\n"
    lines[5] = "1.0,1,2\n"
    path.write_text("".join(lines))
    name = "Jin2022/video1/5Hz/simple_5Hz_user1.csv"
    assert said(tree) == [
        ("error", f"{name}:5", "pitch is 'two', not a number; correct or drop the row."),
        ("error", f"{name}:6", "3 columns instead of 4; correct or drop the row."),
    ]


def test_a_file_without_a_line_end_may_be_cut_short(tree):
    path = csv_path(tree, 1, 1)
    path.write_text(path.read_text().removesuffix("\n"))
    [(level, place, message)] = said(tree)
    assert (level, message) == ("warning", "no line end: the file may be cut short.")
    assert place.endswith(f"simple_5Hz_user1.csv:{N_ROWS}")


@pytest.mark.parametrize(("n_rows", "warned"), [(90, True), (91, False)])
def test_a_trace_too_short_for_a_window_is_a_warning(tree, n_rows, warned):
    csv_path(tree, 3, 2).write_text(text_of(motion(n_rows)))
    message = f"has {n_rows} rows; below 91 it yields no window."
    place = "Jin2022: Jin2022/video3/user2"
    assert said(tree) == ([("warning", place, message)] if warned else [])


def test_an_empty_file_is_a_trace_without_a_row(tree):
    csv_path(tree, 3, 2).write_text("")
    assert ("error", "Jin2022: Jin2022/video3/user2", "has no row; drop the trace.") in said(tree)


def test_a_dataset_that_is_absent_is_a_warning_and_an_empty_one_an_error(tree):
    for path in sorted((tree / "Wu2017").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    what = "holds no video<v>/5Hz/simple_5Hz_user<u>.csv"
    assert said(tree) == [("error", "Wu2017", f"{what}; check --data.")]
    (tree / "Wu2017").rmdir()
    absent = f"{what}, so settings on Wu2017 cannot be played; check --data."
    assert said(tree) == [("warning", "Wu2017", absent)]


def test_a_folder_without_any_dataset_names_both(tmp_path):
    write_split(tmp_path)
    what = "missing, as is every other dataset; check --data, or run `netwright data fetch vp`."
    assert said(tmp_path) == [("error", name, what) for name in ARCHIVES]


def test_a_bad_format_file_is_an_error_of_its_dataset_only(tree):
    (tree / "Jin2022" / "format.json").write_text('{"angle": "turns"}')
    [(level, place, message)] = said(tree)
    assert (level, place) == ("error", "Jin2022/format.json")
    assert message.startswith("angle: unknown unit 'turns'")


def test_splits_that_overlap_or_name_what_is_not_there_are_errors(tree):
    write_split(
        tree,
        Jin2022={
            "videos": {"train": [1, 2], "valid": [2], "test": [3, 9]},
            "users": {"train": [1], "valid": [2], "test": [1, 8]},
        },
    )
    place = "split.json: Jin2022"
    assert said(tree) == [
        ("error", place, "video 2 is in train and valid; keep it in one of them."),
        ("error", place, "viewer 1 is in train and test; keep it in one of them."),
        ("error", place, "test names video 9, of which there is no trace."),
        ("error", place, "test names viewer 8, of which there is no trace."),
    ]


def test_a_pair_without_a_trace_is_a_warning(tree):
    csv_path(tree, 3, 3).unlink()
    assert said(tree) == [
        ("warning", "split.json: Jin2022", "test has no trace of viewer 3 watching video 3.")
    ]


def test_splits_of_other_datasets_are_errors(tree):
    write_split(tree, Jin2022=None, Lee2030=EVERY)
    assert said(tree) == [
        ("error", "split.json", "names no split of Jin2022; add one."),
        ("error", "split.json", "names the dataset 'Lee2030'; there is Jin2022, Wu2017."),
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [("{", "not a JSON"), ('{"Jin2022": {"videos": {}}}', "not a split file (KeyError: 'train')")],
)
def test_a_damaged_split_file_is_one_error(tree, text, part):
    (tree / "split.json").write_text(text)
    found = said(tree)
    assert [(level, place) for level, place, _ in found] == [("error", "split.json")]
    assert part in found[0][2] or "JSON" in found[0][2]


def archive(path, **changes):
    """A published archive's arrays for nine traces, some replaced."""
    rows = np.rint(np.tile(motion(), (9, 1)) * 1e6).astype(np.int32)
    arrays = {
        "rows": rows,
        "video": np.repeat([1, 2, 3], 3).astype(np.int32),
        "user": np.tile([1, 2, 3], 3).astype(np.int32),
        "offset": N_ROWS * np.arange(10, dtype=np.int64),
    }
    np.savez(path, **{k: v for k, v in (arrays | changes).items() if v is not None})


@pytest.fixture
def archives(tmp_path):
    for file in ARCHIVES.values():
        archive(tmp_path / file)
    write_split(tmp_path)
    return tmp_path


def without_warnings_of_origin(folder):
    return [f for f in said(folder) if "is not the published file" not in f[2]]


def test_an_archive_of_ones_own_is_only_said_to_compare_with_no_other(archives):
    what = "is not the published file: results on it compare with no others."
    assert said(archives) == [("warning", file, what) for file in ARCHIVES.values()]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"video": None}, "lacks the array video; fetch it again."),
        ({"video": None, "offset": None}, "lacks the array video and offset; fetch it again."),
        (
            {"user": np.ones(9)},
            "user must hold whole numbers in one dimension, not float64 (9,); fetch it again.",
        ),
        (
            {"rows": np.zeros((900, 3), dtype=np.int32)},
            "rows must be 4 columns of numbers (time, roll, pitch, yaw), not int32 (900, 3); fetch it again.",
        ),
        (
            {"user": np.ones(8, dtype=np.int32)},
            "video, user, offset need n, n, n + 1 entries, not 9, 8, 10; fetch it again.",
        ),
        (
            {"offset": 90 * np.arange(10, dtype=np.int64)},
            "offset must rise from 0 to the 900 rows; fetch it again.",
        ),
        (
            {"offset": np.array([0, 200, 100, 300, 400, 500, 600, 700, 800, 900])},
            "offset must rise from 0 to the 900 rows; fetch it again.",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_one_error_of_the_archive(archives, changes, message):
    archive(archives / ARCHIVES["Jin2022"], **changes)
    assert without_warnings_of_origin(archives) == [("error", ARCHIVES["Jin2022"], message)]


def test_a_cut_archive_is_an_error_and_the_other_is_still_checked(archives):
    path = archives / ARCHIVES["Wu2017"]
    path.write_bytes(path.read_bytes()[:1000])
    [(level, place, message)] = without_warnings_of_origin(archives)
    assert (level, place) == ("error", ARCHIVES["Wu2017"])
    assert message.startswith("damaged or truncated")
    path.unlink()
    what = "missing, so settings on Wu2017 cannot be played; `netwright data fetch vp` makes it."
    assert without_warnings_of_origin(archives) == [("warning", ARCHIVES["Wu2017"], what)]


def test_a_trace_that_is_there_twice_is_an_error(archives):
    users = np.tile([1, 2, 3], 3)
    users[1] = 1
    archive(archives / ARCHIVES["Jin2022"], user=users.astype(np.int32))
    messages = Counter(message for _, _, message in without_warnings_of_origin(archives))
    assert messages["is there twice; keep one."] == 1


def test_rows_of_an_archive_are_located_by_trace(archives):
    rows = np.rint(np.tile(motion(), (9, 1)) * 1e6).astype(np.int32)
    rows[4 * N_ROWS + 20, 2] = 95_000_000
    archive(archives / ARCHIVES["Jin2022"], rows=rows)
    place = f"{ARCHIVES['Jin2022']}: Jin2022/video2/user2 row 21"
    message = "pitch is 95, outside -90 .. 90; is it in degrees?"
    assert without_warnings_of_origin(archives) == [("error", place, message)]
