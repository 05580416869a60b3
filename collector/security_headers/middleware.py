"""The middleware that puts security headers on every answer."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Unpack

from .asgi import ASGIApp, Headers, Message, Receive, Scope, Send, answer, is_http1
from .framing import NOBODY, SAME_ORIGIN, ancestors_by_x_frame_options, framing_policy, x_frame_options
from .hosts import is_for_loopback
from .paths import Prefixes, checked_prefixes, readings
from .settings import ROUTE_ATTRIBUTE, HeaderChanges, SecurityHeaders

CHANGES_KEY = "security_headers.changes"
"""Where in a scope a middleware further in may leave changes for this one answer."""

_NONCE_KEY = "security_headers.nonce"
_NONCE_PLACEHOLDER = re.compile(rb"\{nonce\}", re.IGNORECASE)
_NONCE_BYTES = 18
"""144 bits; a multiple of three, so that base64 needs no padding."""

_POLICY = b"content-security-policy"
_X_FRAME_OPTIONS = b"x-frame-options"
_HSTS = b"strict-transport-security"

_NOT_MODIFIED = 304


class SecurityHeadersMiddleware:
    """Adds security headers to every HTTP answer of `app`, also to the ones that went wrong.

        app = SecurityHeadersMiddleware(app, policy="default-src 'self'; script-src 'nonce-{nonce}'; base-uri 'none'")

    What is sent is `headers`, changed by the fields of SecurityHeaders given by name. `routes` changes it further by
    path prefix, a longer prefix on top of a shorter one, and `with_headers` for one route:

        SecurityHeadersMiddleware(app, routes={"/widget": {"frame": ["https://partner.example"]}})

    Prefixes cover whole segments, below `root_path`. Where a path can be read in two ways (`/widget/../account`) and
    the readings disagree, neither is followed: the answer has the settings outside of `routes`, and nobody may
    frame it.

    A header that the application has set itself is left as it is, and ours is not added beside it: of two
    Content-Security-Policy headers a browser enforces both. The names in `override` are replaced instead. Framing is
    said twice, so what the application says of it is followed in both places: a policy of its own decides about
    X-Frame-Options, and an X-Frame-Options of its own about frame-ancestors in ours. Where only frame-ancestors can
    say who may frame (a list), it is added to a policy of the application that does not name it.

    Each request gets a nonce of its own, in `scope["state"]["csp_nonce"]`: `request.state.csp_nonce` in Starlette and
    FastAPI, `<script nonce="{{ request.state.csp_nonce }}">` in a template. It stands for `{nonce}` in policies. Such
    pages must not be cached: a stored page keeps its old nonce. For the same reason 304 answers carry no policy with
    a nonce: a browser would put it on the stored page.

    Wrap the finished application, as above, or let `harden` do it. `app.add_middleware` works too, but middleware
    added that way stands inside the framework's own handling of errors: the answer to an unexpected exception, which
    is the one that may show what an attacker put in, goes out without any of these headers.

    Wrapped, an exception before the application has answered becomes a plain 500 that carries the headers, and is
    raised again for the server to log. After the start nothing can be added any more; the exception is only raised
    again.

    A WebSocket's handshake carries none of these headers, since browsers look for none of them there. Where the
    application refuses one by an HTTP answer of its own, that has them.

    Raises ValueError for settings that contradict each other, also where they only meet under a prefix.
    """

    is_outermost = False
    """Whether no framework stands around, though one has written its application into the scope; `harden` knows."""

    def __init__(
        self,
        app: ASGIApp,
        headers: SecurityHeaders | None = None,
        *,
        routes: Mapping[str, HeaderChanges] | None = None,
        **changes: Unpack[HeaderChanges],
    ) -> None:
        self.app = app
        settings = replace(headers or SecurityHeaders(), **changes)
        self._base = _Prepared(settings)
        self._ambiguous = _Prepared(_unframed(settings))
        self._prefixes = Prefixes(list(routes or {}))
        self._routes = _prepared_routes(settings, routes or {}, self._prefixes)
        self._marked: dict[tuple[int, int], tuple[HeaderChanges, _Prepared]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        # Before the application runs: routing changes path and root_path.
        prepared = self._for_path(scope)
        hsts = prepared.sends_hsts(scope)
        nonce = scope.get(_NONCE_KEY)
        if nonce is None:
            nonce = scope[_NONCE_KEY] = secrets.token_urlsafe(_NONCE_BYTES)
        # Inside another such middleware too, whose policy the page may get in the end: one request, one nonce.
        scope.setdefault("state", {})["csp_nonce"] = nonce

        def secured(message: Message) -> Message:
            final = self._for_answer(scope, prepared)
            given = message.get("headers", ())
            return {**message, "headers": final.merged(given, nonce=nonce, hsts=hsts, status=message["status"])}

        if scope["type"] == "websocket":
            await self.app(scope, receive, _refusals_by(secured, send))
            return

        # Before the application writes its own name there.
        may_answer = self.is_outermost or "app" not in scope
        started = disconnected = False

        async def watched_receive() -> Message:
            nonlocal disconnected
            message = await receive()
            disconnected = disconnected or message["type"] == "http.disconnect"
            return message

        async def secured_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                message = secured(message)
                # Before the send, which may fail half-way: a second start would then only hide the first failure.
                started = True
            await send(message)

        try:
            await self.app(scope, watched_receive, secured_send)
            if not started and not disconnected:
                raise RuntimeError("the application returned without answering")  # noqa: TRY301 -- answered right below, as any other failure
        except (Exception, asyncio.CancelledError):
            # Cancellation is how uvicorn ends slow requests at shutdown; it too answers 500, without our headers.
            if may_answer and not started and not disconnected:
                scope.pop("endpoint", None)  # a route whose mark contradicts its path would fail once more
                await answer(secured_send, 500, "Internal Server Error", close=is_http1(scope))
            raise

    def headers_of(self, given: Iterable[tuple[bytes, bytes]], *, hsts: bool) -> Headers:
        """The headers of an answer that is made outside of ASGI, under no prefix of `routes`; without a nonce in it.

        `hsts` says that it goes out over https, and not to a loopback host.
        """
        return self._base.merged(given, nonce="", hsts=hsts, status=200)

    def check_route(self, endpoint: object) -> None:
        """Raises ValueError, naming the route, where its mark contradicts any of the settings it may come under."""
        name = getattr(endpoint, "__qualname__", endpoint)
        for place, prepared in (("", self._base), ("", self._ambiguous), *self._routes.items()):
            try:
                self._for_route(endpoint, prepared)
            except ValueError as error:
                raise ValueError(f"{name}{place and f', were it under {place}'}: {error}") from None

    def _for_path(self, scope: Scope) -> _Prepared:
        if not self._routes:
            return self._base
        path, *others = readings(scope)
        found = self._under(path)
        if any(self._under(other) is not found for other in others):
            return self._ambiguous
        return found

    def _under(self, path: str) -> _Prepared:
        prefix = self._prefixes.longest(path)
        return self._base if prefix is None else self._routes[prefix]

    def _for_answer(self, scope: Scope, prepared: _Prepared) -> _Prepared:
        """The settings after the route has had its say, and what stands further in."""
        marked = self._for_route(scope.get("endpoint"), prepared)
        changes: HeaderChanges | None = scope.pop(CHANGES_KEY, None)
        return marked if changes is None else _Prepared(replace(marked.settings, **changes))

    def _for_route(self, endpoint: object, prepared: _Prepared) -> _Prepared:
        changes: HeaderChanges | None = getattr(endpoint, ROUTE_ATTRIBUTE, None)
        if changes is None:
            return prepared
        # By identity: settings and marks live as long as the application; the entry keeps the mark alive besides.
        key = (id(changes), id(prepared))
        if key not in self._marked:
            self._marked[key] = (changes, _Prepared(replace(prepared.settings, **changes)))
        return self._marked[key][1]


class _Prepared:
    """Settings, put into bytes as far as they can be before there is an answer."""

    def __init__(self, settings: SecurityHeaders) -> None:
        self.settings = settings
        values = settings.values()
        self._ancestors = settings.ancestors
        self._policy = settings.framing_policy
        self._has_policy = settings.policy is not None
        policy = self._policy_naming(self._ancestors)
        if policy is not None:
            values = {**values, "content-security-policy": policy}
        if (option := x_frame_options(self._ancestors)) is not None:
            values["x-frame-options"] = option
        self._values = {name.encode(): value.encode() for name, value in values.items()}
        self._override = frozenset(name.lower().encode() for name in settings.override)
        policies = [(name, value) for name, value in self._values.items() if name.startswith(_POLICY)]
        self._has_nonce = frozenset(name for name, value in policies if _NONCE_PLACEHOLDER.search(value))
        self._watched = frozenset({*self._values, _POLICY, _X_FRAME_OPTIONS})
        self._particular = self._override | {_POLICY, _X_FRAME_OPTIONS}
        # Almost every answer takes one of these two; only nonces ask for more.
        self._fixed = {hsts: list(self._rendered("", hsts=hsts).items()) for hsts in (False, True)}
        self._beside: dict[tuple[bool, frozenset[bytes]], Headers] = {}

    def sends_hsts(self, scope: Scope) -> bool:
        return (
            _HSTS in self._values
            and (self.settings.hsts_over_http or scope.get("scheme") in {"https", "wss"})
            and not is_for_loopback(scope)
        )

    def merged(self, given: Iterable[tuple[bytes, bytes]], *, nonce: str, hsts: bool, status: int) -> Headers:
        given = list(given)
        own = self._watched.intersection([name.lower() for name, _ in given])
        if not self._has_nonce and own.isdisjoint(self._particular):
            if not own:
                return [*given, *self._fixed[hsts]]
            if (hsts, own) not in self._beside:  # at most one for each set of our own names
                self._beside[hsts, own] = [pair for pair in self._fixed[hsts] if pair[0] not in own]
            return [*given, *self._beside[hsts, own]]
        ours = self._rendered(nonce, hsts=hsts)
        if status == _NOT_MODIFIED:
            ours = {name: value for name, value in ours.items() if name not in self._has_nonce}
        kept = [pair for pair in given if pair[0].lower() not in self._override or pair[0].lower() not in ours]
        own = frozenset(name.lower() for name, _ in kept)
        kept = self._agreeing(kept, own, ours, nonce)
        return kept + [pair for pair in ours.items() if pair[0] not in own]

    def _agreeing(self, kept: Headers, own: frozenset[bytes], ours: dict[bytes, bytes], nonce: str) -> Headers:
        """What the application sends, and `ours` with it, so that both of them say the same about framing."""
        if _POLICY in own:
            texts = [value.decode("latin-1") for name, value in kept if name.lower() == _POLICY]
            said = _ancestors_in(texts)
            if said is None:
                return self._completed(kept) if _X_FRAME_OPTIONS not in {*own, *ours} else kept
            option = x_frame_options(said)
            ours.pop(_X_FRAME_OPTIONS, None)
            if option is not None:
                ours[_X_FRAME_OPTIONS] = option.encode()
        elif _X_FRAME_OPTIONS in own and _POLICY in ours:
            texts = [value.decode("latin-1") for name, value in kept if name.lower() == _X_FRAME_OPTIONS]
            said = ancestors_by_x_frame_options(texts)
            policy = None if said is None else self._policy_naming(said)
            if policy is not None:
                ours[_POLICY] = _NONCE_PLACEHOLDER.sub(nonce.encode(), policy.encode())
            elif said is not None:
                del ours[_POLICY]  # it held frame-ancestors alone
        return kept

    def _completed(self, kept: Headers) -> Headers:
        if self._ancestors is None:
            return kept
        last = max(index for index, (name, _) in enumerate(kept) if name.lower() == _POLICY)
        name, value = kept[last]
        text = framing_policy(value.decode("latin-1")).naming(self._ancestors)
        return [*kept[:last], (name, text.encode("latin-1")), *kept[last + 1 :]]

    def _policy_naming(self, ancestors: str | None) -> str | None:
        if self._has_policy:
            return self._policy.naming(ancestors)
        # Without a policy, X-Frame-Options says it where it can.
        return None if ancestors in {None, NOBODY, SAME_ORIGIN} else f"frame-ancestors {ancestors}"

    def _rendered(self, nonce: str, *, hsts: bool) -> dict[bytes, bytes]:
        return {
            name: _NONCE_PLACEHOLDER.sub(nonce.encode(), value) if name in self._has_nonce else value
            for name, value in self._values.items()
            if hsts or name != _HSTS
        }


def _ancestors_in(policies: list[str]) -> str | None:
    """What the application's policies say of framing; several sets of sources are none that a header could name."""
    said = [framing_policy(text).ancestors for each in policies for text in each.split(",")]
    named = [each for each in said if each is not None]
    return None if not named else named[0] if len(named) == 1 else ""


