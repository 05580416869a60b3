"""Observatory's test `x-frame-options`."""

from __future__ import annotations

from policybuilder.grading.observatory.evidence import Evidence
from policybuilder.grading.observatory.javascript import trim
from policybuilder.grading.observatory.results import Result

VIA_CSP = Result("x-frame-options-implemented-via-csp", 5, passed=True)
SAMEORIGIN_OR_DENY = Result("x-frame-options-sameorigin-or-deny", 5, passed=True)
ALLOW_FROM = Result("x-frame-options-allow-from-origin", 0, passed=True)
NOT_IMPLEMENTED = Result("x-frame-options-not-implemented", -20, passed=False)
INVALID = Result("x-frame-options-header-invalid", -20, passed=False)


def judge(evidence: Evidence) -> Result:
    if "frame-ancestors" in (evidence.policies or {}):
        return VIA_CSP
    value = evidence.header("x-frame-options")
    if not value:
        return NOT_IMPLEMENTED
    value = trim(value[:1024]).lower()
    if value in {"deny", "sameorigin"}:
        return SAMEORIGIN_OR_DENY
    return ALLOW_FROM if value.startswith("allow-from") else INVALID
