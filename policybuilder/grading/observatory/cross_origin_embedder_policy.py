"""Observatory's test `cross-origin-embedder-policy`."""

from __future__ import annotations

from policybuilder.grading.observatory.evidence import Evidence
from policybuilder.grading.observatory.javascript import trim
from policybuilder.grading.observatory.results import Result
from policybuilder.structured_fields import token_of

NOT_IMPLEMENTED = Result("coep-not-implemented", 0, passed=True)
INVALID = Result("coep-header-invalid", -5, passed=False)
_RESULTS = {
    "require-corp": Result("coep-implemented-with-require-corp", 10, passed=True),
    "credentialless": Result("coep-implemented-with-credentialless", 10, passed=True),
    "unsafe-none": Result("coep-implemented-with-unsafe-none", 0, passed=True),
}


def judge(evidence: Evidence) -> Result:
    value = evidence.header("cross-origin-embedder-policy")
    return _RESULTS.get(token_of(trim(value[:1024])) or "", INVALID) if value else NOT_IMPLEMENTED
