"""The demonstration: its parts in turn, and the part on network designs in its short form."""

import json

import pytest

from netwright.core.errors import ConfigError
from netwright.core.task import DemoPart
from netwright.experiments import demo
from netwright.experiments.design import demo as design_demo


@pytest.fixture
def parts(monkeypatch):
    """Two parts that write a page each."""

    def play(folder, *, short, progress):
        progress(f"playing {folder.name}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").write_text("<p>done</p>")
        return f"{folder.name} <came> out"

    monkeypatch.setattr(demo, "load_attribute", lambda name: play)
    monkeypatch.setattr(
        demo, "parts", lambda: {"one": DemoPart("First", "x:y"), "two": DemoPart("Second", "x:y")}
    )


def test_the_page_leads_to_every_part(parts, tmp_path):
    lines: list[str] = []
    page = demo.run(tmp_path / "out", short=True, progress=lines.append).read_text()
    assert 'href="one/index.html">First' in page
    assert "two &lt;came&gt; out" in page
    assert "netwright demo --short" in page
    assert lines == ["part 1 of 2: First", "playing one", "part 2 of 2: Second", "playing two"]
    kept = json.loads((tmp_path / "out" / "demo.json").read_text())
    assert [part["folder"] for part in kept["parts"]] == ["one", "two"]
    demo.run(tmp_path / "out", short=True, progress=lines.append)  # again, in place


def test_another_folder_is_not_written_into(parts, tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ConfigError, match="holds something that is not this demonstration"):
        demo.run(tmp_path, short=True, progress=print)
    with pytest.raises(ConfigError, match="is a file"):
        demo.run(tmp_path / "thesis.tex", short=True, progress=print)


def test_the_part_on_designs(tmp_path, monkeypatch):
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(design_demo, "SHORT_RUNS", 6)
    monkeypatch.setattr(design_demo, "LEARNERS", ("no-prune", "bayes:tick"))
    said = design_demo.run(tmp_path / "out", short=True, progress=lambda line: None)
    page = (tmp_path / "out" / "index.html").read_text()
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    assert found["verdict"] == said
    assert [len(problem["curves"]) for problem in found["problems"]] == [2, 2]
    for problem in found["problems"]:
        for curve in problem["curves"]:
            assert len(curve["median"]) == design_demo.SHORT_QUERIES
            assert f"{100 * curve['median'][4]:.1f} %" in page
    assert len(found["dialogue"]["steps"]) == design_demo.STORY_QUERIES
    assert 0.0 < found["dialogue"]["quality"] <= 1.0
    assert found["dialogue"]["recommended"] in page
    assert page.count("<svg") == 2
    assert (tmp_path / "out" / "figures" / "quality-mcf.png").stat().st_size > 1_000
    with pytest.raises(ConfigError, match="not a report"):
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "x").write_text("x")
        design_demo.run(tmp_path / "other", short=True, progress=print)
