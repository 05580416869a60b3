"""Cookies: what strangers on the way, scripts and other sites get of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from policybuilder.csp.urls import parse_url
from policybuilder.domains import registrable_domain
from policybuilder.grading.judgement import Judgement
from policybuilder.grading.material import Material
from policybuilder.grading.own.judging import judged, named
from policybuilder.grading.own.set_cookie import Cookie, DroppedCookie, SameSite, read_cookie

_HEADER = "Set-Cookie"
_MOST_COOKIES = 500
"""That are looked at; browsers keep fewer of one host."""

_MOST_SECONDS = 400 * 86_400
"""Browsers keep none longer. https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-5.5"""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SESSION_WORD = re.compile(
    r"auth|authorization|jwt|login|logged|passport|remember|sid|ssid|sso|token|[a-z]+token|cfid"
    r"|sess.*|.*(?:session|sessid).*"
)
_NO_SESSION_WORDS = frozenset({"affinity", "antiforgery", "csrf", "xsrf", "csrftoken", "xsrftoken", "verification"})
"""Cookies against forged requests are read by scripts on purpose; those of load balancers name a machine."""


def is_session_like(cookie: Cookie) -> bool:
    """Whether whoever has the cookie may well be taken for the visitor, by its name and with room for a key."""
    words = {word.lower() for word in _WORD.findall(cookie.name[:200])}
    return not cookie.is_flag and not words & _NO_SESSION_WORDS and any(map(_SESSION_WORD.fullmatch, words))


def read_cookies(material: Material) -> tuple[Cookie | DroppedCookie, ...]:
    """All that were sent, as a browser reads them; without those that are sent to be forgotten."""
    read = (read_cookie(sent.text, sent.url) for sent in material.cookies[:_MOST_COOKIES])
    return tuple(each for each in read if not (isinstance(each, Cookie) and each.is_deleted(material.seen_at)))


def judge_cookies(material: Material) -> Iterator[Judgement]:
    """What becomes of the cookies; nothing where none was sent."""
    read = read_cookies(material)
    cookies = [each for each in read if isinstance(each, Cookie)]
    sessions = [each for each in cookies if is_session_like(each)]
    yield from _secure(material, cookies)
    yield from _hidden(sessions)
    yield from _same_site(sessions)
    yield from _scope(sessions)
    yield from _lifetime(material, sessions)
    yield from _dropped([each for each in read if isinstance(each, DroppedCookie)])


def _judged(
    name: str, result: str, message: str, cookies: Sequence[Cookie | DroppedCookie], fix: str | None = None
) -> Judgement:
    """The value is the first cookie's; the message names the others."""
    return judged(name, result, message, header=_HEADER, value=cookies[0].shown, fix=fix)


def _names(cookies: Iterable[Cookie | DroppedCookie]) -> str:
    return named([cookie.name or "a cookie without a name" for cookie in cookies])


def _secure(material: Material, cookies: Sequence[Cookie]) -> Iterator[Judgement]:
    url = parse_url(material.url)
    if url is not None and url.is_loopback and url.scheme == "http":
        # Nothing of it leaves this machine, and there is no https that Secure could ask for.
        return
    bare = [cookie for cookie in cookies if not cookie.is_secure]
    sessions = [cookie for cookie in bare if is_session_like(cookie)]
    others = [cookie for cookie in bare if cookie not in sessions]
    if sessions:
        message = (
            f"Who listens on the way can take over a visitor's session: {_names(sessions)} goes over plain http too."
        )
        yield _judged("cookie-secure", "insecure-session", message, sessions, f"Add Secure to {_names(sessions)}.")
    if others:
        yield _judged(
            "cookie-secure",
            "insecure",
            f"{_names(others)} goes over plain http too.",
            others,
            f"Add Secure to {_names(others)}.",
        )
    if cookies and not bare:
        yield _judged("cookie-secure", "secure", "All cookies go over https alone.", cookies)


def _hidden(sessions: Sequence[Cookie]) -> Iterator[Judgement]:
    readable = [cookie for cookie in sessions if not cookie.is_http_only]
    if readable:
        message = f"Any script on the page can read {_names(readable)}, which looks like a session."
        yield _judged("cookie-http-only", "readable-session", message, readable, f"Add HttpOnly to {_names(readable)}.")
    elif sessions:
        message = f"No script can read {_names(sessions)}."
        yield _judged("cookie-http-only", "hidden", message, sessions)


def _same_site(sessions: Sequence[Cookie]) -> Iterator[Judgement]:
    unsaid = [cookie for cookie in sessions if cookie.same_site is None]
    everywhere = [cookie for cookie in sessions if cookie.same_site is SameSite.NONE]
    if everywhere:
        message = f"{_names(everywhere)} goes along with every request that another site makes here."
        fix = f"Set SameSite=Lax on {_names(everywhere)}, unless other sites have to embed this one with its session."
        yield _judged("cookie-same-site", "cross-site", message, everywhere, fix)
    if unsaid:
        message = (
            f"Firefox and Safari send {_names(unsaid)} along with requests that other sites make here; Chromium does so"
            " for links alone."
        )
        yield _judged("cookie-same-site", "unsaid", message, unsaid, f"Add SameSite=Lax to {_names(unsaid)}.")
    if sessions and not unsaid and not everywhere:
        message = f"Other sites cannot act with {_names(sessions)}."
        yield _judged("cookie-same-site", "same-site", message, sessions)


def _scope(sessions: Sequence[Cookie]) -> Iterator[Judgement]:
    wide = [
        cookie
        for cookie in sessions
        if cookie.domain is not None and registrable_domain(cookie.domain) == cookie.domain
    ]
    if wide:
        message = f"{_names(wide)} goes to every host of {named([cookie.domain or '' for cookie in wide])}."
        yield _judged("cookie-scope", "whole-domain", message, wide, f"Leave out Domain of {_names(wide)}.")


def _lifetime(material: Material, sessions: Sequence[Cookie]) -> Iterator[Judgement]:
    long = [cookie for cookie in sessions if (cookie.lasts_seconds(material.seen_at) or 0) > _MOST_SECONDS]
    if long:
        message = (
            f"{_names(long)} is to last for more than 400 days; browsers cut it there, which is long for a session."
        )
        yield _judged(
            "cookie-lifetime", "too-long", message, long, f"Give {_names(long)} days or weeks, and renew it in use."
        )


def _dropped(dropped: Sequence[DroppedCookie]) -> Iterator[Judgement]:
    if dropped:
        others = f", and so with {_names(dropped[1:])}" if dropped[1:] else ""
        message = f"Browsers drop {_names(dropped[:1])}, since {dropped[0].why}{others}."
        yield _judged(
            "cookie-refused", "dropped", message, dropped, "Set it as its name and flags demand, or not at all."
        )
