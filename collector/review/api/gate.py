"""The gate of the interface: who may ask, from where, and how; before a body is read, or a path looked for."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collector.review.access import Access, Login, require_same_origin
from collector.review.api.answering import JSON_TYPE
from collector.review.api.errors import error_answer, on_operators_error
from collector.review.forms import read_body
from policybuilder.errors import CspbuildError

CSRF_HEADER = "X-CSRF-Token"
MAX_BODY_BYTES = 64 * 1024
_SENTENCES = {413: f"the body is larger than {MAX_BODY_BYTES} bytes"}
"""For what is said of forms elsewhere."""

_SAFE_METHODS = frozenset({"GET", "HEAD"})


class Gate:
    """An ASGI application behind the login: `make` makes what stands behind the gate, when it is first asked for.

    The interface costs some megabytes and a moment, which only those pay who use it.

    With a session's cookie a browser writes for whoever made it send the request. So a write by session must come from
    a page of this very origin, and carry the session's own token in a header: neither can another site's page do. The
    admin token is sent by nobody unasked, and needs neither.
    """

    def __init__(self, access: Access, make: Callable[[], ASGIApp]) -> None:
        self._access = access
        self._make = make
        self._making = asyncio.Lock()
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            login = await self._access.require_key(request)
            if request.method not in _SAFE_METHODS:
                await _check_write(request, login)
                receive = _replayed(await read_body(request, MAX_BODY_BYTES))
        except HTTPException as error:
            answer = error_answer(error.status_code, _SENTENCES.get(error.status_code, error.detail), error.headers)
            await answer(scope, receive, send)
            return
        except CspbuildError as error:
            # Sessions are kept in the database.
            answer = await on_operators_error(request, error)
            await answer(scope, receive, send)
            return
        except ClientDisconnect:
            return
        scope = {**scope, "state": {**scope.get("state", {}), "login": login}}
        if request.method == "HEAD":
            # Whatever is answered to GET, without its body.
            scope["method"], send = "GET", _without_body(send)
        await (self._app or await self._made())(scope, receive, send)

    async def _made(self) -> ASGIApp:
        async with self._making:
            if self._app is None:
                # In a thread: reports are answered meanwhile.
                self._app = await asyncio.to_thread(self._make)
        return self._app


async def _check_write(request: Request, login: Login) -> None:
    """Raises 403 for a browser's request that is not of our own pages, and 415 for a body that is no JSON."""
    if login.session is not None:
        await require_same_origin(request)
        token = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(token.encode(), login.session.csrf_token.encode()):
            raise HTTPException(403, f"send the session's token as {CSRF_HEADER}; GET /api/session tells it")
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if has_body and (media_type != JSON_TYPE or "content-encoding" in request.headers):
        raise HTTPException(415, f"send the body as plain {JSON_TYPE}")


def _replayed(body: bytes) -> Receive:
    """What the application receives of a body that was read."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return left.pop() if left else {"type": "http.disconnect"}

    return receive


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_head
