"""Tests of refining: other origins are named as narrowly as believed evidence bears."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.suggestion.granularity import Granularity
from policybuilder.suggestion.propose import Options, propose
from policybuilder.suggestion.refining import Grain
from policybuilder.suggestion.sorting import Grounds
from policybuilder.suggestion.trust import Prevalence, Reach, Share
from policybuilder.suggestion.values import Suggestion
from tests.support.evidence import SEEN_AT, make_group, replace

CDN = "https://cdn.example"
MANY = Reach(reporters=400, best_day=Share(400, 1_000), days=5, span=timedelta(days=4))
STYLES = Grounds(prevalence=Prevalence(audience=1_000, sources={("style-src", CDN): MANY}))
OFTEN: dict[str, Any] = {
    "trusted": False,
    "reporters": 300,
    "days": 5,
    "first_seen_at": SEEN_AT - timedelta(days=4),
}


def style(path: str, **known: Any) -> ViolationGroup:
    return make_group("style-src-elem", f"{CDN}{path}", **known)


def listed(suggestion: Suggestion, name: str = "style-src") -> str:
    found = suggestion.policy.directive(name) if suggestion.policy else None
    assert found is not None
    return " ".join(found.values)


def suggested(*groups: ViolationGroup, grounds: Grounds | None = None, **grain: Any) -> Suggestion:
    return propose("shop", [make_group(), *groups], grounds or Grounds(), Options(grain=Grain(**grain)))


def test_code_of_another_origin_is_named_by_its_directory() -> None:
    suggestion = suggested(style("/app/a.css"), style("/app/themes/b.css"))
    assert listed(suggestion) == f"{CDN}/app/"
    (source,) = next(each.sources for each in suggestion.directives if each.name == "style-src")
    assert (source.rule, source.evidence.reports) == ("third-party-directory", 2)
    assert suggestion.replay.allow == 3


def test_a_dial_for_each_directive() -> None:
    groups = (style("/app/a.css"), make_group("img-src", f"{CDN}/pictures/a.png"))
    dials = {"style-src": Granularity.ORIGIN, "img-src": Granularity.PATH}
    suggestion = suggested(*groups, by_directive=dials)
    assert listed(suggestion) == CDN
    assert f"{CDN}/pictures/a.png" in listed(suggestion, "img-src")


@pytest.mark.parametrize("reporters", [1, 19])
def test_a_path_that_few_name_of_a_believed_host_changes_nothing(reporters: int) -> None:
    believed = style("/app/a.css", **OFTEN)
    forged = style("/uploads/evil.css", trusted=False, reporters=reporters, days=5)
    before, after = suggested(believed, grounds=STYLES), suggested(believed, forged, grounds=STYLES)
    assert listed(before) == f"{CDN}/app/"
    assert str(after.policy) == str(before.policy)
    (held,) = after.held
    assert held.evidence.examples == (f"{CDN}/uploads/evil.css",)
    assert "on this path" in held.why
    assert after.replay.block == 0


def test_a_path_that_many_name_widens_the_directory() -> None:
    suggestion = suggested(style("/app/a.css", **OFTEN), style("/themes/b.css", **OFTEN), grounds=STYLES)
    assert listed(suggestion) == CDN


def test_paths_that_are_never_the_same_leave_the_origin() -> None:
    spread = [style(f"/{number}.css", trusted=False, reporters=3, days=5) for number in range(30)]
    suggestion = suggested(*spread, grounds=STYLES)
    assert listed(suggestion) == CDN
    assert suggestion.replay.allow == 31


def test_a_host_that_redirects_is_named_by_its_origin() -> None:
    """After a redirect browsers match the origin alone, and the report names the URL before it."""
    redirect = style("/go", evidence_class=EvidenceClass.CONTRADICTION, rule="allowed-by-its-policy")
    assert listed(suggested(style("/app/a.css"), redirect)) == CDN
    claimed = replace(redirect, trusted_reports=0)
    assert listed(suggested(style("/app/a.css"), claimed)) == f"{CDN}/app/"


def test_numbered_hosts_become_a_wildcard_but_for_scripts() -> None:
    pictures = [make_group("img-src", f"https://img{number}.pixhost.example/a.png") for number in range(1, 5)]
    scripts = [make_group("script-src-elem", f"https://js{number}.pixhost.example/a.js") for number in range(1, 5)]
    suggestion = suggested(*pictures, *scripts)
    assert "https://*.pixhost.example" in listed(suggestion, "img-src")
    assert "img1" not in listed(suggestion, "img-src")
    assert "*" not in listed(suggestion, "script-src")
    assert suggestion.replay.allow == 9
    (finding,) = [finding for finding in suggestion.findings if finding.code == "numbered-hosts"]
    assert (finding.directive, finding.value) == ("script-src", "https://*.pixhost.example")
    asked = suggested(*pictures, *scripts, allows_script_wildcards=True)
    assert listed(asked, "script-src") == "https://*.pixhost.example"
    assert "numbered-hosts" not in [finding.code for finding in asked.findings]


NPM = "https://cdn.jsdelivr.net"
LIBRARY = make_group("script-src-elem", f"{NPM}/npm/vue@3.4.1/dist/vue.js")


@pytest.mark.parametrize("directive", ["img-src", "script-src-elem"])
@pytest.mark.parametrize("trusted", [True, False])
def test_no_claim_of_a_redirect_widens_code_of_a_host_where_anybody_publishes(directive: str, *, trusted: bool) -> None:
    claim = make_group(
        directive, f"{NPM}/x.png", evidence_class=EvidenceClass.CONTRADICTION, **{**OFTEN, "trusted": trusted}
    )
    grounds = Grounds(prevalence=Prevalence(audience=1_000))
    assert listed(suggested(LIBRARY, claim, grounds=grounds), "script-src") == LIBRARY.blocked


def test_strangers_never_widen_code_by_claiming_a_redirect() -> None:
    claim = make_group("script-src-elem", f"{CDN}/go", evidence_class=EvidenceClass.CONTRADICTION, **OFTEN)
    script = make_group("script-src-elem", f"{CDN}/app/a.js")
    grounds = Grounds(prevalence=Prevalence(audience=1_000))
    assert listed(suggested(script, claim, grounds=grounds), "script-src") == f"{CDN}/app/"
