"""Tests of parsing."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policybuilder.csp import (
    Delivery,
    Directive,
    Disposition,
    FindingCode,
    parse_serialized_policy,
    parse_serialized_policy_list,
)

# (text, the directives of each policy as browsers read them)
POLICIES: list[tuple[str, list[dict[str, list[str]]]]] = [
    ("", []),
    (" ,;, ; ,", []),
    ("default-src 'none'", [{"default-src": ["'none'"]}]),
    ("default-src 'none',img-src *", [{"default-src": ["'none'"]}, {"img-src": ["*"]}]),
    ("img-src a;; ;font-src b;", [{"img-src": ["a"], "font-src": ["b"]}]),
    ("\t\n\f\r img-src\ta\f b ", [{"img-src": ["a", "b"]}]),
    ("img-src a\x0bb; font-src c", [{"font-src": ["c"]}]),
    ("img-src a\x01; img-src\x7f b; img-src d", [{"img-src": ["d"]}]),
    ("IMG-Src A.Example/P", [{"img-src": ["A.Example/P"]}]),
    ("img-src a; img-src b", [{"img-src": ["a"]}]),
    ("img-src; img-src b", [{"img-src": []}]),
    ("img-src é; img-src b", [{"img-src": ["b"]}]),
    ("img-src a\u00a0b", []),
    ("img-src: a; img-src='x'", [{"img-src:": ["a"], "img-src='x'": []}]),
    ("script-src 'self' object-src 'none'", [{"script-src": ["'self'", "object-src", "'none'"]}]),
    ("unknown x", [{"unknown": ["x"]}]),
]


@pytest.mark.parametrize(("text", "expected"), POLICIES)
def test_a_policy_list_is_read_as_browsers_do(text: str, expected: list[dict[str, list[str]]]) -> None:
    policies = parse_serialized_policy_list(text).policies
    assert [{d.name: list(d.values) for d in policy.directives} for policy in policies] == expected


# (text, the code and text of each finding)
FINDINGS: list[tuple[str, list[tuple[FindingCode, str]]]] = [
    ("default-src 'none'; img-src *, font-src data:", []),
    ("img-src a; IMG-SRC b", [(FindingCode.DUPLICATE_DIRECTIVE, "IMG-SRC")]),
    ("img-src a;  é x ; font-src b", [(FindingCode.NON_ASCII, "é x")]),
    ("img-scr a", [(FindingCode.UNKNOWN_DIRECTIVE, "img-scr")]),
    ("x" * 200, [(FindingCode.UNKNOWN_DIRECTIVE, "x" * 200)]),
    ("prefetch-src *", [(FindingCode.REMOVED_DIRECTIVE, "prefetch-src")]),
    ("img-src 'none' 'none'", [(FindingCode.NONE_IGNORED, "'none'"), (FindingCode.NONE_IGNORED, "'none'")]),
    ("img-src a,font-src 'NONE' b", [(FindingCode.NONE_IGNORED, "'NONE'")]),
    ("img-src self", [(FindingCode.UNQUOTED_KEYWORD, "self")]),
    ("script-src nonce-abc", [(FindingCode.UNQUOTED_KEYWORD, "nonce-abc")]),
    ("script-src 'self' object-src", [(FindingCode.DIRECTIVE_AS_SOURCE, "object-src")]),
    ("img-src https:// b", [(FindingCode.INVALID_SOURCE, "https://")]),
    ("img-src h/p?q", [(FindingCode.QUERY_IGNORED, "h/p?q")]),
    ("upgrade-insecure-requests 1", [(FindingCode.UNEXPECTED_VALUE, "1")]),
    ("report-to a b", [(FindingCode.UNEXPECTED_VALUE, "b")]),
    ("upgrade-insecure-requests 1 2", [(FindingCode.UNEXPECTED_VALUE, "1"), (FindingCode.UNEXPECTED_VALUE, "2")]),
    ("report-uri /r; report-to x", [(FindingCode.REPORT_URI_IGNORED, "report-uri")]),
    ("report-uri /r", []),
    ("report-to x", []),
    ("img-src none", [(FindingCode.UNQUOTED_KEYWORD, "none")]),
    ("script-src sha256-a", [(FindingCode.UNQUOTED_KEYWORD, "sha256-a")]),
    ("script-src sha384-a", [(FindingCode.UNQUOTED_KEYWORD, "sha384-a")]),
    ("script-src SHA512-a", [(FindingCode.UNQUOTED_KEYWORD, "SHA512-a")]),
    ("img-src h/p#f", [(FindingCode.QUERY_IGNORED, "h/p#f")]),
    ("sandbox allow-scripts; trusted-types a 'allow-duplicates'", []),
]


@pytest.mark.parametrize(("text", "expected"), FINDINGS)
def test_what_is_odd_is_found_where_it_stands(text: str, expected: list[tuple[FindingCode, str]]) -> None:
    findings = parse_serialized_policy_list(text).findings
    assert [(finding.code, text[finding.start : finding.end]) for finding in findings] == expected


# (text, delivery, disposition; directive and value of the finding)
ABOUT: list[tuple[str, Delivery, Disposition, str | None, str | None]] = [
    ("img-src a; IMG-SRC b", Delivery.HEADER, Disposition.ENFORCE, "img-src", None),
    ("sandbox", Delivery.META, Disposition.ENFORCE, "sandbox", None),
    ("sandbox", Delivery.HEADER, Disposition.REPORT, "sandbox", None),
    ("prefetch-src *", Delivery.HEADER, Disposition.ENFORCE, "prefetch-src", None),
    ("Img-Scr a", Delivery.HEADER, Disposition.ENFORCE, "img-scr", None),
    ("img-src 'None' a", Delivery.HEADER, Disposition.ENFORCE, "img-src", "'None'"),
    ("report-to a b", Delivery.HEADER, Disposition.ENFORCE, "report-to", "b"),
    ("report-uri /r; report-to x", Delivery.HEADER, Disposition.ENFORCE, "report-uri", None),
    ("img-src é", Delivery.HEADER, Disposition.ENFORCE, None, None),
]


@pytest.mark.parametrize(("text", "delivery", "disposition", "directive", "value"), ABOUT)
def test_a_finding_names_directive_and_value(
    text: str, delivery: Delivery, disposition: Disposition, directive: str | None, value: str | None
) -> None:
    (finding,) = parse_serialized_policy_list(text, delivery=delivery, disposition=disposition).findings
    assert (finding.directive, finding.value) == (directive, value)


# (text, names that Chromium takes for repetitions of a directive it dropped)
VOID_IN_CHROMIUM = [
    ("img-src a; font-src b", set()),
    ("img-src é", set()),
    ("img-src é; img-src a", {"img-src"}),
    ("IMG-SRC é; img-src a; font-src b", {"img-src"}),
    ("img-src a; img-src é", set()),
]


@pytest.mark.parametrize(("text", "names"), VOID_IN_CHROMIUM)
def test_a_dropped_directive_takes_its_name_in_chromium(text: str, names: set[str]) -> None:
    assert parse_serialized_policy(text).void_in_chromium == names


@pytest.mark.parametrize(("length", "shown"), [(80, "x" * 80), (81, "x" * 79 + "…"), (200, "x" * 79 + "…")])
def test_messages_show_eighty_characters(length: int, shown: str) -> None:
    (finding,) = parse_serialized_policy_list("x" * length).findings
    assert finding.message == f"browsers know no directive {shown}"


def test_messages_do_not_repeat_endless_tokens() -> None:
    (finding,) = parse_serialized_policy_list("x" * 10_000).findings
    assert len(finding.message) < 150


def test_meta_voids_what_only_headers_may_say() -> None:
    text = "frame-ancestors 'none'; report-uri /r; sandbox; img-src a, font-src b"
    parsed = parse_serialized_policy_list(text, delivery=Delivery.META)
    assert str(parsed) == "img-src a, font-src b"
    assert {finding.code for finding in parsed.findings} == {FindingCode.IGNORED_IN_META}


def test_a_report_only_policy_in_meta_is_void() -> None:
    parsed = parse_serialized_policy_list("img-src a", delivery=Delivery.META, disposition=Disposition.REPORT)
    assert parsed.policies == ()
    assert [finding.code for finding in parsed.findings] == [FindingCode.IGNORED_IN_META]
    assert [(finding.start, finding.end) for finding in parsed.findings] == [(0, 9)]
    vertical = parse_serialized_policy_list("\v", delivery=Delivery.META, disposition=Disposition.REPORT)
    assert len(vertical.findings) == 1
    empty = parse_serialized_policy_list(" ", delivery=Delivery.META, disposition=Disposition.REPORT)
    assert empty.findings == ()


def test_report_only_voids_what_would_act() -> None:
    parsed = parse_serialized_policy_list(
        "sandbox; upgrade-insecure-requests; img-src a", disposition=Disposition.REPORT
    )
    assert str(parsed) == "img-src a"
    assert {finding.code for finding in parsed.findings} == {FindingCode.IGNORED_IN_REPORT_ONLY}


def test_a_comma_inside_one_policy_takes_its_token_along() -> None:
    assert parse_serialized_policy("img-src a,b c; d,e f").directives == (Directive("img-src", ("c",)),)


def test_a_long_policy_is_parsed_like_a_short_one() -> None:
    text = "img-src " + " ".join(f"h{n}.example" for n in range(1000))
    assert str(parse_serialized_policy(text)) == text


TEXTS = st.text(alphabet=st.sampled_from(list("aA*é'\"-.:/?#;, \t\x0b\x00=12")), max_size=80) | st.text(max_size=40)


@given(TEXTS)
@example("'nonce-a' \ud800;")
def test_any_text_is_parsed_and_what_is_written_is_read_back(text: str) -> None:
    """Parsing never raises; findings point into the text; writing and reading again changes nothing."""
    parsed = parse_serialized_policy_list(text)
    assert parse_serialized_policy_list(str(parsed)).policies == parsed.policies
    assert all(0 <= finding.start < finding.end <= len(text) for finding in parsed.findings)
    policy = parse_serialized_policy(text)
    assert parse_serialized_policy(str(policy)) == policy


@pytest.mark.parametrize(
    "piece",
    ["a-", "*.", "a.", "a;", "a,", "'", "'nonce-", "'sha256-=", "a:", "/", "//", "?", "img-src ", " ", ";", ",", "é"],
)
def test_a_long_text_is_parsed_in_linear_time(piece: str) -> None:
    """Ten seconds are generous for what takes less than one, and far too few for anything quadratic."""
    text = "img-src " + piece * (200_000 // len(piece))
    began = time.monotonic()
    parse_serialized_policy_list(text)
    assert time.monotonic() - began < 10
