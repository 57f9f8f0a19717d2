"""`netwright design ask`: the dialogue in the terminal, saved after every answer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from netwright.cli import options
from netwright.cli.design import options as inputs
from netwright.cli.design.keys import Leave, Said, Stop, Undo, offered, understood
from netwright.cli.inputs import output_folder
from netwright.cli.output import interruptible, print_facts, print_json, print_line, print_table, progress
from netwright.core.errors import ConfigError
from netwright.core.files import read_json
from netwright.core.seeding import generator
from netwright.synthesis.bayes import QUESTIONS
from netwright.synthesis.dialogue import Dialogue, DialogueResult
from netwright.synthesis.learners import LEARNERS
from netwright.synthesis.presentation import headings, metric_rows, text_rows
from netwright.synthesis.queries import Answer, Kind, Query
from netwright.synthesis.setup import PoolProblem
from netwright.synthesis.store import DialogueStore, FileStore, take_up
from netwright.wan.details import Details
from netwright.wan.exporting import DESIGN_FILE, write_design
from netwright.wan.selection import Network, Source, Wanted
from netwright.wan.settled import Settled, settled

DIALOGUE_FILE = "dialogue.json"
_ORDER_STREAM = 1 << 24


class End(Enum):
    """How a conversation ended."""

    FINISHED = "all questions are answered"
    STOPPED = "stopped by the operator"
    LEFT = "left, to go on later"
    SETTLED = "there is nothing to decide"


def ask(
    scenario: inputs.Scenario = None,
    topology: inputs.Topology = None,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            callback=options.writable,
            help="Folder of the dialogue and of the design; holds one dialogue.",
        ),
    ] = Path("netwright-design"),
    learner: Annotated[str | None, typer.Option(help=f"Of {', '.join(LEARNERS)}; bayes by default.")] = None,
    question: Annotated[
        str | None, typer.Option(help=f"What bayes asks: {', '.join(QUESTIONS)}; auto by default.")
    ] = None,
    queries: Annotated[int | None, typer.Option(min=1, help="Questions at most; 10 by default.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the questions; 0 by default.")] = None,
    today: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A design.json: the design in use, from which changes are counted."
        ),
    ] = None,
    objectives: inputs.Objectives = 1000,
    pool_seed: inputs.PoolSeed = 0,
    pool: inputs.PoolFile = None,
    demands: inputs.Demands = None,
    load: inputs.Load = None,
    flows: inputs.Flows = None,
    tunnels: inputs.TunnelRule = None,
    classes: inputs.Classes = None,
    failures: inputs.Failures = None,
    workers: inputs.Workers = 1,
    data: options.Data = None,
    as_json: options.AsJson = False,
) -> None:
    """Find the design that you would choose, by at most ten questions about pairs or triples of designs."""
    file = output_folder(out, DESIGN_FILE if was_settled(out) else DIALOGUE_FILE) / DIALOGUE_FILE
    network = Network(topology, demands, load, flows, tunnels, classes, failures)
    wanted = Wanted(scenario, network, objectives, pool_seed, pool, data, workers, say=progress)
    with interruptible(f"the dialogue is kept in {file}; repeat the command to go on.") as pressed:
        source = wanted.source()
        given = {"learner": learner, "question": question, "n_queries": queries, "seed": seed}
        store = FileStore(file)
        with store.alone():
            if not file.exists() and (found := settled(source)) is not None:
                end_settled(found, source, Details(source, today), out, as_json=as_json)
                return
            dialogue = take_up(
                store, PoolProblem(source.pool), {k: v for k, v in given.items() if v is not None}
            )
            if dialogue.exchanges:
                progress(f"going on with the dialogue of {file}: {len(dialogue.exchanges)} answers")
            details = Details(source, today)
            end = Conversation(dialogue, source, details, store, pressed).hold(sys.stdin.readline)
            left = end is End.LEFT or dialogue.recommend() is None
            files = [] if left else finish(dialogue, source, details, out)
    report(dialogue, file, end, files, as_json=as_json)


def report(dialogue: Dialogue, file: Path, end: End, files: Sequence[Path], *, as_json: bool) -> None:
    """How the dialogue ended, on stdout; `files` is empty if the operator left it."""
    document: dict[str, Any] = {
        "finished": bool(files),
        "end": end.value,
        "answers": len(dialogue.exchanges),
        "dialogue": str(file),
        "files": [str(path) for path in files],
    }
    if files:
        document["result"] = dialogue.result().to_json()
    if as_json:
        print_json(document)
    elif not files:
        print_line(f"{len(dialogue.exchanges)} answers are kept in {file}; repeat the command to go on.")
    else:
        print_facts(result_facts(dialogue.result(), dialogue))
        print_line(f"files: {', '.join(document['files'])}")


def was_settled(out: Path) -> bool:
    """Whether a folder holds a design that needed no question."""
    file = out / DESIGN_FILE
    document = read_json(file) if file.is_file() else None
    return isinstance(document, dict) and "reason" in document


def end_settled(found: Settled, source: Source, details: Details, out: Path, *, as_json: bool) -> None:
    """Say why there is nothing to decide, and write the one design."""
    reason, chosen = found.reason, found.solved
    progress(f"{End.SETTLED.value}: {reason}; larger demands or a higher --load make designs differ.")
    document = {
        "design": found.design,
        "scenario": source.pool.provenance["scenario"],
        "instance": source.instance.describe(),
        "metrics": dict(chosen.metrics),
        "figures": details.figures_of(chosen),
        "reason": reason,
    }
    files = [str(path) for path in write_design(out, document, chosen.tables)]
    if as_json:
        print_json(
            {"finished": True, "end": End.SETTLED.value, "reason": reason, "answers": 0, "files": files}
        )
    else:
        print_facts({**document["metrics"], **document["figures"]})
        print_line(f"files: {', '.join(files)}")


@dataclass
class Conversation:
    """Questions on stderr, answers from a function that reads a line; the dialogue is saved after each."""

    dialogue: Dialogue
    source: Source
    details: Details
    store: DialogueStore
    interrupted: Callable[[], bool] = lambda: False

    def hold(self, read_line: Callable[[], str]) -> End:
        """Ask until the dialogue is finished, the operator stops it, or no line is left.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed, be it that a library swallowed it.
        """
        while (query := self.dialogue.ask()) is not None:
            order = self.order(query)
            self.show(query, order)
            said = self.read(query, read_line)
            if self.interrupted():
                raise KeyboardInterrupt
            if isinstance(said, Leave):
                return End.LEFT
            if isinstance(said, Stop):
                if self.dialogue.recommend() is not None:
                    return End.STOPPED
                progress("nothing can be recommended before the first answer.")
                continue
            self.take(said, order)
            self.store.save(self.dialogue)
        return End.FINISHED

    def order(self, query: Query) -> list[int]:
        """In which order the designs are shown: by chance, so that none has the better place."""
        n = len(query.designs)
        rng = generator(self.dialogue.setup.seed, _ORDER_STREAM, len(self.dialogue.exchanges))
        return [int(i) for i in rng.permutation(n)]

    def show(self, query: Query, order: Sequence[int]) -> None:
        """The question with its designs side by side."""
        shown = [query.designs[i] for i in order]
        designs = [self.dialogue.design(d) for d in shown]
        pool = self.source.pool
        rows = [row.texts for row in metric_rows(pool.group, designs, np.ptp(pool.scores, axis=0))]
        if self.details.quick:
            rows += text_rows([self.details.figures(d) for d in shown])
        best = self.dialogue.recommend()
        mark = shown.index(best) if best in shown and query.kind is Kind.PROPOSE else None
        asked, most = len(self.dialogue.exchanges), self.dialogue.setup.n_queries
        progress("")
        title = f"Question {asked + 1} of {most}: {self.words(query)}"
        print_table(title, headings(designs, mark), rows, file=sys.stderr)
        progress(offered(query, asked))

    @staticmethod
    def words(query: Query) -> str:
        """The question, whatever the order that the designs are shown in."""
        if query.kind is Kind.PROPOSE and len(query.designs) == 2:
            return "Which of the two designs is better?"
        return query.text

    def read(self, query: Query, read_line: Callable[[], str]) -> Said:
        """The next line that means something; no line left means to leave."""
        while line := read_line():
            try:
                return understood(line, query)
            except ConfigError as error:
                progress(str(error))
        return Leave()

    def take(self, said: Answer | Undo, order: Sequence[int]) -> None:
        """Take an answer in, or back; tell of answers that now disagree."""
        before = set(map(str, self.dialogue.contradictions()))
        try:
            if isinstance(said, Undo):
                self.dialogue.undo(said.number)
                what = "the last answer" if said.number is None else f"answer {said.number}"
                progress(f"{what} is taken back.")
            else:
                self.dialogue.tell(Answer(tuple(order[i] for i in said.best), said.strength))
        except ConfigError as error:
            progress(str(error))
        for notice in self.dialogue.contradictions():
            if str(notice) not in before:
                progress(f"note: {notice}; the dialogue goes on, and u with a number takes an answer back.")


def finish(dialogue: Dialogue, source: Source, details: Details, folder: Path) -> list[Path]:
    """Write the recommended design with its tables, what was learnt, and the dialogue."""
    result = dialogue.result()
    chosen = details.solved(result.design)
    document = {
        **result.to_json(),
        "scenario": source.pool.provenance["scenario"],
        "instance": source.instance.describe(),
        "metrics": dict(chosen.metrics),
        "figures": details.figures(result.design),
    }
    return write_design(folder, document, chosen.tables)


def result_facts(result: DialogueResult, dialogue: Dialogue) -> dict[str, Any]:
    """The result in lines."""
    facts: dict[str, Any] = {
        f"{metric.name} ({metric.unit})": value
        for metric, value in zip(dialogue.problem.group.metrics, result.metrics.metrics, strict=True)
    }
    if result.expected_quality is not None:
        facts["expected quality"] = result.expected_quality
    if result.objective is not None:
        facts["what you seem to want"] = result.objective["text"]
    if result.contradictions:
        facts["disagreements"] = "; ".join(result.contradictions)
    return facts
