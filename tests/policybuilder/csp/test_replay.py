"""Tests of replay: what a report settles, and what it cannot."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.csp import (
    Browser,
    Disposition,
    SampleExtent,
    Verdict,
    Violation,
    decide,
    decide_all,
    hash_source,
    parse_serialized_policy,
    parse_serialized_policy_list,
    question_of,
)
from policybuilder.csp.violation import KEYWORD_BLOCKED_URIS

ALLOW, BLOCK, UNKNOWN = Verdict.ALLOW, Verdict.BLOCK, Verdict.UNKNOWN
PAGE = "https://page.example/doc"
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
LIB = "https://cdn.example/app/lib.js"
CODE = "go()"
DIGEST = hash_source(CODE)
OTHER = hash_source("other")


def make_violation(effective_directive: str, blocked_uri: str, **known: Any) -> Violation:
    return Violation(
        **{"document_uri": PAGE, "original_policy": NOTHING, **known},
        effective_directive=effective_directive,
        blocked_uri=blocked_uri,
    )


def verdict_of(policy: str, violation: Violation) -> Verdict:
    return decide(parse_serialized_policy(policy), question_of(violation)).verdict


# Columns: effective directive, blocked URI, candidate policy; verdict.
EXACT = [
    ("img-src", LIB, "", ALLOW),
    ("img-src", LIB, "img-src 'none'", BLOCK),
    ("img-src", LIB, "img-src", BLOCK),
    ("img-src", LIB, "img-src https://cdn.example/app/", ALLOW),
    ("img-src", LIB, "img-src https://cdn.example/other/", BLOCK),
    ("img-src", "data", "img-src data:", ALLOW),
    ("img-src", "data", "img-src *", BLOCK),
    ("worker-src", "blob", "worker-src blob:", ALLOW),
    ("connect-src", "wss://rt.example/s", "connect-src wss://rt.example", ALLOW),
    ("connect-src", "wss://rt.example/s", "connect-src https:", BLOCK),
    ("script-src", "eval", "script-src 'self'", BLOCK),
    ("script-src", "eval", "script-src 'unsafe-eval'", ALLOW),
    ("script-src", "wasm-eval", "script-src 'wasm-unsafe-eval'", ALLOW),
    ("base-uri", "https://b.example/", "base-uri https://b.example", ALLOW),
    ("base-uri", "https://b.example/", "base-uri 'self'", BLOCK),
    ("form-action", "https://b.example/post", "form-action https://b.example", ALLOW),
    ("form-action", "https://b.example/post", "form-action 'self'", BLOCK),
    ("img-src", "https://page.example/x", "default-src 'self'", ALLOW),
    ("img-src", "http://cdn.example/x", "upgrade-insecure-requests; img-src https:", ALLOW),
    ("connect-src", "http://cdn.example/x", "connect-src https:", BLOCK),
]


@pytest.mark.parametrize(("directive", "blocked", "policy", "verdict"), EXACT)
def test_a_full_url_settles_the_matter(directive: str, blocked: str, policy: str, verdict: Verdict) -> None:
    assert verdict_of(policy, make_violation(directive, blocked)) is verdict


# Columns: effective directive, blocked URI, candidate policy; verdict.
ORIGIN_ONLY = [
    ("frame-src", "https://f.example", "frame-src https://f.example", ALLOW),
    ("frame-src", "https://f.example", "frame-src https://f.example/app/", UNKNOWN),
    ("frame-src", "https://f.example", "frame-src https://g.example/app/", BLOCK),
    ("frame-src", "https://f.example", "frame-src https://f.example:8443/app/", BLOCK),
    ("frame-src", "https://f.example/", "frame-src https://f.example/app/", UNKNOWN),
    ("object-src", "https://f.example", "default-src https://f.example/x", UNKNOWN),
    ("frame-src", "https://page.example/", "frame-src https://page.example/app/", BLOCK),
    ("frame-src", "https://page.example/app/f", "frame-src https://page.example/app/", ALLOW),
    ("img-src", "https://f.example", "img-src https://f.example/app/", UNKNOWN),
    ("img-src", "https://f.example/", "img-src https://f.example/app/", BLOCK),
    # a frame of data:, mailto: or an app's own scheme: reports do not say which
    ("frame-src", "", "frame-src data:", UNKNOWN),
    ("frame-src", "", "frame-src mailto:", UNKNOWN),
    ("frame-src", "", "frame-src https: *", BLOCK),
    ("frame-src", "", "frame-src *", BLOCK),
    ("img-src", "", "img-src https://f.example", UNKNOWN),
    ("img-src", "self", "img-src 'none'", BLOCK),
]


@pytest.mark.parametrize(("directive", "blocked", "policy", "verdict"), ORIGIN_ONLY)
def test_a_cut_url_leaves_paths_open(directive: str, blocked: str, policy: str, verdict: Verdict) -> None:
    assert verdict_of(policy, make_violation(directive, blocked)) is verdict


# Columns: effective directive, recorded policy, candidate policy; verdict. The recorded policy allows what it reports.
REDIRECTED = [
    ("img-src", "img-src https://cdn.example", "img-src https://cdn.example", UNKNOWN),
    ("img-src", "img-src https://cdn.example", "img-src https:", UNKNOWN),
    ("img-src", "img-src https://cdn.example", "img-src http:", ALLOW),
    ("img-src", "img-src https://cdn.example", "img-src *", ALLOW),
    ("img-src", "img-src https://cdn.example", "font-src 'none'", ALLOW),
    ("img-src", "img-src https://cdn.example", "img-src https://x.example", BLOCK),
    ("img-src", "img-src https://cdn.example", "img-src https://cdn.example/other/", BLOCK),
    ("img-src", "img-src https://cdn.example", "img-src 'none'", BLOCK),
    ("script-src-elem", "script-src cdn.example 'nonce-a'", "script-src cdn.example", UNKNOWN),
    ("script-src-elem", "script-src 'nonce-a' 'strict-dynamic'", "script-src cdn.example", ALLOW),
    ("form-action", "form-action https://cdn.example", "form-action https://cdn.example", UNKNOWN),
    ("form-action", "form-action https://cdn.example", "form-action 'self'", BLOCK),
    ("form-action", "form-action https://cdn.example", "img-src 'none'", ALLOW),
    ("base-uri", "base-uri https://cdn.example", "base-uri https://cdn.example", ALLOW),
    ("img-src", "", "img-src https://cdn.example", ALLOW),
]


@pytest.mark.parametrize(("directive", "recorded", "policy", "verdict"), REDIRECTED)
def test_a_redirects_target_is_not_reported(directive: str, recorded: str, policy: str, verdict: Verdict) -> None:
    assert verdict_of(policy, make_violation(directive, LIB, original_policy=recorded)) is verdict


def test_a_cut_url_that_the_recorded_policy_may_allow_may_have_been_redirected() -> None:
    recorded = "frame-src https://f.example/app/"
    violation = make_violation("frame-src", "https://f.example", original_policy=recorded)
    assert verdict_of("frame-src https://f.example", violation) is UNKNOWN
    assert verdict_of("frame-src https://g.example", violation) is BLOCK


# Columns: effective directive, candidate policy; verdict. The URL is that of an external script or style.
EXTERNAL = [
    ("script-src-elem", "script-src cdn.example 'nonce-a'", ALLOW),
    ("script-src-elem", "script-src 'self' 'nonce-a'", UNKNOWN),
    ("script-src-elem", "script-src 'self' 'nonce-{NONCE}'", UNKNOWN),
    ("style-src-elem", "style-src 'self' 'nonce-a'", UNKNOWN),
    ("style-src-elem", "style-src cdn.example 'nonce-a'", ALLOW),
    ("style-src-elem", "style-src 'self'", BLOCK),
    ("img-src", "img-src 'self' 'nonce-a'", BLOCK),
    ("script-src-elem", f"script-src cdn.example {DIGEST}", ALLOW),
    ("script-src-elem", f"script-src 'self' {DIGEST}", UNKNOWN),
    ("style-src-elem", f"style-src 'self' {DIGEST}", BLOCK),
    ("script-src-elem", "script-src cdn.example 'strict-dynamic'", UNKNOWN),
    ("script-src-elem", "script-src cdn.example 'strict-dynamic' 'nonce-a'", UNKNOWN),
    ("script-src-elem", "script-src 'self'", BLOCK),
    ("worker-src", "script-src 'strict-dynamic' 'nonce-a'", ALLOW),
    ("worker-src", "script-src 'self' 'nonce-a'", BLOCK),
]


@pytest.mark.parametrize(("directive", "policy", "verdict"), EXTERNAL)
def test_nonce_integrity_and_inserter_are_not_reported(directive: str, policy: str, verdict: Verdict) -> None:
    assert verdict_of(policy, make_violation(directive, LIB)) is verdict


WHOLE = {"sample": CODE, "sample_extent": SampleExtent.WHOLE}
TRIMMED = {"sample": CODE, "sample_extent": SampleExtent.TRIMMED}
NAME = "app"
WHOLE_NAME = {"sample": NAME, "sample_extent": SampleExtent.WHOLE}
NAME_PREFIX = {"sample": NAME, "sample_extent": SampleExtent.PREFIX}
PREFIX = {"sample": CODE, "sample_extent": SampleExtent.PREFIX}
LINK = {"sample": "javascript:go()", "sample_extent": SampleExtent.WHOLE}

# Columns: effective directive, sample, candidate policy; verdict.
INLINE: list[tuple[str, dict[str, Any], str, Verdict]] = [
    ("script-src-elem", {}, "img-src x", ALLOW),
    ("script-src-elem", {}, "script-src 'unsafe-inline'", ALLOW),
    ("script-src-elem", {}, "script-src 'self'", BLOCK),
    ("script-src-elem", {}, "script-src 'nonce-a'", UNKNOWN),
    ("script-src-elem", WHOLE, "script-src 'nonce-{NONCE}'", ALLOW),
    ("style-src-elem", {}, "style-src 'nonce-{NONCE}'", ALLOW),
    ("script-src-elem", {}, "script-src 'nonce-{NONCE}'", UNKNOWN),
    ("script-src-attr", {}, "script-src 'nonce-{NONCE}'", BLOCK),
    ("script-src-attr", {}, "script-src 'nonce-a'", BLOCK),
    ("style-src-attr", {}, "style-src 'nonce-a'", BLOCK),
    ("script-src-elem", WHOLE, "script-src 'strict-dynamic'", UNKNOWN),
    ("script-src-attr", {}, "script-src 'strict-dynamic'", BLOCK),
    ("script-src-elem", WHOLE, f"script-src {DIGEST}", ALLOW),
    ("script-src-elem", WHOLE, f"script-src {OTHER}", BLOCK),
    ("script-src-elem", TRIMMED, f"script-src {DIGEST}", UNKNOWN),
    ("script-src-elem", TRIMMED, f"script-src {OTHER}", UNKNOWN),
    ("script-src-elem", PREFIX, f"script-src {DIGEST}", UNKNOWN),
    ("style-src-elem", {}, f"style-src {DIGEST}", UNKNOWN),
    ("script-src-attr", WHOLE, f"script-src {DIGEST}", BLOCK),
    ("script-src-attr", {}, f"script-src {DIGEST}", BLOCK),
    ("script-src-attr", WHOLE, f"script-src {DIGEST} 'unsafe-hashes'", ALLOW),
    ("script-src-attr", WHOLE, f"script-src {OTHER} 'unsafe-hashes'", BLOCK),
    ("script-src-attr", TRIMMED, f"script-src {DIGEST} 'unsafe-hashes'", UNKNOWN),
    ("style-src-attr", {}, f"style-src {DIGEST} 'unsafe-hashes'", UNKNOWN),
    # a javascript: URL, or a script that begins with a label
    ("script-src-elem", LINK, f"script-src {hash_source('javascript:go()')} 'unsafe-hashes'", ALLOW),
    ("script-src-elem", LINK, f"script-src {hash_source('javascript:go()')}", UNKNOWN),
    ("script-src-elem", LINK, "script-src 'self'", BLOCK),
    # an old browser names the parent: element or handler
    ("script-src", {}, "script-src 'unsafe-inline'", ALLOW),
    ("script-src", {}, "script-src 'self'", BLOCK),
    ("script-src", WHOLE, f"script-src {DIGEST}", UNKNOWN),
    ("script-src", WHOLE, f"script-src {DIGEST} 'unsafe-hashes'", ALLOW),
    ("script-src", {}, "script-src 'self'; script-src-attr 'unsafe-inline'", UNKNOWN),
    ("style-src", {}, "style-src 'self'; style-src-attr 'unsafe-inline'", UNKNOWN),
    ("style-src", {}, "style-src 'unsafe-inline'", ALLOW),
    ("default-src", {}, "default-src 'unsafe-inline'", ALLOW),
    ("default-src", {}, "script-src 'unsafe-inline'", ALLOW),
    ("default-src", {}, "script-src 'unsafe-inline'; default-src 'self'", UNKNOWN),
    ("default-src", {}, "default-src 'self'", BLOCK),
]


@pytest.mark.parametrize(("directive", "sample", "policy", "verdict"), INLINE)
def test_inline_code_is_judged_by_what_its_report_shows(
    directive: str, sample: dict[str, Any], policy: str, verdict: Verdict
) -> None:
    assert verdict_of(policy, make_violation(directive, "inline", **sample)) is verdict


def test_a_matching_digest_of_trimmed_code_is_a_hint() -> None:
    violation = make_violation("script-src-elem", "inline", **TRIMMED)
    decision = decide(parse_serialized_policy(f"script-src {DIGEST}"), question_of(violation))
    assert decision.reason == f"{DIGEST} may admit it, but the digest is the same if no white space surrounds the code"


def test_injected_code_does_not_carry_the_placeholder() -> None:
    question = question_of(make_violation("script-src-elem", "inline", **WHOLE))
    policy = parse_serialized_policy("script-src 'nonce-{NONCE}'")
    assert decide(policy, question).verdict is ALLOW
    assert decide(policy, question._replace(nonce="")).verdict is BLOCK


# Columns: effective directive, blocked URI, candidate policy; verdict. Old browsers were brief.
OLD = [
    ("script-src", "self", "script-src 'unsafe-inline'", UNKNOWN),
    ("script-src", "self", "script-src 'unsafe-inline' 'unsafe-eval'", ALLOW),
    ("script-src", "", "script-src 'self'", BLOCK),
    ("style-src", "self", "style-src 'unsafe-inline'", ALLOW),
    ("script-src", LIB, "script-src cdn.example", ALLOW),
    ("script-src", LIB, "script-src 'self'", BLOCK),
    ("script-src", LIB, "script-src 'self'; script-src-elem cdn.example", UNKNOWN),
    ("child-src", LIB, "child-src cdn.example", ALLOW),
    ("child-src", LIB, "child-src 'none'; frame-src cdn.example", UNKNOWN),
    ("default-src", LIB, "default-src cdn.example", ALLOW),
    ("default-src", LIB, "default-src 'none'", BLOCK),
    ("default-src", LIB, "default-src 'none'; img-src cdn.example", UNKNOWN),
    ("prefetch-src", LIB, "default-src cdn.example", ALLOW),
    ("prefetch-src", LIB, "default-src 'none'; img-src cdn.example", UNKNOWN),
    ("prefetch-src", LIB, "default-src 'none'", BLOCK),
]


@pytest.mark.parametrize(("directive", "blocked", "policy", "verdict"), OLD)
def test_all_that_an_old_report_may_mean_must_agree(
    directive: str, blocked: str, policy: str, verdict: Verdict
) -> None:
    assert verdict_of(policy, make_violation(directive, blocked)) is verdict


# Columns: blocked URI, candidate policy; verdict.
ANCESTORS = [
    ("", "frame-ancestors 'none'", BLOCK),
    ("", "frame-ancestors", BLOCK),
    ("", "img-src x", ALLOW),
    # what frames it may have no origin: a data: page, or a sandboxed one
    ("", "frame-ancestors *", UNKNOWN),
    ("", "frame-ancestors http: https:", UNKNOWN),
    ("", "frame-ancestors 'self'", UNKNOWN),
    ("https://page.example/", "frame-ancestors https://partner.example", UNKNOWN),
    ("https://partner.example/", "frame-ancestors https://partner.example", ALLOW),
    ("https://partner.example/", "frame-ancestors 'self'", BLOCK),
    ("https://partner.example/", "frame-ancestors https://partner.example/app/", UNKNOWN),
]


@pytest.mark.parametrize(("blocked", "policy", "verdict"), ANCESTORS)
def test_the_ancestor_is_seldom_reported(blocked: str, policy: str, verdict: Verdict) -> None:
    assert verdict_of(policy, make_violation("frame-ancestors", blocked)) is verdict


# Columns: recorded policy, sample and extent, candidate policy; verdict.
NAMES = [
    ("trusted-types a", WHOLE_NAME, f"trusted-types {NAME}", ALLOW),
    ("trusted-types a", WHOLE_NAME, "trusted-types a", BLOCK),
    ("trusted-types a", NAME_PREFIX, f"trusted-types {NAME}more", UNKNOWN),
    ("trusted-types a", NAME_PREFIX, "trusted-types b", BLOCK),
    ("trusted-types a", NAME_PREFIX, "trusted-types *", ALLOW),
    ("trusted-types a", {}, "trusted-types b", UNKNOWN),
    ("", WHOLE_NAME, f"trusted-types {NAME}", ALLOW),
    # listed and yet refused: the name was taken
    (f"trusted-types {NAME}", WHOLE_NAME, f"trusted-types {NAME}", BLOCK),
    (f"trusted-types {NAME}", WHOLE_NAME, f"trusted-types {NAME} 'allow-duplicates'", ALLOW),
    ("trusted-types a", {}, "trusted-types 'none'", BLOCK),
    ("trusted-types a", {}, "trusted-types * 'allow-duplicates'", ALLOW),
    ("trusted-types a", {}, "trusted-types *", UNKNOWN),
]


@pytest.mark.parametrize(("recorded", "sample", "policy", "verdict"), NAMES)
def test_a_trusted_types_name_is_in_the_sample(
    recorded: str, sample: dict[str, Any], policy: str, verdict: Verdict
) -> None:
    violation = make_violation("trusted-types", "trusted-types-policy", original_policy=recorded, **sample)
    assert verdict_of(policy, violation) is verdict


def test_a_sink_is_blocked_where_sinks_are_locked() -> None:
    violation = make_violation("require-trusted-types-for", "trusted-types-sink")
    assert verdict_of("require-trusted-types-for 'script'", violation) is BLOCK
    assert verdict_of("script-src 'self'", violation) is ALLOW


# Columns: effective directive, blocked URI, candidate policy. Chromium and Firefox would do different things.
CONTESTED = [
    ("img-src", "https://cdn.example:8080/x", "img-src http://cdn.example:8080"),
    ("style-src-elem", "inline", "default-src 'unsafe-inline' 'strict-dynamic'"),
    ("img-src", LIB, "img-src */app/"),
    ("img-src", LIB, "img-src https://cdn.example:0443"),
    ("img-src", "http://cdn.example/x", "img-src https:"),
    ("script-src-attr", "inline", f"script-src {DIGEST.replace('=', '')} 'unsafe-hashes'"),
    ("script-src-attr", "inline", f"script-src {DIGEST.replace('sha256', 'sha-256')} 'unsafe-hashes'"),
    ("script-src-attr", "inline", f"script-src {DIGEST.replace('sha256', 'sha-256')} 'unsafe-inline'"),
]


@pytest.mark.parametrize(("directive", "blocked", "policy"), CONTESTED)
def test_where_browsers_differ_nobody_can_tell(directive: str, blocked: str, policy: str) -> None:
    assert verdict_of(policy, make_violation(directive, blocked, **WHOLE)) is UNKNOWN


def test_where_browsers_differ_each_has_its_answer() -> None:
    question = question_of(make_violation("img-src", "https://cdn.example:8080/x"))
    policy = parse_serialized_policy("img-src http://cdn.example:8080")
    assert decide(policy, question._replace(browser=Browser.CHROMIUM)).verdict is BLOCK
    assert decide(policy, question._replace(browser=Browser.FIREFOX)).verdict is ALLOW
    assert decide(policy, question).reason.startswith("Chromium would block, Firefox allow")


def test_firefox_does_not_check_where_a_form_is_redirected() -> None:
    question = question_of(make_violation("form-action", LIB))
    policy = parse_serialized_policy("form-action 'self'")
    redirected = question._replace(browser=Browser.FIREFOX, redirected=True)
    assert decide(policy, redirected).verdict is ALLOW
    assert decide(policy, redirected._replace(via=LIB)).verdict is BLOCK


# Columns: document URI, candidate policy; verdict. The blocked URI is https://page.example/x.
PAGES = [
    ("about", "img-src 'self'", UNKNOWN),
    ("blob", "img-src page.example", UNKNOWN),
    ("about", "img-src https://page.example", ALLOW),
    ("about", "img-src other.example", BLOCK),
    ("https://page.example/worker.js", "img-src 'self'", ALLOW),
]


@pytest.mark.parametrize(("document_uri", "policy", "verdict"), PAGES)
def test_a_document_without_origin_leaves_self_open(document_uri: str, policy: str, verdict: Verdict) -> None:
    violation = make_violation("img-src", "https://page.example/x", document_uri=document_uri)
    assert verdict_of(policy, violation) is verdict


# Columns: policies; verdict. The blocked URI is the library, under script-src-elem.
SEVERAL = [
    ("", ALLOW),
    ("script-src cdn.example, default-src https:", ALLOW),
    ("script-src cdn.example, default-src 'none'", BLOCK),
    ("script-src cdn.example, script-src 'nonce-a'", UNKNOWN),
    ("script-src 'nonce-a', script-src 'none'", BLOCK),
]


@pytest.mark.parametrize(("policies", "verdict"), SEVERAL)
def test_several_policies_must_all_allow(policies: str, verdict: Verdict) -> None:
    question = question_of(make_violation("script-src-elem", LIB))
    assert decide_all(parse_serialized_policy_list(policies).policies, question).verdict is verdict


WORDS = st.sampled_from(
    [
        *("script-src", "script-src-elem", "script-src-attr", "style-src", "default-src", "img-src", "frame-src"),
        *("child-src", "frame-ancestors", "trusted-types", "form-action", "prefetch-src", "sandbox", "webrtc"),
        "worker-src",
    ]
)
URIS = (
    st.text(max_size=20)
    | st.sampled_from(sorted(KEYWORD_BLOCKED_URIS))
    | st.sampled_from([LIB, PAGE, "data", "http:", "http://cdn.example/x", "https://f.example"])
)
TOKENS = st.sampled_from(
    [
        *("default-src", "script-src", "img-src", "trusted-types", "frame-ancestors", "form-action", ";", ",", "*"),
        *("'self'", "'none'", "https:", "cdn.example", "'nonce-a'", DIGEST, "'strict-dynamic'", "'unsafe-inline'"),
    ]
)
POLICIES = st.text(max_size=60) | st.lists(TOKENS).map(" ".join)


@given(
    recorded=POLICIES,
    candidate=POLICIES,
    directive=WORDS | st.text(max_size=10),
    blocked=URIS,
    page=URIS,
    sample=st.text(max_size=10),
    extent=st.sampled_from(SampleExtent),
)
def test_any_report_gets_an_answer(
    *, recorded: str, candidate: str, directive: str, blocked: str, page: str, sample: str, extent: SampleExtent
) -> None:
    """Nothing in a report or a policy raises, and what is known in both browsers' favour is known in each."""
    violation = make_violation(
        directive, blocked, document_uri=page, original_policy=recorded, sample=sample, sample_extent=extent
    )
    question, policy = question_of(violation), parse_serialized_policy(candidate)
    decision = decide(policy, question)
    if decision.verdict is not UNKNOWN:
        for browser in Browser:
            assert decide(policy, question._replace(browser=browser, alternatives=())).verdict is decision.verdict


