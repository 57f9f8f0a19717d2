from __future__ import annotations

import json
from pathlib import Path

import pytest
from local_site import Site, tar_gz
from typer.testing import CliRunner

from netwright.cli.data import app
from netwright.core.errors import ConfigError, DataError
from netwright.datasets.sources import FLEXILE, GENET, NETLLM, TOPOLOGY_ZOO

run = CliRunner().invoke


def test_check_prints_one_line_for_each_finding_and_exits_1(tmp_path: Path) -> None:
    (tmp_path / "wan").mkdir()
    ran = run(app, ["check", "--data", str(tmp_path), "--limit", "3", "--published"])
    lines = ran.stdout.splitlines()
    assert ran.exit_code == 1
    assert all(line.startswith("error: ") for line in lines[:3])
    assert lines[3].endswith("more; --limit 0 prints all.")
    assert lines[4].startswith("wan: ")
    ran = run(app, ["check", "wan", "--json", "--published"], env={"NETWRIGHT_DATA": str(tmp_path)})
    document = json.loads(ran.stdout)
    assert ran.exit_code == 1
    assert document["ok"] is False
    assert document["n_errors"] == sum(f["level"] == "error" for f in document["findings"])


def test_wrong_input_is_one_sentence(tmp_path: Path) -> None:
    for arguments, kind in (
        (["check", "--data", str(tmp_path / "absent")], DataError),
        (["check"], ConfigError),
        (["check", "nothing", "--data", str(tmp_path)], ConfigError),
        (["fetch", "vp", "--out", str(tmp_path), "--base-url", "ftp://x"], ConfigError),
    ):
        ran = run(app, arguments, env={"NETWRIGHT_DATA": None})
        assert isinstance(ran.exception, kind)


def test_fetch_says_which_files_it_did_not_make(site: Site, tmp_path: Path) -> None:
    for source in (TOPOLOGY_ZOO, FLEXILE):
        site.files[f"/{source.url_path}"] = tar_gz({"README": b"x"})
    ran = run(app, ["fetch", "wan", "--out", str(tmp_path), "--base-url", site.url])
    assert ran.exit_code == 1
    assert f"not created: {tmp_path / 'wan/zoo/Ion.graphml'}: no such content" in ran.stdout
    assert f"not created: {tmp_path / 'wan/demands/abilene_36x5min.csv'}: " in ran.stdout
    assert "downloading" in ran.stderr
    assert "downloading" not in ran.stdout


def test_commands_of_the_page_about_data_run(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for source in (NETLLM, GENET, TOPOLOGY_ZOO, FLEXILE):
        site.files[f"/{source.url_path}"] = tar_gz({"README": b"x"})
    (tmp_path / "data" / "vp").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
    commands = [
        line.split("#")[0].split() for line in page.splitlines() if line.startswith("    netwright data ")
    ]
    assert len(commands) == 4
    for _, _, *arguments in commands:
        ran = run(app, arguments, env={"NETWRIGHT_BASE_URL": site.url})
        assert ran.exit_code == 1, ran.output  # the repositories are empty here
        assert isinstance(ran.exception, SystemExit)


def test_one_unreachable_source_does_not_hold_up_the_others(site: Site, tmp_path: Path) -> None:
    site.files[f"/{FLEXILE.url_path}"] = tar_gz({"_data/b4/b4_capa.tab": b"i j capacity\n0 1 1\n1 0 1\n"})
    ran = run(app, ["fetch", "wan", "--out", str(tmp_path), "--base-url", site.url])
    assert isinstance(ran.exception, DataError)
    assert f"{TOPOLOGY_ZOO.repository}/tar.gz/HEAD: the server responded 404" in str(ran.exception)
    assert f"reading {FLEXILE.repository}" in ran.stderr


def test_interrupted_fetch_says_how_to_continue(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("netwright.cli.data.fetch_areas", interrupt)
    ran = run(app, ["fetch", "--out", str(tmp_path)])
    assert ran.exit_code == 130
    assert "repeat the command to continue" in ran.stderr
