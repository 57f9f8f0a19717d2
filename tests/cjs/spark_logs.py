"""Spark event logs written by hand: only the entries that are read."""

import json

BEGAN_MS = 1_700_000_000_000


def application(name="app-1", mode="FIFO", cpus=1):
    return [
        {"Event": "SparkListenerLogStart", "Spark Version": "4.0.0"},
        {"Event": "SparkListenerApplicationStart", "App ID": name, "Timestamp": BEGAN_MS},
        {
            "Event": "SparkListenerEnvironmentUpdate",
            "Spark Properties": {"spark.scheduler.mode": mode, "spark.task.cpus": str(cpus)},
        },
    ]


def executor(name, at_ms=0, cores=2):
    info = {"Host": "h", "Total Cores": cores}
    return _event(
        "ExecutorAdded", {"Timestamp": BEGAN_MS + at_ms, "Executor ID": name, "Executor Info": info}
    )


def removal(name, at_ms):
    return _event("ExecutorRemoved", {"Timestamp": BEGAN_MS + at_ms, "Executor ID": name})


def job_start(job, at_ms, stages, query=None):
    """Stages as (number, parents, tasks, last RDD)."""
    infos = [
        {"Stage ID": s, "Parent IDs": list(parents), "Number of Tasks": n, "RDD Info": [{"RDD ID": rdd}]}
        for s, parents, n, rdd in stages
    ]
    properties = {} if query is None else {"spark.sql.execution.root.id": query}
    return _event(
        "JobStart",
        {
            "Job ID": job,
            "Submission Time": BEGAN_MS + at_ms,
            "Stage Infos": infos,
            "Stage IDs": [s[0] for s in stages],
            "Properties": properties,
        },
    )


def job_end(job, at_ms, result="JobSucceeded"):
    return _event(
        "JobEnd", {"Job ID": job, "Completion Time": BEGAN_MS + at_ms, "Job Result": {"Result": result}}
    )


def stage_end(stage, n=0):
    info = {"Stage ID": stage, "Parent IDs": [], "Number of Tasks": n}
    return _event("StageCompleted", {"Stage Info": info})


def task(stage, partition, from_ms, to_ms, executor="1", reason="Success", speculative=False):
    return _event(
        "TaskEnd",
        {
            "Stage ID": stage,
            "Stage Attempt ID": 0,
            "Task End Reason": {"Reason": reason},
            "Task Info": {
                "Index": partition,
                "Partition ID": partition,
                "Launch Time": BEGAN_MS + from_ms,
                "Finish Time": BEGAN_MS + to_ms,
                "Executor ID": executor,
                "Speculative": speculative,
            },
        },
    )


def _event(name, entries):
    return {"Event": f"SparkListener{name}", **entries}


def small():
    """Two jobs: one of two stages on an executor of two slots, one of a single task."""
    return [
        *application(),
        executor("1"),
        job_start(0, 100, [(0, (), 2, 10), (1, (0,), 1, 11)]),
        task(0, 0, 110, 1110),
        task(0, 1, 110, 2110),
        stage_end(0, 2),
        job_start(1, 2000, [(2, (), 1, 20)]),
        task(1, 0, 2110, 2610),
        stage_end(1, 1),
        job_end(0, 2700),
        task(2, 0, 2200, 2300),
        job_end(1, 3000),
    ]


def text(events):
    return "".join(json.dumps(event) + "\n" for event in events)


def write(path, events):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(events))
    return path
