"""What to send: a field for each header, with a default, what was decided by it, and when to decide otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, TypedDict, TypeVar, Unpack
from urllib.parse import urlsplit

from .framing import Frame, FramingPolicy, ancestors_of, are_the_same, count_frame_ancestors, framing_policy

STRICT_POLICY = "default-src 'none'; base-uri 'none'; form-action 'self'"
"""For answers that are not meant to load anything: programming interfaces, errors, redirections."""

# https://github.com/w3c/webappsec-permissions-policy/blob/main/features.md
_ASKING_FEATURES = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "idle-detection", "local-fonts"),
    *("local-network-access", "magnetometer", "microphone", "midi", "payment", "serial", "usb", "window-management"),
    "xr-spatial-tracking",
)
_USUAL_FEATURES = (
    *("autoplay", "clipboard-read", "encrypted-media", "fullscreen", "otp-credentials", "picture-in-picture"),
    *("publickey-credentials-get", "screen-wake-lock", "storage-access"),
)


def _denying(*features: str) -> str:
    return ", ".join(f"{feature}=()" for feature in sorted(features))


DENY_POWERFUL_FEATURES = _denying(*_ASKING_FEATURES)
"""Sensors, devices, the network at home, payment, and what else browsers ask their user about for few pages.

Chromium knows all of these names: unknown ones, as `bluetooth` is on some systems, would fill its console.
"""

DENY_ALL_FEATURES = _denying(*_ASKING_FEATURES, *_USUAL_FEATURES)
"""Besides, what many applications use: full screen, playing by itself, passkeys, pasting, sign-ins in frames."""


class Hsts(StrEnum):
    """The ramp of Strict-Transport-Security: a step up once nothing went wrong for as long as the step before lasts.

    A browser that was told cannot be told otherwise while https does not work. `max-age=0`, sent over https, takes
    it back.
    """

    FIVE_MINUTES = "max-age=300"
    """First, to see that everything works: links, sockets, and what else this host serves on other ports."""

    ONE_WEEK = "max-age=604800"
    ONE_MONTH = "max-age=2592000"

    ONE_YEAR = "max-age=31536000"
    """As long as one can go without speaking for other hosts."""

    TWO_YEARS = "max-age=63072000; includeSubDomains"
    """When all names below this one work over https, also those of the mail system and of the intranet."""

    PRELOAD = "max-age=63072000; includeSubDomains; preload"
    """When it shall be built into browsers, from which it takes months to get out: https://hstspreload.org."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityHeaders:
    """What the answers of an application say about themselves. None leaves a header out.

    Not among them, since browsers dropped them or they did harm: X-XSS-Protection, Expect-CT, Public-Key-Pins.

    Raises ValueError for values that cannot stand in a header or that browsers would ignore, and for settings that
    contradict each other.
    """

    policy: str | None = STRICT_POLICY
    """Content-Security-Policy.

    Decided: nothing is loaded until you say what. That suits programming interfaces; pages need a policy of their
    own, such as the one `cspbuild suggest` prints. `{nonce}` stands for a fresh value in each answer, which templates
    find as `request.state.csp_nonce`. Who may frame the answer is better left to `frame`.
    """

    report_only: str | None = None
    """Content-Security-Policy-Report-Only.

    Decided: nothing, until there is an endpoint to report to. It may stand beside `policy`, to try a stricter one.
    """

    reporting_endpoints: Mapping[str, str] = field(default_factory=dict)
    """Reporting-Endpoints: what `report-to` in a policy calls by name, as `{"csp": "https://csp.example/report/shop"}`.

    Decided: a policy that reports to a name which is not here is refused, since browsers would send nothing, not
    even to `report-uri` beside it. URLs are https, or paths of this application.
    """

    frame: Frame | None = None
    """X-Frame-Options and frame-ancestors together: "deny", "same-origin", "anyone", or a list of origins.

    Decided: nobody may frame a page, unless the policy names frame-ancestors itself; then X-Frame-Options follows
    that. With a list, X-Frame-Options is left out, since it knows no origins. A policy that says otherwise than
    `frame` is refused.
    """

    hsts: str | None = Hsts.ONE_YEAR
    """Strict-Transport-Security, over https alone (RFC 6797 §7.2), and never to loopback hosts.

    Decided: a year, for this host and no other. A browser told so on `localhost` would ask for https of every other
    application that is developed there. Where https is new, begin with `Hsts.FIVE_MINUTES` and climb the ramp.
    """

    hsts_over_http: bool = False
    """For an application behind a proxy that ends TLS and does not say so: every visitor comes by https.

    Decided: no. Better tell the server to believe the proxy's X-Forwarded-Proto (`uvicorn --proxy-headers
    --forwarded-allow-ips`), which also makes the URLs and cookies of the application right. No header of a request
    is believed here. The proxy must pass on the visitor's Host.
    """

    content_type_options: Literal["nosniff"] | None = "nosniff"
    """X-Content-Type-Options.

    Decided: browsers take the Content-Type at its word. It breaks scripts and styles that are sent with a wrong one.
    """

    referrer_policy: str | None = "same-origin"
    """Referrer-Policy.

    Decided: other sites learn nothing of where a visitor comes from. "strict-origin-when-cross-origin", which is what
    browsers do by themselves, for partners who count by origin.
    """

    permissions_policy: str | None = DENY_POWERFUL_FEATURES
    """Permissions-Policy.

    Decided: no sensors, devices, location, camera, microphone or payment, for pages and what they frame. Full screen,
    playing by itself and passkeys stay as they are; `DENY_ALL_FEATURES` takes those too.
    """

    coop: Literal["same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"] | None = (
        "same-origin"
    )
    """Cross-Origin-Opener-Policy.

    Decided: pages share their window group with nobody. Pages that open a sign-in or payment of another site in a
    popup need "same-origin-allow-popups", and the page of yours on which that popup ends "unsafe-none", or
    `window.opener` is null there.
    """

    coep: Literal["require-corp", "credentialless", "unsafe-none"] | None = None
    """Cross-Origin-Embedder-Policy.

    Decided: not sent, since "require-corp" stops pictures and frames of other sites that do not agree. Where a page
    loads nothing from elsewhere it costs nothing, and with `coop` isolates the page.
    """

    corp: Literal["same-origin", "same-site", "cross-origin"] | None = "same-origin"
    """Cross-Origin-Resource-Policy.

    Decided: pages of other origins cannot put these answers into an `<img>`, `<script>` or the like, be they on
    another port. CORS is not touched by it. Pictures for everybody need "cross-origin", those for your own subdomains
    "same-site".
    """

    override: Collection[str] = ()
    """Names of headers that replace what the application has set, such as `["Content-Security-Policy"]`.

    Decided: none; an answer that sets a header itself knows better. It is never sent a second time beside.
    """

    def __post_init__(self) -> None:
        _check_endpoints(self.reporting_endpoints)
        for attribute in _TEXTS:
            if not isinstance(value := getattr(self, attribute), str | None):
                raise TypeError(f"{attribute} is a text or None, not {value!r}")
        for name, value in self.values().items():
            if not _FIELD_VALUE.fullmatch(value):
                raise ValueError(f"{name} cannot be {value!r}; it must be one line of ASCII, with no blanks around it")
            if name in _CHECKS:
                _CHECKS[name](value)
        for name in (*_reported_to(self.policy), *_reported_to(self.report_only)):
            if name not in self.reporting_endpoints:
                raise ValueError(f"the policy reports to {name!r}, which reporting_endpoints does not name")
        if isinstance(self.override, str):
            raise TypeError(f"override is a list of names, not the text {self.override!r}")
        if unknown := {name.lower() for name in self.override} - {*_FIELDS, "x-frame-options"}:
            raise ValueError(f"override names headers that are none of these settings: {', '.join(sorted(unknown))}")
        if count_frame_ancestors(self.policy or "") > 1:
            raise ValueError(f"the policy says frame-ancestors twice: {self.policy!r}")
        said = self.framing_policy.ancestors
        if self.frame is not None and not are_the_same(said or self.ancestors, self.ancestors):
            raise ValueError(
                f"frame={self.frame!r}, but the policy itself says frame-ancestors {said}; leave one of them out"
            )

    def values(self) -> dict[str, str]:
        """What is sent, by lower-case name, but for X-Frame-Options and frame-ancestors."""
        values = {name: getattr(self, attribute) for name, attribute in _FIELDS.items()}
        endpoints = ", ".join(f'{name}="{url}"' for name, url in self.reporting_endpoints.items())
        values["reporting-endpoints"] = endpoints or None
        return {name: str(value) for name, value in values.items() if value is not None}

    @property
    def framing_policy(self) -> FramingPolicy:
        return framing_policy(self.policy or "")

    @property
    def ancestors(self) -> str | None:
        """The frame-ancestors that are meant, by `frame` or by the policy; None for anyone."""
        if self.frame is not None:
            return ancestors_of(self.frame)
        return self.framing_policy.ancestors or ancestors_of("deny")


