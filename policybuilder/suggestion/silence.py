"""Silence: what the observed policies allowed was loaded without a report, so it is kept."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from policybuilder.csp import (
    NONCE_PLACEHOLDER,
    ExtendedHashSource,
    HashSource,
    HostSource,
    Keyword,
    KeywordSource,
    NonceSource,
    Policy,
    SchemeSource,
    SourceExpression,
    SourceList,
    parse_serialized_policy,
    parse_source_expression,
    parse_source_list,
)
from policybuilder.csp.subsumption import expression_covers
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.suggestion.trust import NO_PREVALENCE, NO_REACH, Prevalence, Thresholds, missing

_NEVER_KEPT = frozenset(
    {
        Keyword.REPORT_SAMPLE,
        Keyword.REPORT_SHA256,
        Keyword.REPORT_SHA384,
        Keyword.REPORT_SHA512,
    }
)
"""They ask for reports and admit nothing."""

_CODE_KEYWORDS = frozenset({Keyword.UNSAFE_EVAL, Keyword.WASM_UNSAFE_EVAL, Keyword.TRUSTED_TYPES_EVAL})


_MAX_CLAIMED = 10
_MAX_CLAIMED_SOURCES = 200
"""Anybody may claim any number of policies of any length, and each source of each is put to all the others."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The policies under which evidence came in."""

    policies: tuple[Policy, ...]
    are_vouched: bool
    """Whether trusted evidence named them; anybody can claim any policy in a report."""


