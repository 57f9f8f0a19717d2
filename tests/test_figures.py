"""Quoted figures are compared with their rows: a change of any of them by one unit in the last place is caught."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import check_figures  # noqa: E402

FIGURES = list(check_figures.figures(ROOT))


@pytest.fixture(scope="module")
def results():
    return check_figures.Results(ROOT)


@pytest.fixture(scope="module")
def index():
    return [json.loads(line) for line in (ROOT / check_figures.INDEX).read_text().splitlines()]


@pytest.fixture
def copy(tmp_path):
    """README, docs and results, to be changed."""
    shutil.copy(ROOT / "README.md", tmp_path)
    for folder in ("docs", "results"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def moved(text: str, by: int) -> str:
    """A figure changed by so many units in its last place."""
    decimals = len(text.partition(".")[2])
    value = f"{float(text) + by * 10.0**-decimals:.{decimals}f}"
    return f"+{value}" if text[0] == "+" and value[0] != "-" else value


def test_every_quoted_figure_is_what_its_row_says(results, index):
    assert list(check_figures.wrong(ROOT, results, index)) == []


@pytest.mark.parametrize("by", [1, -1])
def test_any_figure_moved_by_one_unit_is_caught(results, index, by):
    """Figure by figure, without reading the pages again: a moved text differs from what its row reads."""
    missed = []
    for figure, line in zip(FIGURES, index, strict=True):
        row = results.rows[results.by_key[check_figures.key_text(line["row"])][line.get("place", 0)]]
        value = dict(check_figures.numbers(row))[line["field"]]
        changed = moved(figure.text, by)
        if changed != figure.text and check_figures.shown(value, changed) == changed:
            missed.append(figure)
    assert missed == []
    assert len(FIGURES) > 1000


@pytest.mark.parametrize("page", ["README.md", "docs/design.md", "docs/tasks/abr.md"])
def test_a_changed_page_is_caught(copy, page, capsys):
    path = copy / page
    text = path.read_text()
    block = check_figures.MARKED.search(text)
    assert block is not None
    figure = check_figures.FIGURE.search(text, block.start(), block.end())
    assert figure is not None
    path.write_text(text[: figure.start()] + moved(figure.group(), 1) + text[figure.end() :])
    assert check_figures.main(["--root", str(copy)]) == 1
    said = capsys.readouterr().out
    assert f"{page}: {moved(figure.group(), 1)}" in said
    assert "the row {" in said


def test_two_cells_that_changed_places_are_caught(copy, capsys):
    path = copy / "README.md"
    text = path.read_text()
    line = next(line for line in text.splitlines() if line.startswith("| `bba`"))
    first, second = re.findall(r"\d\.\d{3}", line)[:2]
    swapped = line.replace(first, "X").replace(second, first).replace("X", second)
    path.write_text(text.replace(line, swapped))
    assert check_figures.main(["--root", str(copy)]) == 1
    assert first in capsys.readouterr().out


def test_a_row_that_was_measured_again_is_caught(copy, capsys):
    path = copy / "results" / "abr.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["value"] += 0.001
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert check_figures.main(["--root", str(copy)]) == 1
    assert rows[0]["subject"] in capsys.readouterr().out


def test_a_figure_that_no_row_reads_cannot_be_named(copy, capsys):
    path = copy / "README.md"
    path.write_text(path.read_text().replace("<!-- results -->", "<!-- results -->\nQoE 123.4567\n", 1))
    assert check_figures.main(["--root", str(copy)]) == 1
    assert check_figures.main(["--root", str(copy), "--write"]) == 1
    assert "no row reads 123.4567" in capsys.readouterr().out


def test_naming_again_gives_the_same_rows(copy):
    assert check_figures.main(["--root", str(copy), "--write"]) == 0
    assert (copy / check_figures.INDEX).read_text() == (ROOT / check_figures.INDEX).read_text()
