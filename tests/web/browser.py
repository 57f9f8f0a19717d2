"""A real browser for the tests of the app: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage"]
AXE = Path(__file__).parent / "axe.min.js"
SERIOUS = ("serious", "critical")


def check_chromium() -> None:
    """Skip where there is no chromium; in CI its absence is a failure."""
    if CHROMIUM is None or subprocess.run([CHROMIUM, "--version"], capture_output=True).returncode:
        assert "CI" not in os.environ, "CI must have chromium; .ci/run installs it"
        pytest.skip("no chromium; on Debian: apt-get install chromium")


def watched(page) -> list[str]:
    """Errors of a page, such as violations of its content security policy; the list grows."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    return errors


def faults(page) -> list[str]:
    """Serious faults of accessibility that axe-core finds."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{each['id']}: {node['html'][:120]} {node.get('failureSummary', '')[:200]}"
        for each in found
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


def overflow(page) -> int:
    """Pixels by which a page is wider than its window."""
    found: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found


def begin(page, url: str, scenario: str = "Bandwidth between classes", **choices: str) -> None:
    """Start a dialogue with the mouse and wait for its first question."""
    page.goto(url)
    page.get_by_text(scenario).click()
    page.get_by_text("Questions and learner").click()
    for label, value in {"At most this many questions": "4", **choices}.items():
        field = page.get_by_label(label)
        if field.evaluate("e => e.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    page.wait_for_load_state("networkidle")
    page.get_by_role("button", name="Begin").click()
    page.wait_for_selector("#ask", timeout=60_000)


def count(page) -> str:
    """Such as "Question 3 of 10"; "" without a question."""
    shown = page.locator(".count")
    return shown.inner_text() if shown.count() else ""


def after(page, act) -> None:
    """Do something and wait until the question is another one."""
    before = count(page)
    act()
    page.wait_for_function(
        "before => (document.querySelector('.count')?.innerText ?? '') !== before", arg=before, timeout=20_000
    )
