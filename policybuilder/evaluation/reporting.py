"""Reporting: whether what a policy blocks is told to anybody.

https://w3c.github.io/webappsec-csp/#reporting
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from policybuilder.evaluation.draft import Draft, Rating, at_directive, at_value, shown
from policybuilder.evaluation.editing import Change, Edit, without_directive
from policybuilder.evaluation.reading import PlacedDirective, Reading
from policybuilder.evaluation.weakness import Certainty, Severity
from policybuilder.structured_fields import read_dictionary

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def usable_endpoints(header: str) -> dict[str, str]:
    """The URLs of a Reporting-Endpoints header by their names, as far as browsers send anything there.

    https://w3c.github.io/reporting/#header
    """
    members = read_dictionary(header) or {}
    urls = {name: member.value for name, member in members.items() if isinstance(member.value, str)}
    return {
        name: url
        for name, url in urls.items()
        if url.lower().startswith("https://") or (url and not url.startswith("//") and not _SCHEME.match(url))
    }


def undefined_endpoints(reading: Reading) -> Iterator[Draft]:
    """`report-to` that names no usable endpoint: nothing is sent, not by report-uri either."""
    for policy in reading.policies:
        placed = policy.directives.get("report-to")
        if placed is None:
            continue
        name = placed.values[0].text if placed.values else ""
        beside = policy.directives.get("report-uri")
        change = partial(without_directive, reading.text, policy, "report-to") if beside is not None else None
        advice = f'send  Reporting-Endpoints: {name or "csp"}="https://…"  in the same response'
        lost = "and report-uri beside it is ignored" if beside is not None else "so nothing is reported"
        if reading.reporting_endpoints is None:
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
        elif name not in usable_endpoints(reading.reporting_endpoints):
            named = shown(name) or "nothing"
            message = f"report-to names {named}, which no Reporting-Endpoints header defines over https, {lost}"
            yield at_directive(
                policy,
                placed,
                Rating("report-to-unusable", Severity.LOW, Certainty.CERTAIN),
                message,
                change=change,
                advice=advice,
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
