"""What the documents of trained baselines have in common."""

from __future__ import annotations

from netwright.core.documents import JsonObject, plain
from netwright.core.identity import data_sha256
from netwright.core.results import versions
from netwright.core.types import JsonView
from netwright.tasks.cjs.dataset import CjsData


def described(policy: str, data: CjsData, config: JsonView, seed: int, more: JsonView) -> JsonObject:
    """The entries of `netwright.json` as plain JSON types.

    Args:
        policy: its name.
        data: on which it was trained.
        config: options of its training.
        seed: of its training.
        more: entries of that policy alone, and what its training cost and reached.
    """
    made: JsonObject = plain(
        {
            "task": "cjs",
            "kind": "baseline",
            "role": "baseline",
            "policy": policy,
            "name": policy,
            "seed": seed,
            "config": config,
            "data": {"synthetic": data.synthetic, "sha256": data_sha256(data)},
            **more,
            "versions": versions(),
        }
    )
    return made
