"""Settings and limits of the app's server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from netwright.core.network import LOOPBACK

MAX_BODY_BYTES = 20 << 20
MAX_NODES = 250
MAX_TUNNELS = 60_000
MAX_WAITING_BUILDS = 16
MAX_DIALOGUES_OF_ONE = 300
MAX_UPLOADS_BYTES = 512 << 20
OBJECTIVES = (300, 1000)
FIRST_STAGE = 100  # objectives of the pool from which the first question is asked while a larger one is built


@dataclass(frozen=True)
class Settings:
    """How a server runs.

    Attributes:
        folder: of the database and of uploaded networks.
        data: folder with topologies that are not packaged.
        hosts: names under which the server may be addressed; requests for others are refused (DNS rebinding).
        password: required from every visitor; None on loopback only.
        build_limit_s: time after which building a pool is given up.
        secure: whether the server is reached by HTTPS only, through a proxy.
    """

    folder: Path
    data: Path | None = None
    hosts: tuple[str, ...] = LOOPBACK
    password: str | None = None
    build_limit_s: float = 900.0
    secure: bool = False
