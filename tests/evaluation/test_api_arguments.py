"""Arguments of another kind are refused in one sentence, in Python as on the command line."""

from __future__ import annotations

import pytest

import netwright as nw
from netwright.core.errors import ConfigError, NetwrightError


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
    with pytest.raises(ConfigError, match="folder must be that of a saved model"):
        nw.load(folder)


@pytest.mark.parametrize("data", [5, {}, object()])
def test_data_of_another_class_are_refused(data):
    with pytest.raises(
        ConfigError, match=r"data of task 'abr' must be a folder or what .* \(AbrData\), got "
    ):
        nw.test("abr", "bba", "default", data)
    with pytest.raises(ConfigError, match="data of task 'vp' must be"):
        nw.adapt("vp", None, out="unused")
