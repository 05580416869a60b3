"""Measures: the figures that several criteria of readiness go by."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

from policybuilder.csp import parse_serialized_policy_list
from policybuilder.decisions import DecisionAction
from policybuilder.deployments import last_deployment
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.readiness.values import Case, Seen
from policybuilder.suggestion.candidates import PARENTS
from policybuilder.suggestion.exposure import sampled_share
from policybuilder.suggestion.trust import Share, wilson_lower_bound
from policybuilder.times import Window
from policybuilder.views import said_of_day, said_of_window, views_said

MAX_BREAK_RATE = 0.001
"""Of page views, for certain: the upper end of the confidence interval."""

ACCEPTED_LOSS = frozenset({DecisionAction.REJECT.value, DecisionAction.IGNORE.value})
"""What a person decided to live without."""


def is_known(case: Case, seen: Seen) -> bool:
    """Whether what was reported is so: strangers are believed only when they are many."""
    thresholds = case.record.thresholds
    are_many = seen.networks >= thresholds.min_reporters
    return seen.is_trusted or (are_many and case.record.grounds.prevalence.audience >= thresholds.min_audience)


def is_believed(case: Case, seen: Seen) -> bool:
    """Whether enough speak for it to make a policy ready: as large a share of the audience as makes a source believed.

    A handful of networks may say no; to say yes takes as much as to forge a source.
    """
    audience = case.record.grounds.prevalence.audience
    share = wilson_lower_bound(Share(seen.networks, audience))
    return seen.is_trusted or (is_known(case, seen) and share >= case.record.thresholds.min_prevalence)


def is_reported(case: Case, group: ViolationGroup) -> bool:
    """Whether the operator saw the group, or many strangers."""
    return is_known(case, Seen(group.reporters, is_trusted=group.trusted_reports > 0))


def observed_days(case: Case) -> list[date]:
    """The days, in order, on which pages were seen under what is served now."""
    if case.since_at is None:
        return []
    first, last = case.since_at.date(), case.record.window.until.date()
    said = views_said(case.record.deployments)
    reported = {day for day, seen in case.record.exposure.days.items() if is_believed(case, seen)}
    viewed = {date.fromisoformat(day) for day, views in case.record.views.by_day.items() if views}
    if said:
        every = (first + timedelta(days=number) for number in range((last - first).days + 1))
        viewed |= {day for day in every if said_of_day(said, day.isoformat())}
    return sorted(day for day in reported | viewed if first <= day <= last)


def exposed_views(case: Case) -> int | None:
    """Page views that carried the headers; None where nothing tells how many there were."""
    logged = case.record.views.total
    return round(logged * share_of_views(case)) if logged else said_views(case)


def said_views(case: Case) -> int | None:
    """Those that carried the headers as the operator says, since what is served now is."""
    since = Window(case.since_at, case.record.window.until)
    return said_of_window(views_said(case.record.deployments), since) or None


def share_of_views(case: Case) -> float:
    """The share that carries the headers: as the operator says, or the report address of what was recorded last does.

    Else the least that any report's URL says. Anybody can write any share there; with the least, forging makes a policy
    less ready, never more.
    """
    if case.sample is not None:
        return case.sample
    last = last_deployment(case.record.deployments)
    recorded = parse_serialized_policy_list(last.policy).policies if last is not None else ()
    said = [share for policy in recorded if (share := sampled_share(policy)) is not None]
    reported = [
        (group.reports - group.trusted_reports) / (group.estimated_reports - group.trusted_reports)
        for group in case.live
        if group.evidence_class is EvidenceClass.GENUINE
        and group.estimated_reports - group.trusted_reports > group.reports - group.trusted_reports > 0
    ]
    return min(said or reported, default=1.0)


@cache
def least_views() -> int:
    """So many that none of them broken means fewer than one in a thousand, for certain."""
    low, high = 1, 10_000_000
    while low < high:
        middle = (low + high) // 2
        if upper_bound(0, middle) <= MAX_BREAK_RATE:
            high = middle
        else:
            low = middle + 1
    return low


def upper_bound(broken: int, views: int) -> float:
    """The upper end of the confidence interval of a share of views; all of them where there are none."""
    return 1 - wilson_lower_bound(Share(views - min(broken, views), views))


def source_key(group: ViolationGroup) -> tuple[str, str]:
    """What would be one source of a policy: the directive, and the origin, keyword or scheme."""
    scheme, separator, rest = group.blocked.partition("://")
    source = f"{scheme}://{rest.partition('/')[0]}" if separator else group.blocked
    return PARENTS.get(group.directive, group.directive), source
