"""`Cache-Control: no-store`, where the route has not chosen."""

from __future__ import annotations

from collections.abc import Sequence

from .asgi import ASGIApp, Message, Receive, Scope, Send
from .paths import Prefixes, readings


class NoStoreMiddleware:
    """Adds `Cache-Control: no-store` to every HTTP answer of `app`, or to those under the given path prefixes.

        app = NoStoreMiddleware(app, paths=["/account", "/admin"])

    A prefix covers whole segments: `/account` covers `/account` and `/account/keys`, not `/accounting`. Answers
    that say themselves how they may be cached are left alone, as are those under `exempt`: files for everybody,
    which Starlette's StaticFiles sends without saying so.

    Where a path can be read in two ways, one under a prefix of `paths` is enough, and one under `exempt` is not.
    """

    def __init__(self, app: ASGIApp, *, paths: Sequence[str] | None = None, exempt: Sequence[str] = ()) -> None:
        self.app = app
        self._paths = Prefixes(["/"] if paths is None else paths)
        self._exempt = Prefixes(exempt)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._covers(scope):
            await self.app(scope, receive, send)
            return

        async def unstored_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if all(name.lower() != b"cache-control" for name, _ in headers):
                    message = {**message, "headers": [*headers, (b"cache-control", b"no-store")]}
            await send(message)

        await self.app(scope, receive, unstored_send)

    def _covers(self, scope: Scope) -> bool:
        paths = readings(scope)
        return any(path in self._paths for path in paths) and not all(path in self._exempt for path in paths)
