"""Tests of tightening: nothing more is admitted, and only what is shown to be unused goes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from policybuilder.csp import Disposition, SampleExtent, diff, hash_source, parse_serialized_policy, subsumes
from policybuilder.decisions import Decision, DecisionAction
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.suggestion.current import Origin, as_current, merged
from policybuilder.suggestion.exposure import Exposure
from policybuilder.suggestion.propose import Options, propose
from policybuilder.suggestion.sorting import Grounds
from policybuilder.suggestion.tightening import deltas
from policybuilder.suggestion.trust import Prevalence, Reach, Share
from policybuilder.suggestion.values import Mode, Suggestion
from tests.support.evidence import OBSERVED, ORIGIN, SEEN_AT, make_group, replace

ENFORCED = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' https://cdn.example https://old.example; "
    "img-src https: data:; frame-ancestors 'none'; report-uri /report"
)
WEEK = {"since_at": SEEN_AT - timedelta(days=8), "until_at": SEEN_AT}


def exposure(policy: str = OBSERVED, views: int | None = 50_000, **when: Any) -> Exposure:
    return Exposure(**{**WEEK, **when}, policy=parse_serialized_policy(policy), views=views)


def tightened(*groups: ViolationGroup, enforced: str = ENFORCED, exposures: Any = (), **more: Any) -> Suggestion:
    current = as_current([parse_serialized_policy(each) for each in enforced.split(", ")], Origin.GIVEN)
    return propose("shop", groups, Grounds(current=current, exposures=exposures, **more))


def directive(suggestion: Suggestion, name: str) -> str | None:
    found = suggestion.policy.directive(name) if suggestion.policy else None
    return None if found is None else " ".join(found.values)


LOADS = (
    make_group("script-src-elem", f"{ORIGIN}/app.js"),
    make_group("script-src-elem", "https://cdn.example/lib.js"),
    make_group("img-src", "https://img.example/a.png"),
    make_group("connect-src", f"{ORIGIN}/api"),
)


def test_without_exposure_everything_stays_and_its_use_is_unknown() -> None:
    suggestion = tightened(*LOADS)
    assert suggestion.mode is Mode.TIGHTEN
    assert suggestion.relation == "same"
    assert directive(suggestion, "img-src") == "data: https:"
    unknown = {each.directive: each for each in suggestion.unknown}
    assert unknown["img-src"].sources == ("https:", "data:")
    assert unknown["script-src"].sources == ("'unsafe-inline'", "https://old.example")
    assert unknown["script-src"].why == "no report-only policy that refuses them is recorded"
    assert directive_of_probe(suggestion, "img-src") == "https://img.example"
    assert directive_of_probe(suggestion, "script-src") == "'self' https://cdn.example 'report-sample'"
    assert directive_of_probe(suggestion, "default-src") is None
    assert directive_of_probe(suggestion, "frame-ancestors") is None


def directive_of_probe(suggestion: Suggestion, name: str) -> str | None:
    found = suggestion.probe.directive(name) if suggestion.probe else None
    return None if found is None else " ".join(found.values)


def test_with_exposure_what_nobody_used_goes() -> None:
    suggestion = tightened(*LOADS, exposures=[exposure()])
    assert suggestion.relation == "tighter"
    assert suggestion.unknown == ()
    assert suggestion.probe is None
    assert directive(suggestion, "default-src") == "'none'"
    assert directive(suggestion, "script-src") == "'self' https://cdn.example"
    assert directive(suggestion, "img-src") == "https://img.example"
    assert directive(suggestion, "connect-src") == "'self'"
    assert directive(suggestion, "font-src") is None
    assert directive(suggestion, "frame-ancestors") == "'none'"
    assert directive(suggestion, "base-uri") == "'none'"
    assert suggestion.replay.allow == len(LOADS)
    assert suggestion.replay.block == 0
    removed = {(change.directive, change.source): change for change in suggestion.changes}
    rests_on = removed["script-src-elem", "https://old.example"].rests_on
    assert rests_on is not None
    assert rests_on.views == 50_000


LACKING = [
    (exposure(views=None), "how many page views carried it is not known"),
    (exposure(views=2_999), "2,999 page views carried it, of 3,000 that are needed"),
    (exposure(since_at=SEEN_AT - timedelta(days=6)), "it has been out for less than 7 days"),
    (exposure("style-src 'none'"), "no report-only policy that refuses them is recorded"),
    (exposure("img-src https: data:"), "no report-only policy that refuses them is recorded"),
]


@pytest.mark.parametrize(("seen", "why"), LACKING)
def test_too_little_exposure_removes_nothing_and_says_so(seen: Exposure, why: str) -> None:
    suggestion = tightened(*LOADS, exposures=[seen])
    assert directive(suggestion, "img-src") == "data: https:"
    (found,) = [each for each in suggestion.unknown if each.directive == "img-src"]
    assert found.why == why


def test_a_probe_that_should_have_been_heard_of_and_was_not_proves_nothing() -> None:
    """It refuses what every page loads, so that its silence says that nobody sends it."""
    old = [
        replace(group, policies=tuple(replace(c, last_seen_at=SEEN_AT - timedelta(days=3)) for c in group.policies))
        for group in LOADS
    ]
    suggestion = tightened(*old, exposures=[exposure()])
    assert suggestion.relation == "same"
    assert {each.why for each in suggestion.unknown} == {
        "it refuses what is in use, and nothing was reported under it lately: it seems not to be out"
    }
    # A probe of what nobody uses is silent all the time.
    quiet = "img-src https://img.example"
    assert directive(tightened(*old, exposures=[exposure(quiet)]), "img-src") == "https://img.example"


def test_open_doors_of_the_enforced_policy_are_named() -> None:
    inline = make_group("script-src-elem", "inline", sample="x" * 40, sample_extent=SampleExtent.PREFIX)
    suggestion = tightened(*LOADS, inline, exposures=[exposure()])
    assert [finding.value for finding in suggestion.findings if finding.code == "open-to-code"] == ["'unsafe-inline'"]


def test_what_a_digest_of_the_enforced_policy_may_admit_is_not_held() -> None:
    style = make_group("style-src-elem", "inline", sample="x" * 40, sample_extent=SampleExtent.PREFIX)
    suggestion = tightened(*LOADS, style, enforced=f"style-src {hash_source('b{}')}")
    assert suggestion.held == ()


def test_what_the_probe_allowed_in_silence_stays() -> None:
    probe = "img-src 'self' https://pictures.example data:; script-src 'none'"
    heard = make_group("script-src-elem", f"{ORIGIN}/app.js", policies=[OBSERVED, probe])
    suggestion = tightened(*LOADS, heard, exposures=[exposure(probe)])
    assert directive(suggestion, "img-src") == "data: https://img.example https://pictures.example"
    (found,) = [each for each in suggestion.unknown if each.directive == "img-src"]
    assert found.sources == ("https://pictures.example", "data:")
    assert found.why == "the report-only policy allows them too"
    assert directive_of_probe(suggestion, "img-src") == "https://img.example"
    wide = tightened(*LOADS, heard, exposures=[exposure("img-src *")])
    assert directive(wide, "img-src") == "https:"
    assert subsumes(ENFORCED, str(suggestion.policy))


def test_a_source_that_is_used_by_what_is_held_stays() -> None:
    """Inline code whose text nobody knows needs 'unsafe-inline' as long as it is there."""
    inline = make_group("script-src-elem", "inline", sample="x" * 40, sample_extent=SampleExtent.PREFIX)
    suggestion = tightened(*LOADS, inline, exposures=[exposure()])
    assert directive(suggestion, "script-src") == "'self' 'unsafe-inline' https://cdn.example"
    assert directive(suggestion, "script-src-attr") == "'none'"
    assert suggestion.held == ()
    assert suggestion.replay.allow == len(LOADS) + 1


def test_inline_code_of_which_all_is_known_gives_way_to_its_digests() -> None:
    whole: dict[str, Any] = {"sample_extent": SampleExtent.WHOLE}
    script = make_group("script-src-elem", "inline", sample="go()", **whole)
    handler = make_group("script-src-attr", "inline", sample="go(this)", **whole)
    style = make_group("style-src-elem", "inline", sample="b{}", **whole)
    enforced = f"{ENFORCED}; style-src 'unsafe-inline'"
    suggestion = tightened(*LOADS, script, handler, style, enforced=enforced, exposures=[exposure()])
    assert directive(suggestion, "script-src-attr") == f"'unsafe-hashes' {hash_source('go(this)')}"
    assert directive(suggestion, "style-src") == hash_source("b{}")
    # A digest of a script would also admit one from anywhere that carries it as its integrity, which is more.
    assert directive(suggestion, "script-src") == "'self' 'unsafe-inline' https://cdn.example"
    assert suggestion.relation == "tighter"


def test_repairs_stand_apart_unapplied() -> None:
    blocked = make_group("font-src", "https://fonts.example/a.woff2", disposition=Disposition.ENFORCE)
    suggestion = tightened(*LOADS, blocked, exposures=[exposure()])
    assert "fonts.example" not in str(suggestion.policy)
    (repaired,) = [change for change in suggestion.changes if not change.is_applied]
    assert (repaired.directive, repaired.source) == ("font-src", "https://fonts.example")
    assert repaired.evidence.reports == 1
    assert suggestion.replay.held == 1
    assert "blocked-now" in [finding.code for finding in suggestion.findings]


def repaired(*groups: ViolationGroup, enforced: str = ENFORCED) -> Suggestion:
    current = as_current([parse_serialized_policy(enforced)], Origin.GIVEN)
    return propose("shop", groups, Grounds(current=current), Options(mode=Mode.REPAIR))


def test_a_repair_adds_what_is_needed_and_removes_nothing() -> None:
    blocked = make_group("font-src", "https://fonts.example/a.woff2", disposition=Disposition.ENFORCE)
    suggestion = repaired(*LOADS, blocked)
    assert suggestion.relation == "looser"
    assert directive(suggestion, "font-src") == "'self' https://fonts.example"
    assert directive(suggestion, "default-src") == "'self'"
    assert directive(suggestion, "img-src") == "data: https:"
    assert [change.kind for change in suggestion.changes] == ["added"]
    assert suggestion.replay.block == 0


def test_a_repair_of_a_closed_list_opens_it_for_that_alone() -> None:
    frame = make_group("frame-src", "https://pay.example", disposition=Disposition.ENFORCE)
    suggestion = repaired(frame, enforced="default-src 'self'; frame-src 'none'")
    assert directive(suggestion, "frame-src") == "https://pay.example"
    assert repaired(LOADS[0], enforced="script-src 'self'").relation == "same"


def test_a_repaired_handler_brings_unsafe_hashes() -> None:
    handler = make_group("script-src-attr", "inline", sample="go()", sample_extent=SampleExtent.WHOLE)
    suggestion = repaired(handler, enforced="default-src 'self'")
    assert directive(suggestion, "script-src-attr") == f"'unsafe-hashes' {hash_source('go()')}"
    assert suggestion.replay.block == 0
    assert directive(suggestion, "script-src") is None


def test_what_a_person_rejects_goes_though_it_is_used() -> None:
    rejected = Decision(
        number=1,
        action=DecisionAction.REJECT,
        directive="script-src",
        subject="https://cdn.example",
        decided_at=SEEN_AT,
    )
    suggestion = tightened(*LOADS, decisions=[rejected])
    assert directive(suggestion, "script-src") == "'self' 'unsafe-inline' https://old.example"


def test_a_person_may_not_widen_by_tightening() -> None:
    wish = Decision(
        number=1, action=DecisionAction.ALLOW, directive="script-src", subject="https://new.example", decided_at=SEEN_AT
    )
    suggestion = tightened(*LOADS, decisions=[wish])
    assert suggestion.relation == "same"
    assert [(each.source, each.is_applied) for each in suggestion.changes] == [("https://new.example", False)]


def test_a_stranger_does_not_keep_open_what_nobody_else_needs() -> None:
    """Five networks do: rather a source too many than a page that breaks."""
    claim = make_group("script-src-elem", "https://old.example/a.js", trusted=False)
    prevalence = Prevalence(audience=1_000)
    few = tightened(*LOADS, replace(claim, reporters=4), exposures=[exposure()], prevalence=prevalence)
    assert "old.example" not in str(few.policy)
    assert [held.source for held in few.held] == ["https://old.example"]
    many = tightened(*LOADS, replace(claim, reporters=5), exposures=[exposure()], prevalence=prevalence)
    assert "old.example" in str(many.policy)


@pytest.mark.parametrize(
    "enforced",
    [
        "script-src 'nonce-abc' 'strict-dynamic' https: 'unsafe-inline'; object-src 'none'; base-uri 'none'",
        "default-src 'self'; script-src 'nonce-abc' https://old.example",
        "default-src 'self'; script-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' 'unsafe-inline'",
        "script-src-elem 'self' https://old.example; script-src 'unsafe-eval'; style-src-attr 'unsafe-inline'",
        "default-src *; child-src 'self' https://frames.example; worker-src 'self'",
        "upgrade-insecure-requests; sandbox; img-src *; trusted-types a; require-trusted-types-for 'script'",
        "default-src 'self' https: data: blob: 'unsafe-inline' 'unsafe-eval'",
        "img-src 'none'",
        "default-src 'none'",
        "frame-ancestors https://partner.example; form-action 'self' https://pay.example",
    ],
)
@pytest.mark.parametrize(
    "probe", [OBSERVED, "default-src 'self'", "default-src 'none'", "script-src 'self'; img-src data:"]
)
def test_any_policy_is_only_ever_tightened(enforced: str, probe: str) -> None:
    suggestion = tightened(*LOADS, enforced=enforced, exposures=[exposure(probe)])
    assert suggestion.relation in {"same", "tighter"}
    assert diff(
        str(merged(as_current([parse_serialized_policy(enforced)], Origin.GIVEN))), str(suggestion.policy)
    ).relation
    assert suggestion.replay.block == 0


def test_several_enforced_policies_become_one_that_admits_no_more() -> None:
    enforced = "default-src 'self' https://cdn.example; script-src 'self', script-src 'self' https://cdn.example"
    suggestion = tightened(*LOADS, enforced=enforced)
    assert directive(suggestion, "script-src") == "'self'"
    assert subsumes(enforced, str(suggestion.policy))


def test_an_enforced_policy_is_read_off_what_it_blocked() -> None:
    blocked = make_group(
        "font-src", "https://fonts.example/a.woff2", disposition=Disposition.ENFORCE, policies=["default-src 'self'"]
    )
    suggestion = propose("shop", [*LOADS, blocked])
    assert suggestion.current is not None
    assert suggestion.current.origin is Origin.INFERRED
    assert suggestion.mode is Mode.TIGHTEN
    assert "enforced-inferred" in [finding.code for finding in suggestion.findings]


@pytest.mark.parametrize("reporters", [1, 60, 900])
def test_no_number_of_strangers_makes_a_policy_the_enforced_one(reporters: int) -> None:
    """They would have it kept, with all that it admits."""
    claimed = "default-src *; script-src * 'unsafe-inline'"
    claim = make_group(
        "font-src", disposition=Disposition.ENFORCE, policies=[claimed], trusted=False, reporters=reporters, days=9
    )
    reach = Reach(reporters=reporters, best_day=Share(reporters, 1_000), days=9, span=timedelta(days=9))
    prevalence = Prevalence(audience=1_000, policies={policy.policy: reach for policy in claim.policies})
    before = propose("shop", LOADS, Grounds(prevalence=prevalence))
    after = propose("shop", [*LOADS, claim], Grounds(prevalence=prevalence))
    assert after.current is None
    assert str(after.policy) == str(before.policy)


def test_a_mode_that_needs_an_enforced_policy_says_so() -> None:
    with pytest.raises(ValueError, match="nothing is known of an enforced policy to tighten"):
        propose("shop", LOADS, options=Options(mode=Mode.TIGHTEN))


def test_fresh_beside_an_enforced_policy_says_how_they_differ() -> None:
    current = as_current([parse_serialized_policy(ENFORCED)], Origin.GIVEN)
    suggestion = propose("shop", LOADS, Grounds(current=current), Options(mode=Mode.FRESH))
    assert suggestion.relation == "tighter"
    assert ("img-src", "https:") in [(change.directive, change.source) for change in suggestion.changes]


DELTAS = [
    ("img-src https:; script-src 'self'", "img-src https://a.example; script-src 'self'", "img-src https://a.example"),
    ("default-src 'self'", "default-src 'self'; font-src 'none'", "font-src 'none'"),
]


@pytest.mark.parametrize(("enforced", "candidate", "probe"), DELTAS)
def test_a_probe_holds_only_what_the_candidate_refuses(enforced: str, candidate: str, probe: str) -> None:
    found = deltas(parse_serialized_policy(enforced), parse_serialized_policy(candidate))
    assert str(found) == probe


def test_a_probe_of_inline_code_asks_for_samples() -> None:
    found = deltas(
        parse_serialized_policy("script-src 'self' 'unsafe-inline'"), parse_serialized_policy("script-src 'self'")
    )
    assert str(found) == "script-src-attr 'self' 'report-sample'; script-src-elem 'self' 'report-sample'"


def test_what_widens_needs_no_probe() -> None:
    assert deltas(parse_serialized_policy("img-src 'self'"), parse_serialized_policy("img-src 'self' https:")) is None


def test_a_source_that_only_redirects_use_stays() -> None:
    """Reports name the URL before the redirect, which the enforced policy and the probe both allow."""
    enforced = "img-src 'self' https://cdn.real.example"
    redirected = make_group(
        "img-src",
        f"{ORIGIN}/photo-of-the-day",
        evidence_class=EvidenceClass.CONTRADICTION,
        trusted=False,
        reporters=300,
    )
    suggestion = tightened(redirected, LOADS[0], enforced=enforced, exposures=[exposure("img-src 'self'")])
    assert directive(suggestion, "img-src") == "'self' https://cdn.real.example"


def test_a_source_of_which_every_visitor_loads_another_file_stays() -> None:
    """Each of its URLs is reported by one network, and the source by twelve a day."""
    files = [
        make_group("img-src", f"https://avatars.example/{number}.png", trusted=False, reporters=1, days=1)
        for number in range(12)
    ]
    reach = Reach(reporters=12, best_day=Share(12, 600), days=12, span=timedelta(days=12))
    prevalence = Prevalence(audience=600, sources={("img-src", "https://avatars.example"): reach})
    enforced = "img-src 'self' https://avatars.example"
    suggestion = tightened(*files, LOADS[0], enforced=enforced, exposures=[exposure()], prevalence=prevalence)
    assert "https://avatars.example" in str(directive(suggestion, "img-src"))
