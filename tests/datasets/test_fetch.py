from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from local_site import Site, tar_gz

import netwright.datasets
from netwright.core.errors import DataError, UnknownNameError
from netwright.datasets import area, area_names
from netwright.datasets.area import Area, Conversion, Source
from netwright.datasets.check import check
from netwright.datasets.fetch import DOWNLOADS, AreaFetch, fetch
from netwright.datasets.manifest import Manifest

SOURCE = Source("someone/repo", "abc123", "MIT")
URL_PATH = "/someone/repo/tar.gz/abc123"
REPOSITORY = {
    "data/one.txt": b"one",
    "data/copy-of-one.txt": b"one",
    "data/2.csv": b"2",
    "other/huge": b"0" * 9000,
}


def _upper(files: Mapping[str, bytes]) -> dict[str, bytes]:
    if any(not content for content in files.values()):
        raise DataError("data/2.csv: is empty.")
    return {"made.txt": b"".join(files.values()) * 2}


TOY = Area(
    name="toy",
    title="a toy",
    sources=(SOURCE,),
    conversions=(Conversion(("made.txt",), SOURCE, re.compile(r"data/\d\.csv"), _upper),),
    not_public=(("golden/*", "recorded by us"),),
)


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {"a/one": b"one", "b/one": b"one", "made.txt": b"22", "golden/1": b"g"}
    manifest = Manifest(
        {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()},
        {path: TOY.origin(path) for path in contents},
    )
    for module in ("fetch", "check"):
        monkeypatch.setattr(f"netwright.datasets.{module}.area", lambda name: TOY)
        monkeypatch.setattr(f"netwright.datasets.{module}.area_names", lambda: ("toy",))
    for module in ("fetch", "manifest"):
        monkeypatch.setattr(f"netwright.datasets.{module}.read_manifest", lambda name: manifest)


def _fetch(site: Site, out: Path) -> AreaFetch:
    (result,) = fetch(out, base_url=site.url, pause_s=0.0)
    return result


def test_copies_by_content_converts_and_says_what_is_not_public(site: Site, tmp_path: Path) -> None:
    site.files[URL_PATH] = tar_gz(REPOSITORY)
    result = _fetch(site, tmp_path)
    assert sorted(result.made) == ["a/one", "b/one", "made.txt"]
    assert result.failed == {}
    assert result.not_public == {"golden/1": "recorded by us"}
    assert (tmp_path / "toy/b/one").read_bytes() == b"one"
    assert (tmp_path / "toy/made.txt").read_bytes() == b"22"
    assert not (tmp_path / DOWNLOADS).exists()
    assert check(tmp_path, published=True).errors == []
    assert [f.message for f in check(tmp_path, published=True).warnings] == [
        "missing; not public (recorded by us)."
    ]


def test_complete_folder_needs_no_network_and_a_changed_file_is_made_again(
    site: Site, tmp_path: Path
) -> None:
    site.files[URL_PATH] = tar_gz(REPOSITORY)
    _fetch(site, tmp_path)
    site.requests.clear()
    assert _fetch(site, tmp_path).made == []
    assert site.requests == []
    (tmp_path / "toy/a/one").write_text("changed")
    (tmp_path / "toy/golden").mkdir()
    (tmp_path / "toy/golden/mine").write_text("mine")
    assert [f.place for f in check(tmp_path, published=True).errors] == [str(tmp_path / "toy/a/one")]
    assert _fetch(site, tmp_path).made == ["a/one"]
    assert (tmp_path / "toy/golden/mine").read_text() == "mine"


def test_broken_line_and_second_run_continue_the_download(site: Site, tmp_path: Path) -> None:
    site.files[URL_PATH] = tar_gz(REPOSITORY)
    site.cut_after = [40, 0, 0, 0, 0, 0]
    with pytest.raises(DataError, match="repeat the command to continue"):
        _fetch(site, tmp_path)
    site.cut_after = []
    assert _fetch(site, tmp_path).failed == {}
    assert site.requests[-1] == (URL_PATH, "bytes=40-")


def test_damaged_archive_is_downloaded_once_more_and_then_reported(site: Site, tmp_path: Path) -> None:
    whole = tar_gz(REPOSITORY)
    site.files[URL_PATH] = whole[:-40]
    with pytest.raises(DataError, match="damaged or truncated"):
        _fetch(site, tmp_path)
    assert len(site.requests) == 2
    site.files[URL_PATH] = whole
    assert _fetch(site, tmp_path).failed == {}


def test_changed_source_is_never_installed(site: Site, tmp_path: Path) -> None:
    site.files[URL_PATH] = tar_gz({"data/one.txt": b"eins", "data/2.csv": b"3"})
    result = _fetch(site, tmp_path)
    assert result.made == []
    assert result.failed["a/one"] == "no such content in the public archives"
    assert re.search(
        "SHA-256 differs from the manifest .*: the public source has changed", result.failed["made.txt"]
    )
    assert not (tmp_path / "toy").exists()
    assert (tmp_path / DOWNLOADS / SOURCE.file_name).exists()


def test_failing_conversion_leaves_the_copies(site: Site, tmp_path: Path) -> None:
    site.files[URL_PATH] = tar_gz(REPOSITORY | {"data/2.csv": b""})
    result = _fetch(site, tmp_path)
    assert sorted(result.made) == ["a/one", "b/one"]
    assert result.failed == {"made.txt": "data/2.csv: is empty."}


def test_conversion_that_lacks_members_is_said(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files[URL_PATH] = tar_gz(REPOSITORY)
    toy = replace(TOY, conversions=(replace(TOY.conversions[0], make=lambda files: {}),))
    monkeypatch.setattr("netwright.datasets.fetch.area", lambda name: toy)
    assert _fetch(site, tmp_path).failed == {"made.txt": "someone/repo no longer contains its sources"}


def test_hostile_archive_writes_nothing(site: Site, tmp_path: Path) -> None:
    site.files[URL_PATH] = tar_gz({"repo/../../../escape": b"one"}, root="")
    with pytest.raises(DataError, match="unsafe name"):
        _fetch(site, tmp_path / "out")
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [SOURCE.file_name]


def test_link_in_place_of_a_file_is_not_followed(site: Site, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"one")
    site.files[URL_PATH] = tar_gz({"data/2.csv": b"2"}, links={"data/one.txt": str(tmp_path / "secret")})
    assert sorted(_fetch(site, tmp_path / "out").failed) == ["a/one", "b/one"]


def test_every_area_is_whole_and_has_a_manifest() -> None:
    folder = Path(netwright.datasets.__file__).parent / "manifests"
    manifests = {p.stem: json.loads(p.read_text()) for p in folder.glob("*.json")}
    assert set(manifests) == set(area_names())
    for name in area_names():
        found = area(name)
        assert found.sources
        for origin in ("copied", "converted", "not public"):
            for path, digest in manifests[name][origin].items():
                assert found.origin(path) == origin
                assert re.fullmatch("[0-9a-f]{64}", digest)
        targets = {path for conversion in found.conversions for path in conversion.targets}
        assert targets == set(manifests[name]["converted"])


def test_unknown_area_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'vp'"):
        area("vpp")
