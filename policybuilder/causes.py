"""Causes: why a report came, told from its class, from what does not fit together in it, and from its own policy."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policybuilder.csp import InlineType, Question, Verdict
from policybuilder.csp.decision import ASKED_DIRECTIVES
from policybuilder.csp.directives import FETCH_DIRECTIVES
from policybuilder.csp.examination import Part, inline_type_of
from policybuilder.csp.urls import parse_blocked, parse_page
from policybuilder.csp.violation import Violation
from policybuilder.evidence import EvidenceClass
from policybuilder.matching_step import Step
from policybuilder.reports.contradictions import Sign
from policybuilder.reports.normalization import INVALID
from policybuilder.reports.wire import WireReport, text_of

_MAX_QUOTED_CHARACTERS = 80


class Cause(enum.StrEnum):
    """Why a report came."""

    EXTENSION = "extension"
    """A browser extension did something in the page."""

    INJECTED = "injected"
    """Something between the site and its visitor changed the page: an antivirus, a proxy, an app's own browser."""

    BOT = "bot"
    """A program visited the page."""

    REDIRECT = "redirect"
    """The report's own policy allows the URL, so it led to another one, which no report names."""

    SUPERSEDED = "superseded"
    """It came under a policy that the site no longer serves; only known where its deployments are."""

    FOREIGN_HOST = "foreign-host"
    """The page is not one of the site's."""

    ATTACK_LIKE = "attack-like"
    """Somebody may have tried to inject code."""

    MALFORMED = "malformed"
    """No browser sends such a report."""

    FORGED_LOOKING = "forged-looking"
    """Each part could be a browser's, but not all of them together."""

    NO_VIOLATION = "no-violation"
    """A report of another type: nothing was blocked."""

    REAL = "real"
    """The site's own page asked for it, as far as one report tells."""


_CAUSES = {
    EvidenceClass.EXTENSION: Cause.EXTENSION,
    EvidenceClass.INJECTED: Cause.INJECTED,
    EvidenceClass.BOT: Cause.BOT,
    EvidenceClass.FOREIGN_HOST: Cause.FOREIGN_HOST,
    EvidenceClass.ATTACK_LIKE: Cause.ATTACK_LIKE,
    EvidenceClass.MALFORMED: Cause.MALFORMED,
    EvidenceClass.SUPERSEDED: Cause.SUPERSEDED,
}
"""Of the classes that leave no question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A report of a violation, and what was found out about it."""

    item: WireReport
    violation: Violation
    question: Question
    """What it most likely means."""

    step: Step
    signs: Sequence[Sign]
    evidence_class: EvidenceClass
    rule_reason: str
    """What the rule that chose the class says of such reports."""


def cause_of(case: Case) -> tuple[Cause, str]:
    """The cause, and how this report shows it."""
    if case.evidence_class is EvidenceClass.MALFORMED:
        return Cause.MALFORMED, "; ".join(_invalid_values(case.item, case.violation)) or case.rule_reason
    if case.evidence_class is EvidenceClass.SUPERSEDED:
        return Cause.SUPERSEDED, "it came under a policy that the site no longer serves"
    if cause := _CAUSES.get(case.evidence_class):
        return cause, case.rule_reason
    if proofs := [sign.text for sign in case.signs if sign.is_proof]:
        return Cause.FORGED_LOOKING, "; ".join(proofs)
    decision = case.step.decision
    is_allowed = decision is not None and decision.verdict is Verdict.ALLOW
    if is_allowed or case.evidence_class is EvidenceClass.CONTRADICTION:
        by = f" by {decision.matched_by}" if decision and decision.matched_by else ""
        if _can_redirect(case.question):
            return Cause.REDIRECT, f"its own policy allows this URL{by}: what it redirected to was blocked"
        return Cause.FORGED_LOOKING, f"its own policy allows this{by}, and nothing redirects it"
    return Cause.REAL, _real(case.violation, case.question, case.step)


