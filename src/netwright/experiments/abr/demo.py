"""The demonstration of adaptive bitrate on generated traces: collect experience, adapt, test, compare."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib

from netwright.core import registry
from netwright.core.palette import RC, method_styles
from netwright.core.results import Evaluation
from netwright.core.task import load_attribute
from netwright.experiments.demo import PartResult
from netwright.report.figures import Panel
from netwright.tasks.abr.figures import draw_playbacks, playbacks

TEACHER = "ppo"
BASELINES = ("bba", "mpc", TEACHER)
PLAYERS = (TEACHER, f"{TEACHER}-sampled", "mpc", "bba")
RECIPE = "distill"
SETTINGS = ("default", "unseen1", "unseen2", "unseen3")
SHOWN = ("adapted:tiny", "mpc", "bba")
BACKBONES, SESSIONS, ITERATIONS = ("tiny", "none"), 300, 240
SHORT_SESSIONS, SHORT_ITERATIONS = 40, 30
WARM_START = 0.95

Progress = Callable[[str], None]


def run(out: Path, *, short: bool, progress: Progress) -> PartResult:
    """Let four policies play, adapt the shipped backbone and its control to what they did, and report them.

    Args:
        out: folder of the report.
        short: fewer sessions and updates: shows that all works, not how well.
        progress: called with one line from time to time.

    Returns:
        Shares of the offline optimum, and sessions of three players over one trace.
    """
    from netwright.adaptation.api import adapt
    from netwright.adaptation.offline.collect import Plan, rl_collect
    from netwright.report import write_report

    task = registry.task("abr")
    data = load_attribute(task.load_data)(None, seed=0)
    evaluate = load_attribute(task.evaluate)
    settings = [task.setting(name) for name in SETTINGS]
    evaluations: list[Evaluation] = []
    for name in BASELINES:
        policy = load_attribute(task.policy(name).factory)()
        evaluations += [evaluate(policy, setting, data, name=name) for setting in settings]
    sessions, iterations = (SHORT_SESSIONS, SHORT_ITERATIONS) if short else (SESSIONS, ITERATIONS)
    with tempfile.TemporaryDirectory(prefix="netwright-demo-") as scratch:
        experience = Path(scratch) / "experience"
        progress(f"{len(PLAYERS)} policies play {sessions} sessions each")
        plan = Plan(PLAYERS, "training", sessions, labels=(TEACHER,))
        rl_collect(task, None, plan, out=experience, progress=progress)
        options = {
            "iterations": iterations,
            "evaluate_every": iterations // 2,
            "warm_start": WARM_START,
            "batch_size": 32,
        }
        for backbone in BACKBONES:
            progress(f"adapting {backbone} ({iterations} updates)")
            adapted = adapt(
                task,
                data,
                out=Path(scratch) / backbone,
                backbone=backbone,
                recipe=RECIPE,
                experience=[experience],
                options=options,
                progress=progress,
            )
            found = [evaluate(adapted.policy, s, data, name=f"adapted:{backbone}") for s in settings]
            evaluations += [replace(e, config={**e.config, "seed": 0}) for e in found]
    command = "netwright demo" + (" --short" if short else "")
    write_report(task, evaluations, out, notes={"Command": command})
    in_default = [e for e in evaluations if e.setting == SETTINGS[0]]
    return PartResult(_said(in_default), _panel(in_default))


def _said(evaluations: Sequence[Evaluation]) -> str:
    """Mean QoE of the drawn players and of the teacher, in percent of the optimum's."""
    share = {e.policy: f"{100.0 * e.detail['share_of_optimum']:.0f} %" for e in evaluations}
    model, *rules = SHOWN
    return (
        f"On traces that it was not trained on, {model} reaches {share[model]} of the QoE that full knowledge of the "
        f"future would give; its teacher {TEACHER} reaches {share[TEACHER]}, "
        f"{' and '.join(f'{rule} {share[rule]}' for rule in rules)}."
    )


def _panel(evaluations: Sequence[Evaluation]) -> Panel:
    """Sessions over the most variable trace."""
    shown = playbacks(evaluations, SHOWN)
    with matplotlib.rc_context(RC):
        figure = draw_playbacks(shown, method_styles(e.policy for e in evaluations))
    stalls = ", ".join(f"{name} {playback.stalled_s:.1f} s" for name, playback in shown.items())
    return Panel(
        "playback",
        f"bitrates, buffers and stalls of three players over one trace; stalled: {stalls}",
        figure,
        "Three players on one generated trace, the most variable one; dark: the video stands still.",
    )
