"""The state as an adapted model reads it: a summary, of one size for every ladder, and a row for each rung.

Everything is made from an `Observation` alone, so that a model reads only what a player can measure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.core.array_files import Arrays, RawArray
from netwright.tasks.abr.observation import HISTORY, Observation
from netwright.tasks.abr.state_features import (
    COLUMNS,
    RUNGS,
    RUNGS_LAYOUT,
    SUMMARY,
    SUMMARY_LAYOUT,
    n_numbers,
    program_of,
    slices,
)
from netwright.tasks.abr.state_parts import fill_inputs

Floats = NDArray[np.float32]

SUMMARY_SLICES: Mapping[str, slice] = slices(SUMMARY)
N_SUMMARY, N_RUNG = n_numbers(SUMMARY), n_numbers(RUNGS)
_PROGRAMS = program_of(SUMMARY_LAYOUT), program_of(RUNGS_LAYOUT)


@dataclass(frozen=True)
class StateInputs:
    """What a model reads of B states: (B, 110) and (B, L, 22)."""

    summary: Floats
    rungs: Floats


def columns(observation: Observation) -> Arrays:
    """The fields that an experience keeps, in single precision."""
    return {name: np.asarray(getattr(observation, name), dtype=np.float32) for name in COLUMNS}


def state_inputs(kept: Mapping[str, RawArray], memory: int = HISTORY) -> StateInputs:
    """What a model reads of states whose kept fields (B, ..) these are, with `memory` chunks back in each."""
    if memory < HISTORY:
        here = np.arange(HISTORY) >= HISTORY - memory
        kept = {
            **kept,
            **{name: np.where(here, kept[name], 0.0) for name in ("throughputs_mbps", "delays_s")},
        }
    fields = tuple(np.ascontiguousarray(kept[name], dtype=np.float32) for name in COLUMNS)
    n, n_levels = kept["bitrates_mbps"].shape
    summary = np.zeros((n, N_SUMMARY), dtype=np.float32)
    rungs = np.zeros((n, n_levels, N_RUNG), dtype=np.float32)
    fill_inputs(fields, *_PROGRAMS, summary, rungs)
    return StateInputs(summary, rungs)
