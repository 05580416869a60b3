"""Tests of `cspbuild suggest` beside an enforced policy."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from policybuilder.csp import Disposition, SampleExtent, hash_source
from policybuilder.stages import OBSERVE_POLICY
from policybuilder.times import isoformat
from tests.policybuilder.cli.conftest import Cspbuild
from tests.support.evidence import SEEN_AT, make_observation, make_violation, record_observations

AS_OF = ("--as-of", isoformat(SEEN_AT + timedelta(days=14)))
ENFORCED = "default-src 'self'; img-src https: data:; script-src 'self' https://old.example"

pytestmark = pytest.mark.usefixtures("watched")


@pytest.fixture
def watched(database: Engine) -> Engine:
    """A site that has been watched beside its enforced policy for a fortnight."""
    record_observations(
        database,
        make_observation(is_trusted=True),
        make_observation(make_violation("script-src-elem", "https://shop.example/app.js"), is_trusted=True),
        make_observation(is_trusted=True, seen_at=SEEN_AT + timedelta(days=13)),
        make_observation(
            make_violation(
                "font-src",
                "https://fonts.example/a.woff2",
                disposition=Disposition.ENFORCE,
                original_policy="default-src 'self'",
            ),
            is_trusted=True,
        ),
    )
    return database


def suggest(cspbuild: Cspbuild, *arguments: str) -> dict[str, Any]:
    ran = cspbuild("suggest", *AS_OF, *arguments, "--format", "json")
    assert ran.code == 0, ran.err
    document: dict[str, Any] = json.loads(ran.out)
    return document


def deploy(cspbuild: Cspbuild, stage: str, policy: str, *more: str) -> None:
    at = isoformat(SEEN_AT - timedelta(days=1))
    ran = cspbuild("deploy", "record", "--stage", stage, "--policy", policy, "--at", at, *more)
    assert ran.code == 0, ran.err


def test_a_recorded_policy_is_tightened_by_default(cspbuild: Cspbuild) -> None:
    deploy(cspbuild, "enforce", ENFORCED)
    unprobed = suggest(cspbuild)
    assert (unprobed["mode"], unprobed["relation"]) == ("tighten", "same")
    assert unprobed["current"] == {"policy": ENFORCED, "known": "recorded"}
    assert {each["directive"] for each in unprobed["unknown"]} >= {"img-src", "script-src"}
    assert "img-src https://img.example" in unprobed["probe"]

    deploy(cspbuild, "report-only", OBSERVE_POLICY, "--views-per-day", "1000")
    probed = suggest(cspbuild)
    assert probed["relation"] == "tighter"
    assert probed["unknown"] == []
    assert probed["probe"] is None
    assert "img-src https://img.example;" in probed["policy"]
    assert "old.example" not in probed["policy"]
    applied = [change for change in probed["changes"] if change["applied"]]
    rests_on = next(change for change in applied if change["source"] == "https://old.example")["rests_on"]
    assert rests_on["views"] == 15_000
    assert rests_on["bound"] == pytest.approx(3 / 15_000)
    (repair,) = [change for change in probed["changes"] if not change["applied"]]
    assert (repair["source"], repair["evidence"]["reports"]) == ("https://fonts.example", 1)


def test_what_a_narrowing_rests_on_is_shown(cspbuild: Cspbuild) -> None:
    deploy(cspbuild, "enforce", ENFORCED)
    deploy(cspbuild, "report-only", OBSERVE_POLICY, "--views-per-day", "1000")
    out = cspbuild("suggest", *AS_OF, COLUMNS="200").out
    assert "Compared with what is enforced: tighter" in out
    assert "no use in 15,000 views: at most 1 in 5,000" in out
    assert "Repairs, not applied" in out


def test_the_enforced_policy_can_be_given(cspbuild: Cspbuild) -> None:
    found = suggest(cspbuild, "--current", "img-src https:; font-src 'self'", "--mode", "repair")
    assert (found["mode"], found["relation"], found["current"]["known"]) == ("repair", "looser", "given")
    assert found["policy"] == "font-src 'self' https://fonts.example; img-src https:"
    assert [change["applied"] for change in found["changes"]] == [True]


def test_an_enforced_policy_is_noticed_in_reports(cspbuild: Cspbuild) -> None:
    found = suggest(cspbuild)
    assert found["current"] == {"policy": "default-src 'self'", "known": "inferred"}
    assert "enforced-inferred" in [finding["code"] for finding in found["findings"]]
    fresh = suggest(cspbuild, "--mode", "fresh")
    assert fresh["relation"] == "incomparable"
    assert "https://fonts.example" in fresh["policy"]


def test_a_policy_enforced_later_is_none_yet(cspbuild: Cspbuild) -> None:
    ran = cspbuild(
        *("deploy", "record", "--stage", "enforce", "--policy", ENFORCED),
        *("--at", isoformat(SEEN_AT + timedelta(days=2))),
    )
    assert ran.code == 0
    before = cspbuild("suggest", "--as-of", isoformat(SEEN_AT + timedelta(days=1)), "--format", "json")
    assert json.loads(before.out)["current"]["known"] == "inferred"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--current", ""), "an empty policy enforces nothing; leave --current out"),
        (("--current", "@missing.txt"), "cannot read missing.txt"),
    ],
)
def test_a_current_policy_that_is_none_is_refused(cspbuild: Cspbuild, arguments: tuple[str, ...], message: str) -> None:
    ran = cspbuild("suggest", *AS_OF, *arguments)
    assert ran.code == 2
    assert message in ran.err


def test_a_mode_without_a_policy_says_where_to_give_it(cspbuild: Cspbuild, other_site: str) -> None:
    ran = cspbuild("suggest", "--site", other_site, "--mode", "tighten")
    assert ran.code == 2
    assert "give it with --current, or record it:" in ran.err
    assert f"deploy record --site {other_site} --stage enforce" in ran.err


@pytest.fixture
def other_site(database: Engine, cspbuild: Cspbuild) -> str:
    assert cspbuild("site", "add", "blog", "--host", "shop.example").code == 0
    record_observations(database, make_observation(site="blog", is_trusted=True))
    return "blog"


def test_sources_are_as_fine_as_asked(cspbuild: Cspbuild) -> None:
    found = suggest(cspbuild, "--mode", "fresh", "--granularity", "img-src=path")
    assert "https://img.example/a.png" in found["policy"]
    refused = cspbuild("suggest", *AS_OF, "--granularity", "img-src=fine")
    assert refused.code == 2
    assert "'fine' is no granularity" in refused.err


def probe(cspbuild: Cspbuild, *arguments: str) -> list[list[str]]:
    ran = cspbuild("header", "--stage", "probe", *arguments, "--format", "json")
    assert ran.code == 0, ran.err
    headers: list[list[str]] = json.loads(ran.out)["headers"]
    return headers


def test_the_probe_holds_what_may_be_unused_and_nothing_else(cspbuild: Cspbuild) -> None:
    deploy(cspbuild, "enforce", ENFORCED)
    ((name, value),) = probe(cspbuild)
    assert name == "Content-Security-Policy-Report-Only"
    directives = {directive.split()[0]: directive for directive in value.split("; ")}
    assert directives["img-src"] == "img-src https://img.example"
    assert directives["script-src"] == "script-src 'self' 'report-sample'"
    assert directives["connect-src"] == "connect-src 'none'"
    assert "default-src" not in directives
    assert directives["report-uri"].startswith("report-uri http://127.0.0.1:8000/report/")

    ((_, narrow),) = probe(cspbuild, "--policy", f"{ENFORCED}; font-src 'none'")
    assert narrow.startswith("font-src 'none'; report-uri")


def test_where_nothing_is_enforced_there_is_no_probe(cspbuild: Cspbuild, other_site: str) -> None:
    ran = cspbuild("header", "--site", other_site, "--stage", "probe")
    assert ran.code == 2
    assert "nothing is known of an enforced policy to tighten; record what is:" in ran.err


def test_what_is_all_used_needs_no_probe(cspbuild: Cspbuild) -> None:
    deploy(cspbuild, "enforce", ENFORCED)
    ran = cspbuild("header", "--stage", "probe", "--policy", ENFORCED)
    assert ran.code == 2
    assert "there is nothing to probe" in ran.err


def test_the_way_to_a_strict_policy_is_shown(cspbuild: Cspbuild) -> None:
    found = suggest(cspbuild, "--mode", "fresh", "--target", "strict")
    assert (found["target"], found["credential"], found["standing"]) == ("strict", "nonce", 3)
    assert [rung["rung"] for rung in found["rungs"]] == [0, 1, 2, 3, 4, 5]
    assert found["rungs"][4]["enforced"]["value"].count("'strict-dynamic'") == 1
    assert found["rungs"][3]["report_only"]["name"] == "Content-Security-Policy-Report-Only"
    out = cspbuild("suggest", *AS_OF, "--mode", "fresh", "--target", "strict", COLUMNS="200").out
    assert "The way to a strict policy, by nonce" in out
    assert "Rung 3 can be sent now:" in out
    assert "'strict-dynamic' https: 'unsafe-inline'" in out
    assert suggest(cspbuild, "--target", "strict", "--strict-by", "hash")["credential"] == "hash"


def test_a_later_time_shows_what_came(cspbuild: Cspbuild, watched: Engine) -> None:
    new = make_violation("img-src", "https://new.example/a.png")
    record_observations(watched, make_observation(new, is_trusted=True, seen_at=SEEN_AT + timedelta(days=2)))
    then, now = (isoformat(SEEN_AT + timedelta(days=days)) for days in (1, 3))
    ran = cspbuild("suggest", "--as-of", then, "--diff", now, "--mode", "fresh", "--format", "json")
    document = json.loads(ran.out)
    assert "new.example" not in document["policy"]
    assert "new.example" in document["diff"]["policy"]
    assert document["diff"]["relation"] == "looser"
    assert [(each["kind"], each["source"]) for each in document["diff"]["changes"]] == [
        ("added", "https://new.example")
    ]
    out = cspbuild("suggest", "--as-of", then, "--diff", now, "--mode", "fresh", COLUMNS="200").out
    assert f"Suggested at {now}: looser" in out


PAGE_SOURCE = """<!doctype html>
<script>window.settings = {currency: 'EUR', taxes: true};</script>
"""


@pytest.fixture
def inline(watched: Engine) -> Engine:
    """An inline script of which reports hold no more than the beginning."""
    script = make_violation(
        "script-src-elem",
        "inline",
        sample="window.settings = {currency: 'EUR', taxe",
        sample_extent=SampleExtent.PREFIX,
    )
    record_observations(watched, make_observation(script, is_trusted=True))
    return watched


@pytest.mark.parametrize("path", ["cart", "cart.html", "cart/index.html", "shop.example/cart.html"])
@pytest.mark.usefixtures("inline")
def test_inline_code_is_found_in_files(cspbuild: Cspbuild, path: str) -> None:
    file = Path("pages") / path
    file.parent.mkdir(parents=True)
    file.write_text(PAGE_SOURCE)
    assert "sha256" not in suggest(cspbuild, "--mode", "fresh")["policy"]
    found = suggest(cspbuild, "--mode", "fresh", "--html", "pages")
    assert hash_source("window.settings = {currency: 'EUR', taxes: true};") in found["policy"]
    assert found["needs_nonce"] is False


@pytest.mark.usefixtures("inline")
def test_a_page_without_a_file_is_named(cspbuild: Cspbuild) -> None:
    Path("pages").mkdir()
    ran = cspbuild("suggest", *AS_OF, "--html", "pages")
    assert "https://shop.example/cart has no file below pages" in ran.err
    assert "read 0 of 1 page for their inline code" in ran.err
    missing = cspbuild("suggest", *AS_OF, "--html", "nowhere")
    assert missing.code == 2
    assert "no directory at nowhere" in missing.err


@pytest.mark.usefixtures("inline")
def test_no_file_outside_the_directory_is_read(cspbuild: Cspbuild) -> None:
    Path("pages").mkdir()
    Path("cart.html").write_text(PAGE_SOURCE)
    Path("pages/cart.html").symlink_to(Path("cart.html").absolute())
    assert "sha256" not in suggest(cspbuild, "--mode", "fresh", "--html", "pages")["policy"]


def test_a_policy_that_servers_have_no_room_for_is_refused(cspbuild: Cspbuild, watched: Engine) -> None:
    hosts = (f"https://host-of-some-length-{'abcdefghij' * 2}-{letter}.example/a.js" for letter in range(250))
    record_observations(
        watched, *(make_observation(make_violation("script-src-elem", url), is_trusted=True) for url in hosts)
    )
    ran = cspbuild("suggest", *AS_OF, "--mode", "fresh")
    assert ran.code == 2
    assert "many servers have room for 8,192" in ran.err
    assert "--allow-large" in ran.err
    assert len(suggest(cspbuild, "--mode", "fresh", "--allow-large")["policy"]) > 8_192


def test_pictures_give_way_where_there_is_no_room(cspbuild: Cspbuild, watched: Engine) -> None:
    urls = (f"https://host-of-some-length-{word}.pictures.example/a.png" for word in map("x".__mul__, range(1, 90)))
    record_observations(watched, *(make_observation(make_violation("img-src", url), is_trusted=True) for url in urls))
    found = suggest(cspbuild, "--mode", "fresh")
    assert len(found["policy"]) <= 8_192
    assert found["replay"]["block"] == 0
    assert "generalised" in [finding["code"] for finding in found["findings"]]


@pytest.mark.parametrize("columns", [80, 100, 130, 200])
def test_sources_have_room_in_any_terminal(cspbuild: Cspbuild, columns: int) -> None:
    out = cspbuild("suggest", *AS_OF, "--mode", "fresh", COLUMNS=str(columns)).out
    head, _, _ = out.partition("Content-Security-Policy:")
    assert max(map(len, head.splitlines())) <= columns
    assert "https://img.example " in head
    assert ("to forge" in head) is (columns >= 130)