@given(candidate=POLICIES, directive=WORDS, blocked=URIS, facts=st.data())
def test_an_answer_survives_every_fact_that_may_come_to_light(
    candidate: str, directive: str, blocked: str, facts: st.DataObject
) -> None:
    """What is decided without nonce, integrity and inserter is decided the same with any of them.

    But for the placeholder, which stands for a promise; it is not among the candidates.
    """
    question, policy = question_of(make_violation(directive, blocked, **WHOLE)), parse_serialized_policy(candidate)
    decision = decide(policy, question)
    revealed = question._replace(
        nonce=facts.draw(st.sampled_from(["", "a", "b"])),
        integrity=facts.draw(st.sampled_from(["", DIGEST.strip("'"), OTHER.strip("'")])),
        parser_inserted=facts.draw(st.booleans()),
        browser=facts.draw(st.sampled_from(Browser)),
        alternatives=(),
    )
    if decision.verdict is not UNKNOWN:
        assert decide(policy, revealed).verdict is decision.verdict


UPGRADING = "upgrade-insecure-requests; connect-src 'none'"
LOCKING = "script-src 'self'; require-trusted-types-for 'script'"
ENFORCE, REPORT = Disposition.ENFORCE, Disposition.REPORT

# Columns: recorded policy and its disposition, directive and blocked URI, candidate policy; verdict.
DISPOSED = [
    # Enforced, Chromium names a picture as upgraded: one over http came from srcset or has an IP address.
    ("img-src", ENFORCE, "img-src http://cdn.example/x", "img-src https:", BLOCK),
    ("img-src", REPORT, "img-src http://cdn.example/x", "img-src https:", UNKNOWN),
    ("img-src", REPORT, "img-src http://192.0.2.9/x", "img-src https:", BLOCK),
    ("img-src", REPORT, "img-src http://cdn.example/x", "img-src http:", ALLOW),
    ("media-src", REPORT, "media-src http://cdn.example/x", "media-src https:", BLOCK),
    # The recorded policy had upgraded what the page asked for over http, perhaps.
    (UPGRADING, ENFORCE, "connect-src https://cdn.example/x", "connect-src https:", UNKNOWN),
    (UPGRADING, ENFORCE, "connect-src https://cdn.example/x", "connect-src http:", ALLOW),
    (UPGRADING, ENFORCE, "connect-src wss://cdn.example/x", "connect-src wss:", UNKNOWN),
    (UPGRADING, REPORT, "connect-src https://cdn.example/x", "connect-src https:", ALLOW),
    # Strings have no Trusted Type to pass a locked sink with, unless sinks were locked before.
    ("script-src", ENFORCE, "script-src eval", f"script-src 'unsafe-eval'; {LOCKING[19:]}", BLOCK),
    (LOCKING, ENFORCE, "script-src eval", f"script-src 'unsafe-eval'; {LOCKING[19:]}", ALLOW),
    ("base-uri", ENFORCE, "base-uri https://b.example", "base-uri https://b.example/x/", UNKNOWN),
]


