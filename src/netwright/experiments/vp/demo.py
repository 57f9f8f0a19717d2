"""The demonstration of viewport prediction, from nothing to a report in a few minutes: adapt, test, compare."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import matplotlib

from netwright.core import registry
from netwright.core.palette import RC
from netwright.core.results import Evaluation
from netwright.core.task import load_attribute
from netwright.evaluation.baselines import train_policy
from netwright.execution import executor
from netwright.experiments.demo import PartResult
from netwright.report.figures import Panel
from netwright.tasks.vp.figures import draw_after_turn

BASELINES = ("last-value", "velocity", "linear-regression")
LEARNED = "mlp:crowd"
RECIPE = "crowd"
BACKBONES, ITERATIONS = ("tiny", "random:tiny", "none"), 600
SHORT_BACKBONES, SHORT_ITERATIONS = ("tiny", "none"), 60

SHOWN = ("adapted:tiny", "velocity", "last-value")

Progress = Callable[[str], None]


def run(out: Path, *, short: bool, progress: Progress) -> PartResult:
    """Adapt the shipped backbone and its controls to generated head motion, and report them beside baselines.

    Two models are trained at a time, each in a process with one thread: the small matrices of one leave a second core
    idle. The one that takes longest starts first.

    Args:
        out: folder of the report.
        short: fewer updates and no random backbone: shows that all works, not how well.
        progress: called with one line from time to time.

    Returns:
        Mean errors, and what was predicted in one window.
    """
    from netwright.report import write_report

    task = registry.task("vp")
    data = load_attribute(task.load_data)(None, seed=0)
    evaluate = load_attribute(task.evaluate)
    evaluations: list[Evaluation] = []
    for name in BASELINES:
        policy = load_attribute(task.policy(name).factory)()
        evaluations += [evaluate(policy, s, data, name=name) for s in task.settings.values()]
    backbones, iterations = (SHORT_BACKBONES, SHORT_ITERATIONS) if short else (BACKBONES, ITERATIONS)
    names = [*(() if short else (LEARNED,)), *(f"adapted:{backbone}" for backbone in backbones)]
    progress(f"training {', '.join(names)}, two at a time ({iterations} updates of an adapted model)")
    with tempfile.TemporaryDirectory(prefix="netwright-demo-") as scratch:
        work = partial(_trained_and_tested, iterations=iterations, scratch=Path(scratch))
        for found in executor("processes", 2).map(work, names):
            evaluations += found
    command = "netwright demo" + (" --short" if short else "")
    write_report(task, evaluations, out, notes={"Command": command})
    in_default = [e for e in evaluations if e.setting == "default"]
    return PartResult(_said(in_default), _panel(in_default))


def _trained_and_tested(name: str, *, iterations: int, scratch: Path) -> list[Evaluation]:
    """Train one model and test it in all settings; runs in a worker process."""
    import torch

    from netwright.adaptation.api import adapt, load

    def progress(line: str) -> None:
        print(f"{name}: {line}", file=sys.stderr, flush=True)

    torch.set_num_threads(1)
    task = registry.task("vp")
    data = load_attribute(task.load_data)(None, seed=0)
    out = scratch / name.replace(":", "-")
    if name == LEARNED:
        train_policy(task, LEARNED, data, out=out, seed=0, progress=progress)
    else:
        options = {"iterations": iterations, "evaluate_every": iterations // 2, "batch_size": 128}
        backbone = name.removeprefix("adapted:")
        adapt(task, data, out=out, backbone=backbone, recipe=RECIPE, options=options, progress=progress)
    policy, evaluate = load(out, task).policy, load_attribute(task.evaluate)
    found = [evaluate(policy, setting, data, name=name) for setting in task.settings.values()]
    return [replace(evaluation, config={**evaluation.config, "seed": 0}) for evaluation in found]


def _said(evaluations: Sequence[Evaluation]) -> str:
    """Mean errors of the adapted model, of its control and of the best and the simplest baseline."""
    error = {e.policy: e.mean for e in evaluations}
    best = min((name for name in error if not name.startswith("adapted:")), key=error.__getitem__)
    names = dict.fromkeys(("adapted:none", best, BASELINES[0]))
    others = ", ".join(f"{name} by {error[name]:.1f}" for name in names)
    adapted = f"adapted:tiny errs by {error['adapted:tiny']:.1f} degrees on average"
    return f"For viewers that it has not seen, {adapted}; {others}."


def _panel(evaluations: Sequence[Evaluation]) -> Panel:
    """What is predicted after the longest turn of the head."""
    with matplotlib.rc_context(RC):
        caption, figure = draw_after_turn(evaluations, SHOWN)
    return Panel(
        "trajectory", f"yaw and pitch over time, seen, predicted and real; {caption}", figure, caption
    )
