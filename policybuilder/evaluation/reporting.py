"""Reporting: whether what a policy blocks is told to anybody.

https://w3c.github.io/webappsec-csp/#reporting
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from policybuilder.csp.urls import parse_url
from policybuilder.csp.violation import Disposition
from policybuilder.evaluation.draft import Draft, Rating, at_directive, at_value, of_policy, shown
from policybuilder.evaluation.editing import Change, Edit, without_directive
from policybuilder.evaluation.reading import PlacedDirective, Reading
from policybuilder.evaluation.weakness import Certainty, Severity
from policybuilder.structured_fields import read_dictionary


def usable_endpoints(header: str) -> dict[str, str] | None:
    """The URLs of a Reporting-Endpoints header by their names, as far as browsers send anything there.

    None for a header with a mistake in it, of which browsers take nothing.

    https://w3c.github.io/reporting/#process-header
    """
    members = read_dictionary(header)
    if members is None:
        return None
    urls = {name: member.value for name, member in members.items() if isinstance(member.value, str)}
    return {name: url for name, url in urls.items() if _is_sent_to(url)}


def _is_sent_to(text: str) -> bool:
    """Whether browsers send reports of a page over https there: Chromium takes a path only after a single slash.

    https://source.chromium.org/chromium/chromium/src/+/main:net/reporting/reporting_header_parser.cc
    """
    if text.startswith("/"):
        return not text.startswith("//")
    url = parse_url(text)
    # https://w3c.github.io/webappsec-secure-contexts/#is-url-trustworthy
    return url is not None and (url.scheme == "https" or (url.scheme == "http" and url.is_loopback))


def undefined_endpoints(reading: Reading) -> Iterator[Draft]:
    """`report-to` that names no usable endpoint: nothing is sent, not by report-uri either."""
    header = reading.reporting_endpoints
    endpoints = None if header is None else usable_endpoints(header)
    for policy in reading.policies:
        placed = policy.directives.get("report-to")
        if placed is None:
            continue
        name = placed.values[0].text if placed.values else ""
        beside = policy.directives.get("report-uri")
        change = partial(without_directive, reading.text, policy, "report-to") if beside is not None else None
        advice = f'send  Reporting-Endpoints: {name or "csp"}="https://…"  in the same response'
        lost = "and report-uri beside it is ignored" if beside is not None else "so nothing is reported"
        if header is None:
            if not name:
                continue
            message = f"report-to {shown(name)} reaches nobody unless the same response defines that endpoint"
            yield at_directive(
                policy,
                placed,
                Rating("report-to-unusable", Severity.INFO, Certainty.POSSIBLE),
                message,
                change=change,
                advice=advice,
            )
        elif endpoints is None or name not in endpoints:
            named = shown(name) or "nothing"
            message = f"report-to names {named}, which no Reporting-Endpoints header defines over https, {lost}"
            if endpoints is None:
                message = f"report-to names {named}, but Reporting-Endpoints has a mistake in it, {lost}"
                advice = 'browsers take all of the header or nothing: write  Reporting-Endpoints: NAME="https://…"'
            yield at_directive(
                policy,
                placed,
                Rating("report-to-unusable", Severity.LOW, Certainty.CERTAIN),
                message,
                change=change,
                advice=advice,
            )


def reports_nowhere(reading: Reading) -> Iterator[Draft]:
    """A policy that only reports, and names nobody who is told.

    https://w3c.github.io/webappsec-csp/#cspro-header
    """
    if reading.disposition is not Disposition.REPORT:
        return
    for policy in reading.policies:
        if policy.directives.keys().isdisjoint({"report-uri", "report-to"}):
            yield of_policy(
                policy,
                Rating("reports-nowhere", Severity.LOW, Certainty.CERTAIN),
                "the policy only reports, and names nobody to report to",
                directive="report-uri",
                advice="add report-uri with an address that takes reports: `cspbuild header` prints yours",
            )


def insecure_endpoints(reading: Reading) -> Iterator[Draft]:
    """Reports tell what pages hold, and go in the clear."""
    for policy in reading.policies:
        placed = policy.directives.get("report-uri")
        told: set[str] = set()
        for token in () if placed is None else placed.values:
            if placed is None or not token.text.lower().startswith("http://") or token.text in told:
                continue
            told.add(token.text)
            message = f"reports go to {shown(token.text)} without encryption, and a page over https may not send them"
            yield at_value(
                policy,
                placed,
                token,
                Rating("insecure-scheme", Severity.LOW, Certainty.CERTAIN),
                message,
                change=partial(_secured, placed, token.text),
            )


def _secured(placed: PlacedDirective, text: str) -> Change:
    return tuple(Edit(each.start, each.end, f"https{each.text[4:]}") for each in placed.values if each.text == text)
