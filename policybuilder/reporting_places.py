"""Reporting places: where the policies of a page send their reports, as far as its headers tell.

https://w3c.github.io/webappsec-csp/#directives-reporting
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from policybuilder.csp import parse_serialized_policy_list
from policybuilder.csp.urls import parse_url
from policybuilder.csp.violation import Disposition
from policybuilder.grading.endpoints import REPORTING_ENDPOINTS, named_endpoints, older_endpoints, resolved
from policybuilder.scanner.pages import header_values

Headers = Sequence[tuple[str, str]]

_DISPOSITIONS = {
    "content-security-policy": Disposition.ENFORCE,
    "content-security-policy-report-only": Disposition.REPORT,
}

MAX_PLACES = 50
"""In the headers of one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportingPlace:
    """One place that a policy names for its reports."""

    header: str
    """Name of the policy's header, as sent."""

    directive: str
    """`report-uri` or `report-to`."""

    value: str
    """As the policy has it: a URL, or the name of an endpoint."""

    url: str | None = None
    """Where reports go; None where they go nowhere."""

    problem: str | None = None
    """Why they go nowhere, as a line for people."""

    fix: str | None = None

    is_older: bool = False
    """Whether only Report-To names it, the header before Reporting-Endpoints, which not every browser reads."""

    is_shadowed: bool = False
    """Whether only browsers without the Reporting API send there: report-to stands in the same policy.

    https://w3c.github.io/webappsec-csp/#report-violation
    """


def policies_in(headers: Headers) -> int:
    """How many policies the headers hold, report-only ones too."""
    return sum(
        len(tuple(parse_serialized_policy_list(value, disposition=kind))) for _, value, kind in _policies(headers)
    )


def reporting_places(headers: Headers, page: str) -> tuple[ReportingPlace, ...]:
    """The places that the policies in an answer's headers name; `page` is the URL that answered.

    Those in `<meta>` name none: browsers ignore report-uri there, and report-only policies.
    """
    found: dict[ReportingPlace, None] = {}
    for place in _places(headers, page, named_endpoints(headers, page)):
        found.setdefault(place)
        if len(found) == MAX_PLACES:
            break
    return tuple(found)


def _places(headers: Headers, page: str, endpoints: Mapping[str, str]) -> Iterator[ReportingPlace]:
    for name, value, disposition in _policies(headers):
        for policy in parse_serialized_policy_list(value, disposition=disposition):
            to, uri = policy.directive("report-to"), policy.directive("report-uri")
            if to is not None:
                # Of several tokens browsers take the first; without any they do not look at report-uri either.
                yield _named(name, to.values[0], endpoints, headers, page) if to.values else _nameless(name)
            if uri is not None:
                yield from (_addressed(name, token, page, is_shadowed=to is not None) for token in uri.values)


def _policies(headers: Headers) -> Iterator[tuple[str, str, Disposition]]:
    for name, value in headers:
        if (disposition := _DISPOSITIONS.get(name.lower())) is not None:
            yield name, value, disposition


def _named(header: str, name: str, endpoints: Mapping[str, str], headers: Headers, page: str) -> ReportingPlace:
    place = ReportingPlace(header=header, directive="report-to", value=name, url=endpoints.get(name))
    if place.url is None and (older := older_endpoints(headers, page).get(name)) is not None:
        place = replace(place, url=older, is_older=True)
    fix = f'Reporting-Endpoints: {name}="https://…"'
    if place.url is None:
        return replace(place, problem=_missing(name, endpoints, headers), fix=fix)
    if not _is_trustworthy(page):
        problem = "the page is plain http, and browsers know no Reporting-Endpoints there"
        return replace(place, problem=problem, fix="serve the page over https, or use report-uri")
    if not _is_trustworthy(place.url):
        problem = f"{place.url} is not https, and the Reporting API delivers to nothing else"
        return replace(place, problem=problem, fix=fix)
    return place


def _nameless(header: str) -> ReportingPlace:
    return ReportingPlace(
        header=header,
        directive="report-to",
        value="",
        problem="report-to names no endpoint, and for its sake browsers do not look at report-uri",
        fix='report-to csp, and Reporting-Endpoints: csp="https://…"; or no report-to',
    )


def _missing(name: str, endpoints: Mapping[str, str], headers: Headers) -> str:
    sent = header_values(tuple(headers), REPORTING_ENDPOINTS)
    if sent and not endpoints:
        return f"report-to {name} leads nowhere: Reporting-Endpoints cannot be read, so browsers drop all of it"
    if not sent:
        return f"report-to {name} leads nowhere: there is no Reporting-Endpoints header"
    return f"report-to {name} leads nowhere: Reporting-Endpoints names {', '.join(endpoints)}"


def _addressed(header: str, text: str, page: str, *, is_shadowed: bool) -> ReportingPlace:
    place = ReportingPlace(
        header=header, directive="report-uri", value=text, url=resolved(text, page), is_shadowed=is_shadowed
    )
    if place.url is None:
        return replace(place, problem=f"report-uri {text} is no http or https URL", fix="report-uri https://…")
    at, here = parse_url(place.url), parse_url(page)
    if at is not None and here is not None and here.scheme == "https" and at.scheme == "http" and not at.is_loopback:
        problem = f"{place.url} is plain http, and browsers send nothing there from an https page"
        return replace(place, problem=problem, fix="report-uri https://…")
    return place


def _is_trustworthy(text: str) -> bool:
    """https://w3c.github.io/webappsec-secure-contexts/#is-url-trustworthy"""
    url = parse_url(text)
    return url is not None and (url.scheme == "https" or url.is_loopback)


def is_cross_origin(url: str, page: str) -> bool:
    """Whether a browser asks before it posts from the page to the URL, where the Reporting API is meant."""
    ours, theirs = parse_url(page), parse_url(url)
    return ours is None or theirs is None or ours.origin != theirs.origin
