"""The fourteen defects of csp_evaluator 1.1.8: each shown by running it, and what we say instead."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from policybuilder.csp import Delivery
from policybuilder.evaluation.csp_evaluator import DEFECTS, PeerEvaluation, Side, Treatment, evaluate_as_peer
from policybuilder.evaluation.evaluating import evaluate
from tests.peers import policies
from tests.peers.asking import HERE, PeerAnswer, ask_csp_evaluator, run_in_node

Said = set[tuple[str, str, str | None]]
"""Code, directive and value of each finding."""

# What the peer says of the first of each defect's policies and should not, or does not and should; what it has no
# findings for; and what our own evaluation says of the same policy.
WRONG: dict[int, Said] = {
    1: {("INVALID_KEYWORD", "script-src", "'report-sha256'")},
    2: {
        ("INVALID_KEYWORD", "default-src", "'none',"),
        ("MISSING_SEMICOLON", "default-src", "frame-ancestors"),
        ("STRICT_DYNAMIC", "default-src", None),
    },
}
LACKING: dict[int, Said] = {
    4: {("PLAIN_WILDCARD", "script-src", "*:443")},
    5: {("PLAIN_URL_SCHEMES", "script-src", "blob:"), ("PLAIN_URL_SCHEMES", "script-src", "filesystem:")},
    6: {
        ("INVALID_KEYWORD", "script-src", "'none'"),
        ("SCRIPT_ALLOWLIST_BYPASS", "script-src", "https://www.google.com"),
        ("SCRIPT_ALLOWLIST_BYPASS", "script-src", "'self'"),
    },
    9: {("INVALID_KEYWORD", "script-src", "'sha256-YWJj'")},
    10: {("PLAIN_WILDCARD", "trusted-types", "*")},
    13: {
        ("IP_SOURCE", "img-src", "[::1]:foo"),
        ("MISSING_DIRECTIVES", "object-src", None),
        ("REQUIRE_TRUSTED_TYPES_FOR_SCRIPTS", "require-trusted-types-for", None),
        ("SCRIPT_UNSAFE_INLINE", "script-src", "'unsafe-inline'"),
    },
}
PASSED_OVER: dict[int, set[tuple[str, str | None]]] = {
    3: {("script-src", None)},
    7: {("style-src", "'unsafe-inline'")},
    8: {("connect-src", "*"), ("img-src", "*"), ("form-action", "*"), ("frame-ancestors", None), ("base-uri", None)},
    11: {("script-src", None)},
}
OWN: dict[int, set[tuple[str, str | None, str | None]]] = {
    2: {("several-policies", None, None)},
    3: {("duplicate-directive", "script-src", None)},
    4: {("script-any-host", "script-src", "*:443")},
    5: {("script-blob", "script-src", "blob:"), ("script-blob", "script-src", "filesystem:")},
    6: {("none-ignored", "script-src", "'none'"), ("script-jsonp", "script-src", "https://www.google.com")},
    7: {("style-any-host", "style-src", "*"), ("style-unsafe-inline", "style-src", "'unsafe-inline'")},
    8: {
        ("base-uri-missing", "base-uri", None),
        ("exfiltration-any-host", "connect-src", "*"),
        ("exfiltration-any-host", "form-action", "*"),
        ("exfiltration-any-host", "img-src", "*"),
        ("frame-ancestors-missing", "frame-ancestors", None),
    },
    9: {("dead-hash", "script-src", "'sha256-YWJj'")},
    10: {("trusted-types-any-name", "trusted-types", "*")},
    11: {("eval-unrestricted", "script-src", None), ("worker-unrestricted", "worker-src", None)},
    13: {("invalid-source", "img-src", "[::1]:foo"), ("script-unsafe-inline", "script-src", "'unsafe-inline'")},
}


def example(defect: int) -> str:
    return policies.DEFECTS[defect][0]


@pytest.fixture(scope="module")
def answers() -> dict[str, PeerAnswer]:
    """The peer's answer to every policy that shows a defect, by the policy."""
    asked = [policy for shown in policies.DEFECTS.values() for policy in shown]
    return dict(zip(asked, ask_csp_evaluator(asked), strict=True))


def said(answer: PeerAnswer) -> Said:
    return {(code, directive, value) for code, _, directive, value in answer.findings or ()}


def found(evaluation: PeerEvaluation) -> Said:
    return {(each.code, each.directive, each.value) for each in evaluation.findings}


def named(evaluation: PeerEvaluation, side: Side) -> set[tuple[int, str, str, str | None]]:
    return {
        (each.defect, each.finding.code, each.finding.directive, each.finding.value)
        for each in evaluation.intended_differences
        if each.said_by is side
    }


def with_number(defect: int, findings: Iterable[tuple[str, str, str | None]]) -> set[tuple[int, str, str, str | None]]:
    return {(defect, *finding) for finding in findings}


@pytest.mark.parametrize("defect", WRONG)
def test_what_the_peer_wrongly_says_is_left_out_and_named(defect: int, answers: dict[str, PeerAnswer]) -> None:
    assert said(answers[example(defect)]) >= WRONG[defect]
    ours = evaluate_as_peer(example(defect))
    assert found(ours).isdisjoint(WRONG[defect])
    assert named(ours, Side.PEER) == with_number(defect, WRONG[defect])


@pytest.mark.parametrize("defect", LACKING)
def test_what_the_peer_does_not_say_is_added_and_named(defect: int, answers: dict[str, PeerAnswer]) -> None:
    assert said(answers[example(defect)]).isdisjoint(LACKING[defect])
    ours = evaluate_as_peer(example(defect))
    assert found(ours) >= LACKING[defect]
    assert named(ours, Side.OURS) == with_number(defect, LACKING[defect])


