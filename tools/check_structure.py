"""Refuse import circles between modules or folders, and torch or gymnasium outside of the files whose role needs them.

Run by `make check`. The layers themselves are a contract in `pyproject.toml`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path

import grimp

from netwright.core.registry import TASKS

PACKAGE = "netwright"
HEAVY = ("torch", "transformers", "peft", "gymnasium")

# Roles that import them at the top of the module. Every other module does so inside of a function or not at all, and so
# does whatever it imports at the top. A module of policies that are not trained is such a module, too.
MAY = {
    "gymnasium": ("netwright.tasks.*.env",),
    "torch": (
        "netwright.llm*",
        "netwright.rl*",
        "netwright.training*",
        "netwright.adaptation*",
        "netwright.tasks.*.adapter",
        "netwright.tasks.*.baselines*",
    ),
}


def circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """Strongly connected components of more than one node (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(node: str) -> Iterator[list[str]]:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                yield from visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            found = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(found) > 1:
                yield sorted(found)

    sys.setrecursionlimit(10_000)
    for node in sorted(graph):
        if node not in index:
            yield from visit(node)


def eager(graph: grimp.ImportGraph, importer: str, imported: str) -> bool:
    """Whether an import stands at the top of its module, not inside of a function or `if TYPE_CHECKING`."""
    spec = find_spec(importer)
    assert spec is not None
    assert spec.origin is not None
    lines = Path(spec.origin).read_text(encoding="utf-8").splitlines()
    details = graph.get_import_details(importer=importer, imported=imported)
    return any(not lines[detail["line_number"] - 1].startswith((" ", "\t")) for detail in details)


def packages_around(module: str) -> Iterator[str]:
    """The packages whose `__init__` is run when a module is imported."""
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def rules() -> set[str]:
    """The modules of our own tasks' policies that hold no trained one."""
    specs = [spec for name in TASKS.names() for spec in TASKS.get(name).policies.values()]
    trained = {spec.factory.partition(":")[0] for spec in specs if spec.train is not None}
    return {spec.factory.partition(":")[0] for spec in specs} - trained


def loaded_by(starts: set[str], imports: dict[str, set[str]]) -> dict[str, str]:
    """What importing these modules loads, each with the module that is the reason."""
    reasons = dict.fromkeys(sorted(starts), "")
    waiting = list(reasons)
    while waiting:
        module = waiting.pop()
        for other in sorted(imports.get(module, set()) | set(packages_around(module))):
            if other not in reasons:
                reasons[other] = module
                waiting.append(other)
    return reasons


def folder_of(module: str, packages: set[str]) -> str:
    """The folder that a module lies in."""
    return module if module in packages else module.rpartition(".")[0]


def misplaced(graph: grimp.ImportGraph, modules: set[str]) -> Iterator[str]:
    """Modules that load a heavy library although their role does not need it, by what they import."""
    imports = {
        module: {
            other
            for other in graph.find_modules_directly_imported_by(module)
            if (other in modules or other in HEAVY) and eager(graph, module, other)
        }
        for module in modules
    }
    for heavy in HEAVY:
        allowed = MAY["gymnasium" if heavy == "gymnasium" else "torch"]
        light = {m for m in modules if not any(fnmatchcase(m, p) for p in allowed)}
        reasons = loaded_by(light | (rules() & modules), imports)
        if heavy in reasons:
            chain = [heavy]
            while chain[0]:
                chain.insert(0, reasons[chain[0]])
            yield f"{' -> '.join(chain[1:])}: only {', '.join(allowed)} may"


def main() -> int:
    graph = grimp.build_graph(PACKAGE, include_external_packages=True)
    modules = {m for m in graph.modules if m.partition(".")[0] == PACKAGE}
    packages = {m for m in modules if any(other.startswith(m + ".") for other in modules)}
    imports = {m: graph.find_modules_directly_imported_by(m) & modules for m in modules}
    between: dict[str, set[str]] = {p: set() for p in packages}
    for module, others in imports.items():
        here = folder_of(module, packages)
        for other in others:
            there = folder_of(other, packages)
            # A folder and one inside of it are one room: its front door is its `__init__`.
            if not (here.startswith(there) or there.startswith(here)):
                between[here].add(there)
    wrong = [f"import circle: {' -> '.join(c)}" for c in circles(imports)]
    wrong += [f"import circle between folders: {' -> '.join(c)}" for c in circles(between)]
    wrong += misplaced(graph, modules)
    print("\n".join(wrong) or f"{len(modules)} modules: no import circle, heavy libraries where they belong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
