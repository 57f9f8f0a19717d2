"""The demonstration of comparative synthesis: simulated operators on Abilene, and one dialogue in full."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from netwright.core.errors import ConfigError
from netwright.core.files import replacing, write_json
from netwright.core.palette import FAINT, RC
from netwright.core.results import versions
from netwright.core.seeding import generator
from netwright.experiments.demo import PartResult
from netwright.experiments.design.figures import STYLES
from netwright.report import render
from netwright.report.figures import Panel
from netwright.report.page import drawing, render_page
from netwright.synthesis.dialogue import Dialogue
from netwright.synthesis.learners import learner_factory
from netwright.synthesis.pool import Pool, quality
from netwright.synthesis.problem import Array, Design
from netwright.synthesis.setup import PoolProblem, Setup
from netwright.synthesis.simulate import simulate
from netwright.synthesis.teachers import Oracle
from netwright.wan.exporting import solved
from netwright.wan.figures import network_maps
from netwright.wan.instance import build
from netwright.wan.pools import Builder, spec_of
from netwright.wan.registry import scenario
from netwright.wan.selection import Source

SCENARIOS, TOPOLOGY = ("mcf", "bw"), "abilene"
LEARNERS = ("no-prune", "voting", "bayes:pair", "bayes:tick")
OBJECTIVES, RUNS, QUERIES = 500, 60, 10
SHORT_OBJECTIVES, SHORT_RUNS, SHORT_QUERIES = 150, 15, 5
STORY_QUERIES = FEW = 5
SEED = 0

Progress = Callable[[str], None]


Story = dict[str, Any]
"""One dialogue in words and numbers, for the report's template."""


@dataclass(frozen=True)
class Curve:
    """Quality of one learner's design after each question, over the operators."""

    learner: str
    median: list[float]
    p10: list[float]
    seconds_per_query: float


@dataclass(frozen=True)
class Problem:
    """A scenario on a topology, and how the learners did on it."""

    title: str
    summary: str
    objectives: int
    designs: int
    runs: int
    curves: tuple[Curve, ...]


def run(out: Path, *, short: bool, progress: Progress) -> PartResult:
    """Let learners question simulated operators, and write a report.

    Args:
        out: folder of the report.
        short: fewer objectives, operators and questions.
        progress: called with one line from time to time.

    Returns:
        Quality after five questions, and the network before and after a dialogue.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / "report.json").exists():
        raise ConfigError(f"{out}: holds something that is not a report; give a new or an empty folder.")
    n_objectives, runs, queries = (
        (SHORT_OBJECTIVES, SHORT_RUNS, SHORT_QUERIES) if short else (OBJECTIVES, RUNS, QUERIES)
    )
    sources = [_source(name, n_objectives + runs, progress) for name in SCENARIOS]
    splits = [source.pool.split(generator(SEED, 0), runs) for source in sources]
    problems = [
        _measured(name, pool, truths, queries, progress)
        for name, (pool, truths) in zip(SCENARIOS, splits, strict=True)
    ]
    pool, truths = splits[0]
    stories = [told(pool, truth) for truth in far_apart(pool, truths)]
    with matplotlib.rc_context(RC):
        maps = maps_of(sources[0], [int(pool.design_ids[story["design"]]) for story in stories])
        _write(out, problems, stories[0], maps, "netwright demo" + (" --short" if short else ""))
    return PartResult(_result(problems[0], min(FEW, queries)), maps)


def _write(out: Path, problems: Sequence[Problem], story: Story, maps: Panel, command: str) -> None:
    """Write the report: page, numbers and figures."""
    queries = len(problems[0].curves[0].median)
    verdict = _verdict(problems, min(FEW, queries))
    panels = [figure_of(problem) for problem in problems]
    drawn = {panel.name: Markup(drawing(panel)) for panel in [*panels, maps]}
    page = render_page(
        "design.html",
        verdict=verdict,
        panels=panels,
        maps=maps,
        drawn=drawn,
        problems=problems,
        questions=[q for q in (1, 3, 5, 10) if q <= queries],
        story=story,
        command=command,
    )
    document = {
        "format_version": 1,
        "verdict": verdict,
        "problems": [asdict(problem) for problem in problems],
        "dialogue": story,
        "versions": versions(),
    }
    with replacing(out) as folder:
        (folder / "figures").mkdir(parents=True)
        (folder / "index.html").write_text(page, encoding="utf-8")
        write_json(folder / "report.json", document)
        for panel in [*panels, maps]:
            (folder / "figures" / f"{panel.name}.png").write_bytes(render.png(panel.figure))


def _source(name: str, n: int, progress: Progress) -> Source:
    progress(f"{name} on {TOPOLOGY}: a pool of {n} objectives with their best designs")
    builder, spec = Builder(progress=progress), spec_of(name, TOPOLOGY, n=n, seed=SEED)
    instance = build(spec.instance)
    return Source(builder.obtain(spec), builder.place(spec, instance), instance)


def far_apart(pool: Pool, truths: Array) -> Array:
    """The two of these objectives (n, k) whose best designs differ most in the first metric; (2, k)."""
    best = pool.scores[pool.values(truths).argmax(axis=1), 0]
    return truths[[int(best.argmin()), int(best.argmax())]]


def maps_of(source: Source, rows: Sequence[int]) -> Panel:
    """The network with the designs that operators got.

    Args:
        rows: of the designs in the pool's file.
    """
    pool, instance = source.pool, source.instance
    designs = {}
    for letter, row in zip("AB", rows, strict=True):
        design = int(np.flatnonzero(pool.design_ids == row)[0])
        title = f"Operator {letter}: {in_words(pool, pool.design(design))}"
        designs[title] = solved(pool, source.path, instance, design).tables
    return Panel(
        "maps",
        "utilization of each link on the map of the network. " + "; ".join(designs),
        network_maps(instance.topology, designs),
        f"{TOPOLOGY.title()}, designed for two simulated operators by their answers to {STORY_QUERIES} questions. The "
        "half of a link at a node shows the traffic that leaves that node.",
    )


def _measured(name: str, pool: Pool, truths: Array, queries: int, progress: Progress) -> Problem:
    values = pool.values(truths)
    curves = []
    for learner in LEARNERS:
        progress(f"{name}: {learner} asks {len(truths)} operators {queries} questions each")
        kind, _, question = learner.partition(":")
        make = learner_factory(kind, pool, question=question or "pair")
        n_learners = 1 if kind == "bayes" else len(truths)
        found = simulate(make, pool, values, n_queries=queries, seed=SEED, n_learners=n_learners)
        median, p10 = (found.percentile(q).tolist() for q in (50, 10))
        curves.append(Curve(learner, median, p10, found.seconds_per_query))
    known = scenario(name)
    title = f"{known.name.upper()} on {TOPOLOGY.title()}: {known.title}"
    return Problem(title, known.summary, len(pool), pool.n_designs, len(truths), tuple(curves))


def told(pool: Pool, truth: Array) -> Story:
    """One dialogue with an operator of that objective (k,), in words and numbers."""
    values = pool.values(truth)[0]
    operator = Oracle(values, pool.counts)
    dialogue = Dialogue(
        PoolProblem(pool), Setup(question="tick", n_queries=STORY_QUERIES, seed=SEED, confirm=False)
    )
    steps = []
    while (query := dialogue.ask()) is not None:
        answer = operator.answer(query)
        shown = [in_words(pool, dialogue.design(d)) for d in query.designs]
        steps.append({"designs": shown, "answer": ", ".join("ABC"[i] for i in answer.best)})
        dialogue.tell(answer)
    result = dialogue.result()
    return {
        "design": result.design,
        "wants": pool.family.describe(truth),
        "steps": steps,
        "recommended": in_words(pool, result.metrics),
        "quality": float(quality(values, pool.counts)[result.design]),
        "learned": "" if result.objective is None else result.objective["text"],
    }


def in_words(pool: Pool, design: Design) -> str:
    """A design's metrics in a line."""
    pairs = zip(pool.group.metrics, design.metrics, strict=True)
    return ", ".join(f"{metric.name} {value:.3g} {metric.unit}" for metric, value in pairs)


