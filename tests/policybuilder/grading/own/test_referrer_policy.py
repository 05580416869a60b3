"""Referrer-Policy: the last known value counts, and a meta element after the header."""

from __future__ import annotations

import pytest

from tests.support.judgements import results

# Each row: value, result.
CASES = [
    ("no-referrer", "strict"),
    ("same-origin", "strict"),
    ("strict-origin-when-cross-origin", "strict"),
    ("origin", "origin"),
    ("no-referrer-when-downgrade", "full-url-over-https"),
    ("unsafe-url", "full-url"),
    ("UNSAFE-URL", "full-url"),
    ("unsafe-url, no-referrer", "strict"),
    ("no-referrer, unsafe-url", "full-url"),
    ("no-referrer, of-the-future", "strict"),
    ("of-the-future", "invalid"),
    ("no-referrer; unsafe-url", "invalid"),
    ("never", "invalid"),
    ("", "browser-default"),
]


@pytest.mark.parametrize(("value", "result"), CASES)
def test_what_was_chosen_is_named(value: str, result: str) -> None:
    assert results("referrer-policy", {"Referrer-Policy": value}) == [result]


# Each row: content, result beside a strict header.
METAS = [("unsafe-url", "full-url"), ("always", "full-url"), ("origin, unsafe-url", "strict"), ("", "strict")]


@pytest.mark.parametrize(("content", "result"), METAS)
def test_a_meta_element_has_the_last_word(content: str, result: str) -> None:
    body = f'<meta name=Referrer content="{content}">'
    assert results("referrer-policy", {"Referrer-Policy": "same-origin"}, body=body) == [result]


def test_a_template_says_nothing() -> None:
    body = "<template><meta name=referrer content=unsafe-url></template>"
    assert results("referrer-policy", body=body) == ["browser-default"]


def test_without_any_browsers_have_a_good_default() -> None:
    assert results("referrer-policy") == ["browser-default"]
