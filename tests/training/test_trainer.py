"""Trainers: which weights are kept, when a run ends, and one supervised update by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import DataError
from netwright.training.trainer import Schedule, assign, copies
from tests.training.toy import Linear, Scripted

EVERY = Schedule(iterations=100, evaluate_every=1, tolerance=0.0)


def evaluated(figures, schedule=EVERY, *, lower_is_better=True):
    """A trainer after one update and one evaluation for each figure."""
    trainer = Scripted(schedule, figures, lower_is_better=lower_is_better)
    for step in range(len(figures)):
        trainer.update(step)
        trainer.state.step = step + 1
        trainer.after_update()
        trainer.evaluate(0.5)
    return trainer


def latest_within(scores, tolerance):
    """The step (from 1) of the last score within the tolerance of the best so far."""
    best, kept = math.inf, 0
    for step, score in enumerate(scores, 1):
        best = min(best, score)
        if score <= best + tolerance * abs(best):
            kept = step
    return kept


@settings(max_examples=40)
@given(
    st.lists(st.floats(-5.0, 5.0, allow_nan=False), min_size=1, max_size=8),
    st.sampled_from([0.0, 0.05, 0.5]),
    st.booleans(),
)
def test_the_latest_weights_within_the_tolerance_of_the_best_are_kept(figures, tolerance, lower):
    trainer = evaluated(figures, replace(EVERY, tolerance=tolerance), lower_is_better=lower)
    scores = [f if lower else -f for f in figures]
    assert trainer.state.best_score == min(scores)
    kept = latest_within(scores, tolerance)
    assert trainer.state.kept_step == kept
    assert trainer.state.kept_score == scores[kept - 1]
    assert trainer.kept["weight"].tolist() == [kept, kept]
    trainer.finish()
    assert trainer.weight.tolist() == [kept, kept]


def test_a_figure_that_is_no_number_is_never_kept():
    trainer = evaluated([math.nan, 2.0, math.nan])
    assert (trainer.state.best_score, trainer.state.kept_step) == (2.0, 2)
    assert evaluated([math.nan]).state.best_score == math.inf


def test_patience_counts_evaluations_without_an_improvement():
    schedule = replace(EVERY, patience=2)
    assert [evaluated([3.0, 2.0, 2.0, 2.5][:n], schedule).finished for n in (1, 2, 3, 4)] == [
        False,
        False,
        False,
        True,
    ]
    assert not evaluated([3.0, 4.0, 2.0, 5.0], schedule).finished, "an improvement starts the count again"
    assert not evaluated([1.0] * 9).finished, "without patience only the number of updates ends a run"


def test_patience_does_not_count_before_its_first_step():
    schedule = replace(EVERY, patience=2, patience_from=3)
    trainer = evaluated([1.0, 2.0, 2.0], schedule)
    assert trainer.state.evaluations_since_best == 0
    assert evaluated([1.0, 2.0, 2.0, 2.0], schedule).state.evaluations_since_best == 1
    assert evaluated([1.0, 2.0, 2.0, 2.0, 2.0], schedule).finished


@pytest.mark.parametrize(("step", "due"), [(1, False), (3, True), (4, False), (6, True), (7, True)])
def test_evaluations_are_due_at_their_interval_and_at_the_end(step, due):
    trainer = Scripted(Schedule(iterations=7, evaluate_every=3), [])
    trainer.state.step = step
    assert trainer.evaluation_is_due is due
    assert trainer.finished is (step == 7)


def test_an_entry_of_the_log_has_the_figure_as_validated():
    trainer = evaluated([4.0], lower_is_better=False)
    [entry] = trainer.state.history
    assert entry["validation"] == 4.0
    assert trainer.state.best_score == -4.0
    assert (entry["step"], entry["loss"], entry["weight"]) == (1, 0.5, 1.0)
    assert entry["peak_rss_mib"] > 20.0
    assert Linear(EVERY).measurements() == {}


def test_averaged_weights_are_validated_and_kept_and_the_last_ones_trained_on():
    schedule = replace(EVERY, average=0.5)
    trainer = evaluated([3.0, 2.0], schedule)
    # Shares of the old average: (1 + 1) / (10 + 1) and (1 + 2) / (10 + 2), both below 0.5.
    first = 1.0 - 2 / 11
    second = 0.25 * first + 0.75 * 2.0
    assert trainer.seen == pytest.approx([first, second])
    assert trainer.kept["weight"].tolist() == pytest.approx([second, second])
    assert trainer.weight.tolist() == [2.0, 2.0]
    assert trainer.averages["weight"].tolist() == pytest.approx([second, second])


def test_an_average_late_in_a_run_keeps_the_share_of_its_schedule():
    trainer = Scripted(replace(EVERY, average=0.9), [])
    trainer.state.step = 1000
    trainer.update(0)
    trainer.after_update()
    assert trainer.averages["weight"].tolist() == pytest.approx([0.1, 0.1])


def test_weights_return_after_a_validation_that_fails():
    trainer = Scripted(replace(EVERY, average=0.5), [])
    trainer.update(0)
    with pytest.raises(IndexError):
        trainer.evaluate(0.0)
    assert trainer.weight.tolist() == [1.0, 1.0]


def test_progress_names_step_loss_figures_pace_and_remaining_time():
    trainer = Scripted(Schedule(iterations=50, evaluate_every=10), [])
    trainer.state.step, trainer.state.seconds = 10, 100.0
    trainer.measure_pace()  # a resumed run counts from here
    trainer.state.step, trainer.state.seconds = 20, 130.0
    assert trainer.progress_line(0.25) == "step 20/50: loss 0.2500, 3000 ms/step, 1:30 left"
    trainer.state.history, trainer.state.best_score = [{"validation": 2.5}], 2.0
    assert "loss 0.2500, validation 2.500 (best 2.000), 3000 ms/step" in trainer.progress_line(0.25)
    trainer.sign = -1.0
    assert "(best -2.000)" in trainer.progress_line(0.25)


def test_one_update_is_a_gradient_step_worked_by_hand():
    trainer = Linear(EVERY)
    # loss = (0 - 3)^2 = 9, gradient = 2 (0 - 3) = -6, step = 0.1 * 6.
    assert trainer.update(0) == pytest.approx(9.0)
    assert trainer.net.weight.item() == pytest.approx(0.6)
    assert trainer.net.weight.grad is None
    assert trainer.net.training


def test_gradients_of_several_batches_are_averaged():
    one, four = Linear(EVERY), Linear(EVERY, accumulation=4)
    assert one.update(0) == pytest.approx(four.update(0))
    assert one.net.weight.item() == pytest.approx(four.net.weight.item())


def test_a_gradient_is_clipped_to_its_norm():
    trainer = Linear(EVERY, max_grad_norm=2.0)
    trainer.update(0)
    assert trainer.net.weight.item() == pytest.approx(0.2, rel=1e-5)


def test_the_learning_rate_is_set_before_the_step():
    trainer = Linear(EVERY)
    trainer.learning_rate = 0.01
    trainer.update(0)
    assert trainer.net.weight.item() == pytest.approx(0.06)


def test_a_loss_that_is_not_finite_is_refused_with_its_step():
    trainer = Linear(EVERY)
    trainer.inputs = math.inf
    with pytest.raises(DataError, match="the loss at step 17 is not finite"):
        trainer.update(17)


def test_random_numbers_of_an_update_follow_seed_and_step_alone():
    def loss(seed, step):
        trainer = Linear(EVERY, seed=seed)
        trainer.noise = 0.1
        return trainer.update(step)

    torch.rand(3)
    first = loss(1, 5)
    torch.rand(7)
    assert loss(1, 5) == first
    assert len({first, loss(1, 6), loss(2, 5)}) == 3


def test_copies_are_apart_from_what_they_were_made_of():
    trainer = Scripted(EVERY, [])
    kept = copies(trainer.parameters)
    trainer.update(0)
    assert kept["weight"].tolist() == [0.0, 0.0]
    assert not kept["weight"].requires_grad
    assign(trainer.parameters, kept)
    assert trainer.weight.tolist() == [0.0, 0.0]
    assert trainer.weight.requires_grad
