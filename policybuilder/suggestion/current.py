"""The current policy: what the site enforces now, as its operator says, or as the operator's own reports tell."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from policybuilder.csp import (
    NONCE_PLACEHOLDER,
    Directive,
    Disposition,
    NonceSource,
    Policy,
    PolicyList,
    parse_serialized_policy,
    parse_source_expression,
    subsumes,
)
from policybuilder.csp.directives import FALLBACKS, REPORTING_DIRECTIVES, SOURCE_LIST_DIRECTIVES
from policybuilder.csp.subsumption import expression_covers
from policybuilder.evidence import EvidenceClass, ViolationGroup


class Origin(enum.StrEnum):
    """How the current policy is known."""

    GIVEN = "given"
    """Named with the question."""

    RECORDED = "recorded"
    """The last deployment that enforces."""

    INFERRED = "inferred"
    """From the operator's own reports of what it blocked."""


@dataclass(frozen=True, slots=True)
class Current:
    """What the site enforces."""

    policies: tuple[Policy, ...]
    """All of them must allow."""

    origin: Origin


def as_current(policies: Sequence[Policy], origin: Origin) -> Current:
    """The policies as values to change: without reporting, and with the placeholder for every nonce."""
    return Current(tuple(_editable(policy) for policy in policies), origin)


def _editable(policy: Policy) -> Policy:
    return Policy(
        tuple(
            Directive(directive.name, tuple(dict.fromkeys(map(_without_nonce, directive.values))))
            for directive in policy.directives
            if directive.name not in REPORTING_DIRECTIVES
        )
    )


def _without_nonce(value: str) -> str:
    is_nonce = isinstance(parse_source_expression(value), NonceSource)
    return str(NonceSource(NONCE_PLACEHOLDER)) if is_nonce else value


def inferred_policies(groups: Sequence[ViolationGroup]) -> tuple[str, ...]:
    """The enforced policies that trusted reports of blocked resources came under; several where pages differ.

    No number of strangers is enough: what is enforced decides what a suggestion may keep, code included, and anybody
    can write any policy into a report. Of policies that came one after the other, those of the last day.
    """
    vouched = [
        (count.policy, count.last_seen_at)
        for group in groups
        if group.disposition is Disposition.ENFORCE and group.evidence_class is EvidenceClass.GENUINE
        for count in group.policies
        if count.trusted_reports
    ]
    last = max((seen_at for _, seen_at in vouched), default=None)
    if last is None:
        return ()
    return tuple(sorted({policy for policy, seen_at in vouched if seen_at.date() == last.date()}))


def infer_current(groups: Sequence[ViolationGroup]) -> Current | None:
    """The policy the site enforces, where reports tell of one and one alone."""
    found = inferred_policies(groups)
    return as_current([parse_serialized_policy(found[0])], Origin.INFERRED) if len(found) == 1 else None


def merged(current: Current) -> Policy | None:
    """One policy that admits what all the enforced ones do, as far as is shown; None where nothing is.

    Of every directive those sources are left that each of the policies admits.
    """
    first, *others = current.policies
    for other in others:
        names = dict.fromkeys([*(each.name for each in first.directives), *(each.name for each in other.directives)])
        first = Policy(tuple(Directive(name, _shared(first, other, name)) for name in names))
    return first if subsumes(PolicyList(current.policies), first) else None


def _shared(one: Policy, other: Policy, name: str) -> tuple[str, ...]:
    lists = [_values(policy, name) for policy in (one, other)]
    if name not in SOURCE_LIST_DIRECTIVES or None in lists:
        return next(values for values in lists if values is not None)
    ours, theirs = (values or () for values in lists)
    kept = [value for value in ours if _is_covered(value, theirs)] + [
        each for each in theirs if _is_covered(each, ours)
    ]
    return tuple(dict.fromkeys(kept)) or ("'none'",)


def _values(policy: Policy, name: str) -> tuple[str, ...] | None:
    found = policy.governing(name) if name in FALLBACKS else policy.directive(name)
    return None if found is None else found.values


def _is_covered(value: str, values: Sequence[str]) -> bool:
    expression = parse_source_expression(value)
    return expression is not None and any(
        wide is not None and expression_covers(wide, expression) for wide in map(parse_source_expression, values)
    )
