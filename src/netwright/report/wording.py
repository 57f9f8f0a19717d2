"""The sentences of a report, limited to what the intervals support."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from netwright.core.task import Task
from netwright.evaluation.comparison import Contrast, Outcome, SettingComparison
from netwright.evaluation.statistics import Interval

_REMARKS = {
    "adapted": "",
    "control": " It is a control variant: no adapted model is better here.",
    "baseline": " It is a baseline: no adapted model is better here.",
}
_RELATIONS = {"better": "ahead of", "level": "not distinguishable from", "worse": "behind"}


def decimals(scale: float) -> int:
    """Decimal places that show about five significant digits of `scale`, at most three."""
    return 3 if scale == 0 else min(3, max(0, 4 - math.floor(math.log10(abs(scale)))))


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
    """The best method of a setting: its lead over the next, or the methods it is not distinguishable from."""
    best, digits = setting.best, decimals(setting.best.mean.value)
    text = f"The best method here is {best.policy} ({number(best.mean.value, digits)} {task.unit})"
    if len(setting.methods) == 1:
        return f"{text}, the only method tested."
    level = setting.level_with_best
    nearest = level[0] if level else setting.ranked[1]
    assert nearest.to_best is not None
    gap = _measured(nearest.to_best.reversed_advantage, digits)
    if level:
        others = f", nor from {listed(m.policy for m in level[1:])}" if level[1:] else ""
        text += f", not distinguishable from {nearest.policy} (difference {gap}){others}."
    else:
        text += f", ahead of {nearest.policy} by {gap}."
    adapted = setting.of_kind("adapted")
    return text + (_REMARKS[best.kind] if adapted and not set(adapted) & set(level) else "")


def findings(setting: SettingComparison) -> list[str]:
    """Each adapted model against the reference, the best baseline and its control variants, if tested."""
    found = []
    for method in setting.of_kind("adapted"):
        reference, baseline = method.to_reference, method.to_best_baseline
        if reference and reference.other != setting.best_baseline:
            found.append(_finding("the reference", reference, setting))
        if baseline:
            found.append(_finding("the best baseline", baseline, setting))
        found += [_finding("the control", contrast, setting) for contrast in method.to_controls]
    return found


def verdict(settings: Sequence[SettingComparison], task: Task) -> str:
    """One paragraph over all settings: the best methods and their leads, then how each adapted model compares."""
    adapted = dict.fromkeys(m.policy for s in settings for m in s.of_kind("adapted"))
    sentences = [_best(settings, task), *filter(None, (_of_adapted(policy, settings) for policy in adapted))]
    if not adapted:
        sentences.append("No adapted model was tested.")
    return " ".join([*sentences, *outside(settings)])


def outside(settings: Sequence[SettingComparison]) -> list[str]:
    """A sentence for each method tested outside its training conditions; equal settings share one."""
    where: dict[tuple[str, str], list[str]] = {}
    for setting in settings:
        for method in setting.outside_training:
            where.setdefault((method.policy, method.outside or ""), []).append(setting.setting)
    return [
        f"Outside its training conditions in {listed(names)}: {policy} {clause}."
        for (policy, clause), names in where.items()
    ]


NEGLIGIBLE = 1e-3  # share of the best mean below which a significant difference is negligible


_CONTROLS = {
    "the backbone": "No backbone: the encoder feeds the head directly",
    "pre-training": "The same backbone with random frozen weights, adapted in the same way",
}


def explain(lacks: str) -> str:
    """The purpose of a control variant that lacks such a part, in one sentence."""
    what = _CONTROLS.get(lacks, f"An adapted model without {lacks}")
    return f"{what}; an adapted model's gain over it is due to {lacks}."


def _measured(interval: Interval, digits: int) -> str:
    return f"{number(interval.value, digits)} {bracket(interval, digits)}"


def _finding(role: str, contrast: Contrast, setting: SettingComparison) -> str:
    digits = decimals(setting.best.mean.value)
    text = f"{contrast.method} is {_RELATIONS[contrast.outcome]} {role} {contrast.other}"
    if contrast.outcome == "worse":
        text += f" by {_measured(contrast.reversed_advantage, digits)}."
    elif contrast.outcome == "better":
        text += f" by {_measured(contrast.advantage, digits)}."
    else:
        text += f" (advantage {_measured(contrast.advantage, digits)})."
    control = setting.method(contrast.other) if role == "the control" else None
    if control and contrast.outcome == "level":
        text += f" No gain from {control.lacks} is shown here."
    if control and contrast.outcome == "worse":
        small = abs(contrast.difference.value) < NEGLIGIBLE * abs(setting.best.mean.value)
        text += " This difference is negligible." if small else f" Here {control.lacks} is harmful."
    return text


def _best(settings: Sequence[SettingComparison], task: Task) -> str:
    """Each setting's best method with its mean and lead; settings with the same best method share a clause."""
    found: dict[str, list[str]] = {}
    for setting in settings:
        verb = "has the best mean" if setting.level_with_best else "is best"
        found.setdefault(f"{setting.best.policy} {verb} in ", []).append(_standing(setting, task))
    return "; ".join(f"{best}{listed(where)}" for best, where in found.items()) + "."


def _standing(setting: SettingComparison, task: Task) -> str:
    """The setting, and in brackets the mean of its best method, its lead, and what it is not distinguishable from."""
    best, level, digits = setting.best, setting.level_with_best, decimals(setting.best.mean.value)
    said = [f"{number(best.mean.value, digits)} {task.unit}"]
    behind = next((m for m in setting.rivals if m is not best and m not in level), None)
    if behind is not None and behind.to_best is not None:
        said.append(f"ahead of {behind.policy} by {_measured(behind.to_best.reversed_advantage, digits)}")
    if level:
        said.append(f"not distinguishable from {listed(m.policy for m in level)}")
    if len(setting.methods) == 1:
        said.append("the only method tested")
    return f"{setting.setting} ({', '.join(said)})"


def _of_adapted(policy: str, settings: Sequence[SettingComparison]) -> str:
    """An adapted model against the best baseline and its control variants; empty if there are none."""
    outcomes: dict[str, dict[str, Outcome]] = {}  # of each opponent, by setting
    for setting in settings:
        method = setting.method(policy)
        if method and method.to_best_baseline:
            outcomes.setdefault("the best baseline", {})[setting.setting] = method.to_best_baseline.outcome
        for contrast in method.to_controls if method else ():
            outcomes.setdefault(f"its control {contrast.other}", {})[setting.setting] = contrast.outcome
    alike: dict[str, list[str]] = {}
    for opponent, by_setting in outcomes.items():
        alike.setdefault(_tally(by_setting, len(settings)), []).append(opponent)
    clauses = [t.format(listed(o), "it" if len(o) == 1 else "them") for t, o in alike.items()]
    return f"{policy} is {'; it is '.join(clauses)}." if clauses else ""


def _tally(by_setting: Mapping[str, Outcome], n_settings: int) -> str:
    """A template such as "ahead of {0} in default and behind {1} in unseen1" for opponents, then "it" or "them"."""
    where = {o: [s for s, found in by_setting.items() if found == o] for o in _RELATIONS}
    present = [o for o in where if where[o]]
    if len(present) == 1 and len(by_setting) == n_settings > 1:
        return f"{_RELATIONS[present[0]]} {{0}} in all {n_settings} settings"
    return listed(
        f"{_RELATIONS[outcome]} {'{1}' if i else '{0}'} in {_escaped(listed(where[outcome]))}"
        for i, outcome in enumerate(present)
    )


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
