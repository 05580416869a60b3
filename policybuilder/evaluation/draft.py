"""A draft: a weakness as a check finds it, before the better text is written out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from policybuilder.evaluation.editing import Change, narrowed_for_scripts, narrowed_itself
from policybuilder.evaluation.reading import PlacedDirective, PlacedPolicy, Reading, Token
from policybuilder.evaluation.weakness import Certainty, Severity


class Rating(NamedTuple):
    """What a weakness is, how bad, and how surely."""

    code: str
    severity: Severity
    certainty: Certainty


Mend = Callable[[], Change | None]
"""Works out what to change: for the weaknesses that are told with a better text, which in long ones are not all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is weak, where, and the change that would be better."""

    rating: Rating
    message: str
    start: int
    end: int
    directive: str | None = None
    value: str | None = None
    change: Mend | None = None
    advice: str | None = None
    policy: int = 0
    may_awaken: bool = False
    """The change lets something count that did not; it has to be looked at whether that is better."""

    copies: bool = False
    """The change copies a list, and with it what is wrong with any list that has the same sources."""

    otherwise: Mend | None = None
    """The change to make where the other is no better."""

    @property
    def name(self) -> tuple[str, str | None, str | None]:
        """What stays the same wherever in the text it stands."""
        return self.rating.code, self.directive, self.value


Check = Callable[[Reading], Iterator[Draft]]
"""Finds one kind of weakness."""


def at_value(
    policy: PlacedPolicy,
    placed: PlacedDirective,
    token: Token,
    rating: Rating,
    message: str,
    *,
    change: Mend | None = None,
    otherwise: Mend | None = None,
    advice: str | None = None,
) -> Draft:
    """A weakness of one value."""
    return Draft(
        rating=rating,
        message=message,
        start=token.start,
        end=token.end,
        directive=placed.name,
        value=token.text,
        change=change,
        copies=otherwise is not None,
        otherwise=otherwise,
        advice=advice,
        policy=policy.number,
    )


def at_script_source(
    policy: PlacedPolicy,
    placed: PlacedDirective,
    token: Token,
    rating: Rating,
    message: str,
    *,
    text: str,
    gone: Sequence[Token],
    advice: str | None = None,
) -> Draft:
    """A weakness of what lets scripts in; `text`, which holds the policy, is better without the values `gone`."""
    return at_value(
        policy,
        placed,
        token,
        rating,
        message,
        change=partial(narrowed_for_scripts, text, policy, placed, gone),
        otherwise=partial(narrowed_itself, placed, gone),
        advice=advice,
    )


def at_directive(
    policy: PlacedPolicy,
    placed: PlacedDirective,
    rating: Rating,
    message: str,
    *,
    change: Mend | None = None,
    advice: str | None = None,
) -> Draft:
    """A weakness of a whole directive."""
    return Draft(
        rating=rating,
        message=message,
        start=placed.start,
        end=placed.end,
        directive=placed.name,
        change=change,
        advice=advice,
        policy=policy.number,
    )


def of_policy(
    policy: PlacedPolicy,
    rating: Rating,
    message: str,
    *,
    directive: str | None = None,
    change: Mend | None = None,
    advice: str | None = None,
) -> Draft:
    """A weakness of a policy as a whole, such as that `directive` is missing."""
    return Draft(
        rating=rating,
        message=message,
        start=policy.start,
        end=policy.end,
        directive=directive,
        change=change,
        advice=advice,
        policy=policy.number,
    )


def shown(text: str, limit: int = 80) -> str:
    """A token in a sentence."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def listed(words: list[str]) -> str:
    """Words in a sentence: `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
