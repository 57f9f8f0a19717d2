"""The written report: what the page holds, that it stands alone, and that a browser draws it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from netwright.core.errors import ConfigError, OutputError
from netwright.report import render, write_report
from tests.report.made_up import SKILL, make_evaluation, make_evaluations, make_task

VOID = {"meta", "link", "br", "wbr", "img", "hr", "input"}
LOADS = {"src", "srcset", "poster", "data", "action", "background"}
HOSTILE = "<script>alert(1)</script>\"'&$x^$ {0} /../"


class Page(HTMLParser):
    """Checks nesting and gathers text, tags, ids and what the page would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.inner_references: list[str] = []
        self.loads: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.labels: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for key, value in attrs:
            self.ids += [value] if key == "id" else []
            self.labels += [value] if key == "aria-label" else []
            self.loads += [value] if key in LOADS or (key == "href" and tag == "link") else []
            self.links += [value] if key == "href" and tag == "a" else []
            self.inner_references += re.findall(r"url\(#([^)]+)\)", value or "")
            self.inner_references += [value[1:]] if key == "href" and tag == "use" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("report") / "out"
    assert write_report(make_task(), make_evaluations(), out, notes={"Command": "netwright compare vp"}) == (
        out / "index.html"
    )
    return out


@pytest.fixture(scope="module")
def page(folder) -> Page:
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def test_the_page_is_well_formed_and_its_ids_are_its_own(page):
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert page.inner_references
    assert set(page.inner_references) <= set(page.ids)


def test_the_page_loads_nothing(folder, page):
    assert page.loads == ["data:,"]
    assert not {"script", "iframe", "object", "img"} & set(page.tags)
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert "@import" not in text
    assert not re.findall(r"url\((?!#)", text)
    assert not [link for link in page.links if re.match(r"\w+:|//", link)]
    assert all((folder / link).is_file() for link in page.links)


def test_the_page_says_what_was_found(page):
    assert "best method here is adapted:tiny (" in page.text
    assert all(policy in page.text for policy in SKILL)
    assert "Synthetic data" in page.text
    assert "netwright compare vp" in page.text
    assert "3 seeds:" in page.text
    assert "Error by prediction horizon" in page.text
    assert "due to pre-training" in page.text
    assert page.tags.count("svg") == sum(1 for label in page.labels if ":" in label)


def test_the_json_holds_everything(folder):
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert document["format_version"] == 1
    assert len(document["evaluations"]) == len(make_evaluations())
    assert [s["setting"] for s in document["comparison"]] == ["default", "unseen1"]
    assert document["sentences"]["default"].startswith("The best method here is")
    assert document["synthetic"] is True
    pictures = sorted((folder / "figures").glob("*.png"))
    assert len(pictures) == 18  # 4 general and 2 own kinds in 2 settings, 3 trajectories drawn twice
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in pictures)


def test_hostile_names_stay_text(tmp_path):
    given = [
        make_evaluation(HOSTILE, [1, 2], setting=HOSTILE),
        make_evaluation("last-value", [2, 4], setting=HOSTILE),
    ]
    out = write_report(make_task(), given, tmp_path / "r", notes={HOSTILE: HOSTILE})
    page = Page(out.read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert f"best method here is {HOSTILE} (1.500 degrees)" in page.text
    assert page.open == []
    names = {p.name for p in (tmp_path / "r" / "figures").iterdir()}
    assert all(re.fullmatch(r"[a-z0-9-]+\.png", name) for name in names)
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_bare_evaluations_without_reference_or_detail(tmp_path):
    out = write_report(make_task(report=None), [make_evaluation("mlp", [1, 2])], tmp_path / "r")
    page = Page(out.read_text(encoding="utf-8"))
    assert "the only method tested" in page.text
    assert "not tested in default: no ratio there" in page.text
    assert "Synthetic data" not in page.text


def test_no_winner_is_marked_where_none_stands_out(tmp_path):
    close = [make_evaluation("last-value", [10, 20, 30, 40]), make_evaluation("mlp", [12, 17, 33, 37])]
    out = write_report(make_task(report=None), close, tmp_path / "r")
    text = out.read_text(encoding="utf-8")
    assert 'class="cell winner"' not in text
    assert "≈ best" in text
    clear = [make_evaluation("last-value", [10, 20, 30, 40]), make_evaluation("mlp", [9, 19, 29, 39])]
    text = write_report(make_task(report=None), clear, tmp_path / "r").read_text(encoding="utf-8")
    assert text.count('class="cell winner"') == 1


def test_an_earlier_report_is_replaced_whole(tmp_path):
    out = tmp_path / "r"
    write_report(make_task(report=None), [make_evaluation("mlp", [1, 2])], out)
    (out / "figures" / "old.png").write_bytes(b"")
    write_report(make_task(report=None), [make_evaluation("track", [1, 2])], out)
    assert "track" in (out / "index.html").read_text(encoding="utf-8")
    assert not (out / "figures" / "old.png").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_a_failure_half_way_leaves_the_earlier_report(tmp_path, monkeypatch):
    out = tmp_path / "r"
    write_report(make_task(report=None), [make_evaluation("mlp", [1, 2])], out)
    before = (out / "index.html").read_bytes()

    def full_disk(figure):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(render, "png", full_disk)
    with pytest.raises(OutputError, match="No space"):
        write_report(make_task(report=None), [make_evaluation("track", [1, 2])], out)
    assert (out / "index.html").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_what_is_not_a_report_is_left_alone(tmp_path):
    (tmp_path / "precious.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="not a report"):
        write_report(make_task(), [make_evaluation("mlp", [1, 2])], tmp_path)
    with pytest.raises(ConfigError, match="is a file"):
        write_report(make_task(), [make_evaluation("mlp", [1, 2])], tmp_path / "precious.txt")
    assert (tmp_path / "precious.txt").read_text(encoding="utf-8") == "mine"


def test_drawing_leaves_pyplot_alone(tmp_path):
    code = (
        "import sys; from tests.report.made_up import *; from netwright.report import write_report\n"
        "from pathlib import Path; runs = make_evaluations(['default'], ['mlp'])\n"
        f"write_report(make_task(), runs, Path({str(tmp_path)!r}))\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, timeout=120)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the browser chromium on the PATH")
def test_a_browser_draws_the_page(folder, tmp_path):
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"]
    address = (folder / "index.html").as_uri()
    run = subprocess.run([*command, "--dump-dom", address], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    drawn = Page(run.stdout)
    assert "best method here is adapted:tiny (" in drawn.text
    assert drawn.tags.count("svg") == 18


def test_control_characters_in_names_reach_no_page_and_no_figure():
    import matplotlib
    from markupsafe import Markup
    from matplotlib.figure import Figure

    from netwright.core.palette import RC
    from netwright.report import page, render

    assert page._shown("a\x1b[2J\u202eb") == "a\\x1b[2J\\u202eb"
    assert page._shown(Markup("<b>")) == Markup("<b>")
    assert page._shown(3.5) == 3.5
    with matplotlib.rc_context(RC):
        figure = Figure()
        figure.subplots().set_title("ppo\x1b\x00")
        assert "ppo\\x1b\\x00" in render.svg(figure, name="a", alt="b")
