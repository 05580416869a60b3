"""Tests of text safety."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.rendering.text_safety import csv_cell, visible

ANY_TEXT = st.text(st.characters(exclude_categories=()))

# What is shown for a text.
VISIBLE_CASES = [
    ("", ""),
    ("script-src 'self'; <b>&\"\\ {}", "script-src 'self'; <b>&\"\\ {}"),
    ("naïve Grüße 日本語 🙂", "naïve Grüße 日本語 🙂"),
    ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
    ("a\r\n\tb\0", r"a\x0d\x0a\x09b\x00"),
    ("\x7f\x85\x9b", r"\x7f\x85\x9b"),
    ("evil\u202egpj.exe", r"evil\u202egpj.exe"),
    ("\u2066a\u2069\u200b\u200d\ufeff", r"\u2066a\u2069\u200b\u200d\ufeff"),
    ("\u2028\u2029", r"\u2028\u2029"),
    ("no\u00a0break", r"no\xa0break"),
    ("\u3164\u2800\u034f\ufe0f", r"\u3164\u2800\u034f\ufe0f"),
    ("half \ud83d", r"half \ud83d"),
    ("tag \U000e0041 \U000e0100", r"tag \U000e0041 \U000e0100"),
    ("private \ue000", r"private \ue000"),
]


@pytest.mark.parametrize(("text", "shown"), VISIBLE_CASES)
def test_only_what_cannot_be_seen_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(ANY_TEXT)
def test_what_is_shown_holds_no_character_that_acts(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    shown.encode("utf-8")


@given(ANY_TEXT)
def test_showing_twice_changes_nothing_more(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@given(st.text(st.characters(categories=("L", "N"), max_codepoint=0x2FF)))
def test_letters_and_digits_stay(text: str) -> None:
    assert visible(text) == text


@given(st.characters(exclude_categories=()))
def test_an_escape_names_the_code_point(character: str) -> None:
    shown = visible(character)
    if shown != character:
        form = re.fullmatch(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})", shown)
        assert form is not None
        assert chr(int(form[form.lastindex or 0], 16)) == character


# The cell that a text becomes.
CSV_CASES = [
    ("", ""),
    ("https://example.com/", "https://example.com/"),
    ("a=b", "a=b"),
    ('=HYPERLINK("https://evil.example","x")', '\'=HYPERLINK("https://evil.example","x")'),
    ("+1", "'+1"),
    ("-1", "'-1"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("\t=1", "'\t=1"),
    ("\r=1", "'\r=1"),
    ("\n=1", "'\n=1"),
    ("＝1", "'＝1"),
    ("'self'", "'self'"),
]


@pytest.mark.parametrize(("text", "cell"), CSV_CASES)
def test_a_cell_never_begins_as_a_formula(text: str, cell: str) -> None:
    assert csv_cell(text) == cell
