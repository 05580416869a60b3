"""Noticing: policies that a site's reports come under, though nobody recorded that it serves them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from policybuilder.csp import BLANK_NONCE, NONCE_PLACEHOLDER, Disposition, canonical, parse_serialized_policy
from policybuilder.deployments import Deployment, ServedStage, texts_named
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.suggestion.trust import NO_REACH, Prevalence, Reach, Share, Thresholds, missing

_STAGES = {Disposition.ENFORCE: ServedStage.ENFORCE, Disposition.REPORT: ServedStage.REPORT_ONLY}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticedDeployment:
    """A policy that the site serves, as its reports say; it has no number and no name."""

    stage: ServedStage
    policy: str
    """In canonical form, without reporting directives; a nonce is the placeholder of ours."""

    since_at: datetime
    """When it was first reported under; it may have been served before."""

    last_seen_at: datetime
    networks: int
    """The largest number of client networks that named it on one day, at whatever stage."""

    is_vouched: bool
    """Whether evidence of the operator's own named it."""


def noticed(
    groups: Iterable[ViolationGroup],
    deployments: Sequence[Deployment],
    prevalence: Prevalence,
    thresholds: Thresholds | None = None,
) -> tuple[NoticedDeployment, ...]:
    """The policies that no deployment of their stage names, oldest first.

    Anybody can claim any policy in a report. So only those count that trusted evidence names at this stage, or so many
    strangers that their sources would be believed; and the stage is believed by the same measure, or one report would
    make an enforced policy of the one that everybody is known to report under.
    """
    thresholds = thresholds or Thresholds()
    named = {stage: texts_named(each for each in deployments if each.stage is stage) for stage in ServedStage}
    found: dict[tuple[ServedStage, str], NoticedDeployment] = {}
    for group in groups:
        stage = _STAGES.get(group.disposition)
        if stage is None or group.is_noise or group.evidence_class is EvidenceClass.ATTACK_LIKE:
            continue
        is_stage_believed = not missing(_reach_of(group, prevalence), prevalence, thresholds)
        for count in group.policies:
            reach = prevalence.policies.get(count.policy, NO_REACH)
            is_believed = is_stage_believed and not missing(reach, prevalence, thresholds)
            text = _canonical_text(count.policy)
            if not text or text in named[stage] or not (count.trusted_reports or is_believed):
                continue
            seen = NoticedDeployment(
                stage=stage,
                policy=_with_placeholder(text),
                since_at=count.first_seen_at,
                last_seen_at=count.last_seen_at,
                networks=reach.reporters,
                is_vouched=count.trusted_reports > 0,
            )
            before = found.get((stage, text))
            found[stage, text] = seen if before is None else _together(before, seen)
    return tuple(sorted(found.values(), key=lambda each: (each.since_at, each.stage, each.policy)))


def served_now(noticed_deployments: Iterable[NoticedDeployment], stage: ServedStage) -> NoticedDeployment | None:
    """The one of a stage that was reported under last."""
    of_stage = [each for each in noticed_deployments if each.stage is stage]
    return max(of_stage, key=lambda each: (each.last_seen_at, each.since_at, each.policy), default=None)


def _reach_of(group: ViolationGroup, prevalence: Prevalence) -> Reach:
    """How far a group was reported, and so the disposition that it was reported with."""
    return Reach(
        reporters=group.reporters,
        best_day=Share(group.reporters, prevalence.audience),
        days=group.days,
        span=group.last_seen_at - group.first_seen_at,
    )


def _together(one: NoticedDeployment, other: NoticedDeployment) -> NoticedDeployment:
    return NoticedDeployment(
        stage=one.stage,
        policy=one.policy,
        since_at=min(one.since_at, other.since_at),
        last_seen_at=max(one.last_seen_at, other.last_seen_at),
        networks=max(one.networks, other.networks),
        is_vouched=one.is_vouched or other.is_vouched,
    )


@lru_cache(maxsize=1_024)
def _canonical_text(policy: str) -> str:
    """Of the same policy, which thousands of groups were reported under."""
    return str(canonical(parse_serialized_policy(policy)))


def _with_placeholder(text: str) -> str:
    """The policy as it can be sent again: each response has a nonce of its own."""
    return text.replace(f"'nonce-{BLANK_NONCE}'", f"'nonce-{NONCE_PLACEHOLDER}'")
