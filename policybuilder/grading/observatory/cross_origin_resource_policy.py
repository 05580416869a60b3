"""Observatory's test `cross-origin-resource-policy`."""

from __future__ import annotations

from policybuilder.grading.observatory.evidence import Evidence
from policybuilder.grading.observatory.javascript import trim
from policybuilder.grading.observatory.results import Result

NOT_IMPLEMENTED = Result("corp-not-implemented", 0, passed=True)
INVALID = Result("corp-header-invalid", -5, passed=False)
_RESULTS = {
    "same-origin": Result("corp-implemented-with-same-origin", 10, passed=True),
    "same-site": Result("corp-implemented-with-same-site", 10, passed=True),
    "cross-origin": Result("corp-implemented-with-cross-origin", 0, passed=True),
}


def judge(evidence: Evidence) -> Result:
    value = trim((evidence.header("cross-origin-resource-policy") or "")[:256]).lower()
    return _RESULTS.get(value, INVALID) if value else NOT_IMPLEMENTED
