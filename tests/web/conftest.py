"""The app in this process for its routes, and as a server of its own for a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from netwright.web.app import create_app
from netwright.web.settings import Settings

WAIT_S = 180.0


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """Pools of all tests of the app are built once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="package")
def client(tmp_path_factory, cache) -> Iterator[TestClient]:
    """The app in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETWRIGHT_CACHE", str(cache))
        patch.delenv("NETWRIGHT_DATA", raising=False)
        settings = Settings(tmp_path_factory.mktemp("app"))
        with TestClient(create_app(settings), base_url="http://127.0.0.1", follow_redirects=False) as found:
            yield found


@dataclass
class Browser:
    """A visitor without a screen: keeps cookies and the token of forms."""

    client: TestClient
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    def get(self, place: str, **more):
        return self._sent("GET", place, **more)

    def post(self, place: str, data=None, **more):
        return self._sent("POST", place, data={"csrf": self.csrf, **(data or {})}, **more)

    def _sent(self, method, place, headers=None, **more):
        self.client.cookies.clear()
        cookie = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        found = self.client.request(method, place, headers={"cookie": cookie, **(headers or {})}, **more)
        self.cookies |= dict(found.cookies)
        token = re.search(r'name="csrf" value="(\w+)"', found.text)
        self.csrf = token[1] if token else self.csrf
        return found

    def begin(self, **choices: object) -> str:
        """Begin a dialogue, wait for its first question; returns its place."""
        self.get("/")
        found = self.begin_only(**choices)
        assert found.status_code == 303, found.text
        return self.opened(found.headers["location"])

    def opened(self, place: str) -> str:
        """Wait for the first question of a dialogue; returns its place."""
        end = time.monotonic() + WAIT_S
        while (page := self.get(place)).text.count('id="progress"'):
            assert time.monotonic() < end, page.text
            time.sleep(0.1)
        return place

    def begin_only(self, **choices: object):
        """Ask for a dialogue."""
        wish = {"scenario": "mcf", "network": "abilene", "objectives": "300", "queries": "4", **choices}
        return self.post("/dialogues", wish)

    def token(self, place: str) -> str:
        """The token of the pending question."""
        found = re.search(r'name="token" value="(\w*)"', self.get(place).text)
        return found[1] if found else ""

    def answer(self, place: str, **said: object):
        """Answer the pending question."""
        return self.post(f"{place}/answer", {"token": self.token(place), **said})


@pytest.fixture
def visitor(client) -> Browser:
    """A new visitor."""
    return Browser(client)


@dataclass
class Server:
    """The app in a process of its own, which can be killed and started again at the same port."""

    folder: Path
    cache: Path
    port: int = 0
    password: str = ""
    process: subprocess.Popen | None = None
    url: str = ""

    def start(self) -> None:
        command = ["design", "serve", "--port", str(self.port), "--out", str(self.folder), "--json"]
        variables = {**os.environ, "NETWRIGHT_CACHE": str(self.cache), "OMP_NUM_THREADS": "1"}
        variables.pop("NETWRIGHT_DATA", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "netwright", *command], stdout=subprocess.PIPE, text=True, env=variables
        )
        lines = iter(self.process.stdout.readline, "")
        text = ""
        for line in lines:
            text += line
            if line.startswith("}"):
                break
        self.url = json.loads(text)["url"]
        self.port = int(self.url.rstrip("/").rpartition(":")[2])

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory, cache) -> Iterator[Server]:
    """The app as a server."""
    found = Server(tmp_path_factory.mktemp("served"), cache)
    found.start()
    yield found
    found.kill()
