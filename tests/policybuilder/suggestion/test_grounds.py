"""What a suggestion rests on beside the groups: decisions, strangers' numbers, and what the operator named."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from policybuilder.csp import parse_serialized_policy
from policybuilder.decisions import Decision, DecisionAction
from policybuilder.evidence import OVER_BUDGET, EvidenceClass, ViolationGroup
from policybuilder.suggestion.propose import asked_by_strangers, propose, site_origins
from policybuilder.suggestion.sorting import Grounds
from policybuilder.suggestion.trust import Prevalence, Reach, SourceKey, Tier
from policybuilder.suggestion.values import SuggestedSource, Suggestion
from tests.support.evidence import ORIGIN, SEEN_AT, make_group

WIDELY = Reach(reporters=400, days=5, span=timedelta(days=4))
RARELY = Reach(reporters=3, days=5, span=timedelta(days=4))
IMAGE = make_group("img-src", "https://img.example/a.png")


def decision(action: str, subject: str, *, directive: str = "", number: int = 1, note: str = "") -> Decision:
    return Decision(
        number=number,
        action=DecisionAction(action),
        directive=directive,
        subject=subject,
        note=note,
        decided_at=SEEN_AT,
    )


def strangers(directive: str, blocked: str, **known: Any) -> ViolationGroup:
    return make_group(directive, blocked, trusted=False, **known)


def known(sources: dict[SourceKey, Reach], **more: Any) -> Grounds:
    return Grounds(prevalence=Prevalence(audience=1_000, sources=sources), **more)


def source_of(suggestion: Suggestion, directive: str, source: str) -> SuggestedSource | None:
    return next(
        (
            each
            for found in suggestion.directives
            if found.name == directive
            for each in found.sources
            if each.source == source
        ),
        None,
    )


def directive_of(suggestion: Suggestion, name: str) -> str | None:
    found = suggestion.policy.directive(name) if suggestion.policy else None
    return None if found is None else " ".join(found.values)


# Strangers


def test_what_is_asked_of_strangers_is_what_nobody_else_vouches_for() -> None:
    groups = [
        IMAGE,
        strangers("img-src", "https://img.example/b.png"),
        strangers("img-src", "https://img.example/c.png"),
        strangers("script-src-elem", "https://cdn.example/a.js"),
        strangers("img-src", "https://noise.example/a.png", evidence_class=EvidenceClass.EXTENSION),
        strangers("script-src-elem", "inline"),
    ]
    asked = asked_by_strangers(groups)
    assert {key: len(members) for key, members in asked.items()} == {
        ("img-src", "https://img.example"): 2,
        ("script-src", "https://cdn.example"): 1,
    }


@pytest.mark.parametrize(
    ("directive", "blocked", "source"),
    [
        ("img-src", "https://cdn.example/a.png", "https://cdn.example"),
        ("font-src", "https://cdn.example/a.woff2", "https://cdn.example"),
        ("style-src-elem", "https://cdn.example/a.css", "https://cdn.example"),
        ("script-src-elem", f"{ORIGIN}/app.js", "'self'"),
        ("connect-src", f"{ORIGIN}/api", "'self'"),
        ("img-src", "data", "data:"),
    ],
)
def test_what_many_visitors_report_is_let_in(directive: str, blocked: str, source: str) -> None:
    name = directive.removesuffix("-elem")
    suggestion = propose("shop", [strangers(directive, blocked)], known({(name, source): WIDELY}))
    found = source_of(suggestion, name, source)
    assert found is not None
    assert found.tier is Tier.AUTO
    rare = propose("shop", [strangers(directive, blocked)], known({(name, source): RARELY}))
    assert source_of(rare, name, source) is None


SCRIPT_LIKE = [
    ("script-src", "script-src-elem"),
    ("worker-src", "worker-src"),
    ("frame-src", "frame-src"),
    ("object-src", "object-src"),
    ("form-action", "form-action"),
    ("connect-src", "connect-src"),
]


@pytest.mark.parametrize(("name", "directive"), SCRIPT_LIKE)
def test_code_needs_more_than_numbers(name: str, directive: str) -> None:
    group, key = strangers(directive, "https://cdn.example/a"), (name, "https://cdn.example")
    suggestion = propose("shop", [group], known({key: WIDELY}))
    assert source_of(suggestion, *key) is None
    (held,) = suggestion.held
    assert "something that strangers cannot write" in held.why
    for grounds in (
        known({key: WIDELY}, hosts=["cdn.example"]),
        known({key: WIDELY}, hosts=["*.example"]),
        known({key: WIDELY}, enforced=[parse_serialized_policy(f"{name} https://cdn.example")]),
    ):
        found = source_of(propose("shop", [group], grounds), *key)
        assert found is not None
        assert found.tier is Tier.AUTO
    for grounds in (
        known({key: WIDELY}, hosts=["example", "dn.example", "cdn.example:8443"]),
        known({key: WIDELY}, enforced=[parse_serialized_policy(f"{name} https://other.example")]),
        known({key: RARELY}, hosts=["cdn.example"]),
    ):
        assert source_of(propose("shop", [group], grounds), *key) is None


def test_what_both_report_is_the_operators_word() -> None:
    groups = [IMAGE, strangers("img-src", "https://img.example/b.png")]
    suggestion = propose("shop", groups, known({("img-src", "https://img.example"): WIDELY}))
    found = source_of(suggestion, "img-src", "https://img.example")
    assert found is not None
    assert (found.tier, found.evidence.reports) == (Tier.TRUSTED, 2)


def test_too_few_visitors_are_a_finding() -> None:
    grounds = Grounds(prevalence=Prevalence(audience=12))
    suggestion = propose("shop", [IMAGE, strangers("font-src", "https://cdn.example/a")], grounds)
    (finding,) = [finding for finding in suggestion.findings if finding.code == "few-reporters"]
    assert "of 50 networks a day or more, and this one had 12" in finding.message


def test_an_origin_that_hardly_anybody_names_is_not_the_sites() -> None:
    often = strangers("img-src", "https://a.example/", reporters=40)
    forged = strangers("img-src", "https://a.example/", reporters=3, document_origin="https://evil.example")
    other = strangers("img-src", "https://a.example/", reporters=4, document_origin="https://blog.example")
    assert site_origins([often, forged, other]) == ("https://blog.example", ORIGIN)
    assert site_origins([forged, IMAGE]) == (ORIGIN,)


def test_policies_that_few_name_are_not_read_where_many_name_another() -> None:
    """One stranger's claim of a narrower policy would drop what the others' policy allows in silence."""
    lax, forged = "img-src 'self' data:; font-src 'self'", "img-src 'none'; font-src 'none'"
    groups = [
        strangers("img-src", "https://img.example/a.png", policies=[lax]),
        strangers("img-src", "https://img.example/b.png", policies=[forged]),
    ]
    key = ("img-src", "https://img.example")
    for reach in (WIDELY, RARELY):
        policies = {group.policies[0].policy: each for group, each in zip(groups, (reach, Reach(1, 1)), strict=True)}
        prevalence = Prevalence(audience=1_000, sources={key: WIDELY}, policies=policies)
        suggestion = propose("shop", groups, Grounds(prevalence=prevalence))
        assert directive_of(suggestion, "font-src") == "'self'"


# Decisions


def test_an_allowed_source_is_in_whether_or_not_it_is_reported() -> None:
    grounds = Grounds(decisions=[decision("allow", "https://new.example", directive="font-src", note="the new CDN")])
    suggestion = propose("shop", [IMAGE], grounds)
    found = source_of(suggestion, "font-src", "https://new.example")
    assert found is not None
    assert (found.rule, found.reason, found.tier, found.evidence.reports) == (
        "decided",
        "the new CDN",
        Tier.DECIDED,
        0,
    )


@pytest.mark.parametrize(
    ("directive", "blocked", "source", "decided_for"),
    [
        ("script-src-elem", "https://cdn.example/a.js", "https://cdn.example/a.js", "script-src"),
        ("script-src-elem", "https://cdn.example/a.js", "https://cdn.example", "script-src-elem"),
        ("script-src", "eval", "'unsafe-eval'", "script-src"),
        ("style-src-attr", "inline", "'unsafe-inline'", "style-src"),
        ("worker-src", "blob", "blob:", "worker-src"),
    ],
)
def test_an_allowed_source_answers_what_was_held(directive: str, blocked: str, source: str, decided_for: str) -> None:
    group = strangers(directive, blocked)
    assert propose("shop", [IMAGE, group]).held
    suggestion = propose("shop", [IMAGE, group], Grounds(decisions=[decision("allow", source, directive=decided_for)]))
    assert suggestion.held == ()
    found = source_of(suggestion, decided_for.removesuffix("-elem"), source)
    assert found is not None
    assert (found.rule, found.evidence.reports) == ("decided", 1)
    assert suggestion.replay.allow == 2


@pytest.mark.parametrize("value", ["'none'", "'self'", "https://partner.example"])
def test_who_may_frame_the_page_is_for_a_person_to_say(value: str) -> None:
    grounds = Grounds(decisions=[decision("allow", value, directive="frame-ancestors")])
    groups = [IMAGE, make_group("frame-ancestors", ORIGIN)]
    assert directive_of(propose("shop", groups, grounds), "frame-ancestors") == value


def test_none_gives_way_to_a_source() -> None:
    decisions = [
        decision("allow", "'none'", directive="frame-ancestors"),
        decision("allow", "https://partner.example", directive="frame-ancestors", number=2),
    ]
    suggestion = propose("shop", [IMAGE], Grounds(decisions=decisions))
    assert directive_of(suggestion, "frame-ancestors") == "https://partner.example"


@pytest.mark.parametrize(("action", "rule"), [("reject", "rejected"), ("ignore", "ignored")])
@pytest.mark.parametrize("pattern", ["img.example", "https://img.example/*", "*"])
def test_what_is_rejected_or_ignored_is_out_however_trusted(action: str, rule: str, pattern: str) -> None:
    groups = [IMAGE, make_group("font-src", "https://font.example/a")]
    suggestion = propose("shop", groups, Grounds(decisions=[decision(action, pattern, directive="img-src")]))
    assert source_of(suggestion, "img-src", "https://img.example") is None
    assert source_of(suggestion, "font-src", "https://font.example") is not None
    assert [excluded.rule for excluded in suggestion.excluded] == [rule]


def test_what_silence_kept_can_be_rejected() -> None:
    group = make_group("img-src", "https://img.example/a.png", policies=["img-src 'self' https://old.example"])
    assert directive_of(propose("shop", [group]), "img-src") == "'self' https://img.example https://old.example"
    grounds = Grounds(decisions=[decision("reject", "old.example")])
    assert directive_of(propose("shop", [group], grounds), "img-src") == "'self' https://img.example"


@pytest.mark.parametrize("allow_number", [1, 3])
def test_the_newest_answer_about_a_source_holds(allow_number: int) -> None:
    decisions = [
        decision("allow", "https://img.example", directive="img-src", number=allow_number),
        decision("reject", "img.example", number=2),
    ]
    suggestion = propose("shop", [IMAGE], Grounds(decisions=decisions))
    is_in = source_of(suggestion, "img-src", "https://img.example") is not None
    assert is_in is (allow_number == 3)


def test_what_stands_for_the_rest_of_a_flood_is_no_evidence() -> None:
    group = make_group("img-src", "https://cdn.example/(other)", rule=OVER_BUDGET)
    suggestion = propose("shop", [IMAGE, group])
    assert source_of(suggestion, "img-src", "https://cdn.example") is None
    (unresolved,) = suggestion.unresolved
    assert "budget" in unresolved.why


def test_a_leaked_rehearsal_key_is_the_first_to_know() -> None:
    suggestion = propose("shop", [IMAGE], Grounds(leaked_days=["2026-11-20"]))
    assert suggestion.findings[0].code == "rehearsal-key-leaked"
