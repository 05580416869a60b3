"""Trusted hosts: whether a request is for a name that this server answers for."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Sequence

from .asgi import ASGIApp, Receive, Scope, Send, answer
from .paths import Prefixes, readings

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")

HEALTH_PATHS = ("/healthz", "/livez", "/readyz")
"""What load balancers and orchestrators ask for by an address of the moment, and what tells nothing else."""


def hosts_from_environment(variable: str = "ALLOWED_HOSTS", *, default: Sequence[str] = LOOPBACK_HOSTS) -> list[str]:
    """Host patterns from an environment variable, separated by commas or blanks: `shop.example,*.shop.example`.

    `default` where the variable is unset or blank: by it an application without its setting answers this machine
    alone, which shows at once, and never everybody, which would not.

    Raises ValueError, naming the variable, for a pattern that could never match.
    """
    found = os.environ.get(variable, "").replace(",", " ").split()
    try:
        _patterns(found)
    except ValueError as error:
        raise ValueError(f"{variable}: {error}") from None
    return found or list(default)


class TrustedHosts:
    """Answers 400 to requests for other hosts, so that a foreign name pointed at this server reaches nothing.

        app = TrustedHosts(app, hosts=["shop.example", "*.internal.example", "[::1]"], exempt=["/healthz"])

    A pattern is a name, an address, `*.` and a name for all names below it, or `*`. Case, port and a closing dot do
    not matter. A request without a Host header, or with two, is for no host. Paths under `exempt` are not checked;
    where a path can be read in two ways, both must be under `exempt`.

    WebSocket handshakes are checked alike: a name that was rebound to this server's address could otherwise open
    one. They are refused before they are accepted, with 400 where the server lets an application answer them, else
    403. Whose page opens a WebSocket is another question: compare `Origin` for that.

    Starlette's TrustedHostMiddleware reads the first of several Host headers, redirects to `www.`, and has no paths
    to leave out.

    Raises ValueError for a pattern that could never match, and for no patterns at all.
    """

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str], exempt: Sequence[str] = ()) -> None:
        self.app = app
        self._exempt = Prefixes(exempt)
        if isinstance(hosts, str):
            raise TypeError(f"a list of hosts is needed, not the text {hosts!r}")
        if not hosts:
            raise ValueError("no hosts: nothing would be answered; ['*'] is every host")
        self._any = "*" in hosts
        self._names, self._suffixes = _patterns(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"} or self._is_exempt(scope):
            await self.app(scope, receive, send)
            return
        host = _only_host(scope)
        if host is not None and (self._any or host in self._names or host.endswith(self._suffixes)):
            await self.app(scope, receive, send)
            return
        # The name is safe to say back: canonical_host let through letters, digits and a few signs.
        text = f"This server does not answer for the host {host}." if host else "The request names no host."
        if scope["type"] == "http":
            await answer(send, 400, text)
        elif "websocket.http.response" in scope.get("extensions", ()):
            await answer(send, 400, text, kind="websocket.http.response")
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": ""})

    def _is_exempt(self, scope: Scope) -> bool:
        return all(path in self._exempt for path in readings(scope))


# https://www.rfc-editor.org/rfc/rfc9110#name-host-and-authority; the underscore is for names of containers.
_HOST = re.compile(
    r"(?:\[(?P<ipv6>[0-9a-f:.]{2,45})\]|(?P<name>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?)(?P<port>:[0-9]{0,5})?"
)
_MAX_HOST_CHARACTERS = 262
"""A name of 253 letters, its closing dot, and a port."""


def canonical_host(text: str, *, with_port: bool = True) -> str | None:
    """The host of a Host header: lower case, without port and closing dot, IPv6 compressed and without brackets.

    None for what is no host. `with_port=False` reads a configured name instead: an IPv6 address needs no brackets
    there, and a port is refused, since it would be ignored.
    """
    if len(text) > _MAX_HOST_CHARACTERS or not text.isascii():
        return None
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


def is_for_loopback(scope: Scope) -> bool:
    """Whether the request names a host that is whatever machine the visitor sits at: `localhost`, 127.0.0.1, ::1."""
    return any(_is_loopback(canonical_host(value.decode("latin-1"))) for value in _host_headers(scope))


def _is_loopback(host: str | None) -> bool:
    if host is None:
        return False
    # https://www.rfc-editor.org/rfc/rfc6761#section-6.3
    if host == "localhost" or host.endswith(".localhost") or host == "::1":
        return True
    try:
        return host.startswith("127.") and ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


def _only_host(scope: Scope) -> str | None:
    values = _host_headers(scope)
    return canonical_host(values[0].decode("latin-1")) if len(values) == 1 else None


def _host_headers(scope: Scope) -> list[bytes]:
    return [value for name, value in scope["headers"] if name.lower() == b"host"]


def _patterns(hosts: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Whole names, and endings of names; `*` alone is neither."""
    names: set[str] = set()
    suffixes: list[str] = []
    for pattern in hosts:
        if pattern == "*":
            continue
        name = canonical_host(pattern.removeprefix("*."), with_port=False)
        if name is None:
            raise ValueError(
                f"no host pattern: {pattern!r}; write a name in ASCII (xn--…), an address, or *.example.com"
            )
        if pattern.startswith("*."):
            suffixes.append(f".{name}")
        else:
            names.add(name)
    return frozenset(names), tuple(suffixes)
