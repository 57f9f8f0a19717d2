"""Public data: fetch, convert and check it. A data area is the `AREA` of a module `area.py` of a task or of `wan`."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.util import find_spec

from netwright.core import registry
from netwright.core.errors import UnknownNameError
from netwright.datasets.area import Area

_MODULES = {"cjs": "netwright.datasets.cjs", "wan": "netwright.wan.area"}


@cache
def _modules() -> dict[str, str]:
    names = registry.folder_names("netwright.tasks")
    found = {
        name: f"netwright.tasks.{name}.area" for name in names if find_spec(f"netwright.tasks.{name}.area")
    }
    return dict(sorted((_MODULES | found).items()))


def area_names() -> tuple[str, ...]:
    """Names of all areas, in alphabetical order; imports none of them."""
    return tuple(_modules())


@cache
def area(name: str) -> Area:
    """The area of that name; an unknown one raises `UnknownNameError`."""
    if name not in _modules():
        raise UnknownNameError("data area", name, area_names())
    found = importlib.import_module(_modules()[name]).AREA
    assert isinstance(found, Area)
    assert found.name == name
    return found
