"""The set-up of a site and its test report, in the service as it is put together; on both databases."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from collector.app import create_service
from collector.settings import load_settings
from policybuilder import self_test
from policybuilder.csp import Disposition, SampleExtent
from policybuilder.deployments import ServedStage
from policybuilder.evidence import EvidenceClass
from policybuilder.store.deployments import record_deployment
from policybuilder.store.reading import read_groups, snapshot
from policybuilder.store.site_settings import SiteChanges, change_site
from policybuilder.store.sites import Alias, add_site, rotate_site, set_site_active
from policybuilder.times import Window, isoformat
from tests.collector.ingest.builders import report_body
from tests.collector.review.shop import BASE_URL, Shop
from tests.support.evidence import ORIGIN, make_observation, make_violation, record_observations
from tests.support.service import Ran, run_program

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
AS_OF = isoformat(NOW + DAY)
TESTED = "The test report arrived, and is stored."


@contextmanager
def serving(engine: Engine, database_url: str, **settings: Any) -> Iterator[Shop]:
    """The whole service over the database, and somebody who is logged in."""
    service = create_service(load_settings(database_url=database_url, **settings), base_url=BASE_URL)

    def client() -> TestClient:
        found = TestClient(service.app, base_url=BASE_URL, follow_redirects=False)
        found.headers.update({"Accept": "text/html", "Origin": BASE_URL})
        return found

    with client() as browser:
        token = service.access.new_login_link(BASE_URL).partition("token=")[2]
        assert browser.post("/login", data={"link_token": token}).status_code == 303
        yield Shop(engine, browser, client())


@pytest.fixture
def shop(engine: Engine, database_url: str) -> Iterator[Shop]:
    with serving(engine, database_url) as running:
        yield running


def send_test(shop: Shop, site: str = "default") -> str:
    """Send one, and what the page says then."""
    answer = shop.post("/setup", site=site)
    if answer.status_code == 303:
        return shop.text(answer.headers["location"].partition("#")[0])
    assert answer.status_code == 409
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def arrived(shop: Shop, site: str = "default") -> list[tuple[Any, ...]]:
    """Of every group its class, rule, reports and reporters."""
    with snapshot(shop.engine) as connection:
        groups = read_groups(connection, site, Window(None, NOW + DAY))
    return [(each.evidence_class, each.rule, each.reports, each.reporters) for each in groups]


def post(shop: Shop, body: bytes, key: str = "default") -> None:
    answer = shop.browser.post(f"/report/{key}", content=body, headers={"Content-Type": "application/csp-report"})
    assert answer.status_code == 204


def test_a_test_report_arrives_and_its_fate_is_told(shop: Shop) -> None:
    assert TESTED not in shop.text("/setup?tested=1")
    assert TESTED in send_test(shop)
    said = send_test(shop)
    assert "So far 2 Class malformed, by rule test-report" in said
    assert arrived(shop) == [(EvidenceClass.MALFORMED, "test-report", 2, 0)]
    address = html.unescape(re.findall(r'href="(/group/[^"]+)"', shop.page("/setup"))[0])
    group = shop.text(address)
    assert "https://test-report.invalid/picture.png" in group
    assert "a test report, sent by doctor or from the review pages" in group
    assert "https://test-report.invalid/picture.png" in shop.text("/violations?noise=1")
    assert "https://test-report.invalid/picture.png" not in shop.text("/violations")


@pytest.mark.parametrize("hosts", [(), ("shop.example",)], ids=["any host", "own hosts"])
def test_a_test_report_is_the_same_for_a_site_of_any_hosts(shop: Shop, hosts: tuple[str, ...]) -> None:
    add_site(shop.engine, "other", hosts, NOW)
    assert TESTED in send_test(shop, "other")
    assert arrived(shop, "other") == [(EvidenceClass.MALFORMED, "test-report", 1, 0)]
    assert arrived(shop) == []
    assert "So far" not in shop.text("/setup")


def test_a_flood_keeps_no_test_report_from_arriving(shop: Shop) -> None:
    change_site(shop.engine, "default", SiteChanges(new_groups_per_hour=0))
    assert TESTED in send_test(shop)
    assert arrived(shop) == [(EvidenceClass.MALFORMED, "test-report", 1, 0)]
    post(shop, report_body(document_uri=f"{self_test.ORIGIN}/", blocked_uri="https://evil.example/a.png"))
    rules = {rule for _, rule, _, _ in arrived(shop)}
    assert rules == {"test-report", "over-budget"}, "another report of that page finds no room"


@pytest.mark.parametrize(
    "otherwise",
    [
        {"effective_directive": "style-src"},
        {"disposition": "enforce"},
        {"script_sample": "x"},
        {"source_file": "https://evil.example/a.js"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_strangers_post_in_its_likeness_is_not_taken_for_it(shop: Shop, otherwise: dict[str, str]) -> None:
    assert TESTED in send_test(shop)
    told = self_test.VIOLATION
    likeness = {
        "document_uri": told.document_uri,
        "effective_directive": told.effective_directive,
        "blocked_uri": told.blocked_uri,
        "disposition": told.disposition.value,
        "original_policy": "",
        **otherwise,
    }
    for _ in range(3):
        post(shop, report_body(**likeness))
    assert len(arrived(shop)) == 2
    assert "So far 1 " in shop.text("/setup")
    assert "So far 2 " in send_test(shop)


def test_where_a_test_report_is_refused_the_page_says_why(shop: Shop, database_url: str) -> None:
    set_site_active(shop.engine, "default", active=False)
    with serving(shop.engine, database_url) as asked_anew:
        assert "answered 404: the key is not answered, as the site is off" in send_test(asked_anew)
        set_site_active(shop.engine, "default", active=True)
        change_site(shop.engine, "default", SiteChanges(aliases=(Alias("*.invalid", "shop.example"),)))
        assert "a test report would count for another host" in send_test(asked_anew)
    assert arrived(shop) == []


def test_a_test_report_is_refused_where_the_hosts_reports_are(engine: Engine, database_url: str) -> None:
    with serving(engine, database_url, ingest_hosts="csp.example") as shop:
        assert "answered 400: no reports are taken for the host" in send_test(shop)


def test_a_test_report_that_is_shed_is_missed(engine: Engine, database_url: str) -> None:
    with serving(engine, database_url, rate_per_site=0.001, shed="accept") as shop:
        said = [send_test(shop) for _ in range(3)]
        assert TESTED in said[0] or "sheds what it has no room for" in said[0]
        assert "it sheds what it has no room for" in said[-1]


def test_where_its_rule_is_switched_off_no_test_report_is_sent(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('version = 1\ndisable = ["test-report"]\n')
    with serving(engine, database_url, rules=str(rules)) as shop:
        assert "the rule test-report is disabled" in send_test(shop).lower()
        assert arrived(shop) == []


def test_nobody_else_sends_one(shop: Shop) -> None:
    token = shop.csrf_token()
    fields = {"site": "default"}
    assert shop.browser.post("/setup", data=fields).status_code == 403, "without the form's token"
    elsewhere = {"Origin": "https://evil.example"}
    answer = shop.browser.post("/setup", data={**fields, "csrf_token": token}, headers=elsewhere)
    assert answer.status_code == 403, "from another site's page"
    assert shop.stranger.post("/setup", data={**fields, "csrf_token": token}).status_code == 401
    assert shop.post("/setup", site="nowhere").status_code == 404
    assert arrived(shop) == []


def evidence(shop: Shop) -> None:
    """Own reports and strangers', enough that every command has something to say."""
    for days_ago in (3, 2, 1):
        at = NOW - days_ago * DAY
        strangers = (
            make_observation(
                make_violation("img-src", "https://cdn.example/a.png", disposition=Disposition.ENFORCE),
                seen_at=at,
                network=f"10.0.{number}.0/24",
            )
            for number in range(60)
        )
        own = make_observation(
            make_violation("script-src-elem", "inline", sample="go()", sample_extent=SampleExtent.WHOLE),
            seen_at=at,
            is_trusted=True,
        )
        record_observations(shop.engine, own, *strangers, now=at)
    since = NOW - 2 * DAY
    record_deployment(
        shop.engine, "default", policy="img-src 'self'", stage=ServedStage.REPORT_ONLY, since_at=since, views_per_day=9
    )


