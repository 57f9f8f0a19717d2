"""Link weights for a network of one's own: from an edge list to OSPF weights as CSV.

python examples/design_own_network.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from netwright.wan.exporting import write_design
from netwright.wan.pools import Builder, instance_of, read_decision, spec_of
from netwright.wan.registry import scenario

NETWORK = """# from to capacity latency_ms
lyon paris 10 2.1
paris london 10 1.9
london dublin 5 2.6
paris frankfurt 10 2.4
frankfurt milan 10 2.6
milan lyon 5 2.2
dublin lyon 5 5.3
"""


def main(folder: str = "own-network", objectives: int = 200) -> None:
    """Build a pool, take the design that most objectives want, and write its weights."""
    out = Path(folder)
    out.mkdir(exist_ok=True)
    (out / "network.txt").write_text(NETWORK)
    path = out / "pool.parquet"
    pool = Builder().obtain(spec_of("ospf", str(out / "network.txt"), n=objectives), path)
    favorite = int(np.argmax(pool.counts))
    weights = read_decision(path, int(pool.design_ids[favorite]))
    if weights is None:
        sys.exit("the pool keeps no weights")
    utilization_percent, latency_ms = pool.design(favorite).metrics
    print(f"{pool.n_designs} designs; {pool.counts[favorite] / len(pool):.0%} of objectives want this one:")
    print(f"fullest link {utilization_percent:.1f} %, latency {latency_ms:.2f} ms")
    tables = scenario("ospf").export(instance_of(pool), weights)
    for file in write_design(out, {"metrics": [utilization_percent, latency_ms]}, tables):
        print(f"written: {file}")


if __name__ == "__main__":
    main()
