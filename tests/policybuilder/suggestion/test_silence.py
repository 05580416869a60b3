"""Tests of silence: what every observed policy allowed is kept, since no report could tell of its use."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from policybuilder.csp import NONCE_PLACEHOLDER, parse_serialized_policy
from policybuilder.suggestion.silence import (
    Observed,
    is_harmless,
    kept_sources,
    kept_without_reports,
    observed_policies,
)
from tests.support.evidence import OBSERVED, ORIGIN, canonical_text, make_group

STARTER = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'"
)
# As Firefox's reports spell the same policy: sources in another order, its own quoting, a reporting directive.
STARTER_BY_FIREFOX = (
    "default-src 'self'; script-src 'self'; style-src 'unsafe-inline' 'self'; img-src data: 'self'; "
    "connect-src 'self'; frame-ancestors 'none'; report-uri http://127.0.0.1:8000/report/default"
)
NONCE = f"'nonce-{NONCE_PLACEHOLDER}'"
DIGEST = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"

# Columns: directive, observed policies; what is kept, in any order.
KEPT: list[tuple[str, Sequence[str], set[str]]] = [
    # The issue's own case.
    ("script-src", [STARTER], {"'self'"}),
    ("style-src", [STARTER], {"'self'", "'unsafe-inline'"}),
    ("img-src", [STARTER], {"'self'", "data:"}),
    ("connect-src", [STARTER], {"'self'"}),
    ("font-src", [STARTER], {"'self'"}),
    ("worker-src", [STARTER], {"'self'"}),
    ("frame-ancestors", [STARTER], set()),
    # Browsers' spellings of one policy are one policy.
    ("style-src", [STARTER, STARTER_BY_FIREFOX], {"'self'", "'unsafe-inline'"}),
    ("img-src", [STARTER, STARTER_BY_FIREFOX], {"'self'", "data:"}),
    # The observe baseline admits nothing, so all was reported.
    ("script-src", [OBSERVED], set()),
    ("img-src", [STARTER, OBSERVED], set()),
    # Of several policies only what all admit went unreported.
    ("img-src", ["img-src 'self' data:", "img-src 'self' blob:"], {"'self'"}),
    ("img-src", ["img-src https://a.example", "img-src https://b.example"], set()),
    ("img-src", ["img-src https:", "img-src https://a.example"], {"https://a.example"}),
    ("img-src", ["img-src *", "img-src 'self' https://a.example data:"], {"'self'", "https://a.example"}),
    ("img-src", ["img-src https:", "img-src 'self'"], {"'self'"}),
    ("img-src", [f"img-src {ORIGIN}", "img-src 'self'"], {"'self'"}),
    ("img-src", ["img-src http:", "img-src 'self'"], {"'self'"}),
    ("img-src", ["img-src wss:", "img-src 'self'"], set()),
    # A policy that does not restrict the directive admits all, and says nothing against the others.
    ("img-src", ["script-src 'self'", "img-src 'self'"], {"'self'"}),
    ("img-src", ["default-src 'self'", "img-src 'self' data:"], {"'self'"}),
    # Nonces stand for the page's own, hashes for themselves.
    ("script-src", ["script-src 'nonce-abc'"], {NONCE}),
    ("script-src", ["script-src 'nonce-abc'", "script-src 'nonce-def'"], {NONCE}),
    ("script-src", ["script-src 'nonce-abc'", "script-src 'self'"], set()),
    ("script-src", [f"script-src {DIGEST}"], {DIGEST}),
    ("script-src", [f"script-src {DIGEST}", "script-src 'self'"], set()),
    ("script-src", ["script-src 'nonce-abc' 'strict-dynamic'"], {NONCE, "'strict-dynamic'"}),
    # A nonce, a hash or 'strict-dynamic' switches 'unsafe-inline' off: then it was no inline code's permit.
    ("script-src", ["script-src 'unsafe-inline'"], {"'unsafe-inline'"}),
    ("script-src", ["script-src 'unsafe-inline' 'nonce-abc'"], {NONCE}),
    ("script-src", ["script-src 'unsafe-inline' 'nonce-abc'", "script-src 'unsafe-inline'"], {NONCE}),
    ("script-src", [f"script-src {DIGEST}", "script-src 'unsafe-inline'"], {DIGEST}),
    (
        "script-src",
        [f"script-src 'unsafe-hashes' {DIGEST}", "script-src 'unsafe-inline'"],
        {"'unsafe-hashes'", DIGEST},
    ),
    ("script-src", ["script-src 'unsafe-eval' 'wasm-unsafe-eval'"], {"'unsafe-eval'", "'wasm-unsafe-eval'"}),
    ("script-src", ["script-src 'unsafe-eval'", "script-src 'self'"], set()),
    # They admit nothing, or nothing there.
    ("script-src", ["script-src 'report-sample' 'report-sha256' 'self'"], {"'self'"}),
    ("img-src", ["img-src 'unsafe-inline' 'nonce-abc' 'self'"], {"'self'"}),
    ("img-src", ["default-src 'self' 'unsafe-inline' 'unsafe-eval'"], {"'self'"}),
    (
        "script-src",
        [f"script-src 'self'; script-src-attr 'unsafe-hashes' {DIGEST}"],
        {"'self'", "'unsafe-hashes'", DIGEST},
    ),
    # -elem and -attr stand behind the parent they are printed as.
    ("script-src", ["script-src-elem 'self'; script-src-attr 'none'; script-src 'none'"], {"'self'"}),
    (
        "script-src",
        ["script-src-elem 'self' 'unsafe-inline'; script-src-attr 'unsafe-inline'; script-src 'none'"],
        {"'self'", "'unsafe-inline'"},
    ),
    ("style-src", ["style-src-attr 'unsafe-inline'; style-src 'unsafe-inline' 'self'"], {"'self'", "'unsafe-inline'"}),
    # Fallbacks decide where the directive itself is absent.
    ("worker-src", ["script-src 'self' https://cdn.example"], {"'self'", "https://cdn.example"}),
    ("frame-src", ["child-src https://pay.example; default-src 'self'"], {"https://pay.example"}),
    ("form-action", ["form-action 'self' https://pay.example"], {"'self'", "https://pay.example"}),
    ("base-uri", ["base-uri 'self'"], {"'self'"}),
]


@pytest.mark.parametrize(("directive", "observed", "kept"), KEPT)
def test_what_every_observed_policy_admits_is_kept(directive: str, observed: Sequence[str], kept: set[str]) -> None:
    found = kept_sources(directive, [parse_serialized_policy(canonical_text(text)) for text in observed], [ORIGIN])
    assert found.is_probed
    assert set(found.sources) == kept
    assert len(found.sources) == len(kept)


@pytest.mark.parametrize(
    ("directive", "observed"),
    [
        ("img-src", ["script-src 'self'"]),
        ("img-src", []),
        ("form-action", [STARTER]),
        ("base-uri", ["default-src 'none'"]),
        ("frame-ancestors", ["default-src 'none'"]),
    ],
)
def test_a_directive_that_no_policy_restricted_is_unprobed(directive: str, observed: Sequence[str]) -> None:
    found = kept_sources(directive, [parse_serialized_policy(text) for text in observed], [ORIGIN])
    assert not found.is_probed
    assert found.sources == ()


def test_self_is_kept_under_an_allowlist_only_where_that_names_every_origin_of_the_site() -> None:
    observed = [parse_serialized_policy(f"img-src {ORIGIN}"), parse_serialized_policy("img-src 'self'")]
    assert "'self'" in kept_sources("img-src", observed, [ORIGIN]).sources
    assert "'self'" not in kept_sources("img-src", observed, [ORIGIN, "https://blog.example"]).sources
    assert "'self'" not in kept_sources("img-src", observed, []).sources


@pytest.mark.parametrize(
    ("source", "directive", "harmless"),
    [
        ("'self'", "script-src", True),
        ("data:", "img-src", True),
        ("blob:", "media-src", True),
        ("data:", "font-src", False),
        ("data:", "script-src", False),
        ("blob:", "worker-src", False),
        ("'unsafe-inline'", "style-src", True),
        ("'unsafe-inline'", "script-src", False),
        ("'unsafe-eval'", "script-src", False),
        ("https:", "img-src", False),
        ("https://cdn.example", "img-src", False),
    ],
)
def test_what_strangers_may_vouch_for_names_no_third_party_and_runs_no_code(
    source: str, directive: str, *, harmless: bool
) -> None:
    assert is_harmless(source, directive) is harmless


# (observed policies, whether trusted evidence named them, what is kept of sandbox)
WITHOUT_REPORTS_CASES = [
    (["sandbox allow-scripts"], True, ("allow-scripts",)),
    (["sandbox"], True, ()),
    (["sandbox allow-scripts", "sandbox ALLOW-FORMS"], True, ("allow-forms", "allow-scripts")),
    (["sandbox allow-scripts", "default-src 'self'"], True, None),
    ([], True, None),
    (["sandbox allow-scripts"], False, None),
    (['sandbox `${x}"%{NONCE} allow-forms'], True, ("allow-forms",)),
]


@pytest.mark.parametrize(("policies", "are_vouched", "kept"), WITHOUT_REPORTS_CASES)
def test_what_reports_nothing_is_kept_where_all_trusted_policies_have_it(
    policies: list[str], *, are_vouched: bool, kept: tuple[str, ...] | None
) -> None:
    observed = Observed(tuple(map(parse_serialized_policy, policies)), are_vouched)
    assert kept_without_reports("sandbox", observed) == kept


def test_trusted_evidence_without_a_policy_still_silences_what_strangers_claim() -> None:
    trusted = make_group("img-src", "https://img.example/a.png", policies=[])
    stranger = make_group("img-src", "https://x.example/a.png", trusted=False, policies=["sandbox; script-src *"])
    assert observed_policies([trusted, stranger]) == Observed((), are_vouched=True)
    assert observed_policies([stranger]).are_vouched is False
