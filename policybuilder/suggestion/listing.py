"""Listing: what was left out of the policy, alike put together, for people to look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from policybuilder.csp import Policy, Question, Verdict, decide, origin_of, parse_url
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.suggestion.candidates import NONCE, Hold, Unresolved
from policybuilder.suggestion.inline import NoncePlace
from policybuilder.suggestion.sorting import Doubt, Grounds, SortedGroups, is_believed_alone, is_rejected
from policybuilder.suggestion.values import Evidence, ExcludedGroup, HeldSource, UnresolvedGroup, evidence_of

_NEEDS_TRUST = (
    "you see it yourself (at the rehearsal key, or in a recording: csp-collector import --trusted), or allow it "
    "(cspbuild decide allow, for all that a tag manager loads with --loaded-by)"
)


def held_sources(
    held: Iterable[tuple[ViolationGroup, Hold]], doubted: Iterable[tuple[ViolationGroup, Doubt]], grounds: Grounds
) -> tuple[HeldSource, ...]:
    members: dict[tuple[str, str, str, str], list[ViolationGroup]] = defaultdict(list)
    for group, hold in held:
        members[hold.directive, hold.source, hold.why, hold.needs].append(group)
    doubts: dict[int, tuple[Doubt, list[ViolationGroup]]] = {}
    for group, doubt in doubted:
        doubts.setdefault(id(doubt), (doubt, []))[1].append(group)
    for doubt, alike in doubts.values():
        admit, lacks = doubt.admit, "; ".join(doubt.lacks)
        why = f"{admit.reason}, as strangers say; what they say would need {lacks}"
        members[admit.directive, admit.source, why, _NEEDS_TRUST] += alike
    return tuple(
        HeldSource(
            directive=directive,
            source=source,
            why=why,
            needs=needs,
            evidence=evidence_of(alike),
            is_believed=any(is_believed_alone(group, grounds) for group in alike),
        )
        for (directive, source, why, needs), alike in sorted(members.items(), key=lambda item: item[0])
    )


def excluded_groups(excluded: Iterable[tuple[ViolationGroup, str]]) -> tuple[ExcludedGroup, ...]:
    counts: dict[tuple[str, str, EvidenceClass, str], int] = defaultdict(int)
    for group, rule in excluded:
        counts[group.directive, group.blocked, group.evidence_class, rule] += group.reports
    return tuple(
        ExcludedGroup(directive=directive, blocked=blocked, evidence_class=evidence_class, rule=rule, reports=reports)
        for (directive, blocked, evidence_class, rule), reports in sorted(counts.items())
    )


def unresolved_groups(unresolved: Iterable[tuple[ViolationGroup, Unresolved]]) -> tuple[UnresolvedGroup, ...]:
    counts: dict[tuple[str, str, str, str], int] = defaultdict(int)
    for group, found in unresolved:
        counts[found.directive, group.blocked, found.why, found.todo] += group.reports
    return tuple(
        UnresolvedGroup(directive=directive, blocked=blocked, why=why, todo=todo, reports=reports)
        for (directive, blocked, why, todo), reports in sorted(counts.items())
    )


def nonce_worklist(sorted_groups: SortedGroups, grounds: Grounds) -> tuple[UnresolvedGroup, ...]:
    """Where the pages need a nonce, the places that most networks report first."""
    reporters: dict[NoncePlace, int] = defaultdict(int)
    reports: dict[NoncePlace, int] = defaultdict(int)
    for group, admit, _ in sorted_groups.admitted:
        if admit.source == NONCE:
            for place in grounds.nonce_places.get(group.fingerprint, ()):
                reporters[place] = max(reporters[place], group.reporters)
                reports[place] += group.reports
    ranked = sorted(reports, key=lambda place: (-reporters[place], place.template, place.line or 0, place.label))
    return tuple(
        UnresolvedGroup(
            directive=place.directive,
            blocked="inline",
            why=f"{place.label} has another text each time, beginning with {place.sample}",
            todo=f"add the nonce to it: {place.template}{f', line {place.line}' if place.line else ''}",
            reports=reports[place],
        )
        for place in ranked
    )


def held_forms(policy: Policy | None, grounds: Grounds) -> tuple[HeldSource, ...]:
    """Forms of the pages that were read which the policy would not let go where they go."""
    directive = None if policy is None else policy.directive("form-action")
    if directive is None:
        return ()
    pages: dict[str, dict[str, None]] = defaultdict(dict)
    for form in grounds.forms:
        target, own = parse_url(form.url), origin_of(form.page)
        is_own = target is None or target.origin == own
        if is_own or target is None or is_rejected("form-action", target.origin, grounds.decisions):
            continue
        question = Question(page=form.page, directive="form-action", blocked=form.url)
        if decide(Policy((directive,)), question).verdict is not Verdict.ALLOW:
            pages[target.origin].setdefault(form.page)
    return tuple(
        HeldSource(
            directive="form-action",
            source=origin,
            why="a page that was read has a form that goes there, and nobody reported it",
            needs="a person decides",
            evidence=Evidence(pages=tuple(pages[origin])[:5]),
        )
        for origin in sorted(pages)
    )
