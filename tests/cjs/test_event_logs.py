"""Spark event logs: what a real one and those written by hand become, and what is refused."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netwright.cli.main import main
from netwright.core import notes
from netwright.core.errors import DataError, NetwrightError
from netwright.core.reading import stream_lines
from netwright.datasets.check import check
from netwright.tasks.cjs.baselines.ruled import fifo
from netwright.tasks.cjs.cluster import Cluster, Rules
from netwright.tasks.cjs.event_log import logs_in, read_event_log
from netwright.tasks.cjs.history import past_jobs, read_history
from netwright.tasks.cjs.own_jobs import own_jobs, read_own
from netwright.tasks.cjs.workload import FIRST, FRESH, REST, Workload
from tests.cjs.spark_logs import (
    application,
    executor,
    job_end,
    job_start,
    removal,
    small,
    stage_end,
    task,
    text,
    write,
)

REAL = Path(__file__).parent / "event_log.jsonl.gz"


def jobs_of(path):
    return {job.name: job for job in past_jobs(read_event_log((path,)))}


def said(path):
    with notes.collected(lambda line: None):
        read_history(path)
        return notes.so_far()[0]


# The log of a real application (tools/make_event_log.py).


def test_a_real_log_becomes_its_jobs():
    jobs = jobs_of(REAL)
    assert list(jobs) == ["query 0", "query 1", "job 7", "job 8", "job 9", "job 10", "job 11"]
    n_tasks = {
        name: [len(stage.tasks) for stage in job.stages.values()]
        for name, job in jobs.items()
        if "job" in name
    }
    assert n_tasks == {"job 7": [2, 4], "job 8": [7, 4], "job 9": [4, 3], "job 10": [3], "job 11": [3]}
    # Five Spark jobs of adaptive execution are one query; job 10 reuses the shuffle of job 9, which is another job.
    assert sorted(jobs["query 0"].edges) == [(0, 4), (0, 7), (1, 4), (1, 7), (4, 7), (7, 11)]
    assert (17, 18) in jobs["query 1"].edges
    assert (14, 17) in jobs["query 1"].edges  # by the order of the two Spark jobs, not by data
    assert jobs["job 10"].edges == frozenset()


def test_a_real_log_is_a_workload_with_its_record():
    found = read_history(REAL)
    assert found.recorded is not None
    assert found.recorded.n_executors == 3
    assert found.recorded.jct_s.tolist() == [7.902, 2.147, 11.303, 12.545, 1.08, 0.448, 0.682]
    assert found.arrival_ms.tolist() == [0.0, 9526.0, 11867.0, 11892.0, 24599.0, 25882.0, 26530.0]
    cluster = Cluster(found, Rules(3, 0.0, "hashed"), 1)
    fifo().play(cluster)
    assert np.isfinite(cluster.completion_ms).all()


def test_what_is_left_out_of_a_real_log_is_said_in_a_line():
    line = said(REAL)
    assert "7 jobs, 18 stages, 65 tasks, recorded under FIFO" in line
    assert "ignored: 1 failed job, 5 failed or killed tasks, 10 skipped stages, the driver's own time" in line
    assert "assumed: 3 executors with one task each" in line
    assert "\n" not in line


def test_a_history_is_replayed_beside_its_record(tmp_path, capsys):
    place = tmp_path / "cjs" / "jobs"
    place.mkdir(parents=True)
    (place / REAL.name).write_bytes(REAL.read_bytes())
    words = [
        "test",
        "cjs",
        "--policy",
        "es-rule",
        "--data",
        str(tmp_path),
        "--set",
        f"jobs={REAL.name}",
        "--json",
    ]
    assert main(words) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    detail = document["detail"]
    assert document["config"]["n_executors"] == 3
    assert not document["config"]["synthetic"]
    assert detail["recorded_jct"] == pytest.approx(np.mean(detail["recorded"]["jct_s"]))
    assert detail["saved_percent"] == pytest.approx(100.0 * (1.0 - document["mean"] / detail["spark_jct"]))
    assert "against fifo, Spark's own order, in the same replay" in printed.err
    assert main([*words[:3], "fifo", *words[4:], "--set", "cluster=given", "--set", "n_executors=7"]) == 0
    other = json.loads(capsys.readouterr().out)
    assert other["config"]["n_executors"] == 7
    assert other["detail"]["saved_percent"] == pytest.approx(0.0, abs=1e-9)
    assert check(tmp_path, ["cjs"]).errors == []
    (place / REAL.name).write_bytes(REAL.read_bytes()[:20_000])
    (finding,) = check(tmp_path, ["cjs"]).errors
    assert REAL.name in finding.place


def test_a_folder_of_own_jobs_has_no_profiles_to_draw(tmp_path, capsys):
    write(tmp_path / "cjs" / "jobs" / "mine.jsonl", small())
    assert main(["test", "cjs", "--policy", "fair", "--data", str(tmp_path)]) == 2
    assert "holds no job profiles to draw from; choose jobs of your own" in capsys.readouterr().err


# Logs written by hand.


def test_jobs_stages_and_times(tmp_path):
    found = read_history(write(tmp_path / "log", small()))
    assert found.names == ("job 0", "job 1")
    assert found.arrival_ms.tolist() == [0.0, 1900.0]
    assert found.stages["n_tasks"].tolist() == [2, 1, 1]
    assert found.stages["mean_ms"].tolist() == [1500.0, 500.0, 100.0]
    assert found.stages["unfinished_parents"].tolist() == [0, 1, 0]
    assert found.recorded.jct_s.tolist() == [2.6, 1.0]
    assert found.recorded.n_executors == 2


def test_a_stage_that_another_job_of_the_query_made_is_its_parent(tmp_path):
    log = [
        *application(),
        executor("1"),
        job_start(0, 0, [(0, (), 1, 5)], query=3),
        task(0, 0, 0, 10),
        job_end(0, 20),
        job_start(
            1, 15, [(1, (), 1, 5), (2, (1,), 1, 6)], query=3
        ),  # stage 1 is stage 0 again; before job 0 ended
        task(2, 0, 30, 40),
        job_end(1, 50),
        job_start(2, 60, [(3, (), 1, 5), (4, (3,), 1, 7)]),  # of no query: its input is there
        task(4, 0, 60, 70),
        job_end(2, 80),
    ]
    jobs = jobs_of(write(tmp_path / "log", log))
    assert jobs["query 3"].edges == {(0, 2)}
    assert jobs["job 2"].edges == frozenset()
    assert "2 skipped stages" in said(tmp_path / "log")


def test_a_stage_without_tasks_passes_its_parents_through(tmp_path):
    stages = [(0, (), 1, 1), (1, (0,), 0, 2), (2, (1,), 1, 3)]
    log = [
        executor("1"),
        job_start(0, 0, stages),
        task(0, 0, 0, 1),
        stage_end(0, 1),
        stage_end(1),
        task(2, 0, 1, 2),
    ]
    (job,) = jobs_of(write(tmp_path / "log", [*log, job_end(0, 3)])).values()
    assert job.edges == {(0, 2)}


def test_spark_jobs_of_a_query_wait_for_those_that_had_ended(tmp_path):
    log = [*application(), executor("1")]
    for job, (began, ended) in enumerate([(0, 10), (2, 20), (12, 30), (40, 50)]):
        log += [
            job_start(job, began, [(job, (), 1, job)], query=0),
            task(job, 0, began, ended),
            job_end(job, ended),
        ]
    log.sort(key=lambda e: e.get("Submission Time", e.get("Completion Time", 0)))
    tasks = [e for e in log if e["Event"].endswith("TaskEnd")]
    log = [e for e in log if e not in tasks]
    starts = [e for e in log if e["Event"].endswith("JobStart")]
    rest = [e for e in log if e not in starts]
    (job,) = jobs_of(write(tmp_path / "log", [*starts, *tasks, *rest])).values()
    assert job.edges == {(0, 2), (1, 3), (2, 3)}  # 0 before 3 follows


def test_only_the_first_success_of_a_partition_counts(tmp_path):
    log = [
        *application(),
        executor("1"),
        job_start(0, 0, [(0, (), 2, 0)]),
        task(0, 0, 0, 5, reason="FetchFailed"),
        task(0, 0, 6, 16),
        task(0, 0, 7, 99),
        task(0, 1, 0, 40, speculative=True),
        task(0, 1, 0, 41, reason="TaskKilled"),
        task(0, 1, 0, 42, reason="TaskKilled", speculative=True),
        job_end(0, 50),
    ]
    path = write(tmp_path / "log", log)
    assert read_history(path).stages["mean_ms"].tolist() == [25.0]
    assert "2 failed or killed tasks, 1 repeated task, 1 speculative task" in said(path)


def test_durations_by_how_an_executor_came_to_the_task(tmp_path):
    log = [*application(), executor("1", cores=1), job_start(0, 0, [(0, (), 11, 0), (1, (0,), 10, 1)])]
    log += [task(0, i, 10 * i, 10 * i + (9 if i else 5)) for i in range(11)]
    log += [task(1, i, 200, 203, executor=f"cold {i}") for i in range(10)]
    found = read_history(write(tmp_path / "log", [*log, job_end(0, 300)]))
    rows = found.durations.lists
    assert rows[0, REST, 0]["length"] == 10
    assert rows[0, FIRST, 0]["length"] == 11  # too few by itself: those of all
    assert rows[1, FRESH, 0]["length"] == 10


def test_executors_are_the_mean_while_jobs_are_active(tmp_path):
    log = [
        *application(cpus=2),
        executor("1", 0, cores=5),
        job_start(0, 1000, [(0, (), 1, 0)]),
        task(0, 0, 1000, 2000),
        executor("2", 2000, cores=8),
        executor("2", 2000, cores=8),
        removal("2", 3000),
        removal("3", 3000),
        job_end(0, 3000),
        executor("4", 5000, cores=200),
    ]
    path = write(tmp_path / "log", log)
    assert read_history(path).recorded.n_executors == 4  # 2 for a second, 6 for another
    assert "4 executors (their mean while jobs were active; at most 102)" in said(path)


def test_a_log_without_executors_has_as_many_as_tasks_ran_at_once(tmp_path):
    log = [
        job_start(0, 0, [(0, (), 3, 0)]),
        *(task(0, i, 0, 100, executor=str(i)) for i in range(3)),
        job_end(0, 100),
    ]
    assert read_history(write(tmp_path / "log", log)).recorded.n_executors == 3


def test_failed_and_unfinished_jobs_are_left_out(tmp_path):
    log = [
        *small(),
        job_start(2, 4000, [(3, (), 1, 3)]),
        job_end(2, 4100, "JobFailed"),
        job_start(3, 5000, []),
    ]
    path = write(tmp_path / "log", log)
    assert read_history(path).n_jobs == 2
    assert "1 failed job, 1 unfinished job" in said(path)


# Files.


def test_a_gzipped_log_and_a_rolled_one_read_as_the_plain_one(tmp_path):
    events = small()
    plain = write(tmp_path / "plain", events)
    packed = tmp_path / "log.jsonl.gz"
    packed.write_bytes(gzip.compress(text(events).encode()))
    rolled = tmp_path / "eventlog_v2_app-1"
    write(rolled / "events_1_app-1", events[:5])
    write(rolled / "events_2_app-1", events[5:9])
    write(rolled / "events_10_app-1", [])
    write(rolled / "events_10_app-1", events[9:])
    for number in range(3, 10):
        write(rolled / f"events_{number}_app-1", [])
    write(rolled / "appstatus_app-1", [])
    wanted = read_history(plain)
    for path in (packed, rolled):
        found = read_history(path)
        assert found.names == wanted.names
        assert found.durations.values.tolist() == wanted.durations.values.tolist()
    (rolled / "events_2_app-1").unlink()
    with pytest.raises(DataError, match=r"eventlog_v2_app-1: lacks the part events_2_"):
        read_history(rolled)
    write(rolled / "events_2_app-1.compact", events[:9])
    assert [p.name for p in logs_in(rolled)[0]][:2] == ["events_2_app-1.compact", "events_3_app-1"]
    assert read_history(rolled).names == wanted.names


def test_a_folder_of_logs_is_one_history(tmp_path):
    write(tmp_path / "logs" / "one", small())
    other = small()
    other[1] = {**other[1], "App ID": "app-2"}
    write(tmp_path / "logs" / "eventlog_v2_app-2" / "events_1_app-2", other)
    found = read_history(tmp_path / "logs")
    assert sorted(found.names) == ["app-1 job 0", "app-1 job 1", "app-2 job 0", "app-2 job 1"]
    assert found.recorded.n_executors == 4


def test_logs_and_job_files_are_told_apart_by_what_they_hold(tmp_path):
    jobs = {"format_version": 1, "jobs": [{"name": "a", "arrival_s": 0.0, "stages": [
        {"name": "s", "tasks": 1, "duration_s": 1.0}]}]}  # fmt: skip
    (tmp_path / "mine.json").write_text(json.dumps(jobs))
    write(tmp_path / "spark.json", small())
    write(tmp_path / "application_17_1", small())
    (tmp_path / ".hidden").write_text("")
    found = own_jobs(tmp_path)
    assert list(found) == ["application_17_1", "mine", "spark"]
    assert [read_own(path).n_jobs for path in found.values()] == [2, 1, 2]


@pytest.mark.parametrize(
    ("name", "content", "how"),
    [
        ("app.zstd", b"\x28\xb5\x2f\xfd\x00\x01", "zstd -d"),
        ("app.zstd.inprogress", b"\x28\xb5\x2f\xfd\x00", "zstd -d"),
        ("app.lz4", b"LZ4Block\x25\x00", "Spark itself"),
        ("app", b"LZ4Block\x25\x00", "Spark itself"),
        ("app.snappy", b"\x82SNAPPY\x00", "Spark itself"),
    ],
)
def test_a_log_that_spark_compressed_is_refused_with_the_way_to_unpack_it(tmp_path, name, content, how):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"is compressed .*{how}.*spark.eventLog.compress=false"):
        read_own(path)


@pytest.mark.parametrize(
    ("line", "change", "sentence"),
    [
        (5, lambda e: e.pop("Job ID"), "lacks Job ID"),
        (5, lambda e: e.update({"Job ID": -1}), "Job ID should be greater"),
        (
            5,
            lambda e: e["Stage Infos"][1].update({"Parent IDs": [7]}),
            "stage 1 has the parent 7, which is no stage",
        ),
        (6, lambda e: e.update({"Stage ID": 9}), "names stage 9, which no job before has listed"),
        (6, lambda e: e["Task Info"].update({"Finish Time": 5}), "finishes before its launch"),
        (6, lambda e: e["Task Info"].update({"Launch Time": 1.5}), "Task Info.Launch Time"),
        (6, lambda e: e["Task Info"].update({"Executor ID": 1}), "Task Info.Executor ID"),
        (9, lambda e: e.update({"Job ID": 0}), "job 0 starts a second time"),
        (12, lambda e: e.update({"Job ID": 5}), "job 5 ends, but it is not running"),
        (14, lambda e: e.update({"Job ID": 0}), "job 0 ends, but it is not running"),
        (12, lambda e: e.update({"Completion Time": 5}), "job 0 ends before it was submitted"),
        (4, lambda e: e["Executor Info"].update({"Total Cores": None}), "Executor Info.Total Cores"),
        (1, lambda e: e.update({"Event": 5}), "not an event of Spark"),
    ],
)
def test_a_log_that_contradicts_itself_is_refused_by_its_line(tmp_path, line, change, sentence):
    events = small()
    change(events[line - 1])
    path = write(tmp_path / "log", events)
    with pytest.raises(DataError, match=sentence) as raised:
        read_history(path)
    assert str(raised.value).startswith(f"{path}:{line}: ")


def without_tasks():
    return [job_start(0, 0, [(0, (), 1, 0)]), job_end(0, 1)]


def in_a_circle():
    stages = [(0, (1,), 1, 0), (1, (0,), 1, 1)]
    return [job_start(0, 0, stages), task(0, 0, 0, 1), task(1, 0, 0, 1), job_end(0, 1)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "holds no job of Spark"),
        (b"[1]\n", ":1: not an event of Spark"),
        (b'{"Event":"SparkListenerJobStart","Job ID":', r":1: not valid JSON"),
        (b'{"Event":"SparkListenerJobEnd","Job ID":NaN}', r":1: not valid JSON \(NaN"),
        (b"\xff\xfe\n", r":1: not valid JSON"),
        (text([*application(), *without_tasks()]).encode(), "no job that succeeded with"),
        (text(in_a_circle()).encode(), "stages [01] -> [01] -> [01] wait for each other"),
    ],
)
def test_a_file_that_is_no_log_is_refused_in_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "log"
    path.write_bytes(content)
    with pytest.raises(DataError, match=sentence) as raised:
        read_history(path)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_streams_are_bounded(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(b"\xef\xbb\xbfone\n\n two \n")
    assert list(stream_lines(path)) == [(1, b"one"), (3, b"two")]
    path.write_bytes(b"x" * 50)
    with pytest.raises(DataError, match=":1: a line has more than 40 bytes"):
        list(stream_lines(path, longest=40))
    path.write_bytes(gzip.compress(b"abc\n" * 1000))
    with pytest.raises(DataError, match="contains more than 500 bytes"):
        list(stream_lines(path, limit=500))
    path.write_bytes(gzip.compress(b"abc\n" * 1000)[:-9])
    with pytest.raises(DataError, match="cannot be read"):
        list(stream_lines(path))


TASKS_MS = st.lists(st.integers(0, 500), min_size=1, max_size=4)


@st.composite
def past(draw):
    """Jobs in any order of time: their stages with parents among those before, and durations of their tasks."""
    n = draw(st.integers(1, 4))
    return [
        [
            (draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else set(), draw(TASKS_MS))
            for i in range(draw(st.integers(1, 5)))
        ]
        for _ in range(n)
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(past(), st.randoms(use_true_random=False))
def test_a_written_history_is_read_back(tmp_path, jobs, shuffler):
    events, stage, arrivals = [*application(), executor("1", cores=3)], 0, []
    for number, stages in enumerate(jobs):
        numbers = range(stage, stage + len(stages))
        infos = [
            (numbers[i], [numbers[p] for p in parents], len(tasks), numbers[i])
            for i, (parents, tasks) in enumerate(stages)
        ]
        arrivals.append(shuffler.randrange(10_000))
        ends = [
            task(numbers[i], k, arrivals[-1], arrivals[-1] + took)
            for i, (_, tasks) in enumerate(stages)
            for k, took in enumerate(tasks)
        ]
        shuffler.shuffle(ends)
        events += [job_start(number, arrivals[-1], infos), *ends, job_end(number, arrivals[-1] + 501)]
        stage += len(stages)
    found = read_history(write(tmp_path / "log", events))
    assert isinstance(found, Workload)
    assert (found.arrival_ms == np.sort(arrivals) - min(arrivals)).all()
    for place, name in enumerate(found.names):
        stages = jobs[int(name.removeprefix("job "))]
        rows = slice(found.jobs["first_stage"][place], found.jobs["end_stage"][place])
        assert found.stages["n_tasks"][rows].tolist() == [len(tasks) for _, tasks in stages]
        assert found.stages["unfinished_parents"][rows].tolist() == [len(parents) for parents, _ in stages]
        assert found.stages["mean_ms"][rows].tolist() == pytest.approx(
            [np.mean(tasks) for _, tasks in stages]
        )


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_value_is_read_or_refused_in_a_sentence(tmp_path, data):
    """A hostile generator: any value of any event in place of another one, and any order of the events."""
    events = json.loads(json.dumps(data.draw(st.permutations(small()) | st.just(small()))))
    event = data.draw(st.sampled_from(events))
    for _ in range(data.draw(st.integers(0, 3))):
        inner = [value for value in event.values() if isinstance(value, dict) and value]
        event = data.draw(st.sampled_from(inner)) if inner else event
    odd = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(max_size=3)
        | st.just([{}])
    )
    event[data.draw(st.sampled_from(sorted(event)))] = data.draw(odd)
    path = write(tmp_path / "log", events)
    try:
        assert read_history(path).n_jobs >= 1
    except NetwrightError as error:
        assert str(error).startswith(str(path))
        assert "\n" not in str(error)
