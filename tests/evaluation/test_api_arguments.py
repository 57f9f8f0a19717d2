"""Arguments of another kind are refused in one sentence, in Python as on the command line."""

from __future__ import annotations

import numpy as np
import pytest

import netwright as nw
from netwright.adaptation.config import TrainingConfig
from netwright.core import registry
from netwright.core.errors import ConfigError, NetwrightError
from netwright.core.task import load_attribute


@pytest.mark.parametrize("policy", [None, 5, lambda obs: 0, object()])
def test_what_is_no_policy_is_refused(policy):
    with pytest.raises(ConfigError, match="policy must be the name of a baseline"):
        nw.test("abr", policy, "default", None)


@pytest.mark.parametrize(
    ("task", "setting", "words"),
    [
        (3, "default", "task must be a task or its name, got 3"),
        ("abr", 3, "a setting must be one of the task's"),
    ],
)
def test_what_is_no_task_or_setting_is_refused(task, setting, words):
    with pytest.raises(ConfigError, match=words):
        nw.test(task, "bba", setting, None)


def test_a_folder_may_be_a_text(tmp_path):
    with pytest.raises(NetwrightError, match="no such folder"):
        nw.test("abr", "bba", "default", str(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"seed": -1}, "seed must be a whole number from 0 to 9223372036854775807, got -1"),
        ({"seed": "a"}, "seed must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"settings": "default"}, "settings must be a list, got 'default'"),
        ({"policies": "bba"}, "policies must be a list"),
        ({"adapted": "runs/x"}, "adapted must be a list"),
        ({"task": 3}, "task must be a task"),
    ],
)
def test_compare_refuses_what_it_cannot_take(arguments, words):
    with pytest.raises(ConfigError, match=words):
        nw.compare(**{"task": "abr", **arguments})


@pytest.mark.parametrize("folder", [5, None, b"runs"])
def test_load_takes_a_folder(folder):
    with pytest.raises(ConfigError, match="folder must be a path, got "):
        nw.load(folder)


@pytest.mark.parametrize("data", [5, {}, object()])
def test_data_of_another_class_are_refused(data):
    with pytest.raises(
        ConfigError, match=r"data of task 'abr' must be a folder or what .* \(AbrData\), got "
    ):
        nw.test("abr", "bba", "default", data)
    with pytest.raises(ConfigError, match="data of task 'vp' must be"):
        nw.adapt("vp", None, out="unused")


@pytest.fixture(scope="module")
def windows():
    return load_attribute(registry.task("vp").load_data)(None, seed=0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"options": [1]}, r"options must be a mapping of names to values, got \[1\]"),
        (
            {"options": {"iterations": "3"}},
            'options: iterations should be a valid integer, got "3"; correct it',
        ),
        ({"options": {"iterations": True}}, "options: iterations should be a valid integer, got true"),
        ({"options": {"iterations": 2.5}}, "options: iterations should be a valid integer"),
        ({"options": {"learning_rate": None}}, "options: learning_rate should be a valid number"),
        (
            {"options": {"learning_rate": float("nan")}},
            "learning_rate must be above 0 and finite, got nan",
        ),
        ({"options": {"rank": object()}}, "options: object is no plain value"),
        ({"recipe_options": {"zzz": 1}}, "recipe_options: unknown entry 'zzz'"),
        ({"recipe_options": {"modalities": 3}}, "recipe_options: modalities should be"),
        ({"recipe": 3}, "recipe must be a text, got 3"),
        ({"backbone": None}, "backbone must be a text, got None"),
        ({"label": 5}, "label must be a text, got 5"),
        ({"device": 0}, "device must be a text, got 0"),
        ({"out": None}, "out must be a path, got None"),
    ],
)
def test_adapt_refuses_arguments_of_another_kind(windows, arguments, words, tmp_path):
    with pytest.raises(ConfigError, match=words):
        nw.adapt("vp", windows, **{"out": tmp_path / "out", "backbone": "none", **arguments})
    assert not list(tmp_path.iterdir())


def test_numbers_of_numpy_are_options():
    found = TrainingConfig.from_options({"iterations": np.int64(3), "learning_rate": np.float32(0.5)})
    assert (found.iterations, found.learning_rate) == (3, 0.5)


class Answers:
    """A policy that always answers the same."""

    def __init__(self, answer):
        self.answer = answer

    def reset(self, rng):
        pass

    def act(self, obs):
        return self.answer


def test_an_answer_that_is_no_array_of_numbers_is_one_sentence(windows):
    with pytest.raises(NetwrightError, match=r"'Answers' answered 'x', which is no array of numbers"):
        nw.test("vp", Answers("x"), "default", windows)


@pytest.mark.parametrize("answer", [99, (0, 0), None, "x", [(0.5, 1)], [(0, 1), (0, 1)]])
def test_a_decision_that_is_no_pair_of_whole_numbers_is_one_sentence(answer):
    with pytest.raises(ConfigError, match="one decision is a list of one pair of whole numbers"):
        nw.test("cjs", Answers(answer), next(iter(registry.task("cjs").settings)), None)
