"""Host checks: is reporting wired as far as one sees from outside, and does the server answer to its own names alone.

What the tests of a scan need for that was asked already; what a proxy in front may pass on is asked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policybuilder.grading.judgement import Judgement
from policybuilder.grading.material import FORGED_HOST, Material
from policybuilder.scanner.fetching import Fetcher, FetchError, Question, Response
from policybuilder.wiring import Check, check_headers, check_preflights, endpoints_of

_FORWARDING = ("X-Forwarded-Host", "X-Host", "X-Forwarded-Server")
"""Headers by which proxies tell applications the name that was asked for; strangers can write them, too."""

_FIX = "have the proxy in front overwrite it, and the application believe it from that proxy alone"


def check_host(fetcher: Fetcher | None, material: Material, tests: Iterable[Judgement]) -> Iterator[Check]:
    """Each check, in the order that a report takes, and then of names; without a fetcher nothing more is asked.

    `tests` are what our own came to.
    """
    response = material.page.response
    if response is None:
        return
    yield from check_headers(response.headers, response.url, material.markup)
    endpoints = endpoints_of(response.headers, response.url)
    yield from check_preflights(endpoints, material.endpoints, response.url)
    for judgement in tests:
        if judgement.name == "trusted-host":
            yield Check(name="host", passed=judgement.passed, message=judgement.message, fix=judgement.fix)
    if fetcher is not None:
        for header in _FORWARDING:
            yield _check_forwarded(fetcher, response.url, header, is_lenient=not material.page.is_certificate_valid)


def _check_forwarded(fetcher: Fetcher, url: str, header: str, *, is_lenient: bool) -> Check:
    try:
        question = Question(url=url, headers=((header, FORGED_HOST),))
        answer = fetcher.ask(question, believes_any_certificate=is_lenient)
    except FetchError as error:
        return Check(name="forwarded-host", passed=None, message=f"{header} could not be tried: {error}")
    if (place := _where_repeated(answer)) is None:
        return Check(name="forwarded-host", passed=True, message=f"a forged {header} is not repeated")
    message = f"a forged {header} is believed, and repeated in {place}: so may links that the site sends by mail"
    return Check(name="forwarded-host", passed=False, message=message, fix=_FIX)


def _where_repeated(answer: Response) -> str | None:
    if any(FORGED_HOST in value.lower() for _, value in answer.headers):
        return "a header"
    return "the page" if FORGED_HOST.encode() in answer.body.lower() else None
