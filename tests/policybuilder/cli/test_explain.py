"""`cspbuild explain`: one report, for people and for scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from policybuilder.deciding import Answer
from policybuilder.decisions import DecisionAction
from policybuilder.store.decisions import add_decision
from tests.policybuilder.cli.conftest import Cspbuild
from tests.policybuilder.cli.test_hostile_text import SAMPLES
from tests.support.evidence import SEEN_AT

MEMBERS = {
    "document-uri": "https://shop.example/cart",
    "effective-directive": "img-src",
    "original-policy": "default-src 'self'; img-src 'self' https://img.example/a/; report-uri /csp",
    "disposition": "report",
    "blocked-uri": "https://img.example/b.png",
}
REPORT = json.dumps({"csp-report": MEMBERS})
ENVELOPE = {
    "type": "csp-violation",
    "url": "https://shop.example/cart",
    "age": 5,
    "body": {
        "documentURL": "https://shop.example/cart",
        "effectiveDirective": "script-src-elem",
        "originalPolicy": "script-src 'self' 'report-sample'; report-to x",
        "blockedURL": "inline",
        "sample": "go()",
        "disposition": "enforce",
    },
}


def document(cspbuild: Cspbuild, *arguments: str, text: str = "") -> dict[str, Any]:
    ran = cspbuild("explain", *arguments, "--format", "json", text=text)
    assert (ran.code, ran.err) == (0, "")
    found: dict[str, Any] = ran.json()
    assert found["schema"] == "explain/1"
    return found


def test_scripts_get_the_promised_keys(cspbuild: Cspbuild) -> None:
    found = document(cspbuild, REPORT)
    assert (found["cause"], found["class"], found["rule"]) == ("real", "genuine", "no-noise-rule")
    step, change = found["step"], found["change"]
    assert (step["directive"], step["fallbacks"]) == ("img-src", ["img-src", "default-src"])
    assert [(each["source"], each["verdict"], each["misses"]) for each in step["sources"]] == [
        ("'self'", "block", "host"),
        ("https://img.example/a/", "block", "path"),
    ]
    assert step["sources"][1]["specification"] == "https://w3c.github.io/webappsec-csp/#match-paths"
    assert (change["directive"], change["source"], change["relation"]) == ("img-src", "https://img.example", "looser")
    assert change["policy"] == (
        "default-src 'self'; img-src 'self' https://img.example/a/ https://img.example; report-uri /csp"
    )
    assert [each["kind"] for each in change["changes"]] == ["widened"]
    assert found["advice"]["allow"] == "yes"
    assert "reports" not in found


def test_what_is_proposed_is_what_the_engine_allows(cspbuild: Cspbuild) -> None:
    """The commands agree: what `explain` says would allow it, `match` allows."""
    change = document(cspbuild, REPORT)["change"]
    asked = ("--page", MEMBERS["document-uri"], "--directive", "img-src", "--blocked", MEMBERS["blocked-uri"])
    assert cspbuild("match", "--policy", MEMBERS["original-policy"], *asked).code == 1
    assert cspbuild("match", "--policy", change["policy"], *asked).code == 0


def test_people_read_why_each_source_does_not_match(cspbuild: Cspbuild) -> None:
    ran = cspbuild("explain", REPORT, COLUMNS="120")
    assert ran.code == 0
    assert "real: path mismatch: https://img.example/a/ is listed, but the path /b.png is not below /a/" in ran.out
    assert "img-src governs (looked for: img-src → default-src), and blocks it" in ran.out
    assert "#match-paths" in ran.out
    assert "What would allow it: add https://img.example to img-src." in ran.out
    assert "Allow it? Yes, if you know the host" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 120


@pytest.mark.parametrize("argument", ["text", "file", "standard input"])
def test_a_report_is_text_a_file_or_standard_input(cspbuild: Cspbuild, tmp_path: Path, argument: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(REPORT)
    given, text = {"text": (REPORT, ""), "file": (f"@{path}", ""), "standard input": ("-", REPORT)}[argument]
    assert document(cspbuild, given, text=text)["cause"] == "real"


def test_both_formats_are_read_and_a_batch_has_all_of_its_reports(cspbuild: Cspbuild) -> None:
    found = document(cspbuild, json.dumps([ENVELOPE, {"type": "deprecation", "body": {}}, {"csp-report": MEMBERS}]))
    assert [each["cause"] for each in found["reports"]] == ["real", "no-violation", "real"]
    assert found["left_out"] == 0
    first = found["reports"][0]
    assert {key: found[key] for key in first} == first
    assert first["change"]["sources"] == ["'sha256-5KYv+PUboo5h+0+YAtGRPbwv5d/QxzHslP4YGnUaxRw='"]


def test_a_long_batch_says_how_much_is_left_out(cspbuild: Cspbuild) -> None:
    text = json.dumps([{"csp-report": {"x": 1}}] * 130)
    assert document(cspbuild, text)["left_out"] == 30
    assert "30 reports more in it" in cspbuild("explain", text).err


def test_a_recorded_post_is_read_as_import_reads_it(cspbuild: Cspbuild) -> None:
    headers = [["User-Agent", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"]]
    recorded = {"method": "POST", "headers": headers, "body": REPORT, "time": "2026-11-23T12:00:00+00:00"}
    assert document(cspbuild, json.dumps(recorded))["cause"] == "bot"
    assert document(cspbuild, REPORT, "--user-agent", "Googlebot/2.1")["cause"] == "bot"


def test_a_broken_body_in_a_recorded_post_is_explained(cspbuild: Cspbuild) -> None:
    found = document(cspbuild, json.dumps({"method": "POST", "body": '{"csp-report": '}))
    assert (found["cause"], found["rule"], found["why"]) == ("malformed", "malformed-json", "the body is not JSON")


# (what is given, its reason)
MALFORMED = [
    ("{}", "not-a-report"),
    ("[]", "empty-report"),
    ("17", "not-a-report"),
    ('{"csp-report": {}}', "empty-report"),
    ('{"csp-report": {"document-uri": "https://a.example/"}}', "missing-directive"),
    ('{"csp-report": {"effective-directive": "img-src"}}', "missing-document"),
    ('{"csp-report": {"effective-directive": "\\u0000", "document-uri": "https://a.example/"}}', "malformed-value"),
]


@pytest.mark.parametrize(("text", "rule"), MALFORMED)
def test_a_report_that_no_browser_sends_is_explained(cspbuild: Cspbuild, text: str, rule: str) -> None:
    found = document(cspbuild, text)
    assert (found["cause"], found["class"], found["rule"]) == ("malformed", "malformed", rule)
    assert found["change"] is None
    assert found["advice"]["allow"] == "no"


# (arguments, words of the one line)
UNREADABLE = [
    (("not json",), "that is no JSON (line 1, column 1)"),
    (("",), "there is nothing to explain"),
    (("@absent.json",), "cannot read absent.json: No such file or directory"),
    (("csp.toml",), "did you mean @csp.toml?"),
    ((f"{REPORT}\n{REPORT}",), "more than one report"),
    (("[" * 200_000,), "nested deeper than any report"),
    (("@\0",), "cannot read \\x00"),
    (('{"method": "OPTIONS"}',), "a preflight"),
    (('{"method": "POST", "body": 7}',), "neither text nor JSON objects"),
    ((" " * (1024 * 1024 + 1),), "more than 1 MiB"),
    ((REPORT, "--site", "shop"), "pass --database URL, too"),
    ((REPORT, "--database", "sqlite:///absent.db"), "absent.db"),
    ((REPORT, "--rules", "absent.toml"), "absent.toml"),
]


@pytest.mark.parametrize(("arguments", "words"), UNREADABLE, ids=[words for _, words in UNREADABLE])
def test_what_nobody_can_read_is_one_line_and_exit_2(
    cspbuild: Cspbuild, arguments: tuple[str, ...], words: str
) -> None:
    Path("csp.toml").touch()
    ran = cspbuild("explain", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert words in ran.err


def test_no_database_is_opened_unasked(cspbuild: Cspbuild) -> None:
    assert cspbuild("explain", REPORT, CSP_DATABASE_URL="sqlite:///absent.db").code == 0
    assert not Path("absent.db").exists()


@pytest.mark.usefixtures("database")
def test_with_a_database_the_site_s_hosts_decisions_and_deployments_count(cspbuild: Cspbuild) -> None:
    known = ("--database", "sqlite:///data/csp.db", "--site", "shop")
    copy = json.dumps({"csp-report": {**MEMBERS, "document-uri": "https://copy.example/cart"}})
    assert document(cspbuild, copy, *known)["cause"] == "foreign-host"
    assert document(cspbuild, REPORT, *known)["cause"] == "real"
    assert cspbuild("decide", "reject", "img.example", "--site", "shop").code == 0
    rejected = document(cspbuild, REPORT, *known)
    assert (rejected["decision"], rejected["advice"]["allow"]) == ("reject", "no")
    for policy in (MEMBERS["original-policy"], "default-src 'self'"):
        assert cspbuild("deploy", "record", "--policy", policy, "--stage", "report-only", "--site", "shop").code == 0
    assert document(cspbuild, REPORT, *known)["cause"] == "superseded"


def test_decisions_count_by_who_had_it_loaded_and_until_they_end(cspbuild: Cspbuild, evidence: Engine) -> None:
    known = ("--database", str(evidence.url), "--site", "shop")
    loaded = json.dumps({"csp-report": {**MEMBERS, "source-file": "https://tag.example/t.js"}})
    add_decision(
        evidence, "shop", Answer(action=DecisionAction.IGNORE, subject="img.example"), until=SEEN_AT, now=SEEN_AT
    )
    assert document(cspbuild, loaded, *known)["decision"] is None
    assert cspbuild("decide", "reject", "--loaded-by", "tag.example", "--site", "shop").code == 0
    assert document(cspbuild, loaded, *known)["decision"] == "reject"
    assert document(cspbuild, REPORT, *known)["decision"] is None


def test_with_a_database_what_was_recorded_alike_is_shown(cspbuild: Cspbuild, evidence: Engine) -> None:
    alike = {**MEMBERS, "blocked-uri": "https://img.example/a.png"}
    known = ("--database", str(evidence.url), "--site", "shop")
    found = document(cspbuild, json.dumps({"csp-report": alike}), *known)
    assert found["recorded"]["reports"] == 2
    assert "2 reports, last 2026-11-20" in cspbuild("explain", json.dumps({"csp-report": alike}), *known).out


@pytest.mark.usefixtures("database")
def test_an_unknown_site_is_one_line(cspbuild: Cspbuild) -> None:
    ran = cspbuild("explain", REPORT, "--database", "sqlite:///data/csp.db", "--site", "nowhere")
    assert ran.code == 2
    assert "nowhere" in ran.err


@pytest.mark.parametrize(
    "member", ["document-uri", "blocked-uri", "effective-directive", "original-policy", "source-file"]
)
@pytest.mark.parametrize("output_format", ["text", "json"])
def test_no_report_s_text_acts_in_a_terminal(cspbuild: Cspbuild, member: str, output_format: str) -> None:
    batch = [{**MEMBERS, "script-sample": sample, member: f"{MEMBERS.get(member, '')}{sample}"} for sample in SAMPLES]
    text = json.dumps([{"csp-report": members} for members in batch])
    ran = cspbuild("explain", text, "--format", output_format)
    assert ran.code == 0
    assert {character for character in ran.out + ran.err if not character.isprintable()} - {"\n"} == set()
