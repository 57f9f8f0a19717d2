"""Stages and their dependencies as arrays of edges: order, cycles, longest paths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def ranges(starts: Ints, counts: Ints) -> Ints:
    """`starts[i], starts[i] + 1, ..` for `counts[i]` numbers each, one after the other."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    found: Ints = np.arange(total, dtype=np.int64) + np.repeat(starts - ends + counts, counts)
    return found


def topological_order(n: int, edges: Ints) -> list[int]:
    """Stages 0..n-1 with parents before children; shorter than n if the edges (m, 2) have a cycle."""
    missing = [0] * n
    children: list[list[int]] = [[] for _ in range(n)]
    for parent, child in edges.tolist():
        children[parent].append(child)
        missing[child] += 1
    order = [stage for stage in range(n) if not missing[stage]]
    for stage in order:  # grows while it is read
        for child in children[stage]:
            missing[child] -= 1
            if not missing[child]:
                order.append(child)
    return order


def cycle(n: int, edges: Ints) -> list[int]:
    """The stages of one cycle, each a parent of the next; empty if there is none."""
    left = set(range(n)) - set(topological_order(n, edges))
    parent_of = {child: parent for parent, child in edges.tolist() if parent in left and child in left}
    if not left:
        return []
    walk = [min(stage for stage in left if stage in parent_of)]
    while parent_of[walk[-1]] not in walk:
        walk.append(parent_of[walk[-1]])
    return walk[walk.index(parent_of[walk[-1]]) :][::-1]


def longest_paths(lengths: Floats, edges: Ints) -> Floats:
    """(n,) length of the longest path from each stage to an end, that stage included; edges without a cycle."""
    paths: Floats = np.array(lengths, dtype=np.float64)
    children: list[list[int]] = [[] for _ in range(len(lengths))]
    for parent, child in edges.tolist():
        children[parent].append(child)
    for stage in reversed(topological_order(len(lengths), edges)):
        paths[stage] += max((paths[child] for child in children[stage]), default=0.0)
    return paths
