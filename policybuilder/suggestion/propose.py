"""Proposing: evidence, and the silence around it, become a policy whose every token can be defended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from policybuilder.csp import (
    NONCE_PLACEHOLDER,
    Directive,
    ExtendedHashSource,
    HashSource,
    HostSource,
    KeywordSource,
    NonceSource,
    Policy,
    SchemeSource,
    Verdict,
    parse_source_expression,
)
from policybuilder.csp.subsumption import expression_covers
from policybuilder.decisions import Decision, DecisionAction
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.replay import document_origins, replay_group
from policybuilder.suggestion.candidates import Hold, Unresolved
from policybuilder.suggestion.judging import by_severity, judge_evidence, judge_policy, judge_silence
from policybuilder.suggestion.silence import (
    Observed,
    inline_kept_apart,
    is_harmless,
    kept_sources,
    kept_without_reports,
    observed_policies,
)
from policybuilder.suggestion.sorting import (
    NO_GROUNDS,
    Doubt,
    Grounds,
    SortedGroups,
    decided_source,
    is_rejected,
    is_script_like,
    sort_groups,
    strangers_sources,
)
from policybuilder.suggestion.trust import NO_REACH, PoisonMargin, SourceKey, Tier, missing, poison_margin
from policybuilder.suggestion.values import (
    ExcludedGroup,
    HeldSource,
    ReplayTotals,
    SuggestedDirective,
    SuggestedSource,
    Suggestion,
    UnresolvedGroup,
    evidence_of,
)

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

_NEVER_ASSUMED = ("form-action", "frame-ancestors")
_WITHOUT_REPORTS = ("sandbox", "upgrade-insecure-requests")
"""They report nothing, so only their presence in what was served can speak for them."""

_NEEDS_TRUST = (
    "you see it yourself (at the rehearsal key, or in a recording: csp-collector import --trusted), or allow it "
    "(cspbuild decide allow)"
)


@dataclass(slots=True)
class _Token:
    """A source on its way into the policy."""

    rule: str
    reason: str
    tier: Tier
    groups: list[ViolationGroup] = field(default_factory=list)


def site_origins(groups: Sequence[ViolationGroup]) -> tuple[str, ...]:
    """The origins of the site's documents: those trusted evidence names, or else those many strangers name.

    Nobody makes an origin the site's by a report or two: a tenth of what the most reported one has is the least.
    """
    genuine = [group for group in groups if group.evidence_class is EvidenceClass.GENUINE]
    vouched = [group for group in genuine if group.trusted_reports]
    if vouched:
        return document_origins(vouched)
    reporters: dict[str, int] = defaultdict(int)
    for group in genuine:
        reporters[group.document_origin] = max(reporters[group.document_origin], group.reporters)
    most = max(reporters.values(), default=0)
    return document_origins(group for group in genuine if 10 * reporters[group.document_origin] >= most)


def asked_by_strangers(
    groups: Sequence[ViolationGroup], decisions: Sequence[Decision] = ()
) -> dict[SourceKey, tuple[ViolationGroup, ...]]:
    """What `propose` has to know the reach of: the sources that strangers alone ask for."""
    return strangers_sources(groups, site_origins(groups), decisions)


def propose(site: str, groups: Sequence[ViolationGroup], grounds: Grounds = NO_GROUNDS) -> Suggestion:
    """The policy that the groups speak for.

    What a person decided is obeyed. Trusted evidence adds sources, and so do strangers' reports that reach the
    thresholds of `grounds`; whatever else they report is held. What the observed policies allowed is kept. Where there
    is trusted evidence, the policies that others claim to have been under change nothing.
    """
    origins = site_origins(groups)
    sorted_groups = sort_groups(groups, origins, grounds)
    observed = observed_policies(groups, grounds.prevalence, grounds.thresholds)
    draft = _draft(sorted_groups, observed, origins, grounds)
    directives = _directives(draft, observed, sorted_groups, grounds) if any(draft.tokens.values()) else ()
    policy = _policy(directives)
    findings = by_severity(
        chain(
            judge_policy(policy, directives),
            judge_evidence(sorted_groups, grounds, are_policies_vouched=observed.are_vouched),
            judge_silence(draft.open_directives, draft.open_fetch_directives, draft.unvouched),
        )
    )

    policies = [] if policy is None else [policy]
    verdicts = [(group, replay_group(group, policies, origins).verdict) for group, _, _ in sorted_groups.admitted]
    # What the policy admits anyway needs no decision.
    uncovered = [
        (group, doubt)
        for group, doubt in sorted_groups.doubted
        if policy is None or replay_group(group, policies, origins).verdict is not Verdict.ALLOW
    ]
    return Suggestion(
        site=site,
        policy=policy,
        directives=directives,
        held=_held(sorted_groups.held, uncovered),
        excluded=_excluded(sorted_groups.excluded),
        unresolved=_unresolved(sorted_groups.unresolved),
        needs_nonce=policy is not None and f"'nonce-{NONCE_PLACEHOLDER}'" in str(policy),
        replay=ReplayTotals(
            allow=sum(verdict is Verdict.ALLOW for _, verdict in verdicts),
            block=sum(verdict is Verdict.BLOCK for _, verdict in verdicts),
            unknown=sum(verdict is Verdict.UNKNOWN for _, verdict in verdicts),
            held=len(sorted_groups.held) + len(uncovered) + len(sorted_groups.unresolved),
            excluded=len(sorted_groups.excluded),
        ),
        blocked_groups=tuple(group for group, verdict in verdicts if verdict is Verdict.BLOCK),
        findings=findings,
        observed_policies=tuple(map(str, observed.policies)),
    )


@dataclass(slots=True)
class _Draft:
    """The policy in the making."""

    tokens: dict[str, dict[str, _Token]]
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
        unknown = (name for name in _NEVER_ASSUMED if name in self.unprobed and not self.tokens[name])
        return [*self.open_fetch_directives, *unknown]


def _draft(sorted_groups: SortedGroups, observed: Observed, origins: Sequence[str], grounds: Grounds) -> _Draft:
    """What evidence adds and silence keeps."""
    names = (*FETCH_DIRECTIVES, "base-uri", *_NEVER_ASSUMED)
    draft = _Draft({name: {} for name in names})
    for decision in grounds.decisions:
        directive, source = decided_source(decision)
        if (
            decision.action is DecisionAction.ALLOW
            and directive in draft.tokens
            and not is_rejected(directive, source, grounds.decisions)
        ):
            reason = decision.note or "a person allowed it"
            draft.tokens[directive].setdefault(source, _Token("decided", reason, Tier.DECIDED))
    for group, admit, tier in sorted_groups.admitted:
        token = draft.tokens[admit.directive].setdefault(admit.source, _Token(admit.rule, admit.reason, tier))
        if token.tier is Tier.AUTO and tier is Tier.TRUSTED:
            # The one that no stranger could have brought about says more.
            token.tier = tier
        token.groups.append(group)
    for directive, sources in draft.tokens.items():
        kept = kept_sources(directive, observed.policies, origins, are_vouched=observed.are_vouched)
        if not kept.is_probed:
            draft.unprobed.add(directive)
        for source in kept.sources:
            if source in sources or is_rejected(directive, source, grounds.decisions):
                continue
            if observed.are_vouched or is_harmless(source, directive):
                sources[source] = _Token(
                    "unobserved-kept",
                    "every observed policy allowed it, so no report could tell whether it is used",
                    Tier.KEPT,
                )
            else:
                draft.unvouched.append((directive, source))
        _drop_covered(sources)
    return draft


def _drop_covered(sources: dict[str, _Token]) -> None:
    """Leave out what another source of the list admits anyway; its evidence then speaks for that one."""
    parsed = {source: parse_source_expression(source) for source in sources}
    for source, expression in parsed.items():
        if expression is None:
            continue
        for other, wider in parsed.items():
            if other != source and other in sources and wider is not None and expression_covers(wider, expression):
                sources[other].groups.extend(sources.pop(source).groups)
                break


def _directives(
    draft: _Draft, observed: Observed, sorted_groups: SortedGroups, grounds: Grounds
) -> tuple[SuggestedDirective, ...]:
    tokens, unprobed = draft.tokens, draft.unprobed
    result: dict[str, tuple[SuggestedSource, ...]] = {}
    margin = poison_margin(grounds.prevalence, grounds.thresholds)

    def suggested(name: str) -> tuple[SuggestedSource, ...]:
        return _suggested(name, tokens[name], margin)

    if not draft.open_fetch_directives:
        result["default-src"] = (_base("nothing is loaded but what a directive names"),)
    for name in FETCH_DIRECTIVES:
        if tokens[name]:
            result[name] = suggested(name)
        result |= _inline_apart(name, result.get(name, ()), observed)
    if "object-src" not in result and "object-src" not in unprobed:
        result["object-src"] = (_base("no object, embed or applet was seen; plugins are an old way in"),)
    if "script-src" in result and "worker-src" not in result and "worker-src" not in unprobed:
        result["worker-src"] = (_base("no worker was seen; without this, script-src would stand in"),)
    result["base-uri"] = suggested("base-uri") or (_base("a <base> would move every relative URL"),)
    for name in _NEVER_ASSUMED:
        asking = [group for group, unresolved in sorted_groups.unresolved if unresolved.directive == name]
        are_many = not missing(
            grounds.prevalence.sources.get((name, ""), NO_REACH), grounds.prevalence, grounds.thresholds
        )
        if tokens[name]:
            result[name] = suggested(name)
        elif name not in unprobed and not any(group.trusted_reports or are_many for group in asking):
            seen = "few strangers say that it would refuse something" if asking else "nothing was reported"
            result[name] = (_base(f"an observed policy named it, and {seen}"),)
    for name in _WITHOUT_REPORTS:
        values = kept_without_reports(name, observed)
        if values is not None:
            reason = "part of every observed policy"
            result[name] = tuple(
                SuggestedSource(source=value, rule="unobserved-kept", reason=reason, tier=Tier.KEPT) for value in values
            )
    return tuple(SuggestedDirective(name=name, sources=result[name]) for name in sorted(result, key=_directive_order))


def _inline_apart(
    name: str, sources: tuple[SuggestedSource, ...], observed: Observed
) -> dict[str, tuple[SuggestedSource, ...]]:
    """The -elem or -attr directive that keeps inline code which only one of them was allowed."""
    part = inline_kept_apart(name, observed.policies)
    if part is None or not (observed.are_vouched or is_harmless("'unsafe-inline'", name)):
        return {}
    reason = "every observed policy allowed inline code of this kind, and of this kind alone"
    inline = SuggestedSource(source="'unsafe-inline'", rule="unobserved-kept", reason=reason, tier=Tier.KEPT)
    if part == "-attr":
        return {f"{name}-attr": (inline,)}
    # A nonce or hash would switch 'unsafe-inline' off; what they admit is inline code, or a URL of the list.
    urls = [source for source in sources if not source.source.startswith(("'nonce-", "'sha"))]
    return {f"{name}-elem": (*urls, inline)}


def _directive_order(name: str) -> tuple[int, str]:
    """default, script*, style*, then by name."""
    first = [rank for rank, prefix in enumerate(("default-src", "script-src", "style-src")) if name.startswith(prefix)]
    return (*first, 3)[0], name


def _suggested(directive: str, sources: Mapping[str, _Token], margin: PoisonMargin) -> tuple[SuggestedSource, ...]:
    """`'none'`, if a person said so, gives way to any source, as in browsers."""
    forgeable = {Tier.AUTO, Tier.TRUSTED}
    return tuple(
        SuggestedSource(
            source=source,
            rule=sources[source].rule,
            reason=sources[source].reason,
            tier=sources[source].tier,
            evidence=evidence_of(sources[source].groups),
            margin=margin if sources[source].tier in forgeable and not is_script_like(directive, source) else None,
        )
        for source in sorted(sources, key=_source_order)
        if source != "'none'" or len(sources) == 1
    )


def _source_order(source: str) -> tuple[int, str]:
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


def _base(reason: str) -> SuggestedSource:
    return SuggestedSource(source="'none'", rule="base", reason=reason)


def _policy(directives: Sequence[SuggestedDirective]) -> Policy | None:
    """The printed policy. What cannot be read back as it was written is a bug, and Directive refuses it."""
    if not directives:
        return None
    return Policy(
        tuple(
            Directive(directive.name, tuple(source.source for source in directive.sources)) for directive in directives
        )
    )


def _held(
    held: Iterable[tuple[ViolationGroup, Hold]], doubted: Iterable[tuple[ViolationGroup, Doubt]]
) -> tuple[HeldSource, ...]:
    members: dict[tuple[str, str, str, str], list[ViolationGroup]] = defaultdict(list)
    for group, hold in held:
        members[hold.directive, hold.source, hold.why, hold.needs].append(group)
    for group, doubt in doubted:
        admit, lacks = doubt.admit, "; ".join(doubt.lacks)
        why = f"{admit.reason}, as strangers say; what they say would need {lacks}"
        members[admit.directive, admit.source, why, _NEEDS_TRUST].append(group)
    return tuple(
        HeldSource(directive=directive, source=source, why=why, needs=needs, evidence=evidence_of(alike))
        for (directive, source, why, needs), alike in sorted(members.items(), key=lambda item: item[0])
    )


def _excluded(excluded: Iterable[tuple[ViolationGroup, str]]) -> tuple[ExcludedGroup, ...]:
    counts: dict[tuple[str, str, EvidenceClass, str], int] = defaultdict(int)
    for group, rule in excluded:
        counts[group.directive, group.blocked, group.evidence_class, rule] += group.reports
    return tuple(
        ExcludedGroup(directive=directive, blocked=blocked, evidence_class=evidence_class, rule=rule, reports=reports)
        for (directive, blocked, evidence_class, rule), reports in sorted(counts.items())
    )


def _unresolved(unresolved: Iterable[tuple[ViolationGroup, Unresolved]]) -> tuple[UnresolvedGroup, ...]:
    counts: dict[tuple[str, str, str, str], int] = defaultdict(int)
    for group, found in unresolved:
        counts[found.directive, group.blocked, found.why, found.todo] += group.reports
    return tuple(
        UnresolvedGroup(directive=directive, blocked=blocked, why=why, todo=todo, reports=reports)
        for (directive, blocked, why, todo), reports in sorted(counts.items())
    )
