"""`netwright test` and `compare`: the commands that measure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netwright.cli import options
from netwright.cli.output import interruptible, print_json, print_line, print_table, progress

if TYPE_CHECKING:
    from netwright.cli.inputs import Subject
    from netwright.core.results import Evaluation
    from netwright.core.task import Setting, Task


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(test)
    app.command()(compare)


def test(
    task: options.TaskName,
    policy: Annotated[str | None, typer.Option(metavar="NAME[:RECIPE]", help="A baseline.")] = None,
    adapted: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder that `adapt` or `train` wrote.")
    ] = None,
    setting: options.Setting = "default",
    replacements: options.Replacements = None,
    guard: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A baseline that decides where the adapted model is late, or far from what it learned from.",
        ),
    ] = None,
    deadline_ms: Annotated[
        float | None, typer.Option(min=0.0, help="With --guard: an answer that takes longer is late.")
    ] = None,
    backbone: options.OwnBackbone = None,
    seed: options.Seed = 0,
    data: options.Data = None,
    as_json: options.AsJson = False,
) -> None:
    """Test one policy or adapted model in one setting."""
    from netwright.cli.fields import customised
    from netwright.cli.inputs import baseline, check_names, evaluate, guarded, load_data, saved, summary
    from netwright.core import registry
    from netwright.core.errors import ConfigError

    if (policy is None) == (adapted is None):
        raise ConfigError("test needs either --policy NAME or --adapted DIR; give exactly one.")
    chosen = registry.task(task)
    place = customised(chosen.setting(setting), replacements or [])
    check_names(chosen, [name for name in (policy, guard) if name])
    if (guard is not None and adapted is None) or (deadline_ms is not None and guard is None):
        raise ConfigError(
            "--guard NAME watches over --adapted DIR, and --deadline-ms over the guard; give both."
        )
    with interruptible("repeat the command to start again."):
        loaded = load_data(chosen, data, seed)
        subject = (
            saved(chosen, adapted, backbone) if adapted else baseline(chosen, policy or "", loaded, seed)
        )
        if guard is not None:
            subject = guarded(subject, baseline(chosen, guard, loaded, seed), deadline_ms)
        evaluation = evaluate(chosen, subject, place, loaded)
    if as_json:
        print_json(evaluation.to_json())
        return
    print_table(summary([evaluation]), ["figure", "value"], _figures(evaluation))


def compare(
    context: typer.Context,
    task: options.TaskName,
    out: options.OutFolder = Path("netwright-report"),
    settings: Annotated[
        list[str] | None, typer.Option("--setting", metavar="NAME", help="Repeat for more; all by default.")
    ] = None,
    policies: Annotated[
        list[str] | None,
        typer.Option("--policy", metavar="NAME[:RECIPE]", help="A baseline; repeat for more."),
    ] = None,
    adapted: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]DIR",
            help="A folder that `adapt` or `train` wrote, with a name of your own; repeat for more.",
        ),
    ] = None,
    replacements: options.Replacements = None,
    backbone: options.OwnBackbone = None,
    seed: options.Seed = 0,
    data: options.Data = None,
    as_json: options.AsJson = False,
) -> None:
    """Test several over the same episodes and write a report; the task's reference policy comes along."""
    from netwright.cli.fields import customised
    from netwright.cli.inputs import (
        baseline,
        check_names,
        load_data,
        output_folder,
        provenance,
        saved,
        told_apart,
    )
    from netwright.core import registry
    from netwright.core.task import load_attribute

    chosen = registry.task(task)
    places = [
        customised(chosen.setting(name), replacements or [])
        for name in dict.fromkeys(settings or chosen.settings)
    ]
    names = list(dict.fromkeys([*_reference(chosen), *(policies or [])]))
    check_names(chosen, names)
    folder = output_folder(out, "report.json")
    with interruptible("no report was written; repeat the command to start again."):
        loaded = load_data(chosen, data, seed)
        subjects = [saved(chosen, place, backbone) for place in adapted or []]
        subjects = told_apart(subjects)
        subjects += [baseline(chosen, name, loaded, seed) for name in names]
        evaluations = _evaluate_all(chosen, subjects, places, loaded)
        write_report = load_attribute("netwright.report:write_report")
        report = write_report(chosen, evaluations, folder, notes={"Command": context.obj})
    comparisons = load_attribute("netwright.evaluation.comparison:compare")(chosen, evaluations)
    found = [comparison.to_json() for comparison in comparisons]
    if as_json:
        print_json(
            {
                "task": chosen.name,
                "report": str(report),
                **provenance(loaded),
                "evaluations": [evaluation.to_json() for evaluation in evaluations],
                "comparison": found,
            }
        )
        return
    _print_comparison(chosen, evaluations, found)
    print_line(f"report: {report}")


def _reference(task: Task) -> list[str]:
    return [task.reference_policy] if task.reference_policy else []


def _evaluate_all(task: Task, subjects: list[Subject], places: list[Setting], data: Any) -> list[Evaluation]:
    from netwright.cli.inputs import evaluate

    evaluations = []
    for place in places:
        for subject in subjects:
            found = evaluate(task, subject, place, data)
            progress(f"{place.name}: {subject.name} {found.mean:.3f} {task.unit} ({found.seconds:.1f} s)")
            evaluations.append(found)
    return evaluations


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


def _print_comparison(task: Task, evaluations: list[Evaluation], found: list[dict[str, Any]]) -> None:
    from netwright.cli.inputs import summary

    rows = []
    for comparison in found:
        for method in comparison["methods"]:
            ratio, contrast = method["ratio"], method["to_reference"]
            difference = contrast["difference"] if contrast else None
            rows.append(
                [
                    comparison["setting"],
                    method["policy"],
                    f"{method['mean']['value']:.3f}",
                    "" if ratio is None else f"{ratio:.3f}",
                    ""
                    if difference is None
                    else "{value:+.3f} [{low:+.3f}, {high:+.3f}]".format(**difference),
                ]
            )
    against = f"minus {task.reference_policy} [95 %]"
    print_table(summary(evaluations), ["setting", "policy", task.metric, "ratio", against], rows)
