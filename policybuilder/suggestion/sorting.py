"""Sorting: what becomes of each violation group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.suggestion.candidates import Admit, Exclude, Hold, Outcome, Unresolved, candidate


@dataclass(slots=True)
class SortedGroups:
    """Groups by what becomes of them."""

    admitted: list[tuple[ViolationGroup, Admit]] = field(default_factory=list)
    """Trusted, and answered by a source."""

    untrusted: list[tuple[ViolationGroup, Admit]] = field(default_factory=list)
    """A source would answer them, but only strangers reported them."""

    held: list[tuple[ViolationGroup, Hold]] = field(default_factory=list)
    excluded: list[tuple[ViolationGroup, str]] = field(default_factory=list)
    """With the rule that says why."""

    unresolved: list[tuple[ViolationGroup, Unresolved]] = field(default_factory=list)


def sort_groups(groups: Sequence[ViolationGroup], origins: Sequence[str]) -> SortedGroups:
    """By fingerprint, so that the order of reading changes nothing; `origins` are those of the site's documents."""
    result = SortedGroups()
    for group in sorted(groups, key=lambda group: group.fingerprint):
        match _outcome(group, origins):
            case Admit() as admit:
                (result.admitted if group.trusted_reports else result.untrusted).append((group, admit))
            case Hold() as hold:
                result.held.append((group, hold))
            case Exclude(rule):
                result.excluded.append((group, rule))
            case Unresolved() as unresolved:
                result.unresolved.append((group, unresolved))
    return result


def _outcome(group: ViolationGroup, origins: Sequence[str]) -> Outcome:
    match group.evidence_class:
        case EvidenceClass.GENUINE:
            return candidate(group, origins)
        case EvidenceClass.CONTRADICTION if group.directive.startswith(("script-src", "form-action")):
            return Unresolved(
                group.directive,
                "the policy it was reported under allows this URL: it probably redirects to one that is blocked",
                "follow the redirect, and allow its target if you want it",
            )
        case _:
            return Exclude(group.rule)
