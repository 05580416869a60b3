"""What a suggestion rests on beside the groups: decisions, strangers' numbers, and what the operator named."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from policybuilder.csp import parse_serialized_policy
from policybuilder.decisions import Decision, DecisionAction
from policybuilder.evidence import OVER_BUDGET, EvidenceClass, ViolationGroup
from policybuilder.suggestion.propose import asked_by_strangers, propose, site_origins
from policybuilder.suggestion.sorting import Grounds, outcomes_of
from policybuilder.suggestion.trust import (
    Prevalence,
    Reach,
    Share,
    SourceKey,
    Thresholds,
    Tier,
    missing,
    more_networks,
)
from policybuilder.suggestion.values import SuggestedSource, Suggestion, evidence_of
from tests.support.evidence import ORIGIN, SEEN_AT, make_group

WIDELY = Reach(reporters=400, best_day=Share(400, 1_000), days=5, span=timedelta(days=4))
RARELY = Reach(reporters=3, best_day=Share(3, 1_000), days=5, span=timedelta(days=4))
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


@pytest.mark.parametrize(("reach", "kept"), [(WIDELY, "'self'"), (RARELY, None)])
def test_one_strangers_policy_changes_nothing_on_a_site_with_visitors(reach: Reach, kept: str | None) -> None:
    """A claim of a narrower policy would drop what the others' policy allows in silence."""
    lax, forged = "img-src 'self' data:; font-src 'self'", "img-src 'none'; font-src 'none'"
    genuine = strangers("img-src", "https://img.example/a.png", policies=[lax])
    claim = strangers("img-src", "https://img.example/b.png", policies=[forged])
    policies = {
        genuine.policies[0].policy: reach,
        claim.policies[0].policy: Reach(reporters=1, best_day=Share(1, 1_000), days=1),
    }
    key = ("img-src", "https://img.example")
    grounds = Grounds(prevalence=Prevalence(audience=1_000, sources={key: WIDELY}, policies=policies))
    before, after = propose("shop", [genuine], grounds), propose("shop", [genuine, claim], grounds)
    assert directive_of(after, "font-src") == kept
    assert after.policy == before.policy


def test_claimed_policies_of_any_length_take_no_time() -> None:
    """Nothing is believed yet, so everything that is claimed is read."""
    claims = [
        strangers("img-src", f"https://img.example/{policy}.png", policies=[long_policy(policy)])
        for policy in range(30)
    ]
    began = time.process_time()
    propose("shop", claims)
    assert time.process_time() - began < 30


def long_policy(number: int) -> str:
    hosts = " ".join(f"https://h{host}.p{number}.example" for host in range(250))
    return f"img-src 'self' {hosts}"


@pytest.mark.parametrize("directive", ["frame-ancestors", "form-action"])
def test_one_stranger_does_not_open_what_was_closed(directive: str) -> None:
    policy = f"img-src 'none'; {directive} 'none'"
    widely = strangers("img-src", "https://img.example/a.png", policies=[policy])
    grounds = known({("img-src", "https://img.example"): WIDELY})
    grounds = replace(grounds, prevalence=replace(grounds.prevalence, policies={widely.policies[0].policy: WIDELY}))
    refused = strangers(
        directive,
        ORIGIN,
        policies=[policy],
        evidence_class=EvidenceClass.GENUINE if directive == "frame-ancestors" else EvidenceClass.CONTRADICTION,
    )
    assert asked_by_strangers([widely, refused])[directive, ""] == (refused,)
    assert directive_of(propose("shop", [widely, refused], grounds), directive) == "'none'"
    reach = {**grounds.prevalence.sources, (directive, ""): WIDELY}
    many = replace(grounds, prevalence=replace(grounds.prevalence, sources=reach))
    assert directive_of(propose("shop", [widely, refused], many), directive) is None


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
    group = make_group("img-src", "(other)", rule=OVER_BUDGET, document_origin="(other)")
    (unresolved,) = propose("shop", [IMAGE, group]).unresolved
    assert "budget" in unresolved.why


