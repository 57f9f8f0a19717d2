"""Make the Spark event log that the tests of cluster scheduling read, with PySpark in local mode.

    python -m venv spark && spark/bin/pip install pyspark      # Java 17 or later; about a minute for the log
    spark/bin/python tools/make_event_log.py tests/cjs/event_log.jsonl.gz

The application runs a query with adaptive execution, one without, two jobs at a time, a job that reuses the shuffle of
an earlier one, a task that fails once, and a job that fails. Lines are kept as Spark writes them, except that the
description of the machine is dropped (classpath, system properties, host, user).

    spark/bin/python tools/make_event_log.py --unpack LOG FILE.jsonl    # a log that Spark compressed (lz4, zstd, ..)
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

ABOUT_THE_MACHINE = (
    "JVM Information",
    "Hadoop Properties",
    "System Properties",
    "Classpath Entries",
    "Metrics Properties",
)
KEPT_PROPERTIES = (
    "spark.app.name",
    "spark.master",
    "spark.scheduler.mode",
    "spark.task.cpus",
    "spark.executor.cores",
)
UNUSED = (
    "SparkListenerTaskStart",
    "SparkListenerTaskGettingResult",
    "org.apache.spark.sql.execution.ui.SparkListenerDriverAccumUpdates",
    "org.apache.spark.sql.execution.ui.SparkListenerSQLAdaptiveExecutionUpdate",
    "org.apache.spark.sql.execution.ui.SparkListenerSQLAdaptiveSQLMetricUpdates",
)
"""Events that make the file larger and that no reader of the project looks at."""


def session(folder: str) -> Any:
    """A Spark session with three slots, whose tasks may fail once, and which logs into a folder."""
    from pyspark.sql import SparkSession

    options = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": Path(folder).as_uri(),
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
        "spark.sql.shuffle.partitions": "6",
        "spark.sql.autoBroadcastJoinThreshold": "-1",
        "spark.scheduler.mode": "FIFO",
    }
    builder = SparkSession.builder.appName("event log of the tests").master("local[3,2]")
    for name, value in options.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def query(spark: Any, adaptive: bool) -> None:
    """A join of two aggregations."""
    spark.conf.set("spark.sql.adaptive.enabled", str(adaptive).lower())
    one = spark.range(0, 200_000, 1, 4).selectExpr("id % 97 as k", "id as v").groupBy("k").sum("v")
    other = spark.range(0, 50_000, 1, 3).selectExpr("id % 89 as k", "id as w").groupBy("k").count()
    one.join(other, "k").orderBy("k").collect()


def slow_count(context: Any, n_tasks: int, seconds: float) -> None:
    """A job with a shuffle whose tasks take a while."""

    def work(rows: Any) -> Any:
        import time

        time.sleep(seconds)
        return ((row % 5, 1) for row in rows)

    context.parallelize(range(60), n_tasks).mapPartitions(work).reduceByKey(lambda a, b: a + b, 4).collect()


def failing_once(context: Any) -> None:
    """A job of which one task fails at its first attempt."""

    def work(index: int, rows: Any) -> Any:
        from pyspark import TaskContext

        if index == 1 and TaskContext.get().attemptNumber() == 0:
            raise ValueError("on purpose")
        return rows

    context.parallelize(range(9), 3).mapPartitionsWithIndex(work).count()


def application(folder: str) -> Path:
    """Run everything; the path of the log."""
    spark = session(folder)
    context = spark.sparkContext
    context.setLogLevel("OFF")
    query(spark, adaptive=True)
    query(spark, adaptive=False)
    both = [threading.Thread(target=slow_count, args=(context, n, s)) for n, s in ((7, 0.2), (2, 0.1))]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    pairs = context.parallelize(range(40), 4).map(lambda row: (row % 5, row)).groupByKey(3)
    pairs.count()
    pairs.mapValues(len).collect()  # the shuffle is there already: its stage is skipped
    failing_once(context)
    try:
        context.parallelize(range(4), 2).map(lambda row: row // 0).count()
    except Exception as error:
        print(f"failed, as it should: {type(error).__name__}", file=sys.stderr)
    spark.stop()
    (log,) = Path(folder).iterdir()
    return log


def shortened(line: str) -> str | None:
    """A line without what describes the machine; None for one that is dropped."""
    event = json.loads(line)
    if event["Event"] in UNUSED:
        return None
    if event["Event"] == "SparkListenerEnvironmentUpdate":
        for part in ABOUT_THE_MACHINE:
            event[part] = {}
        event["Spark Properties"] = {
            name: value for name, value in event["Spark Properties"].items() if name in KEPT_PROPERTIES
        }
        line = json.dumps(event, separators=(",", ":"))
    user = os.environ.get("USER") or "root"
    return line.replace(f'"User":"{user}"', '"User":"user"').rstrip("\n")


def unpacked(log: Path) -> bytes:
    """The lines of a log that Spark compressed, read by Spark itself."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    java = spark._jvm
    path = java.org.apache.hadoop.fs.Path(log.absolute().as_uri())
    system = path.getFileSystem(spark._jsc.hadoopConfiguration())
    stream = java.org.apache.spark.deploy.history.EventLogFileReader.openEventLog(path, system)
    content = bytes(java.org.apache.commons.io.IOUtils.toByteArray(stream))
    spark.stop()
    return content


def main() -> None:
    """Write the log, gzipped if its name ends so."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--unpack", type=Path, metavar="LOG", help="only decompress this log")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    if given.unpack:
        content = unpacked(given.unpack)
    else:
        with tempfile.TemporaryDirectory() as folder:
            lines = application(folder).read_text(encoding="utf-8").splitlines()
        content = "".join(f"{kept}\n" for line in lines if (kept := shortened(line))).encode()
    given.out.write_bytes(gzip.compress(content, 9, mtime=0) if given.out.suffix == ".gz" else content)


if __name__ == "__main__":
    main()
