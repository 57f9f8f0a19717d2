"""What the committed results of the experiment `design` say, and the pages repeat, holds row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from netwright.core.results import read_rows
from netwright.experiments.design.learners import COMMAND

ROWS = [
    row
    for row in read_rows(Path(__file__).parents[2] / "results" / "design.jsonl")
    if row["command"] == COMMAND and not row["size_of_pool_varied"]
]
TEACHERS = ("setting", "truths", "noise_percent", "jnd_share")


def _by_teacher(subject: str, query: int) -> dict[tuple[object, ...], dict[str, float]]:
    chosen = [r for r in ROWS if r["subject"] == subject and r["query"] == query]
    return {tuple(r[key] for key in TEACHERS): r for r in chosen}


def _clean(rows: dict[tuple[object, ...], dict[str, float]]) -> dict[tuple[object, ...], dict[str, float]]:
    return {key: row for key, row in rows.items() if key[1:] == ("template", 0.0, 0.0)}


@pytest.mark.parametrize("query", [3, 4, 5, 6, 10])
def test_medians_of_the_papers_learner_lie_above_both_bounds(query):
    rows = _clean(_by_teacher("voting", query))
    assert len(rows) >= 14
    for key, row in rows.items():
        assert row["value"] >= max(row["bound_general"], row["bound_sortable"]), key


def test_the_papers_learner_needs_six_questions_for_what_takes_the_baseline_ten():
    six, ten = _clean(_by_teacher("voting", 6)), _clean(_by_teacher("no-prune", 10))
    assert six.keys() == ten.keys()
    for key in six:
        assert six[key]["value"] >= ten[key]["value"], key


@pytest.mark.parametrize("other", ["voting", "no-prune"])
def test_triples_are_nowhere_below(other):
    ours, theirs = _by_teacher("bayes:triple", 5), _by_teacher(other, 5)
    shared = ours.keys() & theirs.keys()
    assert len(shared) >= 50
    for key in shared:
        assert ours[key]["value"] >= theirs[key]["value"], key
        assert ours[key]["p10"] >= theirs[key]["p10"], key


def test_problems_of_two_metrics_are_sorted_by_the_first():
    found = [r["sortability_violations"] for r in ROWS if "sortability_violations" in r]
    assert len(found) >= 4
    assert max(found) < 0.001
