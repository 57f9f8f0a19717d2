"""Response times and robustness of the operator's app on this machine; rows in results/app.jsonl.

    python benchmarks/app_load.py --results results
    python benchmarks/app_load.py --only crowd --results results

Parts: `cpu` (CPU time from an answer to the next page), `server` (the same as a client on loopback sees it), `crowd`
(50 dialogues at once), `browser` (from the click to the next question in chromium), `kills` (SIGKILL at random
moments), `malformed` (random requests). Operators think for a while before they answer; so do these clients, and during
that time the server computes ahead. Times other than CPU depend on other work on the machine; rows name its load.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import numpy as np
from starlette.testclient import TestClient

from netwright.core.results import ResultRow, write_rows
from netwright.synthesis.database import Database
from netwright.web.app import DATABASE, create_app
from netwright.web.conversations import Conversations, likely_answers
from netwright.web.settings import Settings

COMMAND = "python benchmarks/app_load.py"
WISH = {"scenario": "mcf", "network": "abilene", "objectives": "1000", "queries": "10"}
SETTING = "mcf:abilene, pool 1000"

# In the page: answer, and wait until the next question is drawn; both return the time in ms.
CLICK = """() => {
  const now = performance.now(); document.querySelector('.answers .primary').click(); return now; }"""
NEXT = """before => new Promise(done => { const look = () =>
  document.querySelector('.count')?.innerText !== before ? requestAnimationFrame(() => done(performance.now()))
  : requestAnimationFrame(look); look(); })"""

ODD = [
    "",
    "0",
    "-1",
    "9" * 30,
    "1e308",
    "nan",
    "a" * 5000,
    "\u202e",
    "%00",
    "../..",
    "'; DROP TABLE x",
    "<b>",
    "tick",
]
FIELDS = [
    "csrf",
    "token",
    "best",
    "said",
    "design",
    "scenario",
    "network",
    "load",
    "failed",
    "left",
    "balance",
]
KINDS = ["multipart/form-data", "application/json", "x", "multipart/form-data; boundary=a"]


class Server:
    """The app in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, 0
        self.start()

    def start(self) -> None:
        """Start, or start again at the same port."""
        command = ["design", "serve", "--port", str(self.port), "--out", str(self.folder), "--json"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "netwright", *command],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        text = ""
        for line in iter(self.process.stdout.readline, ""):
            text += line
            if line.startswith("}"):
                break
        self.url = json.loads(text)["url"].rstrip("/")
        self.port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """SIGKILL to the server and its helpers."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Operator:
    """A client that answers one dialogue after the other."""

    def __init__(self, url: str, seed: int, wish: dict[str, str]) -> None:
        self.http = httpx.Client(base_url=url, timeout=60.0, headers={"hx-request": "true"})
        self.random = random.Random(seed)
        self.wish = wish
        self.page, self.place, self.csrf = "", "", ""

    def begin(self) -> None:
        """Begin a dialogue and wait for its first question."""
        self._take(self.http.get("/"))
        found = self.http.post("/dialogues", data={**self.wish, "csrf": self.csrf})
        self.place = found.headers["location"]
        while 'id="ask"' not in self.page:
            self._take(self.http.get(self.place))
            if 'id="ask"' not in self.page:
                time.sleep(0.2)

    def answer(self) -> float:
        """Tick one or two designs (or take one of the menu); returns the seconds to the next page."""
        token = self._found(r'name="token" value="(\w+)"')
        said = {"csrf": self.csrf, "token": token}
        kind = self._found(r'data-kind="(\w+)"')
        if kind == "tick":
            said["best"] = self.random.sample(["0", "1", "2"], self.random.choice((1, 1, 2)))
        else:
            said["said"] = "0"
        began = time.perf_counter()
        found = self.http.post(f"{self.place}/answer", data=said)
        seconds = time.perf_counter() - began
        self._take(found)
        return seconds

    @property
    def asked(self) -> bool:
        """Whether a question is pending."""
        return 'id="ask"' in self.page

    def _take(self, found: httpx.Response) -> None:
        found.raise_for_status()
        self.page = found.text
        token = re.search(r'name="csrf" value="(\w+)"', self.page)
        self.csrf = token[1] if token else self.csrf

    def _found(self, pattern: str) -> str:
        found = re.search(pattern, self.page)
        assert found, self.page[:500]
        return found[1]


@contextmanager
def served() -> Iterator[Server]:
    """A server whose pool is ready."""
    folder = Path(tempfile.mkdtemp())
    server = Server(folder)
    try:
        Operator(server.url, 0, WISH).begin()
        time.sleep(5.0)  # the larger pool opens
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def row(subject: str, metric: str, unit: str, value: float, n: int, **extra: object) -> ResultRow:
    """One row, with the load of the machine, on which other work runs."""
    load = {"load_average": round(os.getloadavg()[0], 1), "cores": os.cpu_count()}
    return ResultRow(
        area="app", setting=SETTING, subject=subject, metric=metric, unit=unit, value=value, n=n, seeds=(0,),
        command=COMMAND, extra={**load, **extra},
    )  # fmt: skip


def percentiles(subject: str, metric: str, seconds: list[float], **extra: object) -> list[ResultRow]:
    """Median and 95th percentile in ms."""
    return [
        row(
            subject, f"{metric}, p{p}", "ms", 1000.0 * float(np.percentile(seconds, p)), len(seconds), **extra
        )
        for p in (50, 95)
    ]


def cpu_times(dialogues: int = 3) -> list[ResultRow]:
    """CPU time of one process from an answer to the next page, if the question was foreseen and if it was not."""
    found = []
    folder = Path(tempfile.mkdtemp())
    with TestClient(
        create_app(Settings(folder)), base_url="http://127.0.0.1", follow_redirects=False
    ) as client:
        client.headers["hx-request"] = "true"
        conversations = client.app.state.parts.conversations  # type: ignore[attr-defined]
        conversations.think_ahead = lambda conversation: None
        for foreseen in (True, False):
            seconds: list[float] = []
            for seed in range(dialogues):
                operator = Operator("http://127.0.0.1", 10 * foreseen + seed, WISH)
                operator.http = client  # type: ignore[assignment]
                operator.begin()
                while operator.asked:
                    if foreseen:
                        _foresee(conversations, operator)
                    began = time.process_time()
                    operator.answer()
                    seconds.append(time.process_time() - began)
            found += percentiles("cpu", "answer to next page, CPU", seconds, foreseen=foreseen)
    shutil.rmtree(folder, ignore_errors=True)
    return found


def _foresee(conversations: Conversations, operator: Operator) -> None:
    """Compute the questions after all likely answers."""
    key = operator.place.rpartition("/")[2]
    entry = conversations.database.entry(key)
    assert entry is not None
    with conversations.alone(key, entry.owner) as (conversation, _):
        assert conversation.dialogue is not None
        assert conversation.pending is not None
        for answer in likely_answers(conversation.pending):
            conversation.dialogue.foresee(answer)


def server_times() -> list[ResultRow]:
    """One operator at a time, with and without time to think."""
    found = []
    with served() as server:
        for think_s, dialogues in ((3.0, 3), (0.0, 6)):
            seconds = []
            for seed in range(dialogues):
                operator = Operator(server.url, 100 + seed, WISH)
                operator.begin()
                while operator.asked:
                    time.sleep(think_s)
                    seconds.append(operator.answer())
            found += percentiles("server", "answer to next question", seconds, think_s=think_s)
    return found


def crowd(n: int = 50, think_s: float = 8.0, answers: int = 6) -> list[ResultRow]:
    """Many operators at once, who think for `think_s` on average (exponential)."""
    seconds: list[float] = []
    errors: list[str] = []

    def operate(seed: int) -> None:
        try:
            operator = Operator(server.url, seed, WISH)
            operator.begin()
            for _ in range(answers):
                time.sleep(operator.random.expovariate(1.0 / think_s))
                seconds.append(operator.answer())
        except Exception as error:
            errors.append(repr(error))

    with served() as server:
        threads = [threading.Thread(target=operate, args=(seed,)) for seed in range(n)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    extra = {"dialogues": n, "think_s": think_s}
    print(errors[:3])
    return [
        *percentiles("crowd", "answer to next question", seconds, **extra),
        row("crowd", "errors", "count", len(errors), n * answers, **extra),
    ]


def browser_times(dialogues: int = 3, think_s: float = 3.0) -> list[ResultRow]:
    """From the click to the next question on the screen, in chromium."""
    from playwright.sync_api import sync_playwright

    seconds = []
    with served() as server, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        for seed in range(dialogues):
            page, chance = chromium.new_context().new_page(), random.Random(seed)
            page.goto(server.url)
            page.get_by_role("button", name="Begin").click()
            page.wait_for_selector("#ask", timeout=60_000)
            while page.locator("[name=best]").count():
                page.wait_for_timeout(1000 * think_s)
                page.locator("[name=best]").nth(chance.randrange(3)).check()
                before = page.locator(".count").inner_text()
                began = page.evaluate(CLICK)
                seconds.append((page.evaluate(NEXT, before) - began) / 1000.0)
        chromium.close()
    return percentiles("browser", "click to next question", seconds, think_s=think_s)


def kills(n: int = 100) -> list[ResultRow]:
    """SIGKILL at random moments while an operator answers: confirmed answers that are lost, databases damaged.

    The servers are forked from a process that has imported everything, so that each starts in a moment.
    """
    folder, chance = Path(tempfile.mkdtemp()), random.Random(0)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["netwright.web.app", "netwright.wan.scenarios.mcf.design", "uvicorn"])
    wish = {**WISH, "objectives": "300", "learner": "no-prune", "queries": "20"}
    lost = damaged = confirmed = 0
    for _ in range(n):
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(folder, theirs))
        process.start()
        operator = Operator(ours.recv(), chance.randrange(10**6), wish)
        operator.begin()
        acknowledged = [0]
        thread = threading.Thread(target=_answer_on, args=(operator, acknowledged))
        thread.start()
        time.sleep(chance.uniform(0.0, 1.0))
        process.kill()
        process.join()
        thread.join()
        kept, sound = _kept(folder, operator.place.rpartition("/")[2])
        confirmed += acknowledged[0]
        lost += max(0, acknowledged[0] - kept)
        damaged += not sound
    shutil.rmtree(folder, ignore_errors=True)
    return [
        row("kills", "confirmed answers lost", "count", lost, confirmed, kills=n),
        row("kills", "databases damaged", "count", damaged, n, kills=n),
    ]


def _serve(folder: Path, ready: Connection) -> None:
    """In a process: the app on a free port, whose address is sent."""
    import uvicorn

    listener = socket.create_server(("127.0.0.1", 0))
    ready.send(f"http://127.0.0.1:{listener.getsockname()[1]}")
    uvicorn.Server(uvicorn.Config(create_app(Settings(folder)), log_level="error")).run(sockets=[listener])


def _answer_on(operator: Operator, acknowledged: list[int]) -> None:
    """Answer until the server is gone; counts confirmed answers."""
    with contextlib.suppress(httpx.HTTPError):
        while operator.asked:
            operator.answer()
            acknowledged[0] += 1


def _kept(folder: Path, key: str) -> tuple[int, bool]:
    """Answers in the database, and whether it is sound."""
    database = Database(folder / DATABASE)
    document = database.store(key).load()
    sound = database._run("PRAGMA integrity_check", ()) == [("ok",)]
    database.close()
    exchanges = document["exchanges"] if document else []
    assert isinstance(exchanges, list)
    return len(exchanges), sound


def malformed(n: int = 10_000) -> list[ResultRow]:
    """Random requests to every route, with a valid session: responses of 500 and more, and the slowest."""
    chance = random.Random(0)
    worst, errors = 0.0, 0
    folder = Path(tempfile.mkdtemp())
    with TestClient(
        create_app(Settings(folder)),
        base_url="http://127.0.0.1",
        follow_redirects=False,
        raise_server_exceptions=False,
    ) as client:
        operator = Operator("http://127.0.0.1", 0, {**WISH, "objectives": "300"})
        operator.http = client  # type: ignore[assignment]
        operator.begin()
        routes = sorted({(m, r.path) for r in _routes(client) for m in r.methods})
        for _ in range(n):
            method, path = chance.choice(routes)
            request = _request(chance, method, path, operator)
            began = time.perf_counter()
            found = client.request(**request)
            worst = max(worst, time.perf_counter() - began)
            errors += found.status_code >= 500
            if found.status_code >= 500:
                print(found.status_code, request)
    shutil.rmtree(folder, ignore_errors=True)
    return [
        row("malformed", "responses of 500 and above", "count", errors, n),
        row("malformed", "slowest response", "ms", 1000.0 * worst, n),
    ]


def _routes(client: TestClient) -> list[object]:
    from netwright.web import ask, end, start

    return [route for module in (start, ask, end) for route in module.router.routes]


def _request(chance: random.Random, method: str, path: str, operator: Operator) -> dict[str, object]:
    """A random request: parts of a valid one, and odd ones."""
    key = operator.place.rpartition("/")[2] if chance.random() < 0.7 else chance.choice(ODD)

    def odd(*known: str) -> str:
        return chance.choice([*known, *ODD])

    place = (
        path.replace("{key}", key).replace("{number}", odd("1", "2")).replace("{name}", odd("design.json"))
    )
    fields: dict[str, object] = {name: odd("0", "mcf", "abilene") for name in chance.sample(FIELDS, 5)}
    if chance.random() < 0.8:
        fields["csrf"] = operator.csrf
    request: dict[str, object] = {
        "method": method,
        "url": place or "/",
        "params": dict(list(fields.items())[:2]),
    }
    if method == "POST":
        kind = chance.random()
        if kind < 0.6:
            request["data"] = fields
        elif kind < 0.8:
            request["content"] = chance.randbytes(chance.randrange(200))
            request["headers"] = {"content-type": chance.choice(KINDS)}
        else:
            request |= {
                "data": fields,
                "files": {"network_file": (odd("a.json", "a.graphml"), chance.randbytes(50))},
            }
    return request


PARTS: dict[str, Callable[[], list[ResultRow]]] = {
    "cpu": cpu_times,
    "server": server_times,
    "crowd": crowd,
    "browser": browser_times,
    "kills": kills,
    "malformed": malformed,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=list(PARTS), help="one part")
    parser.add_argument("--results", type=Path, help="folder of results to write rows into")
    options = parser.parse_args()
    for name in [options.only] if options.only else PARTS:
        rows = PARTS[name]()
        for each in rows:
            print(
                f"{each.subject}: {each.metric}: {each.value:.1f} {each.unit} (n = {each.n}) {dict(each.extra)}"
            )
        if options.results:
            write_rows(options.results / "app.jsonl", rows, replaces={"subject": name, "command": COMMAND})


if __name__ == "__main__":
    main()
