"""The README's table beside csp-toolkit is what both tools answer today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from policybuilder.csp import Verdict, match, parse_serialized_policy_list
from tests.comparison import bodies
from tests.comparison.bodies import ORIGIN, RECORDINGS, Browser, Load
from tests.comparison.comparing import compare
from tests.comparison.inputs import INPUTS, STRICT, Input
from tests.comparison.judging import DANGERS, judge
from tests.comparison.table import README, RESULTS, markdown, readme_section, recorded
from tests.comparison.tools import OURS, PEER, Answer, peer_version

RECORDED_VERSION = json.loads(RESULTS.read_text(encoding="utf-8"))["csp_toolkit"]
ALWAYS_ASKED = frozenset({"honest", "forged-massively", "inline", "noise", "silence"})
"""Each takes some seconds; `make soak` asks all."""

ANEW = "run: make compare ARGS=--update"


def test_the_readme_shows_what_was_recorded() -> None:
    assert readme_section() == markdown(recorded()), ANEW
    assert f"csp-toolkit](https://pypi.org/project/csp-toolkit/) {RECORDED_VERSION}" in README.read_text(
        encoding="utf-8"
    )


def test_every_input_was_recorded_with_both_tools() -> None:
    assert [(row.input, row.tool) for row in recorded()] == [
        (given.name, tool) for given in INPUTS for tool in (OURS, PEER)
    ]


@pytest.mark.skipif(
    peer_version() != RECORDED_VERSION,
    reason=f"csp-toolkit {RECORDED_VERSION} is not installed; make setup installs it",
)
@pytest.mark.parametrize(
    "given",
    [pytest.param(given, marks=[] if given.name in ALWAYS_ASKED else pytest.mark.soak) for given in INPUTS],
    ids=lambda given: given.name,
)
def test_both_tools_answer_as_recorded(given: Input, tmp_path: Path) -> None:
    expected = [row for row in recorded() if row.input == given.name]
    assert list(compare(given, tmp_path)) == expected, ANEW


@pytest.mark.parametrize("name", ["forged-once", "forged-often", "forged-widely", "claimed"])
def test_what_is_forged_changes_no_byte_of_ours(name: str) -> None:
    policies = {row.input: row.policy for row in recorded() if row.tool == OURS}
    assert policies[name] == policies["honest"]


def test_ours_says_of_all_that_was_reported_what_it_leaves_out() -> None:
    assert [row.input for row in recorded() if row.tool == OURS and row.breaks_untold] == []


# (policy, what it lets in)
JUDGED_CASES = [
    ("", "scripts of anywhere.example"),
    ("script-src 'unsafe-inline'", "inline scripts"),
    ("script-src 'unsafe-inline'", "inline handlers"),
    ("script-src 'unsafe-eval'", "`eval`"),
    ("script-src data:", "`data:` scripts"),
    ("script-src 'none'; worker-src blob:", "`blob:` workers"),
    ("script-src https:", "scripts of anywhere.example"),
    ("img-src https://*.pixhost.example", "pictures of unheard-of.pixhost.example"),
]


@pytest.mark.parametrize(("policy", "danger"), JUDGED_CASES)
def test_a_loose_policy_is_seen_to_be_loose(policy: str, danger: str, tmp_path: Path) -> None:
    honest = INPUTS[0]
    strict = judge(honest, OURS, Answer(STRICT), tmp_path)
    assert strict.admits == []
    assert len(strict.breaks) == len(strict.breaks_untold) == len(honest.needs)
    assert danger in judge(honest, OURS, Answer(policy), tmp_path).admits


def test_what_is_told_is_not_held_against_the_tool(tmp_path: Path) -> None:
    told = [("script-src", "https://cdn.shopstatic.example"), ("form-action", f"{ORIGIN}/order")]
    row = judge(INPUTS[0], PEER, Answer(STRICT, told), tmp_path)
    assert "scripts of cdn.shopstatic.example" in row.breaks
    assert set(row.breaks) - set(row.breaks_untold) == {"scripts of cdn.shopstatic.example", "forms of shop.example"}


@pytest.mark.parametrize("given", INPUTS, ids=lambda given: given.name)
def test_everything_that_is_posted_was_blocked_by_the_policy_it_names(given: Input) -> None:
    """Reports as browsers could have sent them: not one of a load that its own policy allows."""
    policies = parse_serialized_policy_list(given.policy)
    posted = b"".join(post.body for post in (*given.own(), *given.public()))
    reported = [load for load in given.needs if "://" in load.url and f'"{load.reported_url}"'.encode() in posted]
    assert reported
    for load in reported:
        decision = match(policies, page=load.document, directive=load.directive, blocked=load.url)
        assert decision.verdict == Verdict.BLOCK, load


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
def test_a_recorded_report_written_anew_is_the_same(browser: Browser) -> None:
    """But for the referrer, which the made-up visits have none of."""
    anew = 0
    for line in (RECORDINGS / f"{browser}.jsonl").read_text(encoding="utf-8").splitlines():
        post = json.loads(line)
        if not post["run"].endswith("/strict-uri") or not post["body"].startswith('{"csp-report"'):
            continue
        report = json.loads(post["body"])["csp-report"]
        load = Load(
            directive=report["effective-directive"],
            url=report["blocked-uri"],
            page=report["document-uri"],
            sample=report.get("script-sample", ""),
            source_file=report.get("source-file", ""),
        )
        written = json.loads(bodies.report_uri_body(browser, load, report["original-policy"]))["csp-report"]
        unknown = {"line-number", "column-number", "source-file", "referrer", "status-code", "script-sample"}
        assert {name: value for name, value in written.items() if name not in unknown} == {
            name: value for name, value in report.items() if name not in unknown
        }
        anew += 1
    assert anew > 20


def test_the_inputs_are_the_same_each_time() -> None:
    for given in INPUTS[5:]:
        assert list(given.public()) == list(given.public())


def test_every_danger_has_a_name_of_its_own() -> None:
    assert len(set(DANGERS)) == len(DANGERS)
