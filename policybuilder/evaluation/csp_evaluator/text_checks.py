"""Checks of what is written: names and values that are wrong in whatever directive they stand."""

from __future__ import annotations

from collections.abc import Iterator

from policybuilder.evaluation.csp_evaluator import findings, vocabulary
from policybuilder.evaluation.csp_evaluator.findings import Flaw, PeerFinding
from policybuilder.evaluation.csp_evaluator.reading import PeerPolicy
from policybuilder.evaluation.csp_evaluator.values import Value, keyword_flaw


def check_names(effective: PeerPolicy) -> Iterator[PeerFinding]:
    for name in vocabulary.DEPRECATED_DIRECTIVES:
        if name in effective.directives:
            yield PeerFinding(findings.DEPRECATED_DIRECTIVE, name)
    for name in effective.directives:
        if name not in vocabulary.DIRECTIVES:
            flaw = findings.DIRECTIVE_WITH_COLON if name.endswith(":") else findings.UNKNOWN_DIRECTIVE
            yield PeerFinding(flaw, name)


def check_values(effective: PeerPolicy) -> Iterator[PeerFinding]:
    for directive, value in effective.odd_values:
        for flaw in value.flaws:
            yield PeerFinding(_worded_for(directive, flaw), directive, value.text)
        if flaw_as_keyword := _keyword_flaw(directive, value):
            yield PeerFinding(flaw_as_keyword, directive, value.text)


def _worded_for(directive: str, flaw: Flaw) -> Flaw:
    return findings.REPORTS_OVER_HTTP if flaw is findings.SRC_HTTP and directive == "report-uri" else flaw


def _keyword_flaw(directive: str, value: Value) -> Flaw | None:
    keywords = vocabulary.TRUSTED_TYPES_KEYWORDS.get(directive)
    return value.keyword_flaw if keywords is None else keyword_flaw(value.text, keywords)
