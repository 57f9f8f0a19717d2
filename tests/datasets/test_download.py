from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_site import Site

from netwright.core.errors import ConfigError, DataError
from netwright.datasets.download import download, partial_path

CONTENT = bytes(range(256)) * 1000


def _download(site: Site, path: Path, **options: int) -> list[str]:
    said: list[str] = []
    download(f"{site.url}/file", path, progress=said.append, pause_s=0.0, **options)
    return said


def test_whole_file_in_one_request(site: Site, tmp_path: Path) -> None:
    site.files["/file"] = CONTENT
    _download(site, tmp_path / "deep" / "file")
    assert (tmp_path / "deep" / "file").read_bytes() == CONTENT
    assert site.requests == [("/file", None)]
    assert not partial_path(tmp_path / "deep" / "file").exists()


def test_cut_connection_is_continued_from_where_it_broke(site: Site, tmp_path: Path) -> None:
    site.files["/file"] = CONTENT
    site.cut_after = [100_000, 50_000]
    _download(site, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert site.requests == [("/file", None), ("/file", "bytes=100000-"), ("/file", "bytes=150000-")]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 3000), max_size=4), ranges=st.booleans())
def test_however_often_it_breaks_the_bytes_are_those_of_the_file(
    site: Site, tmp_path: Path, cuts: list[int], ranges: bool
) -> None:
    site.files["/file"] = CONTENT[:4000]
    site.cut_after, site.ranges = list(cuts), ranges
    _download(site, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT[:4000]


def test_server_without_range_sends_everything_again(site: Site, tmp_path: Path) -> None:
    site.files["/file"] = CONTENT
    site.cut_after, site.ranges = [100_000], False
    said = _download(site, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert any("starting over" in line for line in said)


def test_line_that_never_holds_is_given_up(site: Site, tmp_path: Path) -> None:
    site.files["/file"] = CONTENT
    site.cut_after, site.ranges = [1000, 2000] * 10, False
    with pytest.raises(DataError, match="failed 3 times in a row"):
        _download(site, tmp_path / "file", attempts=3)
    assert len(site.requests) < 6


def test_unfinished_file_is_kept_and_used_by_the_next_run(site: Site, tmp_path: Path) -> None:
    site.files["/file"] = CONTENT
    site.cut_after = [70_000, 0]
    with pytest.raises(
        DataError, match=r"failed 2 times in a row .* repeat the command to continue from 0\.1 MB"
    ):
        _download(site, tmp_path / "file", attempts=2)
    assert partial_path(tmp_path / "file").stat().st_size == 70_000
    _download(site, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert site.requests[-1] == ("/file", "bytes=70000-")


def test_interrupt_keeps_what_has_arrived(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(message: str) -> None:
        raise KeyboardInterrupt

    site.files["/file"] = CONTENT
    monkeypatch.setattr("netwright.datasets.download.PROGRESS_EVERY_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        download(f"{site.url}/file", tmp_path / "file", progress=interrupt)
    assert 0 < partial_path(tmp_path / "file").stat().st_size < len(CONTENT)


def test_leftover_of_a_longer_file_is_dropped(site: Site, tmp_path: Path) -> None:
    site.files["/file"] = CONTENT[:10]
    partial_path(tmp_path / "file").write_bytes(b"x" * 20)
    _download(site, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT[:10]


def test_busy_server_is_asked_again_and_a_refusal_is_not(site: Site, tmp_path: Path) -> None:
    site.files["/file"] = CONTENT
    site.statuses = [503, 429]
    _download(site, tmp_path / "file")
    site.requests.clear()
    with pytest.raises(DataError, match="responded 404 Not Found; check the address"):
        download(f"{site.url}/absent", tmp_path / "other", progress=print)
    assert len(site.requests) == 1


def test_no_server_answers(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="failed 2 times in a row"):
        download(
            "http://127.0.0.1:9/file", tmp_path / "file", progress=lambda _: None, attempts=2, pause_s=0.0
        )


def test_full_disk_is_no_reason_to_ask_again(site: Site, tmp_path: Path) -> None:
    site.files["/file"] = CONTENT
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    partial_path(tmp_path / "file").symlink_to(full)
    with pytest.raises(DataError, match="No space left on device; free some space"):
        _download(site, tmp_path / "file")
    assert len(site.requests) == 1


def test_other_schemes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="only http and https"):
        download("file:///etc/hostname", tmp_path / "file", progress=print)


def test_endless_answer_is_refused(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.files["/file"] = CONTENT
    monkeypatch.setattr("netwright.datasets.download.LONGEST_BYTES", 1000)
    with pytest.raises(DataError, match="longer than"):
        _download(site, tmp_path / "file")
