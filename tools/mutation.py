"""Mutate a random sample of a package and count the mutants that its tests kill.

    python tools/mutation.py solvers [--sample 16] [--seed 0] [--results results] [--scratch FOLDER]

A mutant swaps one comparison, arithmetic or boolean operator, drops a minus sign, moves a number by one or negates a
condition. Annotations, decorators, messages (`raise`, `note`, `print`, f-strings) and docstrings stay as they are.
The mutants run one at a time in a copy of the project, each in a child process of one parent that has imported the
third-party packages already. A mutant that breaks an import counts as killed, and so does one whose tests use more than
three times the processor time that they take without it, and a minute more: a loop without an end. Such mutants are
counted in the row. Wall time is only limited for processes that wait for ever, so that a busy machine kills nothing.

First the test files of the sample run once without a mutant, which takes the most time for tasks. With `--scratch`, the
copy stays there, with the times of the test files and the code that numba has compiled, and the next run measures only
test files that are new or changed, or all if anything else changed. A mutant's compiled code is made again in the
modules that import the changed one, because numba inlines functions and constants across modules.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib
import json
import math
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "netwright"
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info")
SECONDS = "seconds.json"  # of the test files of one run
KNOWN = ".known_seconds.json"  # of every test file, by the digest of what it tests
COMPILED = ".numba"
PRELOADED = (
    "torch",
    "transformers",
    "peft",
    "numba",
    "scipy.optimize",
    "highspy",
    "networkx",
    "hypothesis",
    "pytest",
)
TALK = {"note", "print", "debug", "info", "warning", "error", "warn"}
# Test folders that are named otherwise.
MIRRORS = {"tasks/abr": "abr", "tasks/vp": "vp", "tasks/cjs": "cjs", "tasks": "core"}
OVER_BASELINE = 3.0  # processor time of a mutant's tests, in those of the tests without it
WALL_OVER_CPU = 10.0  # a process that waits for longer than this many limits hangs

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.USub: ast.UAdd,
}

# Mutants of the sample that change nothing a caller can see: (module, line, mutant) and the reason.
EQUIVALENT: dict[tuple[str, str, str], str] = {
    ("solvers/blocks.py", "theta = np.where(boxed, 0.5, 1.0)", "(2.0)"): "only moves the point to start from",
    (
        "solvers/blocks.py",
        "z, w = np.where(boxed, 0.5 * s, s), np.where(boxed, -0.5 * s, 0.0)",
        "(1.5)",
    ): "only moves the point to start from",
    (
        "solvers/blocks.py",
        "floor = max(LEAST_START * mean, 1e-8)",
        "(1.00000001)",
    ): "only moves the point to start from",
    (
        "solvers/blocks.py",
        "MOST_ITERATIONS = 150",
        "(151)",
    ): "a limit that no program of the tests comes near",
    ("solvers/block_kernels.py", "widest = 0", "(1)"): "only a longer scratch array",
    (
        "wan/scenarios/nf/design.py",
        "first_of_flow = np.diff(sets.flow, prepend=-1) > 0",
        "(2)",
    ): "any number below the first flow's marks it",
    (
        "wan/scenarios/ospf/search.py",
        "if values[middle, 0] <= point[0] + TOLERANCE:",
        "(values[middle, 0] < point[0] + TOLERANCE)",
    ): "differs only where two metrics are exactly the tolerance apart",
}


@dataclass(frozen=True)
class Mutant:
    """One change: in `module` (relative to the package `netwright`), the bytes `start` to `end` become `after`."""

    module: str
    line: int
    start: int
    end: int
    before: str
    after: str
    text: str  # the line

    def applied(self, source: bytes) -> bytes:
        """The module's source with the change in it."""
        return source[: self.start] + self.after.encode() + source[self.end :]

    @property
    def equivalent(self) -> str | None:
        """Why no test can kill it; None for all others."""
        return EQUIVALENT.get((self.module, self.text, self.after))

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.before}  ->  {self.after}"


def mutants(module: Path) -> list[Mutant]:
    """Every mutant of a module, in the order of its syntax tree."""
    source = module.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for node in changeable(ast.parse(source)):
        after = changed(node)
        if after is None:
            continue
        place = node.test if isinstance(node, ast.If | ast.IfExp | ast.While) else node
        assert isinstance(place, ast.expr)
        assert place.end_lineno is not None
        assert place.end_col_offset is not None
        start = starts[place.lineno - 1] + place.col_offset
        end = starts[place.end_lineno - 1] + place.end_col_offset
        before = " ".join(source[start:end].decode().split())
        text = source[starts[place.lineno - 1] : starts[place.lineno]].decode().strip()
        found.append(
            Mutant(str(module.relative_to(SOURCE)), place.lineno, start, end, before, f"({after})", text)
        )
    return found


