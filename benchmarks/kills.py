"""SIGKILL at random moments of long work, which is then resumed: what is lost, and whether the result is another one.

    python benchmarks/kills.py [--kills 30] [--seed 0] [--only adaptation] [--results results]

Parts: `collection`, `adaptation` (steps since the last checkpoint are repeated), `pool` (built again),
`dialogue` (an answer counts as given once the next question is shown). Work is killed and resumed until that many kills
are done, and begun again whenever it ends before; each result is compared, byte by byte, with that of a run that was
left alone (a pool's cells, since its file names the time that it took).
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from netwright.core.results import ResultRow, write_rows

COMMAND = "python benchmarks/kills.py --results results"
PRELOADED = (
    "netwright.adaptation.run",
    "netwright.tasks.abr.adapter",
    "netwright.wan.scenarios.bw.design",
    "pyarrow.parquet",
)
COLLECT = "collect abr --policy bba --policy mpc --episodes 800 --out experience"
ADAPT = (
    "adapt abr --backbone none --experience experience --iterations 100 --batch-size 16 --set evaluate_every=25 "
    "--out model"
)
POOL = "design pool --scenario bw --topology abilene --objectives 100 --out pool.parquet"
ASK = "design ask --pool pool.parquet --out dialogue --learner no-prune --queries 20"


@dataclass(frozen=True)
class Work:
    """A command that can be resumed.

    Attributes:
        words: of the command.
        results: files that must be the same as without kills.
        resume: option to continue with; empty where the work begins again.
        given: file or folder that must be there.
    """

    name: str
    words: str
    results: Sequence[str]
    resume: str = ""
    given: str = ""


WORKS = (
    Work("collection", COLLECT, ("experience/columns.npz",), "--resume"),
    Work("adaptation", ADAPT, ("model/encoder_head.safetensors",), "--resume", "experience"),
    Work("pool", POOL, ("pool.parquet",)),
)


class Process:
    """A command in a fork of this process, which has imported everything.

    Args:
        words: of the command.
        folder: working directory.
        stdin, stderr: file descriptors; nothing and nowhere by default.
    """

    def __init__(self, words: str, folder: Path, stdin: int | None = None, stderr: int | None = None) -> None:
        self.began = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            self._run(words, folder, stdin, stderr)

    @staticmethod
    def _run(words: str, folder: Path, stdin: int | None, stderr: int | None) -> None:
        code = 1
        try:
            from netwright.cli.main import main

            os.chdir(folder)
            null = os.open(os.devnull, os.O_RDWR)
            for stream, given in ((0, stdin), (1, None), (2, stderr)):
                os.dup2(null if given is None else given, stream)
            sys.stdin = os.fdopen(0)
            code = main(words.split())
        finally:
            sys.stderr.flush()
            os._exit(code)

    def wait(self) -> float:
        """Wait until it has ended well; returns the seconds that it took."""
        _, status = os.waitpid(self.pid, 0)
        assert status == 0, f"a command ended with {os.waitstatus_to_exitcode(status)}"
        return time.monotonic() - self.began

    def kill(self) -> bool:
        """SIGKILL; False if it had ended by itself."""
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in (0, -signal.SIGKILL), f"a command ended with {code}"
        return code != 0


@contextmanager
def scratch(*given: Path) -> Iterator[Path]:
    """A folder with copies of these files or folders."""
    with tempfile.TemporaryDirectory() as made:
        for path in given:
            (shutil.copytree if path.is_dir() else shutil.copyfile)(path, Path(made) / path.name)
        yield Path(made)


def content(path: Path) -> bytes:
    """A file's bytes; of a table its cells only, since what is said beside them includes the time that it took."""
    if path.suffix != ".parquet":
        return path.read_bytes()
    import pyarrow.parquet as parquet

    return repr(parquet.read_table(path).to_pydict()).encode()


