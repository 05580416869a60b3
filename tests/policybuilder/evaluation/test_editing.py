"""Tests of changes of a text: all but what is meant stays as it was written."""

from __future__ import annotations

import pytest

from policybuilder.csp import Delivery
from policybuilder.csp.violation import Disposition
from policybuilder.evaluation.editing import added, apply, dropped, without, without_directive
from policybuilder.evaluation.reading import PlacedDirective, PlacedPolicy, read


def policy_of(text: str, number: int = 0) -> PlacedPolicy:
    return read(text, delivery=Delivery.HEADER, disposition=Disposition.ENFORCE).policies[number]


def directive_of(text: str, name: str) -> PlacedDirective:
    return policy_of(text).directives[name]


@pytest.mark.parametrize(
    ("text", "values", "after"),
    [
        ("img-src a b c", {"a"}, "img-src b c"),
        ("img-src a  b\tc", {"b"}, "img-src a\tc"),
        ("img-src a b c ;", {"b", "c"}, "img-src a ;"),
        (" img-src  a ;x", {"a"}, " img-src  'none' ;x"),
        ("img-src a a b", {"a"}, "img-src b"),
        ("sandbox allow-forms", {"allow-forms"}, "sandbox"),
        ("trusted-types a", {"a"}, "trusted-types 'none'"),
    ],
)
def test_values_go_with_the_space_before_them(text: str, values: set[str], after: str) -> None:
    placed = next(iter(policy_of(text).directives.values()))
    gone = [token for token in placed.values if token.text in values]
    assert apply(text, without(placed, gone)) == after


@pytest.mark.parametrize(
    ("text", "number", "after"),
    [
        ("img-src a", 0, "img-src a; x"),
        ("img-src a ", 0, "img-src a; x "),
        ("img-src a;", 0, "img-src a; x"),
        ("img-src a; é", 0, "img-src a; é; x"),
        ("img-src a, font-src b", 0, "img-src a; x, font-src b"),
        ("img-src a, font-src b;,", 1, "img-src a, font-src b; x,"),
    ],
)
def test_a_directive_is_added_at_the_end_of_its_policy(text: str, number: int, after: str) -> None:
    assert apply(text, added(text, policy_of(text, number), "x")) == after


@pytest.mark.parametrize(
    ("text", "part", "after"),
    [
        ("a x; b y; c z", "b y", "a x; c z"),
        ("a x; b y", "b y", "a x"),
        ("a x; b y ; ", "b y", "a x; "),
        ("b y", "b y", ""),
        ("b y;a", "b y", "a"),
        ("a x, b y", "b y", "a x, "),
        ("a x;b y, c", "b y", "a x, c"),
    ],
)
def test_a_directive_goes_with_its_semicolon(text: str, part: str, after: str) -> None:
    start = text.index(part)
    assert apply(text, dropped(text, start, start + len(part))) == after


def test_a_directive_goes_however_often_it_stands_there() -> None:
    text = "img-src a; X b ; font-src c; x d, x e"
    assert apply(text, without_directive(text, policy_of(text), "x")) == "img-src a; font-src c, x e"


def test_the_first_that_counts_is_the_one_that_is_placed() -> None:
    text = "img-src é; IMG-SRC a; img-src b"
    placed = directive_of(text, "img-src")
    assert text[placed.start : placed.end] == "IMG-SRC a"