def test_what_was_counted_by_origin_speaks_for_the_origin() -> None:
    """A flood spends the budget for what is new, and must not silence the visitors who come after."""
    group = strangers("img-src", "https://cdn.example/(other)", rule=OVER_BUDGET, document_origin="(other)")
    own = strangers("img-src", f"{ORIGIN}/(other)", rule=OVER_BUDGET, document_origin="(other)")
    sources: dict[SourceKey, Reach] = {
        ("img-src", "https://cdn.example"): WIDELY,
        ("img-src", "'self'"): WIDELY,
    }
    suggestion = propose("shop", [IMAGE, group, own], known(sources))
    assert directive_of(suggestion, "img-src") == "'self' https://cdn.example https://img.example"


def test_an_allowed_source_stands_under_the_directive_that_asked() -> None:
    """One for scripts governs workers too, until worker-src is printed."""
    group = make_group("worker-src", "https://w.example/w.js")
    grounds = Grounds(decisions=[decision("allow", "https://w.example", directive="script-src")])
    suggestion = propose("shop", [IMAGE, group], grounds)
    assert directive_of(suggestion, "worker-src") == "https://w.example"
    assert suggestion.replay.block == 0


def test_the_pages_own_origin_can_be_rejected() -> None:
    group = make_group("img-src", f"{ORIGIN}/logo.png")
    assert directive_of(propose("shop", [IMAGE, group]), "img-src") == "'self' https://img.example"
    grounds = Grounds(decisions=[decision("reject", "'self'", directive="img-src")])
    assert directive_of(propose("shop", [IMAGE, group], grounds), "img-src") == "https://img.example"


def test_a_strangers_policy_does_not_take_corroboration_away() -> None:
    """One long enough not to be looked into would make a redirect of what the site really loads."""
    claimed = "script-src https://cdn.example; img-src " + " ".join(f"https://h{n}.example" for n in range(200))
    group = strangers("script-src-elem", "https://cdn.example/a.js", policies=[claimed])
    enforced = [parse_serialized_policy("script-src https://cdn.example")]
    grounds = known({("script-src", "https://cdn.example"): WIDELY}, enforced=enforced)
    assert source_of(propose("shop", [group], grounds), "script-src", "https://cdn.example") is not None


def test_a_leaked_rehearsal_key_is_the_first_to_know() -> None:
    suggestion = propose("shop", [IMAGE], Grounds(leaked_days=["2026-11-20"]))
    assert suggestion.findings[0].code == "rehearsal-key-leaked"


# Initiators


TAG = "https://tag.example"
TRUSTED_TAG = Decision(
    number=1, action=DecisionAction.ALLOW, directive="", subject="", loaded_by=TAG, decided_at=SEEN_AT
)


@pytest.mark.parametrize(("name", "directive"), SCRIPT_LIKE)
def test_what_many_say_a_trusted_initiator_loads_is_let_in(name: str, directive: str) -> None:
    group, source = strangers(directive, "https://cdn.example/a", initiator=TAG), "https://cdn.example"
    reach: dict[SourceKey, Reach] = {(name, source): WIDELY, (name, source, TAG): WIDELY}
    found = source_of(propose("shop", [group], known(reach, decisions=[TRUSTED_TAG])), name, source)
    assert found is not None
    assert (found.tier, found.rule, found.evidence.initiators) == (Tier.AUTO, "loaded-by", (TAG,))
    assert found.reason == f"{TAG}, which a person trusts, loads it"
    assert found.margin is not None, "whoever has so many networks chooses what it is said to load"
    assert source_of(propose("shop", [group], known(reach)), name, source) is None


def test_the_few_who_name_an_initiator_do_not_ride_on_the_many_who_do_not() -> None:
    group = strangers("script-src-elem", "https://cdn.example/a", initiator=TAG)
    many = strangers("script-src-elem", "https://cdn.example/a", reporters=400)
    key = ("script-src", "https://cdn.example")
    grounds = known({key: WIDELY, (*key, TAG): RARELY}, decisions=[TRUSTED_TAG])
    suggestion = propose("shop", [group, many], grounds)
    assert source_of(suggestion, *key) is None
    whys = {held.evidence.initiators: held.why for held in suggestion.held}
    assert f"26 more networks on one day that say {TAG} loads it (there were 3)" in whys[(TAG,)]
    assert "something that strangers cannot write" in whys[()]
    unknown = propose("shop", [group, many], known({key: WIDELY}, decisions=[TRUSTED_TAG]))
    assert source_of(unknown, *key) is None


