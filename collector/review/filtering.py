"""Filtering: which violations a reader wants to see, as the page's address says it."""

from __future__ import annotations

from policybuilder.listing import Filter

NO_FILTER = Filter()

PERIOD_TITLES = {"24h": "24 hours", "7d": "7 days", "30d": "30 days"}
"""Of `policybuilder.listing.PERIODS`, for people."""


def filter_of_address(  # noqa: PLR0917  (the members of an address)
    q: str = "",
    host: str = "",
    directive: str = "",
    kind: str = "",
    disposition: str = "",
    decision: str = "",
    page: str = "",
    seen: str = "",
    new: str = "",
) -> Filter:
    """Dependency: what the members of the address ask."""
    return Filter(
        q=q,
        host=host,
        directive=directive,
        kind=kind,
        disposition=disposition,
        decision=decision,
        page=page,
        seen=seen,
        new=new,
    )
