"""The app in a real browser: whole dialogues by mouse and by keyboard, several people, kills, phones, dark pages."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from netwright.synthesis.pool import quality
from netwright.wan import pools
from tests.web import browser
from tests.web.browser import after, begin, check_chromium, count, faults, overflow, watched
from tests.web.conftest import Server

SHOTS = os.environ.get(
    "NETWRIGHT_SCREENSHOTS"
)  # a folder, such as docs/images, for the pictures of docs/app.md
DOCUMENTED = ("start", "ask", "earlier", "end", "compare", "report", "ask-phone")


@pytest.fixture(scope="session")
def chromium():
    check_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=browser.CHROMIUM, args=browser.ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def person(chromium):
    """Make a new visitor's page, of a width and scheme of colors."""
    contexts = []

    def make(width: int = 1280, scheme: str = "light"):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


def tick_and_answer(page, *letters: str) -> None:
    for letter in letters:
        page.get_by_label(f"{letter} is about best").check()
    page.locator(".answers .primary").click()


def picture(page, name: str) -> None:
    if SHOTS and name in DOCUMENTED:
        page.screenshot(path=Path(SHOTS) / f"app-{name}.png")


def checked(page, name: str) -> None:
    """No serious fault of accessibility, nothing wider than the window; and a picture where one is wanted."""
    assert faults(page) == [], name
    assert overflow(page) <= 0, name
    picture(page, name)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_dialogue_by_mouse_on_every_page(server, person, width, scheme):
    page = person(width, scheme)
    errors = watched(page)
    kind = "" if width > 400 else "-phone"
    page.goto(server.url)
    checked(page, f"start{kind}")
    begin(page, server.url)
    page.wait_for_selector("#panels .map")
    checked(page, f"ask{kind}")
    after(page, lambda: tick_and_answer(page, "A", "C"))
    after(page, lambda: page.get_by_role("button", name="All about equal").click())
    after(page, lambda: page.get_by_role("button", name="Undo the last answer").click())
    assert count(page) == "Question 2 of 4"
    after(page, lambda: tick_and_answer(page, "B"))
    page.get_by_role("link", name="1. about best: A and C").click()
    page.wait_for_selector("text=Change the answer")
    assert page.get_by_label("C is about best").is_checked()
    checked(page, f"earlier{kind}")
    page.get_by_label("A is about best").uncheck()
    page.get_by_role("button", name="Change the answer").click()
    page.wait_for_selector("text=1. about best: C")
    after(page, lambda: tick_and_answer(page, "C"))
    after(page, lambda: page.get_by_role("button", name="I would take A").click())
    page.wait_for_selector("#panels .map")
    page.wait_for_selector("#why span")
    checked(page, f"end{kind}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Everything (JSON)").click()
    assert json.loads(Path(download.value.path()).read_text())["scenario"] == "bw"
    page.get_by_role("link", name="Compare with today").click()
    page.wait_for_selector("text=No link overfills")
    checked(page, f"compare{kind}")
    page.get_by_role("link", name="Back to your design").click()
    report = page.get_by_role("link", name="Report for printing").get_attribute("href")
    page.goto(server.url.rstrip("/") + report)
    checked(page, f"report{kind}")
    assert errors == []


def test_a_dialogue_by_keyboard_only(server, person):
    page = person()
    page.goto(server.url)
    for _ in range(80):
        if page.evaluate("document.activeElement.innerText") == "Begin":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#ask", timeout=60_000)
    press = page.keyboard.press
    press("b")
    assert page.get_by_label("B is about best").is_checked()
    press("c")
    after(page, lambda: press("Enter"))
    assert "1. about best: B and C" in page.locator("#main").inner_text()
    after(page, lambda: press("?"))
    after(page, lambda: press("="))
    assert "3. about equal" in page.locator("#main").inner_text()
    after(page, lambda: press("u"))
    assert count(page) == "Question 3 of 10"
    after(page, lambda: press("s"))
    page.wait_for_selector("text=Why this design")
    after(page, lambda: press("u"))
    assert count(page) == "Question 3 of 10"


def test_reloading_and_going_back_lose_nothing(server, person):
    page = person()
    begin(page, server.url)
    after(page, lambda: tick_and_answer(page, "A"))
    shown = page.locator(".rows").first.inner_text()
    page.reload()
    assert count(page) == "Question 2 of 4"
    assert page.locator(".rows").first.inner_text() == shown
    page.goto(server.url)
    page.locator(".list a").first.click()
    page.wait_for_selector("#ask")
    assert count(page) == "Question 2 of 4"


def test_a_killed_server_continues_where_it_was(tmp_path, cache, person):
    own = Server(tmp_path, cache)
    own.start()
    try:
        page = person()
        begin(page, own.url, "Throughput against latency")
        after(page, lambda: tick_and_answer(page, "A"))
        shown = page.locator(".rows").first.inner_text()
        own.kill()
        own.start()
        page.reload()
        page.wait_for_selector("#ask", timeout=60_000)
        assert count(page) == "Question 2 of 4"
        assert page.locator(".rows").first.inner_text() == shown
        after(page, lambda: tick_and_answer(page, "B"))
    finally:
        own.kill()


