"""What the pages show, as plain values: rows of metrics, maps, flows, earlier answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from netwright.core.seeding import generator
from netwright.core.text import printable
from netwright.synthesis.dialogue import Dialogue
from netwright.synthesis.learner import Confidence
from netwright.synthesis.presentation import LETTERS, decimals
from netwright.synthesis.problem import Array, Metric
from netwright.synthesis.queries import Answer, Exchange, Kind, Query
from netwright.wan.allocation import STARVED_BELOW
from netwright.wan.exporting import Solved, changes
from netwright.wan.figures import LEVELS
from netwright.wan.tables import Tables
from netwright.web.conversations import Conversation
from netwright.web.maps import Load, flows_of_arcs, map_svg
from netwright.web.rooms import Room

HOTTEST = 5
FLOWS_SHOWN = 8
_ORDER_STREAM = 1 << 25


@dataclass(frozen=True)
class Cell:
    """One value: its text, its place 0..1 on the scale of its row, and whether it is the best of its row."""

    text: str
    share: float
    best: bool


@dataclass(frozen=True)
class Row:
    """One figure of the designs shown.

    Attributes:
        weight: difference between the designs as a share of the scale, by which rows are sorted.
        same: whether all texts are equal.
    """

    title: str
    unit: str
    wish: str
    summary: str
    cells: tuple[Cell, ...]
    weight: float
    same: bool


@dataclass(frozen=True)
class Words:
    """A metric in plain words: `of` converts its values (n,)."""

    title: str
    unit: str
    summary: str
    logarithm: bool = False

    def of(self, values: Array) -> Array:
        """The values as shown."""
        return 100.0 * np.exp(values) if self.logarithm else values

    def back(self, shown: float) -> float:
        """The value of the metric that is shown as this."""
        return float(np.log(max(shown, 1e-9) / 100.0)) if self.logarithm else shown


def words(metric: Metric) -> Words:
    """How a metric is shown; mean logarithms of shares become their geometric mean in percent."""
    if metric.unit == "ln":
        return Words(
            metric.name,
            "%",
            "what a typical flow of this class gets of its demand (geometric mean)",
            logarithm=True,
        )
    return Words(metric.name, metric.unit, metric.summary)


def metric_rows(room: Room, designs: Sequence[Array]) -> list[Row]:
    """One row for each metric of designs given by their values (m,), the largest difference first."""
    rows = []
    scale = room.problem.group.oriented(room.source.pool.scores)  # (D, m), in units
    for j, metric in enumerate(room.problem.group.metrics):
        shown = words(metric)
        of_pool = shown.of(scale[:, j])
        values = shown.of(np.array([design[j] for design in designs]))
        ends = (float(min(of_pool.min(), values.min())), float(max(of_pool.max(), values.max())))
        rows.append(_row(shown, values, ends, metric.larger_is_better))
    return sorted(rows, key=lambda row: -row.weight)


def _row(shown: Words, values: Array, ends: tuple[float, float], more: bool | None) -> Row:
    """A row of numbers; `more` says whether more is better, None: neither. Counts have no unit."""
    low, high = ends
    gap, width = float(np.ptp(values)), max(high - low, 1e-12)
    places = decimals(values, gap) if shown.unit else 0
    texts = [f"{value:.{places}f}" for value in values]
    same = len(set(texts)) == 1
    best = None if more is None or same else (values.max() if more else values.min())
    cells = tuple(
        Cell(text, float(np.clip((value - low) / width, 0.0, 1.0)), bool(value == best))
        for text, value in zip(texts, values, strict=True)
    )
    wish = "" if more is None else "more is better" if more else "less is better"
    return Row(shown.title, shown.unit, wish, shown.summary, cells, gap / width, same)


def further_rows(designs: Sequence[Solved], today: Solved) -> list[Row]:
    """Rows beside the metrics: fullest link, demand carried by class, starved flows, changes."""
    tables = [design.tables for design in designs]
    rows = [
        _row(
            Words("fullest link", "%", "load of the fullest link, in percent of its capacity"),
            np.array([100.0 * max(_utilization(each)) for each in tables]),
            (0.0, 100.0),
            False,
        )
    ]
    carried = [carried_by_class(each) for each in tables]
    if len(carried[0]) > 1:
        for klass in carried[0]:
            title = f"demand carried, class {klass}"
            values = np.array([each[klass] for each in carried])
            rows.append(
                _row(Words(title, "%", "share of the demand of this class"), values, (0.0, 100.0), True)
            )
    if carried[0]:
        starved = np.array([float(sum(s < STARVED_BELOW for s in served(each).values())) for each in tables])
        rows.append(
            _row(
                Words("starved flows", "", "flows that get less than 1 % of their demand"),
                starved,
                (0.0, max(float(starved.max()), 1.0)),
                False,
            )
        )
    moved = np.array([float(changes(each, today.tables)) for each in tables])
    what = "tunnels" if "tunnels" in tables[0] else "link weights"
    rows.append(
        _row(
            Words("changes from today", "", f"{what} that differ from the design in use"),
            moved,
            (0.0, max(float(moved.max()), 1.0)),
            None,
        )
    )
    return sorted(rows, key=lambda row: -row.weight)


def _utilization(tables: Tables) -> list[float]:
    return [float(row["utilization"]) for row in tables["links"]]


def served(tables: Tables) -> dict[tuple[str, str, int], float]:
    """Share of its demand that each flow gets, by source, target and class; empty without tunnels."""
    found: dict[tuple[str, str, int], float] = {}
    for row in tables.get("tunnels", []):
        flow = (str(row["source"]), str(row["target"]), int(row["class"]))
        found[flow] = found.get(flow, 0.0) + float(row["share_of_demand"])
    return found


def carried_by_class(tables: Tables) -> dict[int, float]:
    """Carried demand of each class in percent; empty without tunnels."""
    demand: dict[int, dict[tuple[str, str], float]] = {}
    carried: dict[int, float] = {}
    for row in tables.get("tunnels", []):
        klass = int(row["class"])
        demand.setdefault(klass, {})[str(row["source"]), str(row["target"])] = float(row["demand"])
        carried[klass] = carried.get(klass, 0.0) + float(row["carried"])
    return {k: 100.0 * carried[k] / sum(demand[k].values()) for k in sorted(demand)}


@dataclass(frozen=True)
class LimitField:
    """A metric that may be limited: the range of the designs and the present limit, as texts."""

    words: Words
    bound: str
    low: str
    high: str
    given: str


def limit_fields(room: Room, limits: Mapping[str, float]) -> list[LimitField]:
    """The metrics of a problem, in order."""
    fields = []
    values = room.problem.group.oriented(room.source.pool.scores)  # (D, m), in units
    for j, metric in enumerate(room.problem.group.metrics):
        shown = words(metric)
        of_pool = shown.of(values[:, j])
        low, high = (f"{value:.4g}" for value in (of_pool.min(), of_pool.max()))
        limit = limits.get(metric.name)
        given = "" if limit is None else f"{float(shown.of(np.array(limit))):.4g}"
        fields.append(
            LimitField(shown, "at least" if metric.larger_is_better else "at most", low, high, given)
        )
    return fields


@dataclass(frozen=True)
class FlowRow:
    """Share of its demand that a flow gets in each design, in percent."""

    title: str
    percents: tuple[str, ...]


def flow_rows(designs: Sequence[Solved]) -> list[FlowRow]:
    """The flows that the designs treat most differently; one design: those that get least."""
    shares = [served(design.tables) for design in designs]
    if not shares[0]:
        return []

    def spread(flow: tuple[str, str, int]) -> float:
        values = [each[flow] for each in shares]
        return max(values) - min(values) if len(values) > 1 else 1.0 - values[0]

    several = len({klass for *_, klass in shares[0]}) > 1
    most = sorted(shares[0], key=spread, reverse=True)[:FLOWS_SHOWN]
    return [
        FlowRow(
            printable(f"{a} to {b}" + (f", class {k}" if several else "")),
            tuple(f"{100.0 * min(each[a, b, k], 1.0):.0f}" for each in shares),
        )
        for a, b, k in most
        if spread((a, b, k)) > 0.005
    ]


@dataclass(frozen=True)
class Panel:
    """A design on its map.

    Attributes:
        hottest: the fullest links with their utilization in percent.
        said: what a failure does, in words; "" without one.
    """

    letter: str
    svg: Markup
    hottest: tuple[tuple[str, str, int], ...]
    said: str = ""


def panels(room: Room, designs: Sequence[tuple[str, Solved]], failed: int | None = None) -> list[Panel]:
    """Maps of designs with their titles; with the number of a failure, while it lasts."""
    instance = room.source.instance
    return [
        _panel(room, title, design, () if failed is None else instance.failures[failed])
        for title, design in designs
    ]


def panel_parts(
    room: Room, designs: Sequence[tuple[str, Solved]], today: Solved, failed: int | None = None
) -> dict[str, object]:
    """What the page of maps shows of designs with their titles: maps, further figures, flows."""
    solved = [design for _, design in designs]
    return {
        "letters": [title for title, _ in designs],
        "panels": panels(room, designs, failed),
        "rows": further_rows(solved, today),
        "flows": flow_rows(solved),
    }


def _panel(room: Room, title: str, design: Solved, failure: tuple[int, ...]) -> Panel:
    instance, topology = room.source.instance, room.source.instance.topology
    said, used = "", np.array(_utilization(design.tables))
    if failure:
        used, carried = room.scenario.when_failed(instance, design.decision, failure)
        said = f"While it is down, {100.0 * carried:.1f} % of the demand is carried."
    flows = flows_of_arcs(instance, design.decision) if room.scenario.changes_in == "tunnels" else ()
    load = Load(used, failure, flows)
    hottest = tuple(
        (printable(topology.arc_name(int(arc))), f"{100.0 * used[arc]:.0f}", _level(float(used[arc])))
        for arc in np.argsort(-used, kind="stable")[:HOTTEST]
    )
    label = f"Map of design {title}, link utilization"
    return Panel(title, map_svg(room.canvas, load, label), hottest, said)


def _level(used: float) -> int:
    return int(np.searchsorted(LEVELS, used))


def failures(room: Room) -> list[str]:
    """The failures of the network in words."""
    topology = room.source.instance.topology
    return [
        " and ".join(dict.fromkeys(_link(topology.arc_name(arc)) for arc in failure))
        for failure in room.source.instance.failures
    ]


def _link(arc: str) -> str:
    return printable(" - ".join(sorted(arc.split(" -> "))))


@dataclass(frozen=True)
class Question:
    """A question with its designs in the order shown.

    Attributes:
        order: positions in the query in the order shown; random, so that no side is favored.
        given: positions shown that an earlier answer picked; None for a new question.
    """

    number: int
    query: Query
    order: tuple[int, ...]
    title: str
    letters: tuple[str, ...]
    names: tuple[str, ...]
    rows: tuple[Row, ...]
    given: tuple[int, ...] | None = None

    @property
    def kind(self) -> str:
        """The kind of the question."""
        return str(self.query.kind)

    @property
    def columns(self) -> list[tuple[int, str, str]]:
        """Number (from 0), letter and name of each column."""
        return [(i, *pair) for i, pair in enumerate(zip(self.letters, self.names, strict=True))]

    def designs(self) -> list[int]:
        """The designs in the order shown."""
        return [self.query.designs[i] for i in self.order]

    def answer(self, shown: Iterable[int], strength: str | None = None) -> Answer:
        """The answer that picks the columns `shown`."""
        return Answer(tuple(self.order[i] for i in shown), strength)


TITLES = {
    Kind.PROPOSE: "Is this better than your best so far?",
    Kind.COMPARE: "Which design is better?",
    Kind.STRENGTH: "Which design is better, and how much?",
    Kind.TRIPLE: "Which design is best?",
    Kind.TICK: "Tick every design that is about best.",
    Kind.MENU: "Last question: which of these would you take?",
}


def question(conversation: Conversation, number: int | None = None) -> Question:
    """The pending question, or the earlier one of a number (from 1) with its answer."""
    dialogue, room = conversation.dialogue, conversation.room
    assert dialogue is not None
    assert room is not None
    exchange = None if number is None else dialogue.exchanges[number - 1]
    query = conversation.pending if exchange is None else exchange.query
    assert query is not None
    at = len(dialogue.exchanges) + 1 if number is None else number
    order = sides(conversation.key, at, len(query.designs))
    designs = [query.designs[i] for i in order]
    given = None if exchange is None else tuple(i for i, p in enumerate(order) if p in exchange.answer.best)
    return Question(
        at,
        query,
        order,
        _title(query),
        tuple(LETTERS[: len(order)]),
        tuple(_names(query, order)),
        tuple(metric_rows(room, [values_of(dialogue, d) for d in designs])),
        given,
    )


def values_of(dialogue: Dialogue, design: int) -> Array:
    """Metrics of a design in their units; (m,)."""
    return np.array(dialogue.design(design).metrics)


def sides(key: str, number: int, n: int) -> tuple[int, ...]:
    """A random order of `n` designs, the same each time that a question of a dialogue is shown."""
    seed = int.from_bytes(key.encode()[:8], "big")
    return tuple(int(i) for i in generator(seed, _ORDER_STREAM, number).permutation(n))


def _title(query: Query) -> str:
    if query.kind is Kind.PROPOSE and len(query.designs) == 1:
        return "A first design, to compare others with."
    return TITLES[query.kind]


def _names(query: Query, order: Sequence[int]) -> list[str]:
    if query.kind is Kind.PROPOSE and len(query.designs) == 2:
        return ["new design" if i == 0 else "your best so far" for i in order]
    return ["" for _ in order]


@dataclass(frozen=True)
class Earlier:
    """An earlier answer in words."""

    number: int
    asked: str
    said: str


def earlier(conversation: Conversation) -> list[Earlier]:
    """The earlier answers, the first one first."""
    dialogue = conversation.dialogue
    assert dialogue is not None
    found = []
    for number, exchange in enumerate(dialogue.exchanges, start=1):
        order = sides(conversation.key, number, len(exchange.query.designs))
        found.append(Earlier(number, _title(exchange.query), said(exchange, order)))
    return found


def said(exchange: Exchange, order: Sequence[int]) -> str:
    """An answer in words, with the letters that were shown."""
    query, answer = exchange.query, exchange.answer
    letters = [LETTERS[i] for i, position in enumerate(order) if position in answer.best]
    if answer.cannot_say:
        return "cannot say"
    if query.kind is Kind.PROPOSE:
        if len(query.designs) == 1:
            return "seen"
        return "better" if answer.best == (0,) else "not better"
    if len(letters) == len(query.designs):
        return "about equal"
    strength = f", {answer.strength} better" if answer.strength else ""
    verb = {Kind.TICK: "about best: ", Kind.MENU: "chose "}.get(query.kind, "")
    return f"{verb}{' and '.join(letters)}{strength}"


def confidence(dialogue: Dialogue) -> str:
    """How good the learner expects its recommendation to be, in words; "" if it makes no estimate."""
    found = dialogue.learner.assessment()
    if found is None or not dialogue.exchanges:
        return ""
    if found.confidence is Confidence.OTHERWISE:
        return "Your answers do not follow these metrics, so it is unknown how good the design is for you."
    start = "Not enough to tell yet. " if found.confidence is Confidence.UNCLEAR else ""
    better = f"better than {100.0 * found.quality:.0f} % of all designs for you"
    return f"{start}The design recommended now is expected to be {better}, if you answer by these metrics."
