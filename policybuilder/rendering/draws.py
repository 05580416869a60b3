"""Draws: which headers of a response only a share of the page views gets, and how that share is written."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from policybuilder.csp import parse_serialized_policy_list
from policybuilder.stages import ENFORCED, REPORT_ONLY, Header


def divided(headers: Sequence[Header], share: float) -> tuple[list[Header], list[Header]]:
    """Return the headers of every response, and those that one draw decides about, all together.

    Drawn are report-only policies and what goes with them; an enforced policy protects only where it is sent. With a
    share of 1 nothing is drawn.
    """
    if share >= 1:
        return list(headers), []
    # The endpoints stay beside an enforced policy that needs them.
    kept = {ENFORCED}
    if any(_reports_to_endpoint(header) for header in headers):
        kept |= {header.name for header in headers if header.name != REPORT_ONLY}
    return [h for h in headers if h.name in kept], [h for h in headers if h.name not in kept]


def percentage(share: float) -> Decimal:
    """Return `share` as percent, exactly as its text says, where a float would be 28.999999999999996."""
    return Decimal(str(share)) * 100


def written(share: float) -> str:
    """Return `share` as a number that every language reads: `0.00001`, not `1e-05`."""
    return f"{Decimal(str(share)):f}"


def percent(share: float) -> str:
    """Return `share` for people, such as `1 %`."""
    return f"{_plain(percentage(share))} %"


def hexadecimal_bound(share: float) -> str:
    """Return eight hexadecimal digits that sort behind just that share of all random ones."""
    # Neither never nor always: a share is more than 0 and, where there is something to draw, less than 1.
    return f"{min(max(round(share * 2**32), 1), 2**32 - 1):08x}"


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _reports_to_endpoint(header: Header) -> bool:
    return header.name == ENFORCED and any(
        policy.directive("report-to") is not None for policy in parse_serialized_policy_list(header.value).policies
    )
