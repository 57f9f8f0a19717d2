"""The demonstration: each part in turn on generated data, and a page that leads to their reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.files import read_json, write_json, write_text
from netwright.core.task import DemoPart, load_attribute

Progress = Callable[[str], None]

INDEX_FILE = "demo.json"
FORMAT_VERSION = 1


DESIGN = DemoPart("A network design from a few questions", "netwright.experiments.design.demo:run", 30)


def parts() -> dict[str, DemoPart]:
    """The demo's parts by name of their report's folder: those of the tasks and of network design."""
    tasks = map(registry.task, registry.task_names())
    found = {task.name: task.demo for task in tasks if task.demo} | {"design": DESIGN}
    return dict(sorted(found.items(), key=lambda item: item[1].order))


def run(out: Path, *, short: bool, progress: Progress) -> Path:
    """Run all parts and write their reports.

    Args:
        out: folder of the page and of a folder for each part.
        short: smaller runs, which show that all works, not how well.
        progress: called with one line from time to time.

    Returns:
        Path of the page.

    Raises:
        ConfigError: `out` holds something else.
    """
    from netwright.report.page import render_page

    _check(out)
    done = []
    chosen = parts()
    for number, (name, part) in enumerate(chosen.items(), start=1):
        progress(f"part {number} of {len(chosen)}: {part.title}")
        began = time.perf_counter()
        said = load_attribute(part.run)(out / name, short=short, progress=progress)
        seconds = time.perf_counter() - began
        done.append({"folder": name, "title": part.title, "said": said, "seconds": seconds})
    command = "netwright demo" + (" --short" if short else "")
    write_json(out / INDEX_FILE, {"format_version": FORMAT_VERSION, "short": short, "parts": done})
    write_text(out / "index.html", render_page("parts.html", parts=done, command=command))
    return out / "index.html"


def sentence_of(report: Path) -> str:
    """The verdict of a comparison report."""
    return str(read_json(report.parent / "report.json")["verdict"])


def _check(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: is a file; give a folder for the report.")
    known = {INDEX_FILE, "index.html", *parts()}
    if out.is_dir() and {path.name for path in out.iterdir()} - known:
        raise ConfigError(
            f"{out}: holds something that is not this demonstration; give a new or an empty folder."
        )
