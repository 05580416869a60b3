"""Observatory's test `cookies`."""

from __future__ import annotations

from policybuilder.grading.observatory import strict_transport_security
from policybuilder.grading.observatory.cookie_jar import Cookie, cookies_kept
from policybuilder.grading.observatory.evidence import Evidence
from policybuilder.grading.observatory.headers import cookie_headers
from policybuilder.grading.observatory.javascript import trim
from policybuilder.grading.observatory.results import Result, worst

ALL_WITH_SAMESITE = Result("cookies-secure-with-httponly-sessions-and-samesite", 5, passed=True)
ALL_SECURE = Result("cookies-secure-with-httponly-sessions", 0, passed=True)
NOT_FOUND = Result("cookies-not-found", 0, passed=True)
WITHOUT_SECURE_BUT_HSTS = Result("cookies-without-secure-flag-but-protected-by-hsts", -5, passed=False)
SESSION_WITHOUT_SECURE_BUT_HSTS = Result("cookies-session-without-secure-flag-but-protected-by-hsts", -10, passed=False)
WITHOUT_SECURE = Result("cookies-without-secure-flag", -20, passed=False)
SAMESITE_INVALID = Result("cookies-samesite-flag-invalid", -20, passed=False)
ANTICSRF_WITHOUT_SAMESITE = Result("cookies-anticsrf-without-samesite-flag", -20, passed=False)
SESSION_WITHOUT_HTTPONLY = Result("cookies-session-without-httponly-flag", -30, passed=False)
SESSION_WITHOUT_SECURE = Result("cookies-session-without-secure-flag", -40, passed=False)

_ORDER = (
    *(WITHOUT_SECURE_BUT_HSTS, WITHOUT_SECURE, SESSION_WITHOUT_SECURE_BUT_HSTS, SAMESITE_INVALID),
    *(ANTICSRF_WITHOUT_SAMESITE, SESSION_WITHOUT_HTTPONLY, SESSION_WITHOUT_SECURE),
)

# Set by a load balancer, out of the site's hands: https://github.com/mozilla/http-observatory/issues/282
_IGNORED = "heroku-session-affinity"
_SAMESITE_VALUES = frozenset({"lax", "strict", "none"})


def judge(evidence: Evidence) -> Result:
    """The worst of all cookies that a browser keeps; a SameSite that is none counts even if the cookie is dropped."""
    cookies = [each for each in cookies_kept(evidence.material.cookies) if each.name != _IGNORED]
    if not cookies:
        return NOT_FOUND
    has_hsts = strict_transport_security.judge(evidence).passed
    complaints = [complaint for cookie in cookies for complaint in _complaints(cookie, has_hsts=has_hsts)]
    if any(map(_has_invalid_samesite, cookie_headers(evidence.page.headers))):
        complaints.append(SAMESITE_INVALID)
    if complaint := worst(complaints, _ORDER):
        return complaint
    return ALL_WITH_SAMESITE if all(cookie.same_site for cookie in cookies) else ALL_SECURE


def _complaints(cookie: Cookie, *, has_hsts: bool) -> list[Result]:
    name = cookie.name.lower()
    is_session = "login" in name or "sess" in name
    complaints = []
    if not cookie.is_secure:
        complaints.append(WITHOUT_SECURE_BUT_HSTS if has_hsts else WITHOUT_SECURE)
        if is_session:
            complaints.append(SESSION_WITHOUT_SECURE_BUT_HSTS if has_hsts else SESSION_WITHOUT_SECURE)
        if cookie.same_site == "none":
            complaints.append(SAMESITE_INVALID)
    if is_session and not cookie.is_http_only:
        complaints.append(SESSION_WITHOUT_HTTPONLY)
    if "csrf" in name and not cookie.same_site:
        complaints.append(ANTICSRF_WITHOUT_SAMESITE)
    return complaints


def _has_invalid_samesite(header: str) -> bool:
    for part in header.split(";"):
        name, _, rest = trim(part).partition("=")
        # Up to the next sign: what follows is dropped.
        value = rest.partition("=")[0]
        if trim(name).lower() == "samesite" and trim(value).lower() not in _SAMESITE_VALUES:
            return True
    return False
