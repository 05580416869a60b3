"""Assembly: tokens in the order in which a policy is printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policybuilder.csp import (
    Directive,
    ExtendedHashSource,
    HashSource,
    HostSource,
    KeywordSource,
    NonceSource,
    Policy,
    SchemeSource,
    parse_source_expression,
)
from policybuilder.suggestion.drafting import Token
from policybuilder.suggestion.sorting import is_script_like
from policybuilder.suggestion.trust import PoisonMargin, PoisonMargins, Tier
from policybuilder.suggestion.values import SuggestedDirective, SuggestedSource, evidence_of


def printed(tokens: Mapping[str, Mapping[str, Token]], margins: PoisonMargins) -> tuple[SuggestedDirective, ...]:
    """Directives in order, each with its sources in order."""
    return tuple(
        SuggestedDirective(name=name, sources=suggested(name, tokens[name], margins))
        for name in sorted(tokens, key=directive_order)
    )


def directive_order(name: str) -> tuple[int, str]:
    """default, script*, style*, then by name."""
    first = [rank for rank, prefix in enumerate(("default-src", "script-src", "style-src")) if name.startswith(prefix)]
    return (*first, 3)[0], name


def suggested(directive: str, sources: Mapping[str, Token], margins: PoisonMargins) -> tuple[SuggestedSource, ...]:
    """`'none'`, if a person said so, gives way to any source, as in browsers."""
    return tuple(
        SuggestedSource(
            source=source,
            rule=sources[source].rule,
            reason=sources[source].reason,
            tier=sources[source].tier,
            evidence=evidence_of(sources[source].groups),
            margin=_margin(directive, source, sources[source], margins),
        )
        for source in sorted(sources, key=source_order)
        if source != "'none'" or len(sources) == 1
    )


def _margin(directive: str, source: str, token: Token, margins: PoisonMargins) -> PoisonMargin | None:
    """What it would have cost strangers to bring it about; None where they could not."""
    if token.tier not in {Tier.AUTO, Tier.TRUSTED}:
        return None
    if not is_script_like(directive, source):
        return margins.usual
    return margins.of_code if token.is_forgeable else None


def source_order(source: str) -> tuple[int, str]:
    """By kind, then text: what a reader looks for first stands first."""
    match parse_source_expression(source):
        case KeywordSource():
            return (0 if source == "'self'" else 1, source)
        case SchemeSource():
            return (2, source)
        case HostSource():
            return (3, source)
        case NonceSource():
            return (4, source)
        case HashSource() | ExtendedHashSource():
            return (5, source)
        case None:
            return (6, source)


def base(reason: str) -> SuggestedSource:
    return SuggestedSource(source="'none'", rule="base", reason=reason)


def policy_of(directives: Sequence[SuggestedDirective]) -> Policy | None:
    """The printed policy. What cannot be read back as it was written is a bug, and Directive refuses it."""
    if not directives:
        return None
    return Policy(
        tuple(
            Directive(directive.name, tuple(source.source for source in directive.sources)) for directive in directives
        )
    )
