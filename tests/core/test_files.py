import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netwright.core import files
from netwright.core.errors import ConfigError, DataError, FormatError, OutputError


class Broken(Exception):
    pass


def _write(folder: Path, **texts: str) -> None:
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text)


def _texts(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in folder.iterdir()}


def test_a_body_that_raises_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "model.json"
    path.write_text("old")
    with pytest.raises(Broken), files.replacing(path) as temporary:
        temporary.write_text("half of the n")
        raise Broken
    assert _texts(tmp_path) == {"model.json": "old"}


def test_a_body_that_raises_leaves_the_old_folder_and_nothing_else(tmp_path):
    path = tmp_path / "model"
    _write(path, a="old")
    with pytest.raises(Broken), files.replacing(path) as temporary:
        _write(temporary, a="half of the n")
        raise Broken
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    assert _texts(path) == {"a": "old"}


def test_a_new_file_makes_its_parents(tmp_path):
    files.write_text(tmp_path / "a" / "b" / "c.txt", "degrees: °")
    assert (tmp_path / "a" / "b" / "c.txt").read_text(encoding="utf-8") == "degrees: °"


@pytest.mark.parametrize("can_swap", [True, False])
def test_a_folder_is_replaced_whole(tmp_path, monkeypatch, can_swap):
    if not can_swap:
        monkeypatch.setattr(files, "_swap", lambda one, other: False)
    path = tmp_path / "model"
    _write(path, a="old", only_old="x")
    with files.replacing(path) as temporary:
        _write(temporary, a="new")
        assert _texts(path) == {"a": "old", "only_old": "x"}
    assert _texts(path) == {"a": "new"}
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_the_swap_works_on_this_system(tmp_path):
    if sys.platform != "linux":
        pytest.skip("renameat2 is Linux's")
    one, other = tmp_path / "one", tmp_path / "other"
    _write(one, a="1")
    _write(other, a="2")
    assert files._swap(one, other)
    assert (_texts(one), _texts(other)) == ({"a": "2"}, {"a": "1"})


