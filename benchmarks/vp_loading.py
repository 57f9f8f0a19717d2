"""Time to load Jin2022 and cut all of its windows. Prints one JSON document.

    python benchmarks/vp_loading.py [--data ../shared/data] [--results results]

The folder is NETWRIGHT_DATA by default; generated traces without either.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from pathlib import Path

import reporting

from netwright.tasks.vp.data import ARCHIVES, load, read_archive, read_splits
from netwright.tasks.vp.dataset import SPLITS, VpData
from netwright.tasks.vp.settings import SETTINGS
from netwright.tasks.vp.windows import windows

REPEATS = 5
COMMAND = "python benchmarks/vp_loading.py --data ../shared/data --results results"
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
    """Measure, print one JSON document, and write a row if asked to."""
    parser = reporting.parser(__doc__)
    chosen = parser.parse_args()
    loading, cutting = [], []
    for _ in range(REPEATS):
        began = time.perf_counter()
        data = one_dataset(chosen.data)
        loaded = time.perf_counter()
        n_windows = cut_all(data)
        loading.append(loaded - began)
        cutting.append(time.perf_counter() - loaded)
    both = [a + b for a, b in zip(loading, cutting, strict=True)]
    report = {
        "data": data.source,
        "rows": len(data.sets[DATASET].angles_deg),
        "windows": n_windows,
        "seconds_median": statistics.median(both),
        "seconds_first": both[0],
        "seconds_loading": statistics.median(loading),
        "seconds_cutting": statistics.median(cutting),
    }
    subject = "synthetic" if data.synthetic else DATASET
    median_s = report["seconds_median"]
    measured = [reporting.Measured(subject, "time", "s", median_s, REPEATS, {"windows": n_windows})]
    rows = reporting.rows("vp, Jin2022: load and cut all windows", measured, command=COMMAND)
    reporting.publish(report, rows, chosen.results)


if __name__ == "__main__":
    main()
