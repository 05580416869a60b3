"""Tests of proposing: evidence and silence become a policy whose every token can be defended."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from policybuilder.csp import NONCE_PLACEHOLDER, SampleExtent, diff, hash_source
from policybuilder.decisions import Decision, DecisionAction
from policybuilder.evidence import EvidenceClass, ScriptHash, ViolationGroup
from policybuilder.scripts import reported_scripts
from policybuilder.server_buffers import REFUSE_BYTES, WARN_BYTES
from policybuilder.suggestion.propose import Options, propose
from policybuilder.suggestion.sorting import Grounds
from policybuilder.suggestion.values import SuggestedSource, Suggestion, evidence_of
from policybuilder.times import Window, to_ms
from tests.support.evidence import OBSERVED, ORIGIN, PAGE, SEEN_AT, make_group, replace

STARTER = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'"
)
BASE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; img-src {}; object-src 'none'"


def policy_of(*groups: ViolationGroup) -> str:
    return str(propose("shop", groups).policy)


def sources_of(suggestion: Suggestion, directive: str) -> tuple[SuggestedSource, ...]:
    return {found.name: found.sources for found in suggestion.directives}[directive]


def codes_of(suggestion: Suggestion) -> list[str]:
    return [finding.code for finding in suggestion.findings]


@pytest.mark.parametrize("trusted", [True, False])
def test_what_a_report_only_policy_allowed_in_silence_stays_allowed(*, trusted: bool) -> None:
    """The rule most builders get wrong: replay would find nothing blocked, and every page would break."""
    group = make_group("img-src", "https://img.example/a.png", policies=[STARTER], trusted=trusted)
    suggestion = propose("shop", [group])
    img = "'self' data: https://img.example" if trusted else "'self' data:"
    assert str(suggestion.policy) == (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; base-uri 'none'; "
        "connect-src 'self'; font-src 'self'; frame-ancestors 'none'; frame-src 'self'; "
        f"img-src {img}; manifest-src 'self'; media-src 'self'; object-src 'self'; worker-src 'self'"
    )
    assert {source.rule for source in sources_of(suggestion, "style-src")} == {"unobserved-kept"}


def test_under_the_observe_baseline_the_policy_holds_what_was_seen_and_nothing_else() -> None:
    assert policy_of(make_group("img-src", "https://img.example/a.png")) == BASE.format("https://img.example")


def test_directives_stand_in_their_order_and_sources_by_kind_then_text() -> None:
    groups = [
        make_group("img-src", "https://b.example/1"),
        make_group("img-src", "data"),
        make_group("img-src", f"{ORIGIN}/logo.png"),
        make_group("img-src", "https://a.example/1"),
        make_group("worker-src", f"{ORIGIN}/w.js"),
        make_group("connect-src", f"{ORIGIN}/api"),
        make_group("style-src-elem", f"{ORIGIN}/a.css"),
        make_group("script-src", "wasm-eval", source_file=f"{ORIGIN}/app.js"),
        make_group("script-src-elem", f"{ORIGIN}/app.js"),
        make_group("script-src-elem", "https://cdn.example/a.js"),
    ]
    assert policy_of(*groups) == (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' https://cdn.example; style-src 'self'; "
        "base-uri 'none'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; "
        "img-src 'self' data: https://a.example https://b.example; object-src 'none'; worker-src 'self'"
    )


def test_every_source_of_the_policy_names_its_rule_reason_and_evidence() -> None:
    seen = [
        make_group("img-src", f"https://img.example/{number}.png", reports=number, pages=[f"{ORIGIN}/{number}"])
        for number in range(1, 8)
    ]
    (source,) = sources_of(propose("shop", seen), "img-src")
    assert (source.rule, source.evidence.reports, source.evidence.days) == ("other-origin", 28, 1)
    assert source.evidence.pages == tuple(f"{ORIGIN}/{number}" for number in (7, 6, 5, 4, 3))
    assert source.evidence.examples == tuple(f"https://img.example/{number}.png" for number in (7, 6, 5))
    assert source.evidence.first_seen_ms == to_ms(SEEN_AT)


def test_a_source_that_another_covers_is_dropped_and_leaves_it_its_evidence() -> None:
    group = make_group("img-src", "https://img.example/a.png", policies=["img-src https:"], reports=3)
    suggestion = propose("shop", [group])
    (source,) = sources_of(suggestion, "img-src")
    assert (source.source, source.evidence.reports) == ("https:", 3)


def test_what_strangers_report_is_held_until_somebody_vouches_for_it() -> None:
    mine = make_group("img-src", f"{ORIGIN}/a.png")
    theirs = make_group("script-src-elem", "https://cdn.example/a.js", trusted=False, reports=1_000_000)
    suggestion = propose("shop", [mine, theirs])
    assert str(suggestion.policy) == BASE.format("'self'")
    (held,) = suggestion.held
    assert (held.directive, held.source, held.evidence.reports) == ("script-src", "https://cdn.example", 1_000_000)
    assert "csp-collector import --trusted" in held.needs
    assert suggestion.replay.held == 1
    assert policy_of(mine, replace(theirs, trusted_reports=1)).startswith(
        "default-src 'none'; script-src https://cdn.example;"
    )


def test_what_the_policy_admits_anyway_is_not_held() -> None:
    mine = make_group("img-src", "https://img.example/a.png")
    theirs = make_group("img-src", "https://img.example/b.png", trusted=False)
    suggestion = propose("shop", [mine, theirs])
    assert suggestion.held == ()
    assert suggestion.replay.held == 0


FORGED = [
    make_group("img-src", "https://evil.example/a.png", policies=["default-src *; script-src * 'unsafe-inline'"]),
    make_group("img-src", "https://evil.example/a.png", policies=["img-src 'none'"]),
    make_group("img-src", "https://evil.example/a.png", policies=["sandbox; upgrade-insecure-requests"]),
    make_group("img-src", "https://evil.example/a.png", policies=[]),
    make_group("img-src", "https://evil.example/a.png", document_origin="https://evil.example"),
    make_group("img-src", f"{ORIGIN}/a.png", document_origin="about"),
    make_group("frame-ancestors", ORIGIN),
    make_group("form-action", "https://pay.example/", evidence_class=EvidenceClass.CONTRADICTION),
    make_group("script-src-elem", f"{ORIGIN}/a.js", evidence_class=EvidenceClass.CONTRADICTION),
    make_group("script-src-elem", "inline", evidence_class=EvidenceClass.ATTACK_LIKE),
    make_group("base-uri", "https://evil.example/"),
    make_group("object-src", "https://evil.example/"),
    make_group("sandbox", ""),
]


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize(
    "policies",
    [
        [OBSERVED],
        [STARTER],
        [f"img-src {ORIGIN}; form-action 'self'", "img-src 'self'; form-action 'self'"],
    ],
)
def test_nothing_that_strangers_report_changes_a_byte_of_a_policy_that_somebody_vouches_for(
    policies: Sequence[str], forged: ViolationGroup
) -> None:
    mine = [
        make_group("script-src-elem", f"{ORIGIN}/app.js", policies=policies),
        make_group("font-src", f"{ORIGIN}/frame.woff", policies=policies, document_origin="about"),
    ]
    stranger = replace(
        forged, trusted_reports=0, policies=tuple(replace(count, trusted_reports=0) for count in forged.policies)
    )
    assert policy_of(*mine, stranger) == policy_of(*mine)


def test_groups_in_any_order_give_the_same_suggestion() -> None:
    groups = [
        *(make_group("img-src", f"https://{host}.example/a.png") for host in "abcdef"),
        *(make_group("script-src-elem", f"https://{host}.example/a.js", trusted=False) for host in "abc"),
        make_group("script-src-elem", "inline", sample="go()"),
        make_group("img-src", "chrome-extension", evidence_class=EvidenceClass.EXTENSION, rule="extension-scheme"),
        make_group("frame-ancestors", ORIGIN),
    ]
    expected = propose("shop", groups)
    shuffler = random.Random(7)  # noqa: S311  (any order will do)
    for _ in range(20):
        shuffler.shuffle(groups)
        assert propose("shop", groups) == expected


def test_with_nothing_accepted_and_nothing_kept_there_is_no_policy() -> None:
    suggestion = propose("shop", [make_group("img-src", "https://img.example/a.png", trusted=False)])
    assert suggestion.policy is None
    assert suggestion.directives == ()
    assert codes_of(suggestion)[:2] == ["nothing-accepted", "no-trusted-evidence"]
    assert [held.source for held in suggestion.held] == ["https://img.example"]


def test_without_groups_there_is_no_policy() -> None:
    assert propose("shop", []).policy is None


@pytest.mark.parametrize("directive", ["form-action", "frame-ancestors"])
def test_a_directive_without_fallback_that_nothing_probed_is_never_assumed(directive: str) -> None:
    suggestion = propose("shop", [make_group(policies=["default-src 'none'"])])
    assert directive not in str(suggestion.policy)
    assert directive in [finding.directive for finding in suggestion.findings if finding.code == "unprobed"]


@pytest.mark.parametrize("directive", ["form-action", "frame-ancestors"])
def test_a_directive_without_fallback_that_was_named_and_silent_becomes_none(directive: str) -> None:
    suggestion = propose("shop", [make_group(policies=[f"default-src 'none'; {directive} 'none'"])])
    assert [source.source for source in sources_of(suggestion, directive)] == ["'none'"]
    assert sources_of(suggestion, directive)[0].rule == "base"


def test_a_fetch_directive_that_nothing_probed_leaves_default_src_open() -> None:
    suggestion = propose("shop", [make_group("img-src", policies=["img-src 'none'"])])
    assert str(suggestion.policy) == "base-uri 'none'; img-src https://img.example"
    unprobed = {finding.directive for finding in suggestion.findings if finding.code == "unprobed"}
    assert {"script-src", "connect-src", "form-action", "frame-ancestors"} <= unprobed
    assert "img-src" not in unprobed


def test_workers_do_not_inherit_the_scripts_sources_unless_they_were_seen() -> None:
    assert "worker-src 'none'" in policy_of(make_group("script-src-elem", "https://cdn.example/a.js"))


def test_directives_that_report_nothing_are_kept_when_every_observed_policy_has_them() -> None:
    with_both = "img-src 'none'; upgrade-insecure-requests; sandbox allow-scripts allow-forms"
    assert policy_of(make_group(policies=[with_both])) == (
        "base-uri 'none'; img-src https://img.example; sandbox allow-forms allow-scripts; upgrade-insecure-requests"
    )
    assert "sandbox" not in policy_of(make_group(policies=[with_both, "img-src 'none'"]))


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize(
    "evidence_class",
    [
        EvidenceClass.ATTACK_LIKE,
        EvidenceClass.EXTENSION,
        EvidenceClass.INJECTED,
        EvidenceClass.BOT,
        EvidenceClass.FOREIGN_HOST,
        EvidenceClass.MALFORMED,
        EvidenceClass.SUPERSEDED,
        EvidenceClass.CONTRADICTION,
    ],
)
def test_only_genuine_evidence_adds_sources_whoever_vouches(evidence_class: EvidenceClass, *, trusted: bool) -> None:
    mine = make_group("img-src", f"{ORIGIN}/a.png")
    other = make_group(evidence_class=evidence_class, rule="some-rule", trusted=trusted, reports=9)
    suggestion = propose("shop", [mine, other])
    assert str(suggestion.policy) == BASE.format("'self'")
    (excluded,) = suggestion.excluded
    assert (excluded.evidence_class, excluded.rule, excluded.reports) == (evidence_class, "some-rule", 9)
    assert suggestion.replay.excluded == 1


def test_attack_like_evidence_is_the_first_thing_said() -> None:
    groups = [make_group(), make_group("script-src-elem", "inline", evidence_class=EvidenceClass.ATTACK_LIKE)]
    assert codes_of(propose("shop", groups))[0] == "attack-like"


@pytest.mark.parametrize(
    ("directive", "is_unresolved"),
    [
        ("script-src-elem", True),
        ("script-src", True),
        ("form-action", True),
        ("img-src", False),
        ("style-src-elem", False),
    ],
)
def test_a_contradiction_is_unresolved_where_a_redirect_would_hurt(directive: str, *, is_unresolved: bool) -> None:
    group = make_group(directive, f"{ORIGIN}/x", evidence_class=EvidenceClass.CONTRADICTION, reports=4)
    suggestion = propose("shop", [make_group(), group])
    assert [(found.directive, found.reports) for found in suggestion.unresolved] == [(directive, 4)] * is_unresolved
    assert len(suggestion.excluded) == (not is_unresolved)


@pytest.mark.parametrize(
    "open_question",
    [
        make_group("frame-ancestors", ORIGIN),
        make_group("form-action", "https://pay.example/", evidence_class=EvidenceClass.CONTRADICTION),
    ],
)
def test_a_directive_with_an_open_question_of_the_operators_own_is_left_out(open_question: ViolationGroup) -> None:
    suggestion = propose("shop", [make_group(), open_question])
    assert suggestion.policy is not None
    assert suggestion.policy.directive(open_question.directive) is None
    assert [found.directive for found in suggestion.unresolved] == [open_question.directive]


def test_inline_code_is_held_and_never_turns_into_unsafe_inline() -> None:
    groups = [
        make_group("script-src-elem", "inline", sample="go()", sample_extent=SampleExtent.PREFIX),
        make_group("script-src-attr", "inline"),
        make_group("style-src-attr", "inline"),
        make_group("script-src", "eval"),
    ]
    suggestion = propose("shop", [make_group(), *groups])
    assert "unsafe" not in str(suggestion.policy)
    assert [(held.directive, held.source) for held in suggestion.held] == [
        ("script-src", "'unsafe-eval'"),
        ("script-src", "'unsafe-inline'"),
        ("script-src-attr", "'unsafe-inline'"),
        ("style-src-attr", "'unsafe-inline'"),
    ]


WHOLE: dict[str, Any] = {"sample_extent": SampleExtent.WHOLE}


def test_whole_inline_code_is_admitted_by_its_digest() -> None:
    """Elements and attributes apart: neither admits the text of the other."""
    groups = [
        make_group("script-src-elem", "inline", sample="go()", **WHOLE),
        make_group("script-src-attr", "inline", sample="go(this)", **WHOLE),
        make_group("style-src-elem", "inline", sample="b{}", sample_extent=SampleExtent.TRIMMED),
        make_group("style-src-attr", "inline", sample="color:red", **WHOLE),
    ]
    suggestion = propose("shop", [make_group(), *groups])
    assert suggestion.held == ()
    assert (suggestion.replay.allow, suggestion.replay.block, suggestion.replay.unknown) == (4, 0, 1)
    policy = str(suggestion.policy)
    assert f"script-src {hash_source('go()')};" in policy
    assert f"script-src-attr 'unsafe-hashes' {hash_source('go(this)')};" in policy
    assert f"style-src-attr 'unsafe-hashes' {hash_source('color:red')};" in policy
    (trimmed,) = sources_of(suggestion, "style-src")
    assert (trimmed.source, trimmed.rule) == (hash_source("b{}"), "inline-trimmed")


def test_a_javascript_url_needs_unsafe_hashes_beside_its_digest() -> None:
    url = "javascript:go()"
    suggestion = propose("shop", [make_group("script-src-elem", "inline", sample=url, **WHOLE)])
    assert f"script-src 'unsafe-hashes' {hash_source(url)};" in str(suggestion.policy)
    assert suggestion.replay.allow == 1


@pytest.mark.parametrize("directive", ["script-src", "style-src"])
def test_digests_never_switch_off_the_unsafe_inline_that_a_person_wants(directive: str) -> None:
    groups = [
        make_group(f"{directive}-elem", "inline", sample="go()", **WHOLE),
        make_group(f"{directive}-attr", "inline", sample="go(this)", **WHOLE),
        make_group(f"{directive}-elem", "inline", varies=True),
    ]
    decided = Decision(
        number=1,
        action=DecisionAction.ALLOW,
        directive=directive,
        subject="'unsafe-inline'",
        decided_at=SEEN_AT,
    )
    suggestion = propose("shop", [make_group(), *groups], Grounds(decisions=[decided]))
    assert f"{directive} 'unsafe-inline';" in str(suggestion.policy)
    assert "sha256" not in str(suggestion.policy)
    assert suggestion.replay.block == 0


def test_inline_code_that_varies_needs_a_nonce() -> None:
    groups = [
        make_group("script-src-elem", "inline", varies=True),
        make_group("style-src-attr", "inline", varies=True),
    ]
    suggestion = propose("shop", [make_group(), *groups])
    assert "script-src 'nonce-{NONCE}';" in str(suggestion.policy)
    assert suggestion.needs_nonce
    (held,) = suggestion.held
    assert (held.directive, held.source) == ("style-src-attr", "'unsafe-inline'")


def test_a_kept_nonce_becomes_the_placeholder() -> None:
    suggestion = propose("shop", [make_group(policies=["default-src 'none'; script-src 'nonce-blank'"])])
    assert [source.source for source in sources_of(suggestion, "script-src")] == [f"'nonce-{NONCE_PLACEHOLDER}'"]
    assert suggestion.needs_nonce
    assert not propose("shop", [make_group()]).needs_nonce


def test_what_only_strangers_say_a_policy_allows_is_kept_where_it_is_harmless() -> None:
    """Without a rehearsal the observed policy itself is hearsay: 'self' is worth keeping, a third party is not."""
    policy = "default-src 'self'; img-src 'self' data: https://evil.example; script-src 'self' 'unsafe-inline'"
    suggestion = propose("shop", [make_group(policies=[policy], trusted=False)])
    assert [source.source for source in sources_of(suggestion, "img-src")] == ["'self'", "data:"]
    assert [source.source for source in sources_of(suggestion, "script-src")] == ["'self'"]
    unvouched = [(f.directive, f.value) for f in suggestion.findings if f.code == "unvouched-policy"]
    assert unvouched == [("script-src", "'unsafe-inline'"), ("img-src", "https://evil.example")]


def test_accepted_evidence_whose_fate_reports_do_not_tell_is_counted_as_unknown() -> None:
    """'strict-dynamic' switches hosts off, and no report says which script inserted this one."""
    digest = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    policy = f"default-src 'none'; script-src {digest} 'strict-dynamic'"
    script = make_group("script-src-elem", "https://cdn.example/a.js", policies=[policy])
    replay = propose("shop", [script, make_group(policies=[policy])]).replay
    assert (replay.allow, replay.unknown, replay.block) == (1, 1, 0)


# Columns: group under the policy; code and severity of a finding.
FINDINGS = [
    (make_group("img-src", "http://img.example/a.png"), "insecure-origin", "medium"),
    (make_group("script-src-elem", "https://cdn.example/a.js"), "rehearsal-only", "info"),
    (make_group(policies=["script-src 'unsafe-inline'; img-src 'none'"]), "unsafe-inline-kept", "high"),
    (make_group(trusted=False), "no-trusted-evidence", "high"),
]


@pytest.mark.parametrize(("group", "code", "severity"), FINDINGS)
def test_a_risk_in_the_policy_is_a_finding(group: ViolationGroup, code: str, severity: str) -> None:
    found = {finding.code: finding for finding in propose("shop", [group]).findings}
    assert found[code].severity == severity
    assert found[code].message
    assert found[code].fix


def test_plain_evidence_under_the_baseline_has_no_findings_but_about_forms() -> None:
    suggestion = propose("shop", [make_group(), make_group("script-src-elem", f"{ORIGIN}/app.js")])
    assert codes_of(suggestion) == ["forms-unseen"]


@pytest.mark.parametrize(("bytes_", "severity"), [(WARN_BYTES, "medium"), (REFUSE_BYTES, "high"), (1_000, None)])
def test_a_header_too_large_for_servers_is_a_finding(bytes_: int, severity: str | None) -> None:
    hosts = bytes_ // len("https://h0000.example ") + 1
    groups = [make_group("img-src", f"https://h{number:04}.example/a.png") for number in range(hosts)]
    found = [finding for finding in propose("shop", groups).findings if finding.code == "header-size"]
    assert [finding.severity for finding in found] == ([] if severity is None else [severity])
    # It names what has no room for it, from the smallest up.
    assert all(("Tomcat (max" in finding.message) is (severity == "high") for finding in found)


def test_evidence_of_several_groups_is_summed_and_takes_the_busiest_days_reporters() -> None:
    groups = [make_group(reports=2, reporters=5, days=1), make_group("font-src", reports=3, reporters=4, days=9)]
    evidence = evidence_of(groups)
    assert (evidence.reports, evidence.reporters, evidence.days) == (5, 5, 9)
    assert evidence.pages == (PAGE,)
    assert evidence_of([]).reports == 0


@pytest.mark.parametrize(
    ("served", "kept"),
    [
        ("style-src 'self'; style-src-attr 'unsafe-inline'", "style-src-attr 'unsafe-inline'"),
        ("script-src 'self'; script-src-attr 'unsafe-inline'", "script-src-attr 'unsafe-inline'"),
        (
            "style-src 'self'; style-src-elem 'self' 'unsafe-inline'; style-src-attr 'none'",
            "style-src-elem 'self' 'unsafe-inline'",
        ),
    ],
)
def test_inline_code_that_only_elements_or_attributes_were_allowed_is_kept_apart(served: str, kept: str) -> None:
    """Folded into the parent it would be lost, and break pages while the replay stays clean."""
    policy = f"default-src 'self'; {served}"
    suggestion = propose("shop", [make_group("img-src", "https://img.example/a.png", policies=[policy])])
    written = [str(directive) for directive in suggestion.policy.directives] if suggestion.policy else []
    assert kept in written
    assert served.partition(";")[0] in written


def test_inline_code_of_both_kinds_is_kept_in_the_parent() -> None:
    policy = "default-src 'self'; style-src 'self' 'unsafe-inline'"
    suggestion = propose("shop", [make_group("img-src", "https://img.example/a.png", policies=[policy])])
    assert "style-src 'self' 'unsafe-inline'" in str(suggestion.policy)
    assert "-attr" not in str(suggestion.policy)
    assert "-elem" not in str(suggestion.policy)


def test_what_is_decided_for_a_while_is_said_before_it_ends() -> None:
    decision = Decision(
        number=3,
        action=DecisionAction.ALLOW,
        directive="font-src",
        subject="https://fonts.example",
        decided_at=SEEN_AT,
        until=SEEN_AT + timedelta(days=9),
    )
    soon = propose("shop", [make_group()], Grounds(decisions=[decision], now=SEEN_AT))
    (finding,) = [finding for finding in soon.findings if finding.code == "decision-expires"]
    assert (finding.directive, finding.value) == ("font-src", "https://fonts.example")
    assert "decision 3 (allow https://fonts.example) is obeyed until 2026-11-29 10:30 UTC" in finding.message
    early = Grounds(decisions=[decision], now=SEEN_AT - timedelta(days=6))
    assert "decision-expires" not in codes_of(propose("shop", [make_group()], early))


def test_what_is_reported_of_scripts_is_said_and_admits_none() -> None:
    def reported(url: str, *hashes: str) -> list[ScriptHash]:
        first = SEEN_AT - timedelta(days=20)
        return [ScriptHash(url, digest, 1, first + timedelta(days=at), SEEN_AT) for at, digest in enumerate(hashes)]

    digests = [f"sha256-{letter * 43}=" for letter in "AB"]
    scripts = reported_scripts(
        [
            *reported("https://cdn.example/changed.js", *digests),
            *reported(f"{ORIGIN}/stable.js", digests[0]),
            *reported("https://cdn.example/opaque.js", ""),
        ],
        Window(None, SEEN_AT),
        ["shop.example"],
    )
    suggestion = propose("shop", [make_group()], Grounds(scripts=scripts))
    found = {finding.code: finding for finding in suggestion.findings if finding.code.startswith("script-")}
    assert (found["script-changed"].severity, found["script-changed"].value) == (
        "high",
        "https://cdn.example/changed.js",
    )
    assert f'integrity="{digests[0]}" crossorigin' in found["script-stable"].message
    assert "add crossorigin" in found["script-without-cors"].message
    assert "script-src" not in str(suggestion.policy)


def test_a_site_with_forms_may_send_them_to_itself() -> None:
    """Firefox loses reports of the page that a form leaves."""
    pay = make_group("form-action", "https://pay.example/start")
    assert "form-action 'self' https://pay.example;" in policy_of(pay)
    rejected = Decision(
        number=1, action=DecisionAction.REJECT, directive="form-action", subject="'self'", decided_at=SEEN_AT
    )
    suggestion = propose("shop", [pay], Grounds(decisions=[rejected]))
    assert "form-action https://pay.example;" in str(suggestion.policy)
    without = propose("shop", [make_group()])
    assert "form-action 'none';" in str(without.policy)
    assert "forms-unseen" in codes_of(without)
    assert "forms-unseen" not in codes_of(propose("shop", [pay]))


def test_each_directive_says_under_which_policies_it_was_watched() -> None:
    groups = [make_group(policies=["img-src 'self'"]), make_group("font-src", policies=["default-src 'none'"])]
    found = {each.name: [under.policy for under in each.observed_under] for each in propose("shop", groups).directives}
    assert found["img-src"] == ["default-src 'none'", "img-src 'self'"]
    assert found["font-src"] == ["default-src 'none'"]
    assert found["base-uri"] == []


def test_elements_and_attributes_can_be_printed_apart() -> None:
    groups = [
        make_group("script-src-elem", f"{ORIGIN}/app.js"),
        make_group("script-src", "wasm-eval", source_file=f"{ORIGIN}/app.js"),
        make_group("script-src-attr", "inline", sample="go()", **WHOLE),
        make_group("style-src-elem", f"{ORIGIN}/app.css"),
    ]
    folded = propose("shop", groups)
    apart = propose("shop", groups, options=Options(is_split=True))
    assert diff(str(folded.policy), str(apart.policy)).relation == "same"
    policy = str(apart.policy)
    assert "script-src 'self' 'wasm-unsafe-eval'; script-src-attr 'unsafe-hashes'" in policy
    assert "script-src-elem 'self'; style-src 'self'; style-src-attr 'none'; style-src-elem 'self'" in policy
