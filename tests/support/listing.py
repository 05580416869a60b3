"""The list of violations as plain Python makes it of all groups: what the database's must be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from policybuilder.evidence import ViolationGroup
from policybuilder.listing import PERIODS, UNDECIDED, Filter, ListedViolation, Listing, Place, counted, host_asked
from policybuilder.summary import APART_CLASSES

_PLACES: Mapping[str, Callable[[ViolationGroup], Iterable[str]]] = {
    "blocked": lambda group: (group.blocked,),
    "sample": lambda group: (group.sample,),
    "source": lambda group: (group.source_file, group.initiator),
    "page": lambda group: (group.document_origin, *(page.url for page in group.pages)),
    "directive": lambda group: (group.directive,),
    "group": lambda group: (group.fingerprint,),
}


def admits(wanted: Filter, group: ViolationGroup, now: datetime) -> bool:
    """Whether the group is one of those that are wanted."""
    if wanted.directive and group.directive != wanted.directive:
        return False
    if wanted.kind and group.evidence_class != wanted.kind:
        return False
    if wanted.disposition and group.disposition != wanted.disposition:
        return False
    if wanted.decision and (group.decision or UNDECIDED) != wanted.decision:
        return False
    if wanted.host:
        host = group.blocked.partition("://")[2].partition("/")[0].lower()
        host = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() and ":" in host else host
        asked = host_asked(wanted.host)
        if host != asked and not host.endswith(f".{asked}"):
            return False
    if wanted.seen and group.last_seen_at < now - PERIODS[wanted.seen]:
        return False
    if wanted.new and group.first_seen_at < now - PERIODS[wanted.new]:
        return False
    if wanted.page and not _holds(_PLACES["page"](group), wanted.page):
        return False
    return not wanted.q or any(_holds(texts(group), wanted.q) for texts in _PLACES.values())


def _holds(texts: Iterable[str], wanted: str) -> bool:
    return any(wanted.lower() in text.lower() for text in texts)


def row_of(group: ViolationGroup) -> ListedViolation:
    """The group as a row of the list."""
    names = [name for name in ListedViolation.__struct_fields__ if name != "pages"]
    return ListedViolation(**{name: getattr(group, name) for name in names}, pages=tuple(group.pages))


def listing_of(
    groups: Sequence[ViolationGroup],
    wanted: Filter,
    *,
    now: datetime,
    reporters: int,
    include_noise: bool = True,
    after: Place | None = None,
    limit: int = 1_000_000,
) -> Listing:
    """The page of the list, of all the groups of a site as people see them."""
    found = sorted(
        (
            group
            for group in groups
            if (include_noise or group.evidence_class not in APART_CLASSES) and admits(wanted, group, now)
        ),
        key=_order,
    )
    rest = [group for group in found if after is None or _order(group) > _key(after)]
    shown = rest[:limit]
    kinds = (
        (group.evidence_class, group.disposition, group.decision or "", group.directive, 1, group.reports)
        for group in groups
    )
    return Listing(
        rows=tuple(map(row_of, shown)),
        found=len(found),
        left=len(rest) - len(shown),
        counts=counted(kinds, reporters),
    )


def _order(group: ViolationGroup) -> tuple[int, int, str]:
    return _key(row_of(group).place)


def _key(place: Place) -> tuple[int, int, str]:
    return -place.reporters, -place.reports, place.fingerprint
