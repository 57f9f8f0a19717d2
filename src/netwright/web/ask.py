"""Routes of a dialogue: its questions, answers, earlier answers and maps."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import StringConstraints

from netwright.core.errors import ConfigError
from netwright.core.reading import decimal_number
from netwright.core.text import printable
from netwright.synthesis.limits import within
from netwright.synthesis.queries import CANNOT_SAY, Answer, Kind
from netwright.web import views
from netwright.web.building import Build
from netwright.web.conversations import STOPPED, Conversation, UnknownDialogueError
from netwright.web.end import end_page
from netwright.web.responses import admitted, check_own_form, next_page, page, parts_of
from netwright.web.security import Visitor

router = APIRouter()
Owner = Annotated[Visitor, Depends(admitted)]
Key = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{22}$")]
Number = Annotated[int, Path(ge=1, le=100)]
Csrf = Annotated[str, Form(max_length=200)]
Token = Annotated[str, Form(max_length=64)]
Best = Annotated[list[int], Form()]
Said = Annotated[str, Form(max_length=20)]
Limit = Annotated[str, StringConstraints(max_length=30)]


@router.get("/d/{key}")
def dialogue(request: Request, key: Key, visitor: Owner) -> Response:
    """The present state of a dialogue: its preparation, a question, or the result."""
    conversations = parts_of(request).conversations
    with conversations.alone(key, visitor.owner) as (conversation, build):
        return state_page(request, conversation, build)


@router.get("/d/{key}/progress")
def progress(request: Request, key: Key, visitor: Owner) -> Response:
    """The progress of the preparation; tells htmx to load the page when it is over."""
    conversations = parts_of(request).conversations
    with conversations.alone(key, visitor.owner) as (conversation, build):
        over = conversation.dialogue is not None or build.state == "failed"
    response = page(request, "_progress.html", build=build, key=key)
    if over:
        response.headers["HX-Refresh"] = "true"
    return response


@router.post("/d/{key}/retry")
def retry(request: Request, key: Key, visitor: Owner, csrf: Csrf = "") -> Response:
    """Build a pool again that could not be built."""
    check_own_form(request, visitor, csrf)
    conversations = parts_of(request).conversations
    with conversations.alone(key, visitor.owner) as (conversation, _):
        conversations.rooms.retry(conversation.wish)
    return next_page(request, f"/d/{key}")


@router.post("/d/{key}/answer")
def answer(
    request: Request,
    key: Key,
    visitor: Owner,
    csrf: Csrf = "",
    token: Token = "",
    best: Best = [],  # noqa: B006  a form without ticks has no such field
    said: Said = "",
) -> Response:
    """Record an answer; it is on the disk before the next question is shown."""
    check_own_form(request, visitor, csrf)
    conversations = parts_of(request).conversations
    with conversations.alone(key, visitor.owner) as (conversation, build):
        if conversation.pending is not None and token == conversation.token:
            shown = views.question(conversation)
            conversations.answer(conversation, token, understood(shown, best, said))
        else:
            conversations.answer(conversation, token, CANNOT_SAY)  # refused: it is stale
        return _shown(request, conversation, build)


@router.post("/d/{key}/limits")
def limit(
    request: Request,
    key: Key,
    visitor: Owner,
    limits: Annotated[list[Limit], Form(max_length=40)] = [],  # noqa: B006
    csrf: Csrf = "",
) -> Response:
    """Begin another dialogue with the designs within limits, one text for each metric in order; empty ones set none."""
    check_own_form(request, visitor, csrf)
    conversations = parts_of(request).conversations
    with conversations.alone(key, visitor.owner) as (conversation, _):
        if conversation.room is None:
            raise ConfigError("the network is still being prepared; wait a moment.")
        metrics, pool = conversation.room.problem.group.metrics, conversation.room.source.pool
        found = {
            metric.name: views.words(metric).back(_number(text, views.words(metric).title))
            for metric, text in zip(metrics, limits, strict=False)
            if text.strip()
        }
        if not conversation.wish.limits:
            within(pool, found)
    return next_page(request, f"/d/{conversations.begin(visitor.owner, conversation.wish.limited(found))}")


@router.post("/d/{key}/undo")
def undo(request: Request, key: Key, visitor: Owner, csrf: Csrf = "") -> Response:
    """Undo the last answer, or the end of the dialogue."""
    check_own_form(request, visitor, csrf)
    conversations = parts_of(request).conversations
    with conversations.alone(key, visitor.owner) as (conversation, build):
        conversations.undo(conversation)
        return _shown(request, conversation, build)


@router.post("/d/{key}/stop")
def stop(request: Request, key: Key, visitor: Owner, csrf: Csrf = "") -> Response:
    """End the dialogue with the design that is recommended now."""
    check_own_form(request, visitor, csrf)
    conversations = parts_of(request).conversations
    with conversations.alone(key, visitor.owner) as (conversation, build):
        if conversation.dialogue is None or conversation.dialogue.recommend() is None:
            raise ConfigError("nothing can be recommended before the first answer; answer one question.")
        conversations.note(conversation, STOPPED, True)
        return _shown(request, conversation, build)


@router.get("/d/{key}/answers/{number}")
def earlier(request: Request, key: Key, number: Number, visitor: Owner) -> Response:
    """An earlier question with its answer, to look at or to change."""
    conversations = parts_of(request).conversations
    with conversations.alone(key, visitor.owner) as (conversation, _):
        shown = _earlier(conversation, number)
        return page(
            request,
            "ask.html",
            **_common(conversation),
            question=shown,
            token="",
            action=f"/d/{key}/answers/{number}",
        )


@router.post("/d/{key}/answers/{number}")
def change(
    request: Request,
    key: Key,
    number: Number,
    visitor: Owner,
    csrf: Csrf = "",
    best: Best = [],  # noqa: B006
    said: Said = "",
) -> Response:
    """Change an earlier answer; later answers are kept."""
    check_own_form(request, visitor, csrf)
    conversations = parts_of(request).conversations
    with conversations.alone(key, visitor.owner) as (conversation, build):
        shown = _earlier(conversation, number)
        conversations.change(conversation, number, understood(shown, best, said))
        return _shown(request, conversation, build)


@router.get("/d/{key}/panels/{number}")
def panels(
    request: Request,
    key: Key,
    number: Number,
    visitor: Owner,
    failed: Annotated[str, Query(pattern=r"^\d{0,4}$")] = "",
) -> HTMLResponse:
    """Maps, hottest links and further figures of the designs of a question."""
    conversations = parts_of(request).conversations
    with conversations.alone(key, visitor.owner) as (conversation, _):
        pending = conversation.pending is not None and conversation.dialogue is not None
        asked = len(conversation.dialogue.exchanges) if conversation.dialogue else 0
        shown = (
            views.question(conversation)
            if pending and number == asked + 1
            else _earlier(conversation, number)
        )
        room, today = conversation.room, conversation.wish.today_file(parts_of(request).uploads)
    assert room is not None
    names = views.failures(room)
    if failed and int(failed) >= len(names):
        raise ConfigError(f"there are failures 0 to {len(names) - 1}, not {failed}.")
    designs = list(zip(shown.letters, map(room.solved, shown.designs()), strict=True))
    number_failed = int(failed) if failed else None
    return page(
        request,
        "_panels.html",
        key=key,
        number=number,
        failures=names,
        failed=number_failed,
        **views.panel_parts(room, designs, room.today(today), number_failed),
    )


def understood(shown: views.Question, best: list[int], said: str) -> Answer:
    """The answer of a form: ticked columns, or one of the buttons.

    Raises:
        ConfigError: it answers no question.
    """
    n = len(shown.order)
    if any(not 0 <= i < n for i in best):
        raise ConfigError(f"the question shows {n} designs; pick among these.")
    if said == "unsure":
        return CANNOT_SAY
    if said == "equal":
        return shown.answer(range(n))
    pick, _, strength = said.partition("-")
    if pick.isascii() and pick in [str(i) for i in range(n)]:
        return shown.answer([int(pick)], strength or None)
    if shown.query.kind is not Kind.TICK or not best:
        raise ConfigError("pick a design, or say that you cannot.")
    return shown.answer(sorted(set(best)))


def state_page(request: Request, conversation: Conversation, build: Build) -> Response:
    """The page of a dialogue as it is now."""
    key = conversation.key
    if conversation.dialogue is None:
        return page(request, "wait.html", build=build, key=key)
    assert conversation.room is not None
    if conversation.room.settled is not None or conversation.over:
        return end_page(request, conversation)
    if conversation.pending is None:
        raise ConfigError("no question would help, and nothing can be recommended; start a new dialogue.")
    parts_of(request).conversations.think_ahead(conversation)
    return page(
        request,
        "ask.html",
        **_common(conversation),
        question=views.question(conversation),
        token=conversation.token,
        action=f"/d/{key}/answer",
    )


def _shown(request: Request, conversation: Conversation, build: Build) -> Response:
    """After a change: the new state at once to htmx, otherwise a redirect, so that reloading changes nothing."""
    if request.headers.get("hx-request") != "true":
        return next_page(request, f"/d/{conversation.key}")
    response = state_page(request, conversation, build)
    response.headers["HX-Push-Url"] = f"/d/{conversation.key}"
    return response


def _common(conversation: Conversation) -> dict[str, object]:
    dialogue, room = conversation.dialogue, conversation.room
    assert dialogue is not None
    assert room is not None
    return {
        "limits": views.limit_fields(room, conversation.wish.limits),
        "key": conversation.key,
        "total": dialogue.setup.n_queries,
        "answered": len(dialogue.exchanges),
        "earlier": views.earlier(conversation),
        "notices": [str(notice) for notice in dialogue.contradictions()],
        "confidence": views.confidence(dialogue),
    }


def _number(text: str, title: str) -> float:
    found = decimal_number(text.strip())
    if found is None:
        raise ConfigError(f"the limit of {title} must be a number, got {printable(text)[:30]!r}.")
    return found


def _earlier(conversation: Conversation, number: int) -> views.Question:
    if conversation.dialogue is None or number > len(conversation.dialogue.exchanges):
        raise UnknownDialogueError(f"there is no answer {number} yet.")
    return views.question(conversation, number)
