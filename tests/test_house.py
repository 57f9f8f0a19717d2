"""The house keeps its word: what README, documentation and examples say can be run, and versions agree."""

from __future__ import annotations

import io
import json
import os
import pydoc
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import netwright
from netwright.cli.main import main

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

# The documented commands run at sizes that a test can wait for.
SMALLER = {
    "collect": "--episodes 6",
    "adapt": "--iterations 2 --batch-size 8 --set evaluate_every=2",
    "pretrain": "--iterations 2",
    "demo": "--short",
}
NOT_RUN = {
    "data fetch": "downloads; tests/datasets runs it against a local server",
    "demo": "`make demo` runs it",
    "design serve": "does not end; tests/web opens it in a browser",
}


def _commands(page: Path) -> list[str]:
    """The `netwright` and `printf` lines of a page's bash blocks, continuation lines joined."""
    blocks = re.findall(r"^```bash\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.partition(" #")[0].strip() for line in lines if line.startswith(("netwright ", "printf "))]


def _typed_in(command: str, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """The `netwright` part of a line, after what `printf` writes: a file, or the lines that are typed in."""
    if not command.startswith("printf "):
        return command
    written, piped, rest = command.partition(" | ")
    _, text, *to_file = shlex.split(written)
    text = text.replace("\\n", "\n")
    if piped:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        return rest
    assert to_file[0] == ">"
    Path(to_file[1]).write_text(text)
    return None


DOCUMENTED = [page for page in PAGES if _commands(page)]


@pytest.mark.parametrize("page", DOCUMENTED, ids=lambda page: page.name)
def test_every_documented_command_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)
    commands = [c for c in _commands(page) if not c.removeprefix("netwright ").startswith(tuple(NOT_RUN))]
    for command in commands:
        command = _typed_in(command, monkeypatch)
        if command is None:
            continue
        words = shlex.split(command)[1:]
        code = main([*words, *shlex.split(SMALLER.get(words[0], ""))])
        printed = capsys.readouterr()
        assert code == 0, f"{command}: {printed.err}"
        assert printed.out.strip(), command
        if "--json" in words:
            json.loads(printed.out)


def test_the_readme_is_one_page():
    """Under 120 lines, one picture, three tables of at most ten rows."""
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) < 120
    assert len(re.findall(r"^!\[", text, re.MULTILINE)) == 1
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) == 3
    assert max(table.count("\n") - 2 for table in tables) <= 10


def test_the_changelog_names_every_command():
    helped = subprocess.run(
        [sys.executable, "-c", "from netwright.cli.main import main; main(['--help'])"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200", "NO_COLOR": "1"},
    ).stdout
    commands = re.findall(r"^│ ([a-z]+) {2,}", helped, re.MULTILINE)
    assert len(commands) >= 9
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert not [c for c in commands if f"`{c}`" not in changes]


def _shrunk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)


def test_the_adapt_example_runs(monkeypatch, tmp_path, capsys):
    _shrunk(monkeypatch, tmp_path)
    example = runpy.run_path(str(ROOT / "examples" / "adapt_vp.py"))
    example["main"]("none", "runs/example", iterations=2, batch_size=8)
    assert capsys.readouterr().out.count("difference") == 4
    assert (tmp_path / "runs" / "example" / "netwright.json").is_file()


def test_the_policy_example_runs(monkeypatch, tmp_path, capsys):
    _shrunk(monkeypatch, tmp_path)
    runpy.run_path(str(ROOT / "examples" / "own_policy.py"), run_name="__main__")
    shown = capsys.readouterr().out
    assert "last-value" in shown
    assert "return-to-level" in shown


def test_the_design_examples_run(monkeypatch, tmp_path, capsys):
    _shrunk(monkeypatch, tmp_path)
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "cache"))
    runpy.run_path(str(ROOT / "examples" / "design_python.py"))["main"](objectives=100)
    shown = capsys.readouterr().out
    assert "recommended: " in shown
    assert "best of the pool: " in shown
    runpy.run_path(str(ROOT / "examples" / "design_own_network.py"))["main"](objectives=50)
    assert "fullest link" in capsys.readouterr().out
    assert (tmp_path / "own-network" / "links.csv").is_file()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples_stay_short(example):
    assert len(example.read_text().splitlines()) < 60


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
    broken = [link for link in links if not link.startswith("http") and not (page.parent / link).exists()]
    assert broken == []


def test_the_glossary_names_what_exists():
    text = (ROOT / "docs" / "glossary.md").read_text()
    names = re.findall(r"`((?:adaptation|evaluation|llm|synthesis|tasks|wan|solvers)[\w.]*)`", text)
    assert len(names) > 8
    for name in names:
        assert pydoc.locate(f"netwright.{name}") is not None, name


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    released = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert project["version"] == netwright.__version__ == citation["version"] == released[0]
    assert project["license"] == citation["license"]


def test_both_papers_are_cited():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    titles = " ".join(reference["title"] for reference in citation["references"])
    assert "NetLLM" in titles
    assert "Comparative Synthesis" in titles


def _make(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *words], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path):
    """A folder with the Makefile, a `python` that fakes venv, and a `pip` that notes its calls."""
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    (tmp_path / "pyproject.toml").write_text("")
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\nmkdir -p .venv/bin\n"
        "printf '#!/bin/sh\\necho pip >> calls\\n' > .venv/bin/pip\n"
        "printf '#!/bin/sh\\necho netwright \"$@\" >> calls\\n' > .venv/bin/netwright\n"
        "chmod +x .venv/bin/*\n"
    )
    python.chmod(0o755)
    return tmp_path


def test_make_installs_once_and_again_when_the_project_changes(project):
    for _ in range(2):
        assert _make("demo", "PYTHON=./python", "DEMO_FLAGS=--short", cwd=project).returncode == 0
    calls = project / "calls"
    assert calls.read_text().splitlines() == ["pip", "netwright demo --short", "netwright demo --short"]
    later = (project / ".venv" / ".installed").stat().st_mtime + 5
    os.utime(project / "pyproject.toml", (later, later))
    assert _make("demo", "PYTHON=./python", cwd=project).returncode == 0
    assert calls.read_text().splitlines()[3:] == ["pip", "netwright demo"]


def test_make_says_what_to_install_when_venv_is_missing(project):
    (project / "python").write_text("#!/bin/sh\nmkdir -p .venv/bin\nexit 1\n")
    failed = _make("test", "PYTHON=./python", cwd=project)
    assert failed.returncode != 0
    assert "apt-get install python3-venv" in failed.stderr
    assert not (project / ".venv").exists()
