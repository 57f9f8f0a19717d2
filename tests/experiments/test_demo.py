"""The demonstration: its parts in turn, a picture of each on its page, and next commands that work as printed."""

import io
import json
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import matplotlib
import networkx as nx
import numpy as np
import pytest
from matplotlib.figure import Figure

from netwright.cli.main import main
from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.palette import RC
from netwright.core.task import DemoPart
from netwright.experiments import demo
from netwright.experiments.design import demo as design_demo
from netwright.report.figures import Panel
from tests.report.test_page import Page

RATES_KBPS = (300, 750, 1200, 1850, 2850, 4300)


def part(title):
    return DemoPart(
        title=title, run="x:y", use=f"Use of {title}.", command=f"netwright use --{title} my-<file>"
    )


@pytest.fixture
def parts(monkeypatch):
    """Two parts that write a page each; their pictures have the same name."""

    def play(folder, *, short, progress):
        progress(f"playing {folder.name}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").write_text("<p>done</p>")
        with matplotlib.rc_context(RC):
            figure = Figure()
            figure.subplots().plot([1, 2], label=folder.name)
        return demo.PartResult(
            f"{folder.name} <came> out", Panel("line", f"a line: {folder.name}", figure, "below")
        )

    monkeypatch.setattr(demo, "load_attribute", lambda name: play)
    monkeypatch.setattr(demo, "parts", lambda: {"one": part("First"), "two": part("Second")})


def test_the_page_leads_to_every_part(parts, tmp_path):
    lines: list[str] = []
    page = demo.run(tmp_path / "out", short=True, progress=lines.append).read_text()
    assert 'href="one/index.html">First' in page
    assert "two &lt;came&gt; out" in page
    assert "netwright demo --short" in page
    assert lines == ["part 1 of 2: First", "playing one", "part 2 of 2: Second", "playing two"]
    kept = json.loads((tmp_path / "out" / "demo.json").read_text())
    assert [part["folder"] for part in kept["parts"]] == ["one", "two"]
    assert kept["parts"][1]["command"] == "netwright use --Second my-<file>"
    demo.run(tmp_path / "out", short=True, progress=lines.append)  # again, in place


def test_the_page_shows_a_figure_a_use_and_a_command_of_every_part(parts, tmp_path):
    out = demo.run(tmp_path / "out", short=False, progress=print)
    page = Page(out.read_text())
    assert page.open == []
    assert page.tags.count("svg") == page.tags.count("pre") == 2
    assert [label for label in page.labels if label.startswith("a line")] == ["a line: one", "a line: two"]
    assert (
        "Use of First. one <came> out Next, on data of your own netwright use --First my-<file>" in page.text
    )
    assert page.text.index("First") < page.text.index("Second")
    assert len(page.ids) == len(set(page.ids))
    assert set(page.inner_references) <= set(page.ids)


def test_the_page_needs_no_network(parts, tmp_path):
    out = demo.run(tmp_path / "out", short=False, progress=print)
    page = Page(out.read_text())
    assert page.loads == ["data:,"]
    assert not {"script", "iframe", "object", "img"} & set(page.tags)
    assert all((out.parent / link).is_file() for link in page.links)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the browser chromium on the PATH")
def test_a_browser_draws_the_page_on_a_narrow_window_without_scrolling_sideways(parts, tmp_path):
    out = demo.run(tmp_path / "out", short=False, progress=print)
    probe = out.with_name("probe.html")
    measure = "const e = document.documentElement; document.title = e.scrollWidth > e.clientWidth"
    probe.write_text(out.read_text().replace("</body>", f"<script>{measure}</script></body>"))
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--window-size=500,900", "--dump-dom", probe.as_uri()]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert Page(run.stdout).tags.count("svg") == 2
    assert "<title>false</title>" in run.stdout


def test_the_strongest_part_comes_first_and_every_part_says_what_it_is_for():
    found = demo.parts()
    assert list(found)[:3] == ["design", "abr", "vp"]
    for one in found.values():
        assert one.use.endswith(".")
        assert one.command.startswith("netwright ")


def test_a_task_from_elsewhere_brings_its_part(monkeypatch):
    """Whatever the registry finds: a part of its own, at the place that it asks for; a task may have none."""
    task = replace(registry.task("vp"), name="bandwidth", demo=replace(part("Bandwidth"), order=15))
    tasks = {"bandwidth": task, "silent": replace(task, name="silent", demo=None)}
    known = registry.task
    monkeypatch.setattr(registry, "task", lambda name: tasks.get(name) or known(name))
    monkeypatch.setattr(registry, "task_names", lambda: ("abr", "bandwidth", "silent", "vp"))
    assert list(demo.parts()) == ["design", "bandwidth", "abr", "vp"]


