"""Entries of other packages: found by entry points, loaded on first use, and refused by name where they are wrong."""

from __future__ import annotations

from dataclasses import replace
from importlib import metadata
from types import SimpleNamespace

import pytest

from netwright.core import registry
from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.registry import Registry
from netwright.core.task import PolicySpec


class Tool:
    """What the registry of these tests holds."""

    def __init__(self, name: str) -> None:
        self.name = name


HAMMER, SAW, MISNAMED, NUMBER = Tool("hammer"), Tool("saw"), Tool("other"), 3
GUESS = PolicySpec("guess", "", "x:y")


def refuses():
    raise ConfigError("the sentence of its own.")


def entry(name, place, package="toolbox"):
    return SimpleNamespace(name=name, value=place, dist=SimpleNamespace(name=package) if package else None)


@pytest.fixture
def installed(monkeypatch):
    """Entry points by group, to be filled."""
    found: dict[str, list] = {}
    monkeypatch.setattr(metadata, "entry_points", lambda group: found.get(group, []))
    return found


@pytest.fixture
def tools(installed):
    return Registry("tool", Tool, lambda: {"hammer": f"{__name__}:HAMMER"}, "tools")


def test_own_and_foreign_entries_are_named_in_order(installed, tools):
    installed["tools"] = [entry("saw", f"{__name__}:SAW"), entry("axe", "nowhere:AXE")]
    assert tools.names() == ("axe", "hammer", "saw")
    assert tools.get("saw") is SAW
    assert tools.get("hammer") is HAMMER
    with pytest.raises(UnknownNameError, match="unknown tool 'sow'; did you mean 'saw'"):
        tools.get("sow")


def test_an_entry_that_cannot_be_imported_names_its_package(installed, tools):
    installed["tools"] = [entry("axe", "nowhere:AXE"), entry("nail", f"{__name__}:NAIL", package="")]
    with pytest.raises(
        ConfigError, match=r"tool 'axe' of the installed package 'toolbox' cannot be imported"
    ):
        tools.get("axe")
    with pytest.raises(
        ConfigError, match=r"package 'unknown' cannot be imported from .*NAIL \(AttributeError"
    ):
        tools.get("nail")


@pytest.mark.parametrize(
    ("name", "place", "words"),
    [("saw", "NUMBER", "NUMBER is a int, not a Tool"), ("saw", "MISNAMED", "calls itself 'other'")],
)
def test_an_entry_of_another_class_or_name_is_refused(installed, tools, name, place, words):
    installed["tools"] = [entry(name, f"{__name__}:{place}")]
    with pytest.raises(ConfigError, match=words):
        tools.get(name)


@pytest.mark.parametrize("first", ["netwright", "toolbox"])
def test_two_entries_of_one_name_are_refused(installed, tools, first):
    other = entry("hammer" if first == "netwright" else "saw", f"{__name__}:SAW", "second")
    installed["tools"] = [*([entry("saw", f"{__name__}:SAW")] if first == "toolbox" else []), other]
    with pytest.raises(ConfigError, match=f"'second' names a tool {other.name!r}, as {first!r} does"):
        tools.names()


def test_what_is_installed_later_is_found_after_forgetting(installed, tools):
    assert tools.names() == ("hammer",)
    installed["tools"] = [entry("saw", f"{__name__}:SAW")]
    assert tools.names() == ("hammer",)
    tools.forget()
    assert tools.names() == ("hammer", "saw")


def test_a_registry_without_a_group_is_closed(installed):
    installed[None] = [entry("saw", f"{__name__}:SAW")]
    closed = Registry("tool", Tool, lambda: {"hammer": f"{__name__}:HAMMER"})
    assert closed.names() == ("hammer",)


@pytest.fixture
def abr(installed):
    """The task, with the policies of `installed`."""
    found = registry.TASKS.get("abr")
    yield lambda: registry.task.__wrapped__("abr")
    assert found.policies == registry.TASKS.get("abr").policies


def test_policies_of_other_packages_are_added_to_their_task(installed, abr):
    installed["netwright.policies"] = [
        entry("abr.guess", f"{__name__}:GUESS"),
        entry("vp.guess", "nowhere:at_all"),
    ]
    assert abr().policy("guess") is GUESS
    assert set(abr().policies) == {*registry.TASKS.get("abr").policies, "guess"}


@pytest.mark.parametrize(
    ("name", "place"), [("abr.other", "GUESS"), ("abr.guess", "HAMMER"), ("abr.bba", "BBA")]
)
def test_policies_that_do_not_fit_their_entry_point_are_refused(installed, abr, name, place):
    installed["netwright.policies"] = [entry(name, f"{__name__}:{place}")]
    with pytest.raises(ConfigError, match=f"policy '{name}' of the installed package 'toolbox'.* must be a"):
        abr()


BBA = replace(GUESS, name="bba")
