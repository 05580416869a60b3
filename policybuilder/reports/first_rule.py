"""The first rule that applies, found without trying each rule.

Conditions ask for short texts, and the same hosts, directives and user agents come again and again. So a text is asked
once which of all conditions hold for it, and the answer is remembered. What is left to do for a report is to put its
texts' answers together, and to ask predicates of those rules alone whose conditions all hold.

What is remembered is bounded in number and in size, since strangers choose the texts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache

from policybuilder.reports.conditions import Part
from policybuilder.reports.predicates import Context
from policybuilder.reports.rule import Rule

_MAX_TEXTS = 1024
_MAX_CHARACTERS = 512
"""Longer texts are asked each time."""

_Asked = tuple[int, Callable[[str], bool]]
"""A condition as a bit of its own, and what it asks."""


class FirstRule:
    """Rules, ready to find the first of them that applies to a report."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        asked: defaultdict[Part, list[_Asked]] = defaultdict(list)
        needs: list[tuple[int, Rule]] = []
        bit = 1
        for rule in rules:
            needed = 0
            for condition in rule.conditions:
                for part in condition.parts:
                    asked[part].append((bit, condition.holds_for))
                needed |= bit
                bit <<= 1
            needs.append((needed, rule))
        self._answers = [(part, _remembering(conditions)) for part, conditions in asked.items()]

        @lru_cache(maxsize=_MAX_TEXTS)
        def fitting(held: int) -> tuple[Rule, ...]:
            return tuple(rule for needed, rule in needs if held & needed == needed)

        self._fitting = fitting

    def find(self, context: Context) -> Rule | None:
        """What trying one rule after the other finds, too."""
        held = 0
        for part, answer in self._answers:
            held |= answer(part(context))
        for rule in self._fitting(held):
            for predicate in rule.predicates:
                if not predicate(context):
                    break
            else:
                return rule
        return None


def _remembering(conditions: Sequence[_Asked]) -> Callable[[str], int]:
    """Which of the conditions hold for a text, as the sum of their bits."""

    def ask(text: str) -> int:
        return sum(bit for bit, holds_for in conditions if holds_for(text))

    remembered = lru_cache(maxsize=_MAX_TEXTS)(ask)
    return lambda text: remembered(text) if len(text) <= _MAX_CHARACTERS else ask(text)
