"""Uploaded networks, demands and designs: parsed in memory, kept under the hash of their content.

Names that a client gives are used in messages and to detect the format, never as a path.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from netwright.core import notes
from netwright.core.errors import ConfigError, DataError, NetwrightError
from netwright.core.files import write_json, write_text
from netwright.core.reading import read_json, text_of
from netwright.core.text import printable
from netwright.core.types import Json
from netwright.wan.catalog import TOPOLOGIES
from netwright.wan.demands import demands_of
from netwright.wan.importing import ImportOptions, as_topology, graph_of
from netwright.wan.importing.demand_files import SUFFIXES as MATRIX_SUFFIXES
from netwright.wan.importing.demand_files import with_demands_of
from netwright.wan.importing.summary import summary
from netwright.wan.importing.writing import write_import
from netwright.wan.instance import load_topology
from netwright.wan.topology import Topology
from netwright.web.settings import MAX_NODES, MAX_UPLOADS_BYTES

KEY = re.compile(r"[0-9a-f]{32}")
LONGEST_NAME = 80


@dataclass(frozen=True)
class Upload:
    """A file of a client: its name, for messages, and its content."""

    name: str
    content: bytes

    @property
    def path(self) -> Path:
        """The last part of the name, printable and short; no file of ours has this path."""
        last = re.split(r"[\\/]", self.name)[-1].strip() or "file"
        stem, dot, suffix = printable(last).rpartition(".")
        return Path(f"{stem[-LONGEST_NAME:]}{dot}{suffix[-10:]}".replace("/", "_"))


@dataclass(frozen=True)
class Network:
    """A network that was read.

    Attributes:
        key: by which it is found again.
        title: its name.
        summary: what was read, in one line.
        notes: what was ignored, assumed or dropped.
        has_demands: whether its file (or the one beside it) contained demands.
    """

    key: str
    title: str
    summary: str
    notes: tuple[str, ...]
    has_demands: bool


class Uploads:
    """Uploads in a folder of the server.

    Args:
        data: folder with topologies that are not packaged.
    """

    def __init__(self, folder: Path, data: Path | None) -> None:
        self.folder, self.data = folder, data

    def add_network(self, upload: Upload, demands: Upload | None, options: ImportOptions) -> Network:
        """Read a network, and demands in its format if given.

        Raises:
            NetwrightError: what is wrong with the files; names them as the client does.
        """
        with _noted() as said:
            graph = graph_of(upload.content, str(upload.path), options=options)
            if demands is not None and not _is_table(demands):
                graph = with_demands_of(graph, demands.content, demands.path)
            topology = as_topology(graph)
            if topology.n_nodes > MAX_NODES:
                raise DataError(
                    f"{upload.path}: has {topology.n_nodes} nodes; the app takes up to {MAX_NODES}, "
                    "use the command line for larger networks."
                )
            key = _key(upload.content, demands.content if demands else b"", repr(options).encode())
            self._check_room()
            found = [*topology.notes, *write_import(self.network(key), self.table(key), graph, topology)]
            network = Network(
                key, topology.name, summary(graph, topology), (*found, *said), bool(graph.demands)
            )
            facts = vars(network) | {"notes": list(network.notes)}
            write_json(self.folder / f"{key}.facts.json", facts, private=True)
            if demands is not None and _is_table(demands):
                self._add_table(demands, topology, self.table(key))
                network = replace(network, has_demands=True)
            return network

    def add_demands(self, upload: Upload, topology: Topology) -> str:
        """Read demands as a table (source, target, volume); returns their key."""
        key = _key(upload.content, topology.name.encode(), b"table")
        self._add_table(upload, topology, self.table(key))
        return key

    def add_document(self, upload: Upload) -> str:
        """Keep a JSON document, such as a design in use or failures; returns its key. Its reader checks it."""
        key = _key(upload.content, b"", b"document")
        text = text_of(upload.content, upload.path)
        self._check_room()
        write_text(self.document(key), text, private=True)
        return key

    def known(self, key: str) -> Network | None:
        """The network of a key; None if there is none."""
        if not KEY.fullmatch(key) or not self.network(key).is_file():
            return None
        facts: Json = read_json(self.folder / f"{key}.facts.json")
        return Network(
            key,
            str(facts["title"]),
            str(facts["summary"]),
            tuple(map(str, facts["notes"])),  # type: ignore[call-overload]
            self.table(key).is_file(),
        )

    @cached_property
    def catalog(self) -> list[str]:
        """The topologies by name that can be read."""
        found = []
        for name in TOPOLOGIES:
            try:
                load_topology(name, self.data)
            except NetwrightError:
                continue
            found.append(name)
        return found

    def topology(self, name: str) -> Topology:
        """The topology of a name in the catalog or of a key."""
        place = name if name in TOPOLOGIES else str(self.network(self.checked(name)))
        return load_topology(place, self.data)

    def checked(self, key: str) -> str:
        """The key, if something was uploaded under it.

        Raises:
            ConfigError: nothing was.
        """
        if not KEY.fullmatch(key) or not any(
            path.is_file() for path in (self.network(key), self.table(key), self.document(key))
        ):
            raise ConfigError("there is no such upload; choose the file again.")
        return key

    def network(self, key: str) -> Path:
        """The file of a network."""
        return self.folder / f"{key}.json"

    def table(self, key: str) -> Path:
        """The file of demands."""
        return self.folder / f"{key}.demands.csv"

    def document(self, key: str) -> Path:
        """The file of another document."""
        return self.folder / f"{key}.document.json"

    def _add_table(self, upload: Upload, topology: Topology, path: Path) -> None:
        text = text_of(upload.content, upload.path)
        demands_of(text, upload.path, topology)
        self._check_room()
        write_text(path, text, private=True)

    def _check_room(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        used = sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())
        if used > MAX_UPLOADS_BYTES:
            raise ConfigError(
                f"the uploads of this server take more than {MAX_UPLOADS_BYTES >> 20} MiB; ask its operator to "
                "remove old ones."
            )


def _is_table(upload: Upload) -> bool:
    """Whether demands are a table of their own and not in the format of a network (matrices have no titles)."""
    if upload.path.suffix.lower() not in MATRIX_SUFFIXES:
        return True
    if upload.path.suffix.lower() != ".csv":
        return False
    return any(c.isalpha() for c in text_of(upload.content[:400], upload.path))


def _key(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:32]


@contextmanager
def _noted() -> Iterator[list[str]]:
    """The notes of the block."""
    said: list[str] = []
    with notes.collected(lambda line: said.append(line.removeprefix("note: ")), own=True):
        yield said


def sentence(error: NetwrightError, folder: Path) -> str:
    """The message of an error without the paths of the server."""
    return str(error).replace(f"{folder}/", "")
