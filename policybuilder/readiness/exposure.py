"""Exposure: whether a policy was watched for long enough, by enough visitors, on enough pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date

from policybuilder.csp import Verdict
from policybuilder.evidence import EvidenceClass
from policybuilder.plurals import plural
from policybuilder.readiness.measures import (
    ACCEPTED_LOSS,
    exposed_views,
    is_believed,
    is_reported,
    least_views,
    observed_days,
    share_of_views,
    source_key,
)
from policybuilder.readiness.values import UNKNOWN, CandidateOrigin, Case, Criterion, CriterionName, Seen
from policybuilder.rendering.draws import percent
from policybuilder.routes import is_beneath, path_of, shapes
from policybuilder.summary import APART_CLASSES
from policybuilder.times import isoformat

MIN_DAYS = 7
MAX_APART_SHARE = 0.95
"""Extensions and robots are most of what many a sound site is reported; but something else comes too."""

MIN_COVERAGE = 0.9
MAX_REHEARSED_SHARE = 0.5
_WEEKEND = 5
"""The number of Saturday, from which on it is one."""

_PLACES = 5
"""Examples that a figure names."""


def window(case: Case) -> Criterion:
    """A week with its weekend has to be seen, since visitors, editors and campaigns differ by the day.

    A collector that nothing reaches looks like a policy that nothing breaks; so something must still arrive, and be it
    the noise of extensions.
    """
    days, last_report = observed_days(case), max(case.record.exposure.days, default=None)
    end = case.record.window.until.date()
    is_alive = last_report is not None and (end - last_report).days <= MIN_DAYS
    return Criterion(
        name=CriterionName.WINDOW,
        passed=_is_whole_week(days) and is_alive,
        value=f"{_shown_days(days)}; the last report is of {last_report}" if last_report else "nothing was reported",
        needed=f"{MIN_DAYS} days with a weekend, each with views or believed reports, and some report in the last "
        f"{MIN_DAYS} days",
        figures={
            "since": isoformat(case.since_at) if case.since_at else None,
            "until": isoformat(case.record.window.until),
            "days": len(days),
            "weekdays": sorted({f"{day:%a}" for day in days}, key=_WEEKDAYS.index),
            "last_report": None if last_report is None else last_report.isoformat(),
        },
    )


_WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def quiet_period(case: Case) -> Criterion:
    """Something new today means that there will be something new tomorrow."""
    newest = max(_first_days(case).values(), default=None)
    days = [day for day in observed_days(case) if newest is None or day > newest]
    return Criterion(
        name=CriterionName.QUIET_PERIOD,
        passed=_is_whole_week(days),
        value=f"{_shown_days(days)}, since the last new source was first reported on {newest}"
        if newest
        else f"{_shown_days(days)}; no source was reported by many, or by you",
        needed=f"{MIN_DAYS} days with a weekend and without a new source",
        figures={"days": len(days), "last_new_source": None if newest is None else newest.isoformat()},
    )


def sampling_rate(case: Case) -> Criterion:
    """So few page views carry the headers that what breaks rarely would not show."""
    views, least = exposed_views(case), least_views()
    is_logged = bool(case.record.views)
    rate = share_of_views(case) if is_logged else None
    shown = f"{percent(rate)} of {case.record.views.total:,}" if rate is not None else "as you say"
    return Criterion(
        name=CriterionName.SAMPLING_RATE,
        passed=views is not None and views >= least,
        value=UNKNOWN if views is None else f"{plural(views, 'page view')} carried the headers, {shown}",
        needed=f"{least:,} page views, so that one broken in a thousand would show",
        figures={"rate": rate, "views": views, "views_needed": least},
    )


def reports_by_class(case: Case) -> Criterion:
    """That nearly everything is set apart means that the rules, or the set-up, are wrong for this site."""
    reports: Counter[EvidenceClass] = Counter()
    for group in case.live:
        reports[group.evidence_class] += group.reports
    apart = sum(reports[kind] for kind in APART_CLASSES - {EvidenceClass.SUPERSEDED})
    # What a few strangers report would hide how much is set apart.
    of_the_site = sum(group.reports for group in case.live if group.evidence_class in _OWN and is_reported(case, group))
    share = apart / (apart + of_the_site) if apart else 0.0
    shown = ", ".join(f"{count:,} {kind}" for kind, count in sorted(reports.items(), key=lambda item: (-item[1], item)))
    return Criterion(
        name=CriterionName.REPORTS_BY_CLASS,
        passed=of_the_site > 0 and share <= MAX_APART_SHARE,
        value=f"{shown}; {share:.0%} set apart" if reports else "nothing was reported",
        needed=f"believed reports of the site's own doing, and at most {MAX_APART_SHARE:.0%} set apart",
        figures={
            "reports": {kind.value: reports[kind] for kind in sorted(reports)},
            "believed": of_the_site,
            "excluded_share": round(share, 4),
        },
    )


_OWN = frozenset({EvidenceClass.GENUINE, EvidenceClass.SUPERSEDED})


def reporters(case: Case) -> Criterion:
    """What a handful of people saw is not what visitors will see."""
    audience, least = case.record.grounds.prevalence.audience, case.record.thresholds.min_audience
    return Criterion(
        name=CriterionName.REPORTERS,
        passed=audience >= least,
        value=f"{plural(audience, 'client network')} on a busy day",
        needed=f"{least:,}",
        figures={"networks": audience, "networks_needed": least},
    )


def page_coverage(case: Case) -> Criterion:
    """A page that nobody visited under the headers has told nothing."""
    seen = [
        path
        for page, known in case.record.exposure.pages.items()
        if is_believed(case, known) and (path := path_of(page))
    ]
    rehearsed = [
        path for page, known in case.record.exposure.pages.items() if known.is_trusted and (path := path_of(page))
    ]
    # What must not break is not left to what strangers say they saw.
    sure = [*rehearsed, *case.record.page_paths]
    unseen_critical = [path for path in case.critical if not any(is_beneath(page, path) for page in sure)]
    listed = case.routes or case.record.page_paths
    if not listed:
        # A few critical paths are no list of the site's: that they were seen tells nothing of the others.
        return Criterion(
            name=CriterionName.PAGE_COVERAGE,
            passed=False,
            value=f"not {', '.join(unseen_critical[:_PLACES])}" if unseen_critical else UNKNOWN,
            needed="--routes, or an access log: csp-collector views import",
            figures={"routes": None, "covered": None, "missing": unseen_critical[:100]},
        )
    # One that stands for listed routes beneath it is no further route.
    added = [path for path in case.critical if not any(is_beneath(route, path) for route in listed)]
    shape = shapes({*listed, *added, *seen})
    routes = {shape[path] for path in (*listed, *added)}
    covered = {shape[path] for path in (*seen, *(path for path in added if path not in unseen_critical))}
    unseen = routes - covered
    named_already = {shape.get(path, path) for path in unseen_critical}
    missing = [*unseen_critical, *sorted(unseen - named_already)]
    seen_routes = len(routes) - len(unseen)
    return Criterion(
        name=CriterionName.PAGE_COVERAGE,
        passed=seen_routes / len(routes) >= MIN_COVERAGE and not unseen_critical,
        value=f"{seen_routes:,} of {plural(len(routes), 'route')}"
        + (f"; not {', '.join(missing[:_PLACES])}" if missing else ""),
        needed=f"{MIN_COVERAGE:.0%} of the routes, and all that are critical, rehearsed or reported by many",
        figures={"routes": len(routes), "covered": seen_routes, "missing": missing[:100]},
    )


def rehearsal_share(case: Case) -> Criterion:
    """A rehearsal knows neither the visitors' browsers nor what only production loads."""
    sources: dict[tuple[str, str], bool] = {}
    for group in case.record.groups:
        if group.evidence_class is EvidenceClass.GENUINE and case.verdicts[group.fingerprint] is Verdict.ALLOW:
            is_public = group.reports > group.trusted_reports and is_believed(case, Seen(group.reporters))
            sources[source_key(group)] = sources.get(source_key(group), False) or is_public
    rehearsed = sum(not is_public for is_public in sources.values())
    share = rehearsed / len(sources) if sources else 1.0
    views = exposed_views(case) or 0
    is_tried = case.origin is CandidateOrigin.TRIAL and views >= least_views()
    were = "was" if len(sources) == 1 else "were"
    return Criterion(
        name=CriterionName.REHEARSAL_SHARE,
        passed=is_tried or share <= MAX_REHEARSED_SHARE,
        value=f"{rehearsed:,} of {plural(len(sources), 'source')} {were} seen in rehearsal alone"
        + (f", but {plural(views, 'page view')} tried the policy" if is_tried else ""),
        needed=f"at most {MAX_REHEARSED_SHARE:.0%}, or {least_views():,} page views of production on trial",
        figures={"sources": len(sources), "rehearsed_only": rehearsed, "views_on_trial": views if is_tried else None},
    )


def _first_days(case: Case) -> Mapping[tuple[str, str], date]:
    """On which day each source was first reported by many, or the operator; superseded evidence tells too."""
    first: dict[tuple[str, str], date] = {}
    for group in case.record.groups:
        is_open = group.evidence_class is EvidenceClass.GENUINE and group.decision not in ACCEPTED_LOSS
        if is_open and is_reported(case, group):
            key, day = source_key(group), group.first_seen_at.date()
            first[key] = min(day, first.get(key, day))
    return first


def _is_whole_week(days: Iterable[date]) -> bool:
    seen = set(days)
    return len(seen) >= MIN_DAYS and any(day.weekday() >= _WEEKEND for day in seen)


def _shown_days(days: list[date]) -> str:
    if not days:
        return "no day"
    weekend = sum(day.weekday() >= _WEEKEND for day in days)
    return f"{plural(len(days), 'day')}, {weekend} of a weekend"
