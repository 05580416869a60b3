"""Text as JavaScript reads it; what it makes of this is written down from node 20."""

from __future__ import annotations

import pytest

from policybuilder.grading.observatory.javascript import collation_key, decode_uri_component, parse_int, trim, units

INTEGERS = [
    *(("31536000", 31536000), (" +12x", 12), ("-1", -1), ("\xa07", 7), ("0x10", 0), ("1e9", 1)),
    *(("", None), ("x", None), ('"1"', None), ("- 1", None), ("\x851", None), ("٣", None)),
]


@pytest.mark.parametrize(("text", "number"), INTEGERS)
def test_an_integer_is_what_a_text_begins_with(text: str, number: int | None) -> None:
    assert parse_int(text) == number


def test_white_space_is_not_that_of_python() -> None:
    assert trim("\ufeff\xa0\v a \u3000") == "a"
    assert trim("\x1ca\x85") == "\x1ca\x85"


def test_escapes_are_utf_8() -> None:
    assert decode_uri_component("%C3%A9%41é+") == "éAé+"


@pytest.mark.parametrize("text", ["%", "%4", "%zz", "%FF", "%C3", "%C3a%A9", "%ED%A0%80", "%C0%80"])
def test_other_escapes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"escape|utf-8"):
        decode_uri_component(text)


def test_length_is_in_utf_16_units() -> None:
    assert [units(text) for text in ("abc", "é", "💥", "\ud800")] == [3, 1, 2, 1]


def test_sources_are_sorted_as_intl_collator_does() -> None:
    in_order = ["_", "-", ":", "'none'", "'self'", "*", "/", "%", "~", "9", "a", "à", "dà", "data:", "https", "https:"]
    assert sorted(set(in_order), key=collation_key) == in_order
    assert collation_key("a\x01b") == collation_key("ab")
