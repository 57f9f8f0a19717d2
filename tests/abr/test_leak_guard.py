"""The leak guards on generated data with planted overlaps: they find each, and leave alone what is no overlap.

Checked by an independent comparison of rows as text, as in `test_training_set`.
"""

import numpy as np
import pytest

from netwright.core.errors import DataError
from netwright.tasks.abr.dataset import AbrData, log_of
from netwright.tasks.abr.generator import ROUGH, SLOW, synth_traces, synth_video
from netwright.tasks.abr.media import Trace
from netwright.tasks.abr.overlap import connected, without_shared
from netwright.tasks.abr.training_set import TrainingSet
from tests.abr.test_training_set import content_windows

N_ROWS = 240
TESTS = ("fcc-test", "norway-test", "synthetic-test")
TRAINING = ("fcc-train", "fcc-extra", "norway-train")


def fresh(prefix, n, seed, ranges=SLOW):
    """Traces that share nothing with any others, but the names."""
    return [
        Trace(t.name, t.times_s[:N_ROWS], t.bandwidths_mbps[:N_ROWS] + 1e-3 * np.arange(N_ROWS))
        for t in synth_traces(prefix, n, seed=seed, ranges=ranges)
    ]


def named(trace, name):
    return Trace(name, trace.times_s, trace.bandwidths_mbps)


def planted(trace, at, source, begin, n):
    """The trace with `n` rows of another, from `begin` on, in place of its own from `at` on."""
    values = trace.bandwidths_mbps.copy()
    values[at : at + n] = source.bandwidths_mbps[begin : begin + n]
    return Trace(trace.name, trace.times_s, values)


@pytest.fixture(scope="module")
def leaky():
    """Every training set holds rows of every test set; two training logs are cut twice."""
    tests = {name: fresh(f"t-{name}", 4, 10 + i) for i, name in enumerate(TESTS)}
    train = {
        name: fresh(f"n-{name}", 24, 20 + i, ROUGH if name == "norway-train" else SLOW)
        for i, name in enumerate(TRAINING)
    }
    for name in TRAINING:
        for k, test in enumerate(TESTS):
            train[name][k] = planted(train[name][k], 100, tests[test][k], 50, 30)  # a cut in the middle
            train[name][3 + k] = named(tests[test][3], f"whole-{name}-{test}")  # a whole file
        a = train[name][6]
        train[name][7] = planted(train[name][7], 0, a, 120, 60)  # the same log, cut twice
        train[name][8] = named(train[name][8], "000_trace_777_http---www.a.com_0")
        train[name][9] = named(train[name][9], "000_trace_777_http---www.b.com_5")  # one unit, other rows
    tests["fcc-test"][0] = named(tests["fcc-test"][0], "fcc-test-0")
    videos = {v: synth_video(v, np.random.default_rng(i)) for i, v in enumerate(("video1", "video2"))}
    sets = {name: tuple(traces) for name, traces in (tests | train).items()}
    return AbrData(sets=sets, videos=videos, start_rows={}, source="planted", synthetic=True)


def sessions_traces(training):
    return list(training.traces.traces), [t for s in training.validation() for t in s.traces.traces]


@pytest.mark.parametrize("extra", [False, True])
def test_no_window_of_any_test_set_is_left(leaky, extra):
    train, validation = sessions_traces(TrainingSet(leaky, extra=extra, synthetic=False))
    for name in TESTS:
        tests = content_windows(leaky.sets[name])
        for other in TRAINING if extra else ("fcc-train", "norway-train"):
            assert len(tests & content_windows(leaky.sets[other])) >= 23  # the leak is there, and can be seen
        assert not tests & content_windows(train)
        assert not tests & content_windows(validation)


def test_validation_shares_neither_window_nor_log_with_training(leaky):
    for extra in (False, True):
        train, validation = sessions_traces(TrainingSet(leaky, extra=extra, synthetic=False))
        assert train
        assert validation
        assert not content_windows(train) & content_windows(validation)
        logs = [{log_of(t.name.split("[")[0]) for t in traces} for traces in (train, validation)]
        assert not logs[0] & logs[1]


def test_validation_takes_no_more_than_its_share(leaky):
    sources = TrainingSet(leaky, synthetic=False).provenance()["sources"]
    for found in sources.values():
        rows = found["train_rows"], found["validation_rows"]
        assert 0 < rows[1] <= 0.15 * sum(rows)


