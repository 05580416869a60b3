"""Where a value points, to the peer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.evaluation.csp_evaluator import locations
from policybuilder.evaluation.csp_evaluator.locations import WILDCARD, Location, is_address, read_location, scheme_free

# value, then host and path
LOCATIONS = [
    ("a.example", "a.example", "/"),
    ("https://A.example/X?y#z", "a.example", "/X"),
    ("//a.example:8080/x/", "a.example", "/x/"),
    ("1x+y://a.example", "a.example", "/"),
    ("https:////a.example", "a.example", "/"),
    ("*.a.example:*/x", f"{WILDCARD}.a.example", "/x"),
    ("a.example/*", "a.example", f"/{WILDCARD}"),
    ("user:password@a.example", "a.example", "/"),
    ("a.example\\x", "a.example", "/x"),
    ("a.example/x/../y", "a.example", "/y"),
    ("%61.example", "a.example", "/"),
    ("bücher.example", "xn--bcher-kva.example", "/"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example", "/"),
    ("'self'", "'self'", "/"),
    ("'nonce-ab/cd=='", "'nonce-ab", "/cd=='"),
    ("data:", "data", "/"),
    ("0x7f.1", "127.0.0.1", "/"),
    ("1.2.3.4.", "1.2.3.4", "/"),
    ("[::1]:80", "[::1]", "/"),
    ("7", "0.0.0.7", "/"),
    ("a\x01", "a", "/"),
]
NO_LOCATIONS = [
    *(
        "",
        "/",
        "//",
        "https://",
        "?x",
        ":*",
        "a:b",
        "a.example:99999",
        "[::1]:foo",
        "[",
        "a^b",
        "a|b",
        "<a>",
        "%",
        "%zz",
    ),
    *("1.2.3.999", "1.2.3.4.5", "foo.1", "*.1.2.3.4", "xn--a.example", "*.xn--.example", "\ud800", "a\x00b", "\u200d"),
    *("%", "%zz"),
]


@pytest.mark.parametrize(("value", "host", "path"), LOCATIONS)
def test_a_value_points_where_the_url_parser_says(value: str, host: str, path: str) -> None:
    assert read_location(value) == Location(host, path)


@pytest.mark.parametrize("value", NO_LOCATIONS)
def test_a_value_that_is_no_url_points_nowhere(value: str) -> None:
    assert read_location(value) is None


PIECES = st.sampled_from(
    [
        *(
            "https://",
            "//",
            "*",
            "*.",
            "a",
            "B",
            "1",
            "0x",
            "xn--",
            ".",
            "-",
            "_",
            "'",
            "=",
            "+",
            ":",
            "443",
            ":*",
            "/",
        ),
        *("..", "/.", "/../", "%41", "?", "#", "@", "[::1]", "é", "$", "~", "(", ",", "wildcard_placeholder"),
    ]
)


@given(st.lists(PIECES, max_size=8).map("".join) | st.text())
def test_values_that_need_no_parser_are_read_as_it_would(value: str) -> None:
    quick = read_location(value)
    rest = scheme_free(value).replace(":*", "", 1).replace("*", WILDCARD, 1)
    assert quick == locations._read_by_parser(rest)


@pytest.mark.parametrize(
    "value", ["127.0.0.1", "http://10.0.0.1:80/x", "0x7f.1", "[::1]", "[::1]:foo", "[1:2]@a.example", "7"]
)
def test_addresses_are_seen_in_any_spelling(value: str) -> None:
    assert is_address(value, read_location(value))


@pytest.mark.parametrize("value", ["a.example", "1.2.3.4.example", "1.2.3.999", "[g]", "'nonce-1'", "*"])
def test_names_are_no_addresses(value: str) -> None:
    assert not is_address(value, read_location(value))
