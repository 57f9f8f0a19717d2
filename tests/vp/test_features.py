"""What learned models are shown: causal, turning and mirroring with the viewer, and without the viewer's own trace."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import DataError
from netwright.tasks.vp import features
from netwright.tasks.vp.angles import PITCH, ROLL, YAW, wrapped_deg
from netwright.tasks.vp.dataset import TraceSet, VpData
from netwright.tasks.vp.examples import Examples, changes_deg
from netwright.tasks.vp.images import image_features
from netwright.tasks.vp.recipes import RECIPES
from netwright.tasks.vp.settings import SETTINGS
from netwright.tasks.vp.windows import Observation, Windows, build_crowd, single, windows

ALL = ("motion", "summary", "past", "crowd")
CLOSE = 2e-4  # single precision, after sums over whole sessions


@pytest.fixture(scope="module")
def chosen(generated: VpData) -> Windows:
    every = windows(generated, SETTINGS["unseen1"].config, crowd=True)
    return replace(every.take(np.arange(0, len(every), 7)), front_deg=25.0)


def with_angles(chosen: Windows, angles: np.ndarray, crowd: np.ndarray | None = None) -> Windows:
    old = chosen.traces
    traces = TraceSet(old.name, angles, old.time_s, old.offset, old.video, old.user)
    assert chosen.crowd is not None
    known = chosen.crowd if crowd is None else replace(chosen.crowd, angles_deg=crowd.astype(np.float32))
    return replace(chosen, traces=traces, crowd=known)


def assert_same(a: features.Arrays, b: features.Arrays) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_allclose(a[name], b[name], atol=CLOSE, err_msg=name)


def test_shapes_and_types(chosen: Windows) -> None:
    made = features.observe(chosen, ALL)
    n = len(chosen)
    assert {k: v.shape for k, v in made.items()} == {
        "motion": (n, 20, features.SIZES["motion"]),
        "summary": (n, features.SIZES["summary"]),
        "past": (n, features.SIZES["past"]),
        "crowd": (n, len(features.CROSS_USER_STEPS), features.SIZES["crowd"]),
    }
    assert all(v.dtype == np.float32 and np.isfinite(v).all() for v in made.values())


def test_nothing_at_or_after_the_start_is_read(chosen: Windows) -> None:
    few = chosen.take(np.arange(0, len(chosen), 9))
    before = features.observe(few, ALL)
    for i in range(len(few)):
        one = few.take(np.array([i]))
        angles = few.traces.angles_deg.copy()
        end = few.traces.offset[few.trace[i] + 1]
        angles[few.row[i] : end] = np.random.default_rng(i).uniform(-80, 80, (end - few.row[i], 3))
        after = features.observe(with_angles(one, angles), ALL)
        assert_same({k: v[i : i + 1] for k, v in before.items()}, after)


def test_strict_inputs_read_nothing_before_the_history(chosen: Windows) -> None:
    few = chosen.take(np.arange(0, len(chosen), 9))
    before = features.observe(few, ("motion", "summary"))
    for i in range(len(few)):
        one = few.take(np.array([i]))
        angles = few.traces.angles_deg.copy()
        first = few.traces.offset[few.trace[i]]
        angles[first : few.row[i] - few.history] = 55.0
        after = features.observe(with_angles(one, angles), ("motion", "summary"))
        assert_same({k: v[i : i + 1] for k, v in before.items()}, after)


def test_the_shown_part_of_a_history_is_all_that_counts(chosen: Windows) -> None:
    ten = np.full(len(chosen), 10)
    short = replace(chosen, history=10)
    assert_same(features.observe(chosen, ALL, history=ten), features.observe(short, ALL))


@settings(max_examples=15)
@given(turn=st.floats(-400, 400))
def test_turning_everything_changes_nothing(chosen: Windows, turn: float) -> None:
    assert chosen.crowd is not None
    angles = chosen.traces.angles_deg.copy()
    angles[:, YAW] = wrapped_deg(angles[:, YAW] + turn)
    crowd = chosen.crowd.angles_deg.astype(float)
    crowd[:, :, YAW] = wrapped_deg(crowd[:, :, YAW] + turn)
    turned = replace(with_angles(chosen, angles, crowd), front_deg=25.0 + turn)
    a, b = features.observe(chosen, ALL), features.observe(turned, ALL)
    same = np.abs(a["past"] - b["past"]) < 5e-3  # a direction at the half turn may jump from +2 to -2
    assert same.mean() > 0.999
    for name in ("motion", "summary"):
        np.testing.assert_allclose(a[name], b[name], atol=5e-3, err_msg=name)
    assert (np.abs(a["crowd"] - b["crowd"]) < 5e-3).mean() > 0.999


def test_mirroring_the_world_is_what_the_augmentation_does(chosen: Windows) -> None:
    assert chosen.crowd is not None
    angles = chosen.traces.angles_deg * np.array([-1.0, 1.0, -1.0])
    crowd = chosen.crowd.angles_deg * np.array([-1.0, 1.0, -1.0])[:, None]
    world = replace(with_angles(chosen, angles, crowd), front_deg=-25.0)
    mirrored = np.ones(len(chosen), dtype=bool)
    assert_same(features.observe(chosen, ALL, mirrored=mirrored), features.observe(world, ALL))
    change = features.residual(chosen, 20, mirrored)
    np.testing.assert_allclose(change, features.residual(world, 20), atol=1e-9)


def test_a_hidden_front_leaves_no_trace(chosen: Windows) -> None:
    hidden = np.ones(len(chosen), dtype=bool)
    told = features.observe(chosen, ("summary",))["summary"]
    untold = features.observe(chosen, ("summary",), front_hidden=hidden)["summary"]
    unknown = features.observe(replace(chosen, front_deg=None), ("summary",))["summary"]
    np.testing.assert_array_equal(untold, unknown)
    assert not np.array_equal(told, untold)


def test_a_young_session_is_not_continued_into_another(generated: VpData) -> None:
    """With fewer samples than the crowd's memory, nothing is read across the session's beginning."""
    config = replace(SETTINGS["default"].config, history=3, trim_head=3)
    every = windows(generated, config, crowd=True)
    young = every.take(np.flatnonzero((every.start < 10) & (every.trace > 0))[:5])
    angles = young.traces.angles_deg.copy()
    for beginning in young.traces.offset[young.trace]:
        angles[beginning - 12 : beginning] = 5.0
    inputs = ("motion", "summary", "past", "crowd")
    assert_same(
        features.observe(young, inputs),
        features.observe(with_angles(young, angles), inputs),
    )


def test_the_crowd_never_holds_the_viewer(generated: VpData) -> None:
    config = replace(SETTINGS["default"].config, split="train")
    every = windows(generated, config, crowd=True)
    few = every.take(np.arange(0, len(every), 11))
    before = features.observe(few, ("crowd",))["crowd"]
    assert few.crowd is not None
    for i in range(0, len(few), 3):
        place = int(np.flatnonzero(few.crowd.users == few.traces.user[few.trace[i]])[0])
        crowd = few.crowd.angles_deg.copy()
        crowd[:, :, :, place] = 77.0
        other = replace(few, crowd=replace(few.crowd, angles_deg=crowd)).take(np.array([i]))
        np.testing.assert_allclose(features.observe(other, ("crowd",))["crowd"][0], before[i], atol=1e-5)


def test_the_crowd_is_of_training_viewers_only(generated: VpData) -> None:
    for name, traces in generated.sets.items():
        split = generated.splits[name]
        crowd = build_crowd(traces, split.users["train"])
        assert set(crowd.users) == set(split.users["train"])
        assert not set(crowd.users) & {*split.users["valid"], *split.users["test"]}


def test_viewers_who_all_look_one_way_pull_there(generated: VpData) -> None:
    angles = np.zeros((60, 3))
    others = np.zeros((12, 80, 3))
    others[:, :, YAW] = 40.0
    made = features.observe(single(Observation(angles, 20, others_deg=others)), ("crowd",))["crowd"]
    by_kernel = made.reshape(1, len(features.CROSS_USER_STEPS), 8, 7)
    direction = by_kernel[0, :, 6, 0] * 90.0  # of everybody
    np.testing.assert_allclose(direction, 40.0, atol=0.1)


def test_a_crowd_model_without_a_crowd_says_so(chosen: Windows) -> None:
    with pytest.raises(DataError, match="others_deg"):
        features.observe(replace(chosen, crowd=None), ("crowd",))


def test_examples_are_the_training_split_and_scaled_to_about_one(generated: VpData) -> None:
    examples = Examples(RECIPES["crowd"].config, generated)
    inputs, target = examples.batch(np.random.default_rng(0), 400)
    assert target.shape == (400, 30, 3)
    assert {len(v) for v in inputs.values()} == {400}
    np.testing.assert_allclose(np.abs(target).mean(), 1.0, atol=0.15)
    for name, chosen in examples.training.items():
        split = generated.splits[name]
        assert set(chosen.traces.user[chosen.trace]) <= set(split.users["train"])
        assert set(chosen.traces.video[chosen.trace]) <= set(split.videos["train"])
    again, _ = examples.batch(np.random.default_rng(0), 400)
    assert_same(inputs, again)


def test_validation_is_the_metric_on_validation_windows(generated: VpData) -> None:
    examples = Examples(RECIPES["strict"].config, generated)
    still = examples.validate(lambda inputs: np.zeros((len(inputs["motion"]), 30, 3)))
    expected = []
    for name in ("default", "unseen1"):
        chosen = windows(generated, replace(SETTINGS[name].config, split="valid"))
        expected.append(np.abs(wrapped_deg(chosen.future_deg() - chosen.last_deg()[:, None])).mean())
    assert still == pytest.approx(np.mean(expected))


def test_beyond_the_longest_horizon_the_viewport_stays() -> None:
    answer = np.cumsum(np.ones((1, 30, 3)), axis=1)
    change = changes_deg(answer, np.full((30, 3), 2.0, dtype=np.float32), 40)
    assert change.shape == (1, 40, 3)
    assert (change[0, 29:] == 60.0).all()


def test_image_features_are_those_of_the_last_frame_seen(generated: VpData) -> None:
    chosen = windows(generated, SETTINGS["default"].config)
    frames = {
        int(v): np.full((500, 4), v, np.float32) + np.arange(500, dtype=np.float32)[:, None] / 1000
        for v in np.unique(chosen.traces.video)
    }
    shown = replace(chosen, traces=replace(chosen.traces, frames=frames))
    image = image_features(4, shown)["image"]
    expected = chosen.traces.video[chosen.trace] + (chosen.start - 1) / 1000
    np.testing.assert_allclose(image[:, 0], expected, rtol=1e-5)
    assert image_features(0, shown) == {}
    with pytest.raises(DataError, match="needs image features of shape"):
        image_features(4, chosen)
    with pytest.raises(DataError, match="they have shape"):
        image_features(5, shown)


def test_axes_are_where_features_expect_them() -> None:
    assert (ROLL, PITCH, YAW) == (0, 1, 2)