@pytest.mark.parametrize(("recorded", "disposition", "blocked", "policy", "verdict"), DISPOSED)
def test_what_the_recorded_policy_did_is_taken_into_account(
    recorded: str, disposition: Disposition, blocked: str, policy: str, verdict: Verdict
) -> None:
    violation = make_violation(*blocked.split(), original_policy=recorded, disposition=disposition)
    assert verdict_of(policy, violation) is verdict


# Columns: directive, blocked URI, a policy that admits every URL of the network.
ADMITTING_ALL = [
    ("frame-src", "", "frame-src * data:"),
    ("frame-ancestors", "https://page.example/", "frame-ancestors *"),
    ("frame-ancestors", "", "frame-ancestors http: https:"),
    ("form-action", "https://a.example/login", "form-action *"),
    ("form-action", "https://a.example/login", "form-action http: https:"),
    ("frame-src", "https://a.example", "frame-src *"),
]


@pytest.mark.parametrize(("directive", "blocked", "policy"), ADMITTING_ALL)
def test_a_report_is_never_allowed_by_the_policy_that_caused_it(directive: str, blocked: str, policy: str) -> None:
    """A form or a frame was sent to an app's scheme, or framed by what has no origin: Chromium names neither."""
    assert verdict_of(policy, make_violation(directive, blocked, original_policy=policy)) is UNKNOWN
