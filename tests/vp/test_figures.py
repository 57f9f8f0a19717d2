"""Figures of viewport prediction: what is drawn where, which windows and methods are chosen, and their captions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.patches import Rectangle

from netwright.core.palette import FAINT, INK
from netwright.core.results import Evaluation
from netwright.tasks.vp import figures
from netwright.tasks.vp.angles import AXES, PITCH, YAW


def evaluation(policy, mean=1.0, *, setting="default", **detail):
    values = (mean, mean)
    return Evaluation(
        "vp", setting, policy, "mae", "degrees", values, (1.0, 1.0), ("a", "b"), 0.0, detail=detail
    )


def path(*yaw, pitch=0.0):
    """Angles with that yaw, and one pitch."""
    return [[0.0, pitch, float(y)] for y in yaw]


def example(start, history, future, answer, **more):
    return {
        "episode": "video1/user2",
        "start": start,
        "history": history,
        "future": future,
        "answer": answer,
    } | more


# across_wrap


def test_a_line_that_does_not_wrap_stays_as_it_is():
    x, angle = figures.across_wrap([0.0, 1.0, 2.0], [10.0, -20.0, 150.0])
    assert x.tolist() == [0.0, 1.0, 2.0]
    assert angle.tolist() == [10.0, -20.0, 150.0]


def test_a_line_leaves_at_the_edge_and_returns_on_the_other_side():
    # From 170 to -160 the short way is 30 degrees, of which 10 lie before the edge: a third of the way.
    x, angle = figures.across_wrap([0.0, 3.0], [170.0, -160.0])
    assert x == pytest.approx([0.0, 1.0, 1.0, 1.0, 3.0])
    assert angle == pytest.approx([170.0, 180.0, math.nan, -180.0, -160.0], nan_ok=True)
    x, angle = figures.across_wrap([0.0, 3.0], [-160.0, 170.0])
    assert x == pytest.approx([0.0, 2.0, 2.0, 2.0, 3.0])
    assert angle == pytest.approx([-160.0, -180.0, math.nan, 180.0, 170.0], nan_ok=True)


@given(
    st.lists(st.floats(-180.0, 180.0, exclude_max=True), min_size=1, max_size=12),
    st.floats(-1.0, 1.0),
)
def test_every_point_is_drawn_inside_the_picture_and_every_jump_has_a_gap(angles, x0):
    times = x0 + np.arange(len(angles))
    x, angle = figures.across_wrap(times, angles)
    drawn = angle[np.isfinite(angle)]
    assert (np.abs(drawn) <= 180.0 + 1e-9).all()
    assert (np.diff(x) >= -1e-12).all()
    assert set(times.tolist()) <= set(x.tolist())
    for a, b in itertools.pairwise(angle):
        assert math.isnan(a) or math.isnan(b) or abs(a - b) <= 180.0 + 1e-9


# Error by horizon and by axis


def lines_by_label(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_curves_begin_one_sample_ahead_and_seeds_are_averaged():
    runs = [
        evaluation("adapted:tiny", by_horizon=[1.0, 2.0, 3.0]),
        evaluation("adapted:tiny", by_horizon=[3.0, 4.0, 7.0]),
        evaluation("last-value", by_horizon=[2.0, 6.0, 20.0]),
    ]
    [(title, caption, figure)] = figures.figures(runs)
    assert (title, caption) == ("Error by prediction horizon", "default: mean over windows and axes.")
    [axes] = figure.axes
    lines = lines_by_label(axes)
    assert lines["adapted:tiny"].get_xdata() == pytest.approx([0.2, 0.4, 0.6])
    assert lines["adapted:tiny"].get_ydata() == pytest.approx([2.0, 3.0, 5.0])
    assert lines["last-value"].get_ydata() == pytest.approx([2.0, 6.0, 20.0])
    assert (axes.get_title(loc="left") or axes.get_title()) == "default"
    # 1.9 times the best end is 9.5, which is less than 1.05 times the largest value.
    assert axes.get_ylim() == pytest.approx((0.0, 9.5))
    assert axes.get_xlim()[0] == 0.0


def test_the_scale_ends_above_the_largest_value_where_that_is_less():
    [(_, _, figure)] = figures.figures([evaluation("last-value", by_horizon=[1.0, 4.0])])
    assert figure.axes[0].get_ylim() == pytest.approx((0.0, 1.05 * 4.0))


def test_curves_of_different_length_are_drawn_in_their_own_setting():
    runs = [
        evaluation("last-value", by_horizon=[1.0, 2.0]),
        evaluation("last-value", setting="unseen1", by_horizon=[1.0, 2.0, 3.0]),
    ]
    found = figures.figures(runs)
    assert [caption.split(":")[0] for _, caption, _ in found] == ["default", "unseen1"]
    assert [len(f.axes[0].get_lines()[0].get_xdata()) for _, _, f in found] == [2, 3]


def test_bars_are_sorted_by_the_sum_over_axes_and_labeled():
    runs = [
        evaluation("last-value", by_axis={"roll": 1.0, "pitch": 2.0, "yaw": 9.0}),
        evaluation("velocity", by_axis={"roll": 2.0, "pitch": 3.0, "yaw": 4.0}),
    ]
    [(title, caption, figure)] = figures.figures(runs)
    assert (title, caption) == ("Error by axis", "default: each axis has its own scale.")
    assert figure.get_size_inches() == pytest.approx([5.2, 0.8 + 2 * 0.27])
    panels = figure.axes
    assert len(panels) == 3
    first = panels[0]
    assert [t.get_text() for t in first.get_yticklabels()] == ["velocity", "last-value"]
    for column, axes in enumerate(panels):
        widths = [bar.get_width() for bar in axes.patches]
        assert widths == [(2.0, 3.0, 4.0)[column], (1.0, 2.0, 9.0)[column]]
        assert [bar.get_y() + bar.get_height() / 2 for bar in axes.patches] == pytest.approx([0.0, 1.0])
        assert [t.get_text() for t in axes.texts] == [f"{w:.1f}" for w in widths]
        title = axes.get_title(loc="left") or axes.get_title()
        assert title == (AXES[column] if column else "default: roll")
    low, high = first.get_ylim()
    assert (low, high) == pytest.approx((1.6, -0.6)), "the best method is at the top"


def test_methods_without_the_detail_are_left_out():
    runs = [evaluation("last-value"), evaluation("velocity", by_horizon=[1.0])]
    [(_, _, figure)] = figures.figures(runs)
    assert list(lines_by_label(figure.axes[0])) == ["velocity"]
    assert figures.figures([evaluation("last-value")]) == []
    assert figures.figures([]) == []


# Windows


def test_windows_that_every_method_predicted_are_shared_the_calmest_first():
    lively = example(60, path(0, 0), path(0, 30, 90), path(1, 1, 1))
    calm = example(30, path(0, 10), path(5, 6, 7), path(2, 2, 2))
    only_one = example(90, path(0, 0), path(0, 0, 0), path(3, 3, 3))
    one = evaluation("last-value", examples=[lively, calm, only_one])
    other = evaluation("velocity", examples=[calm | {"answer": path(9, 9, 9)}, lively])
    found = figures.shared_windows({"last-value": one, "velocity": other})
    assert [w.name for w in found] == ["video1/user2 from sample 30", "video1/user2 from sample 60"]
    assert [w.travel_deg for w in found] == pytest.approx([2.0, 90.0])
    assert found[0].traveled_deg == pytest.approx(10.0)
    assert found[0].answers["velocity"][:, YAW].tolist() == [9.0, 9.0, 9.0]
    assert found[0].answers["last-value"][:, YAW].tolist() == [2.0, 2.0, 2.0]
    assert figures.shared_windows({}) == []


def test_travel_is_the_length_of_the_path_the_short_way_round_without_roll():
    window = figures.SharedWindow(
        "w",
        np.array([[0.0, 0.0, 170.0], [90.0, 30.0, -150.0]]),
        np.array([[0.0, 0.0, 0.0], [0.0, 3.0, 4.0], [0.0, 3.0, 0.0]]),
        {},
    )
    assert window.traveled_deg == pytest.approx(50.0)  # 40 in yaw, 30 in pitch
    assert window.travel_deg == pytest.approx(5.0 + 4.0)


def test_a_label_names_a_window_before_its_place():
    found = figures.shared_windows(
        {"m": evaluation("m", examples=[example(1, path(0), path(0, 1), path(0, 0), label="A slow turn")])}
    )
    assert [w.name for w in found] == ["A slow turn"]


def windows_of(policy, mean, offset=0.0):
    """Five windows of growing travel, each answered with an offset from the truth."""
    made = []
    for i in range(5):
        future = path(*(10.0 * i * np.arange(1, 4)))
        answer = [[r, p, y + offset] for r, p, y in future]
        made.append(example(15 * i, path(-2, -1, 0), future, answer))
    return evaluation(policy, mean, examples=made)


def test_the_calmest_the_middle_and_the_liveliest_window_are_drawn_twice_each():
    drawn = figures.figures([windows_of("last-value", 1.0), windows_of("adapted:tiny", 0.5)])
    assert [title for title, _, _ in drawn] == ["Predicted trajectories"] * 6
    captions = [caption for _, caption, _ in drawn]
    travels = "the view travels {:.0f} degrees in the future window."
    assert captions[0::2] == [
        f"default, video1/user2 from sample {start}: {travels.format(travel)}"
        for start, travel in ((0, 0), (30, 40), (60, 80))
    ]
    assert set(captions[1::2]) == {"The same window on the picture; frames: the viewport at its end."}


def test_the_best_methods_of_each_kind_are_drawn():
    runs = [
        *(windows_of(f"adapted:model{i}", 5.0 - i) for i in range(3)),
        windows_of("adapted:none", 1.0),
        windows_of("adapted:random:tiny", 2.0),
        *(windows_of(name, mean) for name, mean in (("mlp", 3.0), ("track", 2.0), ("velocity", 9.0))),
    ]
    [axes, _] = figures.figures(runs)[0][2].axes
    names = set(lines_by_label(axes)) - {"history", "actual"}
    assert {n for n in names if not n.startswith("_")} == {
        "adapted:model2",
        "adapted:model1",
        "adapted:none",
        "track",
        "mlp",
    }


def test_over_time_the_future_joins_the_last_sample_seen():
    drawn = figures.figures([windows_of("adapted:tiny", 1.0, offset=7.0)])
    _, _, figure = drawn[2]  # the middle window, over time
    yaw, pitch = figure.axes
    assert (yaw.get_ylabel(), pitch.get_ylabel()) == ("yaw (degrees)", "pitch (degrees)")
    assert pitch.get_xlabel() == "seconds from now"
    lines = lines_by_label(yaw)
    assert lines["history"].get_xdata() == pytest.approx([-0.4, -0.2, 0.0])
    assert lines["history"].get_ydata() == pytest.approx([-2.0, -1.0, 0.0])
    assert lines["actual"].get_xdata() == pytest.approx([0.0, 0.2, 0.4, 0.6])
    assert lines["actual"].get_ydata() == pytest.approx([0.0, 20.0, 40.0, 60.0])
    assert lines["adapted:tiny"].get_ydata() == pytest.approx([0.0, 27.0, 47.0, 67.0])
    assert lines["history"].get_color() == INK[0]
    assert lines["actual"].get_color() == FAINT[0]


def test_on_the_picture_the_viewport_at_the_end_is_framed_on_both_sides():
    drawn = figures.figures([windows_of("adapted:tiny", 1.0, offset=7.0), windows_of("mlp", 2.0)])
    _, _, figure = drawn[5]
    [axes] = figure.axes
    assert (axes.get_xlim(), axes.get_ylim()) == ((-180.0, 180.0), (-90.0, 90.0))
    lines = lines_by_label(axes)
    assert lines["actual"].get_xdata() == pytest.approx([0.0, 40.0, 80.0, 120.0])
    frames = [p for p in axes.patches if isinstance(p, Rectangle)]
    # The actual viewport and the adapted model's, each at three turns; baselines are not framed.
    assert len(frames) == 6
    corners = sorted(frame.get_xy() for frame in frames)
    centers = sorted(c + turn for c in (120.0, 127.0) for turn in (-360.0, 0.0, 360.0))
    assert [x for x, _ in corners] == pytest.approx([c - 50.0 for c in centers])
    assert {y for _, y in corners} == {-50.0}
    assert {(f.get_width(), f.get_height()) for f in frames} == {(100.0, 100.0)}


def test_the_window_after_the_longest_turn_is_drawn_with_its_caption():
    still = example(0, path(0, 0), path(0, 0), path(0, 0))
    turned = example(15, path(0, 80), path(80, 80), path(90, 90))
    first = evaluation("mlp", examples=[still, turned])
    second_seed = evaluation("mlp", examples=[example(0, path(0, 170), path(0, 0), path(0, 0))])
    caption, figure = figures.draw_after_turn([first, second_seed], ["mlp"])
    assert caption == ("video1/user2 from sample 15: predictions after the view has traveled 80 degrees.")
    lines = lines_by_label(figure.axes[0])
    assert lines["mlp"].get_ydata() == pytest.approx([80.0, 90.0, 90.0])
    assert lines_by_label(figure.axes[1])["mlp"].get_ydata() == pytest.approx([0.0, 0.0, 0.0])
    assert PITCH == 1
