"""Logic that must stand in one place only."""

import re
from pathlib import Path

import pytest

import netwright.tasks.abr as abr
import netwright.tasks.vp as vp

FOLDER = Path(abr.__file__).parent


def sources(package):
    return {p: p.read_text() for p in Path(package.__file__).parent.rglob("*.py")}


def test_the_formula_of_the_qoe_is_written_once():
    weighted = re.compile(r"-\s*[\w.\[\]]*(?:stall|rebuffer)[\w.\[\]]*\s*\*\s*[\w.\[\]]*(?:stall|rebuffer)")
    found = [p.relative_to(FOLDER).as_posix() for p, text in sources(abr).items() if weighted.search(text)]
    assert found == ["metrics.py"]


def test_angles_are_wrapped_in_one_room():
    named = re.compile(r"^def (wrapped_deg|valid_deg|mirrored_deg|unwrapped_deg)\b", re.MULTILINE)
    assert [p.name for p, text in sources(vp).items() if named.search(text)] == ["angles.py"]


@pytest.mark.parametrize("package", [abr, vp])
def test_data_and_generator_make_no_circle(package):
    folder = Path(package.__file__).parent
    name = package.__name__
    imports = {
        p.stem: set(re.findall(rf"from {re.escape(name)}\.(\w+) import", p.read_text()))
        for p in folder.glob("*.py")
    }

    def reachable(start):
        seen, todo = set(), [start]
        while todo:
            for other in imports.get(todo.pop(), set()) - seen:
                seen.add(other)
                todo.append(other)
        return seen

    for module in ("data", "dataset", "generator", "formats", "units", "angles", "observation", "kernels"):
        assert module not in reachable(module)
