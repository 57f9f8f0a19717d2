"""Corrupt and hostile files through every reader: counts tracebacks, hangs, memory and what was wrongly accepted.

Each case changes one valid file, runs a command (or a reader that no quick command reaches) in a forked process and
looks at the end: 0 and 1 are results, 2 is a sentence, 70 is a fault of netwright. Same seed, same files.

    python benchmarks/hostile_files.py [--cases 2700] [--seed 0] [--only NAME] [--show]
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import gzip
import io
import json
import multiprocessing
import os
import random
import re
import resource
import shutil
import sys
import tarfile
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from netwright.adaptation.offline.collect import PLAN
from netwright.cli.main import main as netwright
from netwright.core.errors import NetwrightError

LONGEST_S = 10.0
LARGEST_MIB = 1024.0
FAULT = 70
JSON_WORDS = [
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 5000,
    b"[" * 5000,
    b"null",
    b"true",
    b'"\\ud800"',
    b"-1",
    b"{}",
]
TEXT_WORDS = [
    b"nan",
    b"inf",
    b"-1",
    b"1e308",
    b"1e999",
    b"\xc2\xb2",
    b"\xd9\xa1",
    b"1_0",
    b"\xff\xfe",
    b"\x00",
    b"\x1b[2J",
]


@dataclasses.dataclass(frozen=True)
class Target:
    """A file, and what reads it.

    Attributes:
        run: a command's words, or a function of the file.
        one_of_many: whether what is no regular file may be passed over, as in a folder of traces.
        sealed: whether every change of a byte must be refused (a checksum covers the file).
    """

    name: str
    file: Path
    run: Sequence[object] | Callable[[Path], object]
    kind: str  # json, text or binary
    sealed: bool = False
    one_of_many: bool = False


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a case."""

    target: str
    change: str
    code: int  # as the command's; -1 for a crash or a hang
    seconds: float
    mib: float
    wrong: bool
    detail: str


def corrupt(content: bytes, kind: str, rng: random.Random) -> tuple[str, bytes]:
    """The name of a change and the changed file."""
    kinds = ["flip", "flip", "cut", "zeros", "insert", "remove", "repeat", "noise"]
    change = rng.choice([*kinds, *(["word"] * 8 if kind in ("json", "text") else [])])
    at = rng.randrange(max(1, len(content)))
    n = rng.choice([1, 2, 4, 8, 64])
    noise = rng.randbytes(n)
    if change == "flip":
        if not content:
            return change, noise
        changed = bytearray(content)
        for _ in range(rng.choice([1, 1, 3, 20])):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        return change, bytes(changed)
    if change == "word":
        return _with_word(content, kind, rng)
    return change, {
        "cut": content[:at],
        "zeros": content[:at] + bytes(n) + content[at + n :],
        "insert": content[:at] + noise + content[at:],
        "remove": content[:at] + content[at + n :],
        "repeat": content + content[at:],
        "noise": rng.randbytes(rng.choice([0, 1, 100, 5000])),
    }[change]


def _with_word(content: bytes, kind: str, rng: random.Random) -> tuple[str, bytes]:
    """One value of a text in place of another: a number or a quoted word."""
    values = list(re.finditer(rb'-?[0-9][0-9.eE+-]*|"[^"]*"|true|false|null', content))
    word = rng.choice(JSON_WORDS if kind == "json" else TEXT_WORDS)
    if not values:
        return "word", word
    found = rng.choice(values)
    return f"word {word[:8]!r}", content[: found.start()] + word + content[found.end() :]


