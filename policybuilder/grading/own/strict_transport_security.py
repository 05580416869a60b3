"""Strict-Transport-Security: whether browsers will ask this host over https by themselves.

https://www.rfc-editor.org/rfc/rfc6797
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policybuilder.csp.urls import parse_url
from policybuilder.grading.judgement import Judgement
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.judging import judged, named, shown, untested
from policybuilder.plurals import plural
from policybuilder.scanner.pages import Headers, header_values

_HEADER = "Strict-Transport-Security"
_FIX = "Strict-Transport-Security: max-age=31536000"
_DAY = 86_400
_HALF_A_YEAR = 180 * _DAY
_YEAR = 365 * _DAY
"""What the preload list asks for, and the most that Chromium remembers."""

# https://www.rfc-editor.org/rfc/rfc6797#section-6.1, its value a token or a quoted string.
_DIRECTIVE = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*(?:([^\s\"(),/:;<=>?@\[\\\]{}]+)|\"([^\"\\]*)\"))?"
)
_MAX_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class Promise:
    """What the header promises, where browsers understand it."""

    max_age_seconds: int
    has_subdomains: bool
    wants_preload: bool


def read_promise(value: str) -> Promise | None:
    """The header's value as a browser reads it; None for what it ignores as a whole."""
    directives = _directives(value) if len(value) <= _MAX_LENGTH else None
    if directives is None:
        return None
    max_age = directives.get("max-age")
    if max_age is None or not max_age.isascii() or not max_age.isdigit() or directives.get("includesubdomains"):
        return None
    # Digits without end are a year all the same.
    seconds = int(max_age[:12]) if len(max_age) <= 12 else _YEAR * 100
    return Promise(seconds, "includesubdomains" in directives, "preload" in directives)


def _directives(value: str) -> Mapping[str, str | None] | None:
    found: dict[str, str | None] = {}
    for part in filter(None, (part.strip(" \t") for part in _parts(value))):
        match = _DIRECTIVE.fullmatch(part)
        if match is None or (name := match[1].lower()) in found:
            return None
        found[name] = match[2] if match[2] is not None else match[3]
    return found


def _parts(value: str) -> Iterator[str]:
    """Between semicolons that stand in no quoted string."""
    begin, is_quoted = 0, False
    for index, character in enumerate(value):
        if character == '"':
            is_quoted = not is_quoted
        elif character == ";" and not is_quoted:
            yield value[begin:index]
            begin = index + 1
    yield value[begin:]


def judge_strict_transport_security(answer: Answer) -> Iterator[Judgement]:
    """What browsers will remember of this host; nothing where it has no https."""
    material = answer.material
    values = answer.values(_HEADER)
    if answer.is_loopback:
        return
    if not answer.is_secure:
        if not material.is_whole:
            yield untested("strict-transport-security", "It counts over https alone, and this answer came over http.")
            return
        if values:
            yield judged(
                "strict-transport-security",
                "over-http",
                "Browsers ignore it over plain http.",
                header=_HEADER,
                value=values[0],
                fix="Serve the site over https, and send it there.",
            )
        return
    if answer.url is not None and answer.url.is_ip_address:
        yield untested("strict-transport-security", "Browsers remember no addresses, only names.")
        return
    if not material.page.is_certificate_valid:
        why = "Browsers remember nothing of a host whose certificate does not hold."
        yield untested("strict-transport-security", why)
        return
    yield _of_page(answer, values)
    promise = read_promise(values[0]) if values else None
    below = f".{answer.host}" if promise is not None and promise.has_subdomains and promise.max_age_seconds else None
    yield from _of_redirects(answer, below)


def _of_page(answer: Answer, values: tuple[str, ...]) -> Judgement:
    host = shown(answer.host)

    # The first header alone counts: https://www.rfc-editor.org/rfc/rfc6797#section-8.1
    def said(result: str, message: str, fix: str | None = None, outcome: str | None = None) -> Judgement:
        value = values[0] if values else None
        return judged(
            "strict-transport-security", result, message, header=_HEADER, value=value, fix=fix, outcome=outcome
        )

    promise = read_promise(values[0]) if values else None
    if _is_preloaded(answer) and (promise is None or promise.max_age_seconds >= _HALF_A_YEAR):
        kept = "" if promise is not None else " Without the header the list may drop it."
        message = f"Browsers come with {host} in their list of hosts to visit over https alone{_of_day(answer)}.{kept}"
        return said("preloaded", message)
    if not values:
        message = f"Who types {host} without https asks over plain http, each time anew."
        return said("missing", message, _FIX, None if answer.is_document else "missing-on-data")
    if promise is None:
        return said("invalid", f"Browsers do not understand {shown(values[0])}, and ignore all of it.", _FIX)
    if promise.max_age_seconds == 0:
        return said("max-age-zero", f"max-age=0 makes browsers forget that {host} has https.", _FIX)
    scope = f"{host} and all hosts below it" if promise.has_subdomains else f"{host}, though not for hosts below it"
    lasting = _lasting(promise.max_age_seconds)
    if promise.max_age_seconds < _HALF_A_YEAR:
        message = f"Browsers use https by themselves for only {lasting} after a visit."
        return said("max-age-short", message, _FIX)
    if promise.wants_preload and not (promise.has_subdomains and promise.max_age_seconds >= _YEAR):
        return said(
            "preload-not-ready",
            "It asks for the list of hosts that browsers visit over https alone, which wants a year and"
            " includeSubDomains.",
            "Leave out preload, or promise a year for all hosts of the domain, which is hard to undo.",
        )
    message = f"For {lasting} after a visit browsers use https by themselves, for {scope}."
    if promise.wants_preload and answer.material.preload_list_day is not None:
        # The list that we have is of a day, and the site may have got into it since.
        message += f" It asks for the list of hosts to visit over https alone, and is not in it{_of_day(answer)}."
    return said("max-age-long", message)


def _is_preloaded(answer: Answer) -> bool:
    material = answer.material
    asked = parse_url(material.url)
    is_same = asked is not None and asked.host == answer.host
    return material.is_preloaded if is_same else material.is_landing_preloaded


def _of_day(answer: Answer) -> str:
    day = answer.material.preload_list_day
    return "" if day is None else f" (as of {day:%Y-%m-%d})"


def _lasting(seconds: int) -> str:
    if seconds >= _YEAR:
        return plural(seconds // _YEAR, "year")
    return plural(seconds // _DAY, "day") if seconds >= _DAY else plural(seconds, "second")


def _of_redirects(answer: Answer, below: str | None) -> Iterator[Judgement]:
    """Hosts over which visitors come here, and of which browsers remember nothing.

    `below` is how the hosts end that the page's own promise covers.
    """
    material = answer.material
    visits = [visit.response for visit in (material.page, material.http) if visit is not None and visit.response]
    answers: list[tuple[str, Headers]] = [
        (redirect.url, redirect.headers) for response in visits for redirect in response.redirects
    ]
    hosts = []
    for text, headers in answers:
        url = parse_url(text)
        if url is None or url.scheme != "https" or url.is_ip_address or url.is_loopback or url.host == answer.host:
            continue
        if below is not None and url.host.endswith(below):
            continue
        values = header_values(headers, _HEADER)
        promise = read_promise(values[0].strip()) if values else None
        if promise is None or promise.max_age_seconds == 0:
            hosts.append(url.host)
    if hosts and not material.preloaded_redirects:
        yield judged(
            "strict-transport-security",
            "missing-on-redirect",
            f"{named(hosts)} leads here over https without the header, so who types that name asks over plain http.",
            header=_HEADER,
            fix=f"Send {_FIX} with the redirect too.",
        )
