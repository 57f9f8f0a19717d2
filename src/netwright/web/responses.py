"""What every route uses: the server's parts, pages, and errors as pages."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import cast

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from netwright import __version__
from netwright.core.errors import NetwrightError, OutputError
from netwright.core.locks import BusyError
from netwright.web.conversations import Conversations, StaleError, UnknownDialogueError
from netwright.web.maps import legend
from netwright.web.rooms import Rooms
from netwright.web.security import CSRF_FIELD, Guard, Visitor
from netwright.web.settings import Settings
from netwright.web.uploads import Uploads, sentence

STATUS_OF = {UnknownDialogueError: 404, StaleError: 409, BusyError: 409, OutputError: 507}


class ForgedError(NetwrightError):
    """A change that does not come from a page of this server."""


class NotAdmittedError(NetwrightError):
    """The visitor has not given the password."""


@dataclass(frozen=True)
class Parts:
    """The parts of a server, kept as `app.state.parts`."""

    settings: Settings
    guard: Guard
    uploads: Uploads
    rooms: Rooms
    conversations: Conversations

    def close(self) -> None:
        """End background work and close the database."""
        self.conversations.close()
        self.rooms.close()
        self.rooms.builds.close()
        self.conversations.database.close()


def parts_of(request: Request) -> Parts:
    """The parts of the server that handles a request."""
    return cast(Parts, request.app.state.parts)


def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(str(resources.files("netwright.web") / "templates"))
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.globals["legend"] = legend
    environment.globals["version"] = __version__
    return environment


ENVIRONMENT = _environment()


def page(request: Request, template: str, status: int = 200, /, **values: object) -> HTMLResponse:
    """A page for the visitor of a request."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    csrf = visitor.csrf if visitor is not None and visitor.admitted else ""
    text = ENVIRONMENT.get_template(template).render(csrf=csrf, csrf_field=CSRF_FIELD, **values)
    response = HTMLResponse(text, status)
    if visitor is not None and getattr(request.state, "is_new", False):
        parts_of(request).guard.give_cookie(response, visitor)
    return response


def admitted(request: Request) -> Visitor:
    """The visitor of a request; a new one gets a cookie with the next page.

    Raises:
        NotAdmittedError: the server needs a password.
    """
    guard = parts_of(request).guard
    known = guard.visitor(request.cookies)
    visitor = known or guard.newcomer()
    request.state.visitor, request.state.is_new = visitor, known is None
    if not visitor.admitted:
        raise NotAdmittedError("this server needs its password.")
    return visitor


def check_own_form(request: Request, visitor: Visitor, csrf: str | None) -> None:
    """Refuse a change that was not sent by a page of this server.

    Raises:
        ForgedError: it was not.
    """
    if request.state.is_new or not parts_of(request).guard.is_own_form(visitor, request, csrf):
        raise ForgedError(
            "this form is too old, or from another site; go back, reload the page and try again."
        )


def next_page(request: Request, place: str) -> Response:
    """Send the browser to a page."""
    return RedirectResponse(place, 303)


def problem(request: Request, error: NetwrightError) -> Response:
    """An error as a page."""
    if isinstance(error, NotAdmittedError):
        return next_page(request, "/login")
    status = 403 if isinstance(error, ForgedError) else STATUS_OF.get(type(error), 400)
    said = sentence(error, parts_of(request).uploads.folder)
    return page(request, "problem.html", status, said=said)
