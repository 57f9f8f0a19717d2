"""Public data: fetch it, convert it, check it. Each module in `areas` is an area; there is no list."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from netwright.core.errors import UnknownNameError
from netwright.datasets.area import Area

_AREAS_PACKAGE = "netwright.datasets.areas"


@cache
def area_names() -> tuple[str, ...]:
    """Names of all areas, in alphabetical order; imports none of them."""
    package = importlib.import_module(_AREAS_PACKAGE)
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__)))


@cache
def area(name: str) -> Area:
    """The area of that name; an unknown one raises `UnknownNameError`."""
    if name not in area_names():
        raise UnknownNameError("data area", name, area_names())
    found = importlib.import_module(f"{_AREAS_PACKAGE}.{name}").AREA
    assert isinstance(found, Area)
    assert found.name == name
    return found
