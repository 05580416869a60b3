"""The suggestion: a proposed policy, the evidence for every token, and what was left out of it and why."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from policybuilder.csp import ChangeKind, Policy, Relation
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.suggestion.current import Current
from policybuilder.suggestion.exposure import Exposure
from policybuilder.suggestion.trust import PoisonMargin, Tier

_MAX_PAGES = 5
_MAX_EXAMPLES = 3
_MAX_INITIATORS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was seen that speaks for a source; nothing, for one that is kept or part of the base."""

    reports: int = 0
    reporters: int = 0
    """The largest number of distinct client networks that reported one of its groups on one day."""

    days: int = 0
    first_seen_ms: int | None = None
    last_seen_ms: int | None = None
    """Milliseconds since 1970."""

    pages: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    """Blocked URIs or samples, as reported."""

    initiators: tuple[str, ...] = ()
    """Origins of others whose code had it loaded, as the reports say; those that most networks name first, bounded."""


NO_EVIDENCE = Evidence()


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedSource:
    """One token of the policy."""

    source: str
    rule: str
    reason: str
    tier: Tier = Tier.BASE
    """Why it is believed."""

    evidence: Evidence = NO_EVIDENCE
    margin: PoisonMargin | None = None
    """The cheapest forged campaign that would have put it here; None where no strangers' reports could."""


@dataclass(frozen=True, slots=True)
class ObservedUnder:
    """A policy whose reports and silence speak of a directive."""

    policy: str
    reporters: int
    """Client networks that reported under it on one day, as far as strangers' reports were counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedDirective:
    """One directive of the policy, with where each of its tokens comes from."""

    name: str
    sources: tuple[SuggestedSource, ...]
    """Empty for a directive without a value."""

    observed_under: tuple[ObservedUnder, ...] = ()
    """The policies that restricted it while the site was watched; without any, nothing could be reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSource:
    """A source that could be added, and what it would need."""

    directive: str
    source: str
    why: str
    needs: str
    evidence: Evidence
    is_believed: bool = True
    """Whether the operator saw it, or as many visitors as would be believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludedGroup:
    """Reports that are no evidence for this site's policy."""

    directive: str
    blocked: str
    evidence_class: EvidenceClass
    rule: str
    reports: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnresolvedGroup:
    """Reports that no source expression can answer, and what a person could do."""

    directive: str
    blocked: str
    why: str
    todo: str
    reports: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionFinding:
    """Something to know before the policy is used."""

    code: str
    severity: str
    """`high`, `medium`, `low` or `info`."""

    directive: str
    """Empty where it concerns the whole policy."""

    value: str
    message: str
    fix: str


class Mode(enum.StrEnum):
    """What a suggestion is to the policy that is enforced now."""

    FRESH = "fresh"
    """Made anew from evidence and silence."""

    TIGHTEN = "tighten"
    """The enforced policy without what is shown to be unused: it admits nothing more."""

    REPAIR = "repair"
    """The enforced policy with what believed evidence needs besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedChange:
    """A difference to the policy that is enforced now."""

    kind: ChangeKind
    directive: str
    source: str | None
    effect: str
    is_applied: bool = True
    """Whether the suggested policy has it; a repair stands apart, since it widens."""

    rests_on: Exposure | None = None
    """What shows that nobody needs what is refused now."""

    evidence: Evidence = NO_EVIDENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownUse:
    """Sources that are enforced, and kept because no report could tell whether they are used."""

    directive: str
    sources: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayTotals:
    """Recorded groups against the policy: the accepted ones by verdict, the others apart."""

    allow: int = 0
    block: int = 0
    unknown: int = 0
    held: int = 0
    excluded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """The whole answer of `cspbuild suggest`."""

    site: str
    policy: Policy | None
    """None when nothing was accepted and nothing kept: there is no policy to advise then."""

    directives: tuple[SuggestedDirective, ...]
    held: tuple[HeldSource, ...]
    excluded: tuple[ExcludedGroup, ...]
    unresolved: tuple[UnresolvedGroup, ...]
    needs_nonce: bool
    replay: ReplayTotals
    blocked_groups: tuple[ViolationGroup, ...]
    """Accepted groups that the policy would block all the same: the gate says no."""

    findings: tuple[SuggestionFinding, ...]
    observed_policies: tuple[str, ...]
    """The policies whose silence was read."""

    mode: Mode = Mode.FRESH
    current: Current | None = None
    """What is enforced now, as far as is known."""

    relation: Relation | None = None
    """Of the suggestion to the enforced policy; None where that, or the suggestion, is none."""

    changes: tuple[SuggestedChange, ...] = ()
    unknown: tuple[UnknownUse, ...] = ()
    probe: Policy | None = None
    """The report-only policy that would tell of the use of what is `unknown`."""


_SEVERAL = 2


def _evidence_of_one(group: ViolationGroup) -> Evidence:
    return Evidence(
        reports=group.reports,
        reporters=group.reporters,
        days=group.days,
        first_seen_ms=group.first_seen_ms,
        last_seen_ms=group.last_seen_ms,
        pages=tuple([page.url for page in group.pages[:_MAX_PAGES]]),
        examples=(group.sample or group.blocked,),
        initiators=(group.initiator,) if group.initiator else (),
    )


def evidence_of(groups: Iterable[ViolationGroup]) -> Evidence:
    """The evidence of several groups together."""
    # Most reports first. In two goes, since the groups of all sources together are a hundred thousand.
    members = sorted(sorted(groups, key=attrgetter("fingerprint")), key=attrgetter("reports"), reverse=True)
    if len(members) < _SEVERAL:
        return _evidence_of_one(members[0]) if members else NO_EVIDENCE
    reports = 0
    pages: dict[str, int] = {}
    initiators: dict[str, int] = {}
    for group in members:
        reports += group.reports
        for page in group.pages:
            pages[page.url] = pages.get(page.url, 0) + page.reports
        if group.initiator:
            initiators[group.initiator] = max(initiators.get(group.initiator, 0), group.reporters)
    examples: dict[str, None] = {}
    for group in members:
        examples.setdefault(group.sample or group.blocked)
        if len(examples) == _MAX_EXAMPLES:
            break
    return Evidence(
        reports=reports,
        reporters=max([group.reporters for group in members]),
        days=max([group.days for group in members]),
        first_seen_ms=min([group.first_seen_ms for group in members]),
        last_seen_ms=max([group.last_seen_ms for group in members]),
        pages=tuple(sorted(pages, key=lambda url: (-pages[url], url))[:_MAX_PAGES]),
        examples=tuple(examples),
        initiators=tuple(sorted(initiators, key=lambda origin: (-initiators[origin], origin))[:_MAX_INITIATORS]),
    )