_FIELDS = {
    "content-security-policy": "policy",
    "content-security-policy-report-only": "report_only",
    "reporting-endpoints": "reporting_endpoints",
    "strict-transport-security": "hsts",
    "x-content-type-options": "content_type_options",
    "referrer-policy": "referrer_policy",
    "permissions-policy": "permissions_policy",
    "cross-origin-opener-policy": "coop",
    "cross-origin-embedder-policy": "coep",
    "cross-origin-resource-policy": "corp",
}
"""By the header's name; X-Frame-Options has no field of its own."""

_TEXTS = tuple(attribute for attribute in _FIELDS.values() if attribute != "reporting_endpoints")


class HeaderChanges(TypedDict, total=False):
    """Fields of SecurityHeaders, for some paths or one route; the others stay as they are."""

    policy: str | None
    report_only: str | None
    reporting_endpoints: Mapping[str, str]
    frame: Frame | None
    hsts: str | None
    hsts_over_http: bool
    content_type_options: Literal["nosniff"] | None
    referrer_policy: str | None
    permissions_policy: str | None
    coop: Literal["same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"] | None
    coep: Literal["require-corp", "credentialless", "unsafe-none"] | None
    corp: Literal["same-origin", "same-site", "cross-origin"] | None
    override: Collection[str]