def changeable(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a tree without annotations, decorators, messages and f-strings."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if (
                isinstance(child, ast.AST)
                and not isinstance(child, ast.Raise | ast.JoinedStr)
                and not is_talk(child)
            ):
                yield from changeable(child)


def is_talk(node: ast.AST) -> bool:
    """Whether a node only writes a message."""
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    name = (
        called.attr
        if isinstance(called, ast.Attribute)
        else called.id
        if isinstance(called, ast.Name)
        else ""
    )
    return name in TALK


def changed(node: ast.AST) -> str | None:
    """The code of a node after its change; None where it is of no kind that is changed."""
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        text = ast.unparse(node.test)
        return None if "TYPE_CHECKING" in text or "__name__" in text else f"not ({text})"
    if isinstance(node, ast.Compare):
        return _with(node.left, node.ops[0], node.comparators[0], node)
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.UnaryOp) and type(node.op) in SWAPS:
        old, node.op = node.op, SWAPS[type(node.op)]()  # type: ignore[assignment]
        text = ast.unparse(node)
        node.op = old
        return text
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return repr(node.value + 1)  # type: ignore[operator]
    return None


def _with(left: ast.expr, operator: ast.cmpop, right: ast.expr, node: ast.Compare) -> str:
    swapped = SWAPS[type(operator)]()
    first = ast.Compare(left, [swapped], [right])  # type: ignore[list-item]
    rest = ast.Compare(left, [swapped, *node.ops[1:]], node.comparators)  # type: ignore[list-item]
    return ast.unparse(rest if node.ops[1:] else first)


def tests_of(module: str, without: Sequence[str], root: Path = ROOT) -> list[str]:
    """Test files of a module below `root`: those that import it in the folder that mirrors its package, or else all."""
    path = Path(module)
    folder = next((MIRRORS[str(p)] for p in path.parents if str(p) in MIRRORS), path.parts[0])
    full = dotted(module)
    parent, _, stem = full.rpartition(".")

    def near(file: Path) -> bool:
        text = file.read_text(encoding="utf-8")
        return full in text or (f"from {parent} import" in text and stem in text)

    files = sorted(f for f in (root / "tests" / folder).rglob("test_*.py") if f.name not in without)
    return [str(f.relative_to(root)) for f in [f for f in files if near(f)] or files]


class Outcome(Enum):
    """What tests said of a mutant."""

    PASSED = "SURVIVED"
    FAILED = "killed"
    TIMED_OUT = "killed, out of time"


@dataclass
class Meter:
    """A pytest plugin that adds up the processor time of each test file, children included."""

    seconds: dict[str, float] = field(default_factory=dict)
    last: float = field(default_factory=lambda: processor_seconds())

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Book the time since the test before on this one's file."""
        file, now = nodeid.partition("::")[0], processor_seconds()
        self.seconds[file] = self.seconds.get(file, 0.0) + now - self.last
        self.last = now


def processor_seconds() -> float:
    """Of this process and of its children that have ended."""
    return sum(os.times()[:4])


def importers(module: str, package: Path) -> set[str]:
    """A module of `package` and all that import it, themselves or through others, as paths relative to it."""
    imported = {
        str(file.relative_to(package)): set(imports(ast.parse(file.read_text(encoding="utf-8"))))
        for file in package.rglob("*.py")
    }
    found, new = {module}, {dotted(module)}
    while new:
        reached = {path for path, names in imported.items() if names & new} - found
        found |= reached
        new = {dotted(path) for path in reached}
    return found


