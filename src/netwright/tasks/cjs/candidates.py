"""The few decisions worth weighing against each other, compiled: the evolved rule's and variations of it."""

from __future__ import annotations

from netwright.tasks.cjs.compiled import kernel
from netwright.tasks.cjs.rules import Load
from netwright.tasks.cjs.state import NOWHERE, Records, record

MOST = 8  # candidates of a decision

CANDIDATE = record("job stage n demand is_other")
"""A place among the active jobs, a stage as views name it and its demand, executors, whether it is `other`."""


@kernel
def propose(views: Records, load: Load, best: int, found: Records) -> int:
    """Fill in at most `MOST` candidates, the rule's first; gives their number.

    They are: the rule's job with the rule's number of executors, all, half of them, or one, and at its other stage;
    the source's job with all; and the jobs with the next highest scores, with the rule's number or all.

    Args:
        views: of the active jobs, with bids.
        load: of the cluster.
        best: the view that the rule serves.
        found: (MOST,) of `CANDIDATE`.
    """
    every, half = load.committable, (load.committable + 1) // 2
    n = add(views, best, False, views[best].room, found, 0)
    n = add(views, best, False, every, found, n)
    n = add(views, best, True, views[best].room, found, n)
    for a in range(load.n_jobs):
        if views[a].own and a != best and views[a].stage != NOWHERE:
            n = add(views, a, False, every, found, n)
    second = next_best(views, load, best, best)
    n = add(views, second, False, room_of(views, second), found, n)
    n = add(views, second, False, every, found, n)
    third = next_best(views, load, best, second)
    n = add(views, third, False, room_of(views, third), found, n)
    n = add(views, best, False, half, found, n)
    fourth = next_best(views, load, best, third)
    n = add(views, fourth, False, room_of(views, fourth), found, n)
    n = add(views, third, False, every, found, n)
    return add(views, best, False, 1, found, n)


@kernel
def room_of(views: Records, a: int) -> int:
    """Executors that the rule would give a job; 0 for none."""
    return 0 if a == NOWHERE else views[a].room


@kernel
def next_best(views: Records, load: Load, best: int, last: int) -> int:
    """The job whose score comes after another's, or NOWHERE; at equal scores the one that arrived first."""
    found = NOWHERE
    if last == NOWHERE:
        return found
    for a in range(load.n_jobs):
        if a == best or views[a].stage == NOWHERE:
            continue
        after = views[a].score < views[last].score or (views[a].score == views[last].score and a > last)
        if after and (found == NOWHERE or views[a].score > views[found].score):
            found = a
    return found


@kernel
def add(views: Records, a: int, other: bool, n: int, found: Records, at: int) -> int:
    """Put a candidate at a place, unless it is full, there is none or it is there already; gives the next place."""
    if at == MOST or a == NOWHERE:
        return at
    view = views[a]
    stage, demand = (view.other, view.other_demand) if other else (view.stage, view.stage_demand)
    if stage == NOWHERE:
        return at
    n = min(n, demand)
    for i in range(at):
        if found[i].stage == stage and found[i].n == n:
            return at
    one = found[at]
    one.job, one.stage, one.n, one.demand, one.is_other = a, stage, n, demand, other
    return at + 1
