"""Merging: the findings of several policies that one text holds, each of which the page has to pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policybuilder.evaluation.csp_evaluator.judging import Found, Verdict
from policybuilder.evaluation.csp_evaluator.reading import PeerPolicy

_ABSENCES = frozenset({"MISSING_DIRECTIVES", "REQUIRE_TRUSTED_TYPES_FOR_SCRIPTS"})


def merged(verdicts: Sequence[Verdict]) -> Iterator[Found]:
    """Each policy's own findings; what is missing in one and there in another is missing in none.

    The peer has the same rule where it is given several policies at once, in its set of checks for Lighthouse.
    """
    absences = [{each.directive for each in verdict.said if each.code in _ABSENCES} for verdict in verdicts]
    there = {
        directive
        for directive in set[str]().union(*absences)
        if any(_has(verdict.policy, directive, absent) for verdict, absent in zip(verdicts, absences, strict=True))
    }
    for verdict in verdicts:
        for found in verdict.found():
            if found.finding.code not in _ABSENCES:
                yield found
            elif found.finding.directive not in there:
                there.add(found.finding.directive)
                yield found


def _has(policy: PeerPolicy, directive: str, absent: set[str]) -> bool:
    """Whether `policy` itself sees to what `directive` is for."""
    # A policy without nonces has no finding for base-uri, and need not have the directive either.
    return directive in policy.directives if directive == "base-uri" else directive not in absent
