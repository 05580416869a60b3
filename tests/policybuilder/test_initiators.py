"""Initiators as people type them: one origin to trust, any pattern to refuse."""

from __future__ import annotations

import pytest

from policybuilder.errors import CspbuildError
from policybuilder.initiators import parse_initiator, parse_initiator_pattern

ORIGINS = [
    ("https://tag.example", "https://tag.example"),
    ("tag.example", "https://tag.example"),
    (" HTTPS://TAG.example/ ", "https://tag.example"),
    ("tag.example:443", "https://tag.example"),
    ("tag.example:8443", "https://tag.example:8443"),
    ("bücher.example", "https://xn--bcher-kva.example"),
    ("192.0.2.1", "https://192.0.2.1"),
]


@pytest.mark.parametrize(("text", "origin"), ORIGINS)
def test_an_origin_is_written_as_reports_write_it(text: str, origin: str) -> None:
    assert parse_initiator(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "https://", "*", "*.tag.example", "https://*.tag.example", "tag.example/*", "a..b", "."),
        *("http://tag.example", "wss://tag.example", "chrome-extension://abc", "data:", "//tag.example"),
        *("https://tag.example/t.js", "https://user@tag.example", "https://tag.example@evil.example", "tag.example?a"),
        *(
            "tag.example:99999",
            "tag.example:x",
            "tag.example evil.example",
            "tag.example\nevil.example",
            "tag%2eexample",
        ),
        *("https:\\\\tag.example", "\u202egpj.example", "[::1]", f"{'a.' * 200}example"),
    ],
)
def test_what_is_more_or_less_than_an_https_origin_is_not_trusted(text: str) -> None:
    with pytest.raises(CspbuildError, match="is no origin to trust; write https://"):
        parse_initiator(text)


PATTERNS = [
    ("*.tag.example", "*.tag.example"),
    ("https://*.tag.example/", "https://*.tag.example"),
    ("tag.example:8443", "tag.example:8443"),
    ("http://tag.example", "http://tag.example"),
    ("*", "*"),
    ("*://tag.example", "*://tag.example"),
    ("*.bücher.example", "*.xn--bcher-kva.example"),
    ("https://bücher.example:8443", "https://xn--bcher-kva.example:8443"),
]


@pytest.mark.parametrize(("text", "pattern"), PATTERNS)
def test_a_pattern_is_in_the_letters_of_reports(text: str, pattern: str) -> None:
    assert parse_initiator_pattern(text) == pattern


@pytest.mark.parametrize(
    "text", ["", "https://", "https://tag.example/t.js", "user@tag.example", "a b", "a\nb", "\x1b[31m", "data:", "a?b"]
)
def test_what_no_origin_matches_is_no_pattern(text: str) -> None:
    with pytest.raises(CspbuildError, match="is no origin or host; write https://"):
        parse_initiator_pattern(text)
