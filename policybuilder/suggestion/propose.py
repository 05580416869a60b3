"""Proposing: evidence, and the silence around it, become a policy whose every token can be defended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from policybuilder.csp import (
    ChangeKind,
    Difference,
    Verdict,
    diff,
)
from policybuilder.decisions import Decision
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.replay import document_origins, replay_group
from policybuilder.suggestion.assembly import base, directive_order, policy_of, printed, suggested
from policybuilder.suggestion.candidates import NONCE, Hold, Unresolved
from policybuilder.suggestion.current import infer_current, merged
from policybuilder.suggestion.drafting import (
    FETCH_DIRECTIVES,
    NEVER_ASSUMED,
    UNSAFE_INLINE,
    Draft,
    draft_sources,
)
from policybuilder.suggestion.inline import NoncePlace
from policybuilder.suggestion.judging import (
    by_severity,
    judge_current,
    judge_evidence,
    judge_policy,
    judge_revision,
    judge_silence,
)
from policybuilder.suggestion.refining import Grain, refine
from policybuilder.suggestion.silence import (
    Observed,
    inline_kept_apart,
    is_harmless,
    kept_without_reports,
    observed_policies,
)
from policybuilder.suggestion.sorting import (
    NO_GROUNDS,
    Doubt,
    Grounds,
    SortedGroups,
    sort_groups,
    strangers_sources,
)
from policybuilder.suggestion.tightening import Revision, repair, tighten
from policybuilder.suggestion.trust import NO_REACH, SourceKey, Tier, missing, poison_margin
from policybuilder.suggestion.values import (
    ExcludedGroup,
    HeldSource,
    Mode,
    ReplayTotals,
    SuggestedChange,
    SuggestedDirective,
    SuggestedSource,
    Suggestion,
    UnknownUse,
    UnresolvedGroup,
    evidence_of,
)

_WITHOUT_REPORTS = ("sandbox", "upgrade-insecure-requests")
"""They report nothing, so only their presence in what was served can speak for them."""

_NEEDS_TRUST = (
    "you see it yourself (at the rehearsal key, or in a recording: csp-collector import --trusted), or allow it "
    "(cspbuild decide allow)"
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be asked of a suggestion."""

    mode: Mode | None = None
    """By default `tighten` where the enforced policy is known, else `fresh`."""

    grain: Grain = field(default_factory=Grain)
    """How fine the sources of other origins are."""


