"""Judging: how a test words what it found."""

from __future__ import annotations

from collections.abc import Sequence

from policybuilder.grading.judgement import NOT_TESTED, Judgement
from policybuilder.grading.own.catalogue import outcome_of
from policybuilder.rendering.text_safety import visible

_SHOWN = 60
"""Characters of a stranger's text within a sentence."""

_MOST_VALUE = 2000
"""Characters of a header's value; what is longer nobody reads, and each judgement would repeat it."""


def judged(
    name: str,
    result: str,
    message: str,
    *,
    header: str | None = None,
    value: str | None = None,
    fix: str | None = None,
    outcome: str | None = None,
) -> Judgement:
    """The judgement of the test `name`; `outcome` says which one of the catalogue it has, where not the result does."""
    found = outcome_of(name, outcome or result)
    if value is not None and len(value) > _MOST_VALUE:
        value = f"{value[:_MOST_VALUE]}…"
    return Judgement(
        name=name,
        result=result,
        passed=None if found is None else found.passed,
        message=message,
        header=header,
        value=value,
        fix=fix,
        points=0 if found is None else found.points,
        cap=None if found is None else found.cap,
    )


def untested(name: str, why: str) -> Judgement:
    """That the material does not tell."""
    return judged(name, NOT_TESTED, why)


def shown(text: str) -> str:
    """A stranger's text as part of a sentence."""
    return visible(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")


def named(names: Sequence[str], most: int = 3) -> str:
    """`a`, `a and b`, `a, b and c`, or `a, b, c and 4 more`; each once."""
    each = list(dict.fromkeys(names))
    listed = [shown(name) for name in each[:most]]
    if len(each) > most:
        listed.append(f"{len(each) - most} more")
    return f"{', '.join(listed[:-1])} and {listed[-1]}" if len(listed) > 1 else "".join(listed)
