"""Routes of the start page: login, choice of network and traffic, uploads, load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import UploadFile

from netwright.core.errors import ConfigError, NetwrightError
from netwright.core.reading import whole_number
from netwright.core.types import Json
from netwright.synthesis.bayes import QUESTIONS
from netwright.synthesis.learners import LEARNERS
from netwright.wan import catalog, registry
from netwright.wan.importing import SUFFIXES, ImportOptions
from netwright.wan.units import rate
from netwright.web.responses import admitted, check_own_form, next_page, page, parts_of
from netwright.web.security import Visitor
from netwright.web.settings import MAX_BODY_BYTES, OBJECTIVES
from netwright.web.uploads import Network, Upload, Uploads, sentence
from netwright.web.wishes import Wish, saved_wish

router = APIRouter()
Owner = Annotated[Visitor, Depends(admitted)]

SLIDER = {"ospf": (0.1, 1.5, 0.05)}  # least, largest, step of the load; others as below
USUAL_SLIDER = (0.5, 10.0, 0.1)
MAX_FIELDS, MAX_FILES = 60, 6


@router.get("/login")
def login(request: Request) -> Response:
    """The page that asks for the password."""
    try:
        admitted(request)
    except NetwrightError:
        return page(request, "login.html", wrong="")
    return next_page(request, "/")


@router.post("/login")
def log_in(request: Request, password: Annotated[str, Form(max_length=1000)]) -> Response:
    """Check the password."""
    guard = parts_of(request).guard
    right = guard.is_password(password)
    if not right:
        wrong = "Too many attempts; wait a minute." if right is None else "That is not the password."
        return page(request, "login.html", 429 if right is None else 401, wrong=wrong)
    known = guard.visitor(request.cookies)
    response = next_page(request, "/")
    visitor = guard.newcomer(admitted=True)
    if known is not None:
        visitor = Visitor(known.owner, True, known.csrf)
    guard.give_cookie(response, visitor)
    return response


@router.get("/")
def start(request: Request, visitor: Owner, scenario: str = "mcf", network: str = "abilene") -> HTMLResponse:
    """The start page, with the visitor's dialogues."""
    parts = parts_of(request)
    chosen = registry.scenario(scenario if scenario in registry.scenario_names() else "mcf")
    parts.rooms.builds.warm(chosen.name)
    known = parts.uploads.known(network)
    if known is None and network not in catalog.TOPOLOGIES:
        network = "abilene"
    topology = parts.uploads.topology(network)
    default = chosen.config(topology.name if known else network, topology)
    low, high, step = SLIDER.get(chosen.name, USUAL_SLIDER)
    return page(
        request,
        "start.html",
        scenarios=[registry.scenario(name) for name in registry.scenario_names()],
        chosen=chosen,
        topologies=parts.uploads.catalog,
        network=network,
        uploaded=known,
        default=default,
        slider=(low, high, step),
        learners=[(name, LEARNERS.get(name).summary) for name in LEARNERS.names()],
        questions=QUESTIONS,
        objectives=OBJECTIVES,
        suffixes=",".join(SUFFIXES),
        dialogues=_listed(request, visitor),
        facts=_facts(request, {"scenario": chosen.name, "network": network}),
    )


@dataclass(frozen=True)
class Filled:
    """A form: its texts, and its files in memory."""

    values: dict[str, object]
    files: dict[str, Upload]


async def filled(request: Request, visitor: Owner) -> Filled:
    """The form of a request from one of our pages."""
    limits = {"max_files": MAX_FILES, "max_fields": MAX_FIELDS, "max_part_size": MAX_BODY_BYTES}
    async with request.form(**limits) as form:
        token = form.get("csrf")
        check_own_form(request, visitor, token if isinstance(token, str) else None)
        values: dict[str, object] = {name: value for name, value in form.items() if isinstance(value, str)}
        files = {
            name: Upload(file.filename, await file.read())
            for name, file in form.items()
            if isinstance(file, UploadFile) and file.filename
        }
    return Filled(values, files)


Form_ = Annotated[Filled, Depends(filled)]


@router.post("/networks")
def add_network(request: Request, form: Form_) -> HTMLResponse:
    """Read an uploaded network; returns the start page's part about it."""
    uploads = parts_of(request).uploads
    try:
        network = _uploaded_network(uploads, form)
    except NetwrightError as error:
        return page(request, "_network.html", uploaded=None, wrong=sentence(error, uploads.folder))
    response = page(request, "_network.html", uploaded=network, wrong="")
    response.headers["HX-Trigger-After-Swap"] = "facts"
    return response


