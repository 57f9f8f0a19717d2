"""Validation of a data folder; every finding names its location."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from netwright.core.errors import DataError
from netwright.core.types import Json
from netwright.datasets import area, area_names
from netwright.datasets.area import Area, Finding
from netwright.datasets.manifest import differences


@dataclass(frozen=True)
class CheckReport:
    """The findings of a check, by area."""

    folder: str
    findings: dict[str, tuple[Finding, ...]]

    @property
    def errors(self) -> list[Finding]:
        """Findings that make the data invalid."""
        return [f for found in self.findings.values() for f in found if f.level == "error"]

    @property
    def warnings(self) -> list[Finding]:
        """Findings that do not make the data invalid."""
        return [f for found in self.findings.values() for f in found if f.level == "warning"]

    def to_json(self) -> Json:
        """A document of plain types."""
        return {
            "folder": self.folder,
            "ok": not self.errors,
            "n_errors": len(self.errors),
            "n_warnings": len(self.warnings),
            "findings": [{"area": a, **f.to_json()} for a, found in self.findings.items() for f in found],
        }


def check(folder: Path, names: Sequence[str] = (), *, published: bool = False) -> CheckReport:
    """Check areas of a data folder (`<folder>/<area>`).

    Args:
        folder: the data folder.
        names: areas; all areas in the folder if empty.
        published: also report files that are missing or differ from the published ones.

    Raises:
        DataError: the folder does not exist, lacks a requested area, or contains no area.
        UnknownNameError: there is no such area.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; point --data or NETWRIGHT_DATA at a data folder.")
    asked = [area(name) for name in dict.fromkeys(names)]
    for found in asked:
        if not (folder / found.name).is_dir():
            raise DataError(
                f"{folder / found.name}: no such folder; run `netwright data fetch {found.name}`."
            )
    areas = asked or [area(name) for name in area_names() if (folder / name).is_dir()]
    if not areas:
        raise DataError(
            f"{folder}: contains none of {', '.join(area_names())}; point --data at the parent folder."
        )
    return CheckReport(
        folder=str(folder), findings={a.name: tuple(_findings(a, folder / a.name, published)) for a in areas}
    )


def _findings(found: Area, folder: Path, published: bool) -> Iterator[Finding]:
    """Findings of the area's readers, then differences from the published files.

    For an area without readers, the existing files are compared with the manifest.
    """
    if found.check is not None:
        yield from found.check(folder)
    if published or found.check is None:
        yield from differences(found, folder, absent=published)
