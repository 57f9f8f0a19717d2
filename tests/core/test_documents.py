"""Saved documents: strict, finite, in range, with the hashes of the files beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from netwright.core.documents import (
    Document,
    JsonObject,
    SavedFolder,
    read_document,
    read_folder,
    write_document,
    write_folder,
)
from netwright.core.errors import ConfigError, DataError, FormatError

REMEDY = "make it again"


class Part(Document):
    length: Annotated[int, Field(ge=1)]
    scale: Annotated[float, Field(gt=0)]


class Saved(SavedFolder):
    FORMAT_VERSION: ClassVar[int] = 3
    name: str
    part: Part
    names: tuple[str, ...] = ()
    more: JsonObject = Field(default_factory=dict)


GOOD = {
    "name": "a",
    "part": {"length": 3, "scale": 2.0},
    "names": ["x", "y"],
    "more": {"deep": [1, {"a": None}]},
}


def of(document: Any) -> Saved:
    return Saved.of(document, "here.json", remedy=REMEDY)


def test_a_document_reads_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "saved.json"
    write_document(path, of(GOOD))
    assert read_document(path, Saved, remedy=REMEDY) == of(GOOD)
    assert json.loads(path.read_text())["format_version"] == 3


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"part": {"length": True, "scale": 2.0}}, "part.length"),
        ({"part": {"length": 0.7, "scale": 2.0}}, "part.length"),
        ({"part": {"length": "3", "scale": 2.0}}, "part.length"),
        ({"part": {"length": 0, "scale": 2.0}}, "part.length"),
        ({"part": {"length": 3, "scale": 0}}, "part.scale"),
        ({"part": {"length": 3, "scale": True}}, "part.scale"),
        ({"part": {"length": 3, "scale": "1"}}, "part.scale"),
        ({"part": {"length": 3}}, "part.scale"),
        ({"name": 1}, "name"),
        ({"name": None}, "name"),
        ({"names": ["x", 1]}, "names.1"),
        ({"other": 1}, "other"),
        ({"files": {"../x": "0" * 64}}, "files"),
        ({"files": {"x": "zz"}}, "files.x"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(DataError, match=f"here.json: .*{place}.*make it again") as caught:
        of(GOOD | change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused(tmp_path: Path, word: str) -> None:
    path = tmp_path / "saved.json"
    write_document(path, of(GOOD))
    path.write_text(path.read_text().replace("2.0", word))
    with pytest.raises(DataError, match=r"saved\.json"):
        read_document(path, Saved, remedy=REMEDY)


@pytest.mark.parametrize("document", [[], 1, None, "text"])
def test_a_document_is_an_object(document: Any) -> None:
    with pytest.raises(DataError, match="not a JSON object"):
        of(document)


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "saved.json"
    path.write_text(json.dumps(GOOD | {"format_version": 2}))
    with pytest.raises(FormatError, match="format_version is 2, this netwright reads 3"):
        read_document(path, Saved, remedy=REMEDY)


def folder_with_files(folder: Path) -> Saved:
    folder.mkdir()
    np.save(folder / "one.npy", np.arange(40.0))
    (folder / "two.txt").write_text("two")
    (folder / ".hidden").write_text("not a part")
    return write_folder(folder, "saved.json", of(GOOD))


def test_a_folder_lists_its_files(tmp_path: Path) -> None:
    written = folder_with_files(tmp_path / "a")
    assert sorted(written.files) == ["one.npy", "two.txt"]
    assert read_folder(tmp_path / "a", "saved.json", Saved, remedy=REMEDY) == written


@given(data=st.data())
def test_one_flipped_bit_anywhere_in_a_file_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("flip") / "a"
    folder_with_files(folder)
    path = folder / data.draw(st.sampled_from(["one.npy", "two.txt"]))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"{path.name}: its SHA-256 is not the one in saved.json"):
        read_folder(folder, "saved.json", Saved, remedy=REMEDY)


def test_an_absent_or_unlisted_file_is_refused(tmp_path: Path) -> None:
    folder_with_files(tmp_path / "a")
    with pytest.raises(DataError, match=r"lists no SHA-256 of three\.npz"):
        read_folder(tmp_path / "a", "saved.json", Saved, remedy=REMEDY, needed=("three.npz",))
    (tmp_path / "a" / "one.npy").unlink()
    with pytest.raises(DataError, match=r"one\.npy: no such file"):
        read_folder(tmp_path / "a", "saved.json", Saved, remedy=REMEDY)


def test_a_number_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    saved = of(GOOD).model_copy(update={"more": {"a": float("nan")}})
    with pytest.raises((ConfigError, ValueError)):
        write_document(tmp_path / "saved.json", saved)
    assert list(tmp_path.iterdir()) == []
