"""Time from an answer to the next question, one thread: `voting` and `bayes`, pools of 1000 and 5000 objectives.

    OMP_NUM_THREADS=1 python benchmarks/design_questions.py [--dialogues 20] [--results results]

The pools are of the scenario BW on Abilene, whose designs nearly all differ.
"""

from __future__ import annotations

import time

import numpy as np
import reporting

from netwright.core.seeding import generator
from netwright.synthesis.learners import LearnerFactory, learner_factory
from netwright.synthesis.pool import Pool
from netwright.synthesis.simulate import truth_values
from netwright.synthesis.teachers import Oracle
from netwright.wan.pools import Builder, spec_of

SIZES = (1000, 5000)
N_TRUTHS = 20
QUESTIONS = 6
LEARNERS = ("voting", "bayes:pair", "bayes:strength", "bayes:triple", "bayes:tick", "bayes:auto")
COMMAND = "OMP_NUM_THREADS=1 python benchmarks/design_questions.py --results results"


def seconds_of(make: LearnerFactory, pool: Pool, values: np.ndarray, n_dialogues: int) -> list[float]:
    """Time to take in an answer and find the next question; CPU time, so that other work does not count."""
    make(0)  # the particles
    found = []
    for i in range(n_dialogues):
        teacher, learner = Oracle(values[i % len(values)], pool.counts), make(0)
        query = learner.ask()
        for _ in range(QUESTIONS):
            if query is None:
                break
            answer = teacher.answer(query)
            start = time.process_time()
            learner.tell(query, answer)
            query = learner.ask()
            found.append(time.process_time() - start)
    return found


def main() -> None:
    """Measure, print one JSON document, and write rows if asked to."""
    parser = reporting.parser(__doc__, data=False)
    parser.add_argument("--dialogues", type=int, default=20)
    chosen = parser.parse_args()
    rows = []
    for size in SIZES:
        whole = Builder().obtain(spec_of("bw", "abilene", n=size + N_TRUTHS))
        pool, held_out = whole.split(generator(0, 0), N_TRUTHS)
        values = truth_values("template", pool, held_out, generator(0, 1))
        for name in LEARNERS:
            learner, _, question = name.partition(":")
            make = learner_factory(learner, pool, question=question or "pair")
            seconds = seconds_of(make, pool, values, chosen.dialogues)
            extra = {"p90_ms": 1e3 * float(np.percentile(seconds, 90)), "designs": pool.n_designs}
            median_ms, n = 1e3 * float(np.median(seconds)), len(seconds)
            measured = reporting.Measured(name, "time to the next question", "ms", median_ms, n, extra)
            rows += reporting.rows(f"bw:abilene, pool of {size}", [measured], command=COMMAND)
    reporting.publish([row.to_json() for row in rows], rows, chosen.results)


if __name__ == "__main__":
    main()
