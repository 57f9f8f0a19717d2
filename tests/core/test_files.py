import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netwright.core import files
from netwright.core.errors import ConfigError, DataError, FormatError


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
