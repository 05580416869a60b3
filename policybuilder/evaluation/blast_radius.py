"""The blast radius: what a better policy would have broken in recorded traffic.

Reports tell what a page asked for and some policy refused, or would have. Of these, what the policy at hand allows and
the better one does not is what would be broken by the change; what both refuse is refused already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from policybuilder.csp import Delivery, Policy, Verdict, parse_serialized_policy_list, setting_of
from policybuilder.csp.violation import Disposition
from policybuilder.evaluation.reading import EFFECTIVE
from policybuilder.evaluation.weakness import Weakness
from policybuilder.evidence import OTHER, EvidenceClass, ViolationGroup
from policybuilder.replay import Replayer, document_origins

_MAX_PAGES = 5
_MAX_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Broken:
    """A violation that is one only under the better policy."""

    directive: str
    blocked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlastRadius:
    """What a change would have broken of what the site's own pages did."""

    groups: int = 0
    """Violations that differ from each other."""

    reports: int = 0
    reporters: int = 0
    """The most networks that reported one of them on one day."""

    unknown: int = 0
    """Groups of which the reports do not tell enough."""

    pages: tuple[str, ...] = ()
    """Those with most reports, the first few."""

    examples: tuple[Broken, ...] = ()
    unwatched: tuple[str, ...] = ()
    """Effective directives that the change restricts anew, and no policy does that reports came under: of these
    nothing could be recorded."""


_MAX_REPLAYED = 100
"""Different changes of one text."""


def blast_radii(
    text: str,
    weaknesses: Sequence[Weakness],
    groups: Sequence[ViolationGroup],
    *,
    delivery: Delivery = Delivery.HEADER,
    disposition: Disposition = Disposition.ENFORCE,
) -> tuple[BlastRadius | None, ...]:
    """What the change of each weakness would have broken; None where there is no change, or it cannot be told.

    Only what the site itself causes counts.
    """
    genuine = [group for group in groups if group.evidence_class is EvidenceClass.GENUINE]
    origins = document_origins(genuine)
    before = parse_serialized_policy_list(text, delivery=delivery, disposition=disposition).policies
    replayer = Replayer(before, origins)
    passing = [group for group in genuine if replayer.decide(group).verdict is not Verdict.BLOCK]
    watched = _watching(genuine)
    known: dict[str, BlastRadius] = {}
    for weakness in weaknesses:
        if weakness.fix is not None and weakness.fix not in known and len(known) < _MAX_REPLAYED:
            after = parse_serialized_policy_list(weakness.fix, delivery=delivery, disposition=disposition).policies
            unwatched = tuple(name for name in _newly_governed(before, after) if not _governs(watched, name))
            known[weakness.fix] = replace(_radius(before, after, passing, origins), unwatched=unwatched)
    return tuple(None if weakness.fix is None else known.get(weakness.fix) for weakness in weaknesses)


_MAX_WATCHING = 200
"""Different policies of reports; strangers can write what they like there."""


def _watching(groups: Sequence[ViolationGroup]) -> list[Policy]:
    """The policies that reports came under."""
    texts = dict.fromkeys(count.policy for group in groups for count in group.policies)
    return [policy for text in islice(texts, _MAX_WATCHING) for policy in parse_serialized_policy_list(text).policies]


def _newly_governed(before: Sequence[Policy], after: Sequence[Policy]) -> Iterator[str]:
    for name in (*EFFECTIVE, "require-trusted-types-for"):
        if _governs(after, name) and not _governs(before, name):
            yield name


def _governs(policies: Sequence[Policy], name: str) -> bool:
    return any(policy.governing(name) is not None for policy in policies)


def _radius(
    before: Sequence[Policy], after: Sequence[Policy], passing: Sequence[ViolationGroup], origins: Sequence[str]
) -> BlastRadius:
    replayer = Replayer(after, origins)
    old = Replayer(before, origins)
    is_affected = _Affected(before, after)
    broken: list[ViolationGroup] = []
    unknown = 0
    for group in passing:
        if not is_affected(group.directive):
            continue
        verdict = replayer.decide(group).verdict
        if verdict is Verdict.BLOCK:
            broken.append(group)
        elif verdict is Verdict.UNKNOWN and old.decide(group).verdict is Verdict.ALLOW:
            unknown += 1
    pages: dict[str, int] = {}
    for group in broken:
        for page in group.pages:
            if page.url != OTHER:
                pages[page.url] = pages.get(page.url, 0) + page.reports
    broken.sort(key=lambda group: (-group.reports, group.fingerprint))
    return BlastRadius(
        groups=len(broken),
        reports=sum(group.reports for group in broken),
        reporters=max((group.reporters for group in broken), default=0),
        unknown=unknown,
        pages=tuple(sorted(pages, key=lambda url: (-pages[url], url))[:_MAX_PAGES]),
        examples=tuple(Broken(group.directive, group.blocked) for group in broken[:_MAX_EXAMPLES]),
    )


class _Affected:
    """Whether a change can matter to an effective directive; most touch one, and evidence is of many."""

    def __init__(self, before: Sequence[Policy], after: Sequence[Policy]) -> None:
        self._before, self._after = before, after
        self._is_known: dict[str, bool] = {}
        is_alike = bool(before) and bool(after) and setting_of(before) == setting_of(after)
        self._is_all = not is_alike or len(before) != len(after)

    def __call__(self, name: str) -> bool:
        if self._is_all or name in _STANDS_FOR_MANY:
            return True
        found = self._is_known.get(name)
        if found is None:
            found = self._is_known[name] = any(
                old.governing(name) != new.governing(name) or old.governing("script-src") != new.governing("script-src")
                for old, new in zip(self._before, self._after, strict=True)
            )
        return found


_STANDS_FOR_MANY = frozenset({"default-src", "child-src"})