def test_without_a_swap_a_kill_between_the_renames_leaves_the_old_folder_beside(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_swap", lambda one, other: False)
    path = tmp_path / "model"
    _write(path, a="old")
    rename = Path.rename

    def killed_after_the_first(self: Path, target: Path) -> Path:
        if self != path:
            raise Broken
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", killed_after_the_first)
    with pytest.raises(Broken), files.replacing(path) as temporary:
        _write(temporary, a="new")
    [aside] = tmp_path.iterdir()
    assert _texts(aside) == {"a": "old"}


@pytest.mark.parametrize("folder", [True, False])
def test_a_killed_process_leaves_the_old_one(tmp_path, folder):
    path = tmp_path / "model"
    if folder:
        _write(path, a="old")
    else:
        path.write_text("old")
    program = f"""
import os, signal
from pathlib import Path
from netwright.core.files import replacing
with replacing(Path({str(path)!r})) as temporary:
    if {folder}:
        temporary.mkdir()
        (temporary / "a").write_text("half")
    else:
        temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program], env={**os.environ}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (path / "a" if folder else path).read_text() == "old"


def test_a_file_does_not_replace_a_folder_nor_a_folder_a_file(tmp_path):
    folder, file = tmp_path / "folder", tmp_path / "file"
    _write(folder, a="kept")
    file.write_text("kept")
    with pytest.raises(ConfigError, match="is a folder, but a file"), files.replacing(folder) as temporary:
        temporary.write_text("x")
    with pytest.raises(ConfigError, match="is a file, but a folder"), files.replacing(file) as temporary:
        temporary.mkdir()
    assert _texts(folder) == {"a": "kept"}
    assert file.read_text() == "kept"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_json_makes_the_round_trip_and_refuses_nan(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"mae": 9.539, "axes": ["roll"]})
    assert files.read_json(path) == {"mae": 9.539, "axes": ["roll"]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(path, {"mae": float("nan")})
    assert json.loads(path.read_text())["mae"] == 9.539


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), (b"{", "not valid JSON"), (b"\xff\xfe\x00", "not valid JSON")],
)
def test_a_file_that_is_not_json_is_named(tmp_path, content, message):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        files.read_json(path)
    assert str(path) in str(caught.value)


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        files.read_json(tmp_path)


@pytest.mark.parametrize("document", [{"format_version": 2}, {}, ["format_version"], None])
def test_an_unknown_format_is_refused(document):
    with pytest.raises(FormatError, match="this netwright reads 1"):
        files.check_format_version(document, 1, Path("model/netwright.json"))


def test_the_known_format_is_accepted():
    files.check_format_version({"format_version": 1}, 1, Path("a"))


def test_the_hash_is_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert files.sha256_of_file(tmp_path / "a") == expected


def _dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def _left_by(pid: int, name: str, ending: str = ".tmp") -> str:
    return f".{name}.{files._node()}-{pid}-0123abcd{ending}"


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path):
    path, dead = tmp_path / "a.json", _dead_pid()
    _write(tmp_path / _left_by(dead, "a.json"), half="x")
    (tmp_path / _left_by(dead, "a.json").replace("0123abcd", "76543210")).write_text("half")
    kept = [
        tmp_path / _left_by(os.getpid(), "a.json"),
        tmp_path / _left_by(dead, "b.json"),
        tmp_path / ".a.json.tmp",
        tmp_path / ".a.json.000000-1-0123abcd.tmp",  # of another machine
    ]
    for other in kept:
        other.write_text("kept")
    files.write_text(path, "new")
    assert sorted(tmp_path.iterdir()) == sorted([path, *kept])


def test_a_folder_moved_aside_by_a_killed_process_comes_back(tmp_path):
    path, aside = tmp_path / "model", tmp_path / _left_by(_dead_pid(), "model", ".old.tmp")
    _write(aside, a="whole")
    files.sweep(path)
    assert _texts(path) == {"a": "whole"}
    _write(aside, a="older")
    files.sweep(path)
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    assert _texts(path) == {"a": "whole"}


def test_temporary_files_are_no_data(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b").write_text("b")
    (tmp_path / "a").write_text("a")
    (tmp_path / _left_by(1, "a")).write_text("half")
    _write(tmp_path / _left_by(1, "sub"), a="half")
    assert files.plain_files(tmp_path) == [tmp_path / "a", tmp_path / "sub" / "b"]


def test_the_content_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    steps = []
    monkeypatch.setattr(os, "fsync", lambda handle: steps.append(Path(f"/proc/self/fd/{handle}").resolve()))
    swap = files._put_in_place
    monkeypatch.setattr(files, "_put_in_place", lambda new, path: (steps.append(None), swap(new, path)))
    with files.replacing(tmp_path / "model") as temporary:
        _write(temporary, a="1", b="2")
    place = steps.index(None)
    assert {p.name for p in steps[:place]} == {"a", "b", temporary.name}
    assert steps[place + 1 :] == [tmp_path]
    steps.clear()
    with files.replacing(tmp_path / "cached", durable=False) as temporary:
        temporary.write_text("x")
    assert steps == [None]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        OSError("Error writing bytes to file. Detail: [errno 28] No space left on device"),
    ],
)
def test_a_full_disk_is_one_sentence_and_the_old_file_stays(tmp_path, error):
    path = tmp_path / "a.json"
    path.write_text("old")
    refused = pytest.raises(OutputError, match=r"a\.json: cannot be written \(.*No space left on device.*\)")
    with refused, files.replacing(path) as temporary:
        temporary.write_text("half")
        raise error
    assert _texts(tmp_path) == {"a.json": "old"}


def test_an_error_about_another_file_is_left_as_it_is(tmp_path):
    with pytest.raises(FileNotFoundError), files.replacing(tmp_path / "a"):
        (tmp_path / "absent").read_text()


def test_a_long_name_leaves_room_for_a_temporary_one(tmp_path):
    path = tmp_path / ("ä" * 120 + ".json")
    files.write_text(path, "x")
    files.check_output(path.with_name("a" * 200))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    with pytest.raises(OutputError, match=r"name too long.*give a shorter name"):
        files.check_output(tmp_path / ("a" * 300))


def test_a_place_to_write_is_tried_without_a_trace(tmp_path):
    files.check_output(tmp_path / "a" / "b" / "model")
    (tmp_path / "model").mkdir()
    files.check_output(tmp_path / "model")
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="one of its parents is a file"):
        files.check_output(tmp_path / "file" / "model")
    for place in ("/proc/netwright", "/dev/full/x"):
        with pytest.raises(OutputError):
            files.check_output(Path(place))
