"""Trusted hosts: what the server does with a Host header of nobody's.

https://www.rfc-editor.org/rfc/rfc9110#section-7.2
"""

from __future__ import annotations

from collections.abc import Iterator

import ada_url

from policybuilder.csp.urls import parse_url
from policybuilder.domains import registrable_domain
from policybuilder.grading.judgement import Judgement
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.judging import judged, untested
from policybuilder.scanner.pages import Response, header_values

_FIX = "Answer 400 or 421 to hosts that are not the site's: TrustedHosts, server_name, ALLOWED_HOSTS or the like."


_REFUSE_HOSTS = frozenset({400, 421})
"""What says itself that the Host is meant."""


def judge_trusted_host(answer: Answer) -> Iterator[Judgement]:
    """Whether the forged name was refused, believed or even repeated."""
    material = answer.material
    forged = material.forged_host
    if forged is None:
        if material.forged_host_failure is None:
            yield untested("trusted-host", _unknown(answer, "A request with a forged Host brought no answer."))
        else:
            yield _said(answer, "refused", "The server does not answer to a Host that is not its own.")
        return
    if (place := _where_repeated(material.forged_name, forged)) is not None:
        message = f"The server believes a forged Host, and repeats it in {place}: so may links that it sends by mail."
        yield _said(answer, "reflected", message, _FIX)
        return
    locations = _locations(forged)
    if locations and _is_home(answer, locations[0]):
        yield _said(answer, "sent-home", "The server sends requests with a forged Host to its own name.")
    elif forged.status >= 400 and forged.status not in _REFUSE_HOSTS and forged.status == answer.response.status:
        why = f"The server answers {forged.status} under its own name, too, so a forged Host cannot be told from it."
        yield untested("trusted-host", why)
    elif forged.status >= 400:
        yield _said(answer, "refused", "The server refuses a Host that is not its own.")
    else:
        yield _said(answer, "answered", "The server answers under any name that somebody points at it.", _FIX)


def _unknown(answer: Answer, why: str) -> str:
    return why if answer.material.is_whole else "One recorded answer does not tell."


def _said(answer: Answer, result: str, message: str, fix: str | None = None) -> Judgement:
    return judged("trusted-host", result, message, header="Host", value=answer.material.forged_name, fix=fix)


def _locations(response: Response) -> list[str]:
    """Where it leads, resolved, the first first."""
    given = [(redirect.url, redirect.location) for redirect in response.redirects]
    given += [(response.url, value) for value in header_values(response.headers, "Location")]
    found = []
    for base, location in given:
        try:
            found.append(ada_url.URL(location, base).href)
        except ValueError:
            continue
    return found


def _where_repeated(name: str | None, response: Response) -> str | None:
    if not name:
        return None
    needle = name.lower()
    if any(needle in location.lower() for location in _locations(response)):
        return "a redirect"
    if any(needle in value.lower() for _, value in response.headers):
        return "a header"
    # What a refusal says to whoever sent the name leads nobody anywhere.
    if response.status < 400 and needle.encode("utf-8", "replace") in response.body.lower():
        return "the page"
    return None


def _is_home(answer: Answer, location: str) -> bool:
    url = parse_url(location)
    if url is None or not url.host:
        return False
    site = registrable_domain(answer.host)
    return url.host == answer.host or (site is not None and site == registrable_domain(url.host))
