"""Write a report: one self-contained page, its numbers as JSON, its figures as PNG."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path

import jinja2
import matplotlib
from markupsafe import Markup

from netwright.core.errors import ConfigError
from netwright.core.files import replacing, write_json
from netwright.core.palette import KINDS, RC, Kind, kind_of, method_styles
from netwright.core.results import Evaluation, kinds_of, versions
from netwright.core.task import Task, load_attribute
from netwright.core.text import printable
from netwright.core.types import Json, JsonView
from netwright.evaluation.comparison import SettingComparison, compare
from netwright.evaluation.playing import NotApplicable
from netwright.evaluation.pooling import seed_of
from netwright.report import render, wording
from netwright.report.figures import Panel, Section, sections, unit_of

FORMAT_VERSION = 1

_KIND_TITLES = {"adapted": "Adapted models", "control": "Control variants", "baseline": "Baselines"}


def write_report(
    task: Task,
    evaluations: Sequence[Evaluation],
    out: Path,
    *,
    notes: Mapping[str, str] | None = None,
    not_applicable: Sequence[NotApplicable] = (),
) -> Path:
    """Compare the evaluations and atomically write the folder `out`, replacing an earlier report.

    The folder holds `index.html` (needs no other file), `report.json` (all evaluations and comparisons) and
    `figures/*.png`.

    Args:
        task: the task; its own figures (`task.report`) come after the general ones.
        evaluations: any number of methods, settings and seeds.
        out: the report's folder.
        notes: further information by name, such as the command; shown unchanged.
        not_applicable: policies that cannot handle a setting, shown with the reason.

    Returns:
        The path of `index.html`.

    Raises:
        ConfigError: the evaluations cannot be compared, or `out` contains something other than a report.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: is a file; give a folder for the report.")
    if out.is_dir() and any(out.iterdir()) and not (out / "report.json").exists():
        raise ConfigError(f"{out}: contains files that are not a report; give a new or empty folder.")
    settings = compare(task, evaluations)
    evaluations = _in_order(evaluations, settings)
    with matplotlib.rc_context(RC):
        parts = _named([*sections(task, settings, evaluations), *_own_sections(task, evaluations)])
        with replacing(out) as folder:
            (folder / "figures").mkdir(parents=True)
            page = _page(task, settings, evaluations, parts, notes or {}, not_applicable)
            (folder / "index.html").write_text(page, encoding="utf-8")
            document = _document(task, settings, evaluations, notes or {})
            document["not_applicable"] = [asdict(one) for one in not_applicable]
            write_json(folder / "report.json", document)
            for panel in (p for part in parts for p in part.panels):
                (folder / "figures" / f"{panel.name}.png").write_bytes(render.png(panel.figure))
    return out / "index.html"


def is_synthetic(evaluation: Evaluation) -> bool:
    """Whether an evaluation's data were generated."""
    data = evaluation.config.get("data")
    return bool(evaluation.config.get("synthetic") or (isinstance(data, Mapping) and data.get("synthetic")))


def _in_order(evaluations: Sequence[Evaluation], settings: Sequence[SettingComparison]) -> list[Evaluation]:
    place = {(s.setting, m.policy): (i, j) for i, s in enumerate(settings) for j, m in enumerate(s.methods)}
    return sorted(evaluations, key=lambda e: (place[e.setting, e.policy], seed_of(e) or 0))


def _own_sections(task: Task, evaluations: Sequence[Evaluation]) -> list[Section]:
    if task.report is None:
        return []
    made = load_attribute(task.report)(evaluations) or []
    found = []
    for title, group in groupby(made, key=lambda item: str(item[0])):
        panels = tuple(
            Panel(f"{title}-{i}", f"{title}: {caption}", figure, str(caption))
            for i, (_, caption, figure) in enumerate(group, start=1)
        )
        found.append(Section(title, "", panels))
    return found


def _named(parts: Sequence[Section]) -> list[Section]:
    """The same sections with unique panel names that are safe as file names and ids."""
    used: Counter[str] = Counter()
    found = []
    for part in parts:
        panels = []
        for panel in part.panels:
            name = re.sub(r"[^a-z0-9]+", "-", panel.name.lower()).strip("-")
            used[name] += 1
            panels.append(replace(panel, name=name if used[name] == 1 else f"{name}-{used[name]}"))
        found.append(replace(part, panels=tuple(panels)))
    return found