ROUTE_ATTRIBUTE = "__security_headers__"

EndpointT = TypeVar("EndpointT", bound=Callable[..., object])


def with_headers(**changes: Unpack[HeaderChanges]) -> Callable[[EndpointT], EndpointT]:
    """Other settings for the answers of one route, below or above the decorator that makes it one.

        @app.get("/widget")
        @with_headers(frame=["https://partner.example"])
        def widget() -> HTMLResponse: ...

    They change the settings of the middleware around it, and those of `routes`. Middleware of the application's own
    that hands on a copy of the scope hides which route answers, and so the mark: then use `routes`.

    Raises ValueError at once for what no settings allow. What contradicts the settings around it is noticed by
    `harden`, and else when the route first answers, by a 500.
    """
    named = {name: "/" for text in (changes.get("policy"), changes.get("report_only")) for name in _reported_to(text)}
    replace(SecurityHeaders(reporting_endpoints=named), **changes)

    def mark(endpoint: EndpointT) -> EndpointT:
        setattr(endpoint, ROUTE_ATTRIBUTE, changes)
        return endpoint

    return mark


# What RFC 9110 §5.5 lets a field value hold, less obs-text: policies and the other values here are ASCII.
_FIELD_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?")


def _one_of(name: str, *words: str) -> Callable[[str], None]:
    def check(value: str) -> None:
        if value not in words:
            raise ValueError(f"{name} cannot be {value!r}; browsers know {', '.join(words)}")

    return check


