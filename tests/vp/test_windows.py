import numpy as np
import pytest

from netwright.core.errors import ConfigError, DataError
from netwright.tasks.vp.dataset import TraceSet
from netwright.tasks.vp.settings import SETTINGS, VpConfig
from netwright.tasks.vp.windows import Observation, check_finite, cut, front_deg, single, windows


def counted(*lengths: int) -> TraceSet:
    """Traces whose angles count their rows: sample i of trace t is (i, t, 0)."""
    parts = [np.stack([np.arange(n), np.full(n, t), np.zeros(n)], axis=1) for t, n in enumerate(lengths)]
    rows = np.concatenate(parts).astype(float)
    ids = np.arange(len(lengths))
    return TraceSet("T", rows, rows[:, 0] / 5, np.concatenate([[0], np.cumsum(lengths)]), ids + 1, ids + 10)


@pytest.mark.parametrize("config", [VpConfig(), VpConfig(history=20, horizon=30), VpConfig(step=1)])
def test_windows_are_those_of_the_published_loop(config):
    traces = counted(120, 90, 91, 58, 105, 106)
    got = cut(traces, np.arange(traces.n_traces), config)
    expected = [
        (t, start)
        for t, n in enumerate(traces.lengths)
        for start in range(config.trim_head, n - config.trim_tail, config.step)
    ]
    assert list(zip(got.trace.tolist(), got.start.tolist(), strict=True)) == expected
    for i, (t, start) in enumerate(expected):
        assert got.seen_deg()[i, :, 0].tolist() == list(range(start - config.history, start))
        assert got.future_deg()[i, :, 0].tolist() == list(range(start, start + config.horizon))
        assert (got.seen_deg()[i, :, 1] == t).all()
        assert (got.future_deg()[i, :, 1] == t).all()
        assert got.last_deg()[i].tolist() == [start - 1, t, 0]


def test_taking_windows_keeps_the_rest(generated):
    every = windows(generated, VpConfig(), crowd=True)
    few = every.take(np.array([5, 2]))
    assert len(few) == 2
    assert few.crowd is every.crowd
    assert (few.future_deg() == every.future_deg()[[5, 2]]).all()


def test_too_short_traces_are_named():
    with pytest.raises(DataError, match=r"T: no trace of the split has the 91 samples"):
        cut(counted(90, 30), np.arange(2), VpConfig())


@pytest.mark.parametrize(
    "change", [{"history": 0}, {"horizon": 0}, {"step": 0}, {"history": 31}, {"horizon": 61}]
)
def test_windows_that_cannot_be_are_refused(change):
    with pytest.raises(ConfigError, match=r"VpConfig\.\w+ must be at least"):
        VpConfig(**change)


def test_the_crowd_holds_training_viewers_at_their_own_samples(generated):
    got = windows(generated, VpConfig(), crowd=True)
    split = generated.splits["Jin2022"]
    assert got.crowd.users.tolist() == list(split.users["train"])
    trace = int(np.flatnonzero((got.traces.video == 8) & (got.traces.user == 3))[0])
    place = int(np.flatnonzero(got.crowd.users == 3)[0])
    seen = got.crowd.angles_deg[got.crowd.video_index[8], :, :, place]
    assert seen == pytest.approx(got.traces.trace(trace), abs=1e-4)  # kept in single precision


def test_a_front_is_known_where_training_viewers_agree(generated):
    for name, expected in (("Jin2022", 90.0), ("Wu2017", None)):
        split = generated.splits[name]
        found = front_deg(generated.sets[name], split.users["train"], split.videos["train"])
        assert found == expected if expected is None else found == pytest.approx(expected, abs=15.0)


def test_one_observation_is_the_same_window(generated):
    batch = windows(generated, SETTINGS["unseen1"].config)
    session = batch.traces.trace(int(batch.trace[3]))[: batch.start[3]]
    alone = single(Observation(angles_deg=session, horizon=30, history=20, front_deg=batch.front_deg))
    assert (alone.seen_deg()[0] == batch.seen_deg()[3]).all()
    assert (alone.last_deg()[0] == batch.last_deg()[3]).all()
    assert (alone.history, alone.horizon, alone.front_deg) == (20, 30, batch.front_deg)
    assert alone.crowd is None


def test_the_others_of_an_observation_are_its_crowd():
    others = np.random.default_rng(0).uniform(-90, 90, (4, 50, 3))
    got = single(Observation(angles_deg=np.zeros((12, 3)), horizon=5, others_deg=others))
    index = got.crowd.video_index[int(got.traces.video[0])]
    assert got.crowd.angles_deg[index, 7, :, 2] == pytest.approx(others[2, 7], abs=1e-4)
    assert got.traces.user[0] not in got.crowd.users


@pytest.mark.parametrize("shape", [(9, 3), (12, 2), (36,)])
def test_observations_of_a_wrong_shape_are_refused(shape):
    with pytest.raises(DataError, match=r"observation: angles_deg must be \(samples, 3\) with at least 10"):
        single(Observation(angles_deg=np.zeros(shape), horizon=5))


@pytest.mark.parametrize("wrong", [{"horizon": 0}, {"horizon": -1}, {"horizon": 5, "history": 0}])
def test_observations_that_ask_for_no_sample_are_refused(wrong):
    with pytest.raises(DataError, match="at least 1 sample"):
        single(Observation(angles_deg=np.zeros((12, 3)), **wrong))


def test_others_of_a_wrong_shape_are_refused():
    with pytest.raises(DataError, match=r"others_deg must be \(viewers, samples, 3\)"):
        single(Observation(angles_deg=np.zeros((12, 3)), horizon=5, others_deg=np.zeros((12, 3))))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_named_where_it_is_seen(value):
    traces = counted(100, 120)
    chosen = cut(traces, np.arange(2), VpConfig())
    traces.angles_deg[100 + 40, 1] = value
    with pytest.raises(DataError, match=r"T/video2/user11: sample 40 holds NaN or infinity"):
        check_finite(chosen)
    early = chosen.take(np.flatnonzero(chosen.start <= 30))
    check_finite(early)
    check_finite(early, ahead=10)
    with pytest.raises(DataError, match="sample 40"):
        check_finite(early, ahead=11)


@pytest.mark.parametrize(
    ("setting", "split", "n_traces", "n_windows"),
    [
        ("default", "train", 630, 8820),
        ("default", "valid", 126, 1754),
        ("default", "test", 108, 1450),
        ("unseen2", "train", 150, 16530),
        ("unseen2", "valid", 18, 999),
        ("unseen2", "test", 18, 1395),
        ("unseen3", "test", 18, 1395),
    ],
)
def test_real_windows_are_as_many_as_published(real, setting, split, n_traces, n_windows):
    config = SETTINGS[setting].config
    got = windows(real, VpConfig(config.dataset, config.history, config.horizon, split))
    chosen = real.splits[config.dataset].traces(real.sets[config.dataset], split)
    assert (len(chosen), len(got)) == (n_traces, n_windows)
