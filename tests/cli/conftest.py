"""Commands run in this process on a toy task, with stand-ins for what they hand the work to."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from netwright.cli.main import main
from netwright.core import registry
from netwright.core.errors import UnknownNameError
from tests.cli.toy import TOY, Constant


@dataclasses.dataclass
class Run:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Run `netwright` with these words."""

    def run(*words: object) -> Run:
        capsys.readouterr()
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        return Run(code, printed.out, printed.err)

    return run


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The toy task is the only one; caches live in the test's folder; no real data."""

    def task(name: str) -> Any:
        if name != "toy":
            raise UnknownNameError("task", name, ["toy"])
        return TOY

    monkeypatch.setattr(registry, "task", task)
    monkeypatch.setattr(registry, "task_names", lambda: ("toy",))
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Put a module of these attributes in the place of `name`."""

    def put(name: str, **attributes: object) -> ModuleType:
        module = ModuleType(name)
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return put


@pytest.fixture
def adaptation(stand_in: Callable[..., ModuleType]) -> list[dict[str, Any]]:
    """A stand-in for `netwright.adaptation.api`; gives the calls of `adapt`."""
    calls: list[dict[str, Any]] = []

    def adapt(task: Any, data: Any, **options: Any) -> Any:
        calls.append({"task": task, "data": data, **options})
        options["progress"]("step 1 of 1")
        info = {"backbone": options["backbone"], "cost": {"trainable_fraction": 0.0031}}
        return SimpleNamespace(name=f"adapted:{options['backbone']}", policy=Constant(), info=info)

    def load(folder: Path, task: str | None = None, *, backbone: str | None = None) -> Any:
        return SimpleNamespace(name="adapted:tiny", policy=Constant(0.5), info={"seed": 7})

    stand_in("netwright.adaptation.api", adapt=adapt, load=load)
    return calls


@pytest.fixture
def report(stand_in: Callable[..., ModuleType]) -> list[Any]:
    """A stand-in for `netwright.report`; gives the evaluations of each report."""
    reports: list[Any] = []

    def write_report(
        task: Any, evaluations: Any, out: Path, *, notes: dict[str, str], not_applicable: Any
    ) -> Path:
        assert notes["Command"].startswith("netwright compare toy ")
        reports.append(evaluations)
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.json").write_text("{}")
        return out / "index.html"

    stand_in("netwright.report", write_report=write_report)
    return reports
