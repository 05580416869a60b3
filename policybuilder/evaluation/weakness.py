"""A weakness: what is wrong with a policy, where, how badly, how surely, and what would be better."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Severity(enum.StrEnum):
    """What an attacker, or the site's own carelessness, gets out of it; the worst first."""

    HIGH = "high"
    """The policy does not stop what it is there for: a script of a stranger runs, the page's base can be moved."""

    MEDIUM = "medium"
    """It stops that, but for a condition that often holds: an open host is allowed, data can leave."""

    LOW = "low"
    """A layer is missing, or something in the text does nothing."""

    INFO = "info"
    """Worth knowing, nothing to defend against."""


class Certainty(enum.StrEnum):
    """How sure it is that the weakness is one."""

    CERTAIN = "certain"
    """It follows from the policy's text alone."""

    LIKELY = "likely"
    """It follows with facts about the world that age: what a host serves, how browsers behave."""

    POSSIBLE = "possible"
    """It depends on the site, which the text does not show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weakness:
    """One weakness of one policy text."""

    code: str
    """Stable, as `script-unsafe-inline`: what baselines, gates and SARIF rules know it by."""

    severity: Severity
    certainty: Certainty
    message: str
    """One sentence that names the directive and the token."""

    why: str
    """What it lets happen, for somebody who meets it for the first time."""

    start: int
    """Where it begins in the whole text, in characters from 0."""

    end: int
    directive: str | None = None
    """Lower-case name of the directive it stands in, or that is missing."""

    value: str | None = None
    """The token, as spelt; None where a directive is missing or all of it is meant."""

    fix: str | None = None
    """The whole text, better by this one change; None where only a person can tell what would be."""

    advice: str | None = None
    """What to do, in words, where `fix` is None or needs more than the header."""

    policy: int = 0
    """Which policy of the text it stands in, from 0: commas separate them."""
