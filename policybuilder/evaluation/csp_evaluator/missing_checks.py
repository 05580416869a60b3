"""Checks of directives that are missing."""

from __future__ import annotations

from collections.abc import Iterator

from policybuilder.evaluation.csp_evaluator import findings
from policybuilder.evaluation.csp_evaluator.findings import PeerFinding
from policybuilder.evaluation.csp_evaluator.reading import PeerPolicy


def check_missing(effective: PeerPolicy) -> Iterator[PeerFinding]:
    if not effective.values(effective.governing("object-src")):
        yield PeerFinding(findings.MISSING_OBJECT_SRC, "object-src")
    if effective.governing("script-src") not in effective.directives:
        has_parts = {"script-src-elem", "script-src-attr"} <= effective.directives.keys()
        flaw = findings.MISSING_SCRIPT_SRC_BESIDE_ITS_PARTS if has_parts else findings.MISSING_SCRIPT_SRC
        yield PeerFinding(flaw, "script-src")
    if _needs_base_uri(effective) and "base-uri" not in effective.directives:
        yield PeerFinding(findings.MISSING_BASE_URI, "base-uri")


def _needs_base_uri(effective: PeerPolicy) -> bool:
    scripts = effective.governing("script-src")
    is_strict = "'strict-dynamic'" in effective.values(scripts)
    return effective.has_nonce(scripts) or (is_strict and effective.has_hash(scripts))
