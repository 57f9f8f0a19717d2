import sys

import pytest

from netwright.core import registry
from netwright.core.errors import UnknownNameError

TASK_FILE = """
from netwright.core.task import Recipe, Setting, Task
TASK = Task(
    name="{name}", title="", kind="prediction", metric="m", unit="u", lower_is_better=True,
    settings={{"default": Setting("default", "", None)}}, policies={{}},
    recipes={{"first": Recipe("first", "", 1), "second": Recipe("second", "", 2)}},
    load_data="json:loads", evaluate="json:dumps", adapter="json:dumps",
)
"""


@pytest.fixture
def two_tasks(tmp_path, monkeypatch):
    package = tmp_path / "toy_tasks"
    for name in ("beta", "alpha"):
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").write_text(TASK_FILE.format(name=name))
    (package / "__init__.py").write_text("")
    (package / "helper.py").write_text("raise RuntimeError('a file is no task')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry.TASKS, "find", registry.folders("toy_tasks", "TASK"))
    registry.forget()
    yield
    registry.forget()
    for name in [m for m in sys.modules if m.partition(".")[0] == "toy_tasks"]:
        del sys.modules[name]


def test_folders_are_tasks_and_are_not_imported_to_be_named(two_tasks):
    assert registry.task_names() == ("alpha", "beta")
    assert "toy_tasks.alpha" not in sys.modules


def test_a_task_is_imported_once(two_tasks):
    assert registry.task("alpha").name == "alpha"
    assert registry.task("alpha") is registry.task("alpha")


def test_an_unknown_task_offers_the_nearest(two_tasks):
    with pytest.raises(UnknownNameError, match="did you mean 'alpha'"):
        registry.task("alhpa")


def test_parts_are_found_by_name(two_tasks):
    task = registry.task("beta")
    assert task.setting("default").name == "default"
    assert task.recipe(None).name == "first"
    assert task.recipe("second").config == 2


@pytest.mark.parametrize(
    ("part", "kind"), [("setting", "beta setting"), ("policy", "beta policy"), ("recipe", "beta")]
)
def test_an_unknown_part_says_what_there_is(two_tasks, part, kind):
    with pytest.raises(UnknownNameError, match=f"unknown {kind}.*'unknown'"):
        getattr(registry.task("beta"), part)("unknown")
