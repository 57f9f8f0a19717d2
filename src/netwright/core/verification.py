"""Result of replaying recorded results through our own code: the largest difference of each field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from netwright.core.types import Json


@dataclass(frozen=True)
class Verification:
    """One golden file, replayed.

    Attributes:
        largest: largest absolute difference of each field; infinite where one side is not finite.
        tolerance: largest difference that passes.
        counts: number of items compared, such as sessions and rows.
    """

    path: Path
    largest: Mapping[str, float]
    tolerance: float
    counts: Mapping[str, int]

    @property
    def passed(self) -> bool:
        """Whether every field differs by at most the tolerance."""
        return all(value <= self.tolerance for value in self.largest.values())

    def to_json(self) -> Json:
        """A document of plain types; an infinite difference becomes null."""
        return {
            "file": str(self.path),
            "passed": self.passed,
            "tolerance": self.tolerance,
            "largest_difference": {k: v if math.isfinite(v) else None for k, v in self.largest.items()},
            **self.counts,
        }
