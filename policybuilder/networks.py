"""Client networks: what their number on a day says about the collector's set-up.

A warning is for people. Nothing is decided by the ones about a few networks: one sender's flood looks just as a wrongly
set-up proxy does, and must not change what is believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MAX_REHEARSAL_NETWORKS = 3
"""An operator's desk, staging and CI; a key that more networks know on one day has leaked."""

FEW_NETWORKS = 5
FEW_NETWORKS_SHARE = 0.9
"""The share of a day's reports from which on so few networks are no audience of a public site."""

MIN_JUDGED_REPORTS = 200
"""Reports of a day below which their networks say nothing: every site begins with a few visitors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworksOfDay:
    """How evenly a site's client networks reported on one day, apart from what came by the rehearsal key."""

    day: str
    """As `2026-11-23`."""

    reports: int
    networks: int
    """Those that sent any of the reports."""

    busiest_reports: int
    """Of the `FEW_NETWORKS` networks that sent most."""


@dataclass(frozen=True, slots=True)
class SetupWarning:
    """Something in the set-up to look at."""

    code: str
    message: str
    fix: str


def few_networks(days: Sequence[NetworksOfDay]) -> tuple[NetworksOfDay, ...]:
    """The days on which nearly all reports came from a few networks, in the order given."""
    return tuple(
        day
        for day in days
        if day.reports >= MIN_JUDGED_REPORTS and day.busiest_reports >= FEW_NETWORKS_SHARE * day.reports
    )


def leaked_days(rehearsal_networks: Mapping[str, int]) -> tuple[str, ...]:
    """The days on which more networks used the rehearsal key than an operator has, oldest first."""
    return tuple(sorted(day for day, count in rehearsal_networks.items() if count > MAX_REHEARSAL_NETWORKS))


FEW_NETWORKS_FIX = "behind a CDN or proxy, set CSP_CLIENT_HEADER and CSP_TRUSTED_PROXIES"


def setup_warnings(
    site: str, days: Sequence[NetworksOfDay], rehearsal_networks: Mapping[str, int], *, program: str = "cspbuild"
) -> tuple[SetupWarning, ...]:
    """What a person should look at, the leaked key first.

    `days` stand oldest first, `rehearsal_networks` counts the networks that used the rehearsal key by day, and
    `program` is how to type the name of our command.
    """
    warnings = []
    if leaked := leaked_days(rehearsal_networks):
        day = leaked[-1]
        warnings.append(
            SetupWarning(
                "rehearsal-key-leaked",
                f"the rehearsal key of {site} was used from {rehearsal_networks[day]:,} networks on "
                f"{_shown_days(leaked)}: more people know it than rehearse",
                f"{program} site rotate {site} --rehearsal",
            )
        )
    if crowded := few_networks(days):
        last = crowded[-1]
        share = 100 * last.busiest_reports // last.reports
        networks = min(last.networks, FEW_NETWORKS)
        warnings.append(
            SetupWarning(
                "few-networks",
                f"{share} % of the {last.reports:,} reports to {site} on {_shown_days([day.day for day in crowded])} "
                f"came from {'one network' if networks == 1 else f'{networks} networks'}: either the collector takes "
                "the address of a CDN or proxy for that of the client, or a few senders flood it, or few people visit",
                FEW_NETWORKS_FIX,
            )
        )
    return tuple(warnings)


def public_warnings(days_of_sites: Iterable[Sequence[NetworksOfDay]]) -> tuple[SetupWarning, ...]:
    """The same for whoever asks: without the names and figures of sites, and nothing about keys."""
    if not any(few_networks(days) for days in days_of_sites):
        return ()
    message = (
        "nearly all reports of a day came from a few client networks: either the collector takes the address of a CDN "
        "or proxy for that of the client, or a few senders flood it, or few people visit"
    )
    return (SetupWarning("few-networks", message, FEW_NETWORKS_FIX),)


def _shown_days(days: Sequence[str]) -> str:
    """The last day, and how many others."""
    others = len(days) - 1
    return days[-1] + (f" (and {others} other {'day' if others == 1 else 'days'})" if others else "")
