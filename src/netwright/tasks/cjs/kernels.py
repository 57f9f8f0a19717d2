"""The event-driven simulator, compiled; tests pin it to the plain version in `sim`, whose docstring holds the rules.

Numba's disk cache notices a change of the file that holds a compiled function, not of the files that this function
calls: after a change here, delete the `__pycache__` folders of this package.
"""

from __future__ import annotations

import math

from netwright.tasks.cjs.compiled import inlined, kernel
from netwright.tasks.cjs.durations import duration_ms
from netwright.tasks.cjs.state import IDLE, MOVING, NOWHERE, RUNNING, State
from netwright.tasks.cjs.workload import FIRST, FRESH, REST


@inlined
def source_job(s: State) -> int:
    """The job of the source, NOWHERE for the common pool or without a source; it may have completed."""
    return job_of_pool(s, s.cluster[0].source)


@inlined
def job_of_pool(s: State, pool: int) -> int:
    """The job that a pool belongs to, or NOWHERE."""
    n_stages, n_jobs = len(s.stages), len(s.jobs)
    if pool < 0 or pool == n_stages + n_jobs:
        return NOWHERE
    return s.stages[pool].job if pool < n_stages else pool - n_stages


@inlined
def committable(s: State) -> int:
    """Executors of the source that are not committed yet, busy ones included."""
    source = s.cluster[0].source
    return 0 if source == NOWHERE else s.pools[source].size - s.pools[source].out


@inlined
def schedulable(s: State, stage: int) -> bool:
    """Whether a stage of a job that may take executors can be chosen in this round."""
    one = s.stages[stage]
    return one.demand > 0 and one.unsaturated_parents == 0 and one.chosen_round != s.cluster[0].round


@inlined
def takes_executors(s: State, job: int, source: int) -> bool:
    """Whether a job may be given executors while `source` is the source's job."""
    return job == source or s.jobs[job].supply < len(s.executors)


@kernel
def first_schedulable(s: State) -> int:
    """The first stage that can be chosen, by the arrival of its job, or NOWHERE."""
    source = source_job(s)
    for i in range(s.cluster[0].n_active):
        job = s.jobs[i].active
        if s.jobs[job].n_unlaunched_stages > 0 and takes_executors(s, job, source):
            for stage in range(s.jobs[job].first_stage, s.jobs[job].end_stage):
                if schedulable(s, stage):
                    return stage
    return NOWHERE


@kernel
def idle_cluster(s: State) -> bool:
    """Whether nothing runs or moves and this round has committed nothing to a stage: declining would change nothing."""
    return s.cluster[0].n_waiting == 0 and s.cluster[0].committed == 0


@kernel
def start(s: State) -> bool:
    """Let all jobs arrive that are there from the beginning, then as `advance`."""
    while s.cluster[0].n_arrived < len(s.jobs) and s.jobs[s.cluster[0].n_arrived].arrival_ms == 0.0:
        arrive(s)
        s.cluster[0].n_events += 1
    return s.cluster[0].n_active > 0 or advance(s)


@kernel
def advance(s: State) -> bool:
    """Handle events until a decision is needed; False if the episode has ended instead."""
    while next_event(s):
        if committable(s) == 0:
            continue
        if first_schedulable(s) != NOWHERE:
            sum_job_time(s)
            return True
        drop_idle(s)
        s.cluster[0].source = NOWHERE
    sum_job_time(s)
    if s.cluster[0].n_completed == len(s.jobs):
        return False
    wake(s)
    return True


@inlined
def next_event(s: State) -> bool:
    """Handle the earliest event (job arrivals first among those at one time); False if there is none."""
    arriving = s.cluster[0].n_arrived
    arrival_ms = s.jobs[arriving].arrival_ms if arriving < len(s.jobs) else math.inf
    if s.cluster[0].n_waiting == 0:
        if arrival_ms == math.inf:
            return False
        arrive(s)
    else:
        executor = s.heap[0]
        if arrival_ms <= s.executors[executor].time_ms:
            arrive(s)
        else:
            s.cluster[0].now_ms = s.executors[executor].time_ms
            if s.executors[executor].kind == RUNNING:
                finish_task(s, executor)
            else:
                reach_job(s, executor)
    s.cluster[0].n_events += 1
    return True


@kernel
def wake(s: State) -> None:
    """Start a round where no event is left: at the first pool with executors, the common one first."""
    common = len(s.pools) - 1
    s.cluster[0].source = common
    for i in range(s.cluster[0].n_active):
        if s.pools[s.cluster[0].source].size == 0:
            s.cluster[0].source = len(s.stages) + s.jobs[i].active


