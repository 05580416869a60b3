"""Observatory's test `cross-origin-resource-sharing`: what an origin that nobody knows is told."""

from __future__ import annotations

from policybuilder.grading.material import PREFLIGHT_ORIGIN
from policybuilder.grading.observatory.evidence import Evidence
from policybuilder.grading.observatory.headers import header
from policybuilder.grading.observatory.javascript import trim
from policybuilder.grading.observatory.results import Result

NOT_IMPLEMENTED = Result("cross-origin-resource-sharing-not-implemented", 0, passed=True)
PUBLIC = Result("cross-origin-resource-sharing-implemented-with-public-access", 0, passed=True)
RESTRICTED = Result("cross-origin-resource-sharing-implemented-with-restricted-access", 0, passed=True)
UNIVERSAL = Result("cross-origin-resource-sharing-implemented-with-universal-access", -50, passed=False)


def judge(evidence: Evidence) -> Result:
    """By the answer to the preflight; where one recorded response is all there is, by what that says by itself."""
    preflight = evidence.material.preflight
    if preflight is None and not evidence.material.is_whole:
        preflight = evidence.page
    if preflight is None:
        return NOT_IMPLEMENTED
    origin = header(preflight.headers, "access-control-allow-origin")
    if not origin:
        return NOT_IMPLEMENTED
    if trim(origin[:256]) == "*":
        return PUBLIC
    credentials = header(preflight.headers, "access-control-allow-credentials") or ""
    if origin == PREFLIGHT_ORIGIN and trim(credentials.lower()) == "true":
        return UNIVERSAL
    return RESTRICTED
