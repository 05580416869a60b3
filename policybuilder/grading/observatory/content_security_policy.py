"""Observatory's test `content-security-policy`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from policybuilder.grading.observatory.csp_reading import REPEATED, Reading
from policybuilder.grading.observatory.evidence import Evidence
from policybuilder.grading.observatory.results import Result

NO_UNSAFE_DEFAULT_NONE = Result("csp-implemented-with-no-unsafe-default-src-none", 10, passed=True)
NO_UNSAFE = Result("csp-implemented-with-no-unsafe", 5, passed=True)
UNSAFE_INLINE_IN_STYLE = Result("csp-implemented-with-unsafe-inline-in-style-src-only", 0, passed=True)
REPEATED_DIRECTIVES = Result("csp-implemented-but-duplicate-directives", 0, passed=True)
INSECURE_SCHEME_IN_PASSIVE = Result("csp-implemented-with-insecure-scheme-in-passive-content-only", -10, passed=True)
UNSAFE_EVAL = Result("csp-implemented-with-unsafe-eval", -10, passed=False)
UNSAFE_INLINE = Result("csp-implemented-with-unsafe-inline", -20, passed=False)
INSECURE_SCHEME = Result("csp-implemented-with-insecure-scheme", -20, passed=False)
INVALID = Result("csp-header-invalid", -25, passed=False)
NOT_IMPLEMENTED = Result("csp-not-implemented", -25, passed=False)
REPORT_ONLY = Result("csp-not-implemented-but-reporting-enabled", -25, passed=False)

_BROAD = ("ftp:", "http:", "https:", "*", "http://*", "http://*.*", "https://*", "https://*.*")
_BROAD_OR_UNSAFE = (*_BROAD, "'unsafe-inline'", "data:")
_PASSIVE = ("img-src", "media-src")
_NONCE_OR_HASH = ("'sha256-", "'sha384-", "'sha512-", "'nonce-")
_INSECURE = ("http:", "ftp:")


def judge(evidence: Evidence) -> Result:
    if evidence.policies is None:
        return INVALID
    if not evidence.policies:
        return REPORT_ONLY if evidence.header("content-security-policy-report-only") else NOT_IMPLEMENTED
    result = _judged(evidence.policies, is_https=evidence.is_https)
    return REPEATED_DIRECTIVES if result.passed and REPEATED in evidence.policies else result


def _judged(policies: Reading, *, is_https: bool) -> Result:
    """The first complaint; each is about what those before it left over."""
    reading = {name: list(sources) for name, sources in policies.items()}
    default = reading.get("default-src", ["*"])
    scripts = reading.get("script-src", default)
    styles = reading.get("style-src", default)
    objects = reading.get("object-src", default)

    # The lists are changed in place: where one is default-src's, all that fall back to it see the change.
    for sources in (scripts, styles):
        if _has_nonce_or_hash(sources):
            _remove(sources, ["'unsafe-inline'"])
    if "'strict-dynamic'" in scripts:
        if not _has_nonce_or_hash(scripts):
            return INVALID
        _remove(scripts, [each for each in scripts if each.startswith(_BROAD) or each in {"'self'", "'unsafe-inline'"}])

    if _any_of(scripts, _BROAD_OR_UNSAFE) or _any_of(objects, _BROAD):
        return UNSAFE_INLINE
    active = [each for name, sources in reading.items() if name not in {*_PASSIVE, "script-src"} for each in sources]
    if is_https and any(each.startswith(_INSECURE) for each in [*active, *scripts]):
        return INSECURE_SCHEME
    if "'unsafe-eval'" in scripts or "'unsafe-eval'" in styles:
        return UNSAFE_EVAL
    passive = [each for name in _PASSIVE for each in reading.get(name, reading.get("default-src", []))]
    if is_https and any(each.startswith(_INSECURE) for each in passive):
        return INSECURE_SCHEME_IN_PASSIVE
    if _any_of(styles, _BROAD_OR_UNSAFE):
        return UNSAFE_INLINE_IN_STYLE
    return NO_UNSAFE_DEFAULT_NONE if reading.get("default-src") == ["'none'"] else NO_UNSAFE


def _has_nonce_or_hash(sources: Iterable[str]) -> bool:
    return any(each.startswith(_NONCE_OR_HASH) for each in sources)


def _any_of(sources: Iterable[str], unwanted: Sequence[str]) -> bool:
    return any(each in unwanted for each in sources)


def _remove(sources: list[str], unwanted: Sequence[str]) -> None:
    gone = set(unwanted)
    sources[:] = [each for each in sources if each not in gone]