def _unframed(settings: SecurityHeaders) -> SecurityHeaders:
    """The settings as if nothing had been said of framing, which is that nobody may."""
    policy = None if settings.policy is None else settings.framing_policy.naming(None) or None
    return replace(settings, policy=policy, frame=None)


def _prepared_routes(
    settings: SecurityHeaders, routes: Mapping[str, HeaderChanges], prefixes: Prefixes
) -> dict[str, _Prepared]:
    """Settings by prefix, each on top of those of the prefixes that cover it."""
    checked = checked_prefixes(list(routes))
    changes = dict(zip(checked, routes.values(), strict=True))
    if len(changes) != len(routes):
        raise ValueError("routes names a prefix twice, with and without its closing slash")
    prepared: dict[str, _Prepared] = {}
    for prefix in sorted(changes, key=len):
        outer = prefixes.longest(prefix.rpartition("/")[0]) if prefix else None
        inherited = settings if outer is None else prepared[outer].settings
        try:
            prepared[prefix] = _Prepared(replace(inherited, **changes[prefix]))
        except (TypeError, ValueError) as error:
            raise type(error)(f"{prefix or '/'}: {error}") from None
    return prepared


def _refusals_by(secured: Callable[[Message], Message], send: Send) -> Send:
    """Sends the HTTP answers that refuse a WebSocket with headers, everything else as it is.

    https://asgi.readthedocs.io/en/latest/extensions.html#websocket-denial-response
    """

    async def send_secured(message: Message) -> None:
        await send(secured(message) if message["type"] == "websocket.http.response.start" else message)

    return send_secured
