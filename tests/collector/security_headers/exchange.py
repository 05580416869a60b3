"""One request to an application, message by message, without a server between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from collector.security_headers.asgi import ASGIApp, Message, Receive, Scope, Send

Pairs = Sequence[tuple[str, str]]


def answering(headers: Pairs = (), *, status: int = 200) -> ASGIApp:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        given = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": given})
        await send({"type": "http.response.body", "body": b"hello"})

    return app


def make_scope(path: str = "/", *, headers: Pairs = (("host", "example.com"),), **members: Any) -> Scope:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        **members,
    }


class Exchange:
    """One scope sent to an application, with all it answered and what it raised."""

    def __init__(self, app: ASGIApp, scope: Scope, *, received: str = "http.request") -> None:
        self.sent: list[Message] = []
        self.raised: BaseException | None = None
        self.scope = scope
        self.received = received
        asyncio.run(self._run(app))

    async def _run(self, app: ASGIApp) -> None:
        async def receive() -> Message:
            return {"type": self.received, "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            self.sent.append(message)

        try:
            await app(self.scope, receive, send)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- kept for the test to look at
            self.raised = error

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    def all(self, name: str) -> list[str]:
        return [value.decode("latin-1") for key, value in self.sent[0]["headers"] if key.decode() == name]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) <= 1
        return values[0] if values else None
