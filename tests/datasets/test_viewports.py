from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import DataError
from netwright.datasets.area import Finding
from netwright.datasets.check import check
from netwright.tasks.vp.area import left_out, pack, split_document
from netwright.tasks.vp.data import ARCHIVES

N_ROWS = 100
VIDEOS, USERS = (1, 2, 3), (1, 2, 3)
SPLIT = {
    name: {part: {"train": [1], "valid": [2], "test": [3]} for part in ("videos", "users")}
    for name in ARCHIVES
}


def _rows() -> list[list[str]]:
    return [[f"{0.2 * i:.6f}", f"{i % 7:.6f}", "-1.500000", f"{i - 50:.6f}"] for i in range(N_ROWS)]


def _files() -> dict[str, bytes]:
    text = "".join(",".join(row) + "\n" for row in _rows()).encode()
    return {
        f"viewport_prediction/data/viewports/{name}/video{v}/5Hz/simple_5Hz_user{u}.csv": text
        for name in ARCHIVES
        for v in VIDEOS
        for u in USERS
    }


@pytest.fixture(params=["archives", "csv"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A sound data folder, of either layout."""
    return _make(tmp_path, request.param)


def _make(root: Path, layout: str) -> Path:
    place = root / "vp"
    place.mkdir()
    (place / "split.json").write_text(json.dumps(SPLIT))
    if layout == "archives":
        for name, content in pack(_files()).items():
            (place / name).write_bytes(content)
    else:
        for name, content in _files().items():
            path = place / name.removeprefix("viewport_prediction/data/viewports/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return root


def _errors(folder: Path) -> list[Finding]:
    return check(folder).errors


def _change_split(folder: Path, change: Callable[[dict[str, dict[str, dict[str, list[int]]]]], None]) -> None:
    document = json.loads(json.dumps(SPLIT))
    change(document)
    (folder / "vp" / "split.json").write_text(json.dumps(document))


def test_sound_folder_has_no_errors(folder: Path) -> None:
    report = check(folder)
    assert report.errors == []
    archives = (folder / "vp" / ARCHIVES["Jin2022"]).exists()
    assert len(report.warnings) == (2 if archives else 0)  # archives that are not the published ones
    assert report.to_json()["ok"] is True


CSV = "vp/Jin2022/video2/5Hz/simple_5Hz_user3.csv"


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (3, "abc", "yaw is 'abc', not a number"),
        (0, "", "time is '', not a number"),
        (1, "nan", "roll is 'nan', not a number"),
        (0, "inf", "time is 'inf', not a number"),
        (1, "180.1", r"roll is 180.1, outside -180 .. 180"),
        (2, "-90.5", r"pitch is -90.5, outside -90 .. 90"),
        (3, "361", r"yaw is 361, outside -180 .. 180"),
        (0, "3.2", "time 3.2 s is not after 3.2 s"),
        (0, "1", "time 1 s is not after 3.2 s"),
        (2, "1,2", "5 columns instead of 4"),
        (None, "1,2,3", "3 columns instead of 4"),
    ],
)
def test_csv_errors_name_file_and_line(tmp_path: Path, column: int | None, value: str, message: str) -> None:
    folder = _make(tmp_path, "csv")
    rows = _rows()
    if column is None:
        rows[17] = value.split(",")
    else:
        rows[17][column] = value
    (folder / CSV).write_text("".join(",".join(row) + "\n" for row in rows))
    (finding,) = _errors(folder)
    assert finding.place == f"{folder / CSV}:18"
    assert finding.message.startswith(message)


def test_every_wrong_row_is_found(tmp_path: Path) -> None:
    folder = _make(tmp_path, "csv")
    rows = _rows()
    rows[4][3], rows[9][2], rows[20] = "x", "99", ["1"]
    (folder / CSV).write_text("".join(",".join(row) + "\n" for row in rows))
    assert sorted(int(f.place.rpartition(":")[2]) for f in _errors(folder)) == [5, 10, 21]


@settings(max_examples=20, deadline=None)
@given(
    trace=st.integers(0, len(VIDEOS) * len(USERS) - 1),
    row=st.integers(0, N_ROWS - 1),
    column=st.integers(1, 3),
    sign=st.sampled_from((-1, 1)),
)
def test_any_angle_out_of_range_is_found_in_its_place(
    tmp_path_factory: pytest.TempPathFactory, trace: int, row: int, column: int, sign: int
) -> None:
    folder = _make(tmp_path_factory.mktemp("data"), "archives")
    path = folder / "vp" / ARCHIVES["Wu2017"]
    arrays = dict(np.load(path))
    arrays["rows"][arrays["offset"][trace] + row, column] = sign * 180_000_001
    np.savez(path, **arrays)
    (finding,) = _errors(folder)
    video, user = arrays["video"][trace], arrays["user"][trace]
    assert finding.place == f"{path}: Wu2017/video{video}/user{user} row {row + 1}"


def test_archive_with_nan_or_time_backwards(tmp_path: Path) -> None:
    folder = _make(tmp_path, "archives")
    path = folder / "vp" / ARCHIVES["Wu2017"]
    arrays = dict(np.load(path))
    arrays["rows"] = arrays["rows"].astype(np.float64)
    arrays["rows"][3, 3] = np.nan
    arrays["rows"][N_ROWS + 8, 0] = 0.0
    np.savez(path, **arrays)
    assert [(f.place.partition(": ")[2], f.message.partition(";")[0]) for f in _errors(folder)] == [
        ("Wu2017/video1/user1 row 4", "yaw is nan"),
        ("Wu2017/video1/user2 row 9", "time 0 s is not after 1.4 s"),
    ]


@pytest.mark.parametrize("keep", [0, 10, 500, -1])
def test_truncated_archive(tmp_path: Path, keep: int) -> None:
    folder = _make(tmp_path, "archives")
    path = folder / "vp" / ARCHIVES["Jin2022"]
    path.write_bytes(path.read_bytes()[:keep])
    (finding,) = _errors(folder)
    assert finding.place == str(path)
    assert "damaged or truncated" in finding.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": None}, "lacks the array rows"),
        ({"rows": np.zeros((9, 3), np.int32)}, "rows must be 4 columns of numbers"),
        ({"rows": np.full((9, 4), "x")}, "rows must be 4 columns of numbers"),
        ({"user": np.ones(3, np.int32)}, "video, user, offset need n, n, n + 1 entries"),
        ({"video": np.ones(9)}, "video must hold whole numbers"),
        ({"offset": np.arange(10)}, "offset must rise from 0 to the 900 rows"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, change: dict[str, np.ndarray | None], message: str) -> None:
    folder = _make(tmp_path, "archives")
    path = folder / "vp" / ARCHIVES["Jin2022"]
    arrays = {k: v for k, v in (dict(np.load(path)) | change).items() if v is not None}
    np.savez(path, **arrays)
    (finding,) = _errors(folder)
    assert finding.message.startswith(message)


def test_traces_twice_short_and_empty(tmp_path: Path) -> None:
    folder = _make(tmp_path, "archives")
    path = folder / "vp" / ARCHIVES["Jin2022"]
    arrays = dict(np.load(path))
    arrays["user"][1] = 1
    arrays["offset"][3:6] = (300, 300, 350)
    np.savez(path, **arrays)
    messages = [f"{f.place.partition(': ')[2]}: {f.message}" for f in check(folder).findings["vp"]]
    assert any(m.startswith("Jin2022/video1/user1: is there twice") for m in messages)
    assert any(m.startswith("Jin2022/video2/user1: has no row") for m in messages)
    assert any(m.startswith("Jin2022/video2/user2: has 50 rows; below 91") for m in messages)


def test_missing_files(folder: Path) -> None:
    (folder / "vp" / "split.json").unlink()
    assert [f.place for f in _errors(folder)] == [str(folder / "vp" / "split.json")]


def test_missing_archive_and_missing_tree(tmp_path: Path) -> None:
    folder = _make(tmp_path, "archives")
    (folder / "vp" / ARCHIVES["Wu2017"]).unlink()
    assert _errors(folder) == []  # settings on the other dataset can be played
    assert "missing, so settings on Wu2017 cannot be played" in str(check(folder).warnings)
    (folder / "vp" / ARCHIVES["Jin2022"]).unlink()
    assert [f.place for f in _errors(folder)] == [str(folder / "vp" / name) for name in ARCHIVES]


def test_file_cut_in_the_last_line_is_a_warning(tmp_path: Path) -> None:
    folder = _make(tmp_path, "csv")
    (folder / CSV).write_text((folder / CSV).read_text()[:-3])
    (finding,) = check(folder).warnings
    assert finding.place == f"{folder / CSV}:{N_ROWS}"


def test_split_names_what_is_not_there(folder: Path) -> None:
    def change(document: dict[str, dict[str, dict[str, list[int]]]]) -> None:
        document["Jin2022"]["users"]["test"].append(77)
        document["Wu2017"]["videos"]["train"].append(9)

    _change_split(folder, change)
    assert [f.message for f in _errors(folder)] == [
        "test names viewer 77, of which there is no trace.",
        "train names video 9, of which there is no trace.",
    ]


def test_overlapping_splits(folder: Path) -> None:
    _change_split(folder, lambda document: document["Jin2022"]["users"]["test"].append(1))
    (finding,) = _errors(folder)
    assert finding.message == "viewer 1 is in train and test; keep it in one of them."


@pytest.mark.parametrize("text", ["{", '{"Jin2022": 3}', '{"Jin2022": {"videos": {"train": ["x"]}}}'])
def test_split_that_is_none(folder: Path, text: str) -> None:
    (folder / "vp" / "split.json").write_text(text)
    (finding,) = _errors(folder)
    assert finding.place == str(folder / "vp" / "split.json")


def test_split_of_too_few_or_unknown_datasets(folder: Path) -> None:
    (folder / "vp" / "split.json").write_text(
        json.dumps({"Jin2022": SPLIT["Jin2022"], "Mine": SPLIT["Wu2017"]})
    )
    assert [f.message.partition(";")[0] for f in _errors(folder)] == [
        "names no split of Wu2017",
        "names the dataset 'Mine'",
    ]


def test_trace_that_a_split_lacks_is_a_warning(tmp_path: Path) -> None:
    folder = _make(tmp_path, "csv")
    (folder / "vp/Jin2022/video1/5Hz/simple_5Hz_user1.csv").unlink()
    (finding,) = check(folder).warnings
    assert finding.message == "train has no trace of viewer 1 watching video 1."


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder; point --data"):
        check(tmp_path / "absent")
    with pytest.raises(DataError, match="contains none of"):
        check(tmp_path)
    with pytest.raises(DataError, match="netwright data fetch vp"):
        check(tmp_path, ["vp"])


@given(micro=st.lists(st.tuples(*[st.integers(-(2**31), 2**31 - 1)] * 4), min_size=1, max_size=5))
def test_six_decimals_survive_packing(micro: list[tuple[int, int, int, int]]) -> None:
    text = "".join(",".join(f"{v / 1e6:.6f}" for v in row) + "\n" for row in micro).encode()
    files = _files() | dict.fromkeys([next(iter(_files()))], text)
    made = np.load(io.BytesIO(pack(files)[ARCHIVES["Jin2022"]]))
    assert made["rows"][: len(micro)].tolist() == [list(row) for row in micro]


def test_held_out_traces_are_dropped_and_bad_ones_named() -> None:
    assert left_out("Jin2022", 25, 44)
    assert not left_out("Jin2022", 25, 45)
    assert not left_out("Jin2022", 1, 44)
    assert left_out("Wu2017", 10, 1)
    name = next(iter(_files()))
    for text in (b"", b"1,2,3\n", b"1,2,3,x\n", b"1,2,3,nan\n"):
        with pytest.raises(DataError, match=r"video1/5Hz/simple_5Hz_user1\.csv: does not hold four columns"):
            pack(_files() | {name: text})
    with pytest.raises(DataError, match="holds no trace of Jin2022"):
        pack({})


def test_split_is_read_from_the_published_configuration_without_running_it() -> None:
    users = {"train": [1], "valid": [2], "test": [35, 3, 44, 53]}
    source = f"""
import nothing_of_the_kind
class Config:
    dataset_video_split_360 = { ({name: SPLIT[name]["videos"] for name in ARCHIVES}) }
    dataset_user_split_360 = {dict.fromkeys(ARCHIVES, users)}
    dataset_user_split_vv = {{'Other': 1}}
"""
    made = json.loads(split_document({"viewport_prediction/config.py": source.encode()})["split.json"])
    assert made["Jin2022"]["users"]["test"] == [3]
    assert made["Wu2017"]["users"]["test"] == [35, 3, 44, 53]
    with pytest.raises(DataError, match="no longer holds the splits"):
        split_document({"viewport_prediction/config.py": b"x = 1"})
