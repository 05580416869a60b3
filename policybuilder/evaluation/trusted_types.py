"""Trusted Types: whether strings reach the sinks that make markup and code of them.

https://w3c.github.io/trusted-types/dist/spec/
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from policybuilder.csp import Keyword
from policybuilder.csp.grammar import TRUSTED_TYPE_NAME
from policybuilder.evaluation.draft import Draft, Rating, at_directive, at_value, of_policy, shown
from policybuilder.evaluation.editing import Change, Edit, added, without
from policybuilder.evaluation.reading import PlacedDirective, PlacedPolicy, Reading
from policybuilder.evaluation.weakness import Certainty, Severity

_SINKS = "require-trusted-types-for"


def not_required(reading: Reading) -> Iterator[Draft]:
    """Scripts run, and nothing locks the sinks that they may hand strings to."""
    if not reading.policies or reading.locks_sinks or not reading.runs_scripts:
        return
    if any(_runs_nothing(placed) for placed in reading.policies):
        return
    named = next((each for each in reading.policies if _SINKS in each.directives), None)
    if named is not None:
        placed = named.directives[_SINKS]
        yield at_directive(
            named,
            placed,
            Rating("trusted-types-missing", Severity.INFO, Certainty.POSSIBLE),
            f"{_SINKS} locks nothing: the only value that does is 'script'",
            change=partial(_locking, placed),
        )
        return
    first = reading.policies[0]
    yield of_policy(
        first,
        Rating("trusted-types-missing", Severity.INFO, Certainty.POSSIBLE),
        f"{_SINKS} 'script' is missing: the page's own scripts may put strings into markup",
        change=partial(added, reading.text, first, f"{_SINKS} 'script'"),
        advice="the page's scripts have to be ready for it: send it report-only first",
        directive=_SINKS,
    )


def _locking(placed: PlacedDirective) -> Change:
    return (Edit(placed.start + len(_SINKS), placed.end, " 'script'"),)


def any_name(reading: Reading) -> Iterator[Draft]:
    """`trusted-types *`: a stranger's script may make a policy that lets everything pass."""
    for policy in reading.policies:
        placed = policy.directives.get("trusted-types")
        if placed is None:
            continue
        stars = [token for token in placed.values if token.text == "*"]
        if stars:
            yield at_value(
                policy,
                placed,
                stars[0],
                Rating("trusted-types-any-name", Severity.LOW, Certainty.CERTAIN),
                "* in trusted-types lets scripts make policies of any name, also such as let every string pass",
                change=partial(without, placed, stars),
                advice="name the policies that the page makes",
            )


def odd_values(reading: Reading) -> Iterator[Draft]:
    """Values of trusted-types and require-trusted-types-for that mean nothing."""
    for policy in reading.policies:
        for name, means_something, stand_in in (
            ("trusted-types", _is_name, "'none'"),
            (_SINKS, "'script'".__eq__, "'script'"),
        ):
            placed = policy.directives.get(name)
            told: set[str] = set()
            for token in () if placed is None else placed.values:
                if placed is None or means_something(token.text) or token.text in told:
                    continue
                told.add(token.text)
                message = f"{shown(token.text)} means nothing in {name}"
                change = partial(_without, placed, token.text, stand_in)
                yield at_value(
                    policy,
                    placed,
                    token,
                    Rating("unknown-value", Severity.LOW, Certainty.CERTAIN),
                    message,
                    change=change,
                )


def _without(placed: PlacedDirective, text: str, stand_in: str) -> Change:
    return without(placed, [token for token in placed.values if token.text == text], stand_in=stand_in)


def _is_name(text: str) -> bool:
    return text.lower() in {"'none'", "'allow-duplicates'", "*"} or TRUSTED_TYPE_NAME.fullmatch(text) is not None


def _runs_nothing(placed: PlacedPolicy) -> bool:
    """Whether the policy lets no script run at all, so that nothing reaches a sink."""
    for name in ("script-src-elem", "script-src-attr"):
        governing = placed.policy.governing(name)
        if governing is None:
            return False
        if {str(source) for _, source in governing.sources.expressions} - {Keyword.REPORT_SAMPLE.value}:
            return False
    return True