@router.post("/facts")
def facts(request: Request, form: Form_) -> HTMLResponse:
    """The load of the chosen network and traffic, as a line."""
    uploads = parts_of(request).uploads
    try:
        values = form.values | _uploaded_table(uploads, form, form.values)
    except NetwrightError as error:
        return page(request, "_facts.html", facts=Facts(wrong=sentence(error, uploads.folder)))
    return page(request, "_facts.html", facts=_facts(request, values))


@router.post("/dialogues")
def begin(request: Request, visitor: Owner, form: Form_) -> Response:
    """Begin a dialogue with the choices of the form."""
    parts = parts_of(request)
    values = dict(form.values)
    if values.get("network") == "upload" and not values.get("key"):
        network = _uploaded_network(parts.uploads, form)
        values |= {"key": network.key} if network else {}
    values |= _uploaded_table(parts.uploads, form, values)
    for name in ("today", "failures"):
        if file := form.files.get(f"{name}_file"):
            values[name] = parts.uploads.add_document(file)
    key = parts.conversations.begin(visitor.owner, _wish(values))
    return next_page(request, f"/d/{key}")


def _wish(values: Mapping[str, object]) -> Wish:
    """The wish of a form; numbers arrive as texts."""
    own = values.get("network") == "upload"
    if own and not values.get("key"):
        raise ConfigError("choose a network file, or one of the networks of the list.")
    fields = {name: values[name] for name in Wish.model_fields if name in values}
    fields["network"] = values["key"] if own else values.get("network", "abilene")
    if values.get("unscaled") == "on":
        fields["load"] = 0.0
    if "objectives" in fields:  # a choice, which pydantic does not convert
        fields["objectives"] = whole_number(str(fields["objectives"]))
    return Wish.of(fields)


@dataclass(frozen=True)
class Facts:
    """The load in words, with a warning if it is implausible; or what is wrong with the choices."""

    text: str = ""
    warning: str | None = None
    wrong: str = ""


def _facts(request: Request, values: Mapping[str, object]) -> Facts:
    uploads = parts_of(request).uploads
    try:
        found = _wish(values).load_facts(uploads)
    except NetwrightError as error:
        return Facts(wrong=sentence(error, uploads.folder))
    return Facts(found.text, found.warning)


def _uploaded_network(uploads: Uploads, form: Filled) -> Network | None:
    file = form.files.get("network_file")
    if file is None:
        return None
    return uploads.add_network(file, form.files.get("network_demands_file"), _options(form.values))


def _uploaded_table(uploads: Uploads, form: Filled, values: Mapping[str, object]) -> Json:
    """The key of a table of demands that was sent, if one was chosen."""
    if values.get("demands") != "table":
        return {}
    file = form.files.get("demands_file")
    if file is None:
        raise ConfigError("choose a file of demands, or the gravity model.")
    network = str(values.get("key") if values.get("network") == "upload" else values.get("network"))
    return {"demands": uploads.add_demands(file, uploads.topology(network))}


def _options(values: Mapping[str, object]) -> ImportOptions:
    """How to read a network's file."""
    prepare = values.get("prepare") == "on"
    capacity = str(values.get("default_capacity", "")).strip()[:40]
    directed = {"directed": True, "undirected": False}.get(str(values.get("directed")))
    return ImportOptions(
        merge_parallel="first" if prepare else "",
        drop_loops=prepare,
        drop_stubs=prepare,
        keep_largest_component=values.get("largest") == "on",
        default_capacity=rate(capacity, "capacity", "the default capacity") if capacity else None,
        directed=directed,
        capacity_unit=str(values.get("capacity_unit", "")).strip()[:20],
        latency_unit=str(values.get("latency_unit", "")).strip()[:20],
        capacity_from=str(values.get("capacity_from", "")).strip()[:60],
        geographic=values.get("geographic") == "on",
    )


def _listed(request: Request, visitor: Visitor) -> list[Json]:
    """The visitor's dialogues in words."""
    parts = parts_of(request)
    found: list[Json] = []
    for entry in parts.conversations.of(visitor.owner)[:20]:
        try:
            wish = saved_wish(entry.request)
        except NetwrightError:
            continue
        network = parts.uploads.known(wish.network)
        title = f"{registry.scenario(wish.scenario).title}, {network.title if network else wish.network}"
        found.append({"key": entry.id, "title": title, "created_s": entry.created_s})
    return found
