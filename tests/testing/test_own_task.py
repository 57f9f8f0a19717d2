"""The tutorial on tasks of one's own, followed from a folder outside of the project: no file of netwright changes."""

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import netwright

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
def outside(tmp_path_factory):
    """Runs a command with both packages of the page installed."""
    folder = tmp_path_factory.mktemp("outside")
    paths = [folder / "bandwidth", folder / "links"]
    install(paths[0], "bandwidth-task")
    install(paths[1], "links-task")
    before = sources()
    path = os.pathsep.join([str(Path(netwright.__file__).parents[1]), *map(str, paths)])
    environment = {k: v for k, v in os.environ.items() if k != "NETWRIGHT_DATA"} | {"PYTHONPATH": path}

    def run(*words: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode == 0) == ok, done.stderr
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


def test_an_outside_task_and_its_policies_are_listed(outside):
    found = json.loads(outside("-m", "netwright", "list", "--json").stdout)
    assert {"bandwidth", "links", "vp", "abr"} <= {task["name"] for task in found["tasks"]}
    policies = {p["name"] for p in found["policies"] if p["task"] == "bandwidth"}
    assert policies == {"last-value", "harmonic-mean"}


@pytest.mark.parametrize("task", ["bandwidth", "links"])
def test_an_outside_task_keeps_the_contract(outside, task):
    outside("-c", f"from netwright.testing import check_task; check_task({task!r})")


def test_an_outside_package_that_is_broken_is_named(outside, tmp_path):
    code = (
        "import importlib.metadata as m; real = m.entry_points;"
        "broken = m.EntryPoint('bad', 'nowhere.at_all:TASK', 'netwright.tasks');"
        "m.entry_points = lambda group: [broken] if group == 'netwright.tasks' else real(group=group);"
        "from netwright.cli.main import main;"
        "raise SystemExit(main(['test', 'bad', '--policy', 'x', '--setting', 'y']))"
    )
    done = outside("-c", code, ok=False)
    assert done.returncode == 2
    assert (
        "task 'bad' of the installed package 'unknown' cannot be imported from nowhere.at_all:TASK"
        in done.stderr
    )
    assert "Traceback" not in done.stderr
