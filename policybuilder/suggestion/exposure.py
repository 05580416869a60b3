"""Exposure: how many page views carried a report-only policy that would have told of a source's use.

What an enforced policy allows gives no reports, so that nothing is heard of it proves nothing. A source is unused only
as far as pages were served with another policy that refuses it, and nobody's browser reported that.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from policybuilder.csp import Policy, parse_serialized_policy_list
from policybuilder.deployments import Deployment, ServedStage
from policybuilder.times import Window
from policybuilder.views import Views

MAX_RATE = 0.001
"""Of page views that may use what is removed."""

MIN_SPAN = timedelta(days=7)
"""So that a weekend is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """A report-only policy that was served for a while."""

    policy: Policy
    since_at: datetime
    until_at: datetime
    views: int | None
    """Page views that carried it; None where nobody knows."""

    @property
    def bound(self) -> float | None:
        """The share of page views that may use what none of them reported, with 95 % confidence; None if unknown.

        The rule of three: https://en.wikipedia.org/wiki/Rule_of_three_(statistics)
        """
        return min(1.0, 3 / self.views) if self.views else None

    @property
    def lacks(self) -> str | None:
        """Why too little was seen to remove anything, for people; None where it is enough."""
        if self.bound is None:
            return "how many page views carried it is not known"
        if self.bound > MAX_RATE:
            return f"{self.views:,} page views carried it, of {3 / MAX_RATE:,.0f} that are needed"
        if self.until_at - self.since_at < MIN_SPAN:
            return f"it has been out for less than {MIN_SPAN.days} days"
        return None


def exposures(deployments: Sequence[Deployment], views: Views, window: Window) -> tuple[Exposure, ...]:
    """The report-only policies that the operator says were served in the window, the newest first.

    Only deployments count: anybody can claim any policy in a report. Views are those that the deployment names, which
    carry the policy; or, where access logs were read, the share of them that the policy's own report address tells.
    """
    tried = sorted(
        (each for each in deployments if each.stage is ServedStage.REPORT_ONLY and each.since_at < window.until),
        key=lambda each: (each.since_at, each.number),
    )
    ends = [*(each.since_at for each in tried), window.until][1:]
    found = []
    for each, end in zip(tried, ends, strict=True):
        since = each.since_at if window.since is None else max(each.since_at, window.since)
        if since >= end:
            continue
        for policy in parse_serialized_policy_list(each.policy).policies:
            seen = _views(each, policy, views, since, end)
            found.append(Exposure(policy=policy, since_at=since, until_at=end, views=seen))
    return tuple(reversed(found))


def _views(deployment: Deployment, policy: Policy, views: Views, since: datetime, until: datetime) -> int | None:
    if deployment.views_per_day is not None:
        return round(deployment.views_per_day * ((until - since) / timedelta(days=1)))
    share = sampled_share(policy)
    if share is None:
        return None
    # Whole days only: of a part of one, a log does not say how many views came before.
    days = [day for day in views.by_day if f"{since:%Y-%m-%d}" < day < f"{until:%Y-%m-%d}"]
    return round(share * sum(views.by_day[day] for day in days)) if days else None


def sampled_share(policy: Policy) -> float | None:
    """The share of page views that carry the policy, as its `report-uri` tells; None without one."""
    directive = policy.directive("report-uri")
    if directive is None or not directive.values:
        return None
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(directive.values[0]).query)
    try:
        share = float(query.get("r", ["1"])[0])
    except ValueError:
        return None
    return share if 0 < share <= 1 else None