def _document(
    task: Task,
    settings: Sequence[SettingComparison],
    evaluations: Sequence[Evaluation],
    notes: Mapping[str, str],
) -> Json:
    return {
        "format_version": FORMAT_VERSION,
        "task": task.name,
        "verdict": wording.verdict(settings, task),
        "sentences": {s.setting: wording.lead(s, task) for s in settings},
        "synthetic": any(map(is_synthetic, evaluations)),
        "comparison": [s.to_json() for s in settings],
        "evaluations": [e.to_json() for e in evaluations],
        "notes": dict(notes),
        "versions": versions(),
        "date": datetime.date.today().isoformat(),
    }


def _page(
    task: Task,
    settings: Sequence[SettingComparison],
    evaluations: Sequence[Evaluation],
    parts: Sequence[Section],
    notes: Mapping[str, str],
    not_applicable: Sequence[NotApplicable],
) -> str:
    kinds = kinds_of(evaluations) | {one.policy: kind_of(one.policy, one.role) for one in not_applicable}
    policies = list(dict.fromkeys([m.policy for s in settings for m in s.methods] + list(kinds)))
    return render_page(
        "template.html",
        task=task,
        settings=settings,
        verdict=wording.verdict(settings, task),
        leads={s.setting: wording.lead(s, task) for s in settings},
        findings={s.setting: wording.findings(s) for s in settings},
        digits={s.setting: wording.decimals(s.best.mean.value) for s in settings},
        kinds=[(_KIND_TITLES[k], k, rows) for k in KINDS if (rows := _ranked(settings, k, kinds))],
        styles=method_styles(policies, kinds),
        controls=_controls(settings, not_applicable),
        not_applicable=not_applicable,
        reasons={(one.policy, one.setting): one.reason for one in not_applicable},
        parts=parts,
        drawn={p.name: Markup(drawing(p)) for part in parts for p in part.panels},
        unit=unit_of(evaluations),
        synthetic=any(map(is_synthetic, evaluations)),
        sources=_sources(evaluations),
        evaluations=evaluations,
        seed_of=seed_of,
        flat=_flat,
        notes=notes,
    )


def _controls(
    settings: Sequence[SettingComparison], not_applicable: Sequence[NotApplicable]
) -> dict[str, str]:
    """What each control variant lacks, by its name."""
    tested = [(m.policy, m.lacks) for s in settings for m in s.methods]
    others = [(one.policy, one.lacks) for one in not_applicable]
    return {policy: lacks for policy, lacks in tested + others if lacks is not None}


def render_page(template: str, **values: object) -> str:
    """Render a template of this folder; every template receives `date`, `versions` and the palette."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("netwright.report", ""),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=wording.number, bracket=wording.bracket)
    environment.globals.update(
        explain=wording.explain,
        versions=versions(),
        date=datetime.date.today().isoformat(),
        light=Markup(render.css_variables(dark=False)),
        dark=Markup(render.css_variables(dark=True)),
    )
    return environment.get_template(template).render(**values)


def _shown(value: object) -> object:
    """A value as templates show it: untrusted names without control characters."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value, lines=True)
    return value


def drawing(panel: Panel) -> str:
    """A panel's figure as an `<svg>` element."""
    return render.svg(panel.figure, name=panel.name, alt=panel.alt)


def _ranked(settings: Sequence[SettingComparison], kind: str, kinds: Mapping[str, Kind]) -> list[str]:
    """The methods of one kind, in the order of the first setting that has them."""
    ranked = [m.policy for s in settings for m in s.ranked if m.kind == kind]
    return list(dict.fromkeys(ranked + [policy for policy in kinds if kinds[policy] == kind]))


def _sources(evaluations: Iterable[Evaluation]) -> list[str]:
    found = []
    for evaluation in evaluations:
        data = evaluation.config.get("data")
        source = data.get("source") if isinstance(data, Mapping) else data
        if source is not None:
            found.append(str(source))
    return list(dict.fromkeys(found))


def _flat(config: JsonView, prefix: str = "") -> Json:
    """A nested config flattened to "outer.inner" names and plain values."""
    found: Json = {}
    for key, value in config.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found