def _invalid_values(item: WireReport, violation: Violation) -> Iterator[str]:
    """What is no browser's, as it was sent."""
    names = {
        "directive": (
            violation.effective_directive,
            ("effective-directive", "effectiveDirective", "violated-directive", "violatedDirective"),
        ),
        "blocked URI": (violation.blocked_uri, ("blocked-uri", "blockedURL", "blockedURI")),
        "page": (violation.document_uri, ("document-uri", "documentURL", "documentURI")),
    }
    for what, (value, members) in names.items():
        if value == INVALID:
            yield f"no browser writes the {what} {_quoted(text_of(item.members, *members) or item.envelope_url)}"


def _quoted(text: str) -> str:
    cut = text if len(text) <= _MAX_QUOTED_CHARACTERS else text[: _MAX_QUOTED_CHARACTERS - 1] + "…"
    return f'"{cut}"'


def _can_redirect(question: Question) -> bool:
    """https://w3c.github.io/webappsec-csp/#create-violation-for-request"""
    url = None if question.blocked is None else parse_blocked(question.blocked)
    is_request = question.directive in FETCH_DIRECTIVES or question.directive == "form-action"
    return is_request and url is not None and url.scheme in {"http", "https"}


_INLINE = {
    InlineType.SCRIPT: "an inline script without a nonce or digest of the policy's",
    InlineType.SCRIPT_ATTRIBUTE: "an inline event handler, which takes a digest and 'unsafe-hashes'",
    InlineType.NAVIGATION: "a javascript: URL, which takes a digest and 'unsafe-hashes'",
    InlineType.SPECULATION_RULES: "inline speculation rules without a nonce or digest of the policy's",
    InlineType.STYLE: "an inline <style> without a nonce or digest of the policy's",
    InlineType.STYLE_ATTRIBUTE: "a style attribute, which takes a digest and 'unsafe-hashes'",
}


def _real(violation: Violation, question: Question, step: Step) -> str:
    directive, blocked = question.directive, question.blocked
    if directive not in ASKED_DIRECTIVES:
        return f"it names {directive}, which no known browser checks"
    if (inline_type := inline_type_of(question)) is not None:
        return _INLINE[inline_type]
    if blocked == "eval":
        return "code makes code from text (eval, new Function, a string for a timer)"
    if blocked == "wasm-eval":
        return "code compiles WebAssembly"
    if directive == "trusted-types":
        return "code makes a Trusted Types policy of a name that is not listed, or taken"
    if directive == "require-trusted-types-for":
        sink = violation.sample.partition("|")[0]
        return f"plain text reaches the sink {_quoted(sink)}" if sink else "plain text reaches a sink"
    if directive == "frame-ancestors":
        return "another page frames this one, which it may not; no browser says which"
    return _unlisted(question, step)


def _unlisted(question: Question, step: Step) -> str:
    """What about the URL no source expression covers."""
    url = None if question.blocked is None else parse_blocked(question.blocked)
    page = None if question.page is None else parse_page(question.page)
    if url is None:
        return "the report does not name what was blocked"
    if question.hint is not None:
        return f"a {question.hint} of {url.host or url.scheme}, which no fetch directive admits"
    listed = [each for each in step.sources if each.misses not in {None, Part.HOST}]
    for part in (Part.PATH, Part.PORT, Part.SCHEME):
        near = next((each for each in listed if each.misses is part and "." in each.source), None)
        if near is not None:
            return f"{_MISMATCHES[part]}: {near.source} is listed, but {near.why}"
    if doubt := next((each for each in step.sources if each.verdict is Verdict.UNKNOWN), None):
        return f"whether {doubt.source} covers it cannot be told: {doubt.why}"
    if not url.is_network:
        return f"{url.scheme}: is not listed"
    if any("strict-dynamic" in each.source.lower() for each in step.sources) and "script" in question.directive:
        return "a script in the markup without a nonce: under 'strict-dynamic' its host does not count"
    if page is not None and url.origin == page.origin:
        return "the site's own file, and 'self' is not listed"
    if page is not None and url.host == page.host:
        return "the site's own host by another scheme or port, which is not listed"
    return f"a third party that is not listed: {url.host}"


_MISMATCHES = {Part.PATH: "path mismatch", Part.PORT: "wrong port", Part.SCHEME: "wrong scheme"}
