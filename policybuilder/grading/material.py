"""Material: what a scan saw of a site, before anybody judges it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from policybuilder.markup import Markup
from policybuilder.scanner.pages import FetchReason, Headers, Redirect, Response

FORGED_HOST = "forged-host.invalid"
"""The Host that a forged request says; names below `.invalid` are nobody's.

https://www.rfc-editor.org/rfc/rfc6761#section-6.4
"""

PREFLIGHT_ORIGIN = "https://stranger.example"
"""The other origin that a preflight says it comes from; nobody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request and where it led."""

    url: str
    """That was asked for."""

    response: Response | None = None
    """The last answer, with the redirects before it; None where there was none."""

    reason: FetchReason | None = None
    """Why there was none."""

    failure: str | None = None
    """The same, as a line for people."""

    redirects: tuple[Redirect, ...] = ()
    """Those that were followed in vain, where there was no answer; others are the answer's."""

    is_certificate_valid: bool = True
    """Whether the certificates on the way held; without https there is nothing that does not."""

    certificate_problem: str | None = None
    """As a line for people, where they did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCookie:
    """A Set-Cookie header as it was sent; a browser may make something else of it, or nothing."""

    url: str
    """Whose answer it came with."""

    text: str
    """Its value, as the header has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAnswer:
    """What a place that a policy sends reports to said when a browser's questions were put to it."""

    url: str
    preflight_status: int | None = None
    """Of the OPTIONS request a browser sends first; None where it was not asked or did not answer."""

    preflight_headers: Headers = ()
    is_cross_origin: bool = False
    """Whether a browser would ask first: the endpoint is on another origin than the page."""

    failure: str | None = None
    """Why there is no answer, as a line for people."""

    is_refused: bool = False
    """Whether it was our own rules that kept us from asking: browsers may well reach it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """All that a scan saw of one page and its server. What was not looked at is None, and judged `not-tested`."""

    url: str
    """The page that was asked for."""

    page: Visit
    """The answer that is judged: the one over https where there is one."""

    http: Visit | None = None
    """The same page asked for over plain http; None where it was not asked for, as with one recorded response."""

    https: Visit | None = None
    preflight: Response | None = None
    """The answer to an OPTIONS request from another origin, `PREFLIGHT_ORIGIN`."""

    foreign_origin: str | None = None
    """The Origin of that request; None where nobody says: then an answer that repeats it is not told from a list."""

    cookies: tuple[SentCookie, ...] = ()
    """Of the page, of the redirects before it, and of `/robots.txt`; in the order sent."""

    markup: Markup | None = None
    """The page read as HTML; None where it is none."""

    again: Response | None = None
    """The page asked for once more, where its policies hold nonces: each answer is to have one of its own."""

    markup_again: Markup | None = None
    """That answer read as HTML."""

    is_whole: bool = True
    """False where one recorded response is all there is: redirection and plain http are then not tested."""

    is_preloaded: bool = False
    """Whether the host is in the list of hosts that browsers only visit over https."""

    is_landing_preloaded: bool = False
    """The same of the host that the page comes from in the end, where redirects lead to another."""

    preload_list_day: date | None = None
    """The day of that list: of hosts taken up since it does not know. None where it was not asked."""

    preloaded_redirects: bool = False
    """Whether every host on the way from plain http is in that list."""

    endpoints: Mapping[str, EndpointAnswer] = field(default_factory=dict)
    """By URL, the places for reports that were asked whether they answer."""

    forged_host: Response | None = None
    """The answer to a request whose Host header says `FORGED_HOST`."""

    forged_host_failure: str | None = None
    """Why there is none: a server that hangs up refuses, too."""

    forged_name: str | None = None
    """That Host, so that it is found again in the answer; None where nobody says."""

    seen_at: datetime | None = None
    """When the page was asked for; None where nobody says: then what ends soon is not tested."""
