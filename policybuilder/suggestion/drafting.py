"""Drafting: the sources of a policy in the making, each with what speaks for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from policybuilder.csp import HostSource, origin_of, parse_source_expression
from policybuilder.csp.subsumption import expression_covers
from policybuilder.decisions import DecisionAction
from policybuilder.evidence import ViolationGroup
from policybuilder.server_buffers import REFUSE_BYTES
from policybuilder.suggestion.budget import Step, fit
from policybuilder.suggestion.candidates import JAVASCRIPT_URL
from policybuilder.suggestion.silence import Observed, is_harmless, kept_sources
from policybuilder.suggestion.sorting import Grounds, SortedGroups, decided_source, is_rejected
from policybuilder.suggestion.trust import Tier

FETCH_DIRECTIVES = (
    "script-src",
    "style-src",
    "connect-src",
    "font-src",
    "frame-src",
    "img-src",
    "manifest-src",
    "media-src",
    "object-src",
    "worker-src",
)
"""Those a suggestion prints, in its order; default-src stands before and the others between them by name."""

INLINE_DIRECTIVES = ("script-src-attr", "style-src-attr")
"""Printed apart where digests admit attributes, which those of elements must not."""

NEVER_ASSUMED = ("form-action", "frame-ancestors")
"""Closed only where hardly anybody says that it would refuse something."""

UNSAFE_HASHES = "'unsafe-hashes'"
UNSAFE_INLINE = "'unsafe-inline'"


@dataclass(slots=True)
class Token:
    """A source on its way into the policy."""

    rule: str
    reason: str
    tier: Tier
    groups: list[ViolationGroup] = field(default_factory=list)
    is_forgeable: bool = False
    """See `Admit`: nothing that strangers cannot write names the source itself."""


@dataclass(slots=True)
class Draft:
    """The policy in the making."""

    tokens: dict[str, dict[str, Token]]
    """By directive and source."""

    unprobed: set[str] = field(default_factory=set)
    """Directives that no observed policy restricted."""

    unvouched: list[tuple[str, str]] = field(default_factory=list)
    """Directive and source that a policy allows which only strangers' reports name."""

    @property
    def open_fetch_directives(self) -> list[str]:
        """Fetch directives of which nothing is known: the policy must leave them as they are."""
        return [name for name in FETCH_DIRECTIVES if name in self.unprobed and not self.tokens[name]]

    @property
    def open_directives(self) -> list[str]:
        unknown = (name for name in NEVER_ASSUMED if name in self.unprobed and not self.tokens[name])
        return [*self.open_fetch_directives, *unknown]


def draft_sources(sorted_groups: SortedGroups, observed: Observed, origins: Sequence[str], grounds: Grounds) -> Draft:
    """What evidence adds and silence keeps."""
    names = (*FETCH_DIRECTIVES, *INLINE_DIRECTIVES, "base-uri", *NEVER_ASSUMED)
    draft = Draft({name: {} for name in names})
    for decision in grounds.decisions:
        directive, source = decided_source(decision)
        if (
            decision.action is DecisionAction.ALLOW
            and directive in draft.tokens
            and not is_rejected(directive, source, grounds.decisions)
        ):
            reason = decision.note or "a person allowed it"
            draft.tokens[directive].setdefault(source, Token("decided", reason, Tier.DECIDED))
    for group, admit, tier in sorted_groups.admitted:
        new = Token(admit.rule, admit.reason, tier, is_forgeable=admit.is_forgeable)
        token = draft.tokens[admit.directive].setdefault(admit.source, new)
        token.is_forgeable = token.is_forgeable and admit.is_forgeable
        if token.tier is Tier.AUTO and tier is Tier.TRUSTED:
            # The one that no stranger could have brought about says more.
            token.tier = tier
        token.groups.append(group)
    for directive, sources in draft.tokens.items():
        if directive in INLINE_DIRECTIVES:
            continue
        kept = kept_sources(directive, observed.policies, origins, are_vouched=observed.are_vouched)
        if not kept.is_probed:
            draft.unprobed.add(directive)
        for source in kept.sources:
            if source in sources or is_rejected(directive, source, grounds.decisions):
                continue
            if observed.are_vouched or is_harmless(source, directive):
                sources[source] = Token(
                    "unobserved-kept",
                    "every observed policy allowed it, so no report could tell whether it is used",
                    Tier.KEPT,
                )
            else:
                draft.unvouched.append((directive, source))
        drop_covered(sources)
    _add_own_forms(draft.tokens["form-action"], grounds, is_probed="form-action" not in draft.unprobed)
    for directive in INLINE_DIRECTIVES:
        _settle_inline(draft.tokens[directive.removesuffix("-attr")], draft.tokens[directive])
    return draft


