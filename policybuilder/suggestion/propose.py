"""Proposing: evidence, and the silence around it, become a policy whose every token can be defended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from policybuilder.csp import (
    ChangeKind,
    Difference,
    Verdict,
    diff,
)
from policybuilder.csp.directives import FALLBACKS
from policybuilder.decisions import Decision
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.replay import Replayer, document_origins
from policybuilder.suggestion.assembly import policy_of, printed
from policybuilder.suggestion.budget import Step
from policybuilder.suggestion.candidates import NONCE, Unresolved
from policybuilder.suggestion.current import infer_current, merged
from policybuilder.suggestion.drafting import Draft, draft_sources, economise
from policybuilder.suggestion.fresh import fresh_directives, split
from policybuilder.suggestion.judging import (
    by_severity,
    judge_current,
    judge_decisions,
    judge_evidence,
    judge_policy,
    judge_revision,
    judge_scripts,
    judge_silence,
    judge_steps,
)
from policybuilder.suggestion.listing import (
    excluded_groups,
    held_forms,
    held_sources,
    nonce_worklist,
    unresolved_groups,
)
from policybuilder.suggestion.refining import Grain, refine
from policybuilder.suggestion.silence import (
    Observed,
    observed_policies,
)
from policybuilder.suggestion.sorting import (
    NO_GROUNDS,
    Grounds,
    SortedGroups,
    outcomes_of,
    sort_groups,
    strangers_sources,
)
from policybuilder.suggestion.tightening import Revision, repair, tighten
from policybuilder.suggestion.trust import NO_REACH, SourceKey, poison_margins
from policybuilder.suggestion.values import (
    Mode,
    ObservedUnder,
    ReplayTotals,
    SuggestedChange,
    SuggestedDirective,
    Suggestion,
    UnknownUse,
    evidence_of,
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
    return strangers_sources(outcomes_of(groups, site_origins(groups), decisions))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be asked of a suggestion."""

    mode: Mode | None = None
    """By default `tighten` where the enforced policy is known, else `fresh`."""

    grain: Grain = field(default_factory=Grain)
    """How fine the sources of other origins are."""

    is_split: bool = False
    """Whether lists of elements and of attributes are printed apart, of scripts and styles."""

    is_large_allowed: bool = False
    """Whether it may be larger than what servers have room for; else it names less exactly what runs no code."""


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
    current = grounds.current or infer_current(groups)
    enforced = merged(current) if current is not None else None
    mode = options.mode or (Mode.FRESH if enforced is None else Mode.TIGHTEN)

    revision = None
    steps: tuple[Step, ...] = ()
    if mode is not Mode.FRESH:
        if enforced is None:
            raise ValueError(f"nothing is known of an enforced policy to {mode}")
        revise = tighten if mode is Mode.TIGHTEN else repair
        revision = revise(enforced, draft.tokens, sorted_groups, grounds, origins)
        directives = printed(revision.tokens, poison_margins(grounds.prevalence, grounds.thresholds))
        accepted = revision.accepted
    else:
        if not options.is_large_allowed:
            steps = economise(draft.tokens, 0 if enforced is None else len(str(enforced)))
        directives = fresh_directives(draft, observed, sorted_groups, grounds) if any(draft.tokens.values()) else ()
        directives = split(directives) if options.is_split else directives
        accepted = tuple(group for group, _, _ in sorted_groups.admitted)
    directives = tuple(_with_observed(directive, observed, grounds) for directive in directives)
    policy = policy_of(directives)
    replayer = Replayer([] if policy is None else [policy], origins)
    findings = by_severity(
        chain(
            judge_policy(policy, directives),
            judge_evidence(sorted_groups, grounds, are_policies_vouched=observed.are_vouched),
            judge_silence(draft.open_directives, draft.open_fetch_directives, draft.unvouched)
            if revision is None
            else judge_revision(revision, mode),
            judge_current(current, enforced),
            judge_steps(steps),
            judge_decisions(grounds.decisions, grounds.now),
            judge_scripts(grounds.scripts),
        )
    )

    def is_admitted(group: ViolationGroup) -> bool:
        """Or, beside an enforced policy, not known to be blocked by what is kept of it."""
        if policy is None:
            return False
        verdict = replayer.decide(group).verdict
        return verdict is Verdict.ALLOW or (revision is not None and verdict is Verdict.UNKNOWN)

    verdicts = [(group, replayer.decide(group).verdict) for group in accepted]
    # What the policy admits anyway needs no decision.
    doubted = [(group, doubt) for group, doubt in sorted_groups.doubted if not is_admitted(group)]
    held = [(group, hold) for group, hold in sorted_groups.held if not is_admitted(group)]
    difference = None if enforced is None or policy is None else diff(enforced, policy)
    return Suggestion(
        site=site,
        policy=policy,
        directives=directives,
        held=(*held_sources(held, doubted, grounds), *held_forms(policy, grounds)),
        excluded=excluded_groups(sorted_groups.excluded),
        unresolved=(*unresolved_groups(_open_questions(sorted_groups, draft)), *nonce_worklist(sorted_groups, grounds)),
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


def _open_questions(sorted_groups: SortedGroups, draft: Draft) -> list[tuple[ViolationGroup, Unresolved]]:
    """What no source answers; who may frame the site is answered where a person said so."""
    return [
        (group, unresolved)
        for group, unresolved in sorted_groups.unresolved
        if not (unresolved.directive == "frame-ancestors" and draft.tokens["frame-ancestors"])
    ]


_MAX_OBSERVED = 5


def _with_observed(directive: SuggestedDirective, observed: Observed, grounds: Grounds) -> SuggestedDirective:
    name = directive.name
    found = [
        ObservedUnder(str(policy), grounds.prevalence.policies.get(str(policy), NO_REACH).reporters)
        for policy in observed.policies
        if (policy.governing(name) if name in FALLBACKS else policy.directive(name)) is not None
    ]
    found.sort(key=lambda each: (-each.reporters, each.policy))
    return replace(directive, observed_under=tuple(found[:_MAX_OBSERVED]))


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