def propose(
    site: str, groups: Sequence[ViolationGroup], grounds: Grounds = NO_GROUNDS, options: Options | None = None
) -> Suggestion:
    """The policy that the groups speak for.

    What a person decided is obeyed. Trusted evidence adds sources, and so do strangers' reports that reach the
    thresholds of `grounds`; whatever else they report is held. What the observed policies allowed is kept. Where there
    is trusted evidence, the policies that others claim to have been under change nothing.

    Beside an enforced policy the suggestion admits nothing more, unless `options` ask for another mode. Raises
    ValueError for a mode that needs an enforced policy where none is known.
    """
    options = options or Options()
    origins = site_origins(groups)
    sorted_groups = refine(sort_groups(groups, origins, grounds), grounds, options.grain)
    observed = observed_policies(groups, grounds.prevalence, grounds.thresholds)
    draft = draft_sources(sorted_groups, observed, origins, grounds)
    current = grounds.current or infer_current(groups, grounds.prevalence, grounds.thresholds)
    enforced = merged(current) if current is not None else None
    mode = options.mode or (Mode.FRESH if enforced is None else Mode.TIGHTEN)

    revision = None
    if mode is not Mode.FRESH:
        if enforced is None:
            raise ValueError(f"nothing is known of an enforced policy to {mode}")
        revise = tighten if mode is Mode.TIGHTEN else repair
        revision = revise(enforced, draft.tokens, sorted_groups, grounds, origins)
        directives = printed(revision.tokens, poison_margin(grounds.prevalence, grounds.thresholds))
        accepted = revision.accepted
    else:
        directives = _directives(draft, observed, sorted_groups, grounds) if any(draft.tokens.values()) else ()
        accepted = tuple(group for group, _, _ in sorted_groups.admitted)
    policy = policy_of(directives)
    policies = [] if policy is None else [policy]
    findings = by_severity(
        chain(
            judge_policy(policy, directives),
            judge_evidence(sorted_groups, grounds, are_policies_vouched=observed.are_vouched),
            judge_silence(draft.open_directives, draft.open_fetch_directives, draft.unvouched)
            if revision is None
            else judge_revision(revision, mode),
            judge_current(current, enforced),
        )
    )

    def is_admitted(group: ViolationGroup) -> bool:
        return policy is not None and replay_group(group, policies, origins).verdict is Verdict.ALLOW

    verdicts = [(group, replay_group(group, policies, origins).verdict) for group in accepted]
    # What the policy admits anyway needs no decision.
    doubted = [(group, doubt) for group, doubt in sorted_groups.doubted if not is_admitted(group)]
    held = [(group, hold) for group, hold in sorted_groups.held if not is_admitted(group)]
    difference = None if enforced is None or policy is None else diff(enforced, policy)
    return Suggestion(
        site=site,
        policy=policy,
        directives=directives,
        held=_held(held, doubted),
        excluded=_excluded(sorted_groups.excluded),
        unresolved=(*_unresolved(sorted_groups.unresolved), *_nonce_worklist(sorted_groups, grounds)),
        needs_nonce=policy is not None and NONCE in str(policy),
        replay=ReplayTotals(
            allow=sum(verdict is Verdict.ALLOW for _, verdict in verdicts) + len(sorted_groups.held) - len(held),
            block=sum(verdict is Verdict.BLOCK for _, verdict in verdicts),
            unknown=sum(verdict is Verdict.UNKNOWN for _, verdict in verdicts),
            held=(
                len(held) + len(doubted) + len(sorted_groups.unresolved) + len(sorted_groups.admitted) - len(accepted)
            ),
            excluded=len(sorted_groups.excluded),
        ),
        blocked_groups=tuple(group for group, verdict in verdicts if verdict is Verdict.BLOCK),
        findings=findings,
        observed_policies=tuple(map(str, observed.policies)),
        mode=mode,
        current=current,
        relation=None if difference is None else difference.relation,
        changes=_changes(difference, revision, mode),
        unknown=()
        if revision is None
        else tuple(
            UnknownUse(directive=each.directive, sources=each.sources, why=each.why) for each in revision.unknown
        ),
        probe=None if revision is None else revision.probe,
    )


def _changes(difference: Difference | None, revision: Revision | None, mode: Mode) -> tuple[SuggestedChange, ...]:
    """What the suggestion changes of the enforced policy, and then what would repair it."""
    made = [
        SuggestedChange(
            kind=change.kind,
            directive=change.directive,
            source=change.source,
            effect=change.effect,
            rests_on=None if revision is None else revision.shown_by(change.directive),
        )
        for change in (() if difference is None else difference.changes)
    ]
    if revision is None or mode is Mode.REPAIR:
        return tuple(made)
    repairs = [
        SuggestedChange(
            kind=ChangeKind.ADDED,
            directive=each.directive,
            source=each.source,
            effect=f"would repair what the enforced policy blocks: {each.token.reason}",
            is_applied=False,
            evidence=evidence_of(each.token.groups),
        )
        for each in revision.repairs
    ]
    return (*made, *repairs)


