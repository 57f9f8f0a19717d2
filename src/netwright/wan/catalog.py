"""Topologies by name: Abilene and B4 are packaged, the other five are read from the data folder."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from netwright.core.errors import DataError, UnknownNameError
from netwright.wan.topology import Topology, read

# Nodes and links of Table 5, Wang et al. 2023, after the preparation of `topology.two_core`.
TOPOLOGIES = {
    "abilene": (11, 14),
    "b4": (12, 19),
    "cwix": (21, 26),
    "btnorthamerica": (36, 76),
    "tinet": (48, 84),
    "deltacom": (103, 151),
    "ion": (114, 135),
}
PACKAGED = ("abilene", "b4")


def topology(name: str, data: Path | None = None) -> Topology:
    """The topology of that name; those that are not packaged are read from `<data>/wan/topologies`.

    The default of `data` is the folder named by NETWRIGHT_DATA.

    Raises:
        UnknownNameError: there is no topology of that name.
        DataError: it is not packaged, and there is no data folder with it.
    """
    if name not in TOPOLOGIES:
        raise UnknownNameError("topology", name, TOPOLOGIES)
    if name in PACKAGED:
        with resources.as_file(resources.files("netwright.wan") / "topologies" / f"{name}.json") as path:
            return read(path)
    folder = data if data is not None else os.environ.get("NETWRIGHT_DATA")
    if not folder:
        raise DataError(
            f"topology {name} is not packaged; point --data or NETWRIGHT_DATA at a data folder with "
            "wan/topologies (`netwright data fetch wan` creates one)."
        )
    place = Path(folder) / "wan" if (Path(folder) / "wan").is_dir() else Path(folder)
    return read(place / "topologies" / f"{name}.json")
