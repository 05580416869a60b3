"""Wiring: whether a page's headers lead its reports to somewhere that takes them; pure, of what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from policybuilder.csp.urls import parse_url
from policybuilder.errors import CspbuildError
from policybuilder.grading.endpoints import refusal_of
from policybuilder.grading.material import EndpointAnswer
from policybuilder.markup import Markup
from policybuilder.plurals import plural
from policybuilder.program import typed
from policybuilder.reporting_places import Headers, ReportingPlace, policies_in, reporting_places

REPORT_TO = "report-to"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One part of the way that reports take."""

    name: str
    """Stable, as `preflight`."""

    passed: bool | None
    """None where it could not be checked, or where nobody minds."""

    message: str
    fix: str | None = None
    """What to do."""

    url: str | None = None
    """The endpoint that it is about, if it is about one."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A place that reports go to, however many policies name it."""

    url: str
    directives: frozenset[str]
    """By which of `report-uri` and `report-to` browsers send there."""


def check_headers(headers: Headers, page: str, markup: Markup | None) -> Iterator[Check]:
    """Whether there is a policy, and whether the places it names are places."""
    count = policies_in(headers)
    if not count:
        meta = "; the one in <meta> reports nowhere" if markup is not None and markup.policies else ""
        yield Check(
            name="policy",
            passed=False,
            message=f"no Content-Security-Policy header, and none that is report-only{meta}",
            fix=f"send what  {typed('cspbuild')} header --base-url https://…  prints",
        )
        return
    yield Check(name="policy", passed=True, message=f"{plural(count, 'policy', 'policies')} in the headers")
    places = reporting_places(headers, page)
    if not places:
        yield Check(
            name="reporting-place",
            passed=False,
            message="the policies name no place for reports: neither report-to nor report-uri",
            fix="add report-uri with the address of your collector",
        )
        return
    yield Check(name="reporting-place", passed=True, message=", ".join(map(_named, places)))
    yield from map(_check_place, places)


def endpoints_of(headers: Headers, page: str) -> tuple[Endpoint, ...]:
    """The endpoints that browsers send to, in the order named."""
    found: dict[str, set[str]] = {}
    for place in reporting_places(headers, page):
        if place.url is not None and place.problem is None:
            found.setdefault(place.url, set()).add(place.directive)
    return tuple(Endpoint(url, frozenset(directives)) for url, directives in found.items())


def check_preflights(
    endpoints: Iterable[Endpoint], answers: Mapping[str, EndpointAnswer], page: str
) -> Iterator[Check]:
    """Whether the endpoints answered as a browser needs it that asks before it posts."""
    for endpoint in endpoints:
        if (answer := answers.get(endpoint.url)) is not None:
            yield check_preflight(endpoint, answer, page)


def check_preflight(endpoint: Endpoint, answer: EndpointAnswer, page: str) -> Check:
    """Whether the endpoint answered as a browser needs it that asks before it posts.

    For report-uri none does, and none to the page's own origin.
    """
    url = endpoint.url
    if answer.failure is not None:
        message, fix = advice_of(answer.failure)
        return Check(
            name="preflight", passed=False, message=f"the endpoint cannot be reached: {message}", fix=fix, url=url
        )
    refusal = refusal_of(answer, origin_of(page))
    if refusal is None:
        return Check(name="preflight", passed=True, message=f"answered with {answer.preflight_status}", url=url)
    problem = f"its answer to a browser that asks {refusal}"
    if REPORT_TO not in endpoint.directives:
        message = f"{problem}; none asks before report-uri, so only report-to would lose reports"
        return Check(name="preflight", passed=None, message=message, url=url)
    if not answer.is_cross_origin:
        message = f"{problem}; none asks on the page's own origin"
        return Check(name="preflight", passed=None, message=message, url=url)
    fix = (
        "answer OPTIONS with 204, Access-Control-Allow-Origin: *, Access-Control-Allow-Methods: POST and "
        "Access-Control-Allow-Headers: content-type"
    )
    return Check(name="preflight", passed=False, message=problem, fix=fix, url=url)


def advice_of(failure: CspbuildError | str) -> tuple[str, str | None]:
    """What a failure's line says, and what it advises behind the last semicolon."""
    message, separator, fix = str(failure).rpartition("; ")
    return (message, fix) if separator else (fix, None)


def origin_of(page: str) -> str:
    """The origin that a browser names when it posts from the page."""
    url = parse_url(page)
    return "null" if url is None else url.origin


def is_sound(checks: Sequence[Check]) -> bool:
    """Whether nothing is known to be broken."""
    return all(check.passed is not False for check in checks)


def _named(place: ReportingPlace) -> str:
    return f"{place.directive} {place.value}".rstrip()


def _check_place(place: ReportingPlace) -> Check:
    if place.problem is not None:
        return Check(name="endpoint", passed=False, message=place.problem, fix=place.fix, url=place.url)
    if place.is_shadowed:
        message = f"{_named(place)} is for browsers without report-to alone: it stands in the same policy"
        return Check(name="endpoint", passed=None, message=message, url=place.url)
    if place.is_older:
        message = f"{_named(place)} leads to {place.url} by Report-To alone, which not every browser reads any more"
        fix = f'Reporting-Endpoints: {place.value}="{place.url}"'
        return Check(name="endpoint", passed=None, message=message, fix=fix, url=place.url)
    leads = "" if place.value == place.url else f" leads to {place.url}"
    return Check(name="endpoint", passed=True, message=f"{_named(place)}{leads} ({place.header})", url=place.url)