def _directives(
    draft: Draft, observed: Observed, sorted_groups: SortedGroups, grounds: Grounds
) -> tuple[SuggestedDirective, ...]:
    tokens, unprobed = draft.tokens, draft.unprobed
    margin = poison_margin(grounds.prevalence, grounds.thresholds)
    result = {name: suggested(name, sources, margin) for name, sources in tokens.items() if sources}
    if not draft.open_fetch_directives:
        result["default-src"] = (base("nothing is loaded but what a directive names"),)
    for name in FETCH_DIRECTIVES:
        result |= _inline_apart(name, result.get(name, ()), observed)
    if "object-src" not in result and "object-src" not in unprobed:
        result["object-src"] = (base("no object, embed or applet was seen; plugins are an old way in"),)
    if "script-src" in result and "worker-src" not in result and "worker-src" not in unprobed:
        result["worker-src"] = (base("no worker was seen; without this, script-src would stand in"),)
    result.setdefault("base-uri", (base("a <base> would move every relative URL"),))
    result |= _closed(draft, sorted_groups, grounds)
    for name in _WITHOUT_REPORTS:
        values = kept_without_reports(name, observed)
        if values is not None:
            reason = "part of every observed policy"
            result[name] = tuple(
                SuggestedSource(source=value, rule="unobserved-kept", reason=reason, tier=Tier.KEPT) for value in values
            )
    return tuple(SuggestedDirective(name=name, sources=result[name]) for name in sorted(result, key=directive_order))


def _closed(draft: Draft, sorted_groups: SortedGroups, grounds: Grounds) -> dict[str, tuple[SuggestedSource, ...]]:
    """What no fallback governs, where it was watched and hardly anybody says that it would refuse something."""
    result: dict[str, tuple[SuggestedSource, ...]] = {}
    for name in NEVER_ASSUMED:
        asking = [group for group, unresolved in sorted_groups.unresolved if unresolved.directive == name]
        are_many = not missing(
            grounds.prevalence.sources.get((name, ""), NO_REACH), grounds.prevalence, grounds.thresholds
        )
        is_refusing = any(group.trusted_reports for group in asking) or are_many
        if not (draft.tokens[name] or name in draft.unprobed or is_refusing):
            seen = "few strangers say that it would refuse something" if asking else "nothing was reported"
            result[name] = (base(f"an observed policy named it, and {seen}"),)
    return result


def _inline_apart(
    name: str, sources: tuple[SuggestedSource, ...], observed: Observed
) -> dict[str, tuple[SuggestedSource, ...]]:
    """The -elem or -attr directive that keeps inline code which only one of them was allowed."""
    part = inline_kept_apart(name, observed.policies)
    if part is None or not (observed.are_vouched or is_harmless(UNSAFE_INLINE, name)):
        return {}
    reason = "every observed policy allowed inline code of this kind, and of this kind alone"
    inline = SuggestedSource(source=UNSAFE_INLINE, rule="unobserved-kept", reason=reason, tier=Tier.KEPT)
    if part == "-attr":
        return {f"{name}-attr": (inline,)}
    # A nonce or hash would switch 'unsafe-inline' off; what they admit is inline code, or a URL of the list.
    urls = [source for source in sources if not source.source.startswith(("'nonce-", "'sha"))]
    return {f"{name}-elem": (*urls, inline)}


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


def _nonce_worklist(sorted_groups: SortedGroups, grounds: Grounds) -> tuple[UnresolvedGroup, ...]:
    """Where the pages need a nonce, the places that most networks report first."""
    reporters: dict[NoncePlace, int] = defaultdict(int)
    reports: dict[NoncePlace, int] = defaultdict(int)
    for group, admit, _ in sorted_groups.admitted:
        if admit.source == NONCE:
            for place in grounds.nonce_places.get(group.fingerprint, ()):
                reporters[place] = max(reporters[place], group.reporters)
                reports[place] += group.reports
    ranked = sorted(reports, key=lambda place: (-reporters[place], place.template, place.line or 0, place.label))
    return tuple(
        UnresolvedGroup(
            directive=place.directive,
            blocked="inline",
            why=f"{place.label} has another text each time, beginning with {place.sample}",
            todo=f"add the nonce to it: {place.template}{f', line {place.line}' if place.line else ''}",
            reports=reports[place],
        )
        for place in ranked
    )
