"""Trust: how far a source is believed, and what it would have cost to forge it.

Anybody can post reports, any number of them, from any place that they have an address in. So reports count for nothing,
and client networks are counted by the day, against how many there are: many visitors report what a site really loads,
while an attacker has few networks, or pays for each. What would run code is believed only when something that strangers
cannot write stands behind it.

Shares are judged by the lower end of their confidence interval, so that few visitors prove little.
https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval#Wilson_score_interval
"""

from __future__ import annotations

import enum
import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

Z_95 = 1.959964
"""For a share of the whole audience."""

Z_99 = 2.575829
"""For the best of several pages' shares: with many pages, one of them is always somewhat unlikely."""


class Tier(enum.StrEnum):
    """Why a source is in the policy."""

    DECIDED = "decided"
    """A person said so."""

    TRUSTED = "trusted"
    """Seen at the rehearsal key, or in the operator's own recording."""

    AUTO = "auto"
    """Many strangers, and for code something beside them."""

    KEPT = "kept"
    """Every observed policy allows it, so no report could tell."""

    BASE = "base"
    """Part of every suggestion."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What strangers' reports of a source must reach."""

    min_reporters: int = 5
    """Distinct client networks on one day."""

    min_prevalence: float = 0.02
    min_site_share: float = 0.01
    """Of the site's networks, for what most who come to one page report."""

    min_days: int = 2
    min_span: timedelta = timedelta(hours=24)
    min_audience: int = 50
    """Client networks of the site on one day, below which strangers are not believed at all."""


_BUSIEST_DAYS_LEFT_OUT = 2
"""Of a week, so that what half a country came to see for a day makes nothing rare of all else."""

_DAYS_A_SPIKE = 3
"""Further days, of which one busy one is left out."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many of a day's client networks reported something."""

    reporters: int
    audience: int


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a source was reported."""

    reporters: int = 0
    """The largest number of distinct client networks on one day."""

    best_day: Share = Share(0, 0)
    """On the day on which the largest part of the site's audience reported it."""

    days: int = 0
    span: timedelta = timedelta()
    """Between the first and the last receipt, by the collector's clock."""

    best_page: Share | None = None
    """On that page of the source's, of those with an audience of their own, where most of the audience reported it."""


NO_REACH = Reach()

SourceKey = tuple[str, str] | tuple[str, str, str]
"""Directive, as it is printed, and source expression; with an initiator, what is said of its loads alone."""


@dataclass(frozen=True, slots=True)
class Prevalence:
    """How far everything was reported that strangers alone speak for."""

    audience: int = 0
    """Distinct client networks of the site on a busy day; see `usual_audience`."""

    smallest_page: int | None = None
    """The audience of the least visited page that has one of its own."""

    sources: Mapping[SourceKey, Reach] = field(default_factory=dict)
    policies: Mapping[str, Reach] = field(default_factory=dict)
    """By the policy's text."""


NO_PREVALENCE = Prevalence()


@dataclass(frozen=True, slots=True)
class PoisonMargin:
    """The cheapest forged campaign that would have inserted a source like this one."""

    networks: int
    """Client networks, each a /24 or /48 of its own, on one day."""

    share: float
    """Of the audience that they would have to be."""

    days: int


@dataclass(frozen=True, slots=True)
class PoisonMargins:
    """What it would have cost to have strangers' reports believed."""

    usual: PoisonMargin
    of_code: PoisonMargin
    """Of what a trusted initiator is said to load: no single page's audience counts there."""


def wilson_lower_bound(share: Share, z: float = Z_95) -> float:
    """The lower end of the confidence interval of a share; 0 where nobody was asked, or nobody did."""
    n, k = share.audience, min(share.reporters, share.audience)
    if n <= 0 or k <= 0:
        return 0.0
    p = k / n
    centre = p + z * z / (2 * n)
    margin = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (centre - margin) / (1 + z * z / n))


