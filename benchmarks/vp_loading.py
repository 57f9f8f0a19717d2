"""Time to load Jin2022 and cut all of its windows. Prints one JSON document.

Usage: python benchmarks/vp_loading.py [DATA], DATA being NETWRIGHT_DATA by default; generated traces without either.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from netwright.core.results import versions
from netwright.tasks.vp.data import ARCHIVES, SPLITS, VpData, load, read_archive, read_splits
from netwright.tasks.vp.settings import SETTINGS
from netwright.tasks.vp.windows import windows

REPEATS = 5
DATASET = "Jin2022"


def one_dataset(folder: Path | None) -> VpData:
    """Jin2022 alone, from its archive or generated."""
    if folder is None:
        return load(None, seed=0)
    place = folder / "vp"
    sets = {DATASET: read_archive(place / ARCHIVES[DATASET], DATASET)}
    return VpData(sets=sets, splits=read_splits(place / "split.json"), source=str(place))


def cut_all(data: VpData) -> int:
    """Cut history and future of every window of every split; gives their number."""
    total = 0
    for split in SPLITS:
        chosen = windows(data, replace(SETTINGS["default"].config, split=split))
        assert len(chosen.seen_deg()) == len(chosen.future_deg())
        total += len(chosen)
    return total


def main() -> None:
    place = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NETWRIGHT_DATA")
    folder = Path(place) if place else None
    loading, cutting = [], []
    for _ in range(REPEATS):
        began = time.perf_counter()
        data = one_dataset(folder)
        loaded = time.perf_counter()
        n_windows = cut_all(data)
        loading.append(loaded - began)
        cutting.append(time.perf_counter() - loaded)
    both = [a + b for a, b in zip(loading, cutting, strict=True)]
    report = {
        "benchmark": "vp_loading",
        "data": data.source,
        "rows": len(data.sets[DATASET].angles_deg),
        "windows": n_windows,
        "repeats": REPEATS,
        "seconds_first": both[0],
        "seconds_best": min(both),
        "seconds_loading": min(loading),
        "seconds_cutting": min(cutting),
        "goal_seconds": 1.0,
        "versions": versions(),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
