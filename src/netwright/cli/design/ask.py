"""`netwright design ask`: the dialogue in the terminal, saved after every answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from netwright.cli import options
from netwright.cli.design import options as inputs
from netwright.cli.design.keys import Leave, Said, Stop, Undo, offered, understood
from netwright.cli.groups import group
from netwright.cli.inputs import given, output_folder
from netwright.cli.output import interruptible, print_facts, print_json, print_line, print_table, progress
from netwright.core.errors import ConfigError
from netwright.core.seeds import LARGEST_SEED
from netwright.synthesis.bayes import QUESTIONS
from netwright.synthesis.dialogue import Dialogue
from netwright.synthesis.learners import LEARNERS
from netwright.synthesis.queries import Answer, Query
from netwright.synthesis.setup import PoolProblem, Setup
from netwright.synthesis.store import DialogueStore, FileStore, take_up
from netwright.synthesis.view import QuestionView
from netwright.wan.details import Details
from netwright.wan.exporting import DESIGN_FILE
from netwright.wan.importing.raw import count
from netwright.wan.outcome import End, is_settled, outcome, settled_outcome
from netwright.wan.selection import Source
from netwright.wan.settled import settled

DIALOGUE_FILE = "dialogue.json"


@group
class Talk:
    """Settings of the dialogue."""

    learner: Annotated[
        str | None, typer.Option(help=f"Of {', '.join(LEARNERS.names())}; bayes by default.")
    ] = None
    question: Annotated[
        str | None, typer.Option(help=f"What bayes asks: {', '.join(QUESTIONS)}; auto by default.")
    ] = None
    queries: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of questions; 10 by default.")
    ] = None
    seed: Annotated[
        int | None, typer.Option(min=0, max=LARGEST_SEED, help="Seed of the questions; 0 by default.")
    ] = None

    def given(self) -> dict[str, Any]:
        """The fields of `Setup` that were given."""
        return given(learner=self.learner, question=self.question, n_queries=self.queries, seed=self.seed)


def ask(
    network: inputs.NetworkOptions,
    talk: Talk,
    which: inputs.PoolOptions,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            callback=options.writable,
            help="Folder of one dialogue and its design.",
        ),
    ] = Path("netwright-design"),
    today: inputs.Today = None,
    as_json: options.AsJson = False,
) -> None:
    """Find the design that you prefer, by answering at most ten questions that compare designs."""
    file = output_folder(out, DESIGN_FILE if is_settled(out) else DIALOGUE_FILE) / DIALOGUE_FILE
    if not file.exists():
        Setup(**talk.given())  # refused before a pool is built
    wanted, store = which.wanted(network, progress), FileStore(file)
    with interruptible(f"the dialogue is kept in {file}; repeat the command to continue.") as pressed:
        source = wanted.source()
        details = Details(source, today)
        with store.alone():
            if not file.exists() and (found := settled(source)) is not None:
                end = settled_outcome(found, source, details, out)
                progress(
                    f"{end.end.value}: {found.reason}; larger demands or a higher --load make designs differ."
                )
            else:
                dialogue = take_up(store, PoolProblem(source.pool), talk.given())
                if dialogue.exchanges:
                    progress(f"continuing the dialogue of {file}: {count(len(dialogue.exchanges), 'answer')}")
                ended = Conversation(dialogue, source, details, store, pressed).hold(sys.stdin.readline)
                end = outcome(dialogue, ended, source, details, file)
    if as_json:
        print_json(end.to_json())
    elif not end.files:
        kept = "1 answer is" if end.answers == 1 else f"{end.answers} answers are"
        print_line(f"{kept} kept in {file}; repeat the command to continue.")
    else:
        print_facts(end.facts)
        print_line(f"files: {', '.join(map(str, end.files))}")
    if end.end is End.CUT:
        progress(f"netwright: {End.CUT.value}; no design was written.")
        raise typer.Exit(2)


@dataclass
class Conversation:
    """A dialogue in the terminal: questions on stderr, answers read line by line, saved after each answer."""

    dialogue: Dialogue
    source: Source
    details: Details
    store: DialogueStore
    interrupted: Callable[[], bool] = lambda: False

    def hold(self, read_line: Callable[[], str]) -> End:
        """Ask until the dialogue is finished, the operator stops it, or no line is left.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed, even if a library swallowed it.
        """
        while (query := self.dialogue.ask()) is not None:
            view = self.show(query)
            said = self.read(query, read_line)
            if self.interrupted():
                raise KeyboardInterrupt
            if said is None or isinstance(said, Leave):
                return End.CUT if said is None else End.LEFT
            if isinstance(said, Stop):
                if self.dialogue.recommend() is not None:
                    return End.STOPPED
                progress("nothing can be recommended before the first answer.")
                continue
            self.take(said if isinstance(said, Undo) else view.answer(said))
            self.store.save(self.dialogue)
        return End.FINISHED

    def show(self, query: Query) -> QuestionView:
        """Print the question with its designs side by side."""
        figures = self.details.figures if self.details.quick else None
        view = QuestionView.of(self.dialogue, query, np.ptp(self.source.pool.scores, axis=0), figures)
        progress("")
        print_table(view.title, view.columns, view.rows, file=sys.stderr)
        progress(offered(query, len(self.dialogue.exchanges)))
        return view

    def read(self, query: Query, read_line: Callable[[], str]) -> Said | None:
        """The next valid line; None at the end of the input."""
        while line := read_line():
            try:
                return understood(line, query)
            except ConfigError as error:
                progress(str(error))
        return None

    def take(self, said: Answer | Undo) -> None:
        """Record or undo an answer; report answers that now disagree."""
        before = set(map(str, self.dialogue.contradictions()))
        try:
            if isinstance(said, Undo):
                self.dialogue.undo(said.number)
                what = "the last answer" if said.number is None else f"answer {said.number}"
                progress(f"{what} is undone.")
            else:
                self.dialogue.tell(said)
        except ConfigError as error:
            progress(str(error))
        for notice in self.dialogue.contradictions():
            if str(notice) not in before:
                progress(f"note: {notice}; the dialogue continues, and u with a number undoes an answer.")
