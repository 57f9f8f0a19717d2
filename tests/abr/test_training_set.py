"""Training sessions share nothing with the tests, by content; validation shares no log with training."""

import itertools

import numpy as np
import pytest

from netwright.tasks.abr.dataset import TEST_SETS, log_of
from netwright.tasks.abr.media import Trace
from netwright.tasks.abr.overlap import connected, without_shared
from netwright.tasks.abr.training_set import TrainingSet


def content_windows(traces):
    """The 8-row windows with more than two distinct values, as tuples of text: no hashing, no rounding of ours."""
    found = set()
    for trace in traces:
        rows = [f"{value:.5f}" for value in trace.bandwidths_mbps]
        found |= {tuple(rows[i : i + 8]) for i in range(len(rows) - 7) if len(set(rows[i : i + 8])) > 2}
    return found


def _train(training):
    return list(training.traces.traces)


def _validation(training):
    return [trace for sessions in training.validation() for trace in sessions.traces.traces]


@pytest.mark.parametrize("extra", [False, True])
def test_no_window_of_a_test_set_is_in_training_or_validation(real, extra):
    training = TrainingSet(real, extra=extra)
    tests = content_windows(trace for name in TEST_SETS for trace in real.sets[name])
    assert len(tests) > 50_000
    published = content_windows(real.sets["fcc-train"])
    assert len(tests & published) > 10_000  # the leak is real, and this test can see it
    assert not tests & content_windows(_train(training))
    assert not tests & content_windows(_validation(training))


def test_validation_shares_neither_log_nor_window_with_training(real):
    training = TrainingSet(real)
    train, validation = _train(training), _validation(training)
    assert not content_windows(train) & content_windows(validation)
    assert not {log_of(t.name.split("[")[0]) for t in train} & {
        log_of(t.name.split("[")[0]) for t in validation
    }


def test_cutting_keeps_what_dropping_files_would_lose(real):
    pieces = [piece for cut in real.leak_free["fcc-train"] for piece in cut]
    assert len(pieces) == 242
    assert sum(piece.n_rows for piece in pieces) == 49_099
    assert min(piece.n_rows for piece in pieces) >= 60


def test_generated_data_make_a_training_set_of_their_own(generated):
    training = TrainingSet(generated)
    tests = content_windows(trace for name in TEST_SETS for trace in generated.sets[name])
    assert not tests & content_windows([*_train(training), *_validation(training)])
    assert set(training.provenance()["sources"]) == {"fcc", "norway", "synthetic"}


def _trace(name, values):
    return Trace(name, np.arange(float(len(values))), np.array(values, dtype=float))


def test_shared_windows_are_cut_out_by_hand():
    own, other = np.arange(1.0, 41.0), np.arange(101.0, 141.0)
    mixed = _trace("mixed", [*own[:15], *other[:10], *own[15:30]])
    (pieces,) = without_shared([mixed], [_trace("test", other)], min_rows=10)
    assert [p.name for p in pieces] == ["mixed[0]", "mixed[25]"]
    assert [p.n_rows for p in pieces] == [15, 15]
    assert pieces[1].times_s[0] == 0.0
    assert pieces[1].bandwidths_mbps.tolist() == own[15:30].tolist()
    (short,) = without_shared([mixed], [_trace("test", other)], min_rows=16)
    assert short == []


def test_a_standing_connection_is_no_overlap():
    flat = [5.0] * 20 + [4.0] * 20
    (pieces,) = without_shared([_trace("a", flat)], [_trace("b", flat)], min_rows=10)
    assert [p.n_rows for p in pieces] == [40]


def test_traces_are_connected_by_windows_and_by_names():
    rng = np.random.default_rng(0)
    a, b, c, d = (rng.random(20) for _ in range(4))
    traces = [_trace(str(i), v) for i, v in enumerate((a, [*a[10:], *b], b, c, d))]
    labels = connected(traces, ["p", "q", "r", "s", "s"]).tolist()
    assert labels[0] == labels[1] == labels[2] != labels[3] == labels[4]


def test_sessions_come_from_all_sources_in_their_shares(generated):
    training = TrainingSet(generated)
    sessions = training.sample(np.random.default_rng(0), 4000)
    names = np.array([training.traces.traces[i].name.split("-")[1] for i in sessions.trace_of])
    shares = {name: float((names == name).mean()) for name in ("fcc", "norway", "train")}
    assert shares == pytest.approx({"fcc": 0.35, "norway": 0.25, "train": 0.40}, abs=0.03)
    assert (sessions.scale == 1.0).mean() == pytest.approx(0.2, abs=0.03)
    assert np.abs(np.log(sessions.scale)).max() <= 0.7
    assert sessions.video_of.mean() == pytest.approx(0.5, abs=0.03)
    assert (sessions.start_rows < training.traces.n_rows[sessions.trace_of]).all()
    assert len(np.unique(sessions.start_rows)) > 100


def test_the_same_seed_gives_the_same_sessions(generated):
    one, two = (TrainingSet(generated).sample(np.random.default_rng(5), 50) for _ in range(2))
    for name in ("trace_of", "video_of", "start_rows", "scale"):
        assert (getattr(one, name) == getattr(two, name)).all()


def test_validation_is_fixed_and_fresh(generated):
    training = TrainingSet(generated)
    for one, two in zip(training.validation(), training.validation(), strict=True):
        one.step(np.zeros(one.n, dtype=int))
        assert two.chunk == 1
        assert (one.start_rows == two.start_rows).all()
        assert (one.scale == 1.0).all()


def test_options_choose_sources_and_videos(generated):
    training = TrainingSet(generated, videos=("video1",), synthetic=False)
    assert set(training.provenance()["sources"]) == {"fcc", "norway"}
    assert [v.name for v in training.videos.videos] == ["video1"]
    shares = [s["share"] for s in training.provenance()["sources"].values()]
    assert shares == pytest.approx([0.35 / 0.6, 0.25 / 0.6])


def test_the_published_split_is_kept_under_its_own_name(real):
    training = TrainingSet(real, synthetic=False, published=True)
    assert len(_train(training)) == 235
    tests = content_windows(real.sets["fcc-test"])
    assert tests & content_windows(_train(training))


def test_clean_traces_are_those_of_the_published_list(real, real_folder):
    import json

    listed = json.loads((real_folder / "abr" / "traces" / "fcc-no-train-overlap.json").read_text())
    assert [t.name for t in real.clean("fcc-test")] == listed["netllm-fcc-test"]
    assert [t.name for t in real.clean("fcc-extra")] == listed["genet-fcc-test-extra"]
    assert all(a.name != b.name for a, b in itertools.combinations(real.clean("fcc-test"), 2))


def test_validation_sessions_start_at_evenly_spaced_rows_of_all_traces(generated):
    for sessions in TrainingSet(generated).validation():
        offset, n_videos = sessions.traces.offset, len(sessions.videos.videos)
        assert sessions.n == 60 * n_videos
        assert sessions.video_of.tolist() == list(range(n_videos)) * 60
        for i in range(60):
            row = int(offset[-1] * i / 60)
            trace = max(t for t in range(len(offset) - 1) if offset[t] <= row)
            assert sessions.trace_of[i * n_videos] == trace
            assert sessions.start_rows[i * n_videos] == max(1, row - offset[trace])
