"""Observatory's test `cross-origin-opener-policy`."""

from __future__ import annotations

from policybuilder.grading.observatory.evidence import Evidence
from policybuilder.grading.observatory.javascript import trim
from policybuilder.grading.observatory.results import Result
from policybuilder.structured_fields import token_of

NOT_IMPLEMENTED = Result("coop-not-implemented", 0, passed=True)
INVALID = Result("coop-header-invalid", -5, passed=False)
_RESULTS = {
    "same-origin": Result("coop-implemented-with-same-origin", 10, passed=True),
    "same-origin-allow-popups": Result("coop-implemented-with-same-origin-allow-popups", 10, passed=True),
    "noopener-allow-popups": Result("coop-implemented-with-noopener-allow-popups", 10, passed=True),
    "unsafe-none": Result("coop-implemented-with-unsafe-none", 0, passed=True),
}


def judge(evidence: Evidence) -> Result:
    value = evidence.header("cross-origin-opener-policy")
    return _RESULTS.get(token_of(trim(value[:1024])) or "", INVALID) if value else NOT_IMPLEMENTED