def imports(tree: ast.Module) -> Iterator[str]:
    """The full names that a module imports, with and without their last part."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dotted(module: str) -> str:
    """The full name of a module that is given by its path in the package."""
    return "netwright." + ".".join(Path(module).with_suffix("").parts).removesuffix(".__init__")


def digest(paths: Iterable[Path]) -> str:
    """The SHA-256 of files and their names."""
    found = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        found.update(f"{path.name} {len(content)} ".encode() + content)
    return found.hexdigest()


class Runner:
    """Runs tests in a copy of the project, each time in a new child process."""

    def __init__(self, folder: Path, without: Sequence[str]) -> None:
        self.folder, self.without = folder, without
        self.seconds: dict[str, float] = {}  # processor time of each test file without a mutant
        os.nice(10)
        os.environ |= {
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(folder / "src"),
        }
        sys.dont_write_bytecode = True
        self.copy()
        for name in PRELOADED:
            importlib.import_module(name)

    def copy(self) -> None:
        """Copy the project again; what numba compiled there stays if the package is as it was."""
        if any(self.folder.glob("*")) and not (self.folder / KNOWN).exists():
            sys.exit(f"{self.folder} holds other files; name a new folder with --scratch.")
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / KNOWN).open("a") as known:
            known.write("" if known.tell() else "{}")
        source = sorted((ROOT / "src").rglob("*.py"))
        before = digest(sorted((self.folder / "src").rglob("*.py")))
        if before != digest(source):
            shutil.rmtree(self.folder / COMPILED, ignore_errors=True)
        for old in self.folder.glob("[!.]*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        shutil.copytree(ROOT, self.folder, ignore=LEFT_OUT, dirs_exist_ok=True)
        shared = (f for f in (ROOT / "tests").rglob("*.py") if not f.name.startswith("test_"))
        self.tested = digest([*source, *sorted(shared)])

    def tried(self, mutant: Mutant, limit_s: float) -> Outcome:
        """What the tests of the mutant's module say with the change in it, the quickest files first."""
        package = self.folder / "src" / "netwright"
        place = package / mutant.module
        source, times = place.read_bytes(), place.stat()
        place.write_bytes(mutant.applied(source))
        found = tests_of(mutant.module, self.without, self.folder)
        tests = sorted(found, key=lambda t: self.seconds.get(t, 0.0))
        limit_s += OVER_BASELINE * sum(self.seconds.get(t, 0.0) for t in tests)
        try:
            with tempfile.TemporaryDirectory(dir=self.folder, prefix=".numba-") as scratch:
                self.link_compiled(Path(scratch), importers(mutant.module, package))
                return self.outcome(tests, limit_s, Path(scratch))
        finally:
            place.write_bytes(source)
            os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))  # else numba compiles it again

    def link_compiled(self, scratch: Path, changed: set[str]) -> None:
        """Fill `scratch` with the compiled code of all but the changed modules."""
        stale = {(Path(path).parent.name, Path(path).stem) for path in changed}
        for file in (self.folder / COMPILED).rglob("*.nb*"):
            if (file.parent.name.rpartition("_")[0], file.name.partition(".")[0]) not in stale:
                target = scratch / file.parent.name / file.name
                target.parent.mkdir(exist_ok=True)
                target.hardlink_to(file)

    def baseline(self, tests: list[str], limit_s: float) -> bool:
        """Whether the tests pass without a mutant; keeps what each file takes, also for the next run."""
        path = self.folder / KNOWN
        known = json.loads(path.read_text(encoding="utf-8"))
        keys = {t: digest([self.folder / t]) + self.tested for t in tests}
        new = [t for t in tests if keys[t] not in known]
        print(f"baseline: {len(new)} of {len(tests)} test files to measure", file=sys.stderr, flush=True)
        if new and self.outcome(new, limit_s * len(new), self.folder / COMPILED) is not Outcome.PASSED:
            return False
        measured = json.loads((self.folder / SECONDS).read_text(encoding="utf-8")) if new else {}
        known |= {keys[t]: measured.get(t, 0.0) for t in new}
        path.write_text(json.dumps(known), encoding="utf-8")
        self.seconds = {t: known[keys[t]] for t in tests}
        return True

    def outcome(self, tests: list[str], limit_s: float, compiled: Path) -> Outcome:
        """Run tests with a limit of processor time; numba keeps its code in the folder `compiled`."""
        child = os.fork()
        if child == 0:
            self._run(tests, limit_s, compiled)
        end = time.monotonic() + WALL_OVER_CPU * limit_s
        try:
            while time.monotonic() < end:
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    child = 0
                    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
                        return Outcome.TIMED_OUT
                    return Outcome.FAILED if status else Outcome.PASSED
                time.sleep(0.05)
            return Outcome.TIMED_OUT
        finally:
            if child:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)

    def _run(self, tests: list[str], limit_s: float, compiled: Path) -> None:
        status: int = 1
        try:
            os.setsid()
            os.chdir(self.folder)
            _, hard = resource.getrlimit(resource.RLIMIT_CPU)
            resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(processor_seconds() + limit_s), hard))
            log = os.open(self.folder / "pytest.log", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            sys.path.insert(0, str(self.folder / "src"))
            importlib.import_module("numba").config.CACHE_DIR = str(compiled)
            loaded = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
            quick = [
                "-x",
                "-q",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:xdist",
                "--hypothesis-seed=0",
                "-m",
                "not slow",
            ]
            meter = Meter()
            status = int(importlib.import_module("pytest").main([*quick, *loaded, *tests], [meter]))
            (self.folder / SECONDS).write_text(json.dumps(meter.seconds), encoding="utf-8")
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


def main() -> int:
    """Print each survivor and the share killed, and write a row if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", help="a package of netwright, such as solvers or tasks/abr")
    parser.add_argument("--sample", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--limit-s", type=float, default=60.0, help="processor time on top of that of the tests"
    )
    parser.add_argument("--without", nargs="*", default=[], help="names of test files to leave out")
    parser.add_argument("--results", type=Path, help="folder of the results to write the row into")
    parser.add_argument("--scratch", type=Path, help="folder of the copy, kept for the next run")
    chosen = parser.parse_args()
    known = [m for f in sorted((SOURCE / chosen.package).rglob("*.py")) for m in mutants(f)]
    sample = random.Random(chosen.seed).sample(known, min(chosen.sample, len(known)))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as scratch:
        runner = Runner((chosen.scratch or Path(scratch)).resolve(), chosen.without)
        tests = sorted({t for m in sample for t in tests_of(m.module, chosen.without, runner.folder)})
        if not runner.baseline(tests, 5 * chosen.limit_s):
            print("the tests fail without a mutant:", *tests, file=sys.stderr)
            print((runner.folder / "pytest.log").read_text(encoding="utf-8")[-2000:], file=sys.stderr)
            return 2
        outcomes = [(mutant, shown(runner, mutant, chosen.limit_s)) for mutant in sample]
    write_summary(chosen, len(known), outcomes)
    return 0


def shown(runner: Runner, mutant: Mutant, limit_s: float) -> Outcome:
    """What tests say of a mutant, printed with the processor time that they took."""
    start = processor_seconds()
    outcome = runner.tried(mutant, limit_s)
    lives = outcome is Outcome.PASSED and mutant.equivalent
    word = f"equivalent, {mutant.equivalent}" if lives else outcome.value
    print(f"{processor_seconds() - start:5.1f} s  {word}  {mutant}", flush=True)
    return outcome


def write_summary(chosen: argparse.Namespace, known: int, outcomes: list[tuple[Mutant, Outcome]]) -> None:
    """Print the share killed, equivalent mutants aside, and write the row if asked to."""
    counted = [(m, o) for m, o in outcomes if not (o is Outcome.PASSED and m.equivalent)]
    survivors = [str(m) for m, o in counted if o is Outcome.PASSED]
    timed_out = sum(o is Outcome.TIMED_OUT for _, o in counted)
    killed = len(counted) - len(survivors)
    print(
        f"{chosen.package}: {killed} of {len(counted)} killed, {timed_out} of them out of time "
        f"({known} mutants in all; {len(outcomes) - len(counted)} equivalent left out)"
    )
    if chosen.results:
        write_row(chosen, known, len(counted), killed, {"survivors": survivors, "timed_out": timed_out})


def write_row(
    chosen: argparse.Namespace, known: int, tried: int, killed: int, extra: dict[str, object]
) -> None:
    """Put the share killed into `quality.jsonl`, in place of the package's old row."""
    from netwright.core.results import ResultRow, write_rows

    key = {"area": "quality", "subject": chosen.package, "metric": "mutants killed"}
    row = ResultRow(
        area="quality",
        setting=f"random sample of {known} mutants",
        subject=chosen.package,
        metric="mutants killed",
        unit="share",
        value=killed / tried,
        n=tried,
        seeds=(chosen.seed,),
        command=f"python tools/mutation.py {chosen.package} --sample {chosen.sample} --seed {chosen.seed}"
        + (f" --without {' '.join(chosen.without)}" if chosen.without else ""),
        extra=extra,
    )
    write_rows(chosen.results / "quality.jsonl", [row], replaces=key)


if __name__ == "__main__":
    sys.exit(main())
