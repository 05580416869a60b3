"""Tests of policies as values."""

from __future__ import annotations

import pytest

from policybuilder.csp import (
    Directive,
    Policy,
    PolicyList,
    canonical,
    parse_serialized_policy,
    parse_serialized_policy_list,
)


@pytest.mark.parametrize("token", ["", "a b", "a;b", "a,b", "a\tb", "é"])
def test_a_token_that_cannot_be_read_back_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="not a token"):
        Directive("img-src", (token,))
    with pytest.raises(ValueError, match="not a token"):
        Directive(token)


def test_a_directive_name_is_lower_case() -> None:
    with pytest.raises(ValueError, match="not a lower-case directive name: 'IMG-src'"):
        Directive("IMG-src")


def test_a_policy_has_each_directive_once() -> None:
    with pytest.raises(ValueError, match="each directive once"):
        Policy((Directive("img-src"), Directive("img-src")))


def test_a_policy_is_a_value() -> None:
    policy = Policy((Directive("img-src", ("a", "b")), Directive("upgrade-insecure-requests")))
    assert str(policy) == "img-src a b; upgrade-insecure-requests"
    assert policy.directive("img-src") == Directive("img-src", ("a", "b"))
    assert policy.directive("font-src") is None
    assert hash(policy) == hash(parse_serialized_policy(str(policy)))
    assert str(PolicyList((policy, policy))) == f"{policy}, {policy}"


# (effective directive, directives present, the one that governs)
GOVERNING = [
    ("script-src-elem", "script-src-elem script-src default-src", "script-src-elem"),
    ("script-src-elem", "script-src-attr script-src default-src", "script-src"),
    ("script-src-attr", "script-src-elem default-src", "default-src"),
    ("style-src-elem", "style-src-attr style-src", "style-src"),
    ("style-src-attr", "default-src", "default-src"),
    ("worker-src", "worker-src child-src script-src default-src", "worker-src"),
    ("worker-src", "child-src script-src default-src", "child-src"),
    ("worker-src", "frame-src script-src-elem script-src default-src", "script-src"),
    ("worker-src", "script-src-elem default-src", "default-src"),
    ("frame-src", "child-src default-src", "child-src"),
    ("frame-src", "worker-src default-src", "default-src"),
    ("fenced-frame-src", "frame-src default-src", "frame-src"),
    ("connect-src", "default-src", "default-src"),
    ("font-src", "img-src", None),
    ("base-uri", "default-src", None),
    ("form-action", "default-src", None),
    ("frame-ancestors", "default-src frame-src", None),
]


@pytest.mark.parametrize(("effective", "present", "expected"), GOVERNING)
def test_the_first_directive_of_the_fallback_list_governs(effective: str, present: str, expected: str | None) -> None:
    directive = parse_serialized_policy(present.replace(" ", ";")).governing(effective)
    assert (directive.name if directive else None) == expected


# (as one browser spells it, as another does)
SAME = [
    ("img-src *; default-src 'none'", "default-src 'none'; img-src *"),
    ("default-src", "default-src 'none'"),
    ("default-src nothing_valid", "default-src 'NONE'"),
    ("img-src B.example/P a.example b.EXAMPLE/P", "img-src a.example b.example/P"),
    ("script-src 'nonce-a' 'UNSAFE-inline'", "script-src 'unsafe-inline' 'nonce-b' 'nonce-c'"),
    ("script-src 'sha256-a-_b'", "script-src 'SHA256-a+/b'"),
    ("img-src a; report-uri /x; report-to y", "img-src a"),
    ("img-src a; no-such-thing b", "img-src a"),
    ("img-src HTTPS: Data:", "img-src data: https:"),
    ("img-src h/p?q", "img-src h/p"),
    ("trusted-types b a 'Allow-Duplicates'", "trusted-types 'allow-duplicates' a b"),
    ("trusted-types", "trusted-types 'none'"),
    ("upgrade-insecure-requests 1", "upgrade-insecure-requests"),
    ("sandbox allow-scripts allow-forms", "sandbox allow-forms allow-scripts allow-scripts"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_spellings_have_one_canonical_policy(one: str, other: str) -> None:
    assert canonical(parse_serialized_policy(one)) == canonical(parse_serialized_policy(other))


# Policies that differ in meaning.
DIFFERENT = [
    ("img-src a", "img-src 'none'"),
    ("img-src h/p", "img-src h/P"),
    ("trusted-types a", "trusted-types A"),
    ("script-src 'nonce-a'", "script-src 'none'"),
    ("script-src 'self'", "script-src 'self' 'report-sample'"),
    ("sandbox", "img-src *"),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_canonical_policies_keep_the_meaning(one: str, other: str) -> None:
    assert canonical(parse_serialized_policy(one)) != canonical(parse_serialized_policy(other))


def test_a_blanked_nonce_is_still_a_nonce() -> None:
    blanked = canonical(parse_serialized_policy("script-src 'nonce-{NONCE}'"))
    assert str(blanked) == "script-src 'nonce-blank'"
    assert canonical(blanked) == blanked


def test_a_policy_list_is_its_policies_one_after_another() -> None:
    parsed = parse_serialized_policy_list("img-src a, font-src b")
    assert tuple(parsed) == parsed.policies
    assert [str(policy) for policy in parsed] == ["img-src a", "font-src b"]