def special(target: Target, number: int) -> str | None:
    """Put something that is no such file in the place of a target's; its name, None when there are no more."""
    path = target.file
    makers: list[tuple[str, Callable[[], object]]] = [
        ("fifo", lambda: os.mkfifo(path)),
        ("folder", path.mkdir),
        ("/dev/zero", lambda: path.symlink_to("/dev/zero")),
        ("link in a circle", lambda: path.symlink_to(path)),
        ("sparse 1 TiB", lambda: _sparse(path)),
        ("empty", lambda: path.write_bytes(b"")),
        ("deep", lambda: path.write_bytes(b"[" * 1_000_000)),
        ("one long line", lambda: path.write_bytes(b"1 " * (6 << 20))),
        ("zip bomb", lambda: path.write_bytes(_zip_bomb())),
        ("gzip bomb", lambda: path.write_bytes(_gzip_bomb())),
    ]
    if number >= len(makers):
        return None
    path.unlink()
    makers[number][1]()
    return makers[number][0]


def _sparse(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(1 << 40)


@functools.cache
def _gzip_bomb() -> bytes:
    return gzip.compress(bytes(64 << 20), 1)


@functools.cache
def _zip_bomb() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, a=np.zeros(16 << 20))
    return stream.getvalue()


def _restore(target: Target, content: bytes) -> None:
    if target.file.is_dir() and not target.file.is_symlink():
        target.file.rmdir()
    else:
        target.file.unlink(missing_ok=True)
    target.file.write_bytes(content)


def attempt(target: Target, scratch: Path) -> tuple[int, str]:
    """Run the command or reader; the exit code and what went wrong."""
    said = io.StringIO()
    os.chdir(scratch)
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        if not callable(target.run):
            words = [str(word) for word in target.run]
            code = command(words)
            if code == FAULT:  # again, for its traceback
                command([*words, "--debug"])
        else:
            try:
                target.run(target.file)
                code = 0
            except NetwrightError:
                code = 2
            except Exception:
                traceback.print_exc()
                code = FAULT
    text = said.getvalue()
    return FAULT if "\x1b" in text else code, text.strip()


def work(target: Target, cases: range, seed: int, connection: multiprocessing.connection.Connection) -> None:
    """In a forked process: cases of one target, an outcome each."""
    resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
    content = target.file.read_bytes()
    scratch = target.file.parent / "scratch"
    for number in cases:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        changed, must_refuse = content, not target.one_of_many
        change = special(target, number)
        if change is None:
            change, changed = corrupt(content, target.kind, random.Random(f"{seed} {target.name} {number}"))
            target.file.write_bytes(changed)
            not_json = target.kind == "json" and change.startswith(("word b'NaN", "word b'1e999"))
            must_refuse = (target.sealed and changed != content) or not_json
        connection.send(("start", number, change))
        start = time.monotonic()
        code, detail = attempt(target, scratch)
        mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        wrong = code == 0 and must_refuse
        connection.send(
            Outcome(target.name, change, code, time.monotonic() - start, mib, wrong, detail[-2000:])
        )
        os.chdir("/")
        _restore(target, content)
    connection.send(None)


def run(target: Target, n: int, seed: int) -> list[Outcome]:
    """`n` cases of a target; a process that hangs or crashes is replaced, and the next case continues."""
    content, outcomes, number = target.file.read_bytes(), [], 0
    context = multiprocessing.get_context("fork")
    while number < n:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(target, range(number, n), seed, theirs))
        process.start()
        theirs.close()
        change, began = "", time.monotonic()
        while True:
            message: object = "hang"
            with contextlib.suppress(EOFError):
                message = ours.recv() if ours.poll(2 * LONGEST_S) else "hang"
            if message is None:
                number = n
            elif isinstance(message, Outcome):
                outcomes.append(message)
                number += 1
                continue
            elif isinstance(message, tuple):
                change, began = message[2], time.monotonic()
                continue
            else:
                process.kill()
                outcomes.append(
                    Outcome(target.name, change, -1, time.monotonic() - began, 0.0, False, "hang or crash")
                )
                number += 1
            break
        process.join()
        _restore(target, content)
    return outcomes


