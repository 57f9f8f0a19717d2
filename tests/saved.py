"""Helpers for tests of saved things."""

from __future__ import annotations

import json
from pathlib import Path

from netwright.core.documents import sealed
from netwright.core.files import sha256_of_file


def rehashed(folder: Path) -> None:
    """Renew the hashes of a saved model's document, as a careful hand would."""
    path = folder / "netwright.json"
    document = json.loads(path.read_text())
    document["files"] = {name: sha256_of_file(folder / name) for name in document["files"]}
    path.write_text(json.dumps(sealed(document)))
