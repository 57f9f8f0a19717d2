"""The tutorial on tasks of one's own, followed from a folder outside of the project: no file of netwright changes."""

import hashlib
import importlib
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

import netwright
from netwright.cli.main import main
from netwright.core import registry
from netwright.testing import check_task
from tests.forked import Forked

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "own-task.md").read_text(encoding="utf-8")


def install(folder: Path, name: str) -> None:
    """Write a package of the page, with the metadata that pip would leave."""
    folder.mkdir()
    blocks = re.findall(r"^```(?:python|toml)\n# (\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    projects = [i for i, (path, _) in enumerate(blocks) if path == "pyproject.toml"]
    start = next(i for i in projects if f'name = "{name}"' in blocks[i][1])
    end = next((i for i in projects if i > start), len(blocks))
    for path, text in blocks[start:end]:
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    metadata = folder / f"{name.replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {project['version']}\n"
    )
    groups = project["entry-points"].items()
    (metadata / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()) for group, points in groups
        )
    )


def sources() -> str:
    """SHA-256 over all files of netwright."""
    digest = hashlib.sha256()
    for path in sorted(Path(netwright.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def paths(tmp_path_factory) -> list[Path]:
    """Where both packages of the page are installed."""
    folder = tmp_path_factory.mktemp("outside")
    found = [folder / "bandwidth", folder / "links"]
    install(found[0], "bandwidth-task")
    install(found[1], "links-task")
    return found


@pytest.fixture(scope="module")
def unchanged():
    """After all tests, no file of netwright has changed."""
    before = sources()
    yield
    assert sources() == before


def commands(task: str) -> list[list[str]]:
    """The page's commands about a task."""
    lines = re.findall(r"^netwright .*$", PAGE, re.MULTILINE)
    return [shlex.split(line)[1:] for line in lines if f" {task} " in line]


def forked(paths: list[Path], run: Callable[[], int]) -> tuple[int, str, str]:
    """Exit code, output and errors of a function with these packages installed, in a fork of this process."""

    def prepared() -> int:
        os.chdir(paths[0].parent)
        os.environ.pop("NETWRIGHT_DATA", None)
        sys.path.extend(map(str, paths))
        importlib.invalidate_caches()
        registry.forget()
        return run()

    process = Forked(prepared)
    out, err = process.communicate()
    process.close()
    return process.wait(), out, err


@pytest.mark.parametrize("task", ["bandwidth", "links"])
def test_the_commands_of_the_page_run(paths, unchanged, task):
    assert len(commands(task)) >= 2
    for words in commands(task):
        short = ["--iterations", "40"] if words[0] == "adapt" else []
        code, _, err = forked(paths, lambda words=[*words, *short]: main(words))
        assert code == 0, err


def test_a_new_process_finds_an_installed_package(paths):
    path = os.pathsep.join([str(Path(netwright.__file__).parents[1]), *map(str, paths)])
    done = subprocess.run(
        [sys.executable, "-m", "netwright", "list", "policies"],
        cwd=paths[0].parent,
        env={k: v for k, v in os.environ.items() if k != "NETWRIGHT_DATA"} | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "harmonic-mean" in done.stdout


def test_an_outside_task_and_its_policies_are_listed(paths):
    code, out, err = forked(paths, lambda: main(["list", "--json"]))
    assert code == 0, err
    found = json.loads(out)
    assert {"bandwidth", "links", "vp", "abr"} <= {task["name"] for task in found["tasks"]}
    policies = {p["name"] for p in found["policies"] if p["task"] == "bandwidth"}
    assert policies == {"last-value", "harmonic-mean"}


@pytest.mark.parametrize("task", ["bandwidth", "links"])
def test_an_outside_task_keeps_the_contract(paths, unchanged, task):
    code, _, err = forked(paths, lambda: check_task(task) or 0)
    assert code == 0, err


def test_an_outside_package_that_is_broken_is_named(paths, monkeypatch):
    real = metadata.entry_points
    broken = metadata.EntryPoint("bad", "nowhere.at_all:TASK", "netwright.tasks")
    monkeypatch.setattr(
        metadata, "entry_points", lambda group: [broken] if group == "netwright.tasks" else real(group=group)
    )
    words = ["test", "bad", "--policy", "x", "--setting", "y"]
    code, _, err = forked(paths, lambda: main(words))
    assert code == 2
    assert "task 'bad' of the installed package 'unknown' cannot be imported from nowhere.at_all:TASK" in err
    assert "Traceback" not in err