def test_as_many_more_as_are_said_to_be_missing_are_enough() -> None:
    prevalence, thresholds = Prevalence(audience=1_000), Thresholds()
    for reporters in range(60):
        reach = replace(RARELY, reporters=reporters, best_day=Share(reporters, 1_000))
        more = more_networks(reach, prevalence, thresholds)
        enough = replace(reach, reporters=reporters + more, best_day=Share(reporters + more, 1_000))
        assert more_networks(enough, prevalence, thresholds) == 0
        assert missing(enough, prevalence, thresholds) == ()
        if more:
            one_less = replace(enough, reporters=enough.reporters - 1, best_day=Share(enough.reporters - 1, 1_000))
            assert missing(one_less, prevalence, thresholds)
    assert more_networks(Reach(), prevalence, thresholds) == 29


def test_what_is_asked_of_strangers_tells_a_trusted_initiators_loads_apart() -> None:
    groups = [
        strangers("script-src-elem", "https://cdn.example/a", initiator=TAG),
        strangers("script-src-elem", "https://cdn.example/b", initiator=TAG),
        strangers("script-src-elem", "https://cdn.example/a", initiator="https://evil.example"),
        strangers("script-src-elem", "https://cdn.example/a"),
        strangers("img-src", "https://img.example/a.png", initiator=TAG, evidence_class=EvidenceClass.ATTACK_LIKE),
    ]
    asked = asked_by_strangers(groups, [TRUSTED_TAG])
    assert {key: len(members) for key, members in asked.items()} == {
        ("script-src", "https://cdn.example"): 4,
        ("script-src", "https://cdn.example", TAG): 2,
    }
    assert len(asked_by_strangers(groups)) == 1


@pytest.mark.parametrize(
    "group",
    [
        strangers("script-src-elem", "https://cdn.example/a", initiator=TAG, evidence_class=EvidenceClass.ATTACK_LIKE),
        strangers("script-src-elem", "https://cdn.example/a", initiator=TAG, evidence_class=EvidenceClass.EXTENSION),
        strangers("script-src-elem", "https://cdn.example/a", initiator=f"{TAG}.evil.example"),
        strangers("script-src-elem", "https://cdn.example/a", initiator=f"{TAG}:8443"),
        strangers("script-src-elem", "https://cdn.example/a", initiator="http://tag.example"),
    ],
    ids=lambda group: f"{group.evidence_class} {group.initiator}",
)
def test_trust_in_an_initiator_waives_no_class_and_no_letter(group: ViolationGroup) -> None:
    key = ("script-src", "https://cdn.example")
    reach: dict[SourceKey, Reach] = {key: WIDELY, (*key, TAG): WIDELY, (*key, group.initiator): WIDELY}
    assert source_of(propose("shop", [IMAGE, group], known(reach, decisions=[TRUSTED_TAG])), *key) is None


def test_a_refusal_stands_against_trust_in_an_initiator_whichever_is_newer() -> None:
    group = strangers("script-src-elem", "https://cdn.example/a", initiator=TAG)
    key = ("script-src", "https://cdn.example")
    reach: dict[SourceKey, Reach] = {key: WIDELY, (*key, TAG): WIDELY}
    for refusal in (
        decision("reject", "cdn.example", number=0),
        decision("ignore", "cdn.example", number=2),
        replace(TRUSTED_TAG, action=DecisionAction.REJECT, loaded_by="*.example", number=0),
        replace(TRUSTED_TAG, action=DecisionAction.IGNORE, number=2),
    ):
        suggestion = propose("shop", [IMAGE, group], known(reach, decisions=[TRUSTED_TAG, refusal]))
        assert source_of(suggestion, *key) is None
        assert [each.rule for each in suggestion.excluded] == [
            "rejected" if refusal.action is DecisionAction.REJECT else "ignored"
        ]


def test_what_a_refused_initiator_loads_is_no_evidence_even_for_the_operator() -> None:
    """It only narrows: what else asks for the same source still does."""
    refusal = replace(TRUSTED_TAG, action=DecisionAction.REJECT)
    own = make_group("script-src-elem", "https://cdn.example/a", initiator=TAG)
    grounds = known({}, decisions=[refusal])
    assert source_of(propose("shop", [IMAGE, own], grounds), "script-src", "https://cdn.example") is None
    other = make_group("script-src-elem", "https://cdn.example/a")
    assert source_of(propose("shop", [IMAGE, own, other], grounds), "script-src", "https://cdn.example") is not None


