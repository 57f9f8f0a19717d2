"""The demonstration of cluster job scheduling on generated jobs: rules, compared where work piles up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib

from netwright.core import registry
from netwright.core.palette import RC, method_styles
from netwright.core.results import Evaluation
from netwright.core.task import load_attribute
from netwright.experiments.demo import PartResult
from netwright.report.figures import Panel
from netwright.tasks.cjs.figures import draw_active, timelines

POLICIES = ("fifo-half", "fair", "fair-plus-c", "es-rule")
SETTINGS = ("default", "unseen1")
SHOWN = ("es-rule", "fair", "fifo-half")

Progress = Callable[[str], None]


def run(out: Path, *, short: bool, progress: Progress) -> PartResult:
    """Test rules on 200 generated jobs, on 50 and on 30 executors, and report them.

    Most of its time is compilation, of one function for all rules, which is kept on disk.

    Args:
        out: folder of the report.
        short: only on 30 executors.
        progress: called with one line from time to time.

    Returns:
        Mean completion times on 30 executors, and how many jobs were in the system.
    """
    from netwright.report import write_report

    task = registry.task("cjs")
    data = load_attribute(task.load_data)(None, seed=0)
    evaluate = load_attribute(task.evaluate)
    evaluations: list[Evaluation] = []
    settings = [task.setting(name) for name in (SETTINGS[-1:] if short else SETTINGS)]
    progress(f"{len(POLICIES)} schedulers run {settings[0].config.n_jobs} jobs in each of three sequences")
    for name in POLICIES:
        policy = load_attribute(task.policy(name).factory)()
        found = [evaluate(policy, setting, data, name=name) for setting in settings]
        progress(f"{name}: " + ", ".join(f"{e.setting} {e.mean:.1f} s" for e in found))
        evaluations += found
    command = "netwright demo" + (" --short" if short else "")
    write_report(task, evaluations, out, notes={"Command": command})
    overloaded = [e for e in evaluations if e.setting == SETTINGS[-1]]
    return PartResult(_said(overloaded), _panel(overloaded))


def _said(evaluations: Sequence[Evaluation]) -> str:
    """Mean completion times of the drawn policies."""
    mean = {e.policy: f"{e.mean:.0f} s" for e in evaluations}
    rule, *others = SHOWN
    n_executors = evaluations[0].config["n_executors"]
    return (
        f"On {n_executors} executors, which are too few for the work that arrives, a job takes {mean[rule]} on average "
        f"under {rule}, an evolved rule of eleven numbers; "
        f"{' and '.join(f'{mean[other]} under {other}' for other in others)}."
    )


def _panel(evaluations: Sequence[Evaluation]) -> Panel:
    """Jobs in the system over time."""
    known = timelines(evaluations)
    shown = {name: known[name] for name in SHOWN}
    with matplotlib.rc_context(RC):
        figure = draw_active(shown, method_styles(e.policy for e in evaluations))
    most = ", ".join(f"{name} {timeline.n_active()[1].max():.0f}" for name, timeline in shown.items())
    return Panel(
        "jobs",
        f"number of jobs in the system over time under three schedulers; at most: {most}",
        figure,
        "Jobs in the system under three schedulers, the same jobs for all; the line marks the last arrival.",
    )