def figure_of(problem: Problem) -> Panel:
    """Quality after each question, the 10th percentile thin (after Fig. 6)."""
    figure = Figure(figsize=(5.2, 3.3))
    axes = figure.add_subplot()
    for curve in problem.curves:
        asked, style = np.arange(1, len(curve.median) + 1), STYLES[curve.learner]
        axes.plot(asked, 100.0 * np.array(curve.median), label=curve.learner, **style)
        axes.plot(asked, 100.0 * np.array(curve.p10), **{**style, "linewidth": 0.7, "alpha": 0.6})
    axes.set_title(problem.title)
    axes.set_xlabel("questions answered")
    axes.set_ylabel("quality (%): median, thin 10th percentile")
    axes.set_xticks(range(1, len(problem.curves[0].median) + 1))
    axes.set_ylim(0.0, 101.0)
    axes.grid(axis="y", color=FAINT[0], alpha=0.2)
    axes.legend(loc="lower right")
    name = "quality-" + problem.title.split()[0].lower()
    return Panel(name, f"{problem.title}: {_said(problem, len(problem.curves[0].median))}", figure)


def _said(problem: Problem, query: int) -> str:
    found = [f"{curve.learner} {100.0 * curve.median[query - 1]:.1f} %" for curve in problem.curves]
    return f"median quality after {query} questions: {', '.join(found)}"


def _result(problem: Problem, query: int) -> str:
    """The quality that the best learner and random proposals reach, in a sentence."""
    reached = {curve.learner: 100.0 * curve.median[query - 1] for curve in problem.curves}
    best, baseline = max(reached, key=reached.__getitem__), LEARNERS[0]
    return (
        f"For the median of {problem.runs} simulated operators, {reached[best]:.1f} % of all designs are no better "
        f"than the one recommended after {query} questions ({best}); with random proposals ({baseline}), "
        f"{reached[baseline]:.1f} %."
    )


def _verdict(problems: Sequence[Problem], query: int) -> str:
    return " ".join(f"{problem.title.partition(':')[0]}, {_said(problem, query)}." for problem in problems)
