"""Tests of the way to a strict policy: what each rung sends, and exactly what stands before it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from policybuilder.csp import SampleExtent, hash_source, parse_serialized_policy, subsumes
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.suggestion.exposure import Exposure
from policybuilder.suggestion.inline import NoncePlace
from policybuilder.suggestion.propose import propose
from policybuilder.suggestion.sorting import Grounds
from policybuilder.suggestion.strict import Climb, Credential, climb
from tests.support.evidence import OBSERVED, ORIGIN, SEEN_AT, make_group

SCRIPT = make_group("script-src-elem", f"{ORIGIN}/app.js")
LIBRARY = make_group("script-src-elem", "https://cdn.example/lib.js")
WHOLE: dict[str, Any] = {"sample_extent": SampleExtent.WHOLE}
STRICT = "script-src 'nonce-{NONCE}' 'strict-dynamic' https: 'unsafe-inline'"


def way(*groups: ViolationGroup, grounds: Grounds | None = None, **options: Any) -> Climb:
    return climb(propose("shop", groups, grounds or Grounds()), groups, **options)


def scripts(climbed: Climb, number: int) -> str:
    policy = climbed.rungs[number].enforced
    assert policy is not None
    found = policy.directive("script-src")
    assert found is not None
    return " ".join(found.values)


def shown(policy: str, views: int = 50_000) -> Exposure:
    return Exposure(
        policy=parse_serialized_policy(policy),
        since_at=SEEN_AT - timedelta(days=9),
        until_at=SEEN_AT,
        views=views,
    )


def test_a_site_without_inline_code_stands_before_the_probe() -> None:
    climbed = way(SCRIPT, LIBRARY)
    assert [rung.number for rung in climbed.rungs] == [0, 1, 2, 3, 4, 5]
    assert climbed.standing is not None
    assert climbed.standing.number == 3
    assert str(climbed.rungs[0].enforced) == (
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    )
    assert scripts(climbed, 1) == scripts(climbed, 2) == "'self' https://cdn.example"
    assert str(climbed.rungs[3].report_only) == STRICT
    assert scripts(climbed, 4) == "'nonce-{NONCE}' 'strict-dynamic'"
    assert "none is recorded" in climbed.rungs[4].only_a_probe_tells
    assert str(climbed.rungs[4].report_only) == "require-trusted-types-for 'script'"
    assert "require-trusted-types-for 'script'" in str(climbed.rungs[5].enforced)


def test_the_probe_names_the_tags_that_lack_a_nonce() -> None:
    refused = make_group("script-src-elem", "https://cdn.example/lib.js", policies=[STRICT], reports=7)
    climbed = way(SCRIPT, refused, exposures=[shown(STRICT)])
    (blocker,) = climbed.rungs[4].blockers
    assert (blocker.kind, blocker.what, blocker.reports) == ("tag-without-nonce", "https://cdn.example/lib.js", 7)
    assert not climbed.rungs[4].is_reached
    assert climbed.rungs[4].only_a_probe_tells == ""


def test_all_rungs_can_be_reached() -> None:
    climbed = way(SCRIPT, exposures=[shown(STRICT), shown(OBSERVED)])
    assert climbed.standing is not None
    assert climbed.standing.number == 5


def test_a_probe_that_few_saw_proves_nothing() -> None:
    climbed = way(SCRIPT, exposures=[shown(STRICT, views=10)])
    assert "10 page views carried it" in climbed.rungs[4].only_a_probe_tells


def test_inline_code_whose_text_is_unknown_stays_open_on_the_first_rung_alone() -> None:
    inline = make_group("script-src-elem", "inline", sample="x" * 40, sample_extent=SampleExtent.PREFIX, reports=3)
    known = make_group("script-src-elem", "inline", sample="go()", **WHOLE)
    climbed = way(SCRIPT, inline, known)
    assert scripts(climbed, 1) == "'self' 'unsafe-inline'"
    assert "unsafe-inline" not in str(climbed.rungs[2].enforced)
    assert hash_source("go()") in scripts(climbed, 2)
    (blocker,) = climbed.rungs[2].blockers
    assert (blocker.kind, blocker.reports) == ("inline", 3)
    assert climbed.standing is not None
    assert climbed.standing.number == 1


def test_handlers_eval_and_javascript_urls_are_named() -> None:
    groups = (
        make_group("script-src-attr", "inline", sample="x" * 40, sample_extent=SampleExtent.PREFIX),
        make_group("script-src", "eval", source_file="https://cdn.example/a.js", line_number=3),
        make_group("script-src-elem", "inline", sample="javascript:go()", **WHOLE),
    )
    climbed = way(SCRIPT, *groups)
    kinds = {rung.number: [blocker.kind.value for blocker in rung.blockers] for rung in climbed.rungs}
    assert kinds[2] == ["handler"]
    assert kinds[3] == ["javascript-url", "eval"]
    assert str(climbed.rungs[1].enforced.directive("script-src-attr")) == "script-src-attr 'unsafe-inline'"  # type: ignore[union-attr]
    assert "'unsafe-eval'" in scripts(climbed, 1)
    assert "'unsafe-eval'" not in scripts(climbed, 4)


def test_places_that_need_a_nonce_block_the_third_rung() -> None:
    varying = make_group("script-src-elem", "inline", sample="x" * 40, varies=True)
    place = NoncePlace(
        directive="script-src-elem", template=f"{ORIGIN}/*", line=3, label="script#state", sample="x" * 40
    )
    climbed = way(SCRIPT, varying, grounds=Grounds(nonce_places={varying.fingerprint: (place,)}))
    (blocker,) = climbed.rungs[3].blockers
    assert blocker.todo == f"add the nonce to it: {ORIGIN}/*, line 3"
    assert climbed.credential is Credential.NONCE


def test_a_page_that_is_stored_is_known_by_digests() -> None:
    known = make_group("script-src-elem", "inline", sample="go()", **WHOLE)
    climbed = way(SCRIPT, known)
    assert climbed.credential is Credential.HASH
    assert scripts(climbed, 4) == f"{hash_source('go()')} 'strict-dynamic'"
    by_nonce = way(SCRIPT, known, credential=Credential.NONCE)
    assert scripts(by_nonce, 4) == f"'nonce-{{NONCE}}' {hash_source('go()')} 'strict-dynamic'"


def test_sinks_and_policies_of_trusted_types_are_counted() -> None:
    groups = (
        make_group("require-trusted-types-for", "trusted-types-sink", sample="Element innerHTML|<b>", reports=5),
        make_group("trusted-types", "trusted-types-policy", sample="lit-html"),
        make_group("trusted-types", "trusted-types-policy", sample="evil", trusted=False),
    )
    climbed = way(SCRIPT, *groups)
    assert [(blocker.kind.value, blocker.reports) for blocker in climbed.rungs[5].blockers] == [
        ("sink", 5),
        ("trusted-types-policy", 1),
        ("trusted-types-policy", 1),
    ]
    assert str(climbed.rungs[4].report_only) == "require-trusted-types-for 'script'; trusted-types lit-html"


def test_a_redirect_that_nobody_explains_blocks_the_allowlist() -> None:
    redirect = make_group(
        "form-action", f"{ORIGIN}/login", evidence_class=EvidenceClass.CONTRADICTION, rule="allowed-by-its-policy"
    )
    (blocker,) = way(SCRIPT, redirect).rungs[1].blockers
    assert blocker.kind == "redirect"


@pytest.mark.parametrize("number", [1, 2])
def test_each_rung_is_tighter_than_the_one_below(number: int) -> None:
    inline = make_group("style-src-elem", "inline", sample="b{}", **WHOLE)
    climbed = way(SCRIPT, LIBRARY, inline)
    assert subsumes(climbed.rungs[number - 1].enforced or "", climbed.rungs[number].enforced or "")


def test_nothing_accepted_is_no_rung() -> None:
    climbed = way(make_group(trusted=False))
    assert climbed.standing is None
    assert all(rung.enforced is None for rung in climbed.rungs[:3])


def test_what_compiles_code_is_kept_beside_strict_dynamic() -> None:
    wasm = make_group("script-src", "wasm-eval", source_file=f"{ORIGIN}/app.js")
    assert scripts(way(SCRIPT, wasm), 4) == "'nonce-{NONCE}' 'strict-dynamic' 'wasm-unsafe-eval'"


@pytest.mark.parametrize(
    "claim",
    [
        make_group("script-src-elem", "inline", sample="x" * 40, sample_extent=SampleExtent.PREFIX, trusted=False),
        make_group("script-src-attr", "inline", sample="x" * 40, sample_extent=SampleExtent.PREFIX, trusted=False),
        make_group("script-src", "eval", trusted=False),
    ],
)
def test_a_strangers_report_opens_no_rung_and_closes_none(claim: ViolationGroup) -> None:
    before, after = way(SCRIPT), way(SCRIPT, claim)
    assert after.rungs == before.rungs


@pytest.mark.parametrize("name", ["a;b", "*", "'allow-duplicates'", "a b", "", "x" * 41])
def test_no_name_of_a_trusted_types_policy_is_taken_that_none_can_have(name: str) -> None:
    climbed = way(SCRIPT, make_group("trusted-types", "trusted-types-policy", sample=name))
    assert str(climbed.rungs[4].report_only) == "require-trusted-types-for 'script'"
