"""Tests of `cspbuild evaluate --compat csp-evaluator`."""

from __future__ import annotations

import json

import pytest

from policybuilder.evaluation.csp_evaluator import evaluate_as_peer
from tests.policybuilder.cli.conftest import Cspbuild

COMPAT = ("--compat", "csp-evaluator")


def test_scripts_get_the_peers_names_and_the_differences(cspbuild: Cspbuild) -> None:
    policy = "script-src *:443 'report-sha256'; object-src 'none'"
    ran = cspbuild("evaluate", policy, *COMPAT, "--format", "json")
    document = ran.json()
    assert (ran.code, ran.err, document["schema"], document["worst"]) == (0, "", "evaluate/1", "HIGH")
    assert [(each["code"], each["severity"]) for each in document["findings"]] == [
        ("PLAIN_WILDCARD", "HIGH"),
        ("STRICT_DYNAMIC", "STRICT_CSP"),
        ("REQUIRE_TRUSTED_TYPES_FOR_SCRIPTS", "INFO"),
    ]
    assert [(each["defect"], each["said_by"]) for each in document["intended_differences"]] == [
        (1, "csp_evaluator"),
        (4, "cspbuild"),
    ]


def test_people_read_what_is_found_what_differs_and_what_is_not_judged(cspbuild: Cspbuild) -> None:
    out = cspbuild("evaluate", "script-src *:443; img-src [::1]:foo", *COMPAT).out
    assert out.startswith("5 findings as csp-evaluator has them")
    for line in ("PLAIN_WILDCARD", "Where we mean to differ", "[::1]:foo in", "What csp-evaluator does not judge"):
        assert line in out


# The policy, the level that fails, and the exit code.
GATES = [
    ("script-src *; object-src 'none'", "high", 1),
    ("script-src 'slef'; object-src 'none'", "high", 0),
    ("script-src 'slef'; object-src 'none'", "medium", 1),
    ("script-src 'self'; object-src 'none'", "medium", 0),
    ("script-src 'self'; object-src 'none'", "low", 1),
    ("default-src 'none'", "low", 0),
    ("default-src 'none'", "info", 1),
    ("default-src 'none'; require-trusted-types-for 'script'", "info", 0),
    ("", "info", 0),
    (" ,;", "info", 0),
]


@pytest.mark.parametrize(("policy", "level", "code"), GATES)
def test_the_gate_reads_the_peers_severities(cspbuild: Cspbuild, policy: str, level: str, code: int) -> None:
    assert cspbuild("evaluate", policy, *COMPAT, "--fail-on", level, "--format", "json").code == code


def test_a_batch_is_answered_line_by_line(cspbuild: Cspbuild) -> None:
    policies = ["default-src *", "", "script-src 'none', object-src 'none'"]
    out = cspbuild("evaluate", "--batch", "-", *COMPAT, text="\n".join(policies) + "\n").out
    assert [json.loads(line) for line in out.splitlines()] == [
        {"schema": "evaluate/1", **evaluate_as_peer(policy).document()} for policy in policies
    ]


def test_what_strangers_wrote_is_shown_and_not_obeyed(cspbuild: Cspbuild) -> None:
    hostile = "script-src 'self' \x1b[31m\u202e[bold]x[/bold] 'nonce-\x07'; \x1b]0;x x; \x1b]0;x y"
    for text in (hostile, hostile + " z.example" * 200, "img-src " + "\x1b" * 100_000):
        ran = cspbuild("evaluate", text, *COMPAT)
        assert ran.code == 0
        assert not set(ran.out) & {"\x1b", "\u202e", "\x07"}
    assert "[bold]" in cspbuild("evaluate", hostile, *COMPAT).out


def test_thousands_of_findings_are_cut_for_people(cspbuild: Cspbuild) -> None:
    out = cspbuild("evaluate", "script-src " + " ".join(f"h{number}.example" for number in range(2_000)), *COMPAT).out
    assert "1,963 findings more: --format json has them all" in out
    assert len(out.splitlines()) < 400
