"""The loss by which trained policies are chosen: JCT against a reference policy on the same job sequences."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from netwright.core.seeding import generator
from netwright.tasks.cjs.baselines.compiled_policy import CompiledPolicy
from netwright.tasks.cjs.cluster import Cluster
from netwright.tasks.cjs.graphs import Floats


class RelativeJct:
    """Mean logarithm of JCT over that of a reference policy.

    Args:
        clusters: before their first decision; copies of them are played.
        reference: what policies are compared with.
        workers: threads that play, for policies without random decisions; by default this one.
    """

    def __init__(
        self,
        clusters: Sequence[Cluster],
        reference: CompiledPolicy,
        workers: ThreadPoolExecutor | None = None,
    ) -> None:
        self.clusters = clusters
        self._map = map if workers is None else workers.map
        self._reference = self._log_jct([reference])

    def losses(self, policies: Sequence[CompiledPolicy]) -> Floats:
        """(P,) the loss of each policy."""
        found: Floats = (self._log_jct(policies) - self._reference).mean(axis=1)
        return found

    def loss(self, policy: CompiledPolicy) -> float:
        """The loss of one policy."""
        return float(self.losses([policy])[0])

    def _log_jct(self, policies: Sequence[CompiledPolicy]) -> Floats:
        """(P, clusters)."""
        pairs = [(policy, cluster) for policy in policies for cluster in self.clusters]
        return np.reshape(list(self._map(log_jct, *zip(*pairs, strict=True))), (len(policies), -1))


def log_jct(policy: CompiledPolicy, start: Cluster) -> float:
    """Logarithm of the mean JCT (ms) of a copy of a cluster, the policy reset by the seed of its durations."""
    cluster = start.copy()
    policy.reset(generator(cluster.seed, 0))
    policy.play(cluster)
    return float(np.log(cluster.jct_ms.mean()))
