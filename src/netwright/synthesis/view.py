"""The view of a question for a terminal or a web page: its designs side by side in random order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from netwright.core.seeding import generator
from netwright.synthesis.dialogue import Dialogue
from netwright.synthesis.presentation import headings, metric_rows, text_rows
from netwright.synthesis.problem import Array
from netwright.synthesis.queries import Answer, Kind, Query

_ORDER_STREAM = 1 << 24

Figures = Callable[[int], Mapping[str, float | str]]
"""Returns additional figures of a design."""


@dataclass(frozen=True)
class QuestionView:
    """One question of a dialogue.

    Attributes:
        order: positions in `query.designs` in the order shown; random, so that position favors no design.
        columns, rows: a table with one column per design.
    """

    query: Query
    order: tuple[int, ...]
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(
        cls, dialogue: Dialogue, query: Query, ranges: Array, figures: Figures | None = None
    ) -> QuestionView:
        """The view of a dialogue's pending question.

        Args:
            ranges: range of each metric over all known designs; shape (m,).
            figures: additional rows below the metrics, if any.
        """
        order = _order(dialogue, query)
        shown = [query.designs[i] for i in order]
        designs = [dialogue.design(d) for d in shown]
        rows = [row.texts for row in metric_rows(dialogue.problem.group, designs, ranges)]
        if figures is not None:
            rows += text_rows([figures(d) for d in shown])
        best = dialogue.recommend()
        mark = shown.index(best) if best in shown and query.kind is Kind.PROPOSE else None
        asked, most = len(dialogue.exchanges), dialogue.setup.n_queries
        return cls(
            query,
            order,
            f"Question {asked + 1} of {most}: {_wording(query)}",
            tuple(headings(designs, mark)),
            tuple(map(tuple, rows)),
        )

    def answer(self, said: Answer) -> Answer:
        """Convert an answer from positions in the view to positions in the query."""
        return Answer(tuple(self.order[i] for i in said.best), said.strength)


def _order(dialogue: Dialogue, query: Query) -> tuple[int, ...]:
    rng = generator(dialogue.setup.seed, _ORDER_STREAM, len(dialogue.exchanges))
    return tuple(int(i) for i in rng.permutation(len(query.designs)))


def _wording(query: Query) -> str:
    """The question, worded independently of the order of its designs."""
    if query.kind is Kind.PROPOSE and len(query.designs) == 2:
        return "Which of the two designs is better?"
    return query.text
