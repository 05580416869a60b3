"""A verdict, and the decision that gives it: what a policy does to a resource, and what led to that."""

from __future__ import annotations

import enum
from typing import NamedTuple

from policybuilder.csp.admission import Admission
from policybuilder.csp.directives import FALLBACKS
from policybuilder.csp.policy import Directive


class Verdict(enum.StrEnum):
    """What a policy does to a resource."""

    ALLOW = "allow"
    BLOCK = "block"
    UNKNOWN = "unknown"
    """It depends on something that is not known."""


class Decision(NamedTuple):
    """A verdict with what led to it."""

    verdict: Verdict
    directive: str | None
    """The directive consulted; None when none governs."""

    matched_by: str | None
    """The expression that matched, as spelt; None unless the verdict is `allow`."""

    reason: str
    """One line for people."""


def admitted(directive: Directive, admission: Admission) -> Decision:
    """The decision to allow what an expression admits."""
    # Every decision passes here or below, and the constructor takes three times as long as this.
    return tuple.__new__(Decision, (Verdict.ALLOW, directive.name, *admission))


def doubted(directive: Directive, admission: Admission) -> Decision:
    """The decision that nobody can tell: only an optimist admits it."""
    by, why = admission
    return Decision(Verdict.UNKNOWN, directive.name, None, f"{by} may admit it, but {why}")


def refused(directive: Directive, why: str) -> Decision:
    """The decision that `directive` blocks."""
    return tuple.__new__(Decision, (Verdict.BLOCK, directive.name, None, why))


def ungoverned(name: str) -> Decision:
    """The decision of a policy in which nothing governs the effective directive `name`."""
    chain = FALLBACKS.get(name, (name,))
    return unrestricted(None, f"the policy has no {' or '.join(chain)}")


def unrestricted(directive: str | None, reason: str) -> Decision:
    """The decision to allow without any expression matching."""
    return Decision(Verdict.ALLOW, directive, None, reason)
