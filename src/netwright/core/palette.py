"""How figures look: settings, colors, and the kind, color, dash and hatch of each method. Plain data.

Adapted models are strong, baselines muted, control variants hatched and dashed. Hues follow Okabe and Ito; dash
and hatch repeat the information of the hue, so figures are readable without color.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["adapted", "control", "baseline"]
Role = Literal["adapted", "control", "baseline", "clairvoyant"]
"""Role of a method in a comparison; a clairvoyant baseline sees the future and is excluded from the ranking."""
LineStyle = str | tuple[float, tuple[float, ...]]

KINDS: tuple[Kind, ...] = ("adapted", "control", "baseline")

# Colors of axes, grid and text (on a light page, on a dark page).
INK = ("#1f2430", "#e6e8ec")
FAINT = ("#667085", "#98a2b3")
RULE = ("#dfe3e8", "#343a46")
PAPER = ("#ffffff", "#181b22")

# From empty to full: of a link, say. Darkness rises with the hue on light paper, brightness on dark paper.
LOADS = (
    ("#a7bfd3", "#4b6177"),
    ("#4f9bc8", "#4a90bd"),
    ("#d9a520", "#d8a93f"),
    ("#dd6b2f", "#f08850"),
    ("#ab1f3c", "#ff7085"),
)

Keywords = dict[str, Any]
"""Keyword arguments of matplotlib."""

RC: Keywords = {
    "font.family": "DejaVu Sans",  # comes with matplotlib; the page puts its own in place
    "font.size": 9.0,
    "figure.figsize": (5.2, 3.3),
    "figure.facecolor": PAPER[0],
    "figure.constrained_layout.use": True,
    "axes.facecolor": "none",
    "axes.edgecolor": FAINT[0],
    "axes.labelcolor": INK[0],
    "axes.titlecolor": INK[0],
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": RULE[0],
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.7,
    "text.color": INK[0],
    "text.parse_math": False,  # a name is a name, whatever it holds
    "xtick.color": FAINT[0],
    "ytick.color": FAINT[0],
    "xtick.labelcolor": INK[0],
    "ytick.labelcolor": INK[0],
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "netwright",
}
"""Settings under which every figure of a report is made and drawn (`with matplotlib.rc_context(RC)`)."""

_HUES: dict[Kind, tuple[tuple[str, str], ...]] = {
    "adapted": (
        ("#0072b2", "#56b4e9"),
        ("#d55e00", "#ff924d"),
        ("#009e73", "#3ecf9f"),
        ("#b8478d", "#e592c2"),
    ),
    "control": (("#8a5f9e", "#bb98cc"), ("#a8713a", "#d6a676"), ("#4f8791", "#86bcc6")),
    "baseline": (
        ("#77828f", "#929daa"),
        ("#b39f6b", "#bfae7d"),
        ("#7f9c7b", "#93b08f"),
        ("#a48aa1", "#b39db0"),
        ("#b0887a", "#c09b8e"),
        ("#6d90a8", "#85a8c0"),
        ("#a5abb2", "#6f7883"),
    ),
}
CATEGORIES = (*_HUES["adapted"], *_HUES["control"])
"""Colors of things that only need to differ from their neighbors, such as jobs."""

_DASHES: dict[Kind, tuple[LineStyle, ...]] = {
    "adapted": ("-",),
    "control": ((0, (5, 1.6)), (0, (1.4, 1.4)), (0, (6, 1.5, 1.2, 1.5))),
    "baseline": ("-", (0, (4, 1.4)), (0, (1.2, 1.2)), (0, (6, 1.4, 1.2, 1.4))),
}
_HATCHES = ("////", "\\\\\\\\", "xxxx")


@dataclass(frozen=True, slots=True)
class MethodStyle:
    """The look of one method: `color` on a light page, `color_dark` on a dark page."""

    kind: Kind
    color: str
    color_dark: str
    dash: LineStyle
    hatch: str | None
    width: float
    zorder: float

    @property
    def bar(self) -> Keywords:
        """Matplotlib arguments for a bar or box of this method: tinted, or open and hatched."""
        if self.hatch:
            return {"facecolor": "none", "edgecolor": self.color, "hatch": self.hatch, "linewidth": 0.9}
        return {"facecolor": self.color, "linewidth": 0, "alpha": 0.9 if self.kind == "adapted" else 0.6}

    @property
    def line(self) -> Keywords:
        """Matplotlib arguments for a line of this method."""
        return {
            "color": self.color,
            "linestyle": self.dash,
            "linewidth": self.width,
            "zorder": self.zorder,
        }


def kind(policy: str) -> Kind:
    """The kind of a policy by its name: an adapted model, one of its control variants, or a baseline."""
    prefix, _, rest = policy.partition(":")
    if prefix != "adapted":
        return "baseline"
    return "control" if re.split(r"\W", rest)[0] in ("none", "random") else "adapted"


def kind_of(policy: str, role: Role | None) -> Kind:
    """The kind of a method by its role, or by its name if no role is stored (results of earlier releases)."""
    return kind(policy) if role is None else "baseline" if role == "clairvoyant" else role


def lack_of(backbone: str) -> str:
    """What a control lacks that the adapted model has, by the name of its backbone."""
    return "the backbone" if re.match(r"none\b", backbone) else "pre-training"


def method_styles(policies: Iterable[str], kinds: Mapping[str, Kind] | None = None) -> dict[str, MethodStyle]:
    """A style for each policy; depends on the set of names and kinds, not on their order."""
    names, styles, known = sorted(set(policies)), {}, kinds or {}
    for group in KINDS:
        for i, name in enumerate(n for n in names if known.get(n, kind(n)) == group):
            color, dark = _HUES[group][i % len(_HUES[group])]
            dash = _DASHES[group][i % len(_DASHES[group])]
            hatch = _HATCHES[i % len(_HATCHES)] if group == "control" else None
            width, zorder = {"adapted": (2.0, 4.0), "control": (1.6, 3.0), "baseline": (1.2, 2.0)}[group]
            styles[name] = MethodStyle(group, color, dark, dash, hatch, width, zorder)
    return styles


def dark_of_light() -> dict[str, str]:
    """Dark-page color by light-page color, for every color that a figure may use."""
    return dict([INK, FAINT, RULE, PAPER, *LOADS, *(pair for hues in _HUES.values() for pair in hues)])
