"""What holds for every test: one thread for torch, no deadline for laws checked on a busy machine, Ctrl-C is heard."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from netwright.core import interrupts

os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("netwright", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("netwright")

# `nohup make test &` starts the tests, and every process that they start, with Ctrl-C and SIGHUP ignored.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Files in the order of their time, longest first, so that two processes end together. The rest of tests/cjs comes last,
# when its simulator has been compiled by the first: two processes that start with it would both compile it.
FIRST = (
    *("cjs/test_adapter.py", "abr/test_adapter.py", "test_house.py", "adaptation/test_decisions.py"),
    *("cli/test_design.py", "adaptation/test_adaptation.py", "llm/test_conformance.py"),
    *(
        "testing/test_own_task.py",
        "report/test_page.py",
        "abr/test_commands.py",
        "experiments/test_design.py",
    ),
    *(
        "abr/test_learned_training.py",
        "abr/test_mpc.py",
        "experiments/test_demo.py",
        "vp/test_learned_baselines.py",
    ),
    *(
        "web/test_browser.py",
        "cli/test_design_dialogue.py",
        "test_figures.py",
        "datasets/test_conversions.py",
    ),
)
LAST = ("cjs/test_decima.py", "cjs/test_planner.py", "cjs/test_distilled.py", "cjs/test_decima_training.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files, see `FIRST`; pytest-xdist hands them out in this order (`--no-loadscope-reorder`)."""
    tests = Path(__file__).parent
    places = {name: i - len(FIRST) for i, name in enumerate(FIRST)} | {
        name: 1 + i for i, name in enumerate(LAST)
    }

    def place(item: pytest.Item) -> int:
        name = item.path.relative_to(tests).as_posix()
        return places.get(name, len(LAST) + 1 if name.startswith("cjs/") else 0)

    items.sort(key=place)


@pytest.fixture(autouse=True)
def _no_signal_of_an_earlier_test() -> None:
    """Every test begins as a new command does: signals of an earlier one in this process do not count."""
    interrupts.forget()
