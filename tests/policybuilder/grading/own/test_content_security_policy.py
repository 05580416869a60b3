"""What all policies of a page together keep out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policybuilder.csp.parsing import Delivery
from policybuilder.csp.violation import Disposition
from policybuilder.evaluation.weakness import Certainty, Severity, Weakness
from policybuilder.grading.judgement import Judgement
from tests.support.judgements import graded, judgements, results

CSP = "Content-Security-Policy"


def weakness(code: str, directive: str | None, value: str | None = None, **known: object) -> Weakness:
    made = Weakness(
        code=code,
        severity=Severity.HIGH,
        certainty=Certainty.CERTAIN,
        message=f"{value} in {directive} is weak",
        why="because",
        start=0,
        end=1,
        directive=directive,
        value=value,
        advice="mend it",
    )
    return replace(made, **known)  # type: ignore[arg-type]  # a builder takes what matters


class Known:
    """An evaluation that knows the weaknesses of certain texts, and keeps what it was asked."""

    def __init__(self, **by_part: Weakness) -> None:
        self._by_part = by_part
        self.asked: list[tuple[str, Delivery]] = []

    def __call__(
        self, text: str, /, *, delivery: Delivery = Delivery.HEADER, disposition: Disposition = Disposition.ENFORCE
    ) -> tuple[Weakness, ...]:
        assert disposition is Disposition.ENFORCE
        self.asked.append((text, delivery))
        return tuple(
            replace(found, policy=number)
            for number, member in enumerate(text.split(","))
            for part, found in self._by_part.items()
            if part in member
        )


def csp_tests(*policies: str, evaluate: Known | None = None, **known: Any) -> list[Judgement]:
    found = graded([(CSP, policy) for policy in policies], evaluate=evaluate or Known(), **known)
    return [each for each in found.tests if each.name.startswith("csp-")]


def scripts(*policies: str, **known: Any) -> list[str]:
    return [each.result for each in csp_tests(*policies, **known) if each.name == "csp-scripts"]


# Each row: policies, result.
CASES = [
    ((), "missing"),
    (("default-src 'none'",), "nothing-runs"),
    (("script-src 'self'",), "own-scripts"),
    (("script-src 'nonce-abcdefghijklmnop' 'strict-dynamic'",), "named-scripts"),
    (("script-src https://cdn.example",), "listed-hosts"),
    # A policy that says nothing of scripts protects from none.
    (("frame-ancestors 'none'; upgrade-insecure-requests",), "no-script-directive"),
    (("img-src 'self'",), "no-script-directive"),
    (("sandbox",), "nothing-runs"),
    (("sandbox allow-scripts",), "no-script-directive"),
    (("sandbox allow-forms; script-src *",), "nothing-runs"),
    (("bogus",), "no-script-directive"),
    (("",), "missing"),
    # The blind spots of Observatory: what governs elements is not script-src alone.
    (("default-src 'self'; script-src-elem * 'unsafe-inline'",), "anything-runs"),
    (("script-src *",), "anything-runs"),
    (("script-src https:",), "anything-runs"),
    (("script-src 'self' 'unsafe-inline'",), "anything-runs"),
    (("default-src 'self'; script-src-attr 'unsafe-inline'",), "anything-runs"),
    (("script-src 'unsafe-inline'", "script-src-elem 'self'"), "anything-runs"),
    (("script-src 'unsafe-inline' 'nonce-abcdefghijklmnop'",), "named-scripts"),
    # All policies must allow.
    (("script-src *", "script-src 'self'"), "own-scripts"),
    (("script-src *, script-src 'self'",), "own-scripts"),
    (("script-src 'unsafe-inline'", "script-src *"), "nothing-runs"),
    (("script-src *", "script-src https:"), "anything-runs"),
    (("frame-ancestors 'none'", "default-src 'self'"), "own-scripts"),
]


@pytest.mark.parametrize(("policies", "result"), CASES)
def test_what_scripts_may_run(policies: tuple[str, ...], result: str) -> None:
    assert scripts(*policies) == [result]


def test_where_any_script_runs_the_score_is_capped() -> None:
    for headers in ((), ((CSP, "script-src *"),), ((f"{CSP}-Report-Only", "default-src 'none'"),)):
        [found] = judgements("csp-scripts", headers)
        assert (found.points, found.cap, found.passed) == (30, 65, False)


def test_a_report_only_policy_protects_from_nothing() -> None:
    assert results("csp-scripts", {f"{CSP}-Report-Only": "default-src 'none'"}) == ["report-only"]


def test_a_meta_element_counts_in_the_head_alone() -> None:
    meta = f"<meta http-equiv={CSP} content=\"default-src 'self'\">"
    assert scripts(body=meta) == ["own-scripts"]
    assert scripts(body=f"<body><p>{meta}") == ["missing"]


def test_header_and_meta_element_must_both_allow() -> None:
    meta = f'<meta http-equiv={CSP} content="script-src https://cdn.example">'
    evaluate = Known()
    assert scripts("script-src *", body=meta) == ["listed-hosts"]
    csp_tests("script-src *", body=meta, evaluate=evaluate)
    assert evaluate.asked == [
        ("script-src *, script-src https://cdn.example", Delivery.HEADER),
        ("script-src *", Delivery.HEADER),
        ("script-src https://cdn.example", Delivery.META),
    ]


def test_what_a_meta_element_cannot_say_is_not_evaluated_beside_a_header() -> None:
    evaluate = Known()
    meta = f'<meta http-equiv={CSP} content="frame-ancestors *; script-src https://cdn.example">'
    csp_tests("script-src *", body=meta, evaluate=evaluate)
    assert evaluate.asked[0] == ("script-src *, script-src https://cdn.example", Delivery.HEADER)


def test_each_policy_is_evaluated_with_the_others_and_alone() -> None:
    evaluate = Known()
    csp_tests("default-src 'self', img-src *", "default-src 'self'", evaluate=evaluate)
    assert [text for text, _ in evaluate.asked] == ["default-src 'self', img-src *", "default-src 'self'", "img-src *"]


BASE = weakness("base-uri-any-host", "base-uri", "*", severity=Severity.MEDIUM)
INLINE = weakness("script-unsafe-inline", "script-src", "'unsafe-inline'")
FORMS = weakness("form-action-missing", "form-action", severity=Severity.MEDIUM)


def test_a_weakness_counts_for_the_surface_where_it_stands() -> None:
    found = csp_tests("default-src 'self'; base-uri *", evaluate=Known(**{"base-uri *": BASE}))
    assert [each.result for each in found if each.name == "csp-base"] == ["base-uri-any-host"]
    assert [each.name for each in found if not each.passed] == ["csp-base"]


def test_what_a_policy_would_cost_alone_is_a_limit() -> None:
    """Even if the evaluation of all together should be blind to what makes one of them strict."""
    evaluate = Known(**{"base-uri *": BASE})
    found = csp_tests("default-src 'self'; base-uri *", "default-src 'self'; base-uri 'none'", evaluate=evaluate)
    assert [each.result for each in found if each.name == "csp-base"] == ["restricted"]


# Each row: severity, certainty, whether it is told.
TOLD = [
    (Severity.HIGH, Certainty.POSSIBLE, True),
    (Severity.MEDIUM, Certainty.POSSIBLE, True),
    (Severity.LOW, Certainty.CERTAIN, True),
    (Severity.LOW, Certainty.POSSIBLE, False),
    (Severity.INFO, Certainty.CERTAIN, False),
]


@pytest.mark.parametrize(("severity", "certainty", "is_told"), TOLD)
def test_what_hardly_matters_is_left_to_the_evaluation(
    severity: Severity,
    certainty: Certainty,
    is_told: bool,  # noqa: FBT001  (a table's column)
) -> None:
    weak = weakness("img-any-host", "img-src", "*", severity=severity, certainty=certainty)
    found = csp_tests("script-src 'self'; img-src *", evaluate=Known(img=weak))
    assert ("img-any-host" in {each.result for each in found}) is is_told


def test_a_judgement_shows_the_directive_and_the_better_text() -> None:
    weak = replace(BASE, fix="script-src 'self'; base-uri 'none'")
    [found] = [
        each
        for each in csp_tests("script-src 'self'; base-uri *", evaluate=Known(base=weak))
        if each.result == "base-uri-any-host"
    ]
    assert (found.header, found.value) == (CSP, "base-uri *")
    assert found.fix == "Write base-uri 'none'"
    assert found.message.endswith(".")


# Each row: policy, the better text, how the change is said.
CHANGES = [
    ("script-src 'self' https: data:", "script-src 'self' data:", "Leave out https: in script-src"),
    ("script-src *", "script-src *; form-action 'self'", "Add form-action 'self'"),
    ("script-src *; style-src *", "script-src 'none'", "Leave out style-src, and write script-src 'none'"),
    ("script-src *", "script-src", "Write script-src"),
    ("script-src *", "", "mend it"),
    ("script-src *", "script-src *", "mend it"),
]


@pytest.mark.parametrize(("policy", "better", "said"), CHANGES)
def test_the_change_is_said_without_all_the_rest(policy: str, better: str, said: str) -> None:
    evaluate = Known(src=weakness("script-any-host", "script-src", "*", fix=better))
    assert said in {each.fix for each in csp_tests(policy, evaluate=evaluate)}


def test_a_policy_full_of_holes_costs_no_more_than_none() -> None:
    weak = Known(s=INLINE, b=BASE, f=FORMS, o=weakness("object-any-source", "object-src", "*"))
    holes = sum(each.points for each in csp_tests("script-src 'unsafe-inline'; base-uri *", evaluate=weak))
    assert holes == sum(each.points for each in csp_tests()) == 30


# Each row: policy, result.
TRUSTED_TYPES = [
    ("require-trusted-types-for 'script'", ["required"]),
    ("require-trusted-types-for 'script'; trusted-types shop", ["required"]),
    ("require-trusted-types-for 'script'; trusted-types *", ["any-policy"]),
    ("require-trusted-types-for script", ["misspelt"]),
    ("trusted-types *", []),
]


@pytest.mark.parametrize(("policy", "expected"), TRUSTED_TYPES)
def test_trusted_types(policy: str, expected: list[str]) -> None:
    assert results("trusted-types", {CSP: f"script-src 'self'; {policy}"}) == expected


def test_data_needs_no_policy() -> None:
    assert results("csp-scripts", {"Content-Type": "application/json"}) == []
