"""Contradictions: what a report says that no browser writes, since its own parts do not fit together.

Whoever makes a report up has to know more than its format. None of this says who did: an old browser or a proxy may
have put it together, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from policybuilder.csp import Directive, Disposition, Policy, parse_serialized_policy, parse_url
from policybuilder.csp.directives import (
    FALLBACKS,
    INLINE_DIRECTIVES,
    KNOWN_DIRECTIVES,
    LIST_DIRECTIVES,
    REPORTING_DIRECTIVES,
    SCRIPT_DIRECTIVES,
)
from policybuilder.csp.sources import Keyword
from policybuilder.csp.violation import Violation
from policybuilder.reports.normalization import MAX_POLICY_CHARACTERS, clean_url
from policybuilder.reports.wire import WireReport, text_of

_UNREAL = re.compile(r"[^A-Za-z0-9._\[\]:-]")

_MAX_SAMPLE_UNITS = 41  # forty, and the mark by which Firefox says that it cut

# What each word can be blocked by: https://w3c.github.io/webappsec-csp/#violation-resource
_EVAL_DIRECTIVES = SCRIPT_DIRECTIVES | {"default-src"}
_WORDS: dict[str, frozenset[str]] = {
    "inline": INLINE_DIRECTIVES,
    "eval": _EVAL_DIRECTIVES | {"require-trusted-types-for"},
    "wasm-eval": _EVAL_DIRECTIVES,
    "trusted-types-policy": frozenset({"trusted-types"}),
    "trusted-types-sink": frozenset({"require-trusted-types-for"}),
}
_ONLY_WORD = {"require-trusted-types-for": "trusted-types-sink", "trusted-types": "trusted-types-policy"}

# Named in place of what governs by browsers that ask about hints, or that knew less.
_NAMED_FOR_OTHERS = frozenset({"default-src", "child-src", "prefetch-src"})


@dataclass(frozen=True, slots=True)
class Sign:
    """Something in a report that no browser of today writes."""

    text: str
    """One clause for people."""

    is_proof: bool
    """No browser ever wrote it; otherwise an old one, or one asked in another way, may have."""


def signs_of_forgery(report: WireReport, violation: Violation) -> tuple[Sign, ...]:
    """What in a report of a violation does not fit together, proofs first."""
    found = [*_proofs(report, violation), *_oddities(report, violation)]
    return tuple(sorted(found, key=lambda sign: not sign.is_proof))


def _proofs(report: WireReport, violation: Violation) -> Iterator[Sign]:
    for text in (
        _misplaced_word(violation),
        _two_directives(report, violation),
        _ungoverned(violation),
        _two_pages(report, violation),
        _unreal_host(violation),
        _crowded_directive(report),
    ):
        if text:
            yield Sign(text, is_proof=True)


def _misplaced_word(violation: Violation) -> str:
    directive, blocked = violation.effective_directive, violation.blocked_uri
    if directive not in KNOWN_DIRECTIVES:
        return ""
    if blocked in _WORDS and directive not in _WORDS[blocked]:
        return f"{directive} never blocks {blocked}"
    only = _ONLY_WORD.get(directive)
    if only and blocked not in {only, "eval", "", "self"}:
        return f"{directive} blocks {only} alone, and no {blocked}"
    return ""


def _two_directives(report: WireReport, violation: Violation) -> str:
    """Browsers name the same directive twice, or, as old ones do, the one that stood in for it."""
    violated = text_of(report.members, "violated-directive", "violatedDirective").split(None, 1)
    effective = violation.effective_directive
    if not violated or effective not in KNOWN_DIRECTIVES:
        return ""
    name = violated[0].lower()
    if name not in KNOWN_DIRECTIVES or name in _family(effective) or effective in _family(name):
        return ""
    return f"it names two directives that never stand in for each other: {effective} and {name}"


def _family(name: str) -> tuple[str, ...]:
    return FALLBACKS.get(name, (name,))


def _ungoverned(violation: Violation) -> str:
    directive = violation.effective_directive
    policy = recorded_policy(violation)
    is_asked = (directive in FALLBACKS or directive in LIST_DIRECTIVES) and directive not in _NAMED_FOR_OTHERS
    if not policy.directives or not is_asked or policy.governing(directive) is not None:
        return ""
    chain = " or ".join(_family(directive))
    return f"its policy has no {chain}, so there was nothing to violate"


def recorded_policy(violation: Violation) -> Policy:
    """The policy that the report says it came under, as its disposition has it read."""
    is_report_only = violation.disposition is Disposition.REPORT
    disposition = Disposition.REPORT if is_report_only else Disposition.ENFORCE
    return parse_serialized_policy(violation.original_policy, disposition=disposition)


def _two_pages(report: WireReport, violation: Violation) -> str:
    page, envelope = parse_url(violation.document_uri), parse_url(clean_url(report.envelope_url))
    if page is None or envelope is None or not (page.host and envelope.host) or page.origin == envelope.origin:
        return ""
    return f"its envelope is of a page on {envelope.origin}, its body of one on {page.origin}"


def _unreal_host(violation: Violation) -> str:
    """URL parsers let more through than names of the network may hold: `*`, quotes."""
    url = parse_url(violation.blocked_uri)
    if url is None or not _UNREAL.search(url.host):
        return ""
    return f"no machine is called {url.host}, from which it says something was asked for"


def _crowded_directive(report: WireReport) -> str:
    """Old browsers put the whole directive into the one member, but nothing that ends a directive."""
    effective = text_of(report.members, "effective-directive", "effectiveDirective")
    if len(effective.split()) > 1:
        return "its effective directive is more than a name"
    violated = text_of(report.members, "violated-directive", "violatedDirective")
    return "its violated directive is more than one" if re.search("[;,]", violated) else ""


def _oddities(report: WireReport, violation: Violation) -> Iterator[Sign]:
    sample = text_of(report.members, "script-sample", "scriptSample", "sample")
    if violation.blocked_uri.startswith("trusted-types"):
        sample = ""
    units = len(sample.encode("utf-16-le", "surrogatepass")) // 2
    if units > _MAX_SAMPLE_UNITS:
        yield Sign(f"its sample has {units:,} characters, and browsers cut at 40", is_proof=False)
    text = text_of(report.members, "original-policy", "originalPolicy")
    if not text or len(text) > MAX_POLICY_CHARACTERS:
        return
    policy = parse_serialized_policy(text)
    if not any(policy.directive(name) for name in REPORTING_DIRECTIVES):
        yield Sign(
            "its policy has neither report-uri nor report-to, so no browser had anywhere to send it", is_proof=False
        )
    governing = policy.governing(violation.effective_directive)
    if sample and governing is not None and not _asks_for_samples(governing):
        yield Sign(f"it has a sample, and {governing.name} has no 'report-sample' that asks for one", is_proof=False)


def _asks_for_samples(directive: Directive) -> bool:
    return Keyword.REPORT_SAMPLE in directive.sources