def resumed(work: Work, home: Path, n: int, chance: random.Random) -> list[ResultRow]:
    """Kill and resume a work `n` times; a run that was left alone leaves its results in `home`."""
    seconds = Process(work.words, home).wait()
    expected = [content(home / name) for name in work.results]
    kills = finished = other = 0
    while kills < n:
        with scratch(*([home / work.given] if work.given else [])) as folder:
            words, before = work.words, kills
            while kills < n:
                process = Process(words, folder)
                time.sleep(chance.uniform(0.0, seconds))
                if not process.kill():
                    break
                kills += 1
                words = f"{work.words} {work.resume}"
            else:
                Process(words, folder).wait()
            finished += kills > before
            other += kills > before and [content(folder / name) for name in work.results] != expected
    return [row(work.name, "results that differ after kills", other, finished, n)]


def dialogues(home: Path, n: int, chance: random.Random) -> list[ResultRow]:
    """Kill `n` dialogues while answers are typed: answers that are not in the file, and files that cannot be read."""
    given = lost = unreadable = 0
    for _ in range(n):
        with scratch(home / "pool.parquet") as folder:
            shown = typed(folder, chance)
            given += shown
            file = folder / "dialogue" / "dialogue.json"
            try:
                kept = len(json.loads(file.read_text(encoding="utf-8"))["exchanges"]) if file.exists() else 0
            except ValueError:
                kept, unreadable = 0, unreadable + 1
            lost += max(0, shown - kept)
    return [
        row("dialogue", "answers lost", lost, given, n),
        row("dialogue", "files that cannot be read", unreadable, n, n),
    ]


def typed(folder: Path, chance: random.Random) -> int:
    """Give each question's first answer until the dialogue is killed; the number that a question was shown after."""
    (their_in, our_in), (our_err, their_err) = os.pipe(), os.pipe()
    process = Process(ASK, folder, their_in, their_err)
    os.close(their_in)
    os.close(their_err)
    killing = threading.Timer(chance.uniform(0.0, 4.0), os.kill, (process.pid, signal.SIGKILL))
    questions, text = 0, b""
    with os.fdopen(our_err, "rb", buffering=0) as shown, suppress(BrokenPipeError):
        while chunk := shown.read(65536):
            text += chunk
            while questions < text.count(b"Question "):
                if not questions:
                    killing.start()
                questions += 1
                os.write(our_in, b"a\n")
    killing.join()
    os.waitpid(process.pid, 0)
    os.close(our_in)
    return max(0, questions - 1)


def row(subject: str, metric: str, value: int, n: int, kills: int) -> ResultRow:
    """A count among `n`."""
    return ResultRow(
        area="quality",
        setting="SIGKILL at random moments",
        subject=subject,
        metric=metric,
        unit="count",
        value=value,
        n=n,
        seeds=(),
        command=COMMAND,
        extra={"kills": kills},
    )


def measure(kills: int, seed: int, only: str) -> Iterator[ResultRow]:
    """The rows of all parts whose names contain `only`."""
    for name in PRELOADED:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as made:
        home, chance = Path(made), random.Random(seed)
        for work in WORKS:
            if only in work.name:
                yield from resumed(work, home, kills, chance)
            else:
                Process(work.words, home).wait()
        if only in "dialogue":
            yield from dialogues(home, kills, chance)


def main() -> int:
    """Print the rows as they are made, and write them if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=30, help="of each part")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="a part")
    parser.add_argument("--results", type=Path, help="folder of the results to write the rows into")
    chosen = parser.parse_args()
    os.environ.pop("NETWRIGHT_DATA", None)
    made = []
    for each in measure(chosen.kills, chosen.seed, chosen.only):
        print(
            f"{each.subject}: {each.metric}: {each.value:.0f} of {each.n} ({each.extra['kills']} kills)",
            flush=True,
        )
        made.append(each)
    if chosen.results:
        write_rows(chosen.results / "quality.jsonl", made, replaces={"command": COMMAND})
    return 0


if __name__ == "__main__":
    sys.exit(main())
