"""Failure scenarios of a design: sets of arcs that fail together."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from netwright.core.errors import DataError
from netwright.core.files import read_json
from netwright.wan.topology import Topology

Failure = tuple[int, ...]  # arcs that are down at the same time, sorted


def single_links(topology: Topology) -> tuple[Failure, ...]:
    """Every single link, with both directions."""
    return topology.links


def of_links(topology: Topology, groups: Iterable[Iterable[tuple[str, str]]]) -> tuple[Failure, ...]:
    """Failures from groups of links that share a risk, each link named by its two ends.

    Raises:
        DataError: a link does not exist, or a group is empty; names it.
    """
    arcs_of: dict[frozenset[int], list[int]] = {}
    for index, (a, b) in enumerate(topology.arcs.tolist()):
        arcs_of.setdefault(frozenset((a, b)), []).append(index)
    failures = []
    for group in groups:
        down: set[int] = set()
        for a, b in group:
            try:
                arcs = arcs_of.get(frozenset((topology.number_of(a), topology.number_of(b))))
            except DataError as error:
                raise DataError(f"a failure names the link {a} - {b}, but {error}") from None
            if arcs is None:
                raise DataError(
                    f"topology {topology.name}: a failure names the link {a} - {b}, which does not exist; "
                    "name the two ends of a link."
                )
            down.update(arcs)
        if not down:
            raise DataError("a failure contains no link; drop it or name one.")
        failures.append(tuple(sorted(down)))
    return tuple(failures)


def read(path: Path, topology: Topology) -> tuple[Failure, ...]:
    """Failures from a JSON file: a list of failures, each a list of links, each a list of two node names.

    Raises:
        DataError: the file is malformed, or names a link that does not exist.
    """
    document = read_json(path)
    try:
        groups = [[(str(a), str(b)) for a, b in group] for group in document]
    except (TypeError, ValueError):
        raise DataError(f'{path}: must hold lists of links, such as [[["A", "B"], ["A", "C"]]].') from None
    try:
        return of_links(topology, groups)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