@pytest.mark.parametrize("defect", PASSED_OVER)
def test_what_the_peer_does_not_judge_is_listed_beside_its_findings(
    defect: int, answers: dict[str, PeerAnswer]
) -> None:
    answer = answers[example(defect)]
    ours = evaluate_as_peer(example(defect))
    assert found(ours) == said(answer)
    assert ours.intended_differences == ()
    assert {(each.directive, each.value) for each in ours.not_judged if each.defect == defect} == PASSED_OVER[defect]


@pytest.mark.parametrize("defect", OWN)
def test_our_own_evaluation_sees_all_of_it(defect: int) -> None:
    assert {(each.code, each.directive, each.value) for each in evaluate(example(defect))} >= OWN[defect]


def test_the_first_is_a_mistake_of_the_peer_alone() -> None:
    """What it takes for an invalid keyword and an unknown directive is valid."""
    for policy in policies.DEFECTS[1]:
        codes = {each.code for each in evaluate(policy)}
        assert codes.isdisjoint({"invalid-source", "unknown-directive"})


def test_of_the_third_the_peer_says_nothing(answers: dict[str, PeerAnswer]) -> None:
    policy = example(3)
    first_alone = policy.replace("script-src * 'unsafe-inline'; ", "")
    assert first_alone != policy
    assert answers[policy] == ask_csp_evaluator([first_alone])[0]


@pytest.mark.parametrize(("defect", "directives"), [(7, {"style-src"}), (8, {"connect-src", "img-src", "form-action"})])
def test_the_peer_has_no_finding_for_directives_that_it_does_not_judge(
    defect: int, directives: set[str], answers: dict[str, PeerAnswer]
) -> None:
    assert {directive for _, directive, _ in said(answers[example(defect)])}.isdisjoint(directives)


def test_of_the_eleventh_the_peer_calls_only_script_src_missing(answers: dict[str, PeerAnswer]) -> None:
    missing = ("MISSING_DIRECTIVES", "script-src", None)
    assert missing in said(answers[example(11)])
    whole_answer = ask_csp_evaluator(["object-src 'none'"])[0]
    assert missing in said(whole_answer), "the same as where nothing at all restricts scripts"
    (finding,) = (each for each in evaluate_as_peer(example(11)).findings if each.code == "MISSING_DIRECTIVES")
    assert "eval() and workers" in finding.message


def raw_findings(script: str, policy: str) -> Any:
    """What `script` makes of the peer's raw findings of `policy`, which are called `found`."""
    return run_in_node(
        "import { CspEvaluator } from 'csp_evaluator/dist/evaluator.js';"
        "import { CspParser } from 'csp_evaluator/dist/parser.js';"
        "const found = new CspEvaluator(new CspParser(process.argv[1]).csp).evaluate();"
        f"console.log(JSON.stringify({script}))",
        policy,
    )


def test_of_the_twelfth_the_peer_says_three_times_that_a_source_is_ignored() -> None:
    ignored = raw_findings("found.filter(({ type }) => type === 405).map(({ value }) => value)", example(12))
    assert ignored.count("https:") == 3
    assert all(each.code != "IGNORED" for each in evaluate_as_peer(example(12)).findings)
    assert len([each for each in evaluate(example(12)) if each.value == "https:"]) <= 1


def test_on_the_thirteenth_the_peer_throws_whatever_else_there_is(answers: dict[str, PeerAnswer]) -> None:
    for policy in policies.DEFECTS[13]:
        assert (answers[policy].findings, answers[policy].error) == (None, "Invalid URL")
        assert evaluate_as_peer(policy).findings


def test_of_the_fourteenth_the_peer_has_neither_place_nor_remedy_nor_command() -> None:
    assert set(raw_findings("found.flatMap(Object.keys)", "script-src 'unsafe-inline'")) == {
        *("type", "description", "severity", "directive", "value")
    }
    assert "bin" not in json.loads((HERE / "node_modules/csp_evaluator/package.json").read_text())
    for weakness in evaluate(example(6)):
        assert weakness.value in {None, example(6)[weakness.start : weakness.end]}
        assert weakness.fix or weakness.advice
    assert all(finding.fix for finding in evaluate_as_peer(example(6)).findings)


def test_of_the_fourteenth_the_peer_sees_no_more_than_one_header() -> None:
    """It takes a policy's text alone, where we are told how it is sent, and what was sent before."""
    framed = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    assert evaluate(framed) != evaluate(framed, delivery=Delivery.META)
    static = "script-src 'nonce-c3RhdGljIG5vbmNlIG9mIGEgc2l0ZQ=='; object-src 'none'; base-uri 'none'"
    assert raw_findings("found.filter(({ type }) => type === 316)", static) == []
    assert "nonce-repeated" in {each.code for each in evaluate(static, earlier=[f"{static}; img-src data:"])}


def test_each_defect_is_treated_and_tested() -> None:
    assert list(DEFECTS) == list(range(1, 15))
    treated = {
        Treatment.CORRECTED: WRONG.keys() | LACKING.keys(),
        Treatment.NOT_JUDGED: set(PASSED_OVER),
        Treatment.OTHERWISE: {12, 14},
    }
    assert {number: defect.treatment for number, defect in DEFECTS.items()} == {
        number: treatment for treatment, numbers in treated.items() for number in numbers
    }
    assert policies.DEFECTS.keys() == DEFECTS.keys() - {14}


def test_the_readme_names_them_all() -> None:
    rows = [f"| {number} | {defect.what} | {defect.instead} |" for number, defect in DEFECTS.items()]
    assert "\n".join(rows) in (HERE.parents[1] / "README.md").read_text(encoding="utf-8")