def my_network():
    """`my-network.graphml` and `my-demands.csv`: a ring with a chord, in Gbit/s."""
    graph = nx.cycle_graph(["Lyon", "Paris", "Rome", "Wien"])
    graph.add_edge("Lyon", "Rome")
    for i, (a, b) in enumerate(graph.edges):
        graph.edges[a, b].update(capacity=10.0, latency_ms=2.0 + i)
    nx.write_graphml(graph, "my-network.graphml")
    Path("my-demands.csv").write_text(
        "source,target,demand\nLyon,Paris,9\nLyon,Rome,8\nParis,Wien,7\nWien,Lyon,6\n"
    )


def my_streams():
    """`my-data/abr`: two traces and a video."""
    rng = np.random.default_rng(0)
    traces, video = Path("my-data/abr/traces/my-traces"), Path("my-data/abr/videos/my-video")
    for folder in (traces, video):
        folder.mkdir(parents=True)
    for name in ("train", "tram"):
        rows = np.column_stack([np.arange(0, 400, 5), rng.uniform(0.5, 4.0, 80)])
        np.savetxt(traces / f"{name}.txt", rows)
    for rung, rate in enumerate(RATES_KBPS):
        np.savetxt(video / f"video_size_{rung}", np.full(49, rate * 4_000 // 8), fmt="%d")


def my_viewers():
    """`my-data/vp`: six viewers of three videos, without roll."""
    time_s = np.arange(200) / 5.0
    parts = {"train": [1], "valid": [2], "test": [3]}
    Path("my-data/vp").mkdir(parents=True)
    split = {"videos": parts, "users": {name: [2 * ids[0] - 1, 2 * ids[0]] for name, ids in parts.items()}}
    Path("my-data/vp/split.json").write_text(json.dumps({"Jin2022": split}))
    for video in (1, 2, 3):
        folder = Path(f"my-data/vp/Jin2022/video{video}/5Hz")
        folder.mkdir(parents=True)
        for user in range(1, 7):
            turns = 60.0 * np.sin(time_s / (2.0 + user))
            rows = np.column_stack([time_s, 0.0 * turns, turns / 5.0, turns])
            np.savetxt(folder / f"simple_5Hz_user{user}.csv", rows, delimiter=",")


def my_history():
    """`my-data/cjs`: an event log of Spark."""
    place = Path("my-data/cjs/jobs")
    place.mkdir(parents=True)
    (place / "my-event-log").write_bytes(EVENT_LOG.read_bytes())


EVENT_LOG = Path(__file__).parent.parent / "cjs" / "event_log.jsonl.gz"
OWN_DATA = {"design": my_network, "abr": my_streams, "vp": my_viewers, "cjs": my_history}
SMALLER = {"design": "--objectives 40", "vp": "--iterations 2 --batch-size 8"}


@pytest.mark.parametrize("name", OWN_DATA)
def test_the_next_command_works_on_data_of_the_users_own(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO("a\ns\n"))
    OWN_DATA[name]()
    words = shlex.split(f"{demo.parts()[name].command} {SMALLER.get(name, '')}")
    code = main(words[1:])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert "synthetic" not in printed.out.replace("synthetic: False", "")
    assert list(Path(words[words.index("--out") + 1]).iterdir())


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
    came = design_demo.run(tmp_path / "out", short=True, progress=lambda line: None)
    page = (tmp_path / "out" / "index.html").read_text()
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "MCF on Abilene, median quality after 5 questions" in found["verdict"]
    best, random = (100 * found["problems"][0]["curves"][i]["median"][4] for i in (1, 0))
    assert (
        f"{best:.1f} % of all designs are no better than the one recommended after 5 questions" in came.said
    )
    assert f"(no-prune), {random:.1f} %." in came.said
    maps = [axes for axes in came.panel.figure.axes if axes.get_title(loc="left").startswith("Operator ")]
    assert len(maps) == 2
    assert maps[0].get_title(loc="left") != maps[1].get_title(loc="left")
    assert [len(problem["curves"]) for problem in found["problems"]] == [2, 2]
    for problem in found["problems"]:
        for curve in problem["curves"]:
            assert len(curve["median"]) == design_demo.SHORT_QUERIES
            assert f"{100 * curve['median'][4]:.1f} %" in page
    assert len(found["dialogue"]["steps"]) == design_demo.STORY_QUERIES
    assert 0.0 < found["dialogue"]["quality"] <= 1.0
    assert found["dialogue"]["recommended"] in page
    assert page.count("<svg") == 3
    assert (tmp_path / "out" / "figures" / "quality-mcf.png").stat().st_size > 1_000
    with pytest.raises(ConfigError, match="not a report"):
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "x").write_text("x")
        design_demo.run(tmp_path / "other", short=True, progress=print)
