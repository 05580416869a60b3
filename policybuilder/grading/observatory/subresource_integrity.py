"""Observatory's test `subresource-integrity`: whether scripts of other sites are pinned, and come over https."""

from __future__ import annotations

import re

import ada_url

from policybuilder.csp.urls import parse_url
from policybuilder.domains import registered_domain
from policybuilder.grading.observatory.evidence import Evidence
from policybuilder.grading.observatory.results import Result, worst
from policybuilder.markup.tags import Tag

ALL_SECURELY = Result("sri-implemented-and-all-scripts-loaded-securely", 5, passed=True)
EXTERNAL_SECURELY = Result("sri-implemented-and-external-scripts-loaded-securely", 5, passed=True)
NOT_HTML = Result("sri-not-implemented-response-not-html", 0, passed=True)
NO_SCRIPTS = Result("sri-not-implemented-but-no-scripts-loaded", 0, passed=True)
SECURE_ORIGIN = Result("sri-not-implemented-but-all-scripts-loaded-from-secure-origin", 0, passed=True)
NOT_PINNED = Result("sri-not-implemented-but-external-scripts-loaded-securely", -5, passed=False)
PINNED_BUT_INSECURE = Result("sri-implemented-but-external-scripts-not-loaded-securely", -20, passed=False)
INSECURE = Result("sri-not-implemented-and-external-scripts-not-loaded-securely", -50, passed=False)

_ORDER = (PINNED_BUT_INSECURE, NOT_PINNED, INSECURE)
# https://github.com/remusao/tldts/blob/master/packages/tldts-core/src/is-valid.ts: of another host it knows no domain.
_LABEL = r"[a-z0-9_\x80-\U0010ffff](?:[a-z0-9_\x80-\U0010ffff-]{0,61}[a-z0-9_\x80-\U0010ffff])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")

_SCHEME_RELATIVE = re.compile("//[^/]")
_ABSOLUTE = re.compile("https?://")


def judge(evidence: Evidence) -> Result:
    if evidence.scripts is None:
        return NOT_HTML
    if not evidence.scripts:
        return NO_SCRIPTS
    base = _resolved(evidence.base_href or "", "about:blank") or "about:blank"
    site = _domain(evidence.host)
    complaints: list[Result] = []
    is_any_foreign = is_own_pinned = False
    for script in evidence.scripts:
        url = _url_of(script, base)
        if not url:
            continue
        is_pinned = bool(script.attributes.get("integrity"))
        is_scheme_relative = _SCHEME_RELATIVE.match(url) is not None
        is_absolute = _ABSOLUTE.match(url) is not None
        is_secure = url.startswith("https:") if is_absolute else not is_scheme_relative and evidence.is_https
        if is_scheme_relative or (is_absolute and _domain_of(url) != site):
            is_any_foreign = True
            complaints.extend(_complaints(is_pinned=is_pinned, is_secure=is_secure))
        elif is_pinned and is_secure:
            is_own_pinned = True
    if complaint := worst(complaints, _ORDER):
        return complaint
    if is_own_pinned:
        return ALL_SECURELY
    return EXTERNAL_SECURELY if is_any_foreign else SECURE_ORIGIN


def _complaints(*, is_pinned: bool, is_secure: bool) -> list[Result]:
    """Of a script of another site."""
    if is_secure:
        return [] if is_pinned else [NOT_PINNED]
    return [PINNED_BUT_INSECURE if is_pinned else INSECURE]


def _url_of(script: Tag, base: str) -> str:
    """Where it is loaded from: as written, unless the page's base element makes a URL of it.

    Observatory does not tell its HTML parser where the page came from.
    """
    source = script.attributes.get("src") if script.is_html else None
    return "" if source is None else _resolved(source, base) or source


def _resolved(source: str, base: str) -> str | None:
    try:
        return ada_url.URL(source, base).href
    except ValueError:
        return None


def _domain_of(url: str) -> str | None:
    parsed = parse_url(url)
    return _domain(parsed.host) if parsed is not None else None


def _domain(host: str) -> str | None:
    """As the peer knows it, without the names that others than registries give away."""
    name = host.rstrip(".").removeprefix(".")
    return registered_domain(name) if len(name) <= 255 and _HOST_NAME.fullmatch(name) else None
