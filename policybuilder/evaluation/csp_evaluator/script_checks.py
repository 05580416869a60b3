"""Checks of what runs scripts: inline code, eval, whole schemes, any host."""

from __future__ import annotations

from collections.abc import Iterator

from policybuilder.evaluation.csp_evaluator import findings
from policybuilder.evaluation.csp_evaluator.findings import PeerFinding
from policybuilder.evaluation.csp_evaluator.locations import scheme_free
from policybuilder.evaluation.csp_evaluator.reading import PeerPolicy

_SWITCHES = {
    "'unsafe-inline'": findings.SCRIPT_UNSAFE_INLINE,
    "'unsafe-hashes'": findings.SCRIPT_UNSAFE_HASHES,
    "'unsafe-eval'": findings.SCRIPT_UNSAFE_EVAL,
}
_SCHEMES = frozenset({"data:", "http:", "https:"})


def check_switches(effective: PeerPolicy) -> Iterator[PeerFinding]:
    for directive in effective.script_directives:
        values = effective.values(directive)
        for keyword, flaw in _SWITCHES.items():
            if keyword in values:
                yield PeerFinding(flaw, directive, keyword)


def check_open_sources(effective: PeerPolicy) -> Iterator[PeerFinding]:
    for directive in effective.dangerous_directives:
        for text in effective.values(directive):
            if text in _SCHEMES:
                yield PeerFinding(findings.PLAIN_URL_SCHEMES, directive, text)
            elif text.endswith("*") and scheme_free(text) == "*":
                yield PeerFinding(findings.PLAIN_WILDCARD, directive, text)


def check_strictness(written: PeerPolicy) -> Iterator[PeerFinding]:
    """What keeps a policy from being strict, and a strict one from working in old browsers."""
    directive = written.governing("script-src")
    values = written.values(directive)
    has_nonce_or_hash = written.has_nonce(directive) or written.has_hash(directive)
    if "'strict-dynamic'" in values:
        if not has_nonce_or_hash:
            yield PeerFinding(findings.STRICT_DYNAMIC_NOT_STANDALONE, directive)
        if not any(text in {"http:", "https:", "*"} or "." in text for text in values):
            yield PeerFinding(findings.ALLOWLIST_FALLBACK, directive)
    elif not all(value.is_quoted for value in values.values()):
        yield PeerFinding(findings.STRICT_DYNAMIC, directive)
    if has_nonce_or_hash and "'unsafe-inline'" not in values:
        yield PeerFinding(findings.UNSAFE_INLINE_FALLBACK, directive)
    if "'script'" not in written.values("require-trusted-types-for"):
        yield PeerFinding(findings.REQUIRE_TRUSTED_TYPES_FOR_SCRIPTS, "require-trusted-types-for")
