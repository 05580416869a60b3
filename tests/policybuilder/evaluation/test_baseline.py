"""Tests of baselines: what was known before is known again, wherever it moved."""

from __future__ import annotations

import json

import pytest

from policybuilder.documents.evaluation import Evaluated, evaluation_document, evaluation_sarif
from policybuilder.evaluation.baseline import compare, fingerprint_of, read_baseline
from policybuilder.evaluation.evaluating import evaluate
from policybuilder.rendering.sarif import SarifArtifact

OLD = "script-src 'unsafe-inline' 'unsafe-eval'; img-src *"


def baseline(text: str, *, sarif: bool = False) -> tuple[str, ...]:
    findings = [Evaluated(weakness=weakness) for weakness in evaluate(text)]
    document = (
        evaluation_sarif(findings, SarifArtifact(text=text), "1")
        if sarif
        else {"schema": "evaluate/1", **evaluation_document(findings)}
    )
    return read_baseline(json.dumps(document))


@pytest.mark.parametrize("sarif", [False, True])
def test_what_moved_is_known(sarif: bool) -> None:  # noqa: FBT001  (a table)
    moved = f"upgrade-insecure-requests;   img-src   *; {OLD.partition(';')[0]}"
    comparison = compare(evaluate(moved), baseline(OLD, sarif=sarif))
    assert not any(comparison.is_new)
    assert comparison.resolved == 0


@pytest.mark.parametrize("sarif", [False, True])
def test_what_was_not_there_is_new_and_what_is_gone_is_resolved(sarif: bool) -> None:  # noqa: FBT001  (the same)
    found = evaluate("script-src 'unsafe-inline' data:; img-src *")
    comparison = compare(found, baseline(OLD, sarif=sarif))
    assert {each.code for each, is_new in zip(found, comparison.is_new, strict=True) if is_new} == {"script-data"}
    assert comparison.resolved == 1


def test_a_nonce_is_known_whatever_it_is() -> None:
    assert not any(compare(evaluate("script-src 'nonce-one'"), baseline("script-src 'nonce-two'")).is_new)


def test_of_several_alike_those_beyond_their_number_are_new() -> None:
    twice, thrice = ("; ".join(["img-src 'self'"] * number) for number in (2, 3))
    found = evaluate(thrice)
    new = [each.code for each, is_new in zip(found, compare(found, baseline(twice)).is_new, strict=True) if is_new]
    assert new == ["duplicate-directive"]


def test_results_that_were_absent_already_are_not_known() -> None:
    (first, *_) = evaluate(OLD)
    result = {"partialFingerprints": {"cspWeakness/v1": fingerprint_of(first)}, "baselineState": "absent"}
    assert read_baseline(json.dumps({"runs": [{"results": [result]}, {}]})) == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", "neither findings nor runs"),
        ("[]", "neither findings nor runs"),
        ('{"schema": "parse/1", "findings": []}', "'parse/1', not an output of evaluate"),
        ('{"schema": "evaluate/1", "findings": [1]}', "finding 1 has no code"),
        ('{"schema": "evaluate/1", "findings": [{"code": "x", "directive": 1}]}', "finding 1 has no code"),
        ('{"runs": [{"results": [{"ruleId": "x"}]}]}', "no fingerprint"),
    ],
)
def test_a_file_of_another_kind_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_baseline(text)
