"""Judging: whether a policy may be enforced, criterion by criterion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from policybuilder.csp import Directive, Policy, PolicyList, Relation, canonical, diff, parse_serialized_policy_list
from policybuilder.csp.directives import FETCH_DIRECTIVES, LIST_DIRECTIVES
from policybuilder.deployments import Deployment, ServedStage, canonical_texts, last_deployment, served
from policybuilder.evaluation.evaluating import evaluate as evaluate_text
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.noticing import NoticedDeployment, noticed, served_now
from policybuilder.readiness import breakage, exposure, soundness
from policybuilder.readiness.values import CandidateOrigin, Case, Criterion, CriterionName, Readiness, SiteRecord
from policybuilder.replay import Replayer
from policybuilder.stages import INVENTORY_POLICY, OBSERVE_POLICY
from policybuilder.suggestion.propose import propose, site_origins
from policybuilder.suggestion.values import Suggestion, SuggestionFinding
from policybuilder.superseded import with_superseded
from policybuilder.times import Window

Evaluate = Callable[[PolicyList], Sequence[SuggestionFinding]]
"""What finds the weaknesses of a policy."""


def weaknesses_of(policies: PolicyList) -> tuple[SuggestionFinding, ...]:
    """What `cspbuild evaluate` finds in the policies, as findings of a suggestion are told."""
    return tuple(
        SuggestionFinding(
            code=weakness.code,
            severity=weakness.severity.value,
            directive=weakness.directive or "",
            value=weakness.value or "",
            message=weakness.message,
            fix=weakness.advice or weakness.fix or "",
        )
        for weakness in evaluate_text(str(policies))
    )


_OBSERVING = frozenset(canonical_texts(f"{OBSERVE_POLICY}, {INVENTORY_POLICY}"))

_CRITERIA: dict[CriterionName, Callable[[Case], Criterion]] = {
    CriterionName.DIFF_TO_ENFORCED: soundness.diff_to_enforced,
    CriterionName.WINDOW: exposure.window,
    CriterionName.QUIET_PERIOD: exposure.quiet_period,
    CriterionName.SAMPLING_RATE: exposure.sampling_rate,
    CriterionName.REPORTS_BY_CLASS: exposure.reports_by_class,
    CriterionName.REPORTERS: exposure.reporters,
    CriterionName.PAGE_COVERAGE: exposure.page_coverage,
    CriterionName.REHEARSAL_SHARE: exposure.rehearsal_share,
    CriterionName.BREAK_RATE: breakage.break_rate,
    CriterionName.CONTRADICTIONS: breakage.contradictions,
    CriterionName.UNPROBED: breakage.unprobed,
    CriterionName.OPEN_ITEMS: breakage.open_items,
    CriterionName.FINDINGS: soundness.findings,
    CriterionName.HEADER_SIZE: soundness.header_size,
    CriterionName.POISON_MARGIN: soundness.poison_margin,
    CriterionName.ROLLBACK: soundness.rollback,
}


def judge(case: Case) -> Readiness:
    """Every criterion with its figure, and the waiver that holds for it."""
    return Readiness(
        tuple(replace(_CRITERIA[name](case), waiver=case.record.waivers.get(name)) for name in CriterionName)
    )


def make_case(
    record: SiteRecord,
    *,
    given: PolicyList | None = None,
    suggestion: Suggestion | None = None,
    critical: Sequence[str] = (),
    routes: Sequence[str] = (),
    sample: float | None = None,
    evaluate: Evaluate = weaknesses_of,
) -> Case:
    """The case of the policy `given`; or else of the one on trial, or what the evidence speaks for now.

    `suggestion` is what `propose` says, where somebody asked already.
    """
    suggestion = suggestion or propose(record.site, record.groups, record.grounds)
    enforced = enforced_now(record)
    enforced_policies = parse_serialized_policy_list(enforced.policy if enforced else "")
    candidate, origin = _candidate(record, given, suggestion)
    replayer = Replayer(candidate.policies, site_origins(record.groups))
    return Case(
        record=record,
        candidate=candidate,
        origin=origin,
        since_at=watched_since(record.groups, record.deployments, record.window),
        suggestion=suggestion,
        live=with_superseded(record.groups, record.deployments),
        verdicts={group.fingerprint: replayer.decide(group).verdict for group in record.groups},
        enforced=enforced,
        enforced_policies=enforced_policies,
        critical=critical,
        routes=routes,
        sample=sample,
        weaknesses=_new_weaknesses(candidate, enforced_policies, evaluate),
    )


def watched_since(
    groups: Iterable[ViolationGroup], deployments: Iterable[Deployment], window: Window
) -> datetime | None:
    """Since when, within the window, what the site serves now is watched.

    That is since the last deployment; where none is recorded, since the first report of the site's own doing.
    """
    last = last_deployment(deployments)
    seen = (group.first_seen_at for group in groups if group.evidence_class is EvidenceClass.GENUINE)
    began = last.since_at if last is not None else min(seen, default=None)
    return began if began is None or window.since is None else max(began, window.since)


def on_trial(deployments: Sequence[Deployment]) -> Deployment | None:
    """The policy that is tried report-only before it is enforced.

    One that was served before the enforced one began was its trial, and neither a policy that only observes nor a probe
    is one.
    """
    tried, enforced = served(deployments, ServedStage.REPORT_ONLY), served(deployments, ServedStage.ENFORCE)
    if tried is None or is_observing(tried.policy) or is_probe(tried, enforced):
        return None
    last = last_deployment(each for each in (tried, enforced) if each is not None)
    return tried if last is tried else None


def is_observing(policy: str) -> bool:
    """Whether a policy list only observes: it is that of the observe stage, or admits nothing just as that does."""
    return all(
        str(canonical(each)) in _OBSERVING or _admits_nothing(each)
        for each in parse_serialized_policy_list(policy).policies
    )


def _is_baseline(policy: str) -> bool:
    return set(canonical_texts(policy)) <= _OBSERVING


_STAND_INS = frozenset({"child-src", "default-src"})
"""Fetch directives that nothing is loaded under: others decide where they are named."""

_EMPTY = frozenset({"'none'", "'report-sample'"})


def _admits_nothing(policy: Policy) -> bool:
    """Whether every kind of load is restricted to nothing, and so is whatever else has a source list."""
    fetching = [policy.governing(name) for name in FETCH_DIRECTIVES - _STAND_INS]
    listing = [found for name in LIST_DIRECTIVES if (found := policy.directive(name))]
    return all(found is not None and _is_empty(found) for found in (*fetching, *listing))


def _is_empty(directive: Directive) -> bool:
    return {value.lower() for value in directive.values} <= _EMPTY


def is_probe(tried: Deployment, enforced: Deployment | None) -> bool:
    """Whether a report-only policy is a part of one: it leaves kinds of loads open that the enforced one restricts.

    A policy that is to take the place of the enforced one leaves none open.
    """
    if enforced is None:
        return False
    part, whole = parse_serialized_policy_list(tried.policy), parse_serialized_policy_list(enforced.policy)
    return any(
        any(policy.governing(name) for policy in whole) and not any(policy.governing(name) for policy in part)
        for name in FETCH_DIRECTIVES
    )


def probing(deployments: Sequence[Deployment]) -> Deployment | None:
    """The probe that is sent beside the enforced policy.

    Where nobody knows of anything enforced whether it is used, it admits nothing at all, as the baseline of observing
    does, which may have been left there from before.
    """
    tried, enforced = served(deployments, ServedStage.REPORT_ONLY), served(deployments, ServedStage.ENFORCE)
    if tried is None or enforced is None or _is_baseline(tried.policy):
        return None
    asks_of_all = is_observing(tried.policy) and last_deployment((tried, enforced)) is tried
    return tried if asks_of_all or is_probe(tried, enforced) else None


def enforced_now(record: SiteRecord) -> Deployment | NoticedDeployment | None:
    """What the site enforces, as its operator says, or else as the operator's own reports do, never as strangers say.

    Where the operator says that it enforces nothing any more, only what was reported since says otherwise.
    """
    recorded = last_deployment(each for each in record.deployments if each.stage is ServedStage.ENFORCE)
    if recorded is not None and recorded.policy:
        return recorded
    vouched = [each for each in noticed_in(record) if each.is_vouched]
    since = [each for each in vouched if recorded is None or each.last_seen_at > recorded.since_at]
    return served_now(since, ServedStage.ENFORCE)


def noticed_in(record: SiteRecord) -> tuple[NoticedDeployment, ...]:
    """The policies that reports come under, and nobody recorded."""
    return noticed(record.groups, record.deployments, record.grounds.prevalence, record.thresholds)


def unrecorded_in(record: SiteRecord) -> tuple[NoticedDeployment, ...]:
    """Those of them whose record is missed: who only observes has recorded nothing, and needs not."""
    return tuple(
        each for each in noticed_in(record) if each.stage is ServedStage.ENFORCE or not is_observing(each.policy)
    )


def _candidate(
    record: SiteRecord, given: PolicyList | None, suggestion: Suggestion
) -> tuple[PolicyList, CandidateOrigin]:
    if given is not None:
        return given, CandidateOrigin.GIVEN
    if (tried := on_trial(record.deployments)) is not None:
        return parse_serialized_policy_list(tried.policy), CandidateOrigin.TRIAL
    policies = () if suggestion.policy is None else (suggestion.policy,)
    return PolicyList(policies), CandidateOrigin.SUGGESTION


def _new_weaknesses(candidate: PolicyList, enforced: PolicyList, evaluate: Evaluate) -> tuple[SuggestionFinding, ...]:
    """Those that the enforced policies do not have: none, where they let pass all that the candidate does."""
    if enforced.policies and diff(enforced, candidate).relation in {Relation.SAME, Relation.TIGHTER}:
        return ()
    known = {(found.code, found.directive, found.value) for found in evaluate(enforced)} if enforced.policies else set()
    return tuple(found for found in evaluate(candidate) if (found.code, found.directive, found.value) not in known)
