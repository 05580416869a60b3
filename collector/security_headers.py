"""Security headers for any ASGI application, put on from outside so that no answer goes without them.

Only the standard library is used: the module may be copied into, or imported by, other people's FastAPI and
Starlette applications.

    app = FastAPI()
    ...
    app = SecurityHeadersMiddleware(NoStoreMiddleware(app, paths=["/account"]))

Wrap the finished application, as above, rather than calling `app.add_middleware`: middleware added that way stands
inside the framework's own error handling, and the answer to an unexpected exception goes out without it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping, Sequence
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

STRICT_POLICY = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
"""For answers that are not meant to load anything: programming interfaces, errors, redirections."""

ONE_YEAR_HSTS = "max-age=31536000"
"""Without includeSubDomains, which would speak for hosts that other people may run."""

# https://github.com/w3c/webappsec-permissions-policy/blob/main/features.md
DENY_POWERFUL_FEATURES = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "autoplay",
        "camera",
        "display-capture",
        "encrypted-media",
        "fullscreen",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "picture-in-picture",
        "publickey-credentials-get",
        "screen-wake-lock",
        "usb",
        "xr-spatial-tracking",
    )
)
"""Features that browsers know by these names; unknown ones would fill the console with warnings."""

# What RFC 9110 §5.5 lets a field value hold, less obs-text: policies and the other values here are ASCII.
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e]+")
_NONCE_PLACEHOLDER = re.compile(r"\{nonce\}", re.IGNORECASE)
_NONCE_BYTES = 18
"""144 bits; a multiple of three, so that base64 needs no padding."""


class SecurityHeadersMiddleware:
    """Adds security headers to every HTTP answer of `app`, also to the ones that went wrong.

        app = SecurityHeadersMiddleware(
            app,
            policy="default-src 'self'; script-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'",
        )

    A header is left out where its argument is None. A header that the application has set itself is left as it is,
    and ours is not added beside it: of two Content-Security-Policy headers a browser enforces both. Names in
    `override` (such as `["Content-Security-Policy"]`) are replaced instead.

    Where a policy holds `{nonce}`, each response gets a nonce of its own, found by the application in
    `scope["state"]["csp_nonce"]` (`request.state.csp_nonce` in Starlette and FastAPI). Such pages must not be
    cached: a stored page keeps its old nonce.

    Strict-Transport-Security is sent over https only, as RFC 6797 §7.2 demands; `hsts_over_http` is for servers
    behind a proxy that ends TLS without telling the application so.

    An exception before the application has answered becomes a plain 500 that carries the headers, and is raised
    again for the server to log. WebSocket and lifespan scopes pass through.

    Raises ValueError for values that cannot stand in a header, and for names in `override` it does not send.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        policy: str | None = STRICT_POLICY,
        report_only: str | None = None,
        reporting_endpoints: str | None = None,
        hsts: str | None = ONE_YEAR_HSTS,
        hsts_over_http: bool = False,
        content_type_options: str | None = "nosniff",
        frame_options: str | None = "DENY",
        referrer_policy: str | None = "same-origin",
        permissions_policy: str | None = DENY_POWERFUL_FEATURES,
        coop: str | None = "same-origin",
        corp: str | None = "same-origin",
        override: Collection[str] = (),
    ) -> None:
        values = {
            "content-security-policy": policy,
            "content-security-policy-report-only": report_only,
            "reporting-endpoints": reporting_endpoints,
            "strict-transport-security": hsts,
            "x-content-type-options": content_type_options,
            "x-frame-options": frame_options,
            "referrer-policy": referrer_policy,
            "permissions-policy": permissions_policy,
            "cross-origin-opener-policy": coop,
            "cross-origin-resource-policy": corp,
        }
        self._app = app
        self._values = {name: _checked(name, value) for name, value in values.items() if value is not None}
        self._needs_nonce = any(map(_NONCE_PLACEHOLDER.search, self._values.values()))
        self._hsts_over_http = hsts_over_http
        if unknown := {name.lower() for name in override} - self._values.keys():
            raise ValueError(f"override names headers that are not sent: {', '.join(sorted(unknown))}")
        self._override = frozenset(name.lower().encode() for name in override)
        # Almost every answer takes one of these two; only nonces ask for more.
        self._fixed = {secure: self._headers(nonce="", secure=secure) for secure in (False, True)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        secure = self._hsts_over_http or scope.get("scheme") == "https"
        headers = self._fixed[secure]
        if self._needs_nonce:
            nonce = secrets.token_urlsafe(_NONCE_BYTES)
            scope.setdefault("state", {})["csp_nonce"] = nonce
            headers = self._headers(nonce=nonce, secure=secure)

        started = disconnected = False

        async def watched_receive() -> Message:
            nonlocal disconnected
            message = await receive()
            disconnected = disconnected or message["type"] == "http.disconnect"
            return message

        async def secured_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                # Before the send, which may fail half-way: a second start would then only hide the first failure.
                started = True
                message = {**message, "headers": self._merged(message.get("headers", ()), headers)}
            await send(message)

        try:
            await self._app(scope, watched_receive, secured_send)
            if not started and not disconnected:
                raise RuntimeError("the application returned without answering")  # noqa: TRY301 -- answered right below, as any other failure
        except (Exception, asyncio.CancelledError):
            # Cancellation is how uvicorn ends slow requests at shutdown; it too answers 500, without our headers.
            if not started and not disconnected:
                await _answer(secured_send, 500, "Internal Server Error", close=_is_http1(scope))
            raise

    def headers_of(self, given: Iterable[tuple[bytes, bytes]], *, secure: bool) -> Headers:
        """The headers of an answer that is made outside of ASGI, over https where `secure`; without a nonce in it."""
        return self._merged(given, self._fixed[self._hsts_over_http or secure])

    def _headers(self, *, nonce: str, secure: bool) -> Headers:
        return [
            (name.encode(), _NONCE_PLACEHOLDER.sub(nonce, value).encode())
            for name, value in self._values.items()
            if secure or name != "strict-transport-security"
        ]

    def _merged(self, given: Iterable[tuple[bytes, bytes]], ours: Headers) -> Headers:
        given = list(given)
        present = {name.lower() for name, _ in given}
        added = [pair for pair in ours if pair[0] not in present or pair[0] in self._override]
        replaced = {name for name, _ in added}
        return [pair for pair in given if pair[0].lower() not in replaced] + added


class NoStoreMiddleware:
    """Adds `Cache-Control: no-store` to every HTTP answer of `app`, or to those under the given path prefixes.

        app = NoStoreMiddleware(app, paths=["/account", "/admin"])

    A prefix covers whole segments: `/account` covers `/account` and `/account/keys`, not `/accounting`. Answers
    that say themselves how they may be cached are left alone.
    """

    def __init__(self, app: ASGIApp, *, paths: Sequence[str] | None = None) -> None:
        self._app = app
        self._prefixes = _prefixes(["/"] if paths is None else paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_under(scope, self._prefixes):
            await self._app(scope, receive, send)
            return

        async def unstored_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if all(name.lower() != b"cache-control" for name, _ in headers):
                    message = {**message, "headers": [*headers, (b"cache-control", b"no-store")]}
            await send(message)

        await self._app(scope, receive, unstored_send)


class TrustedHosts:
    """Answers 400 to HTTP requests for other hosts, so that a foreign name pointed at this server reaches nothing.

        app = TrustedHosts(app, hosts=["csp.example.com", "*.internal.example", "[::1]"], exempt=["/report"])

    A pattern is a name, an address, `*.` and a name for all names below it, or `*`. Case, port and a closing dot do
    not matter. A request without a Host header, or with two, is for no host. Paths under `exempt` are not checked,
    neither are WebSockets.

    Starlette's TrustedHostMiddleware reads the first of several Host headers, redirects to `www.`, and checks its
    patterns with assert statements, which `python -O` removes.

    Raises ValueError for a pattern that could never match.
    """

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str], exempt: Sequence[str] = ()) -> None:
        self._app = app
        self._exempt = _prefixes(exempt)
        self._any = "*" in hosts
        self._names: set[str] = set()
        suffixes: list[str] = []
        for pattern in hosts:
            if pattern == "*":
                continue
            wildcard = pattern.startswith("*.")
            name = canonical_host(pattern.removeprefix("*."), with_port=False)
            if name is None:
                raise ValueError(f"no host pattern: {pattern!r}; write a name, an address, or *.example.com")
            if wildcard:
                suffixes.append(f".{name}")
            else:
                self._names.add(name)
        self._suffixes = tuple(suffixes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_under(scope, self._exempt) or self._trusts(scope):
            await self._app(scope, receive, send)
        else:
            await _answer(send, 400, "This server does not answer for that host.")

    def _trusts(self, scope: Scope) -> bool:
        values = [value for name, value in scope["headers"] if name.lower() == b"host"]
        if len(values) != 1:
            return False
        host = canonical_host(values[0].decode("latin-1"))
        return host is not None and (self._any or host in self._names or host.endswith(self._suffixes))


# https://www.rfc-editor.org/rfc/rfc9110#name-host-and-authority; the underscore is for names of containers.
_HOST = re.compile(r"(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?)(?P<port>:\d{0,5})?")


def canonical_host(text: str, *, with_port: bool = True) -> str | None:
    """The host of a Host header: lower case, without port and closing dot, IPv6 compressed and without brackets.

    None for what is no host. `with_port=False` reads a configured name instead: an IPv6 address needs no brackets
    there, and a port is refused, since it would be ignored.
    """
    text = text.lower()
    if not with_port and text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"
    found = _HOST.fullmatch(text)
    if found is None or (found["port"] is not None and not with_port):
        return None
    if found["name"] is not None:
        return found["name"]
    try:
        return ipaddress.IPv6Address(found["ipv6"]).compressed
    except ipaddress.AddressValueError:
        return None


def _checked(name: str, value: str) -> str:
    if not _FIELD_VALUE.fullmatch(value):
        raise ValueError(f"no value for the {name} header: {value!r}; it must be ASCII without control characters")
    return value


def _prefixes(paths: Sequence[str]) -> tuple[str, ...]:
    for path in paths:
        if not path.startswith("/"):
            raise ValueError(f"no path prefix: {path!r}; it must begin with /")
    return tuple(path.rstrip("/") for path in paths)


def _is_under(scope: Scope, prefixes: tuple[str, ...]) -> bool:
    path = scope["path"]
    root = scope.get("root_path", "").rstrip("/")
    if root and path.startswith(f"{root}/"):
        path = path[len(root) :]
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)


def _is_http1(scope: Scope) -> bool:
    return str(scope.get("http_version", "1.1")).startswith("1")


async def _answer(send: Send, status: int, text: str, *, close: bool = False) -> None:
    """A plain text answer. `close` announces that the server will end the connection, as uvicorn does after errors."""
    body = text.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
