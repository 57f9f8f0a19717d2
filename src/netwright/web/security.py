"""Sessions in signed cookies, protection against forged requests, and the headers of every response."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from netwright.web.settings import MAX_BODY_BYTES, Settings

if TYPE_CHECKING:
    from netwright.synthesis.database import Database

COOKIE = "netwright"
CSRF_FIELD, CSRF_HEADER = "csrf", "x-csrf-token"
YEAR_S = 365 * 24 * 3600
WRONG_PASSWORDS_PER_MINUTE = 20

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}

Next = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Visitor:
    """A browser: the owner of its dialogues.

    Attributes:
        owner: random, 128 bits.
        admitted: whether the password was given, if one is needed.
        csrf: token that forms of this visitor carry.
    """

    owner: str
    admitted: bool
    csrf: str


@dataclass
class Guard:
    """Recognizes visitors; the cookie holds a signed name, and the database everything else."""

    database: Database
    settings: Settings
    _wrong: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._key = self.database.secret()
        self._cookies = URLSafeSerializer(self._key, salt="visitor")

    def visitor(self, cookies: Mapping[str, str]) -> Visitor | None:
        """The visitor of a valid cookie; None without one."""
        try:
            found = self._cookies.loads(cookies.get(COOKIE, ""))
            owner, password = str(found["owner"]), found["password"]
        except (BadData, KeyError, TypeError, UnicodeError):
            return None
        return Visitor(owner, password == self._password_mark(), self._csrf(owner))

    def newcomer(self, *, admitted: bool = False) -> Visitor:
        """A new visitor."""
        owner = secrets.token_urlsafe(16)
        return Visitor(owner, admitted or self.settings.password is None, self._csrf(owner))

    def give_cookie(self, response: Response, visitor: Visitor) -> None:
        """Let the browser keep who it is for a year."""
        mark = self._password_mark() if visitor.admitted else None
        value = self._cookies.dumps({"owner": visitor.owner, "password": mark})
        assert isinstance(value, str)
        response.set_cookie(
            COOKIE, value, max_age=YEAR_S, httponly=True, samesite="lax", secure=self.settings.secure
        )

    def is_password(self, given: str) -> bool | None:
        """Whether a password is right; None after too many wrong ones in a minute."""
        now = time.monotonic()
        self._wrong = [at for at in self._wrong if now - at < 60.0]
        if len(self._wrong) >= WRONG_PASSWORDS_PER_MINUTE:
            return None
        right = self.settings.password is not None and hmac.compare_digest(
            hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest(),
            hashlib.sha256(self.settings.password.encode()).digest(),
        )
        if not right:
            self._wrong.append(now)
        return right

    def is_own_form(self, visitor: Visitor, request: Request, field_: str | None) -> bool:
        """Whether a request that changes something comes from one of our pages."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        given = field_ or request.headers.get(CSRF_HEADER, "")
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), visitor.csrf.encode())

    def _csrf(self, owner: str) -> str:
        return hmac.new(self._key.encode(), f"csrf:{owner}".encode(), hashlib.sha256).hexdigest()

    def _password_mark(self) -> str | None:
        """Changes with the password, so that a new password ends earlier sessions."""
        if self.settings.password is None:
            return None
        return hmac.new(self._key.encode(), self.settings.password.encode(), hashlib.sha256).hexdigest()[:32]


class Boundary:
    """Outermost layer: refuses foreign hosts and large bodies, and adds the headers of `HEADERS`."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        refused = self._refusal(request)
        if refused is not None:
            await refused(scope, receive, self._with_headers(send, scope))
            return
        await self.app(scope, self._limited(receive), self._with_headers(send, scope))

    def _refusal(self, request: Request) -> Response | None:
        if _hostname(request.headers.get("host", "")) not in self.settings.hosts:
            return PlainTextResponse(
                "This name does not belong to the server; start it with --host NAME.\n", status_code=400
            )
        length = request.headers.get("content-length", "0")
        if not length.isascii() or len(length) > 12 or length.strip("0123456789"):
            return PlainTextResponse("The length of the request is no number.\n", status_code=400)
        if int(length or 0) > MAX_BODY_BYTES:
            return PlainTextResponse(
                f"The request is larger than {MAX_BODY_BYTES >> 20} MiB.\n", status_code=413
            )
        return None

    @staticmethod
    def _limited(receive: Receive) -> Receive:
        """At most `MAX_BODY_BYTES` of a body without a declared length; then the client counts as gone."""
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message if received <= MAX_BODY_BYTES else {"type": "http.disconnect"}

        return limited

    @staticmethod
    def _with_headers(send: Send, scope: Scope) -> Send:
        cached = scope["path"].startswith("/static/")

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = {name.lower().encode(): value.encode() for name, value in HEADERS.items()}
                if cached:
                    ours[b"cache-control"] = b"public, max-age=3600"
                kept = [(name, value) for name, value in message["headers"] if name.lower() not in ours]
                message["headers"] = [*kept, *ours.items()]
            await send(message)

        return sending


def _hostname(host: str) -> str:
    """The name in a Host header, without the port and without the brackets of IPv6."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
