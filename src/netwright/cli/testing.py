"""`netwright test` and `compare`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netwright.cli import options
from netwright.cli.groups import group, grouped
from netwright.cli.output import interruptible, print_json, print_line, print_table, progress

if TYPE_CHECKING:
    from netwright.core.results import Evaluation
    from netwright.evaluation.api import Comparison
    from netwright.evaluation.comparison import MethodResult


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(grouped(test))
    app.command()(grouped(compare))


@group
class Subject:
    """The policy or model to test."""

    policy: Annotated[str | None, typer.Option(metavar="NAME[:RECIPE]", help="A baseline.")] = None
    adapted: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder written by `adapt` or `train`.")
    ] = None
    backbone: options.OwnBackbone = None


@group
class Guard:
    """The baseline that takes over from an adapted model."""

    guard: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A baseline that decides instead when the adapted model is late or out of its training "
            "distribution.",
        ),
    ] = None
    deadline_ms: Annotated[
        float | None, typer.Option(help="With --guard: decision time after which the model is late.")
    ] = None


def test(
    task: options.TaskName,
    which: Subject,
    rule: Guard,
    inputs: options.Inputs,
    setting: options.Setting = "default",
    replacements: options.Replacements = None,
    as_json: options.AsJson = False,
) -> None:
    """Test one policy or adapted model in one setting."""
    from netwright.cli.fields import customized
    from netwright.core import registry
    from netwright.evaluation import subjects

    chosen = registry.task(task)
    place = customized(chosen.setting(setting), replacements or [])
    subjects.check_names(chosen, [name for name in (which.policy, rule.guard) if name])
    _check_given(which, rule)
    if rule.guard is not None:
        subjects.check_guard(chosen, rule.guard, rule.deadline_ms)
    with interruptible("repeat the command to start again."):
        loaded = subjects.loaded_data(chosen, inputs.data, inputs.seed, progress)
        subject = (
            subjects.saved(chosen, which.adapted, which.backbone)
            if which.adapted
            else subjects.baseline(chosen, which.policy or "", loaded, inputs.seed, progress)
        )
        if rule.guard is not None:
            fallback = subjects.baseline(chosen, rule.guard, loaded, inputs.seed, progress)
            subject = subjects.guarded(subject, fallback, rule.deadline_ms)
        evaluation = subjects.evaluate(chosen, subject, place, loaded)
    if as_json:
        print_json(evaluation.to_json())
        return
    print_table(subjects.summary([evaluation]), ["figure", "value"], _figures(evaluation))


def _check_given(which: Subject, rule: Guard) -> None:
    """Refuse contradictory options."""
    from netwright.core.errors import ConfigError

    if (which.policy is None) == (which.adapted is None):
        raise ConfigError("test needs either --policy NAME or --adapted DIR; give exactly one.")
    if (rule.guard is not None and which.adapted is None) or (
        rule.deadline_ms is not None and rule.guard is None
    ):
        raise ConfigError("--guard NAME needs --adapted DIR, and --deadline-ms needs --guard; give both.")


@group
class Subjects:
    """The policies and models to compare."""

    policies: Annotated[
        list[str] | None,
        typer.Option("--policy", metavar="NAME[:RECIPE]", help="A baseline; may be repeated."),
    ] = None
    adapted: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]DIR",
            help="A folder written by `adapt` or `train`, with an optional name; may be repeated.",
        ),
    ] = None
    backbone: options.OwnBackbone = None


def compare(
    context: typer.Context,
    task: options.TaskName,
    which: Subjects,
    inputs: options.Inputs,
    out: options.OutFolder = Path("netwright-report"),
    settings: Annotated[
        list[str] | None,
        typer.Option("--setting", metavar="NAME", help="A setting; may be repeated; all by default."),
    ] = None,
    replacements: options.Replacements = None,
    as_json: options.AsJson = False,
) -> None:
    """Test several policies over the same episodes and write a report; includes the task's reference policy."""
    from netwright.cli.fields import customized
    from netwright.cli.inputs import output_folder
    from netwright.core import registry
    from netwright.evaluation import api
    from netwright.evaluation.playing import kept_beside

    chosen = registry.task(task)
    names = dict.fromkeys(settings or chosen.settings)
    places = [customized(chosen.setting(name), replacements or []) for name in names]
    folder = output_folder(out, "report.json")
    again = (
        f"no report was written; {out}.partial holds finished evaluations, repeat the command to continue."
    )
    with interruptible(again), kept_beside(folder) as partial:
        found = api.compare(
            chosen,
            settings=places,
            policies=which.policies or (),
            adapted=which.adapted or (),
            data=inputs.data,
            seed=inputs.seed,
            backbone=which.backbone,
            partial=partial,
            progress=progress,
        )
        report = _write_report(found, folder, context.obj)
        shutil.rmtree(partial, ignore_errors=True)
    if as_json:
        print_json({"report": str(report), **found.to_json()})
        return
    _print_comparison(found)
    print_line(f"report: {report}")


def _write_report(found: Comparison, folder: Path, command: str) -> Path:
    from netwright.report import write_report

    return write_report(
        found.task,
        found.evaluations,
        folder,
        notes={"Command": command},
        not_applicable=found.not_applicable,
    )


def _figures(evaluation: Evaluation) -> list[list[str]]:
    facts = {
        "policy": evaluation.policy,
        "setting": evaluation.setting,
        f"{evaluation.metric} ({evaluation.unit})": evaluation.mean,
        **{name: value for name, value in evaluation.detail.items() if isinstance(value, int | float)},
        "episodes": len(evaluation.episodes),
        "seconds": evaluation.seconds,
    }
    return [
        [name, f"{value:.4g}" if isinstance(value, float) else str(value)] for name, value in facts.items()
    ]


def _print_comparison(found: Comparison) -> None:
    from netwright.evaluation.subjects import summary

    rows = [_row(setting.setting, method) for setting in found.settings for method in setting.methods]
    rows += [[one.setting, one.policy, "not applicable", "", one.reason] for one in found.not_applicable]
    against = f"minus {found.task.reference_policy} [95 %]"
    print_table(summary(found.evaluations), ["setting", "policy", found.task.metric, "ratio", against], rows)


def _row(setting: str, method: MethodResult) -> list[str]:
    gap = method.to_reference.difference if method.to_reference else None
    return [
        setting,
        method.policy,
        f"{method.mean.value:.3f}",
        "" if method.ratio is None else f"{method.ratio:.3f}",
        "" if gap is None else f"{gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]",
    ]
