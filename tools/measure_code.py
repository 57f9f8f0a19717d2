"""Measure the size of functions, their parameters, and the use of `Any` in src/.

    python tools/measure_code.py               # the whole package
    python tools/measure_code.py wan synthesis --longest 10

Lines of a function run from `def` to its end, once with its docstring and once without. Compiled kernels are decorated
with `njit`; they may take any number of parameters, because compiled code cannot take a dataclass.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "netwright"
MOST_PARAMETERS = 8


@dataclass(frozen=True)
class Function:
    """One function of the package."""

    place: str
    name: str
    lines: int
    docstring: int
    parameters: int
    compiled: bool

    @property
    def code(self) -> int:
        """Lines without the docstring."""
        return self.lines - self.docstring


def functions(path: Path) -> Iterator[Function]:
    """All functions and methods of a module, also nested ones."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, a = node.body[0], node.args
            documented = ast.get_docstring(node, clean=False) is not None
            yield Function(
                f"{path.relative_to(SOURCE).as_posix()}:{node.lineno}",
                node.name,
                length(node),
                length(first) if documented else 0,
                len([*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]),
                any("njit" in ast.unparse(d) for d in node.decorator_list),
            )


def length(node: ast.stmt) -> int:
    """Lines of a statement."""
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def uses_of_any(path: Path) -> int:
    """How often the word `Any` stands in a module."""
    return len(re.findall(r"\bAny\b", path.read_text(encoding="utf-8")))


def percentile(values: Sequence[int], share: float) -> int:
    """The value below which that share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", help="of src/netwright; all by default")
    parser.add_argument("--longest", type=int, default=5, metavar="N", help="longest functions to name")
    options = parser.parse_args()
    roots = [SOURCE / name for name in options.folders] or [SOURCE]
    paths = sorted(path for root in roots for path in root.rglob("*.py"))
    found = [function for path in paths for function in functions(path)]
    for title, values in {
        "with docstrings": [f.lines for f in found],
        "without": [f.code for f in found],
    }.items():
        figures = f"p50 {percentile(values, 0.5)}, p90 {percentile(values, 0.9)}, largest {max(values)}"
        print(f"lines of {len(found)} functions, {title}: {figures}")
    for f in sorted(found, key=lambda f: -f.lines)[: options.longest]:
        print(f"  {f.lines:4d} ({f.code} without its docstring) {f.place} {f.name}")
    wide = [f for f in found if f.parameters > MOST_PARAMETERS and not f.compiled]
    print(f"functions with over {MOST_PARAMETERS} parameters, kernels left out: {len(wide)}")
    for f in sorted(wide, key=lambda f: -f.parameters):
        print(f"  {f.parameters:4d} {f.place} {f.name}")
    counts = {path: uses_of_any(path) for path in paths}
    print(f"uses of Any: {sum(counts.values())}")
    for path, n in sorted(counts.items(), key=lambda item: -item[1])[: options.longest]:
        print(f"  {n:4d} {path.relative_to(SOURCE).as_posix()}")


if __name__ == "__main__":
    main()