def targets(folder: Path) -> list[Target]:
    """Valid files of every kind, each with what reads it."""
    made = []

    def file(name: str, content: bytes | str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    made += _abr(folder, file)
    made += _vp(file)
    made += _cjs(file)
    made += _wan(folder, file)
    made += _others(folder, file)
    return made


def _abr(folder: Path, file: Callable[..., Path]) -> list[Target]:
    rows = "".join(f"{0.5 * i:.1f} {1.0 + i % 7 * 0.5:.2f}\n" for i in range(60))
    stamps = "".join(f"{12 * i}\n" for i in range(1, 300))
    puffer = "time (ns GMT),session_id,index,delivery_rate\n" + "".join(
        f"{1_600_000_000_000_000_000 + i * 2_000_000_000},s,0,{200_000 + i}\n" for i in range(40)
    )
    rates = (300, 750, 1200, 1850, 2850, 4300)
    for level, rate in enumerate(rates):
        text = "".join(f"{rate * 500 + i}\n" for i in range(48))
        file(f"abr-data/abr/videos/video1/video_size_{level}", text)
    video = {"bitrates_kbps": list(rates), "chunk_s": 4.0, "n_chunks": 48}
    description = file("abr-data/abr/videos/video1/video.json", json.dumps(video))
    sizes = folder / "abr-data/abr/videos/video1/video_size_3"
    sets = "abr-data/abr/traces/netllm-fcc-test"
    start = {"start_ptr": {"two-columns": 3, "mahimahi": 1}}
    test = ["test", "abr", "--policy", "bba", "--data", folder / "abr-data"]
    check = ["data", "check", "--data", folder / "abr-data"]
    found = [
        Target("trace, two columns", file(f"{sets}/two-columns", rows), test, "text", one_of_many=True),
        Target("trace, Mahimahi", file(f"{sets}/mahimahi", stamps), test, "text", one_of_many=True),
        Target("trace, Puffer", file(f"{sets}/puffer.csv", puffer), test, "text", one_of_many=True),
        Target("start rows", file(f"{sets}.start_ptr.json", json.dumps(start)), test, "json"),
        Target("video sizes", sizes, test, "text"),
        Target("video.json", description, test, "json", one_of_many=True),
        Target(
            "abr data check",
            folder / f"{sets}/two-columns",
            check,
            "text",
            one_of_many=True,
        ),
    ]
    _must(test)  # compiled once, and not in each forked process within its seconds
    return found


def _vp(file: Callable[..., Path]) -> list[Target]:
    from netwright.tasks.vp.data import read_archive, read_csv, read_frames, read_splits

    rng = np.random.default_rng(0)
    rows = (np.cumsum(rng.normal(size=(200, 4)), axis=0) * 1e6).astype(np.int32)
    arrays = {
        "rows": rows,
        "video": np.array([1, 2]),
        "user": np.array([1, 1]),
        "offset": np.array([0, 100, 200]),
    }
    stream, frames = io.BytesIO(), io.BytesIO()
    np.savez_compressed(stream, **arrays)
    np.savez(frames, features=rng.normal(size=(20, 8)).astype(np.float32))
    split = {"Jin2022": {k: {s: [1, 2] for s in ("train", "valid", "test")} for k in ("videos", "users")}}
    csv = "".join(f"{i * 0.2:.2f},1.5,{i}.25,-3\n" for i in range(60))
    return [
        Target(
            "vp archive", file("vp/a.npz", stream.getvalue()), lambda p: read_archive(p, "Jin2022"), "binary"
        ),
        Target("vp split", file("vp/split.json", json.dumps(split)), read_splits, "json"),
        Target("vp trace", file("vp/simple_5Hz_user1.csv", csv), read_csv, "text"),
        Target(
            "vp frames", file("vp/f/video1.npz", frames.getvalue()), lambda p: read_frames(p.parent), "binary"
        ),
    ]


GRAPHML = """<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><key id="d0" for="edge" attr.name="LinkSpeedRaw"
attr.type="double"/><graph edgedefault="undirected"><node id="a"/><node id="b"/><node id="c"/>
<edge source="a" target="b"><data key="d0">1e9</data></edge><edge source="b" target="c"><data key="d0">1e9</data></edge>
<edge source="c" target="a"><data key="d0">1e9</data></edge></graph></graphml>"""
GML = """graph [ directed 0
 node [ id 0 label "a" ] node [ id 1 label "b" ] node [ id 2 label "c" ]
 edge [ source 0 target 1 capacity 10 ] edge [ source 1 target 2 capacity 10 ] edge [ source 2 target 0 capacity 10 ] ]
"""
DOT = "graph g { a -- b [capacity=10]; b -- c [capacity=10]; c -- a [capacity=10]; }\n"
REPETITA = """NODES 3
label x y
a 0.0 0.0
b 1.0 0.0
c 0.0 1.0

EDGES 6
label src dest weight bw delay
e0 0 1 1 1000 1
e1 1 0 1 1000 1
e2 1 2 1 1000 1
e3 2 1 1 1000 1
e4 2 0 1 1000 1
e5 0 2 1 1000 1
"""


def _wan(folder: Path, file: Callable[..., Path]) -> list[Target]:
    links = [{"source": a, "target": b, "capacity": 10, "latency_ms": 2} for a, b in ("ab", "bc", "ca")]
    network = json.dumps({"nodes": [{"id": n} for n in "abc"], "links": links})
    edges = "a b 10\nb c 10\nc d 10\nd a 10\na c 5\n"
    demands = (
        "source,target,volume\na,c,16\nb,d,9\nd,b,7\nc,a,12\n"  # more than fits: there is something to decide
    )
    net, pool = file("wan/net.txt", edges), folder / "wan/pool.parquet"
    volumes, out = file("wan/demands.csv", demands), folder / "wan/made"
    of_net = ["--scenario", "mcf", "--topology", net, "--demands", volumes, "--objectives", 6]
    build = ["design", "pool", *of_net, "--out", pool]
    _must([*build])
    _must(["design", "ask", "--pool", pool, "--out", out / "dialogue"])
    parameters = ["latency-surcharge=1", "latency-threshold=1", "latency-weight=1", "throughput-discount=1"]
    parameters = [w for k in [*parameters, "throughput-threshold=0.5"] for w in ("--parameter", k)]
    solve = ["design", "solve", "--pool", pool, *parameters]
    command([*solve, "--out", out / "design"])
    found = [
        Target(
            f"network, {name}", file(f"wan/{name}", text), ["design", "import", folder / "wan" / name], kind
        )
        for name, text, kind in (
            ("a.json", network, "json"),
            ("a.txt", edges, "text"),
            ("a.csv", "source,target,capacity\na,b,10\nb,c,10\nc,a,10\n", "text"),
            ("a.graphml", GRAPHML, "text"),
            ("a.gml", GML, "text"),
            ("a.dot", DOT, "text"),
            ("a.graph", REPETITA, "text"),
        )
    ]
    found += [
        Target("demands", volumes, ["design", "pool", *of_net, "--out", "new.parquet"], "text"),
        Target("topology of a pool", net, ["design", "pool", *of_net, "--out", "new.parquet"], "text"),
        Target("pool", pool, ["design", "ask", "--pool", pool], "binary"),
        Target(
            "dialogue", out / "dialogue/dialogue.json",
            ["design", "ask", "--pool", pool, "--out", out / "dialogue"], "json",
        ),
    ]  # fmt: skip
    today = out / "design/design.json"
    if today.exists():
        found.append(Target("design in use", today, [*solve, "--today", today], "json"))
    return found


def _cjs(file: Callable[..., Path]) -> list[Target]:
    from netwright.tasks.cjs.own_jobs import read_own

    stage = {"Stage ID": 0, "Parent IDs": [], "Number of Tasks": 1, "RDD Info": [{"RDD ID": 0}]}
    info = {"Index": 0, "Partition ID": 0, "Launch Time": 5, "Finish Time": 9, "Executor ID": "1"}
    events = [
        {
            "Event": "SparkListenerExecutorAdded",
            "Timestamp": 1,
            "Executor ID": "1",
            "Executor Info": {"Total Cores": 2},
        },
        {"Event": "SparkListenerJobStart", "Job ID": 0, "Submission Time": 2, "Stage Infos": [stage]},
        {
            "Event": "SparkListenerTaskEnd",
            "Stage ID": 0,
            "Task End Reason": {"Reason": "Success"},
            "Task Info": info,
        },
        {
            "Event": "SparkListenerJobEnd",
            "Job ID": 0,
            "Completion Time": 9,
            "Job Result": {"Result": "JobSucceeded"},
        },
    ]
    lines = "".join(json.dumps(event, separators=(",", ":")) + "\n" for event in events)
    jobs = {"format_version": 1, "jobs": [{"name": "a", "arrival_s": 0.0, "stages": []}]}
    jobs["jobs"][0]["stages"] = [{"name": "s", "tasks": 2, "duration_s": [1.0, 2.0]}]
    packed = gzip.compress(lines.encode())
    return [
        Target("Spark event log", file("cjs/log", lines), read_own, "json", one_of_many=True),
        Target("Spark event log, gzipped", file("cjs/log.gz", packed), read_own, "binary", one_of_many=True),
        Target("own jobs", file("cjs/jobs.json", json.dumps(jobs)), read_own, "json"),
    ]


def _others(folder: Path, file: Callable[..., Path]) -> list[Target]:
    from netwright.core.array_files import read_npy
    from netwright.core.results import read_rows
    from netwright.datasets.archives import members
    from netwright.llm.backbones import _pretrained_model
    from netwright.tasks.abr import golden

    stream, npy = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name in ("r/a.txt", "r/b/c.txt"):
            entry = tarfile.TarInfo(name)
            entry.size = 2000
            archive.addfile(entry, io.BytesIO(bytes(range(250)) * 8))
    np.save(npy, np.arange(50.0))
    weights = file("w/tiny.safetensors", (Path(sys.modules["netwright"].__file__ or "").parent
                                          / "llm/weights/tiny.safetensors").read_bytes())  # fmt: skip
    transitions = json.dumps({"columns": list(golden.COLUMNS)}) + "\n" + json.dumps({"rows": []}) + "\n"
    jobs = [
        Target("archive", file("x/a.tar.gz", stream.getvalue()), lambda p: list(members(p)), "binary"),
        Target("image feature", file("x/a.npy", npy.getvalue()), lambda p: read_npy(p, remedy="x"), "binary"),
        Target(
            "result rows", file("x/rows.jsonl", '{"a": 1.5}\n{"b": 2}\n'), read_rows, "json", one_of_many=True
        ),
        Target("backbone weights", weights, _pretrained_model, "binary"),
        Target(
            "golden",
            file("g/abr/golden/t.jsonl", transitions),
            ["verify", "abr", folder / "g/abr/golden/t.jsonl"],
            "json",
        ),
    ]
    return [*jobs, *_models(folder)]


def _models(folder: Path) -> list[Target]:
    """An adapted model and an experience, whose files carry checksums."""
    data, saved, played = folder / "abr-data", folder / "m/model", folder / "m/experience"
    collect = ["collect", "abr", "--policy", "bba", "--episodes", 4, "--out", played]
    adapt = [
        "adapt",
        "abr",
        "--backbone",
        "none",
        "--experience",
        played,
        "--iterations",
        1,
        "--batch-size",
        4,
    ]
    adapt += ["--set", "evaluate_every=1"]
    if netwright([*map(str, collect)]) or netwright([*map(str, adapt), "--out", str(saved)]):
        print("no model could be made: its files are left out", file=sys.stderr)
        return []
    test = ["test", "abr", "--adapted", saved, "--data", data]
    again = [
        "adapt",
        "abr",
        "--backbone",
        "none",
        "--experience",
        played,
        "--iterations",
        1,
        "--out",
        "again",
    ]
    found = [
        Target(
            f"model, {p.name}",
            p,
            test,
            "json" if p.suffix == ".json" else "binary",
            p.suffix == ".safetensors",
        )
        for p in sorted(saved.iterdir())
        if p.suffix in (".json", ".safetensors")
    ]
    found += [
        Target(
            f"experience, {p.name}",
            p,
            [*collect, "--resume"] if p.name == PLAN else again,
            "json" if p.suffix == ".json" else "binary",
            p.suffix == ".npz",
        )
        for p in sorted(played.iterdir())
        if p.suffix in (".json", ".npz")
    ]
    return found


def command(words: Sequence[object]) -> int:
    """The exit code of a command that leaves a dialogue at its first question."""
    sys.stdin = io.StringIO("q\n")
    return netwright([*map(str, words)])


def _must(words: Sequence[object]) -> None:
    code = command(words)
    assert code == 0, words


def table(outcomes: Sequence[Outcome]) -> str:
    """A row for each target and one for all."""
    lines = [
        f"{'file':28} {'cases':>6} {'refused':>8} {'read':>6} {'faults':>7} {'hangs':>6} {'MiB':>6} {'wrong':>6}"
    ]
    names = list(dict.fromkeys(o.target for o in outcomes))
    for name in [*names, "all"]:
        own = [o for o in outcomes if name in (o.target, "all")]
        faults = sum(o.code == FAULT for o in own)
        hangs = sum(o.seconds > LONGEST_S or o.detail == "hang or crash" for o in own)
        refused, read = sum(o.code == 2 for o in own), sum(o.code in (0, 1) for o in own)
        lines.append(
            f"{name:28} {len(own):6} {refused:8} {read:6} {faults:7} {hangs:6} {max(o.mib for o in own):6.0f} "
            f"{sum(o.wrong for o in own):6}"
        )
    return "\n".join(lines)


def bad(outcome: Outcome) -> bool:
    """Whether an outcome is none that may be."""
    return (
        outcome.code in (FAULT, -1)
        or outcome.wrong
        or outcome.seconds > LONGEST_S
        or outcome.mib > LARGEST_MIB
    )


def measure(cases: int, seed: int, only: str = "", folder: Path | None = None) -> list[Outcome]:
    """Outcomes of about that many cases, shared among the targets whose name holds `only`."""
    with tempfile.TemporaryDirectory(dir=folder) as made:
        os.environ["NETWRIGHT_CACHE"] = f"{made}/cache"
        os.environ.pop("NETWRIGHT_DATA", None)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(io.StringIO()):
            try:
                every = targets(Path(made))
            except BaseException:
                sys.__stderr__.write(said.getvalue()) if sys.__stderr__ else None
                raise
        chosen = [t for t in every if only in t.name]
        each = -(-cases // len(chosen))
        outcomes = []
        for target in chosen:
            began = time.monotonic()
            outcomes += run(target, each, seed)
            print(
                f"{target.name}: {each} cases in {time.monotonic() - began:.0f} s",
                file=sys.stderr,
                flush=True,
            )
        return outcomes


def main() -> int:
    """Measure and print the table; 1 if there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2700)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--show", action="store_true", help="print what went wrong, with tracebacks")
    given = parser.parse_args()
    outcomes = measure(given.cases, given.seed, given.only)
    for outcome in filter(bad, outcomes) if given.show else ():
        print(f"--- {outcome}\n{outcome.detail}\n")
    print(table(outcomes))
    return int(any(map(bad, outcomes)))


if __name__ == "__main__":
    sys.exit(main())
