"""The sentences of a report: what the intervals allow to be said, and nothing more."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from netwright.core.palette import kind
from netwright.core.statistics import Interval
from netwright.core.task import Task
from netwright.experiments.report.comparison import Contrast, MethodResult, Outcome, SettingComparison

_KIND_REMARK = {
    "adapted": "",
    "control": " It is a control arm: the adapted model owes nothing here to what that arm lacks.",
    "baseline": " It is a baseline: no adapted model is better here.",
}


def decimals(scale: float) -> int:
    """Digits behind the point that show about four significant ones of `scale`, three at most."""
    return 3 if scale == 0 else min(3, max(0, 3 - math.floor(math.log10(abs(scale)))))


def number(value: float, digits: int, *, signed: bool = False) -> str:
    """A number with a true minus sign."""
    return f"{value:{'+' if signed else ''}.{digits}f}".replace("-", "\N{MINUS SIGN}")


def bracket(interval: Interval, digits: int) -> str:
    """The interval as "[low, high]"."""
    return f"[{number(interval.low, digits)}, {number(interval.high, digits)}]"


def listed(names: Iterable[str]) -> str:
    """Names as "a, b and c"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def lead(setting: SettingComparison, task: Task) -> str:
    """Who is best in a setting: ahead of whom and by how much, or from whom it cannot be told."""
    best, digits = setting.best, decimals(setting.best.mean.value)
    text = f"best method here is {best.policy} ({number(best.mean.value, digits)} {task.unit})"
    if len(setting.ranked) == 1:
        return f"{text}, the only method tested."
    level = setting.level_with_best
    if level:
        others = f", nor from {listed(m.policy for m in level[1:])}" if level[1:] else ""
        text += f", not distinguishable from {level[0].policy} ({_by(level[0].to_best, digits)}){others}."
    else:
        runner_up = setting.ranked[1]
        text += f", ahead of {runner_up.policy} by {_by(runner_up.to_best, digits)}."
    adapted_were_tested = any(m.kind == "adapted" for m in setting.methods)
    return text + (
        _KIND_REMARK[best.kind] if adapted_were_tested and not _level_with_adapted(setting) else ""
    )


def findings(setting: SettingComparison, task: Task) -> list[str]:
    """Each adapted model against the best baseline, the reference and its control arms, as far as tested."""
    digits = decimals(setting.best.mean.value)
    return [
        _finding(method, contrast, setting, digits)
        for method in setting.of_kind("adapted")
        for contrast in (_unless_same(method), method.to_best_baseline, *method.to_controls)
        if contrast is not None
    ]


def verdict(settings: Sequence[SettingComparison], task: Task) -> str:
    """One paragraph over all settings, in whole sentences."""
    adapted = list(dict.fromkeys(m.policy for s in settings for m in s.of_kind("adapted")))
    sentences = [_winners(settings, task)]
    for policy in adapted:
        rows = [(s, m) for s in settings if (m := s.method(policy)) is not None]
        against: dict[str, list[tuple[str, Outcome]]] = {}
        for setting, method in rows:
            if method.to_best_baseline is not None:
                key = "the best baseline"
                against.setdefault(key, []).append((setting.setting, method.to_best_baseline.outcome))
            for contrast in method.to_controls:
                key = f"its control {contrast.other}"
                against.setdefault(key, []).append((setting.setting, contrast.outcome))
        for other, outcomes in against.items():
            sentences.append(f"{policy} is {_tally(outcomes, other, len(settings))}.")
    if not adapted:
        sentences.append("No adapted model was tested.")
    return " ".join(sentences)


def explain(policy: str) -> str:
    """What a control arm is there for, in one sentence."""
    assert kind(policy) == "control"
    if re.match(r"adapted:none\b", policy):
        return (
            "No backbone: the encoder feeds the head directly. What an adapted model gains over it is owed to "
            "the backbone."
        )
    return (
        "The same architecture with random frozen weights, adapted in the same way. What an adapted model gains "
        "over it is owed to pre-training."
    )


def _by(contrast: Contrast | None, digits: int) -> str:
    assert contrast is not None
    turned = contrast.advantage
    gap = Interval(-turned.value, -turned.high, -turned.low)  # of the best method over this one
    return f"{number(gap.value, digits)} {bracket(gap, digits)}"


def _level_with_adapted(setting: SettingComparison) -> bool:
    return any(m.kind == "adapted" for m in setting.level_with_best)


def _unless_same(method: MethodResult) -> Contrast | None:
    reference, baseline = method.to_reference, method.to_best_baseline
    return None if reference and baseline and reference.other == baseline.other else reference


def _finding(method: MethodResult, contrast: Contrast, setting: SettingComparison, digits: int) -> str:
    role = "the control" if kind(contrast.other) == "control" else "the best baseline"
    if contrast.other == setting.reference and contrast.other != setting.best_baseline:
        role = "the reference"
    name, other = method.policy, contrast.other
    gap = f"{number(abs(contrast.difference.value), digits)}"
    reach = bracket(contrast.advantage, digits)
    if contrast.outcome == "better":
        return f"{name} is ahead of {role} {other} by {gap} {reach}."
    if contrast.outcome == "level":
        text = f"{name} is not distinguishable from {role} {other}: {_signed(contrast, digits)} {reach}."
        return text + (" No sign here that what the control lacks helps." if role == "the control" else "")
    behind = contrast.advantage
    reach = bracket(Interval(-behind.value, -behind.high, -behind.low), digits)
    text = f"{name} is behind {role} {other} by {gap} {reach}."
    return text + (" What the control lacks does harm here." if role == "the control" else "")


def _signed(contrast: Contrast, digits: int) -> str:
    return number(contrast.advantage.value, digits, signed=True)


def _winners(settings: Sequence[SettingComparison], task: Task) -> str:
    found: dict[str, list[str]] = {}
    for s in settings:
        if s.winner:
            found.setdefault(s.winner, []).append(s.setting)
    unclear = [s.setting for s in settings if s.winner is None and len(s.methods) > 1]
    parts = [
        f"{policy} is better than every other method in {listed(names)}" for policy, names in found.items()
    ]
    if unclear:
        where = "any setting" if not found and len(unclear) > 1 else listed(unclear)
        parts.append(f"no method stands out from all others in {where}")
    if not parts:
        return f"{settings[0].best.policy} is the only method tested."
    text = "; ".join(parts) + "."
    return text[0].upper() + text[1:] if text.startswith("no ") else text


def _tally(outcomes: Sequence[tuple[str, Outcome]], other: str, n_settings: int) -> str:
    words = {"better": "ahead of", "level": "not distinguishable from", "worse": "behind"}
    grouped = {w: [s for s, o in outcomes if o == w] for w in words}
    present = [w for w, names in grouped.items() if names]
    if len(present) == 1 and n_settings == len(outcomes) > 1:
        return f"{words[present[0]]} {other} in all {n_settings} settings"
    return listed(
        f"{words[w]} {other if i == 0 else 'it'} in {listed(grouped[w])}" for i, w in enumerate(present)
    )
