"""`cspbuild decide`: answers are kept, shown, taken back, and belong to one site."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from policybuilder.deciding import Answer
from policybuilder.decisions import DecisionAction
from policybuilder.evidence import EvidenceClass
from policybuilder.store.decisions import add_decision
from policybuilder.store.reading import read_groups, snapshot
from policybuilder.times import Window
from tests.policybuilder.cli.conftest import Cspbuild
from tests.support.evidence import SEEN_AT


def decide(cspbuild: Cspbuild, *arguments: str, site: str = "shop") -> list[dict[str, Any]]:
    ran = cspbuild("decide", *arguments, "--site", site, "--format", "json")
    assert ran.code == 0, ran.err
    document = json.loads(ran.out)
    assert document["schema"] == "decide/1"
    decisions: list[dict[str, Any]] = document["decisions"]
    return decisions


def fingerprint_of(engine: Engine, blocked: str) -> str:
    with snapshot(engine) as connection:
        groups = read_groups(connection, "shop", Window(None, SEEN_AT + timedelta(days=1)))
    return next(group.fingerprint for group in groups if group.blocked == blocked)


@pytest.mark.usefixtures("evidence")
def test_answers_are_numbered_kept_and_taken_back(cspbuild: Cspbuild) -> None:
    (allowed,) = decide(cspbuild, "allow", "https://cdn.example", "--directive", "Script-Src", "--note", "our CDN")
    (rejected,) = decide(cspbuild, "reject", "https://evil.example/*")
    (ignored,) = decide(cspbuild, "ignore", "data:", "--directive", "font-src")
    assert [(each["number"], each["action"], each["directive"]) for each in (allowed, rejected, ignored)] == [
        (1, "allow", "script-src"),
        (2, "reject", None),
        (3, "ignore", "font-src"),
    ]
    assert (allowed["subject"], allowed["note"], allowed["class"]) == ("https://cdn.example", "our CDN", None)
    assert decide(cspbuild, "list") == [allowed, rejected, ignored]
    assert decide(cspbuild, "list", site="default") == []
    (undone,) = decide(cspbuild, "undo", "2")
    assert undone["undone_at"] is not None
    assert decide(cspbuild, "list") == [allowed, ignored]
    assert decide(cspbuild, "list", "--all") == [allowed, undone, ignored]


def test_a_group_is_named_by_the_beginning_of_its_fingerprint(cspbuild: Cspbuild, evidence: Engine) -> None:
    fingerprint = fingerprint_of(evidence, "https://evil.example/a.js")
    (decided,) = decide(cspbuild, "class", fingerprint[:8], "attack-like")
    assert (decided["subject"], decided["class"]) == (fingerprint, "attack-like")


@pytest.mark.usefixtures("evidence")
def test_a_nonce_that_is_made_for_each_response_can_be_allowed(cspbuild: Cspbuild) -> None:
    decide(cspbuild, "allow", "'nonce-{NONCE}'", "--directive", "script-src")
    suggested = cspbuild("suggest", "--site", "shop", "--format", "json").json()
    assert suggested["needs_nonce"] is True
    assert "'nonce-{NONCE}'" in suggested["policy"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["allow", "two words", "--directive", "img-src"], "is no source expression; write"),
        (["allow", "'nonce-r4nd0m'", "--directive", "script-src"], "a fixed nonce protects nothing"),
        (
            ["allow", "'NONCE-r4nd0m'", "--directive", "style-src"],
            "write 'nonce-{NONCE}' for one that is made for each",
        ),
        (["allow", "data:", "--directive", "sandbox"], "is no directive with a source list; there are base-uri"),
        (
            ["allow", "'unsafe-inline'", "--directive", "script-src-attr"],
            "let in all inline code; say --directive",
        ),
        (["allow", "data:", "--directive", "default-src"], "stands in for others"),
        (["allow", "data:"], "Missing option '--directive'"),
        (["reject", " "], "the pattern is empty"),
        (["reject", "a\nb"], "control characters"),
        (["reject", "a", "--note", "x" * 1001], "the note has 1001 characters"),
        (["class", "abc", "genuine"], "too short to name a group"),
        (["class", "abcdef", "genuine"], "no group 'abcdef' in 'shop'; see"),
        (["class", "abcdef", "superseded"], "is not one of"),
        (["allow"], "give EXPRESSION or --loaded-by; see"),
        (["allow", "data:", "--loaded-by", "tag.example"], "give EXPRESSION or --loaded-by, not both; see"),
        (["allow", "--loaded-by", "*.tag.example"], "is no origin to trust; write https://"),
        (["allow", "--loaded-by", "tag.example", "--directive", "default-src"], "stands in for others; leave"),
        (["reject"], "give PATTERN or --loaded-by; see"),
        (["ignore", "a", "--loaded-by", "b"], "give PATTERN or --loaded-by, not both; see"),
        (["reject", "--loaded-by", "https://tag.example/*"], "is no origin or host; write https://"),
        (["reject", "a", "--until", "2020-01-31"], "--until '2020-01-31' is over; write a day"),
        (["allow", "data:", "--directive", "img-src", "--until", "7d"], "--until '7d' is no time; write 2026"),
        (["class", "abcdef", "bot", "--until", "soon"], "--until 'soon' is no time; write"),
        (["undo", "7"], "no decision 7 of 'shop' stands; see"),
        (["list", "--site", "nowhere"], "no site 'nowhere'"),
    ],
)
@pytest.mark.usefixtures("evidence")
def test_what_cannot_be_decided_says_why(cspbuild: Cspbuild, arguments: list[str], says: str) -> None:
    ran = cspbuild("decide", *arguments[:1], "--site", "shop", *arguments[1:])
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err


@pytest.mark.usefixtures("evidence")
def test_an_answer_may_be_about_all_that_an_initiator_loads(cspbuild: Cspbuild) -> None:
    (trusted,) = decide(cspbuild, "allow", "--loaded-by", "Tag.example")
    (rejected,) = decide(cspbuild, "reject", "--loaded-by", "*.ads.example", "--directive", "frame-src")
    assert [(each["subject"], each["loaded_by"], each["directive"]) for each in (trusted, rejected)] == [
        (None, "https://tag.example", None),
        (None, "*.ads.example", "frame-src"),
    ]
    assert decide(cspbuild, "list") == [trusted, rejected]
    ran = cspbuild("decide", "list", "--site", "shop")
    assert "loaded by https://tag.example" in ran.out
    assert "loaded by *.ads.example" in ran.out


@pytest.mark.usefixtures("evidence")
def test_an_initiator_is_not_trusted_while_it_is_refused(cspbuild: Cspbuild) -> None:
    """The refusal would stand whichever is newer, and the trust would mean nothing without a word."""
    decide(cspbuild, "reject", "--loaded-by", "*.example")
    ran = cspbuild("decide", "allow", "--loaded-by", "tag.example", "--site", "shop")
    assert (ran.code, ran.out) == (2, "")
    assert "decision 1 is to reject what *.example loads; take it back first" in ran.err
    decide(cspbuild, "undo", "1")
    decide(cspbuild, "ignore", "--loaded-by", "tag.example", "--directive", "img-src")
    (trusted,) = decide(cspbuild, "allow", "--loaded-by", "tag.example")
    assert trusted["number"] == 3


def test_an_answer_ends_and_is_then_shown_as_expired(cspbuild: Cspbuild, evidence: Engine) -> None:
    add_decision(
        evidence,
        "shop",
        Answer(action=DecisionAction.REJECT, subject="evil.example"),
        until=SEEN_AT + timedelta(hours=1),
        now=SEEN_AT,
    )
    (ended,) = decide(cspbuild, "list")
    assert (ended["until"], ended["expired"]) == ("2026-11-20T11:30:00Z", True)
    (lasting,) = decide(cspbuild, "allow", "data:", "--directive", "img-src", "--until", "9999-01-31")
    assert (lasting["until"], lasting["expired"]) == ("9999-01-31T23:59:59Z", False)
    (for_ever,) = decide(cspbuild, "ignore", "blob:")
    assert (for_ever["until"], for_ever["expired"]) == (None, False)
    lines = cspbuild("decide", "list", "--site", "shop").out.splitlines()
    (row,) = [line for line in lines if "evil.example" in line]
    assert "reject, expired" in row
    assert row.rstrip().endswith("2026-11-20 11:30")
    (undone,) = decide(cspbuild, "undo", "1")
    assert undone["undone_at"] is not None


def test_an_expired_answer_is_obeyed_by_the_clock_it_is_asked_for(cspbuild: Cspbuild, evidence: Engine) -> None:
    """So that a suggestion of a day in the past is what it was on that day."""
    ends_at = SEEN_AT + timedelta(hours=1)
    add_decision(
        evidence, "shop", Answer(action=DecisionAction.REJECT, subject="img.example"), until=ends_at, now=SEEN_AT
    )
    add_decision(
        evidence,
        "shop",
        Answer(
            action=DecisionAction.CLASS,
            subject=fingerprint_of(evidence, "https://evil.example/a.js"),
            evidence_class=EvidenceClass.BOT,
        ),
        until=ends_at,
        now=SEEN_AT,
    )

    def asked(command: str, as_of: datetime, *arguments: str) -> dict[str, Any]:
        ran = cspbuild(
            *(command, *arguments, "--site", "shop", "--as-of", as_of.isoformat(), "--format", "json"),
        )
        answer: dict[str, Any] = json.loads(ran.out)
        return answer

    def rejected(as_of: datetime) -> list[str]:
        return [each["blocked"] for each in asked("suggest", as_of)["excluded"] if each["rule"] == "rejected"]

    def decided(as_of: datetime) -> set[str]:
        return {row["decision"] for row in asked("summary", as_of, "--noise")["rows"] if row["decision"]}

    def bots(as_of: datetime) -> int:
        policy = ("--policy", "default-src 'none'")
        return sum(row["class"] == "bot" for row in asked("replay", as_of, *policy)["rows"])

    after = ends_at + timedelta(milliseconds=1)
    assert (bool(rejected(ends_at)), decided(ends_at), bots(ends_at)) == (True, {"reject", "class"}, 1)
    assert (bool(rejected(after)), decided(after), bots(after)) == (False, set(), 0)


@pytest.mark.usefixtures("evidence")
def test_an_answer_undone_cannot_be_undone_again(cspbuild: Cspbuild) -> None:
    decide(cspbuild, "reject", "evil.example")
    decide(cspbuild, "undo", "1")
    assert cspbuild("decide", "undo", "1", "--site", "shop").code == 2


@pytest.mark.usefixtures("evidence")
def test_the_list_reads_well_and_empty_says_what_to_do(cspbuild: Cspbuild) -> None:
    assert "nothing is decided yet: see" in cspbuild("decide", "list", "--site", "shop").err
    decide(cspbuild, "reject", "evil.example", "--note", "\x1b[31mred\u202e")
    ran = cspbuild("decide", "list", "--site", "shop")
    assert "evil.example" in ran.out
    assert "any directive" in ran.out
    assert "\x1b" not in ran.out
    assert "\u202e" not in ran.out


@pytest.mark.parametrize("arguments", [("undo", "1"), ("class", "0123", "bot")])
def test_no_database_is_made_where_nothing_can_be_decided(cspbuild: Cspbuild, arguments: tuple[str, ...]) -> None:
    ran = cspbuild("decide", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "no database at data/csp.db; start the collector once" in ran.err
    assert not Path("data").exists()