def usual_audience(days: Sequence[int]) -> int:
    """How many of the site's client networks report on a busy day, by those of each day; 0 where there was none.

    That many are needed on any other day too, or a forger would wait for a quiet one. Reports can make it less only by
    leaving out one or two days that were still busier.
    """
    left_out = min(_BUSIEST_DAYS_LEFT_OUT, (len(days) - 1) // _DAYS_A_SPIKE)
    return sorted(days, reverse=True)[left_out] if days else 0


def has_own_audience(page: int, site: int, thresholds: Thresholds) -> bool:
    """Whether so many of the site's networks come to a page that it is real: anyone can make up one of their own."""
    return wilson_lower_bound(Share(page, site)) >= thresholds.min_prevalence


def missing(reach: Reach, prevalence: Prevalence, thresholds: Thresholds, *, loaded_by: str = "") -> tuple[str, ...]:
    """What strangers' reports lack to be believed, for people; empty where they are.

    With an initiator, `reach` is that of the reports that name it.
    """
    if prevalence.audience < thresholds.min_audience:
        return (f"{thresholds.min_audience} networks that report on one day (there were {prevalence.audience})",)
    lacks = []
    if loaded_by:
        if more := more_networks(reach, prevalence, thresholds):
            networks = f"{more} more network{'' if more == 1 else 's'}"
            lacks.append(f"{networks} on one day that say {loaded_by} loads it (there were {reach.reporters})")
    elif reach.reporters < thresholds.min_reporters:
        lacks.append(f"{thresholds.min_reporters} networks on one day (there were {reach.reporters})")
    elif not is_prevalent(reach, prevalence.audience, thresholds):
        share = reach.best_day.reporters / reach.best_day.audience
        lacks.append(f"{thresholds.min_prevalence:.0%} of the audience for certain (there were {share:.1%})")
    if reach.days < thresholds.min_days or reach.span < thresholds.min_span:
        hours = thresholds.min_span / timedelta(hours=1)
        lacks.append(f"reports on {thresholds.min_days} days, {hours:g} hours apart")
    return tuple(lacks)


def more_networks(reach: Reach, prevalence: Prevalence, thresholds: Thresholds) -> int:
    """How many more networks would have to report it on its best day, of those that come; 0 where they are enough."""
    if reach.reporters >= thresholds.min_reporters and is_prevalent(reach, prevalence.audience, thresholds):
        return 0
    audience = max(reach.best_day.audience, prevalence.audience)
    share = bisect_left(
        range(audience),
        thresholds.min_prevalence,
        key=lambda networks: wilson_lower_bound(Share(networks, audience)),
    )
    return max(1, max(share, thresholds.min_reporters) - reach.best_day.reporters)


def is_prevalent(reach: Reach, audience: int, thresholds: Thresholds) -> bool:
    """Whether enough of the site's networks, or of a page's, reported it."""
    if wilson_lower_bound(reach.best_day) >= thresholds.min_prevalence:
        return True
    page = reach.best_page
    return (
        page is not None
        and page.reporters >= fewest_of_a_page(audience, thresholds)
        and wilson_lower_bound(page, Z_99) >= thresholds.min_prevalence
    )


def fewest_of_a_page(audience: int, thresholds: Thresholds) -> float:
    """Of the networks that come to a page, how many must report a source that too few of the site's report."""
    return max(thresholds.min_reporters, thresholds.min_site_share * audience)


def poison_margins(prevalence: Prevalence, thresholds: Thresholds) -> PoisonMargins:
    """The margins of a suggestion."""
    return PoisonMargins(
        usual=poison_margin(prevalence, thresholds),
        of_code=poison_margin(replace(prevalence, smallest_page=None), thresholds),
    )


def poison_margin(prevalence: Prevalence, thresholds: Thresholds) -> PoisonMargin:
    """What it would have cost to have strangers' reports believed, on top of the audience there is.

    Whoever forges adds to the audience; on a page with few visitors they need the fewest.
    """
    campaigns = [_campaign(prevalence.audience, Z_95, thresholds)]
    if prevalence.smallest_page is not None:
        # They are part of the site's audience too.
        share = thresholds.min_site_share
        of_site = math.ceil(share * prevalence.audience / (1 - share))
        campaigns.append(max(_campaign(prevalence.smallest_page, Z_99, thresholds), of_site))
    # The site must have an audience at all, if need be a forged one.
    least = max(min(campaigns), thresholds.min_audience - prevalence.audience)
    return PoisonMargin(least, least / (least + prevalence.audience), thresholds.min_days)


def _campaign(audience: int, z: float, thresholds: Thresholds) -> int:
    """The fewest networks that are a share of `audience` and themselves for certain."""
    low, high = thresholds.min_reporters, max(thresholds.min_reporters, audience + 1)
    while low < high:
        middle = (low + high) // 2
        if wilson_lower_bound(Share(middle, audience + middle), z) >= thresholds.min_prevalence:
            high = middle
        else:
            low = middle + 1
    return low
