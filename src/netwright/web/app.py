"""The app: its parts, routes, errors as pages, and the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from netwright.core.errors import NetwrightError
from netwright.core.files import check_output
from netwright.synthesis.database import Database
from netwright.web import ask, end, start
from netwright.web.building import Builds
from netwright.web.conversations import Conversations
from netwright.web.responses import Parts, page, problem
from netwright.web.rooms import Rooms
from netwright.web.security import Boundary, Guard
from netwright.web.settings import Settings
from netwright.web.uploads import Uploads

DATABASE = "dialogues.sqlite"


def make_parts(settings: Settings) -> Parts:
    """The parts of a server.

    Raises:
        NetwrightError: the folder cannot be used.
    """
    check_output(settings.folder / DATABASE)
    database = Database(settings.folder / DATABASE)
    uploads = Uploads(settings.folder / "uploads", settings.data)
    rooms = Rooms(Builds(settings.build_limit_s), uploads)
    return Parts(settings, Guard(database, settings), uploads, rooms, Conversations(database, rooms))


def create_app(settings: Settings) -> FastAPI:
    """The app of a server, which closes its parts at shutdown."""
    parts = make_parts(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        parts.close()

    app = FastAPI(title="netwright", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.parts = parts
    for module in (start, ask, end):
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=str(resources.files("netwright.web") / "static")))
    app.add_exception_handler(NetwrightError, _netwright_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(Boundary, settings=settings)
    return app


def _netwright_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, NetwrightError)
    return problem(request, error)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = str(first["loc"][-1]) if first["loc"] else "the request"
    return page(request, "problem.html", 422, said=f"{place}: {str(first['msg']).lower()}.")


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.url.path.startswith("/static/"):
        return PlainTextResponse(f"{error.detail}\n", error.status_code)
    said = "There is no such page." if error.status_code == 404 else f"{error.detail}."
    return page(request, "problem.html", error.status_code, said=said)
