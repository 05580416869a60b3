"""What loads what: the tree from the site's pages, by way of others' code, to what is reported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from policybuilder.decisions import Decision, concerns, vouches_for
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.summary import source_of

MAX_DEPTH = 8
"""Of loaders below one another; forged reports could make any number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A source, as one loader has it loaded."""

    source: str
    """An origin, keyword or scheme."""

    directives: tuple[str, ...]
    violations: int
    reports: int
    reporters: int
    """The most networks that reported one of its violations on one day."""

    loads: tuple[Loaded, ...] = ()
    """What its own code has loaded, most reporters first; shown at the first place it stands."""

    is_shown_above: bool = False
    """It loads more, which stands where the source was first met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loader:
    """Others' code that loads what the pages do not name themselves: a tag manager, a widget, an advertiser."""

    origin: str
    """Empty for the site's own pages and code."""

    loads: tuple[Loaded, ...]
    violations: int
    reports: int
    reporters: int
    decisions: tuple[Decision, ...] = ()
    """Those that stand about all it loads."""


def loaders_of(groups: Iterable[ViolationGroup], decisions: Sequence[Decision]) -> tuple[Loader, ...]:
    """The site's own pages first, and then the loaders that nothing else is seen to load, most reporters first.

    Only what the site causes counts, by what its reports say. A loader that is loaded by another stands below it, if it
    is not just a few who say so, who may have made it up; where loaders load one another, the one that most networks
    name stands on top.
    """
    by_loader: dict[str, dict[str, list[ViolationGroup]]] = defaultdict(lambda: defaultdict(list))
    for group in groups:
        if group.evidence_class is EvidenceClass.GENUINE:
            by_loader[group.initiator][source_of(group)].append(group)
    order = sorted(by_loader, key=lambda origin: (origin != "", -_most(by_loader[origin]), origin))
    below = {
        source
        for origin, sources in by_loader.items()
        if origin
        for source, alike in sources.items()
        if source != origin and source in by_loader and _is_carried(alike, by_loader[source])
    }
    roots = [origin for origin in order if not origin or origin not in below]
    shown: set[str] = set()
    tree = [_loader(origin, by_loader, decisions, shown) for origin in roots]
    # What is left stands in circles.
    tree.extend(_loader(origin, by_loader, decisions, shown) for origin in order if origin not in shown)
    return tuple(tree)


_Loads = Mapping[str, Mapping[str, Sequence[ViolationGroup]]]


def _loader(origin: str, by_loader: _Loads, decisions: Sequence[Decision], shown: set[str]) -> Loader:
    shown.add(origin)
    members = [group for alike in by_loader[origin].values() for group in alike]
    return Loader(
        origin=origin,
        loads=_loads(origin, by_loader, shown, MAX_DEPTH),
        violations=len(members),
        reports=sum(group.reports for group in members),
        reporters=max(group.reporters for group in members),
        decisions=tuple(each for each in decisions if origin and _is_about(each, members[0])),
    )


def _is_about(decision: Decision, one: ViolationGroup) -> bool:
    """Whether a decision is about all that the group's loader loads, under the group's directive or any."""
    return bool(decision.loaded_by) and (vouches_for(decision, one) or concerns(decision, one))


def _loads(origin: str, by_loader: _Loads, shown: set[str], depth: int) -> tuple[Loaded, ...]:
    sources = by_loader[origin]
    found = []
    for source in sorted(sources, key=lambda source: (-max(group.reporters for group in sources[source]), source)):
        alike = sources[source]
        # The site's own pages load loaders, too, and those stand at the side of the pages.
        goes_on = bool(origin) and source in by_loader and source != origin
        is_new = goes_on and source not in shown and depth > 1 and _is_carried(alike, by_loader[source])
        if is_new:
            shown.add(source)
        found.append(
            Loaded(
                source=source,
                directives=tuple(sorted({group.directive for group in alike})),
                violations=len(alike),
                reports=sum(group.reports for group in alike),
                reporters=max(group.reporters for group in alike),
                loads=_loads(source, by_loader, shown, depth - 1) if is_new else (),
                is_shown_above=goes_on and not is_new,
            )
        )
    return tuple(found)


def _is_carried(by: Sequence[ViolationGroup], loads: Mapping[str, Sequence[ViolationGroup]]) -> bool:
    """Whether a loader stands below another `by` the reports that say so, by those of what it `loads` itself.

    With one report of a loader that nobody knows a stranger could move a tag manager down there, out of sight.
    """
    if any(group.trusted_reports for group in by):
        return True
    is_seen = any(group.trusted_reports for alike in loads.values() for group in alike)
    return not is_seen and 2 * max(group.reporters for group in by) >= _most(loads)


def _most(sources: Mapping[str, Sequence[ViolationGroup]]) -> int:
    return max(group.reporters for alike in sources.values() for group in alike)
