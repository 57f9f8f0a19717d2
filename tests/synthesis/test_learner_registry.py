"""Learners are found by name, also those of other packages."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.core import registry
from netwright.core.errors import UnknownNameError
from netwright.execution import EXECUTORS, SerialExecutor, executor
from netwright.synthesis.learners import LEARNERS, LearnerKind, learner_factory
from netwright.synthesis.no_prune import NoPrune
from netwright.synthesis.setup import Setup
from tests.synthesis.problems import weighted_pool

MINE = LearnerKind(
    "mine", "one of another package", lambda pool, config: lambda seed: NoPrune(pool, seed=seed)
)


def mine(n_workers):
    """An executor of another package."""
    return SerialExecutor()


@pytest.fixture
def installed(monkeypatch):
    """Entry points of another package, by group."""
    places = {
        "netwright.learners": ("mine", f"{__name__}:MINE"),
        "netwright.executors": ("mine", f"{__name__}:mine"),
    }
    monkeypatch.setattr(
        registry,
        "_entry_points",
        lambda group: (
            [(places[group][0], registry.Reference(places[group][1], "other"))] if group in places else []
        ),
    )
    for known in (LEARNERS, EXECUTORS):
        known.forget()
    yield
    monkeypatch.undo()
    for known in (LEARNERS, EXECUTORS):
        known.forget()


def test_a_learner_of_another_package_holds_a_dialogue(installed):
    assert "mine" in LEARNERS.names()
    pool = weighted_pool(40)
    assert Setup(learner="mine").learner == "mine"
    assert learner_factory("mine", pool)(0).ask() is not None


def test_an_executor_of_another_package_maps(installed):
    assert list(executor("mine").map(np.sqrt, [4.0])) == [2.0]


@pytest.mark.parametrize("known", [LEARNERS, EXECUTORS], ids=lambda known: known.noun)
def test_every_name_leads_to_its_entry(known):
    for name in known.names():
        assert callable(known.get(name)) or known.get(name).name == name


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'voting'"):
        learner_factory("votng", weighted_pool(10))
    with pytest.raises(UnknownNameError, match="did you mean 'serial'"):
        executor("serail")