COMMANDS = [("suggest", "--format", "json"), ("ready", "--format", "json"), ("status", "--format", "json")]


@pytest.mark.parametrize("is_known", [True, False], ids=["a known site", "a new site"])
def test_a_test_report_changes_no_byte_of_what_is_suggested(
    shop: Shop, database_url: str, tmp_path: Path, *, is_known: bool
) -> None:
    if is_known:
        evidence(shop)

    def said() -> list[Ran]:
        """What the commands say at one instant, which is still to come, so that a test report is before it."""
        at = ("--as-of", AS_OF, "--database", database_url)
        return [run_program("cspbuild", *each, *at, cwd=tmp_path) for each in COMMANDS]

    before, suggested = said(), shop.text("/suggestion")
    assert is_known == ("cdn.example" in before[0].out)
    assert TESTED in send_test(shop)
    assert "test-report" in shop.text("/violations?noise=1")
    assert said() == before
    assert shop.text("/suggestion") == suggested


def test_the_checklist_ticks_what_really_came_and_never_a_test(shop: Shop) -> None:
    assert "Set-up: 0 of 9" in shop.text("/setup")
    assert "Headers to send from your site" in shop.text("/setup")
    send_test(shop)
    assert "Set-up: 0 of 9" in shop.text("/setup")
    post(shop, report_body(effective_directive="img-src", blocked_uri="https://img.example/a.png"))
    text = shop.text("/setup")
    assert "Set-up: 2 of 9" in text
    assert "Browsers see the header , done since" in text
    assert "Violations arrive by report-uri , done since" in text
    assert "Firefox reports , to do" in text
    assert "Headers to send from your site" not in text
    made = rotate_site(shop.engine, "default", rehearsal=True, revoke_old=False, now=NOW)
    assert made.rehearsal_key is not None
    post(shop, report_body(effective_directive="img-src", blocked_uri="https://img.example/a.png"), made.rehearsal_key)
    assert shop.post("/deployments", policy="img-src 'self'", stage="enforce").status_code == 303
    text = shop.text("/setup")
    assert "A report of your own, which is trusted , done since" in text
    assert "A deployment is recorded , done since" in text
    assert "Set-up: 4 of 9" in text


def test_every_line_that_is_to_do_says_how_and_leads_there(shop: Shop) -> None:
    add_site(shop.engine, "other", ["other.example"], NOW)
    page, text = shop.page("/setup?site=other"), shop.text("/setup?site=other")
    for line in (
        "cspbuild header --site other",
        "cspbuild header --site other --base-url https://…",
        "cspbuild header --site other --rehearsal-key KEY",
        "csp-collector views import --site other --origin https://… access.log",
    ):
        assert line in text
    for address in ("/settings?site=other#rehearsal", "/deployments?site=other#record"):
        assert f'href="{address}"' in page
        assert f'id="{address.partition("#")[2]}"' in shop.page(address.partition("#")[0])


def test_the_overview_and_the_settings_lead_there(shop: Shop) -> None:
    for address in ("/", "/settings"):
        assert 'href="/setup?site=default"' in shop.page(address)
    assert ORIGIN not in shop.page("/setup")
