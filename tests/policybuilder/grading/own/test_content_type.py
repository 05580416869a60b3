"""What an answer says that it is."""

from __future__ import annotations

import pytest

from policybuilder.grading.own.answer import Answer
from tests.support.answers import make_material, make_response
from tests.support.judgements import results

# (value, result)  https://fetch.spec.whatwg.org/#x-content-type-options-header
NOSNIFF = [
    ("nosniff", "nosniff"),
    ("NoSniff", "nosniff"),
    ("nosniff, nosniff", "nosniff"),
    ("nosniff,x", "nosniff"),
    ("x, nosniff", "invalid"),
    ("nosniff;", "invalid"),
    ("sniff", "invalid"),
    ("", "invalid"),
]


@pytest.mark.parametrize(("value", "result"), NOSNIFF)
def test_the_first_value_counts(value: str, result: str) -> None:
    assert results("x-content-type-options", {"X-Content-Type-Options": value}) == [result]


def test_a_missing_header_is_named() -> None:
    assert results("x-content-type-options") == ["missing"]


# Each row: Content-Type, body, result.
TYPES = [
    ("text/html; charset=utf-8", "<p>", "named"),
    ("text/html", "<!doctype html><meta charset=utf-8><p>", "named"),
    ("text/html", '<meta http-equiv="content-type" content="text/html; charset=utf-8">', "named"),
    ("text/html", "\ufeff<p>", "named"),
    ("text/html", "<p>", "no-charset"),
    ("text/html", f"{'x' * 1024}<meta charset=utf-8>", "no-charset"),
    ("text/html", "", "named"),
    ("application/json", "{}", "named"),
    ("*/*", "<p>", "missing"),
    ("", "<p>", "missing"),
]


@pytest.mark.parametrize(("value", "body", "result"), TYPES)
def test_a_page_names_its_type_and_charset(value: str, body: str, result: str) -> None:
    assert results("content-type", {"Content-Type": value}, body=body) == [result]


def test_an_answer_without_a_type_is_guessed_at() -> None:
    assert results("content-type", is_html=False, body="<p>") == ["missing"]
    assert results("content-type", is_html=False, body="") == []


# Each row: Content-Type, whether scripts can run in it.
DOCUMENTS = [
    ("text/html", True),
    ("Text/HTML ; charset=x", True),
    ("application/xhtml+xml", True),
    ("image/svg+xml", True),
    ("application/atom+xml", True),
    ("application/json", False),
    ("text/plain", False),
    ("text/html, application/json", False),
    ("nonsense", True),
]


@pytest.mark.parametrize(("value", "expected"), DOCUMENTS)
def test_what_is_a_document(value: str, expected: bool) -> None:  # noqa: FBT001  (a table's column)
    response = make_response({"Content-Type": value})
    assert Answer(response, make_material({"Content-Type": value}, markup=None)).is_document is expected
