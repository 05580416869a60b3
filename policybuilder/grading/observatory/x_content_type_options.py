"""Observatory's test `x-content-type-options`."""

from __future__ import annotations

from policybuilder.grading.observatory.evidence import Evidence
from policybuilder.grading.observatory.javascript import trim
from policybuilder.grading.observatory.results import Result

NOSNIFF = Result("x-content-type-options-nosniff", 0, passed=True)
NOT_IMPLEMENTED = Result("x-content-type-options-not-implemented", -5, passed=False)
INVALID = Result("x-content-type-options-header-invalid", -5, passed=False)


def judge(evidence: Evidence) -> Result:
    value = evidence.header("x-content-type-options")
    if not value:
        return NOT_IMPLEMENTED
    return NOSNIFF if trim(value[:256]).lower() == "nosniff" else INVALID
