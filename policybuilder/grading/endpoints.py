"""Endpoints: the places that reports go to by name, and whether a browser posts to one after what it answered.

https://w3c.github.io/reporting/#process-header
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import ada_url

from policybuilder.grading.material import EndpointAnswer
from policybuilder.scanner.pages import header_values
from policybuilder.structured_fields import read_dictionary

REPORTING_ENDPOINTS = "Reporting-Endpoints"


def named_endpoints(headers: Sequence[tuple[str, str]], page: str) -> Mapping[str, str]:
    """The URLs that Reporting-Endpoints gives names to, relative ones resolved; none where it has a mistake in it."""
    values = [value.strip(" \t\r\n") for value in header_values(tuple(headers), REPORTING_ENDPOINTS)]
    members = read_dictionary(", ".join(values)) if values else None
    found = {}
    for name, member in (members or {}).items():
        if isinstance(member.value, str) and (url := resolved(member.value, page)) is not None:
            found[name] = url
    return found


def older_endpoints(headers: Sequence[tuple[str, str]], page: str) -> Mapping[str, str]:
    """The first URL of each group that Report-To names, the header before Reporting-Endpoints.

    https://www.w3.org/TR/2018/WD-reporting-1-20180925/#header
    """
    found: dict[str, str] = {}
    try:
        groups = json.loads(f"[{', '.join(header_values(tuple(headers), 'Report-To'))}]")
    except (ValueError, RecursionError):
        return found
    for group in groups:
        match group:
            case {"endpoints": [{"url": str(text)}, *_]} if (url := resolved(text, page)) is not None:
                found[str(group.get("group", "default"))] = url
    return found


def resolved(text: str, page: str) -> str | None:
    """The http or https URL that a page means, without fragment, which is never sent."""
    try:
        url = ada_url.URL(text, page)
    except ValueError:
        return None
    return url.href.partition("#")[0] if url.protocol in {"http:", "https:"} else None


def refusal_of(asked: EndpointAnswer, origin: str | None) -> str | None:
    """Why a browser posts nothing from the origin after this answer; completes the sentence "its answer …".

    None where it goes on.

    https://fetch.spec.whatwg.org/#cors-preflight-fetch
    """
    if asked.preflight_status is None or not 200 <= asked.preflight_status < 300:
        return f"is {asked.preflight_status}"
    origins = [value.strip(" \t") for value in header_values(asked.preflight_headers, "Access-Control-Allow-Origin")]
    if origins not in (["*"], [origin]):
        return "allows no reports from this site"
    allowed = ",".join(header_values(asked.preflight_headers, "Access-Control-Allow-Headers")).lower()
    if not {"*", "content-type"}.intersection(part.strip(" \t") for part in allowed.split(",")):
        return "allows no Content-Type of reports"
    return None
