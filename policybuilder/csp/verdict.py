"""A verdict, and the decision that gives it: what a policy does to a resource, and what led to that."""

from __future__ import annotations

import enum
import functools
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


# The constructor of a named tuple takes three times as long as this, and every decision passes here.
_decision = functools.partial(tuple.__new__, Decision)


def admitted(directive: Directive, admission: Admission, *, optimistic: bool) -> Decision:
    """The decision that an admission brings: what only an optimist admits is not known."""
    by, why = admission
    if optimistic:
        return Decision(Verdict.UNKNOWN, directive.name, None, f"{by} may admit it, but {why}")
    return _decision((Verdict.ALLOW, directive.name, by, why))


def refused(directive: Directive, why: str) -> Decision:
    """The decision that `directive` blocks."""
    return _decision((Verdict.BLOCK, directive.name, None, why))


def ungoverned(name: str) -> Decision:
    """The decision of a policy in which nothing governs the effective directive `name`."""
    chain = FALLBACKS.get(name, (name,))
    return unrestricted(None, f"the policy has no {' or '.join(chain)}")


def unrestricted(directive: str | None, reason: str) -> Decision:
    """The decision to allow without any expression matching."""
    return Decision(Verdict.ALLOW, directive, None, reason)