def test_two_people_do_not_meet(server, person):
    anna, ben = person(), person()
    begin(anna, server.url)
    begin(ben, server.url)
    after(anna, lambda: tick_and_answer(anna, "A"))
    assert (count(anna), count(ben)) == ("Question 2 of 4", "Question 1 of 4")
    assert ben.request.get(anna.url).status == 404
    ben.goto(anna.url)
    assert "belongs to another browser" in ben.locator("#main").inner_text()
    assert ben.request.post(anna.url + "/answer", form={"said": "0"}).status == 403


GRAPH = """<?xml version="1.0"?>{doctype}<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<graph edgedefault="undirected">
<node id="{name}"/><node id="b"/><node id="c"/><edge source="{name}" target="b"/><edge source="b" target="c"/>
<edge source="c" target="{name}"/></graph></graphml>"""


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "../../etc/passwd.graphml",
            GRAPH.format(doctype='<!DOCTYPE g [<!ENTITY x SYSTEM "file:///etc/passwd">]>', name="&x;"),
            "passwd.graphml",
        ),
        ("<img src=x onerror=alert(1)>.gml", "graph [ node [ id 1", "<img src=x onerror=alert(1)>.gml"),
        ("broken.json", '{"nodes": [', "broken.json"),
        ("empty.csv", "", "is empty"),
        ("photo.png", "\x89PNG", "networks are read from"),
    ],
)
def test_a_hostile_or_broken_file_is_refused_in_words(server, person, name, content, said):
    page = person()
    errors = watched(page)
    page.goto(server.url)
    page.get_by_text("your own file").click()
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": content.encode("latin-1")}
    page.get_by_label("Network file").set_input_files(file)
    page.wait_for_selector("#uploaded .notice")
    shown = page.locator("#uploaded .notice").inner_text()
    assert said in shown and "root:" not in shown and "/etc/" not in shown
    assert page.locator("#uploaded img").count() == 0 and errors == []


def test_a_network_of_ones_own_with_names_of_any_kind(server, person):
    page = person()
    errors = watched(page)
    page.goto(server.url)
    page.get_by_text("Throughput against latency").click()
    page.get_by_text("your own file").click()
    name = "&lt;b&gt;x&lt;/b&gt;"
    content = GRAPH.format(doctype="", name=name).replace(
        f'<edge source="c" target="{name}"/>',
        f'<edge source="c" target="{name}"><data key="k">5</data></edge>',
    )
    content = content.replace(
        "<graph ", '<key id="k" for="edge" attr.name="length_km" attr.type="double"/><graph '
    )
    content = re.sub(r'target="(b|c)"/>', r'target="\1"><data key="k">900</data></edge>', content)
    page.get_by_label("Network file").set_input_files(
        {"name": "own.graphml", "mimeType": "text/xml", "buffer": content.encode()}
    )
    page.wait_for_selector("#uploaded .done")
    assert "3 nodes, 3 links" in page.locator("#uploaded").inner_text()
    page.wait_for_selector("#facts:has-text('6 flows')")
    page.get_by_role("button", name="Begin").click()
    page.wait_for_selector("#ask, h1:has-text('nothing to decide'), .notice", timeout=60_000)
    assert "bug" not in page.locator("#main").inner_text()
    page.wait_for_selector(".map .name")
    assert "<b>x</b>" in page.locator(".map").first.text_content() and errors == []


def values_shown(page) -> list[dict[str, float]]:
    """The percentages of each design on the page, by class: what an operator sees."""
    columns: list[dict[str, float]] = []
    for row in page.locator("#ask .rows tbody tr").all():
        title = row.locator(".what").inner_text().lower()
        for i, text in enumerate(row.locator(".value").all_inner_texts()):
            columns += [{}] if len(columns) <= i else []
            columns[i][title] = float(text.split("%")[0])
    return columns


def test_a_perfect_operator_is_satisfied_within_ten_questions(server, person, cache):
    """Quality of the design on BW, Abilene, to an operator who sees what the page shows, nothing else."""
    weights = np.array([0.45, 0.1, 0.3, 0.15])
    page = person()
    begin(page, server.url, **{"At most this many questions": "10"})
    after_five = None
    while count(page):
        seen = values_shown(page)
        worth = [
            sum(w * np.log(max(v[f"class {k + 1}"], 0.01) / 100.0) for k, w in enumerate(weights))
            for v in seen
        ]
        best = "ABC"[int(np.argmax(worth))]
        if "Last question" in page.locator("h1").inner_text():
            after(page, lambda b=best: page.get_by_role("button", name=f"I would take {b}").click())
        else:
            after(page, lambda b=best: tick_and_answer(page, b))
        if count(page) == "Question 6 of 10" and after_five is None:
            after(page, lambda: page.keyboard.press("s"))
            after_five = page.request.get(page.url + "/files/design.json").json()
            after(page, lambda: page.keyboard.press("u"))
    after_ten = page.request.get(page.url + "/files/design.json").json()
    [path] = (cache / "pools").glob("bw-abilene-1000-*.parquet")
    pool = pools.read(path)
    ranks = quality(pool.scores @ weights, pool.counts)
    assert ranks[after_five["recommended"]] >= 0.97
    assert ranks[after_ten["recommended"]] >= 0.99
