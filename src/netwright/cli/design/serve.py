"""`netwright design serve`: the dialogue in a browser."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from netwright.cli import options
from netwright.cli.output import interruptible, print_json, print_line, progress
from netwright.core.errors import ConfigError, reason_of
from netwright.core.locks import locked
from netwright.core.network import LOOPBACK

PASSWORD = "NETWRIGHT_PASSWORD"


def _home() -> Path:
    """Folder of the user's data."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "netwright"


def serve(
    host: Annotated[
        str,
        typer.Option(
            help=f"Address to listen at; other than this computer's own needs a password ({PASSWORD})."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST", help="Further name by which browsers address this server; may be repeated."
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder of the dialogues and uploaded networks; by default ~/.local/share/netwright.",
        ),
    ] = None,
    browser: Annotated[bool, typer.Option("--browser", help="Open the page in a browser.")] = False,
    data: options.Data = None,
    as_json: options.AsJson = False,
) -> None:
    """Serve the dialogue as web pages: choose a network, answer questions, take the design."""
    import uvicorn

    from netwright.web.app import create_app
    from netwright.web.settings import Settings

    place = (folder if folder is not None else _home()).absolute()
    password = os.environ.get(PASSWORD) or None
    if host not in LOOPBACK and password is None:
        password = secrets.token_urlsafe(12)
        progress(f"password for this run: {password} (set {PASSWORD} to choose it)")
    with (
        locked(place / "server", remedy="stop it, or give another --out"),
        _listening(host, port) as listener,
        interruptible("the dialogues are kept; repeat the command to continue."),
    ):
        address = f"[{host}]" if ":" in host else host
        url = f"http://{address}:{listener.getsockname()[1]}/"
        app = create_app(Settings(place, data, _names(host, name or []), password))
        if as_json:
            print_json({"url": url, "folder": str(place)})
        else:
            print_line(f"{url} (Ctrl-C stops the server; dialogues are kept in {place})")
        sys.stdout.flush()
        if browser:
            webbrowser.open_new_tab(url)
        uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on")).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    """A socket at an address.

    Raises:
        ConfigError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen at {host}, port {port} ({reason_of(error)}); give another --port or --host."
        ) from None
    return listener


def _names(host: str, further: list[str]) -> tuple[str, ...]:
    """Names under which browsers may address the server."""
    own = {*LOOPBACK, host.lower(), *map(str.lower, further)}
    if host not in LOOPBACK:
        own |= {socket.gethostname().lower(), socket.getfqdn().lower()}
    return tuple(sorted(own))
