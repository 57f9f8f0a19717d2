"""Runs on disk: checkpoints, interruptions at any step, resuming, and what is refused."""

from __future__ import annotations

import json
import math
import signal

import pytest
import torch

from netwright.core.errors import ConfigError, DataError
from netwright.core.locks import BusyError
from netwright.training import run as runs
from netwright.training.checkpoint import (
    CHECKPOINT,
    RunState,
    SavedRunState,
    optimizer_tensors,
    read_checkpoint,
    restore_optimizers,
)
from netwright.training.log import LOG
from netwright.training.run import Run, partial_folder
from netwright.training.trainer import Schedule
from tests.training.toy import Linear, Scripted, identity

SIX = Schedule(iterations=6, evaluate_every=2, checkpoint_seconds=1e9)


def silent(_: str) -> None:
    """No progress is shown."""


def linear(schedule=SIX):
    trainer = Linear(schedule, adam=True)
    trainer.noise = 0.1
    return trainer


class Interrupted(Linear):
    """Presses Ctrl-C during one of its updates."""

    at = 0

    def update(self, step):
        if step == self.at:
            signal.raise_signal(signal.SIGINT)
        return super().update(step)


def test_a_run_ends_with_its_best_weights_and_a_log(tmp_path):
    trainer, run = Scripted(SIX, [3.0, 1.0, 2.0]), Run(tmp_path / "out", silent)
    run.train(trainer, identity())
    assert trainer.weight.tolist() == [4.0, 4.0]
    entries = [json.loads(line) for line in (run.partial / LOG).read_text().splitlines()]
    assert [(e["step"], e["validation"]) for e in entries] == [(2, 3.0), (4, 1.0), (6, 2.0)]
    assert [e["loss"] for e in entries] == [9.5, 7.5, 5.5], "the mean over the updates since the last entry"
    assert trainer.state.seconds == pytest.approx(entries[-1]["seconds"], abs=1e-3)
    assert not run.has_checkpoint
    run.remove()
    assert not run.partial.exists()


@pytest.mark.parametrize("at", [0, 2, 3, 5])
def test_an_interrupted_run_resumes_to_the_weights_of_an_uninterrupted_one(tmp_path, at):
    whole = linear()
    Run(tmp_path / "whole", silent).train(whole, identity())
    first = Interrupted(SIX, adam=True)
    first.noise, first.at = 0.1, at
    run = Run(tmp_path / "parts", silent)
    with pytest.raises(KeyboardInterrupt):
        run.train(first, identity())
    assert run.has_checkpoint
    assert first.state.step == at + 1, "the update that was interrupted is completed"
    said: list[str] = []
    second, run = linear(), Run(tmp_path / "parts", said.append)
    assert run.restore(second, identity())
    assert said == [f"resuming {run.partial} from step {at + 1}"]
    if not second.finished:
        run.train(second, identity())
        assert torch.equal(second.net.weight, whole.net.weight)
    drop = ("seconds", "peak_rss_mib", "loss")  # the mean loss of an interval that was cut is of its rest
    histories = [
        [{k: v for k, v in e.items() if k not in drop} for e in t.state.history] for t in (whole, second)
    ]
    assert histories[0] == histories[1]
    assert (second.state.best_score, second.state.kept_step) == (
        whole.state.best_score,
        whole.state.kept_step,
    )


def test_averages_are_part_of_a_checkpoint(tmp_path):
    schedule = Schedule(iterations=6, evaluate_every=2, average=0.9)
    one, run = linear(schedule), Run(tmp_path / "out", silent)
    for step in range(3):
        one.update(step)
        one.state.step = step + 1
        one.after_update()
    one.evaluate(0.0)
    run.save(one, identity())
    two = linear(schedule)
    run.restore(two, identity())
    assert torch.equal(two.averages["weight"], one.averages["weight"])
    assert torch.equal(two.kept["weight"], one.averages["weight"])
    assert not torch.equal(two.averages["weight"], two.net.weight.detach())


def test_nothing_is_restored_where_nothing_was_kept_or_asked_for(tmp_path):
    trainer, run = linear(), Run(tmp_path / "out", silent)
    assert not run.restore(trainer, identity())
    run.save(trainer, identity())
    assert run.has_checkpoint
    assert not Run(tmp_path / "out", silent, resume=False).restore(trainer, identity())
    assert run.restore(trainer, identity())


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    run = Run(tmp_path / "out", silent)
    run.save(linear(), identity(seed=0))
    with pytest.raises(ConfigError, match=r"another seed; resume with the same, choose another --out"):
        run.restore(linear(), identity(seed=1))