@kernel
def sum_job_time(s: State) -> None:
    """Add the time of the active jobs since it was last summed."""
    s.cluster[0].job_time_ms += s.cluster[0].n_active * (s.cluster[0].now_ms - s.cluster[0].mark_ms)
    s.cluster[0].mark_ms = s.cluster[0].now_ms


# Events.


@kernel
def arrive(s: State) -> None:
    """The next job arrives."""
    job = s.cluster[0].n_arrived
    s.cluster[0].now_ms = s.jobs[job].arrival_ms
    sum_job_time(s)
    s.jobs[s.cluster[0].n_active].active = job
    s.cluster[0].n_active += 1
    s.cluster[0].n_arrived += 1
    if s.pools[-1].size > 0:
        s.cluster[0].source = len(s.pools) - 1


@kernel
def finish_task(s: State, executor: int) -> None:
    """The first executor of the heap finishes its task: it takes the stage's next one, or is released."""
    stage = s.executors[executor].target
    s.stages[stage].running -= 1
    if s.stages[stage].unlaunched > 0:
        launch(s, executor, stage)
        sift_down(s)
        return
    pop(s)
    s.executors[executor].kind = IDLE
    unlocked = False
    if s.stages[stage].running == 0:
        unlocked = complete_stage(s, stage)
    committed = s.pools[stage].out > 0
    if committed:
        fulfil(s, executor, stage)
    else:
        s.executors[executor].warm = NOWHERE
        if unlocked:
            drop(s, executor)
    if unlocked:
        s.cluster[0].source = len(s.stages) + s.stages[stage].job
    elif not committed:
        s.cluster[0].source = stage


@kernel
def complete_stage(s: State, stage: int) -> bool:
    """All tasks of a stage have finished; whether that unlocks another stage."""
    job = s.stages[stage].job
    unlocked = False
    for i in range(s.stages[stage].first_child, s.stages[stage].end_child):
        child = s.children[i]
        s.stages[child].unfinished_parents -= 1
        unlocked |= s.stages[child].unfinished_parents == 0
    s.jobs[job].n_open_stages -= 1
    if s.jobs[job].n_open_stages == 0:
        complete_job(s, job)
    return unlocked


@kernel
def complete_job(s: State, job: int) -> None:
    """All stages of a job have finished: it leaves, its idle executors become common."""
    pool = len(s.stages) + job
    if s.pools[pool].size > 0:
        for executor in range(len(s.executors)):
            if s.executors[executor].pool == pool:
                drop(s, executor)
    sum_job_time(s)
    s.jobs[job].completion_ms = s.cluster[0].now_ms
    s.cluster[0].n_completed += 1
    s.cluster[0].n_active -= 1
    at = 0
    while s.jobs[at].active != job:
        at += 1
    for i in range(at, s.cluster[0].n_active):
        s.jobs[i].active = s.jobs[i + 1].active


@kernel
def reach_job(s: State, executor: int) -> None:
    """The first executor of the heap arrives at the job of the stage that it was sent to."""
    pop(s)
    stage = s.executors[executor].target
    job = s.stages[stage].job
    s.executors[executor].kind = IDLE
    s.executors[executor].job = job
    s.jobs[job].local += 1
    shift_demand(s, stage, 1)
    place(s, executor, len(s.stages) + job)
    assign(s, executor, stage)


# Decisions.


@kernel
def decide(s: State, stage: int, n: int) -> bool:
    """Commit n executors of the source to a stage (NOWHERE declines), and continue to the next decision.

    An idle cluster cannot decline: its first schedulable stage then gets all committable executors.
    `JOB_TIME_MS` holds the job time that passed. False if the episode has ended.
    """
    s.cluster[0].job_time_ms = 0.0
    s.cluster[0].n_decisions += 1
    if stage == NOWHERE and idle_cluster(s):
        s.cluster[0].n_forced += 1
        stage, n = first_schedulable(s), committable(s)
    if stage != NOWHERE:
        n = min(n, s.stages[stage].demand)
        commit(s, stage, n)
        s.cluster[0].committed += n
        s.stages[stage].chosen_round = s.cluster[0].round
        if committable(s) > 0 and first_schedulable(s) != NOWHERE:
            return True
    end_round(s)
    return advance(s)


@kernel
def end_round(s: State) -> None:
    """Commit what is left to the common pool, and let the idle executors of the source go where they are committed."""
    left = committable(s)
    source = s.cluster[0].source
    if left > 0:
        commit(s, len(s.pools) - 1, left)
    if s.pools[source].size > 0:
        for executor in range(len(s.executors)):
            if s.executors[executor].pool == source and s.executors[executor].kind == IDLE:
                fulfil(s, executor, source)
    s.cluster[0].source = NOWHERE
    s.cluster[0].round += 1
    s.cluster[0].committed = 0


