"""Tests of source expressions."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.csp import (
    Browser,
    ExtendedHashSource,
    HashSource,
    HostSource,
    Keyword,
    KeywordSource,
    NonceSource,
    SchemeSource,
    SourceExpression,
    hash_source,
    is_valid_source_expression,
    parse_source_expression,
    parse_source_list,
)
from policybuilder.csp.sources import decoded_base64

# (token, what browsers read)
VALID = [
    ("https:", SchemeSource("https")),
    ("DATA:", SchemeSource("data")),
    ("web+a.b-c:", SchemeSource("web+a.b-c")),
    ("h:", SchemeSource("h")),
    ("*", HostSource("*")),
    ("*.example.com", HostSource("*.example.com")),
    ("*.com", HostSource("*.com")),
    ("EXAMPLE.com", HostSource("example.com")),
    ("self", HostSource("self")),
    ("https", HostSource("https")),
    ("https:*", HostSource("https", port_part="*")),
    ("example.com:443", HostSource("example.com", port_part="443")),
    ("example.com.", HostSource("example.com.", only_chromium=True)),
    ("example.com:0443", HostSource("example.com", port_part="443", only_chromium=True)),
    ("example.com:000", HostSource("example.com", port_part="0", only_chromium=True)),
    ("*:*", HostSource("*", port_part="*")),
    ("*:8443", HostSource("*", port_part="8443")),
    ("*/p/", HostSource("*", path_part="/p/", only_chromium=True)),
    ("https://*", HostSource("*", scheme_part="https")),
    ("WSS://h:1/A/b", HostSource("h", scheme_part="wss", port_part="1", path_part="/A/b")),
    ("h/", HostSource("h", path_part="/")),
    ("h/p?q=1", HostSource("h", path_part="/p")),
    ("h/p#f?q", HostSource("h", path_part="/p")),
    ("h//x", HostSource("h", path_part="//x", only_chromium=True)),
    ("h//y", HostSource("h", path_part="//y", only_chromium=True)),
    ("h/a|b", HostSource("h", path_part="/a|b", only_chromium=True)),
    ("127.0.0.1", HostSource("127.0.0.1")),
    ("'self'", KeywordSource(Keyword.SELF)),
    ("'Unsafe-Inline'", KeywordSource(Keyword.UNSAFE_INLINE)),
    ("'report-sha256'", KeywordSource(Keyword.REPORT_SHA256)),
    ("'nonce-aB3+/-_=='", NonceSource("aB3+/-_==")),
    ("'NONCE-a'", NonceSource("a")),
    ("'nonce-{NONCE}'", NonceSource("{NONCE}")),
    ("'NONCE-{NONCE}'", NonceSource("{NONCE}")),
    ("'sha256-ab-_'", HashSource("sha256", "ab+/")),
    ("'SHA512-abc='", HashSource("sha512", "abc=")),
    ("'sha384-abc'", HashSource("sha384", "abc")),
    ("'sha-256-abcd'", HashSource("sha256", "abcd", Browser.FIREFOX)),
    ("'sha256-x'", HashSource("sha256", "x", Browser.CHROMIUM)),
    ("'sha256-abcd='", HashSource("sha256", "abcd=", Browser.CHROMIUM)),
    ("'Ed25519-abcd'", HashSource("ed25519", "abcd", Browser.FIREFOX)),
    ("'url-sha256-ab-_'", ExtendedHashSource("url", "sha256", "ab+/")),
    ("'EVAL-sha-512-abcd'", ExtendedHashSource("eval", "sha512", "abcd")),
    ("'strict-dynamic-url'", KeywordSource(Keyword.STRICT_DYNAMIC_URL)),
    ("'Inline-Speculation-Rules'", KeywordSource(Keyword.INLINE_SPECULATION_RULES)),
]

# Tokens that never match as their author hoped; browsers ignore them.
INVALID = [
    "",
    "https://",
    "//h",
    "*.",
    "**",
    "*x.com",
    "a.*.com",
    "*.*.x",
    ".x",
    "a..b",
    "h:80a",
    "h:/p",
    "h:-1",
    "/path",
    "?q",
    "h?q",
    "a_b",
    "user@h",
    "[::1]",
    "https://[::1]:80",
    "1a://h",
    "'self'/p",
    '"self"',
    "'self",
    "'*'",
    "'https:'",
    "'none'",
    "'nonce-'",
    "'nonce-a!b'",
    "'nonce-a==='",
    "'nonce-{nonce}'",
    "nonce-a{",
    "'knock-{NONCE}'",
    "'sha1-abcd'",
    "'md5-abcd'",
    "'sha256-'",
    "'wasm-eval'",
    "'ed25519-x'",
    "'sha-256-x'",
    "'url-sha256-x'",
    "'eval-sha999-abcd'",
    "'url-ed25519-abcd'",
    "bücher.example",
    "h/ä",
    "h:٣",
]


@pytest.mark.parametrize(("text", "expected"), VALID)
def test_a_valid_token_is_read(text: str, expected: SourceExpression) -> None:
    assert parse_source_expression(text) == expected


@pytest.mark.parametrize("text", INVALID)
def test_an_invalid_token_is_ignored(text: str) -> None:
    assert parse_source_expression(text) is None
    assert not is_valid_source_expression(text)


# (token, whether Chromium and Firefox may differ about it)
DIFFERING = [
    ("h", False),
    ("h:*", False),
    ("h:80", True),
    ("h:080", True),
    ("h.", True),
    ("h/p", False),
    ("h/%2F", False),
    ("h/%E4", True),
    ("*", False),
    ("*/p", True),
    ("'sha256-abcd'", False),
    ("'sha256-ab-_'", False),
    ("'sha256-abc='", False),
    ("'sha256-abc'", True),
    ("'sha256-x'", True),
    ("'sha-256-abcd'", True),
    ("'ed25519-abcd'", True),
]


@pytest.mark.parametrize(("text", "differ"), DIFFERING)
def test_a_token_knows_whether_browsers_may_differ(text: str, differ: bool) -> None:  # noqa: FBT001 - a column
    source = parse_source_expression(text)
    assert isinstance(source, HostSource | HashSource)
    assert source.browsers_differ is differ


# (base64, its bytes)
BASE64 = [
    ("", b""),
    ("YQ==", b"a"),
    ("YQ=", b"a"),
    ("YQ", b"a"),
    ("YQ===", None),
    ("YWI=", b"ab"),
    ("YWJ4", b"abx"),
    ("YWJj=", None),
    ("abcx", b"i\xb71"),
    ("a", None),
    ("a!bc", None),
    ("YQ!=", None),
    ("ab!!cd!!", None),
    ("ab-_", None),
]


@pytest.mark.parametrize(("text", "expected"), BASE64)
def test_padding_may_be_left_out_of_base64(text: str, expected: bytes | None) -> None:
    assert decoded_base64(text) == expected


def test_what_stands_for_no_bytes_has_an_empty_digest() -> None:
    assert HashSource("sha256", "x", Browser.CHROMIUM).digest == b""
    assert HashSource("sha256", "YQ").digest == b"a"


@pytest.mark.parametrize(("_text", "source"), VALID)
def test_an_expression_is_written_as_it_is_read(_text: str, source: SourceExpression) -> None:
    again = parse_source_expression(str(source))
    assert str(again) == str(source)
    assert type(again) is type(source)


@pytest.mark.parametrize(("text", "valid"), [
    ("https://cdn.example.net/app/", True),
    ("https://cdn.example.net/%3B%2C~!$&'()*+=:@", True),
    ("*", True),
    ("'self'", True),
    ("'nonce-{NONCE}'", True),
    ("data:", True),
    ("https://h/a;script-src", False),
    ("https://h/a,b", False),
    ("https://h/a b", False),
    ("https://h/a\n", False),
    ("https://h/a?q", False),
    ('https://h/"', False),
    ("https://h/%2", False),
    ("https://h/%zz", False),
    ("https://h/\x00", False),
    ("https://h\x00/", False),
])  # fmt: skip
def test_only_what_ends_no_directive_may_be_written(text: str, valid: bool) -> None:  # noqa: FBT001 - a column
    assert is_valid_source_expression(text) is valid


def test_a_list_keeps_the_valid_expressions_in_order() -> None:
    sources = parse_source_list(["'none'", "b.example", "'wat'", "'SELF'", "*"])
    assert [text for text, _ in sources.expressions] == ["b.example", "'SELF'", "*"]
    assert Keyword.SELF in sources
    assert Keyword.UNSAFE_INLINE not in sources


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_a_hash_source_is_the_digest_of_the_text(algorithm: str) -> None:
    expected = base64.b64encode(hashlib.new(algorithm, "é 😀".encode()).digest()).decode()
    assert hash_source("é 😀", algorithm) == f"'{algorithm}-{expected}'"


def test_a_lone_surrogate_is_hashed_as_the_replacement_character() -> None:
    assert hash_source("a\ud800b") == hash_source("a\ufffdb")
    assert hash_source("\ud83d\ude00") == hash_source("😀")


def test_an_algorithm_that_policies_do_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="no hash algorithm of policies: md5"):
        hash_source("x", "md5")


@given(st.text())
def test_what_may_be_written_is_one_token_of_ascii(text: str) -> None:
    if is_valid_source_expression(text):
        assert text.isascii()
        assert text.split() == [text]
        assert not set(text) & set(";,")
