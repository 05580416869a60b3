"""Observatory's test `referrer-policy`."""

from __future__ import annotations

from policybuilder.grading.observatory.evidence import Evidence
from policybuilder.grading.observatory.javascript import trim
from policybuilder.grading.observatory.results import Result

PRIVATE = Result("referrer-policy-private", 5, passed=True)
NOT_IMPLEMENTED = Result("referrer-policy-not-implemented", 0, passed=True)
UNSAFE = Result("referrer-policy-unsafe", -5, passed=False)
INVALID = Result("referrer-policy-header-invalid", -5, passed=False)

_PRIVATE = frozenset({"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"})
_UNSAFE = frozenset({"origin", "origin-when-cross-origin", "unsafe-url", "no-referrer-when-downgrade"})


def judge(evidence: Evidence) -> Result:
    """By the last policy that is one; a meta element comes after the header."""
    values = [value for value in (evidence.header("referrer-policy"), evidence.meta_referrer) if value is not None]
    if not values:
        return NOT_IMPLEMENTED
    for policy in reversed(",".join(values).split(",")):
        name = trim(policy.lower())
        if name in _PRIVATE:
            return PRIVATE
        if name in _UNSAFE:
            return UNSAFE
    return INVALID
