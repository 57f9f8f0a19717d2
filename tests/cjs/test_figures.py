"""What happened when: jobs in the system, spans of executors, and the figures made of them."""

from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from hypothesis import given

from netwright.core import registry
from netwright.core.palette import RC
from netwright.core.task import load_attribute
from netwright.experiments.cjs import demo
from netwright.tasks.cjs.baselines.ruled import fair
from netwright.tasks.cjs.cluster import Cluster, Rules
from netwright.tasks.cjs.evaluation import evaluate
from netwright.tasks.cjs.figures import draw_chart, figures, timelines
from netwright.tasks.cjs.settings import CjsConfig
from netwright.tasks.cjs.timeline import Timeline, busiest, spans
from tests.cjs.small import profile, workload, worlds


def ended(made, rules):
    cluster = Cluster(made, Rules(durations="listed", **rules), record=True)
    fair().play(cluster)
    return cluster


def test_tasks_of_one_job_in_a_row_are_one_span():
    made = workload([profile("a", [3], duration_ms=1000.0), profile("b", [1], duration_ms=500.0)])
    cluster = ended(made, {"n_executors": 1, "moving_ms": 0.0})
    assert spans(cluster, 0.0, 1e9).tolist() == [[0, 0, 0, 3000], [0, 1, 3000, 3500]]
    assert spans(cluster, 500.0, 3100.0).tolist() == [[0, 0, 500, 3000], [0, 1, 3000, 3100]]
    assert spans(cluster, 5000.0, 6000.0).shape == (0, 4)


@given(worlds())
def test_spans_hold_the_time_of_all_tasks_and_do_not_overlap(world):
    cluster = ended(*world)
    found = spans(cluster, 0.0, 1e12)
    assert (found[:, 3] - found[:, 2]).sum() == pytest.approx(cluster.busy_ms)
    for executor in np.unique(found[:, 0]):
        own = found[found[:, 0] == executor]
        assert (own[1:, 2] >= own[:-1, 3]).all()


@given(worlds())
def test_the_number_of_jobs_integrates_to_their_times(world):
    cluster = ended(*world)
    timeline = Timeline.from_json(Timeline.of(cluster, "s").to_json())
    times, numbers = timeline.n_active()
    assert numbers.min() == numbers[-1] == 0
    jct_s = (cluster.completion_ms - cluster.workload.arrival_ms).sum() / 1000.0
    assert (numbers[:-1] * np.diff(times)).sum() == pytest.approx(jct_s, abs=0.01)


def test_the_busiest_window_is_the_first_in_which_most_jobs_arrive():
    assert busiest(np.array([0.0, 10.0, 50.0, 55.0, 59.0, 100.0, 105.0, 109.0]), 10.0) == 50.0
    assert busiest(np.array([3.0]), 10.0) == 3.0


def test_a_copy_records_nothing():
    cluster = Cluster(workload([profile("a", [3])]), Rules(n_executors=1), record=True)
    other = cluster.copy()
    fair().play(other)
    assert other.launches.shape == cluster.launches.shape == (0, 4)
    fair().play(cluster)
    assert len(cluster.launches) == 3


@pytest.fixture(scope="module")
def evaluated(generated):
    """Two rules on few jobs; one result as of a replayed history."""
    task = registry.task("cjs")
    setting = replace(task.setting("default"), config=CjsConfig(n_jobs=8, n_executors=6, seeds=(1, 2)))
    made = {name: load_attribute(task.policy(name).factory)() for name in ("fair", "es-rule")}
    return [evaluate(policy, setting, generated, name=name) for name, policy in made.items()]


def test_the_report_shows_jobs_and_executors(evaluated):
    with matplotlib.rc_context(RC):
        drawn = figures(evaluated)
    assert [title for title, _, _ in drawn] == ["Jobs in the system", "Executors by job"]
    assert {text.get_text() for text in drawn[0][2].legends[0].get_texts()} == {"es-rule", "fair"}
    panels = drawn[1][2].axes
    assert len(panels) == 2
    known = timelines(evaluated)
    drawn_s = sum(patch.get_width() for axes in panels for patch in axes.patches)
    assert drawn_s == pytest.approx(sum((t.spans[:, 3] - t.spans[:, 2]).sum() for t in known.values()))
    assert max(patch.get_x() + patch.get_width() for axes in panels for patch in axes.patches) <= 150.0


def test_a_history_is_drawn_beside_its_replay(evaluated):
    past = {"jct_s": [1.0] * 8, "scheduler": "FIFO"}
    replayed = [replace(e, detail={**e.detail, "recorded": past}) for e in evaluated]
    with matplotlib.rc_context(RC):
        title, caption, figure = figures(replayed)[-1]
    assert title == "Recorded and replayed"
    assert "as recorded" in caption
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["recorded", "es-rule", "fair"]


def test_figures_without_details_are_left_out(evaluated):
    assert figures([replace(e, detail={}) for e in evaluated]) == []
    with matplotlib.rc_context(RC):
        assert len(draw_chart(timelines(evaluated[:1])).axes) == 1


def test_the_part_of_the_demonstration(tmp_path, monkeypatch):
    task = registry.task("cjs")
    small = replace(task.setting("unseen1"), config=CjsConfig(n_jobs=5, n_executors=4, seeds=(1, 2)))
    monkeypatch.setattr(type(task), "setting", lambda self, name: small)
    found = demo.run(tmp_path / "out", short=True, progress=lambda line: None)
    assert found.said.startswith("On 4 executors, which are too few for the work that arrives, a job takes")
    assert "under fair and" in found.said
    assert "at most: es-rule" in found.panel.alt
    assert (tmp_path / "out" / "index.html").read_text().count("<svg") >= 6
