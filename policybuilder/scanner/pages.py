"""Pages: what a fetch brings, what it may cost, and why it may bring nothing."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from policybuilder.errors import CspbuildError, ExitCode

Headers = tuple[tuple[str, str], ...]
"""In the order sent, repeated ones kept, their bytes as Latin-1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """How much a page may cost."""

    connect_seconds: float = 5.0
    """For resolving the name, and again for each address tried, and for the TLS handshake."""

    read_seconds: float = 10.0
    """Of silence."""

    total_seconds: float = 30.0
    """With all redirects."""

    max_bytes: int = 5 * 1024 * 1024
    """Of the body, decoded; a longer one is cut."""

    max_redirects: int = 10
    """Browsers follow twenty, and no decent site has as many as ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much several fetches may cost together, beside the limits of each."""

    seconds: float = 60.0
    max_bytes: int = 24 * 1024 * 1024
    """As sent, with heads and all."""

    max_requests: int = 60
    """Each step of a redirect is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request that is more than a page being fetched."""

    url: str
    method: str = "GET"
    headers: Headers = ()
    """In place of those of the same names, and beside the others, that every request of ours has."""

    body: bytes = b""
    host: str | None = None
    """What the Host header says in place of the URL's host. Connection and TLS stay the URL's."""


class FetchReason(enum.StrEnum):
    """Why there is no page."""

    BAD_URL = "bad-url"
    """No URL, not http or https, or with a user name in it."""

    ODD_PORT = "odd-port"
    """Nobody asked for this port, where other services than web servers may listen."""

    NOT_PUBLIC = "not-public"
    """An address of a private network, of this machine or the like."""

    OTHER_HOST = "other-host"
    """Of none of the hosts that were asked for; mostly by a redirect."""

    NO_SUCH_HOST = "no-such-host"
    UNREACHABLE = "unreachable"
    BROKEN_OFF = "broken-off"
    """There was a connection, and no whole answer."""

    TIMEOUT = "timeout"
    TLS = "tls"
    BAD_RESPONSE = "bad-response"
    TOO_MANY_REDIRECTS = "too-many-redirects"
    BAD_REDIRECT = "bad-redirect"
    """To what is no page on the web."""

    OVER_BUDGET = "over-budget"
    """What was fetched with it has cost enough."""


MISUSES = frozenset({FetchReason.BAD_URL, FetchReason.ODD_PORT, FetchReason.NOT_PUBLIC, FetchReason.OTHER_HOST})
"""What to give otherwise, or to allow, rather than to try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """An answer that pointed elsewhere."""

    url: str
    """That answered so."""

    status: int
    location: str
    """As the header has it."""

    headers: Headers


class FetchError(CspbuildError):
    """There is no page: the reason is for programs, the text for the operator."""

    def __init__(self, reason: FetchReason, message: str, redirects: tuple[Redirect, ...] = ()) -> None:
        super().__init__(message)
        self.reason = reason
        self.redirects = redirects
        """Those followed until then, with the one that led too far."""

        self.exit_code = ExitCode.USAGE if reason in MISUSES else ExitCode.ENVIRONMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """What a TLS connection was like."""

    version: str
    """As `TLSv1.3`."""

    cipher: str

    subject: str | None
    """As `commonName=shop.example`. None, like the next two, where the certificate was not to be checked: what such a
    one says is nobody's word."""

    issuer: str | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A page's answer, whatever its status."""

    url: str
    """That gave it, after all redirects; without fragment."""

    status: int
    headers: Headers

    body: bytes
    """Decoded, as far as it was wanted."""

    is_cut: bool
    """Whether the body goes on: it was longer than wanted, or its server gave up in the middle."""

    http_version: str
    """As `HTTP/1.1`."""

    redirects: tuple[Redirect, ...]
    tls: Tls | None
    """None over plain http."""

    address: str
    """The IP address that answered."""

    def header_values(self, name: str) -> tuple[str, ...]:
        """The values of all headers of that name, in any case."""
        return header_values(self.headers, name)


def header_values(headers: Headers, name: str) -> tuple[str, ...]:
    """The values of all headers of that name, in any case."""
    return tuple(value for given, value in headers if given.lower() == name.lower())
