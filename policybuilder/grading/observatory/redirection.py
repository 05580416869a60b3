"""Observatory's test `redirection`: whether the way from plain http leads to https at once."""

from __future__ import annotations

from policybuilder.csp.urls import URL, parse_url
from policybuilder.grading.material import Visit
from policybuilder.grading.observatory.evidence import Evidence
from policybuilder.grading.observatory.results import Result
from policybuilder.scanner.pages import FetchReason

ALL_PRELOADED = Result("redirection-all-redirects-preloaded", 0, passed=True)
TO_HTTPS = Result("redirection-to-https", 0, passed=True)
NO_HTTP = Result("redirection-not-needed-no-http", 0, passed=True)
OFF_HOST = Result("redirection-off-host-from-http", -5, passed=False)
NOT_TO_HTTPS_AT_FIRST = Result("redirection-not-to-https-on-initial-redirection", -10, passed=False)
NOT_TO_HTTPS = Result("redirection-not-to-https", -20, passed=False)
MISSING = Result("redirection-missing", -20, passed=False)
INVALID_CERTIFICATE = Result("redirection-invalid-cert", -20, passed=False)

# Where we would not look, there may be anything.
_NOT_LOOKED = frozenset(
    {
        *(FetchReason.BAD_URL, FetchReason.ODD_PORT, FetchReason.NOT_PUBLIC, FetchReason.OTHER_HOST),
        FetchReason.OVER_BUDGET,
    }
)


def judge(evidence: Evidence) -> Result | None:
    """None where the way from plain http is not known."""
    visit = evidence.material.http
    if visit is None or not evidence.material.is_whole:
        return None
    route = _route(visit)
    if not route:
        return None if visit.reason in _NOT_LOOKED else NO_HTTP
    if not visit.is_certificate_valid:
        return INVALID_CERTIFICATE
    return ALL_PRELOADED if evidence.material.preloaded_redirects else _judged(route)


def _judged(route: list[URL | None]) -> Result:
    if len(route) == 1:
        return MISSING
    first, second, last = route[0], route[1], route[-1]
    if last is None or last.scheme != "https":
        return NOT_TO_HTTPS
    if second is None or second.scheme == "http":
        return NOT_TO_HTTPS_AT_FIRST
    if first is not None and first.scheme == "http" and first.host != second.host:
        return OFF_HOST
    return TO_HTTPS


def _route(visit: Visit) -> list[URL | None]:
    """Every URL that answered, in order; none where there was no answer in the end.

    Observatory takes the redirect at which it gives up for the answer.
    """
    if visit.response is not None:
        return [*(parse_url(redirect.url) for redirect in visit.response.redirects), parse_url(visit.response.url)]
    if visit.reason is FetchReason.TOO_MANY_REDIRECTS:
        return [parse_url(redirect.url) for redirect in visit.redirects]
    return []