@kernel
def commit(s: State, destination: int, n: int) -> None:
    """Promise n executors of the source to a stage, or to the common pool."""
    source = s.cluster[0].source
    c = s.commitments
    entry = 0
    while entry < s.cluster[0].n_commitments:
        if c[entry].source == source and c[entry].destination == destination:
            break
        entry += 1
    if entry == s.cluster[0].n_commitments:
        c[entry].source, c[entry].destination, c[entry].number = source, destination, 0
        s.cluster[0].n_commitments += 1
    c[entry].number += n
    count_commitment(s, source, destination, n)


@kernel
def count_commitment(s: State, source: int, destination: int, n: int) -> None:
    """Book n more (or, below 0, fewer) commitments between two pools."""
    s.pools[source].out += n
    giver, taker = job_of_pool(s, source), job_of_pool(s, destination)
    if taker != NOWHERE:
        shift_demand(s, destination, -n)
    if taker not in (giver, NOWHERE):
        s.jobs[taker].supply += n
        if giver != NOWHERE:
            s.jobs[giver].promised += n


@kernel
def fulfil(s: State, executor: int, source: int) -> None:
    """An idle executor of a pool goes where the pool's oldest commitment says."""
    c = s.commitments
    entry = 0
    while c[entry].source != source:
        entry += 1
    destination = c[entry].destination
    c[entry].number -= 1
    if c[entry].number == 0:
        s.cluster[0].n_commitments -= 1
        for i in range(entry, s.cluster[0].n_commitments):
            c[i] = c[i + 1]
    count_commitment(s, source, destination, -1)
    if destination == len(s.pools) - 1:
        drop(s, executor)
    else:
        assign(s, executor, destination)


# Executors.


@kernel
def assign(s: State, executor: int, stage: int) -> None:
    """An idle executor starts a task of a stage (or of a backup), waits at the job for it, or moves there."""
    if s.stages[stage].unlaunched == 0:
        stage = backup(s, executor)
        if stage == NOWHERE:
            drop(s, executor)
            return
    job = s.stages[stage].job
    if s.executors[executor].job != job:
        send(s, executor, stage)
    elif s.stages[stage].unfinished_parents > 0:
        s.executors[executor].warm = NOWHERE
        place(s, executor, len(s.stages) + job)
    else:
        place(s, executor, stage)
        launch(s, executor, stage)
        push(s, executor)


@kernel
def backup(s: State, executor: int) -> int:
    """A schedulable stage for an executor that came too late, at its own job if there is one, or NOWHERE."""
    own = s.executors[executor].job
    source = own
    if s.cluster[0].first_backup and own <= 0:  # that code takes job 0 for no job
        source = source_job(s)
    found = NOWHERE
    if own != NOWHERE and s.jobs[own].n_open_stages > 0 and takes_executors(s, own, source):
        found = backup_in(s, own)
    if found != NOWHERE:
        return found
    alone = s.cluster[0].n_active == 0 or (s.cluster[0].n_active == 1 and s.jobs[0].active == own)
    if s.cluster[0].first_backup and alone:  # that code takes no jobs for all jobs
        own = NOWHERE
    for i in range(s.cluster[0].n_active):
        job = s.jobs[i].active if s.cluster[0].first_backup else s.jobs[s.cluster[0].n_active - 1 - i].active
        if job != own and takes_executors(s, job, source):
            found = backup_in(s, job)
            if found != NOWHERE:
                return found
    return NOWHERE


@kernel
def backup_in(s: State, job: int) -> int:
    """The last schedulable stage of a job (or the first one), or NOWHERE."""
    found = NOWHERE
    for stage in range(s.jobs[job].first_stage, s.jobs[job].end_stage):
        if schedulable(s, stage):
            found = stage
            if s.cluster[0].first_backup:
                return found
    return found


@kernel
def send(s: State, executor: int, stage: int) -> None:
    """An idle executor leaves for the job of a stage."""
    old, new = s.executors[executor].job, s.stages[stage].job
    s.pools[s.executors[executor].pool].size -= 1
    s.executors[executor].pool = NOWHERE
    shift_demand(s, stage, -1)
    s.jobs[new].supply += 1
    if old != NOWHERE:
        s.jobs[old].supply -= 1
        leave(s, executor)
    s.executors[executor].kind = MOVING
    s.executors[executor].target = stage
    s.executors[executor].time_ms = s.cluster[0].now_ms + s.cluster[0].moving_ms
    s.cluster[0].sequence += 1
    s.executors[executor].order = s.cluster[0].sequence
    push(s, executor)


