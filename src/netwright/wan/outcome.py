"""The outcome of a search for a design: one document for the terminal, a web page and `design.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from netwright.core.files import read_json
from netwright.synthesis.dialogue import Dialogue
from netwright.synthesis.problem import Array, ObjectiveFamily
from netwright.wan.details import Details
from netwright.wan.exporting import DESIGN_FILE, Solved, described, figures, write_design
from netwright.wan.figures import MAP_FILE, map_svg
from netwright.wan.instance import Instance
from netwright.wan.load_facts import LoadFacts
from netwright.wan.registry import scenario
from netwright.wan.selection import Source
from netwright.wan.settled import Settled
from netwright.wan.tables import Tables

Facts = dict[str, object]


class End(Enum):
    """How a conversation ended."""

    FINISHED = "all questions are answered"
    STOPPED = "stopped by the operator"
    LEFT = "left, to continue later"
    CUT = "the input ended before the dialogue did"
    SETTLED = "there is nothing to decide"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a dialogue.

    Attributes:
        answers: number of answered questions.
        files: files written; empty if the operator left or answered no question.
        facts: the result by name, in readable form.
        more: further entries of the document.
    """

    end: End
    answers: int
    files: tuple[Path, ...]
    facts: Facts
    more: Facts

    def to_json(self) -> Facts:
        """A document of plain types."""
        return {
            "finished": bool(self.files),
            "end": self.end.value,
            "answers": self.answers,
            "files": [str(path) for path in self.files],
            **self.more,
        }


def outcome(dialogue: Dialogue, end: End, source: Source, details: Details, file: Path) -> Outcome:
    """Write the recommended design with its map beside a dialogue's file, unless the operator left or the input ended.

    Args:
        file: file of the dialogue.
    """
    answers = len(dialogue.exchanges)
    if end in (End.LEFT, End.CUT) or dialogue.recommend() is None:
        return Outcome(end, answers, (), {}, {"dialogue": str(file)})
    result = dialogue.result()
    chosen = details.solved(result.design)
    document = {**result.to_json(), **_of_pool(source, chosen, details.figures(result.design))}
    drawn = map_svg(source.instance.topology, chosen.tables)
    files = write_design(file.parent, document, chosen.tables, {MAP_FILE: drawn})
    more: Facts = {"dialogue": str(file), "result": result.to_json()}
    return Outcome(end, answers, tuple(files), result_facts(dialogue), more)


def settled_outcome(found: Settled, source: Source, details: Details, folder: Path) -> Outcome:
    """Write the one design that every objective prefers, with its map."""
    figures = details.figures_of(found.solved)
    document = {
        "design": found.design,
        **_of_pool(source, found.solved, figures),
        "reason": found.reason,
    }
    drawn = map_svg(source.instance.topology, found.solved.tables)
    files = write_design(folder, document, found.solved.tables, {MAP_FILE: drawn})
    shown: Facts = {**found.solved.metrics, **figures}
    return Outcome(End.SETTLED, 0, tuple(files), shown, {"reason": found.reason})


def is_settled(folder: Path) -> bool:
    """Whether a folder holds a design that needed no question."""
    file = folder / DESIGN_FILE
    document = read_json(file) if file.is_file() else None
    return isinstance(document, dict) and "reason" in document


def design_facts(name: str, instance: Instance, chosen: Solved, figures: Mapping[str, float | str]) -> Facts:
    """Entries of `design.json` about a design of a scenario, without the reason for its choice."""
    return {
        "scenario": name,
        "instance": instance.describe(),
        "metrics": dict(chosen.metrics),
        "figures": dict(figures),
    }


def _of_pool(source: Source, chosen: Solved, figures: Mapping[str, float | str]) -> Facts:
    return design_facts(source.pool.provenance["scenario"], source.instance, chosen, figures)


def result_facts(dialogue: Dialogue) -> Facts:
    """The result by name, in readable form."""
    result = dialogue.result()
    facts: Facts = {
        f"{metric.name} ({metric.unit})": value
        for metric, value in zip(dialogue.problem.group.metrics, result.metrics.metrics, strict=True)
    }
    if result.assessment is not None:
        facts["expected quality"] = result.assessment.text
    if result.objective is not None:
        facts["what you seem to want"] = result.objective["text"]
    if result.contradictions:
        facts["disagreements"] = "; ".join(result.contradictions)
    return facts


@dataclass(frozen=True)
class BestDesign:
    """The best design of a known objective: its document for `design.json`, facts in readable form, and tables."""

    document: Facts
    facts: Facts
    tables: Tables


def best_design(
    name: str, instance: Instance, family: ObjectiveFamily, parameters: Array, today: Tables | None
) -> BestDesign:
    """Solve for the best design of an objective.

    Args:
        name: of the scenario.
        parameters: of the objective; shape (k,).
        today: the design in use, from which changes are counted.
    """
    chosen = described(name, instance, scenario(name).decide(instance, family, parameters))
    shown = figures(chosen.tables, today)
    objective = {
        "text": family.describe(parameters),
        "parameters": {k.name: float(v) for k, v in zip(family.parameters, parameters, strict=True)},
    }
    document: Facts = {
        **design_facts(name, instance, chosen, shown),
        "load": LoadFacts.of(instance).to_json(),
        "objective": objective,
    }
    facts: Facts = {"objective": objective["text"], **chosen.metrics, **shown}
    return BestDesign(document, facts, chosen.tables)
