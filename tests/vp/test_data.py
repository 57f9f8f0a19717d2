import json
import shutil

import numpy as np
import pytest

from netwright.core.errors import DataError, UnknownNameError
from netwright.tasks.vp.data import ARCHIVES, load, read_archive, read_csv, read_csv_tree, read_splits
from netwright.tasks.vp.dataset import TraceSet

ROWS = "0.200000,1.5,-2.0,179.999999\n0.400000,1.25,-2.5,-179.5\n"
SPLITS = {
    name: {part: {"train": [1], "valid": [2], "test": [3]} for part in ("videos", "users")}
    for name in ARCHIVES
}


def write_archive(path, traces: TraceSet) -> None:
    """In the published form: micro-units as int32."""
    table = np.column_stack([traces.time_s, traces.angles_deg])
    np.savez_compressed(
        path,
        rows=np.rint(table * 1e6).astype(np.int32),
        video=traces.video.astype(np.int32),
        user=traces.user.astype(np.int32),
        offset=traces.offset,
    )


@pytest.fixture
def archives(tmp_path, generated):
    for name, file in ARCHIVES.items():
        write_archive(tmp_path / file, generated.sets[name])
    (tmp_path / "split.json").write_text(json.dumps(SPLITS))
    return tmp_path


def write_csv(folder, video: int, user: int, text: str):
    path = folder / f"video{video}" / "5Hz" / f"simple_5Hz_user{user}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_archives_are_read_as_written(archives, generated):
    data = load(archives)
    assert not data.synthetic
    assert data.source == str(archives)
    assert set(data.hashes) == {*ARCHIVES.values(), "split.json"}
    for name, traces in data.sets.items():
        assert traces.angles_deg == pytest.approx(generated.sets[name].angles_deg, abs=1e-6)
        assert (traces.offset == generated.sets[name].offset).all()
        assert traces.label(1) == f"{name}/video1/user2"


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.98])
def test_a_truncated_archive_is_named(archives, keep):
    path = archives / ARCHIVES["Wu2017"]
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep if keep > 1 else keep * len(whole))])
    with pytest.raises(DataError, match=r"wu2017_5hz\.npz: damaged or not a trace archive"):
        load(archives).traces("Wu2017")


@pytest.mark.parametrize("at", [0.1, 0.3, 0.6])
def test_a_flipped_byte_is_found(archives, at):
    path = archives / ARCHIVES["Jin2022"]
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"jin2022_5hz\.npz: damaged"):
        load(archives).traces("Jin2022")


def test_a_missing_archive_is_named(archives):
    (archives / ARCHIVES["Jin2022"]).unlink()
    with pytest.raises(DataError, match=r"jin2022_5hz\.npz: no such file; run `netwright data fetch`"):
        load(archives).traces("Jin2022")
    assert load(archives).traces("Wu2017").n_traces > 0


def test_arrays_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(
        path, rows=np.zeros((5, 4), np.int32), video=np.ones(1), user=np.ones(1), offset=np.array([0, 6])
    )
    with pytest.raises(DataError, match=r"a\.npz: arrays rows, video, user and offset do not fit"):
        read_archive(path, "Jin2022")


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, rows=np.array([{}], dtype=object), video=np.ones(1), user=np.ones(1), offset=np.zeros(2))
    with pytest.raises(DataError, match="damaged or not a trace archive"):
        read_archive(path, "Jin2022")


def test_a_csv_tree_is_read_in_the_order_of_videos_and_viewers(tmp_path):
    write_csv(tmp_path, 10, 2, ROWS)
    write_csv(tmp_path, 2, 11, ROWS * 2)
    write_csv(tmp_path, 2, 3, ROWS)
    (tmp_path / "video2" / "notes.csv").write_text("not,a,trace\n")
    traces = read_csv_tree(tmp_path, "Jin2022")
    assert list(zip(traces.video.tolist(), traces.user.tolist(), strict=True)) == [(2, 3), (2, 11), (10, 2)]
    assert traces.lengths.tolist() == [2, 4, 2]
    assert traces.trace(0)[0].tolist() == [1.5, -2.0, 179.999999]
    assert traces.time_s[:2].tolist() == [0.2, 0.4]


@pytest.mark.parametrize("bad", ["0.6,1,2", "0.6,1,2,three", "0.6,1,2,3,4", "roll"])
def test_a_malformed_row_is_named_with_its_line(tmp_path, bad):
    path = write_csv(tmp_path, 1, 1, ROWS + bad + "\n" + ROWS)
    with pytest.raises(DataError, match=rf"simple_5Hz_user1\.csv:3: expected four numbers .* got '{bad}'"):
        read_csv(path)


def test_an_empty_file_and_an_empty_tree_are_named(tmp_path):
    with pytest.raises(DataError, match=r"simple_5Hz_user1\.csv: holds no row"):
        read_csv(write_csv(tmp_path, 1, 1, ""))
    with pytest.raises(DataError, match=r"nowhere: no video<v>/5Hz/"):
        read_csv_tree(tmp_path / "nowhere", "Jin2022")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"Jin2022": {}}', '{"Jin2022": {"videos": 1, "users": 1}}'])
def test_a_damaged_split_is_named(tmp_path, text):
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"split\.json: not (a split file|valid JSON)"):
        read_splits(path)


def test_a_missing_split_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match=r"split\.json: no such file; point --data at"):
        load(tmp_path)


def test_unknown_names_offer_what_there_is(generated):
    with pytest.raises(UnknownNameError, match="did you mean 'Jin2022'"):
        generated.traces("jin2022")
    with pytest.raises(UnknownNameError, match="unknown split 'tset'"):
        generated.splits["Jin2022"].traces(generated.sets["Jin2022"], "tset")


def test_the_original_tree_equals_the_archive(real_folder, real, tmp_path):
    place = real_folder / "vp"
    shutil.copytree(place / "csv_sample", tmp_path / "vp")
    shutil.copy(place / "split.json", tmp_path / "vp")
    tree = load(tmp_path)
    n_read = 0
    for name, traces in tree.sets.items():
        whole = real.sets[name]
        for i in range(traces.n_traces):
            same = (whole.video == traces.video[i]) & (whole.user == traces.user[i])
            j = int(np.flatnonzero(same)[0])
            assert (traces.trace(i) == whole.trace(j)).all()
            rows = slice(*traces.offset[i : i + 2]), slice(*whole.offset[j : j + 2])
            assert (traces.time_s[rows[0]] == whole.time_s[rows[1]]).all()
            n_read += 1
    assert n_read == 9


def test_the_hashes_tell_every_file_that_is_read(tmp_path):
    write_csv(tmp_path / "Jin2022", 1, 1, ROWS)
    split = {
        "videos": {s: [1] for s in ("train", "valid", "test")},
        "users": {s: [1] for s in ("train", "valid", "test")},
    }
    (tmp_path / "split.json").write_text(json.dumps({"Jin2022": split}))
    before = dict(load(tmp_path).hashes)
    assert set(before) == {"split.json", "Jin2022/"}
    write_csv(tmp_path / "Jin2022", 1, 1, ROWS * 2)
    (tmp_path / "image_features").mkdir()
    after = dict(load(tmp_path).hashes)
    assert after["Jin2022/"] != before["Jin2022/"]
    assert after["split.json"] == before["split.json"]
    assert set(after) - set(before) == {"image_features/"}
