"""The demonstration: each part in turn on generated data, and a page with a picture of each and links to reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib
from markupsafe import Markup

from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.files import write_json, write_text
from netwright.core.palette import RC
from netwright.core.task import DemoPart, load_attribute
from netwright.report.figures import Panel
from netwright.report.page import drawing, render_page

Progress = Callable[[str], None]

INDEX_FILE = "demo.json"
FORMAT_VERSION = 1


DESIGN = DemoPart(
    title="A network design from a few questions",
    run="netwright.experiments.design.demo:run",
    use="Find the design of a wide-area network that you would choose, by comparing a few designs side by side; you "
    "need no formula for what you want.",
    command="netwright design ask --scenario mcf --topology my-network.graphml --demands my-demands.csv "
    "--out my-design",
    order=10,
)


@dataclass(frozen=True)
class PartResult:
    """What a part of the demonstration came to.

    Attributes:
        said: the result in one sentence.
        panel: the picture on the demo's page, drawn under `netwright.core.palette.RC`.
    """

    said: str
    panel: Panel


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
    _check(out)
    chosen = parts()
    done: list[dict[str, Any]] = []
    drawn: dict[str, Markup] = {}
    for number, (name, part) in enumerate(chosen.items(), start=1):
        progress(f"part {number} of {len(chosen)}: {part.title}")
        began = time.perf_counter()
        found: PartResult = load_attribute(part.run)(out / name, short=short, progress=progress)
        seconds = time.perf_counter() - began
        panel = replace(found.panel, name=f"{name}-{found.panel.name}")
        with matplotlib.rc_context(RC):
            drawn[name] = Markup(drawing(panel))
        said = {"folder": name, "said": found.said, "caption": panel.caption, "seconds": seconds}
        done.append({**said, "title": part.title, "use": part.use, "command": part.command})
    command = "netwright demo" + (" --short" if short else "")
    write_json(out / INDEX_FILE, {"format_version": FORMAT_VERSION, "short": short, "parts": done})
    page = render_page("parts.html", parts=done, drawn=drawn, command=command, short=short)
    write_text(out / "index.html", page)
    return out / "index.html"


def _check(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: is a file; give a folder for the report.")
    known = {INDEX_FILE, "index.html", *parts()}
    if out.is_dir() and {path.name for path in out.iterdir()} - known:
        raise ConfigError(
            f"{out}: holds something that is not this demonstration; give a new or an empty folder."
        )
