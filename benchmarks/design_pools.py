"""Seconds to build pools of (objective, optimal design), one core, and over two processes. Prints one JSON document.

    python benchmarks/design_pools.py [--data ../shared/data] [--only mcf:abilene ..] [--results results]

CPU seconds are given beside wall seconds, as other work on the machine disturbs only the latter. Rows of the pools
that were measured replace those of the same pools; the others stay. Memory is the largest of the run so far.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import reporting

from netwright.core.results import ResultRow, write_rows
from netwright.execution import executor
from netwright.wan import registry
from netwright.wan.chunks import Work
from netwright.wan.instance import build, load_topology
from netwright.wan.pools import Builder, spec_of

COMMAND = "python benchmarks/design_pools.py --data ../shared/data --results results"
SIZE = 1000
JOBS = (
    *(
        "mcf:abilene",
        "bw:abilene",
        "nf:abilene",
        "mcf:tinet",
        "bw:tinet",
        "nf:tinet",
        "mcf:deltacom",
        "mcf:ion",
    ),
    *("2:bw:tinet", "2:nf:tinet"),
    *("1:nf:ion", "1:nf:deltacom", "1:bw:deltacom", "1:bw:ion"),
)


def cpu_seconds() -> float:
    """Of this process and of its workers that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def pool_figures(name: str, n: int, data: Path | None, workers: int = 1) -> dict[str, float]:
    """Build one pool in an empty folder."""
    scenario, topology = name.split(":")
    chosen = executor("processes", workers) if workers > 1 else executor("serial")
    spec = spec_of(scenario, topology, n=n, data=data)
    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.perf_counter(), cpu_seconds()
        pool = Builder(chosen, data, Path(folder)).obtain(spec)
        wall, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    found = pool.provenance
    return {
        "cpu_seconds": cpu,
        "wall_seconds": wall,
        "n_designs": pool.n_designs,
        "effective_optima": pool.effective_optima(),
        "solves": found["report"]["solves"],
        "violation_max": found["report"]["violation_max"],
        "cold_gap_max": found["report"]["cold_gap_max"],
        "memory_peak_mib": found["memory_peak_mib"],
    }


def optimum_figures(name: str, data: Path | None) -> dict[str, float]:
    """One optimum, from the instance at hand to the allocation."""
    scenario_name, topology = name.split(":")
    scenario = registry.scenario(scenario_name)
    instance = build(scenario.config(topology, load_topology(topology, data)), data)
    family = scenario.family(scenario.metrics(instance), scenario.reference(instance, Work()))
    parameters = family.sample(np.random.default_rng(0), 3)
    cpu, wall = [], []
    for row in parameters:
        began, used = time.perf_counter(), cpu_seconds()
        scenario.decide(instance, family, row)
        wall.append(time.perf_counter() - began)
        cpu.append(cpu_seconds() - used)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    return {"cpu_seconds": max(cpu), "wall_seconds": max(wall), "memory_peak_mib": peak}


def row(setting: str, subject: str, figures: dict[str, float], n: int) -> ResultRow:
    """One line of results; CPU seconds are its value."""
    extra = {key: value for key, value in figures.items() if key != "cpu_seconds"}
    measured = reporting.Measured(subject, "time", "CPU s", figures["cpu_seconds"], n, extra)
    return reporting.rows(setting, [measured], command=COMMAND)[0]


def measure(job: str, data: Path | None) -> tuple[ResultRow, dict[str, float]]:
    """One job: a pool ("mcf:abilene"), a pool over two processes ("2:bw:cwix"), or an optimum ("1:nf:ion")."""
    kind, name = (job[0], job[2:]) if job[1] == ":" else ("", job)
    if kind == "1":
        figures = optimum_figures(name, data)
        return row("design: slowest of three optima, one core", name, figures, 3), figures
    figures = pool_figures(name, SIZE, data, workers=2 if kind == "2" else 1)
    if kind == "":
        return row(f"design: pool of {SIZE}, one core", name, figures, SIZE), figures
    alone = pool_figures(name, SIZE, data)["wall_seconds"]
    figures |= {"wall_seconds_one_process": alone, "times_faster": alone / figures["wall_seconds"]}
    return row(f"design: pool of {SIZE}, two processes", name, figures, SIZE), figures


def main() -> None:
    """Measure what is asked for, print it, and write rows if asked to."""
    parser = reporting.parser(__doc__)
    parser.add_argument("--only", nargs="+", default=JOBS, help="jobs such as mcf:abilene 2:bw:cwix 1:nf:ion")
    chosen = parser.parse_args()
    pool_figures("bw:b4", 5, chosen.data)  # compile and import outside of what is timed
    report = {}
    for job in chosen.only:
        line, report[job] = measure(job, chosen.data)
        print(f"{job}: {line.value:.1f} CPU s", file=sys.stderr, flush=True)
        if chosen.results:
            same = {"command": COMMAND, "setting": line.setting, "subject": line.subject}
            write_rows(chosen.results / "speed.jsonl", [line], replaces=same)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
