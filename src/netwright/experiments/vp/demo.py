"""The demonstration of viewport prediction, from nothing to a report in a few minutes: adapt, test, compare."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from netwright.core import registry
from netwright.core.results import Evaluation
from netwright.core.task import load_attribute
from netwright.evaluation.baselines import train_policy
from netwright.experiments.demo import sentence_of

BASELINES = ("last-value", "velocity", "linear-regression")
LEARNED = "mlp:crowd"
RECIPE = "crowd"
BACKBONES, ITERATIONS = ("tiny", "random:tiny", "none"), 600
SHORT_BACKBONES, SHORT_ITERATIONS = ("tiny", "none"), 60

Progress = Callable[[str], None]


def run(out: Path, *, short: bool, progress: Progress) -> str:
    """Adapt the shipped backbone and its controls to generated head motion, and report them beside baselines.

    Args:
        out: folder of the report.
        short: fewer updates and no random backbone: shows that all works, not how well.
        progress: called with one line from time to time.

    Returns:
        The report's verdict.
    """
    from netwright.adaptation.api import adapt, load
    from netwright.report import write_report

    task = registry.task("vp")
    data = load_attribute(task.load_data)(None, seed=0)
    evaluate = load_attribute(task.evaluate)
    evaluations: list[Evaluation] = []
    for name in BASELINES:
        policy = load_attribute(task.policy(name).factory)()
        evaluations += [evaluate(policy, s, data, name=name) for s in task.settings.values()]
    with tempfile.TemporaryDirectory(prefix="netwright-demo-") as scratch:
        models = {}
        if not short:
            progress(f"training the baseline {LEARNED}")
            train_policy(task, LEARNED, data, out=Path(scratch) / "mlp", seed=0, progress=progress)
            models[LEARNED] = load(Path(scratch) / "mlp", task).policy
        iterations = SHORT_ITERATIONS if short else ITERATIONS
        for backbone in SHORT_BACKBONES if short else BACKBONES:
            progress(f"adapting {backbone} ({iterations} updates)")
            options = {"iterations": iterations, "evaluate_every": iterations // 2, "batch_size": 128}
            folder = Path(scratch) / backbone.replace(":", "-")
            adapted = adapt(
                task, data, out=folder, backbone=backbone, recipe=RECIPE, options=options, progress=progress
            )
            models[f"adapted:{backbone}"] = adapted.policy
        for name, policy in models.items():
            found = [evaluate(policy, s, data, name=name) for s in task.settings.values()]
            evaluations += [replace(e, config={**e.config, "seed": 0}) for e in found]
    command = "netwright demo" + (" --short" if short else "")
    return sentence_of(write_report(task, evaluations, out, notes={"Command": command}))
