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
from importlib import metadata
from pathlib import Path

import pytest

import netwright
from netwright.cli.main import main
from netwright.core import registry
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
def outside(paths):
    """Runs a command with these packages installed."""
    folder, before = paths[0].parent, sources()
    path = os.pathsep.join([str(Path(netwright.__file__).parents[1]), *map(str, paths)])
    environment = {k: v for k, v in os.environ.items() if k != "NETWRIGHT_DATA"} | {"PYTHONPATH": path}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done

    yield run
    assert sources() == before


def commands(task: str) -> list[list[str]]:
    """The page's commands about a task."""
    lines = re.findall(r"^netwright .*$", PAGE, re.MULTILINE)
    return [shlex.split(line)[1:] for line in lines if f" {task} " in line]


@pytest.mark.parametrize("task", ["bandwidth", "links"])
def test_the_commands_of_the_page_run(outside, task):
    assert len(commands(task)) >= 2
    for words in commands(task):
        short = ["--iterations", "40"] if words[0] == "adapt" else []
        outside("-m", "netwright", *words, *short)


def forked(paths: list[Path], *words: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command with these packages installed, in a fork of this process."""

    def run() -> int:
        sys.path.extend(map(str, paths))
        importlib.invalidate_caches()
        registry.forget()
        return main(list(words))

    process = Forked(run)
    out, err = process.communicate()
    process.close()
    return process.wait(), out, err


def test_an_outside_task_and_its_policies_are_listed(paths):
    code, out, err = forked(paths, "list", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert {"bandwidth", "links", "vp", "abr"} <= {task["name"] for task in found["tasks"]}
    policies = {p["name"] for p in found["policies"] if p["task"] == "bandwidth"}
    assert policies == {"last-value", "harmonic-mean"}


@pytest.mark.parametrize("task", ["bandwidth", "links"])
def test_an_outside_task_keeps_the_contract(outside, task):
    outside("-c", f"from netwright.testing import check_task; check_task({task!r})")


def test_an_outside_package_that_is_broken_is_named(paths, monkeypatch):
    real = metadata.entry_points
    broken = metadata.EntryPoint("bad", "nowhere.at_all:TASK", "netwright.tasks")
    monkeypatch.setattr(
        metadata, "entry_points", lambda group: [broken] if group == "netwright.tasks" else real(group=group)
    )
    code, _, err = forked(paths, "test", "bad", "--policy", "x", "--setting", "y")
    assert code == 2
    assert "task 'bad' of the installed package 'unknown' cannot be imported from nowhere.at_all:TASK" in err
    assert "Traceback" not in err
