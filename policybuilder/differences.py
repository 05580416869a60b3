"""Differences between policies as people read them: what happens alike is told once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from policybuilder.csp import Change, ChangeKind


@dataclass(frozen=True, slots=True)
class ToldChange:
    """The same change of one source, in every directive that it is made in."""

    kind: ChangeKind
    directives: tuple[str, ...]
    source: str
    """`(anything)` where no expression stands: everything was admitted, or is now. Empty where nothing is."""

    effect: str
    """A sentence without a capital and a full stop."""


def told_changes(changes: Iterable[Change]) -> list[ToldChange]:
    """The changes, those together in whose effects only the subjects differ."""
    return [_told(alike) for alike in _joined(changes)]


def _told(alike: Sequence[Change]) -> ToldChange:
    first = alike[0]
    return ToldChange(
        first.kind,
        tuple(dict.fromkeys(change.directive for change in alike)),
        first.source or ("" if first.kind is ChangeKind.MOVED else "(anything)"),
        first.effect if len(alike) == 1 else _joined_effect(alike),
    )


# A source of a fallback makes the same change in each directive that falls back to it: people read that once.


def _joined(changes: Iterable[Change]) -> list[list[Change]]:
    """The changes, those together in whose effects only the subjects differ."""
    alike: dict[object, list[Change]] = {}
    for change in changes:
        happens = tuple(_without_preposition(predicate) for _, predicate in _clauses(change.effect))
        alike.setdefault((change.kind, change.source, happens), []).append(change)
    return list(alike.values())


def _joined_effect(alike: Iterable[Change]) -> str:
    """One sentence: the subjects to which the same happens in one clause."""
    subjects: dict[str, list[str]] = {}
    for change in alike:
        for subject, predicate in _clauses(change.effect):
            subjects.setdefault(predicate, []).append(subject)
    return "; ".join(f"{_listed(several)} {predicate}" for predicate, several in subjects.items())


_AFTER_SUBJECT = re.compile(" (?=(?:from|to|at|with|under|named|that|requested|are) )")


def _clauses(effect: str) -> list[tuple[str, str]]:
    """The subjects of an effect, and what happens to each: `images`, `from a are newly admitted`."""
    halves = (_AFTER_SUBJECT.split(clause, maxsplit=1) for clause in effect.split("; "))
    return [(subject, "".join(predicate)) for subject, *predicate in halves]


def _without_preposition(predicate: str) -> tuple[str, ...]:
    """The words, alike for what is loaded from a source, sent to it, or standing at it."""
    return tuple("from" if word in {"to", "at"} else word for word in predicate.split())


def _listed(words: Sequence[str]) -> str:
    """`a, b and c`."""
    *others, last = dict.fromkeys(words)
    return f"{', '.join(others)} and {last}" if others else last