_REFERRER_POLICIES = {
    *("no-referrer", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin", "same-origin"),
    *("strict-origin", "strict-origin-when-cross-origin", "unsafe-url"),
}


def _check_referrer_policy(value: str) -> None:
    # Several mean the last one that a browser knows.  https://www.w3.org/TR/referrer-policy/#parse-referrer-policy-from-header
    if unknown := {word.strip() for word in value.split(",")} - _REFERRER_POLICIES:
        raise ValueError(f"referrer-policy cannot be {value!r}; browsers do not know {', '.join(sorted(unknown))}")


# https://www.rfc-editor.org/rfc/rfc6797#section-6.1
def _check_hsts(value: str) -> None:
    directives = [directive.strip().lower() for directive in value.split(";")]
    ages = [int(age[1]) for each in directives if (age := re.fullmatch(r"max-age=([0-9]{1,10})", each))]
    words = [each for each in directives if not each.startswith("max-age=")]
    if len(ages) != 1 or len(words) + 1 != len(directives) or sorted(set(words)) != sorted(words):
        raise ValueError(f"strict-transport-security cannot be {value!r}; it needs one max-age, in seconds")
    if unknown := set(words) - {"includesubdomains", "preload"}:
        raise ValueError(f"strict-transport-security does not know {', '.join(sorted(unknown))}")
    # https://hstspreload.org/#submission-requirements
    if "preload" in words and (ages[0] < 31_536_000 or "includesubdomains" not in words):
        raise ValueError(f"{value!r}: preload needs includeSubDomains and a max-age of a year or more")


# A dictionary of structured fields, as far as features, origins and `report-to` need it.
# https://w3c.github.io/webappsec-permissions-policy/#structure
_ALLOWED = r'(?:self|\*|"[!#-\[\]-~]+")'
_FEATURE = re.compile(
    rf"[a-z][a-z0-9-]*(?:=(?:{_ALLOWED}|\( *(?:{_ALLOWED}(?: +{_ALLOWED})*)? *\)))?"
    r"(?:; *report-to=[a-z*][a-z0-9_.*-]*)?"
)


def _check_permissions_policy(value: str) -> None:
    for member in value.split(","):
        if not _FEATURE.fullmatch(member.strip(" \t")):
            raise ValueError(
                f"permissions-policy cannot be {value!r}, which browsers ignore as a whole; "
                'write camera=(), microphone=(self "https://a.example"), with commas between'
            )


_UNQUOTED = re.compile(
    r"(?<=[ \t])(?:self|none|unsafe-inline|unsafe-eval|unsafe-hashes|strict-dynamic|report-sample|wasm-unsafe-eval|"
    r"nonce-[^ \t;,']+|sha(?:256|384|512)-[^ \t;,']+)(?=[ \t;,]|$)",
    re.IGNORECASE,
)
_NONCE = re.compile(r"\{nonce\}", re.IGNORECASE)
_NONCE_SOURCE = re.compile(r"'nonce-\{nonce\}'", re.IGNORECASE)


def _check_policy(value: str) -> None:
    """What `cspbuild evaluate` would find is not looked for, but for what browsers take for the name of a host."""
    if unquoted := _UNQUOTED.search(value):
        raise ValueError(f"the policy says {unquoted[0]} without its quotes, which is a host; write '{unquoted[0]}'")
    if len(_NONCE.findall(value)) != len(_NONCE_SOURCE.findall(value)):
        raise ValueError(f"the nonce of a policy is written 'nonce-{{nonce}}', with its quotes: {value!r}")


_CHECKS: dict[str, Callable[[str], None]] = {
    "content-security-policy": _check_policy,
    "content-security-policy-report-only": _check_policy,
    "strict-transport-security": _check_hsts,
    "x-content-type-options": _one_of("x-content-type-options", "nosniff"),
    "referrer-policy": _check_referrer_policy,
    "permissions-policy": _check_permissions_policy,
    "cross-origin-opener-policy": _one_of(
        *("cross-origin-opener-policy", "same-origin", "same-origin-allow-popups", "noopener-allow-popups"),
        "unsafe-none",
    ),
    "cross-origin-embedder-policy": _one_of(
        "cross-origin-embedder-policy", "require-corp", "credentialless", "unsafe-none"
    ),
    "cross-origin-resource-policy": _one_of("cross-origin-resource-policy", "same-origin", "same-site", "cross-origin"),
}

# https://www.rfc-editor.org/rfc/rfc9651#name-dictionaries
_ENDPOINT_NAME = re.compile(r"[a-z*][a-z0-9_.*-]*")
_REPORT_TO = re.compile(r"(?:^|[;,])[ \t]*report-to(?=[ \t;,]|$)([^;,]*)", re.IGNORECASE)


def _check_endpoints(endpoints: Mapping[str, str]) -> None:
    if not isinstance(endpoints, Mapping):
        raise TypeError(f"reporting_endpoints is a mapping of names to URLs, not {endpoints!r}")
    for name, url in endpoints.items():
        if not _ENDPOINT_NAME.fullmatch(name):
            raise ValueError(f"no name for a reporting endpoint: {name!r}; write lower-case letters, digits, - and _")
        # https://www.w3.org/TR/reporting-1/#header: resolved against the answer's URL, and dropped unless trustworthy.
        parts = urlsplit(url)
        is_path = url.startswith("/") and not url.startswith("//")
        is_local = parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}
        if not (is_path or is_local or (parts.scheme == "https" and parts.hostname)) or re.search(r'["\\\s]', url):
            raise ValueError(f"reporting endpoint {name!r}: browsers report to https URLs, and not to {url!r}")


def _reported_to(policy: str | None) -> list[str]:
    """The names of endpoints; an empty one for a report-to without any, for which browsers ignore report-uri too."""
    return [name for found in _REPORT_TO.finditer(policy or "") for name in found[1].split() or [""]]