@pytest.mark.parametrize("name", TRAINING)
def test_only_what_is_shared_is_cut_out(leaky, name):
    pieces = leaky.leak_free[name]
    for k in range(3):
        assert [p.n_rows for p in pieces[k]] == [100, N_ROWS - 130]
        whole = leaky.sets[name][k].bandwidths_mbps
        assert pieces[k][0].bandwidths_mbps.tolist() == whole[:100].tolist()
        assert pieces[k][1].bandwidths_mbps.tolist() == whole[130:].tolist()
        assert pieces[k][1].times_s[0] == 0.0
        assert pieces[3 + k] == ()
    for k in range(6, 24):
        assert [p.n_rows for p in pieces[k]] == [N_ROWS]


def test_pieces_below_a_minute_are_dropped():
    test, train = fresh("t", 1, 1)[0], fresh("n", 1, 2)[0]
    cut = planted(train, 59, test, 0, 20)
    cut = planted(cut, 139, test, 100, 20)
    data = AbrData(
        sets={"fcc-test": (test,), "fcc-train": (cut,)}, videos={}, start_rows={}, source="planted"
    )
    assert [p.n_rows for p in data.leak_free["fcc-train"][0]] == [60, 81]


def test_eight_rows_are_an_overlap_and_seven_are_none():
    test, own = fresh("t", 1, 1)[0], fresh("n", 1, 2)[0]
    assert len(without_shared([planted(own, 50, test, 90, 8)], [test], min_rows=1)[0]) == 2
    assert len(without_shared([planted(own, 50, test, 90, 7)], [test], min_rows=1)[0]) == 1


def test_windows_of_two_values_tell_nothing_and_of_three_they_do():
    own, other = ([*np.arange(100.0, 120.0) + shift] for shift in (0.0, 500.0))
    for core, n_pieces in (([5.0] * 4 + [6.0] * 4, 1), ([5.0] * 4 + [6.0] * 3 + [7.0], 2)):
        one, two = (
            Trace(n, np.arange(48.0), np.array([*v, *core, *v])) for n, v in (("a", own), ("b", other))
        )
        assert len(without_shared([one], [two], min_rows=1)[0]) == n_pieces


def test_rounding_is_to_five_digits():
    test, own = fresh("t", 1, 1)[0], fresh("n", 1, 2)[0]
    for shift, n_pieces in ((2e-6, 2), (2e-5, 1)):
        rounded = Trace(test.name, test.times_s, np.round(test.bandwidths_mbps, 5))
        near = planted(own, 50, Trace("x", test.times_s, rounded.bandwidths_mbps + shift), 90, 20)
        assert len(without_shared([near], [rounded], min_rows=1)[0]) == n_pieces


def test_clean_traces_share_neither_window_nor_log():
    test = fresh("t", 4, 1)
    train = fresh("n", 3, 2)
    train[0] = planted(train[0], 30, test[0], 60, 8)
    train[1] = named(train[1], "000_trace_42_http---www.a.com_0")
    test[1] = named(test[1], "test_fcc_trace_42_http---www.b.com_9")
    test[2] = named(test[2], "test_fcc_trace_43_http---www.b.com_9")
    sets = {"fcc-train": tuple(train), "fcc-test": tuple(test)}
    data = AbrData(sets=sets, videos={}, start_rows={}, source="planted")
    assert [t.name for t in data.clean("fcc-test")] == [test[2].name, test[3].name]
    leaking = AbrData(
        sets={"fcc-train": tuple(test), "fcc-test": tuple(test)}, videos={}, start_rows={}, source="planted"
    )
    with pytest.raises(DataError, match="every trace of 'fcc-test' overlaps"):
        leaking.clean("fcc-test")


def test_the_published_split_is_kept_as_it_is(leaky):
    training = TrainingSet(leaky, synthetic=False, published=True)
    train, validation = sessions_traces(training)
    assert train == list(leaky.sets["fcc-train"])
    assert content_windows(train) & content_windows(leaky.sets["fcc-test"])
    assert validation == list(leaky.sets["fcc-train"])  # there is no published validation set here


def test_logs_join_over_a_third():
    a, b, c, d = fresh("x", 4, 3)
    b = planted(b, 10, a, 100, 8)
    labels = connected([a, b, c, d], ["p", "q", "q", "r"]).tolist()
    assert labels[0] == labels[1] == labels[2] != labels[3]
