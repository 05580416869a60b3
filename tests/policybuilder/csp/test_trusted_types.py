"""Tests of Trusted Types: which names may be created, and whether sinks are locked."""

from __future__ import annotations

from typing import Any

import pytest

from policybuilder.csp import Browser, Question, SampleExtent, Verdict, decide, parse_serialized_policy

ALLOW, BLOCK, UNKNOWN = Verdict.ALLOW, Verdict.BLOCK, Verdict.UNKNOWN
WHOLE, PREFIX, NONE = SampleExtent.WHOLE, SampleExtent.PREFIX, SampleExtent.NONE


def make_question(sample: str | None, sample_extent: SampleExtent = WHOLE, **known: Any) -> Question:
    """A policy of the name `sample` is created."""
    return Question(
        page="https://page.example/",
        directive="trusted-types",
        blocked="trusted-types-policy",
        sample=sample,
        sample_extent=sample_extent,
        **known,
    )


# Columns: policy, question; verdict, expression that matched, reason.
NAMES = [
    ("img-src x", make_question("app"), ALLOW, None, "the policy has no trusted-types"),
    ("trusted-types", make_question("app"), BLOCK, None, "trusted-types names no policy"),
    ("trusted-types a!b", make_question("a!b"), BLOCK, None, "trusted-types names no policy"),
    ("trusted-types app", make_question("app"), ALLOW, "app", "the name is listed"),
    ("trusted-types b app", make_question("app"), ALLOW, "app", "the name is listed"),
    ("trusted-types apple", make_question("app"), BLOCK, None, "the name is not listed"),
    ("trusted-types *", make_question("app"), ALLOW, "*", "it allows any name"),
    ("trusted-types b *", make_question(None, NONE), ALLOW, "*", "it allows any name"),
    # what the report does not tell
    ("trusted-types app", make_question(None, NONE), UNKNOWN, None, "the name of the policy is not reported"),
    ("trusted-types app", make_question(None, WHOLE), UNKNOWN, None, "the name of the policy is not reported"),
    ("trusted-types app", make_question("app", NONE), UNKNOWN, None, "the name of the policy is not reported"),
    ("trusted-types b app", make_question("ap", PREFIX), UNKNOWN, None, "the report cuts the name of the policy"),
    ("trusted-types b app", make_question("app", PREFIX), UNKNOWN, None, "the report cuts the name of the policy"),
    ("trusted-types b app", make_question("apple", PREFIX), BLOCK, None, "the name is not listed"),
    # names that are taken
    ("trusted-types app", make_question("app", name_taken=True), BLOCK, None, "a taken name needs 'allow-duplicates'"),
    (
        "trusted-types app",
        make_question("app", name_taken=None),
        UNKNOWN,
        None,
        "a taken name needs 'allow-duplicates'",
    ),
    ("trusted-types *", make_question("app", name_taken=True), BLOCK, None, "a taken name needs 'allow-duplicates'"),
    ("trusted-types app 'Allow-Duplicates'", make_question("app", name_taken=True), ALLOW, "app", "the name is listed"),
    # names outside the grammar
    (
        "trusted-types *",
        make_question("a b", browser=Browser.CHROMIUM),
        BLOCK,
        None,
        "the name has a character that no name may have",
    ),
    ("trusted-types *", make_question("a b", browser=Browser.FIREFOX), ALLOW, "*", "it allows any name"),
    ("trusted-types *", make_question("", browser=Browser.CHROMIUM), ALLOW, "*", "it allows any name"),
]


@pytest.mark.parametrize(("policy", "question", "verdict", "matched_by", "reason"), NAMES)
def test_a_name_must_be_listed_and_free(
    policy: str, question: Question, verdict: Verdict, matched_by: str | None, reason: str
) -> None:
    directive = "trusted-types" if policy.startswith("trusted-types") else None
    assert decide(parse_serialized_policy(policy), question) == (verdict, directive, matched_by, reason)


LOCKED = "sinks are locked, unless a default policy of the page converts the string"
IDLE = "only the value 'script' locks sinks"

# Columns: policy; verdict, directive consulted, reason.
SINKS = [
    ("trusted-types *", ALLOW, None, "the policy has no require-trusted-types-for"),
    ("require-trusted-types-for 'script'", BLOCK, "require-trusted-types-for", LOCKED),
    ("require-trusted-types-for 'style'", ALLOW, "require-trusted-types-for", IDLE),
    ("require-trusted-types-for 'style' 'script'", BLOCK, "require-trusted-types-for", LOCKED),
]


@pytest.mark.parametrize(("policy", "verdict", "directive", "reason"), SINKS)
def test_only_the_value_script_locks_sinks(policy: str, verdict: Verdict, directive: str | None, reason: str) -> None:
    question = Question("https://page.example/", "require-trusted-types-for", "trusted-types-sink")
    assert decide(parse_serialized_policy(policy), question) == (verdict, directive, None, reason)
