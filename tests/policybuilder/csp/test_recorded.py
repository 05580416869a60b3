"""Tests with reports of real browsers: each was sent because its policy blocks what it names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from policybuilder.csp import (
    Browser,
    SampleExtent,
    Verdict,
    Violation,
    canonical,
    decide,
    parse_serialized_policy,
    question_of,
)

# Chromium 156 and Firefox ESR 153 on one page of Debian 12, November 2026; queries and reporting directives cut off.
RECORDED = json.loads((Path(__file__).parents[2] / "data" / "matching" / "reports.json").read_text())
POLICIES: list[str] = RECORDED["policies"]
REPORTS: list[dict[str, Any]] = RECORDED["reports"]


def violation_of(report: dict[str, Any]) -> Violation:
    extent = SampleExtent.PREFIX if report["sample"] else SampleExtent.NONE
    if report["effective_directive"] == "trusted-types":
        extent = SampleExtent.WHOLE
    return Violation(
        document_uri=report["document_uri"],
        effective_directive=report["effective_directive"],
        blocked_uri=report["blocked_uri"],
        original_policy=POLICIES[report["original_policy"]],
        sample=report["sample"],
        sample_extent=extent,
    )


def named(report: dict[str, Any]) -> str:
    return " ".join((report["browser"], report["effective_directive"], report["blocked_uri"]))


@pytest.mark.parametrize("report", REPORTS, ids=named)
def test_a_browser_reports_what_its_policy_blocks(report: dict[str, Any]) -> None:
    """Only what reports never tell, such as a nonce, may make the answer less than `block`."""
    violation = violation_of(report)
    policy, question = parse_serialized_policy(violation.original_policy), question_of(violation)
    was_redirected = violation.blocked_uri.endswith("/redir")
    assert (question.via == violation.blocked_uri) is was_redirected
    expected = Verdict.UNKNOWN if was_redirected else Verdict.BLOCK
    browser = Browser(report["browser"].split()[0])
    known = question._replace(nonce="", integrity="", parser_inserted=True, browser=browser)
    assert decide(policy, known).verdict is expected


def test_both_browsers_spelling_of_one_policy_is_one_canonical_policy() -> None:
    """Firefox writes a policy anew, and puts `'none'` into lists without a source."""
    first, second, _framing = POLICIES
    assert first != second
    assert canonical(parse_serialized_policy(first)) == canonical(parse_serialized_policy(second))
