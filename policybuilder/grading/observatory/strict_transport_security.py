"""Observatory's test `strict-transport-security`."""

from __future__ import annotations

from policybuilder.grading.observatory.evidence import Evidence
from policybuilder.grading.observatory.headers import header
from policybuilder.grading.observatory.javascript import parse_int, trim
from policybuilder.grading.observatory.results import Result

PRELOADED = Result("hsts-preloaded", 5, passed=True)
SIX_MONTHS_OR_MORE = Result("hsts-implemented-max-age-at-least-six-months", 0, passed=True)
LESS_THAN_SIX_MONTHS = Result("hsts-implemented-max-age-less-than-six-months", -10, passed=False)
NOT_IMPLEMENTED = Result("hsts-not-implemented", -20, passed=False)
INVALID = Result("hsts-header-invalid", -20, passed=False)
NO_HTTPS = Result("hsts-not-implemented-no-https", -20, passed=False)
INVALID_CERTIFICATE = Result("hsts-invalid-cert", -20, passed=False)

# 180 days: many sites say so, and six months are a little longer.
_SIX_MONTHS_SECONDS = 15_552_000


def judge(evidence: Evidence) -> Result:
    visit = evidence.https
    if visit is None or visit.response is None:
        return NO_HTTPS
    if evidence.material.is_preloaded:
        return PRELOADED
    if not visit.is_certificate_valid:
        return INVALID_CERTIFICATE
    value = header(visit.response.headers, "strict-transport-security")
    return NOT_IMPLEMENTED if value is None else _judged(value[:1024])


def _judged(value: str) -> Result:
    ages = [trim(parameter).lower() for parameter in value.split(";")]
    ages = [parameter[8:128] for parameter in ages if parameter.startswith("max-age=")]
    if "," in value or not ages:
        return INVALID
    # What is no number, such as one in quotes, is not less than six months either.
    seconds = parse_int(ages[-1])
    return LESS_THAN_SIX_MONTHS if seconds is not None and seconds < _SIX_MONTHS_SECONDS else SIX_MONTHS_OR_MORE
