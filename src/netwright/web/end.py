"""Routes of a finished dialogue: the choice, the reasons, comparisons, files, a report, a questionnaire."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field

from netwright.core.types import Json
from netwright.synthesis.dialogue import Dialogue
from netwright.synthesis.near_best import influences, near_best
from netwright.synthesis.problem import Array
from netwright.synthesis.queries import Kind
from netwright.wan.exporting import Solved, as_csv, changes, settings_of
from netwright.wan.load_facts import LoadFacts
from netwright.wan.outcome import design_facts
from netwright.wan.router_config import (
    frr_costs,
    interface_table,
    interfaces_of,
    segment_routing_policies,
)
from netwright.wan.transition import Transition, of_allocations, of_weights
from netwright.web import views
from netwright.web.conversations import CHOICE, INTERFACES, OPINION, Conversation, UnknownDialogueError
from netwright.web.responses import admitted, check_own_form, next_page, page, parts_of
from netwright.web.rooms import Room
from netwright.web.security import Visitor
from netwright.web.uploads import Uploads

router = APIRouter()
Owner = Annotated[Visitor, Depends(admitted)]
Key = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{22}$")]
Which = Annotated[str, Query(pattern=r"^(today|\d{1,6})$")]
Csrf = Annotated[str, Form(max_length=200)]
Grade = Annotated[str, Field(pattern=r"^[1-5]?$")]

STATEMENTS = {
    "balance": "The design balances the goals as I would.",
    "priority": "What matters most to me comes first.",
    "starvation": "No traffic that I care about is starved.",
    "policy": "The design matches the policy of my network.",
    "speed": "The response time was acceptable.",
}
STEPS_SHOWN = 400
INTERFACES_GIVEN = "the table of interfaces"


class Ended:
    """A finished dialogue with its designs.

    Attributes:
        menu: designs to choose from, the recommended one first.
        chosen: the design that was chosen, or the recommended one.
        picked: the design picked in the last question, if it was a menu.
    """

    def __init__(self, conversation: Conversation, uploads: Uploads) -> None:
        if conversation.dialogue is None or conversation.room is None or not conversation.over:
            raise UnknownDialogueError("the dialogue has no result yet; answer its question, or stop it.")
        self.conversation = conversation
        self.dialogue: Dialogue = conversation.dialogue
        self.room: Room = conversation.room
        self.today_file = conversation.wish.today_file(uploads)
        self.menu = near_best(self.dialogue, self.room.source.pool)
        self.picked = _picked(self.dialogue)
        if self.picked is not None and self.picked not in self.menu:
            self.menu = (*self.menu[:2], self.picked)
        chosen = conversation.remarks.get(CHOICE)
        known = isinstance(chosen, int) and 0 <= chosen < self.room.source.pool.n_designs
        self.is_decided = known or self.picked in (None, self.menu[0])
        self.chosen = chosen if known and isinstance(chosen, int) else self.menu[0]

    @property
    def today(self) -> Solved:
        """The design in use."""
        return self.room.today(self.today_file)

    def solved(self, which: str) -> Solved:
        """The design in use ("today"), or one of the pool."""
        if which == "today":
            return self.today
        self.check(int(which))
        return self.room.solved(int(which))

    @property
    def interfaces(self) -> dict[tuple[str, str], str]:
        """Names of interfaces that the visitor gave."""
        text = self.conversation.remarks.get(INTERFACES)
        topology = self.room.source.instance.topology
        return interfaces_of(topology, str(text), INTERFACES_GIVEN) if text else {}

    def title(self, which: str) -> str:
        """A design in words."""
        if which == "today":
            return "today"
        number = int(which)
        if number == self.menu[0]:
            return "recommended"
        if number in self.menu:
            return f"alternative {self.menu.index(number)}"
        return f"design {number}"

    def choices(self) -> list[tuple[str, str]]:
        """All designs that can be compared: of the menu, of the questions, and the one in use."""
        shown = sorted({d for e in self.dialogue.exchanges for d in e.query.designs} - set(self.menu))
        return [(str(d), self.title(str(d))) for d in (*self.menu, *shown)] + [("today", "today")]

    def transition(self, before: Solved, after: Solved) -> Transition:
        """Safe steps between two designs."""
        instance, known = self.room.source.instance, self.room.scenario
        if known.changes_in == "links":
            return of_weights(
                instance.topology,
                before.decision,
                after.decision,
                lambda weights: float(known.evaluate(instance, weights)[0]) / 100.0,
            )
        old, new = (settings_of(instance, each.tables) for each in (before, after))
        return of_allocations(instance, old, new)

    def check(self, design: int) -> None:
        if design >= self.room.source.pool.n_designs:
            raise UnknownDialogueError(f"there is no design {design}.")


def _picked(dialogue: Dialogue) -> int | None:
    last = dialogue.exchanges[-1] if dialogue.exchanges else None
    if last is None or last.query.kind is not Kind.MENU or len(last.answer.best) != 1:
        return None
    return last.query.designs[last.answer.best[0]]


def end_page(request: Request, conversation: Conversation) -> HTMLResponse:
    """The result: one design where there is nothing to decide, otherwise the menu."""
    assert conversation.room is not None
    if (found := conversation.room.settled) is not None:
        rows = views.metric_rows(conversation.room, [np.array(list(found.solved.metrics.values()))])
        panel = views.panels(conversation.room, [("the design", found.solved)])
        return page(
            request, "settled.html", reason=found.reason, rows=rows, panels=panel, key=conversation.key
        )
    ended = Ended(conversation, parts_of(request).uploads)
    dialogue = ended.dialogue
    return page(
        request,
        "end.html",
        key=conversation.key,
        ended=ended,
        titles=[ended.title(str(d)) for d in ended.menu],
        rows=views.metric_rows(ended.room, [views.values_of(dialogue, d) for d in ended.menu]),
        learned=_learned(dialogue),
        earlier=views.earlier(conversation),
        notices=[str(notice) for notice in dialogue.contradictions()],
        confidence=views.confidence(dialogue),
        statements=STATEMENTS,
        opinion=conversation.remarks.get(OPINION),
        interfaces=_interfaces(ended),
        more=len(dialogue.exchanges) < dialogue.setup.n_queries,
    )


def _interfaces(ended: Ended) -> str:
    """The table of interfaces of routers as CSV; "" for designs of tunnels."""
    if ended.room.scenario.changes_in == "tunnels":
        return ""
    return as_csv(interface_table(ended.room.source.instance.topology, ended.interfaces))


def _learned(dialogue: Dialogue) -> list[Json]:
    """What the learner knows of the objective: parameters with their likely ranges, and those of the prior."""
    objective = dialogue.result().objective
    if objective is None:
        return []
    found = objective["parameters"]
    assert isinstance(found, dict)
    plain = {metric.summary: views.words(metric).summary for metric in dialogue.problem.group.metrics}
    return [
        {
            "name": parameter.name,
            "summary": plain.get(parameter.summary, parameter.summary),
            "low": found[parameter.name]["low"],
            "high": found[parameter.name]["high"],
            "least": parameter.low,
            "most": parameter.high,
        }
        for parameter in dialogue.problem.family.parameters
    ]


@router.post("/d/{key}/choice")
def choose(
    request: Request,
    key: Key,
    visitor: Owner,
    design: Annotated[int, Form(ge=0, le=10**6)],
    csrf: Csrf = "",
) -> Response:
    """Choose a design of the menu."""
    check_own_form(request, visitor, csrf)
    parts = parts_of(request)
    with parts.conversations.alone(key, visitor.owner) as (conversation, _):
        ended = Ended(conversation, parts.uploads)
        ended.check(design)
        parts.conversations.note(conversation, CHOICE, design)
    return next_page(request, f"/d/{key}")


@router.get("/d/{key}/result/maps")
def maps(request: Request, key: Key, visitor: Owner) -> HTMLResponse:
    """Maps and further figures of the menu."""
    ended = _ended(request, key, visitor)
    designs = [(ended.title(str(design)), ended.room.solved(design)) for design in ended.menu]
    parts = views.panel_parts(ended.room, designs, ended.today)
    return page(request, "_panels.html", key=key, number=0, failures=[], failed=None, **parts)


@router.get("/d/{key}/result/why")
def why(request: Request, key: Key, visitor: Owner) -> HTMLResponse:
    """Which answers mattered."""
    parts = parts_of(request)
    with parts.conversations.alone(key, visitor.owner) as (conversation, _):
        ended = Ended(conversation, parts.uploads)
        earlier, dialogue = views.earlier(conversation), ended.dialogue.fork()
    found = influences(dialogue, ended.room.source.pool)
    return page(request, "_why.html", key=key, answers=list(zip(earlier, found, strict=True)))


@router.get("/d/{key}/compare")
def compare(
    request: Request, key: Key, visitor: Owner, left: Which = "today", right: Which = ""
) -> HTMLResponse:
    """Two designs side by side, with the steps from one to the other."""
    ended = _ended(request, key, visitor)
    right = right or str(ended.chosen)
    before, after = ended.solved(left), ended.solved(right)
    titles = [ended.title(left), ended.title(right)]
    transition = ended.transition(before, after)
    return page(
        request,
        "compare.html",
        key=key,
        left=left,
        right=right,
        titles=titles,
        choices=ended.choices(),
        rows=views.metric_rows(ended.room, [_values(before), _values(after)]),
        further=views.further_rows([before, after], before),
        panels=views.panels(ended.room, list(zip(titles, [before, after], strict=True))),
        flows=views.flow_rows([before, after]),
        n_changes=changes(after.tables, before.tables),
        transition=transition,
        steps=transition.steps[:STEPS_SHOWN],
        unit=_unit(ended.room),
    )


@router.get("/d/{key}/compare/steps.json")
def steps(request: Request, key: Key, visitor: Owner, left: Which = "today", right: Which = "") -> Response:
    """The steps from one design to another as a file."""
    ended = _ended(request, key, visitor)
    right = right or str(ended.chosen)
    found = ended.transition(ended.solved(left), ended.solved(right)).to_json()
    return _file(
        _json({"from": ended.title(left), "to": ended.title(right), **found}),
        "steps.json",
        "application/json",
    )


@router.get("/d/{key}/report")
def report(request: Request, key: Key, visitor: Owner) -> HTMLResponse:
    """The result on one page, for printing."""
    parts = parts_of(request)
    with parts.conversations.alone(key, visitor.owner) as (conversation, _):
        ended = Ended(conversation, parts.uploads)
        earlier = views.earlier(conversation)
        confidence, learned = views.confidence(ended.dialogue), _learned(ended.dialogue)
    chosen, today = ended.room.solved(ended.chosen), ended.today
    transition = ended.transition(today, chosen)
    return page(
        request,
        "report.html",
        key=key,
        wish=ended.conversation.wish,
        scenario=ended.room.scenario,
        load=LoadFacts.of(ended.room.source.instance).text,
        instance=ended.room.source.instance,
        title=ended.title(str(ended.chosen)),
        rows=views.metric_rows(ended.room, [_values(today), _values(chosen)]),
        further=views.further_rows([today, chosen], today),
        panels=views.panels(ended.room, [("today", today), ("chosen", chosen)]),
        earlier=earlier,
        confidence=confidence,
        learned=learned,
        transition=transition,
        steps=transition.steps[:STEPS_SHOWN],
        n_changes=changes(chosen.tables, today.tables),
        unit=_unit(ended.room),
    )


@router.get("/d/{key}/files/{name}")
def file(
    request: Request,
    key: Key,
    visitor: Owner,
    name: Annotated[str, Path(pattern=r"^[a-z-]{1,20}\.(csv|json|txt|zip)$")],
) -> Response:
    """A file of the chosen design, or all of them as a ZIP archive."""
    ended = _ended(request, key, visitor)
    made = files(ended)
    if name == "design.zip":
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for each, text in made.items():
                archive.writestr(each, text)
        return _file(stream.getvalue(), name, "application/zip")
    if name not in made:
        raise UnknownDialogueError(f"there is no file {name}; there are {', '.join(made)} and design.zip.")
    kind = {"csv": "text/csv", "json": "application/json", "txt": "text/plain"}[name.rpartition(".")[2]]
    return _file(made[name].encode(), name, f"{kind}; charset=utf-8")


def files(ended: Ended) -> dict[str, str]:
    """The chosen design as texts by file name."""
    room, chosen = ended.room, ended.room.solved(ended.chosen)
    instance = room.source.instance
    further = {row.title: row.cells[0].text for row in views.further_rows([chosen], ended.today)}
    document = {
        "format_version": 1,
        **ended.dialogue.result().to_json(),
        "design": ended.chosen,
        "recommended": ended.menu[0],
        **design_facts(room.scenario.name, instance, chosen, further),
        "tables": chosen.tables,
    }
    found = {f"{name}.csv": as_csv(rows) for name, rows in chosen.tables.items()}
    found["design.json"] = _json(document)
    found["dialogue.json"] = _json(ended.dialogue.to_json())
    if room.scenario.changes_in == "links":
        costs = frr_costs(instance.topology, chosen.tables, ended.interfaces)
        found["frr-costs.txt"] = "\n".join(costs.values())
        found["interfaces.csv"] = as_csv(interface_table(instance.topology, ended.interfaces))
    else:
        found["sr-policies.json"] = _json(segment_routing_policies(instance, chosen.tables))
    if (opinion := ended.conversation.remarks.get(OPINION)) is not None:
        found["questionnaire.json"] = _json({"statements": STATEMENTS, "answers": opinion})
    return found


class Opinion(BaseModel):
    """The questionnaire: agreement with each statement of `STATEMENTS`, 1 (not at all) to 5 (fully); all optional."""

    csrf: Annotated[str, Field(max_length=200)] = ""
    balance: Grade = ""
    priority: Grade = ""
    starvation: Grade = ""
    policy: Grade = ""
    speed: Grade = ""
    remark: Annotated[str, Field(max_length=2000)] = ""


@router.post("/d/{key}/opinion")
def opine(request: Request, key: Key, visitor: Owner, form: Annotated[Opinion, Form()]) -> Response:
    """Keep the answers of the questionnaire."""
    check_own_form(request, visitor, form.csrf)
    parts = parts_of(request)
    grades = form.model_dump(exclude={"csrf", "remark"})
    found = {name: int(grade) if grade else None for name, grade in grades.items()}
    with parts.conversations.alone(key, visitor.owner) as (conversation, _):
        Ended(conversation, parts.uploads)
        parts.conversations.note(conversation, OPINION, {**found, "remark": form.remark})
    return next_page(request, f"/d/{key}#questionnaire")


@router.post("/d/{key}/interfaces")
def name_interfaces(
    request: Request,
    key: Key,
    visitor: Owner,
    table: Annotated[str, Form(max_length=200_000)] = "",
    csrf: Csrf = "",
) -> Response:
    """Keep the names of the routers' interfaces; an empty table returns to placeholders."""
    check_own_form(request, visitor, csrf)
    parts = parts_of(request)
    with parts.conversations.alone(key, visitor.owner) as (conversation, _):
        ended = Ended(conversation, parts.uploads)
        given = (
            interfaces_of(ended.room.source.instance.topology, table, INTERFACES_GIVEN)
            if table.strip()
            else {}
        )
        parts.conversations.note(conversation, INTERFACES, table if given else None)
    return next_page(request, f"/d/{key}#files")


def _ended(request: Request, key: str, visitor: Visitor) -> Ended:
    parts = parts_of(request)
    with parts.conversations.alone(key, visitor.owner) as (conversation, _):
        return Ended(conversation, parts.uploads)


def _values(solved: Solved) -> Array:
    return np.array(list(solved.metrics.values()))


def _unit(room: Room) -> str:
    unit = room.source.instance.topology.capacity_unit
    return "" if unit == "relative" else unit


def _json(document: object) -> str:
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _file(content: bytes | str, name: str, kind: str) -> Response:
    return Response(
        content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
