"""Tests of replay: every recorded group put to a policy."""

from __future__ import annotations

from typing import Any

import pytest

from policybuilder.csp import (
    Policy,
    SampleExtent,
    Verdict,
    parse_serialized_policy,
    parse_serialized_policy_list,
)
from policybuilder.evidence import EvidenceClass
from policybuilder.replay import VerdictCounts, document_origins, replay, replay_group
from tests.support.evidence import ORIGIN, make_group


def policies(text: str) -> tuple[Policy, ...]:
    return parse_serialized_policy_list(text).policies


def test_genuine_groups_are_counted_apart_from_all_of_them() -> None:
    groups = [
        make_group("img-src", f"{ORIGIN}/a.png"),
        make_group("img-src", "https://img.example/a.png"),
        make_group("script-src-elem", "chrome-extension", evidence_class=EvidenceClass.EXTENSION),
        make_group("frame-src", "https://pay.example"),
    ]
    result = replay(groups, policies("default-src 'none'; img-src 'self'; frame-src https://pay.example/app/"))
    assert result.totals == VerdictCounts(allow=1, block=2, unknown=1)
    assert result.genuine == VerdictCounts(allow=1, block=1, unknown=1)


def test_what_needs_attention_stands_first() -> None:
    noise = make_group("img-src", "https://noise.example/a", evidence_class=EvidenceClass.BOT, reports=99)
    allowed = make_group("img-src", f"{ORIGIN}/a.png", reports=50)
    few, many = (make_group("img-src", f"https://{n}.example/a", reports=n) for n in (1, 7))
    unknown = make_group("frame-src", "https://pay.example")
    result = replay(
        [noise, allowed, few, unknown, many], policies("img-src 'self'; frame-src https://pay.example/app/")
    )
    assert [row.group for row in result.rows] == [many, few, unknown, allowed, noise]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("", Verdict.ALLOW),
        ("img-src 'self'", Verdict.ALLOW),
        ("img-src 'self', img-src https:", Verdict.ALLOW),
        ("img-src 'self', img-src 'none'", Verdict.BLOCK),
    ],
)
def test_all_policies_have_to_allow(text: str, verdict: Verdict) -> None:
    (row,) = replay([make_group("img-src", f"{ORIGIN}/a.png")], policies(text)).rows
    assert row.decision.verdict is verdict


def test_a_document_without_an_origin_is_on_the_sites_only_one() -> None:
    frame = make_group("img-src", f"{ORIGIN}/a.png", document_origin="about", pages=["about"])
    page = make_group("img-src", f"{ORIGIN}/b.png")
    elsewhere = make_group("img-src", "https://blog.example/b.png", document_origin="https://blog.example")
    rule = policies("img-src 'self'")
    verdicts = {row.group: row.decision.verdict for row in replay([frame, page], rule).rows}
    assert verdicts[frame] is Verdict.ALLOW
    verdicts = {row.group: row.decision.verdict for row in replay([frame, page, elsewhere], rule).rows}
    assert verdicts[frame] is Verdict.UNKNOWN


def test_only_genuine_documents_with_an_origin_are_the_sites() -> None:
    groups = [
        make_group(document_origin="https://b.example"),
        make_group(document_origin="https://a.example"),
        make_group(document_origin="https://a.example", blocked="data"),
        make_group(document_origin="about"),
        make_group(document_origin="https://evil.example", evidence_class=EvidenceClass.FOREIGN_HOST),
    ]
    assert document_origins(groups) == ("https://a.example", "https://b.example")


def test_without_groups_nothing_is_replayed() -> None:
    result = replay([], policies("default-src 'none'"))
    assert result.rows == ()
    assert result.totals == VerdictCounts()


DIGEST = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
REFUSED = [
    # (directive, blocked, recorded under, candidate, verdict)
    ("script-src-elem", "https://a.example/a.js", f"script-src {DIGEST}", f"script-src {DIGEST}", "block"),
    ("script-src-elem", "https://a.example/a.js", "script-src 'none'", f"script-src {DIGEST}", "unknown"),
    ("script-src-elem", "https://a.example/a.js", "script-src 'nonce-blank'", "script-src 'nonce-{NONCE}'", "block"),
    ("script-src-elem", "https://a.example/a.js", "script-src 'none'", "script-src 'nonce-{NONCE}'", "unknown"),
    ("script-src-elem", "inline", f"script-src {DIGEST}", f"script-src {DIGEST}", "block"),
    ("script-src-elem", "inline", "script-src 'none'", f"script-src {DIGEST}", "unknown"),
    ("script-src-elem", "inline", f"script-src {DIGEST}", f"script-src {DIGEST} 'nonce-{{NONCE}}'", "allow"),
]


@pytest.mark.parametrize(("directive", "blocked", "recorded", "candidate", "verdict"), REFUSED)
def test_what_refused_it_admits_it_no_more(
    directive: str, blocked: str, recorded: str, candidate: str, verdict: str
) -> None:
    """A report says that the element had no nonce and none of the digests that its policy listed."""
    known: dict[str, Any] = {"sample": "x" * 40, "sample_extent": SampleExtent.PREFIX} if blocked == "inline" else {}
    group = make_group(directive, blocked, policies=[recorded], **known)
    assert replay_group(group, [parse_serialized_policy(candidate)], ()).verdict == verdict


def test_two_of_one_origin_are_read_each_under_its_own_policy() -> None:
    """One was let through and redirected, as its policy tells; the other was not."""
    redirected = make_group(
        *("img-src", "https://a.example/1.png"),
        policies=["img-src https://a.example"],
        trusted=False,
        evidence_class=EvidenceClass.CONTRADICTION,
    )
    refused = make_group(
        *("img-src", "https://a.example/2.png"),
        policies=["img-src 'self'"],
        trusted=False,
        evidence_class=EvidenceClass.BOT,
    )
    for groups in ([redirected, refused], [refused, redirected]):
        found = {row.group: row.decision.verdict for row in replay(groups, policies("img-src https://a.example")).rows}
        assert found == {redirected: Verdict.UNKNOWN, refused: Verdict.ALLOW}


def test_a_strangers_claim_of_a_policy_settles_nothing() -> None:
    group = make_group("script-src-elem", "https://a.example/a.js", policies=[f"script-src {DIGEST}"], trusted=False)
    assert replay_group(group, [parse_serialized_policy(f"script-src {DIGEST}")], ()).verdict == "unknown"