@inlined
def launch(s: State, executor: int, stage: int) -> None:
    """An executor at a stage starts its next task; the caller puts its event into the heap."""
    job = s.stages[stage].job
    if s.executors[executor].warm == NOWHERE:
        wave = FRESH
    elif s.executors[executor].warm == stage:
        wave = REST
    else:
        wave = FIRST
    k = s.stages[stage].n_tasks - s.stages[stage].unlaunched
    number = s.cluster[0].n_launches
    took_ms = duration_ms(s, stage, wave, k, s.jobs[job].local)
    s.stages[stage].unlaunched -= 1
    s.stages[stage].running += 1
    if s.stages[stage].unlaunched == 0:
        s.jobs[job].n_unlaunched_stages -= 1
    shift_demand(s, stage, -1)
    s.executors[executor].warm = stage
    s.executors[executor].wave = wave
    s.executors[executor].n_local = s.jobs[job].local
    s.executors[executor].started_ms = s.cluster[0].now_ms
    s.executors[executor].kind = RUNNING
    s.executors[executor].target = stage
    s.stages[stage].last_ms = took_ms
    s.executors[executor].time_ms = s.cluster[0].now_ms + took_ms
    s.cluster[0].sequence += 1
    s.executors[executor].order = s.cluster[0].sequence
    s.cluster[0].busy_ms += took_ms
    if len(s.log):
        s.log[number, 0], s.log[number, 1] = executor, stage
        s.log[number, 2], s.log[number, 3] = s.cluster[0].now_ms, s.executors[executor].time_ms
    s.cluster[0].n_launches += 1


@kernel
def drop_idle(s: State) -> None:
    """The idle executors of the source have nothing to do there."""
    source = s.cluster[0].source
    for executor in range(len(s.executors)):
        if s.executors[executor].pool == source and s.executors[executor].kind == IDLE:
            drop(s, executor)


@kernel
def drop(s: State, executor: int) -> None:
    """An idle executor falls back to its job's pool, or to the common pool if the job has launched all its tasks."""
    job = s.executors[executor].job
    if job == NOWHERE:
        return
    if s.jobs[job].n_unlaunched_stages == 0:
        place(s, executor, len(s.pools) - 1)
        leave(s, executor)  # the job's supply still counts it, as published
    else:
        place(s, executor, len(s.stages) + job)


@kernel
def leave(s: State, executor: int) -> None:
    """An executor is no longer at its job and forgets its last task."""
    s.jobs[s.executors[executor].job].local -= 1
    s.executors[executor].job = NOWHERE
    s.executors[executor].warm = NOWHERE


@kernel
def place(s: State, executor: int, pool: int) -> None:
    """Put an executor into a pool."""
    if s.executors[executor].pool != NOWHERE:
        s.pools[s.executors[executor].pool].size -= 1
    s.executors[executor].pool = pool
    s.pools[pool].size += 1


@inlined
def shift_demand(s: State, stage: int, by: int) -> None:
    """Change a stage's demand; its children learn when it rises above 0 or falls to it."""
    before = s.stages[stage].demand > 0
    s.stages[stage].demand += by
    after = s.stages[stage].demand > 0
    if before != after:
        for i in range(s.stages[stage].first_child, s.stages[stage].end_child):
            s.stages[s.children[i]].unsaturated_parents += 1 if after else -1


# The heap of executors with an event, by time and then by the order in which the events were made.


@inlined
def earlier(s: State, one: int, other: int) -> bool:
    """Whether one executor's event comes before another's."""
    return s.executors[one].time_ms < s.executors[other].time_ms or (
        s.executors[one].time_ms == s.executors[other].time_ms
        and s.executors[one].order < s.executors[other].order
    )


@kernel
def push(s: State, executor: int) -> None:
    """Put an executor's event into the heap."""
    at = s.cluster[0].n_waiting
    s.cluster[0].n_waiting += 1
    while at > 0:
        above = (at - 1) // 2
        if not earlier(s, executor, s.heap[above]):
            break
        s.heap[at] = s.heap[above]
        at = above
    s.heap[at] = executor


@kernel
def pop(s: State) -> None:
    """Remove the first event."""
    s.cluster[0].n_waiting -= 1
    s.heap[0] = s.heap[s.cluster[0].n_waiting]
    if s.cluster[0].n_waiting > 0:
        sift_down(s)


@inlined
def sift_down(s: State) -> None:
    """Put the first executor where it belongs: its event is later than it was."""
    n, at, executor = s.cluster[0].n_waiting, 0, s.heap[0]
    while True:
        below = 2 * at + 1
        if below >= n:
            break
        if below + 1 < n and earlier(s, s.heap[below + 1], s.heap[below]):
            below += 1
        if not earlier(s, s.heap[below], executor):
            break
        s.heap[at] = s.heap[below]
        at = below
    s.heap[at] = executor