def _add_own_forms(forms: dict[str, Token], grounds: Grounds, *, is_probed: bool) -> None:
    """Let a site that has forms send them to itself, whether or not that was reported.

    Firefox loses most reports of a page that is being left, which is what sending a form does. A form that goes
    elsewhere may be what somebody put into the page, so the source of a page speaks for none.
    """
    tiers = [token.tier for token in forms.values() if token.groups]
    if is_probed and any(origin_of(form.page) == origin_of(form.url) for form in grounds.forms):
        tiers.append(Tier.BASE)
    if not tiers or any(source in forms for source in ("'self'", "'none'", "*", "https:")):
        return
    if not is_rejected("form-action", "'self'", grounds.decisions):
        reason = "the site has forms, and reports of forms are lost more often than they arrive"
        forms["'self'"] = Token("own-forms", reason, min(tiers, key=list(Tier).index))


def _settle_inline(elements: dict[str, Token], attributes: dict[str, Token]) -> None:
    """Leave 'unsafe-inline' out of what a digest would switch it off in, and digests out where it admits all.

    https://w3c.github.io/webappsec-csp/#allow-all-inline
    """
    inline = elements.get(UNSAFE_INLINE)
    if inline is not None:
        for sources in (elements, attributes):
            for source in [each for each in sources if each.startswith(("'nonce-", "'sha")) or each == UNSAFE_HASHES]:
                inline.groups.extend(sources.pop(source).groups)
    if UNSAFE_INLINE in attributes:
        for source in [each for each in attributes if each != UNSAFE_INLINE]:
            attributes[UNSAFE_INLINE].groups.extend(attributes.pop(source).groups)
    for sources, needs in (
        (attributes, any(source.startswith("'sha") for source in attributes)),
        (elements, any(token.rule == JAVASCRIPT_URL for token in elements.values())),
    ):
        if needs and UNSAFE_HASHES not in sources:
            strongest = min((token.tier for token in sources.values()), key=list(Tier).index)
            reason = "without it digests admit no attributes and no javascript: URLs"
            sources[UNSAFE_HASHES] = Token("unsafe-hashes", reason, strongest)


def drop_covered(sources: dict[str, Token]) -> None:
    """Leave out what another source of the list admits anyway; its evidence then speaks for that one."""
    parsed = {source: parse_source_expression(source) for source in sources}
    # Only what names no host, or a pattern of hosts, can cover another host.
    place = {source: number for number, source in enumerate(parsed)}
    by_host: dict[str, list[str]] = defaultdict(list)
    for source, expression in parsed.items():
        is_exact = isinstance(expression, HostSource) and "*" not in expression.host_part
        by_host[expression.host_part if is_exact and isinstance(expression, HostSource) else ""].append(source)
    for source, expression in parsed.items():
        if expression is None:
            continue
        same = by_host[expression.host_part] if isinstance(expression, HostSource) else []
        for other in sorted({*same, *by_host[""]}, key=place.__getitem__):
            wider = parsed[other]
            if other != source and other in sources and wider is not None and expression_covers(wider, expression):
                sources[other].groups.extend(sources.pop(source).groups)
                break


def economise(tokens: dict[str, dict[str, Token]], other_bytes: int) -> tuple[Step, ...]:
    """Put wider sources in the place of several where the policy would not fit the room that servers have.

    `other_bytes` of headers are sent beside it. Returns the steps that were taken, in order.
    """
    fitted = fit(
        {name: tuple(sources) for name, sources in tokens.items()}, limit_bytes=REFUSE_BYTES, other_bytes=other_bytes
    )
    for step in fitted.steps:
        sources = tokens[step.directive]
        replaced = [sources.pop(each) for each in step.before if each in sources]
        tier = min((token.tier for token in replaced), key=list(Tier).index, default=Tier.KEPT)
        reason = f"stands for {len(step.before)} sources, to save {step.saved_bytes} bytes: {step.newly_admits}"
        is_forgeable = any(token.is_forgeable for token in replaced)
        wider = sources.setdefault(step.after, Token("header-budget", reason, tier, is_forgeable=is_forgeable))
        wider.groups.extend(group for token in replaced for group in token.groups)
    return fitted.steps
