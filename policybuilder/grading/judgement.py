"""A judgement: what one test of our own made of a header, in the order people read it."""

from __future__ import annotations

from dataclasses import dataclass

NOT_TESTED = "not-tested"
"""The result of a test whose question the material does not answer; it counts neither way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One test's answer: what was sent, what that means, and what would be better."""

    name: str
    """Stable, as `strict-transport-security`; what `tests[].name` of the JSON has."""

    result: str
    """Stable, as `max-age-short`; `not-tested` where the material does not tell."""

    passed: bool | None
    """None where it was not tested."""

    message: str
    """One sentence: the consequence of what was chosen."""

    header: str | None = None
    """The header it is about, as written; None where it is about no single one."""

    value: str | None = None
    """What was sent; None where nothing was."""

    fix: str | None = None
    """What to send instead, or what to do."""

    points: int = 0
    """What it takes from a hundred, as a positive number, or adds, as a negative one. 0 where it passed or was not
    tested."""

    cap: int | None = None
    """More than this the score is not, for what was found; None where it does not matter that much."""