def observed_policies(
    groups: Iterable[ViolationGroup],
    prevalence: Prevalence = NO_PREVALENCE,
    thresholds: Thresholds | None = None,
) -> Observed:
    """The policies whose silence counts: those that trusted evidence named.

    Without any such evidence, those that many strangers named; and on a site with too few visitors to tell, those that
    were named most. Trusted reports of browsers that name no policy still silence what strangers claim.
    """
    thresholds = thresholds or Thresholds()
    heard = [group for group in groups if not group.is_noise and group.evidence_class is not EvidenceClass.ATTACK_LIKE]
    trusted = [group for group in heard if group.trusted_reports]
    if trusted:
        vouched = {policy for group in trusted for policy in group.vouched_policies}
        return Observed(tuple(map(parse_serialized_policy, sorted(vouched))), are_vouched=True)
    # Of all that were named: the list of a group's policies is short enough to be filled up by a stranger.
    believed = {policy for policy, reach in prevalence.policies.items() if not missing(reach, prevalence, thresholds)}
    if not believed and prevalence.audience < thresholds.min_audience:
        claimed = {count.policy for group in heard for count in group.policies}
        reporters = {policy: prevalence.policies.get(policy, NO_REACH).reporters for policy in claimed}
        most = max(reporters.values(), default=0)
        often = [policy for policy in claimed if 2 * reporters[policy] >= most]
        believed = set(sorted(often, key=lambda policy: (-reporters[policy], policy))[:_MAX_CLAIMED])
    return Observed(tuple(map(parse_serialized_policy, sorted(believed))), are_vouched=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """What silence says of one directive."""

    sources: tuple[str, ...]
    """Expressions that every observed policy admits, so that no report could have told of their use."""

    is_probed: bool
    """Whether some observed policy restricted the directive at all; if none did, anything may be in use."""


def kept_sources(
    directive: str, observed: Sequence[Policy], document_origins: Collection[str], *, are_vouched: bool = True
) -> Kept:
    """What the `observed` policies allowed under `directive` (a parent: `script-src`, not `script-src-elem`).

    `document_origins` are what 'self' stands for, so that `https:` is known to cover it. Of policies that nobody
    vouches for only so many sources are looked at.
    """
    own = [source for source in map(parse_source_expression, sorted(document_origins)) if source is not None]
    lists = [_lists(policy, directive, own) for policy in observed]
    restricting = [found for found in lists if found is not None]
    if not restricting:
        return Kept((), is_probed=False)
    limit = None if are_vouched else _MAX_CLAIMED_SOURCES
    kept = {
        str(expression): None
        for found in restricting
        for expression in islice(found.expressions(), limit)
        if all(other.admits(expression) for other in restricting)
    }
    return Kept(tuple(kept), is_probed=True)


def inline_kept_apart(directive: str, observed: Sequence[Policy]) -> str | None:
    """`-attr` or `-elem` where every observed policy allows all inline code of that kind alone, else None.

    Folded into the parent it would be lost, or let in the other kind too.
    """
    restricting = [found for found in (_lists(policy, directive, ()) for policy in observed) if found is not None]
    if directive not in {"script-src", "style-src"} or not restricting:
        return None
    elements = all(_allows_all_inline(found.elements) for found in restricting)
    attributes = all(_allows_all_inline(found.attributes) for found in restricting)
    if elements == attributes:
        return None
    return "-elem" if elements else "-attr"


def is_harmless(source: str, directive: str) -> bool:
    """Whether a source may be kept on the word of strangers: it names no third party and runs no code."""
    if source == "'self'":
        return True
    if directive in {"img-src", "media-src"}:
        return source in {"data:", "blob:"}
    return directive == "style-src" and source == "'unsafe-inline'"


def kept_without_reports(directive: str, observed: Observed) -> tuple[str, ...] | None:
    """The value to keep of `sandbox` or `upgrade-insecure-requests`, which report nothing; None to leave it out.

    Kept where every observed policy has it, with what any of them lets a sandboxed page do; never on the word of
    strangers.
    """
    if not observed.policies or not observed.are_vouched:
        return None
    found = [policy.directive(directive) for policy in observed.policies]
    if not all(found):
        return None
    values = {value.lower() for member in found if member is not None for value in member.values}
    return tuple(sorted(value for value in values if _SANDBOX_FLAG.fullmatch(value)))


# https://html.spec.whatwg.org/multipage/iframe-embed-object.html#attr-iframe-sandbox
_SANDBOX_FLAG = re.compile(r"allow-[a-z]+(?:-[a-z]+)*")


@dataclass(frozen=True, slots=True)
class _Lists:
    """The lists of one policy that stand behind a parent directive: they differ where -elem and -attr are given."""

    elements: SourceList
    attributes: SourceList
    parent: SourceList
    own_origins: Sequence[SourceExpression]
    takes_code: bool
    """Whether nonces, hashes and keywords mean anything: for scripts and styles."""

    def expressions(self) -> Iterable[SourceExpression]:
        for found in (self.elements, self.attributes, self.parent):
            for _, expression in found.expressions:
                match expression:
                    case SchemeSource() | HostSource() | KeywordSource(Keyword.SELF):
                        yield expression
                    case KeywordSource(keyword) if keyword in _NEVER_KEPT or not self.takes_code:
                        continue
                    case ExtendedHashSource():
                        # Outside Chromium's trial it admits nothing, and in Chromium it switches others off.
                        continue
                    case NonceSource() if self.takes_code:
                        yield NonceSource(NONCE_PLACEHOLDER)
                    case _ if self.takes_code:
                        yield expression

    def admits(self, expression: SourceExpression) -> bool:
        """Whether what `expression` admits would have gone unreported under this policy."""
        match expression:
            case KeywordSource(keyword) if keyword in _CODE_KEYWORDS:
                return keyword in self.parent
            case KeywordSource(Keyword.SELF):
                return self._admits_url(expression) or (
                    bool(self.own_origins) and all(self._admits_url(own) for own in self.own_origins)
                )
            case SchemeSource() | HostSource():
                return self._admits_url(expression)
            case KeywordSource(Keyword.UNSAFE_INLINE):
                return _allows_all_inline(self.elements) and _allows_all_inline(self.attributes)
            case KeywordSource(Keyword.UNSAFE_HASHES):
                return Keyword.UNSAFE_HASHES in self.attributes or _allows_all_inline(self.attributes)
            case KeywordSource(keyword):
                return all(keyword in found for found in (self.elements, self.attributes))
            case NonceSource():
                # Canonical policies have one placeholder for every nonce.
                return bool(self.elements.nonces) or _allows_all_inline(self.elements)
            case HashSource():
                # An attribute's hash is folded into the parent: what it admits besides is a script of the same text.
                listed = any(own == expression for _, own in (*self.elements.hashes, *self.attributes.hashes))
                return listed or _allows_all_inline(self.elements)
            case ExtendedHashSource():
                return False

    def _admits_url(self, expression: SourceExpression) -> bool:
        return any(expression_covers(own, expression) for _, own in self.elements.expressions)


def _allows_all_inline(sources: SourceList) -> bool:
    """https://w3c.github.io/webappsec-csp/#allow-all-inline"""
    is_switched_off = sources.nonces or sources.hashes or Keyword.STRICT_DYNAMIC in sources
    return Keyword.UNSAFE_INLINE in sources and not is_switched_off


def _lists(policy: Policy, directive: str, own: Sequence[SourceExpression]) -> _Lists | None:
    """None where the policy leaves the directive unrestricted."""
    parent = _governing(policy, directive)
    if directive not in {"script-src", "style-src"}:
        return None if parent is None else _Lists(parent, parent, parent, own, takes_code=False)
    elements, attributes = _governing(policy, f"{directive}-elem"), _governing(policy, f"{directive}-attr")
    if elements is None and attributes is None and parent is None:
        return None
    return _Lists(elements or _ANYTHING, attributes or _ANYTHING, parent or _ANYTHING, own, takes_code=True)


def _governing(policy: Policy, directive: str) -> SourceList | None:
    found = policy.governing(directive)
    return None if found is None else found.sources


_ANYTHING = parse_source_list(("*", "data:", "blob:", "'unsafe-inline'", "'unsafe-eval'"))
"""What an element or attribute list admits where neither it nor a fallback is given."""
