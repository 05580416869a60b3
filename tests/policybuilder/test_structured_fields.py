"""Structured fields, of which one mistake voids all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.structured_fields import is_token, read_dictionary, read_item, token_of

# Each row: text, the keys.  https://www.rfc-editor.org/rfc/rfc9651#section-4.2.2
DICTIONARIES = [
    ("", []),
    ("a", ["a"]),
    ("a=1, b=(x y);q=1", ["a", "b"]),
    ("a=1, a=2", ["a"]),
    ("a=1,\tb=2", ["a", "b"]),
    ("a=1,", None),
    ("A=1", None),
    ("a=(", None),
    ("a=\u20ac", None),
    ('a="\xe9"', None),
    (f"a={'9' * 16}", None),
    (f"a={'b' * 70_000}", None),
]


@pytest.mark.parametrize(("text", "keys"), DICTIONARIES)
def test_dictionaries(text: str, keys: list[str] | None) -> None:
    read = read_dictionary(text)
    assert (None if read is None else list(read)) == keys


# Each row: text, the token.
TOKENS = [
    ("same-origin", "same-origin"),
    (" same-origin ", "same-origin"),
    ('same-origin; report-to="x"', "same-origin"),
    ('"same-origin"', None),
    ("same-origin, same-origin", None),
    ("?1", None),
    ("1", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "token"), TOKENS)
def test_tokens(text: str, token: str | None) -> None:
    assert token_of(text) == token


def test_a_string_is_no_token() -> None:
    read = read_dictionary('a="x", b=x, c=(x "x")')
    assert read is not None
    assert (is_token(read["a"].value, "x"), is_token(read["b"].value, "x")) == (False, True)
    members = read["c"].value
    assert isinstance(members, tuple)
    assert [is_token(each, "x") for each in members] == [True, False]


@given(st.text())
def test_no_text_raises(text: str) -> None:
    read_dictionary(text)
    read_item(text)
    token_of(text)