def test_what_the_operator_saw_says_more_than_what_strangers_say() -> None:
    """Whichever group is read first, the source is there for the reason that nobody could forge."""
    key = ("script-src", "https://cdn.example")
    reach: dict[SourceKey, Reach] = {key: WIDELY, (*key, TAG): WIDELY}
    for path in "abcdefgh":
        group = strangers("script-src-elem", f"https://cdn.example/{path}", initiator=TAG)
        own = make_group("script-src-elem", "https://cdn.example/own")
        found = source_of(propose("shop", [own, group], known(reach, decisions=[TRUSTED_TAG])), *key)
        assert found is not None
        assert (found.tier, found.rule) == (Tier.TRUSTED, "other-origin")


def test_a_source_names_the_initiators_that_most_networks_name_and_not_all_of_a_flood() -> None:
    groups = [
        strangers("img-src", "https://img.example/a.png", initiator=f"https://{number}.flood.example")
        for number in range(40)
    ]
    groups.append(strangers("img-src", "https://img.example/a.png", initiator=TAG, reporters=30))
    groups.append(strangers("img-src", "https://img.example/a.png", reporters=900))
    evidence = evidence_of(groups)
    assert len(evidence.initiators) == 5
    assert evidence.initiators[:2] == (TAG, "https://0.flood.example")


@pytest.mark.parametrize(
    ("directive", "decided", "listed"),
    [
        ("fenced-frame-src", "frame-src", "frame-src"),
        ("fenced-frame-src", "child-src", None),
        ("prefetch-src", "default-src", None),
        ("frame-src", "child-src", "frame-src"),
    ],
)
def test_what_stands_in_for_others_is_answered_where_it_is_printed(
    directive: str, decided: str, listed: str | None
) -> None:
    """A report may name a directive that no suggestion prints."""
    group = make_group(directive, "https://frames.example")
    allow = replace(decision("allow", "https://frames.example"), directive=decided)
    suggestion = propose("shop", [IMAGE, group], Grounds(decisions=[allow]))
    found = [
        each.name for each in suggestion.directives if "https://frames.example" in {s.source for s in each.sources}
    ]
    assert found == ([] if listed is None else [listed])


def test_who_may_frame_the_site_is_no_question_once_a_person_said_so() -> None:
    framed = make_group("frame-ancestors", ORIGIN)
    assert [each.directive for each in propose("shop", [IMAGE, framed]).unresolved] == ["frame-ancestors"]
    allow = replace(decision("allow", "'self'"), directive="frame-ancestors")
    suggestion = propose("shop", [IMAGE, framed], Grounds(decisions=[allow]))
    assert suggestion.unresolved == ()
    assert directive_of(suggestion, "frame-ancestors") == "'self'"


def test_a_host_that_the_operator_named_vouches_for_no_other_port() -> None:
    """Whoever may listen beside the site is not the site."""
    beside = strangers("script-src-elem", "https://cdn.example:8443/a.js")
    grounds = known({("script-src", "https://cdn.example:8443"): WIDELY}, hosts=["cdn.example"])
    assert source_of(propose("shop", [beside], grounds), "script-src", "https://cdn.example:8443") is None
    named = known({("script-src", "https://cdn.example:8443"): WIDELY}, hosts=["cdn.example:8443"])
    assert source_of(propose("shop", [beside], named), "script-src", "https://cdn.example:8443") is not None


def test_what_was_found_out_of_the_groups_before_is_found_again_where_it_is_of_others() -> None:
    image, script = strangers("img-src", "https://img.example/a.png"), strangers("script-src-elem", f"{ORIGIN}/a.js")
    groups, decisions = (image, script, IMAGE), (decision("reject", "img.example"),)
    grounds = known({("img-src", "https://img.example"): WIDELY}, decisions=decisions)
    origins = site_origins(groups)
    anew = propose("shop", groups, grounds)
    for outcomes in (
        outcomes_of(groups, origins, decisions),
        # Of other groups, decisions or origins: each would admit or name something else.
        outcomes_of((image, script), origins, decisions),
        outcomes_of(groups, origins, ()),
        outcomes_of(groups, ("https://blog.example",), decisions),
    ):
        assert propose("shop", groups, replace(grounds, outcomes=outcomes)) == anew
    assert anew != propose("shop", groups, replace(grounds, decisions=()))
