"""Find a design for an operator who is a function: here one that wants 55 % of all traffic carried, soonest.

python examples/design_python.py
"""

from __future__ import annotations

from collections.abc import Sequence

from netwright.synthesis.problem import Design
from netwright.synthesis.queries import Query
from netwright.synthesis.synthesize import synthesize
from netwright.wan.pools import Builder, spec_of


def worth(design: Design) -> float:
    """What the operator would never write down: traffic counts up to 55 %, every millisecond costs a little."""
    throughput_percent, latency_ms = design.metrics
    return min(throughput_percent, 55.0) - 2.0 * latency_ms


def operator(query: Query, designs: Sequence[Design]) -> int:
    """The position of the design that the operator likes best."""
    return max(range(len(designs)), key=lambda i: worth(designs[i]))


def main(objectives: int = 500) -> None:
    """Five questions about designs of Abilene, and what came of them."""
    pool = Builder(progress=print).obtain(spec_of("mcf", "abilene", n=objectives))
    found = synthesize(pool, operator, queries=5)
    best = max((pool.design(d) for d in range(pool.n_designs)), key=worth)
    for name, design in (("recommended", found.metrics), ("best of the pool", best)):
        throughput_percent, latency_ms = design.metrics
        print(
            f"{name}: {throughput_percent:.1f} % of traffic, {latency_ms:.2f} ms, worth {worth(design):.2f}"
        )
    if found.objective is not None:
        print(f"learned: {found.objective['text']}")


if __name__ == "__main__":
    main()