def test_a_damaged_checkpoint_is_refused_with_its_remedy(tmp_path):
    run = Run(tmp_path / "out", silent)
    run.save(linear(), identity())
    tensors = run.partial / CHECKPOINT / "tensors.safetensors"
    changed = bytearray(tensors.read_bytes())
    changed[-1] ^= 1
    tensors.write_bytes(bytes(changed))
    with pytest.raises(DataError, match=f"delete {run.partial} to start again"):
        run.restore(linear(), identity())


def test_a_run_without_a_finite_figure_is_refused(tmp_path):
    trainer = Scripted(SIX, [math.nan] * 3)
    with pytest.raises(DataError, match="did not converge to a finite error"):
        Run(tmp_path / "out", silent).train(trainer, identity())


def test_a_second_process_is_refused(tmp_path):
    with (
        Run(tmp_path / "out", silent).locked(),
        pytest.raises(BusyError),
        Run(tmp_path / "out", silent).locked(),
    ):
        pass


def test_checkpoints_are_written_when_their_time_has_come(tmp_path, monkeypatch):
    saved: list[int] = []
    monkeypatch.setattr(Run, "save", lambda self, trainer, found: saved.append(trainer.state.step))
    monkeypatch.setattr(runs.time, "monotonic", iter(range(0, 10_000, 10)).__next__)
    every = Schedule(iterations=6, evaluate_every=6, checkpoint_seconds=45.0)
    Run(tmp_path / "out", silent).train(Scripted(every, [1.0]), identity())
    # Three looks at the clock for an update, ten seconds each, and one more after a checkpoint.
    assert saved == [2, 4, 6]


def test_progress_is_shown_at_evaluations_and_every_few_seconds(tmp_path, monkeypatch):
    shown: list[str] = []
    monkeypatch.setattr(runs.time, "monotonic", iter(range(10_000)).__next__)
    Run(tmp_path / "out", shown.append).train(Scripted(SIX, [3.0, 2.0, 1.0]), identity())
    steps = [int(line.removeprefix("step ").partition("/")[0]) for line in shown]
    assert {2, 4, 6} <= set(steps)
    shown.clear()
    monkeypatch.setattr(runs, "SHOW_SECONDS", 1e9)
    Run(tmp_path / "other", shown.append).train(Scripted(SIX, [3.0, 2.0, 1.0]), identity())
    assert [line.partition(":")[0] for line in shown] == ["step 2/6", "step 4/6", "step 6/6"]


def test_the_unfinished_folder_stands_beside_the_result(tmp_path):
    assert partial_folder(tmp_path / "a.b") == tmp_path / "a.b.partial"


def test_a_state_survives_the_way_to_disk():
    state = RunState(step=3, seconds=1.5, kept_step=2, history=[{"step": 1, "loss": 0.5}])
    state.add("tokens", 2.0)
    state.add("tokens", 3.0)
    saved = SavedRunState.made(state)
    assert (saved.best_score, saved.kept_score) == (None, None)
    assert saved.restored() == state
    assert saved.restored().totals == {"tokens": 5.0}
    state.best_score, state.kept_score = -1.5, 0.0
    assert SavedRunState.made(state).restored() == state


def test_moments_of_the_optimizer_return_to_their_parameters(tmp_path):
    trainer = linear()
    for step in range(3):
        trainer.update(step)
    found = optimizer_tensors([trainer.optimizer], trainer.parameters)
    assert set(found) == {"steps/weight", "mean/weight", "square/weight"}
    assert found["steps/weight"].item() == 3.0
    other = linear()
    restore_optimizers([other.optimizer], other.parameters, found)
    kept = other.optimizer.state[other.net.weight]
    assert torch.equal(kept["exp_avg"], found["mean/weight"])
    assert torch.equal(kept["exp_avg_sq"], found["square/weight"])
    assert optimizer_tensors([linear().optimizer], linear().parameters) == {}
    fresh = linear()
    restore_optimizers([fresh.optimizer], fresh.parameters, {})
    assert not fresh.optimizer.state


def test_a_checkpoint_keeps_state_and_tensors(tmp_path):
    run, trainer = Run(tmp_path / "out", silent), linear()
    trainer.update(0)
    trainer.state.step = 1
    run.save(trainer, identity())
    state, tensors = read_checkpoint(run.partial / CHECKPOINT, identity(), "delete it")
    assert state == trainer.state
    assert torch.equal(tensors["now/weight"], trainer.net.weight.detach())
