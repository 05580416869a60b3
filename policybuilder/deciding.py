"""Deciding: what a person may answer, checked before it is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from policybuilder.csp import NONCE_PLACEHOLDER, NonceSource, parse_source_expression
from policybuilder.csp.directives import LIST_DIRECTIVES, SOURCE_LIST_DIRECTIVES
from policybuilder.decisions import Decision, DecisionAction, rejecting_initiator
from policybuilder.errors import CspbuildError
from policybuilder.evidence import EvidenceClass
from policybuilder.initiators import parse_initiator, parse_initiator_pattern
from policybuilder.program import site_flag, typed

CLASSES = tuple(each for each in EvidenceClass if each is not EvidenceClass.SUPERSEDED)
"""What a person may say of a group; whether it is superseded, deployments tell."""

_NEVER_WIDENED = frozenset({"child-src", "default-src", "fenced-frame-src"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A decision to be made; see `Decision` for the members."""

    action: DecisionAction
    subject: str = ""
    directive: str = ""
    loaded_by: str = ""
    evidence_class: EvidenceClass | None = None


def allowing(expression: str, directive: str) -> Answer:
    """Admit a source expression under a directive. Raises CspbuildError for what would mean nothing, or too much."""
    directive = checked_directive(directive)
    if directive in _NEVER_WIDENED:
        raise CspbuildError(f"{directive} stands in for others; list the source under the directive of its kind")
    source = parse_source_expression(expression)
    if source is None and not (expression == "'none'" and directive in LIST_DIRECTIVES):
        raise CspbuildError(
            f"{expression!r} is no source expression; write https://cdn.example, *.example.com, data: or 'unsafe-eval'"
        )
    if isinstance(source, NonceSource) and source.value != NONCE_PLACEHOLDER:
        raise CspbuildError(
            f"a fixed nonce protects nothing: whoever injects code reads it in any page; write "
            f"'nonce-{NONCE_PLACEHOLDER}' for one that is made for each response"
        )
    if expression.lower() == "'unsafe-inline'" and directive.endswith(("-elem", "-attr")):
        parent = directive.rpartition("-")[0]
        raise CspbuildError(
            f"{directive} is printed as part of {parent}, where 'unsafe-inline' would let in all inline code; "
            f"say --directive {parent} if you mean that"
        )
    return Answer(action=DecisionAction.ALLOW, subject=_text(expression), directive=directive)


def trusting(origin: str, directive: str, standing: Iterable[Decision], site: str) -> Answer:
    """Trust what an origin loads, under the directive or any.

    Raises CspbuildError for what is no origin, and where one of the `standing` decisions would make it mean nothing.
    """
    origin, directive = parse_initiator(origin), _any_directive(directive)
    if directive in _NEVER_WIDENED:
        raise CspbuildError(f"{directive} stands in for others; leave --directive out, or name the one of its kind")
    against = rejecting_initiator(standing, origin, directive)
    if against is not None:
        raise CspbuildError(
            f"decision {against.number} is to {against.action} what {against.loaded_by} loads; take it back first:  "
            f"{typed('cspbuild')} decide undo {against.number}{site_flag(site)}"
        )
    return Answer(action=DecisionAction.ALLOW, loaded_by=origin, directive=directive)


def refusing(action: DecisionAction, pattern: str, directive: str) -> Answer:
    """Reject or ignore what a pattern means. Raises CspbuildError for one that means nothing."""
    return Answer(action=action, subject=_text(pattern), directive=_any_directive(directive))


def refusing_initiator(action: DecisionAction, pattern: str, directive: str) -> Answer:
    """Reject or ignore all that such an origin or host loads. Raises CspbuildError for what names none."""
    directive = _any_directive(directive)
    return Answer(action=action, loaded_by=parse_initiator_pattern(pattern), directive=directive)


def classing(fingerprint: str, evidence_class: EvidenceClass) -> Answer:
    """Say of what class a group is. Raises CspbuildError for a class that is not a person's to give."""
    if evidence_class not in CLASSES:
        raise CspbuildError("choose a class")
    return Answer(action=DecisionAction.CLASS, subject=fingerprint, evidence_class=evidence_class)


def checked_directive(text: str) -> str:
    """The name of a directive with a source list. Raises CspbuildError for another."""
    name = text.strip().lower()
    if name not in SOURCE_LIST_DIRECTIVES:
        known = ", ".join(sorted(SOURCE_LIST_DIRECTIVES))
        raise CspbuildError(f"{text!r} is no directive with a source list; there are {known}")
    return name


def _any_directive(text: str) -> str:
    return checked_directive(text) if text else ""


def _text(pattern: str) -> str:
    """Raises CspbuildError for what means nothing, or cannot be shown."""
    if not pattern.strip() or any(ord(character) < 32 for character in pattern):
        raise CspbuildError("the pattern is empty, or has control characters in it")
    return pattern.strip()
