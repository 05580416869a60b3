"""Laws of explaining: any bytes are explained, what is proposed helps, and the steps say what the verdict says."""

from __future__ import annotations

import json

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from policybuilder.causes import Cause
from policybuilder.csp import (
    Browser,
    Policy,
    Question,
    SampleExtent,
    Verdict,
    Violation,
    decide,
    parse_serialized_policy,
    subsumes,
)
from policybuilder.csp.directives import FALLBACKS
from policybuilder.csp.examination import examine
from policybuilder.explaining import Explanation, explain
from policybuilder.matching_step import likeliest_question
from policybuilder.smallest_change import SmallestChange, smallest_change
from tests.properties.test_difference_laws import NAMES, member_lists, sources, written
from tests.support.hostile import JSON_VALUES, MEMBERS

BODIES = st.one_of(
    st.binary(max_size=200),
    JSON_VALUES.map(json.dumps).map(str.encode),
    MEMBERS.map(lambda members: json.dumps({"csp-report": members}).encode()),
    st.lists(MEMBERS, max_size=3).map(
        lambda batch: json.dumps(
            [{"type": "csp-violation", "body": members, "url": "https://a.b/"} for members in batch]
        ).encode()
    ),
)


@settings(max_examples=400)
@given(body=BODIES, user_agent=st.sampled_from(["", "Chrome/156", "Firefox/153"]) | st.text(max_size=40))
def test_any_bytes_are_explained(body: bytes, user_agent: str) -> None:
    explanations = explain(body, user_agent=user_agent)
    assert explanations
    for explanation in explanations:
        assert explanation.why
        assert explanation.advice.why
        assert (explanation.violation is None) is (explanation.step is None)
        assert_the_change_helps(explanation)


# Reports as browsers may send them, under policies over a small vocabulary.

_URLS = [
    *("https://a.example/js/app.js", "http://a.example/js/", "https://b.a.example/x", "https://a.example:8080/js/"),
    *("wss://a.example/", "https://c.example", "https://c.example/(token)/a.js", "data", "blob", "https://[::1]/a"),
]
_LOADS = ["img-src", "script-src-elem", "style-src-elem", "connect-src", "frame-src", "worker-src", "font-src"]
_QUESTIONS = st.one_of(
    st.tuples(st.sampled_from([*_LOADS, "base-uri", "form-action", "object-src"]), st.sampled_from(_URLS)),
    st.tuples(
        st.sampled_from(["script-src-elem", "script-src-attr", "style-src-elem", "style-src-attr"]), st.just("inline")
    ),
    st.tuples(st.just("script-src"), st.sampled_from(["eval", "wasm-eval"])),
    st.just(("trusted-types", "trusted-types-policy")),
)
_SAMPLES = st.sampled_from(
    [
        ("", SampleExtent.NONE),
        ("go()", SampleExtent.WHOLE),
        ("go()", SampleExtent.TRIMMED),
        ("one", SampleExtent.WHOLE),
        ("javascript:go()", SampleExtent.WHOLE),
        ("x" * 40, SampleExtent.PREFIX),
    ]
)
PAGES = ["https://a.example/", "http://c.example/", "https://shop.example/", "about"]


def assert_the_change_helps(explanation: Explanation) -> None:
    """The law, of what came out of `explain`: the policy that is shown lets happen what was blocked."""
    change, step, violation = explanation.change, explanation.step, explanation.violation
    if change is None or change.policy is None or step is None or violation is None:
        return
    # Asked of both browsers, whichever sent it: then they may differ, but none may say no for certain.
    question = likeliest_question(violation, "")
    assert decide(change.policy, answered(question, change)).verdict is not Verdict.BLOCK
    if step.policy is not None:
        assert str(parse_serialized_policy(str(change.policy))) == str(change.policy)


def answered(question: Question, change: SmallestChange) -> Question:
    """The question once the page does what the change asks of it."""
    if change.nonce is not None:
        question = question._replace(nonce=change.nonce)
    if change.is_exact_code_assumed:
        question = question._replace(sample_extent=SampleExtent.WHOLE)
    return question


@st.composite
def reported(draw: st.DrawFn) -> tuple[Policy, Question]:
    """A policy with a list that governs, and what a report under it may ask."""
    directive, blocked = draw(_QUESTIONS)
    text, extent = draw(_SAMPLES)
    if directive == "trusted-types":
        governing = (directive, draw(st.lists(st.sampled_from(NAMES), max_size=3)))
    else:
        governing = (draw(st.sampled_from(FALLBACKS.get(directive, (directive,)))), draw(sources))
    others = [member for member in draw(member_lists) if member[0] != governing[0]]
    violation = Violation(
        document_uri=draw(st.sampled_from(PAGES)),
        effective_directive=directive,
        blocked_uri=blocked,
        sample=text,
        sample_extent=extent,
    )
    question = likeliest_question(violation, draw(st.sampled_from(["", "Firefox/153", "Chrome/156"])))
    (policy,) = written([[governing, *others]]).policies
    return policy, question


@settings(max_examples=800)
@given(report=reported())
def test_the_smallest_change_makes_the_engine_allow_it(report: tuple[Policy, Question]) -> None:
    policy, question = report
    assume(decide(policy, question).verdict is not Verdict.ALLOW)
    change = smallest_change(policy, question)
    if change.policy is None:
        assert change.todo
        assert not change.sources
        return
    assert decide(change.policy, answered(question, change)).verdict is Verdict.ALLOW
    # A nonce or a digest switches 'unsafe-inline' off, as it must; nothing else that is proposed takes anything away.
    if not any(source.startswith(("'nonce-", "'sha256-")) for source in change.sources):
        assert subsumes(change.policy, policy)


@settings(max_examples=800)
@given(report=reported())
def test_something_helps_but_where_code_or_its_name_is_cut(report: tuple[Policy, Question]) -> None:
    policy, question = report
    assume(decide(policy, question).verdict is Verdict.BLOCK)
    is_code = question.blocked in {"inline", "eval", "trusted-types-policy"}
    is_nameless = question.blocked == "https://[::1]/a"
    assert is_code or is_nameless or smallest_change(policy, question).policy is not None


@settings(max_examples=800)
@given(report=reported())
def test_the_steps_admit_when_the_verdict_does(report: tuple[Policy, Question]) -> None:
    policy, question = report
    question = question._replace(browser=question.browser or Browser.CHROMIUM)
    decision = decide(policy, question)
    verdicts = {each.verdict for each in examine(policy, question)}
    assert (Verdict.ALLOW in verdicts) is (decision.verdict is Verdict.ALLOW and decision.matched_by is not None)
    assert Verdict.UNKNOWN in verdicts or decision.verdict is not Verdict.UNKNOWN


def test_causes_have_the_names_that_scripts_rely_on() -> None:
    assert {cause.value for cause in Cause} == {
        *("extension", "injected", "bot", "redirect", "superseded", "foreign-host", "attack-like", "malformed"),
        *("forged-looking", "no-violation", "real"),
    }
