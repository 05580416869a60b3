"""A verdict, and the decision that gives it: what a policy does to a resource, and what led to that."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from policybuilder.csp.admission import Admission
from policybuilder.csp.directives import FALLBACKS
from policybuilder.csp.policy import Directive


class Verdict(enum.StrEnum):
    """What a policy does to a resource."""

    ALLOW = "allow"
    BLOCK = "block"
    UNKNOWN = "unknown"
    """It depends on something that is not known."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with what led to it."""

    verdict: Verdict
    directive: str | None
    """The directive consulted; None when none governs."""

    matched_by: str | None
    """The expression that matched, as spelt; None unless the verdict is `allow`."""

    reason: str
    """One line for people."""


def admitted(directive: Directive, admission: Admission, *, optimistic: bool) -> Decision:
    """The decision that an admission brings: what only an optimist admits is not known."""
    if optimistic:
        reason = f"{admission.by} may admit it, but {admission.why}"
        return Decision(Verdict.UNKNOWN, directive.name, None, reason)
    return Decision(Verdict.ALLOW, directive.name, admission.by, admission.why)


def ungoverned(name: str) -> Decision:
    """The decision of a policy in which nothing governs the effective directive `name`."""
    chain = FALLBACKS.get(name, (name,))
    return unrestricted(None, f"the policy has no {' or '.join(chain)}")


def unrestricted(directive: str | None, reason: str) -> Decision:
    """The decision to allow without any expression matching."""
    return Decision(Verdict.ALLOW, directive, None, reason)
