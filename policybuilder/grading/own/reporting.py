"""Reporting: whether the places that reports are sent to exist, and take them.

https://w3c.github.io/reporting/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from policybuilder.csp.urls import parse_url
from policybuilder.grading.endpoints import (
    REPORTING_ENDPOINTS,
    named_endpoints,
    older_endpoints,
    refusal_of,
    resolved,
)
from policybuilder.grading.judgement import Judgement
from policybuilder.grading.material import EndpointAnswer
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.judging import judged, named, shown
from policybuilder.grading.own.policies import META, SentPolicy, reported_policies
from policybuilder.structured_fields import read_dictionary, read_item

_ITEMS = ("Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy")
_MOST = 50
"""Endpoints that are looked at."""


@dataclass(frozen=True, slots=True)
class _Destination:
    """Where a header sends its reports."""

    header: str
    url: str
    """Resolved against the page."""

    is_preflighted: bool
    """Whether a browser asks first: the Reporting API does, report-uri does not."""


def judge_reporting(answer: Answer, sent: Sequence[SentPolicy]) -> Iterator[Judgement]:
    """Each place that reports go to; nothing where the page has nothing that reports."""
    policies = [each for each in (*sent, *reported_policies(answer)) if each.header != META]
    destinations, undefined = _destinations(answer, policies)
    problems = [*_undefined(answer, undefined), *_of_destinations(answer, destinations)]
    yield from problems
    if problems or not policies or not answer.is_document:
        return
    if destinations:
        hosts = named([url.host for each in destinations if (url := parse_url(each.url)) is not None])
        message = f"Violations are reported to {hosts}."
        yield judged("reporting", "wired", message, header=destinations[0].header, value=destinations[0].url)
    else:
        yield judged("reporting", "nowhere", "Violations are reported to nobody.")


def _destinations(answer: Answer, policies: Sequence[SentPolicy]) -> tuple[Sequence[_Destination], Mapping[str, str]]:
    """Where reports go, and the names of endpoints that nothing defines, each with a header that uses it."""
    endpoints = named_endpoints(answer.response.headers, answer.response.url)
    older = older_endpoints(answer.response.headers, answer.response.url)
    destinations = _of_report_uri(answer, policies)
    undefined: dict[str, str] = {}
    for header, name in _uses(answer, policies):
        endpoint = endpoints.get(name)
        if endpoint is not None:
            destinations.append(_Destination(header, endpoint, is_preflighted=True))
        elif name not in older:
            # Some browsers still look into the older header; where reports go by that is not followed.
            undefined.setdefault(name, header)
    return destinations, undefined


def _uses(answer: Answer, policies: Sequence[SentPolicy]) -> list[tuple[str, str]]:
    """Which header names which endpoint, each pair once."""
    found: dict[tuple[str, str], None] = {}
    for each in policies:
        directive = each.policy.directive("report-to")
        if directive is not None and directive.values:
            found.setdefault((each.header, directive.values[0]))
    for base in _ITEMS:
        for header in (base, f"{base}-Report-Only"):
            item = read_item(answer.joined(header) or "")
            name = None if item is None else item.parameters.get("report-to")
            if isinstance(name, str):
                found.setdefault((header, name))
    for header in ("Integrity-Policy", "Integrity-Policy-Report-Only"):
        member = (read_dictionary(answer.joined(header) or "") or {}).get("endpoints")
        if member is not None and isinstance(member.value, tuple):
            found.update({(header, str(name)): None for name in member.value})
    return list(found)[:_MOST]


def _of_report_uri(answer: Answer, policies: Sequence[SentPolicy]) -> list[_Destination]:
    """Those of report-uri, unless report-to stands beside it: then browsers do not look at it."""
    found: dict[tuple[str, str], None] = {}
    for each in policies:
        directive = each.policy.directive("report-uri")
        if directive is None or each.policy.directive("report-to") is not None:
            continue
        for value in directive.values:
            url = resolved(value, answer.response.url)
            if url is not None:
                found.setdefault((each.header, url))
    return [_Destination(header, url, is_preflighted=False) for header, url in list(found)[:_MOST]]


def _undefined(answer: Answer, undefined: Mapping[str, str]) -> Iterator[Judgement]:
    if not undefined:
        return
    value = answer.joined(REPORTING_ENDPOINTS)
    header = next(iter(undefined.values()))
    if value is not None and read_dictionary(value) is None:
        message = f"{REPORTING_ENDPOINTS} has a mistake in it, for which browsers ignore all of it: no report is sent."
        fix = f'{REPORTING_ENDPOINTS}: name="https://…", with commas between'
        yield judged("reporting", "unusable", message, header=REPORTING_ENDPOINTS, value=value, fix=fix)
        return
    message = f"No endpoint is called {named(list(undefined))}, so these reports are not sent."
    name = next(iter(undefined))
    fix = f'{REPORTING_ENDPOINTS}: {shown(name)}="https://…"'
    yield judged("reporting", "undefined", message, header=header, value=f"report-to {name}", fix=fix)


def _of_destinations(answer: Answer, destinations: Sequence[_Destination]) -> Iterator[Judgement]:
    for each in destinations:
        url = parse_url(each.url)
        asked = answer.material.endpoints.get(each.url)
        if url is None or not url.is_network:
            continue
        if url.scheme == "http" and not url.is_loopback and (each.is_preflighted or answer.is_secure):
            message = f"Browsers send no reports to {shown(each.url)}, since it is plain http."
            yield _said("insecure", message, each, "Give it an https address.")
        elif asked is not None and asked.failure is not None and not asked.is_refused:
            message = f"{shown(each.url)} does not answer, so reports are lost: {shown(asked.failure)}"
            yield _said("unanswered", message, each, "See whether the address is right, and the service runs.")
        elif asked is not None and each.is_preflighted and (why := _why_refused(answer, asked)):
            message = f"Browsers ask {shown(each.url)} before they send reports there, and its answer {why}."
            fix = "Answer OPTIONS with 204, and with Access-Control-Allow-Origin: * and -Headers: content-type."
            yield _said("preflight-refused", message, each, fix)


def _said(result: str, message: str, destination: _Destination, fix: str) -> Judgement:
    return judged("reporting", result, message, header=destination.header, value=destination.url, fix=fix)


def _why_refused(answer: Answer, asked: EndpointAnswer) -> str | None:
    """Completes the sentence "its answer …"; None where a browser would go on, or does not ask."""
    if not asked.is_cross_origin or asked.preflight_status is None:
        return None
    return refusal_of(asked, None if answer.url is None else answer.url.origin)
