"""What figures rest on: a line across the wrap, the look of a method, and what is left out."""

from __future__ import annotations

import warnings
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from netwright.core.palette import RC, dark_of_light, kind, method_styles
from netwright.report import compare, render
from netwright.report.figures import sections
from netwright.tasks.vp.figures import across_wrap, draw_after_turn, figures
from tests.report.made_up import SKILL, make_evaluation, make_evaluations, make_task

NAMES = ["adapted:tiny", "adapted:none", "adapted:random:tiny", *(f"baseline{i}" for i in range(7))]


def test_a_line_leaves_at_one_edge_and_comes_back_at_the_other():
    time, angle = across_wrap([0, 1], [170, -170])
    np.testing.assert_allclose(time, [0, 0.5, 0.5, 0.5, 1])
    np.testing.assert_allclose(angle, [170, 180, np.nan, -180, -170])
    time, angle = across_wrap([0, 1], [-170, 160])  # down by 30, a third of the way before the edge
    np.testing.assert_allclose(time, [0, 1 / 3, 1 / 3, 1 / 3, 1])
    np.testing.assert_allclose(angle, [-170, -180, np.nan, 180, 160])


@given(st.lists(st.floats(-180, 179.9), min_size=1, max_size=30))
def test_no_drawn_step_is_longer_than_half_a_turn(angles):
    x = np.arange(len(angles), dtype=float)
    time, drawn = across_wrap(x, angles)
    assert np.nanmax(np.abs(drawn)) <= 180.0 + 1e-9
    steps = np.abs(np.diff(drawn))
    assert np.all(steps[np.isfinite(steps)] <= 180.0 + 1e-9)
    assert np.all(np.diff(time) >= 0)
    kept = [float(a) for t, a in zip(time, drawn, strict=True) if t in x and np.isfinite(a)]
    turned = [min(abs(k - a) % 360 for k in kept) for a in angles]
    assert max(min(t, 360 - t) for t in turned) < 1e-6


def test_kinds_are_read_from_names():
    kinds = {
        "adapted:tiny": "adapted",
        "adapted:tiny:crowd": "adapted",
        "adapted:nonesuch": "adapted",
        "adapted:none": "control",
        "adapted:none:crowd": "control",
        "adapted:random:tiny": "control",
        "mlp:crowd": "baseline",
        "none": "baseline",
    }
    assert {name: kind(name) for name in kinds} == kinds


def test_styles_tell_methods_apart_and_do_not_depend_on_order():
    styles = method_styles(NAMES)
    assert len({s.color for s in styles.values()}) == len(NAMES)
    assert method_styles(n for n in reversed(NAMES)) == styles
    assert [n for n in NAMES if styles[n].hatch] == ["adapted:none", "adapted:random:tiny"]
    assert styles["adapted:tiny"].width > styles["baseline0"].width
    assert {s.color_dark for s in styles.values()} <= set(dark_of_light().values())


def test_a_panel_for_each_setting_and_figure():
    task, given_ = make_task(), make_evaluations()
    with matplotlib.rc_context(RC):
        parts = sections(task, compare(task, given_), given_)
    assert [len(p.panels) for p in parts] == [2, 2, 2, 2]
    assert "adapted:tiny" in parts[0].panels[0].alt
    assert "Distribution by window" in [p.title for p in parts]


def test_without_windows_the_distribution_is_by_episode():
    task, given_ = make_task(), [make_evaluation(n, [1, 2, 4]) for n in ("last-value", "mlp")]
    with matplotlib.rc_context(RC):
        titles = [p.title for p in sections(task, compare(task, given_), given_)]
    assert "Distribution by window" not in titles


def test_viewport_figures_leave_out_what_is_missing():
    assert figures([make_evaluation("mlp", [1, 2])]) == []
    full = make_evaluations(["default"], ["last-value", "mlp"])
    only_axis = [replace(e, detail={"by_axis": e.detail["by_axis"]}) for e in full]
    assert [title for title, _, _ in figures(only_axis)] == ["Error by axis"]
    titles = [title for title, _, _ in figures(full)]
    assert titles.count("Predicted trajectories") == 6


def test_trajectories_show_only_windows_that_all_hold():
    first, second = make_evaluations(["default"], ["last-value", "mlp"])
    fewer = replace(second, detail={**second.detail, "examples": second.detail["examples"][:1]})
    assert [t for t, _, _ in figures([first, fewer])].count("Predicted trajectories") == 2
    none = replace(second, detail={**second.detail, "examples": []})
    assert [t for t, _, _ in figures([first, none])].count("Predicted trajectories") == 6


def test_a_wrapped_yaw_is_drawn_without_an_upright_line():
    """The drawn data hold a gap wherever yaw jumps."""
    (evaluation,) = make_evaluations(["default"], ["last-value"])
    example = evaluation.detail["examples"][0]
    turning = [[0.0, 0.0, (170.0 + 2 * i + 180) % 360 - 180] for i in range(20)]
    detail = {"examples": [{**example, "future": turning, "history": [[0.0, 0.0, 169.0]] * 10}]}
    drawn = figures([replace(evaluation, detail=detail)])
    yaw = drawn[0][2].axes[0]
    for line in yaw.get_lines():
        jumps = np.abs(np.diff(np.asarray(line.get_ydata(), dtype=float)))
        if len(line.get_xdata()) > 2:
            assert not (jumps > 180).any()
    assert any(np.isnan(np.asarray(line.get_ydata(), dtype=float)).any() for line in yaw.get_lines())


@pytest.mark.parametrize("spread", [0.0, 1e-9, 1e6])
def test_flat_and_wild_values_are_drawn_without_a_warning(spread):
    task = make_task(report=None)
    given_ = [make_evaluation(n, [5.0, 5.0 + spread * i, 5.0]) for i, n in enumerate(SKILL)]
    with warnings.catch_warnings(), matplotlib.rc_context(RC):
        warnings.simplefilter("error")
        for part in sections(task, compare(task, given_), given_):
            for panel in part.panels:
                render.svg(panel.figure, name="x", alt="x")


def test_svg_takes_the_colors_of_the_page():
    with matplotlib.rc_context(RC):
        figure = Figure()
        figure.add_subplot().plot([0, 1], color=method_styles(["adapted:tiny"])["adapted:tiny"].color)
        text = render.svg(figure, name="a", alt='say "x" & <y>')
    root = ElementTree.fromstring(text)
    assert root.get("aria-label") == 'say "x" & <y>'
    assert "var(--c0072b2)" in text
    assert not [light for light in dark_of_light() if light in text]
    assert "--c0072b2: #56b4e9;" in render.css_variables(dark=True)
    assert "http" not in text


def test_the_window_after_the_longest_turn_is_drawn_with_the_methods_that_were_asked_for():
    evaluations = make_evaluations(["default"])
    traveled = {}
    for example in evaluations[0].detail["examples"]:
        path = np.unwrap(np.array(example["history"])[:, 1:], period=360.0, axis=0)
        name = f"{example['episode']} from sample {example['start']}"
        traveled[name] = np.hypot(*np.diff(path, axis=0).T).sum()
    longest = max(traveled, key=traveled.__getitem__)
    with matplotlib.rc_context(RC):
        caption, figure = draw_after_turn(evaluations, ["adapted:tiny", "last-value"])
    assert caption == f"{longest}: predictions after the view has traveled {traveled[longest]:.0f} degrees."
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["history", "actual", "adapted:tiny", "last-value"]
