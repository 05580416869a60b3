"""`cspbuild decide`: answers are kept, shown, taken back, and belong to one site."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

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


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["allow", "two words", "--directive", "img-src"], "is no source expression; write"),
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
