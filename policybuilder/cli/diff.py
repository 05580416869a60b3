"""`cspbuild diff`: what one policy admits more and less than another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import click

from policybuilder.cli.options import checked_database_option, format_option, read_policies
from policybuilder.cli.output import Cell, console, print_json, table
from policybuilder.csp import Change, ChangeKind, Relation, diff

HEADLINES = {
    Relation.SAME: "same: NEW admits exactly what OLD admits",
    Relation.TIGHTER: "tighter: NEW admits less than OLD, and nothing more",
    Relation.LOOSER: "looser: NEW admits more than OLD, and nothing less",
    Relation.INCOMPARABLE: "incomparable: NEW admits some things that OLD refuses, and refuses some that OLD admits",
}


@click.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@checked_database_option
@format_option()
def command(old: str, new: str, output_format: str) -> None:
    """Compare policies OLD and NEW (text, @file, or -) by what they admit, not by their text."""
    if old == new == "-":
        raise click.UsageError("OLD and NEW cannot both be standard input", click.get_current_context())
    difference = diff(read_policies(old), read_policies(new))
    if output_format == "json":
        changes = [_document(change) for change in difference.changes]
        print_json("diff", {"relation": difference.relation, "changes": changes})
        return
    out = console()
    out.print(HEADLINES[difference.relation], markup=False)
    if difference.changes:
        rows = map(_cells, _joined(difference.changes))
        out.print(table("", ("change", "directive", "source", "effect"), rows, whole=["change", "directive"]))


def _cells(alike: Sequence[Change]) -> Sequence[Cell]:
    first = alike[0]
    directives = tuple(dict.fromkeys(change.directive for change in alike))
    effect = first.effect if len(alike) == 1 else _joined_effect(alike)
    return (first.kind, directives, _shown_source(first), effect)


def _shown_source(change: Change) -> str:
    """Where no expression stands, everything was admitted, or is now."""
    return change.source or ("" if change.kind is ChangeKind.MOVED else "(anything)")


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


def _document(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "directive": change.directive,
        "source": change.source,
        "effect": change.effect,
    }
