"""Changing a site's settings: each form by the same checks as the commands; on both databases."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from collector.review.keeper import SiteKeeper
from collector.review.stored import StoredReview
from policybuilder.rehearsal import read_rehearsal_key, write_rehearsal_key
from policybuilder.store.site_settings import SiteChanges, change_site
from policybuilder.store.sites import (
    Alias,
    KeyKind,
    Site,
    add_site,
    ensure_default_site,
    ensure_rehearsal_key,
    find_key,
    get_site,
    has_rehearsal_key,
    list_sites,
)
from tests.collector.review.shop import BASE_URL, Shop
from tests.support.evidence import make_observation, record_observations

NOW = datetime.now(UTC)
HOSTILE = "\"'><img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}"


@pytest.fixture
def shop(engine: Engine, start: Callable[..., Any], tmp_path: Path) -> Shop:
    ensure_default_site(engine, NOW - timedelta(days=3))
    add_site(engine, "other", ["other.example"], NOW)
    keeper = SiteKeeper(engine, BASE_URL, data_dir=tmp_path / "data")
    review = start(evidence=StoredReview(engine, BASE_URL, lambda _: None), keeper=keeper)
    return Shop(engine, review.logged_in(), review.browser())


def kept(shop: Shop, site: str = "default") -> Site:
    return get_site(shop.engine, site)


def say(answer: Any) -> str:
    """What a page says."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def saved(shop: Shop, path: str, **fields: str) -> str:
    """What the page says after a form was taken."""
    answer = shop.post(path, **fields)
    assert answer.status_code == 303, say(answer)
    assert answer.headers["cache-control"] == "no-store"
    return shop.text(answer.headers["location"].partition("#")[0])


def test_hosts_are_added_and_removed(shop: Shop) -> None:
    assert "Any host." in shop.text("/settings")
    assert "The document hosts are saved" in saved(
        shop, "/settings/hosts", action="add", host=" Shop.Example, *.shop.example\nbücher.example "
    )
    assert kept(shop).hosts == ("*.shop.example", "shop.example", "xn--bcher-kva.example")
    assert "*.shop.example" in saved(shop, "/settings/hosts", action="remove", host="shop.example")
    assert kept(shop).hosts == ("*.shop.example", "xn--bcher-kva.example")
    assert kept(shop, "other").hosts == ("other.example",)


def test_the_last_host_goes_only_to_whoever_means_any(shop: Shop) -> None:
    change_site(shop.engine, "default", SiteChanges(hosts=("shop.example",)))
    answer = shop.post("/settings/hosts", action="remove", host="shop.example")
    assert answer.status_code == 409
    assert "without its last host the site would accept any".capitalize() in say(answer)
    assert "--any-host" not in say(answer)
    assert shop.post("/settings/hosts", action="any").status_code == 409, "without the tick"
    assert kept(shop).hosts == ("shop.example",)
    assert "Any host." in saved(shop, "/settings/hosts", action="any", sure="yes")
    assert kept(shop).hosts == ()


def test_aliases_are_added_replaced_and_removed(shop: Shop) -> None:
    for host in ("shop.example", "www.shop.example"):
        said = saved(shop, "/settings/aliases", action="add", alias="staging.shop.example", host=host)
        assert f"staging.shop.example stands for {host}" in said
    assert kept(shop).aliases == (Alias("staging.shop.example", "www.shop.example"),)
    saved(shop, "/settings/aliases", action="remove", alias="staging.shop.example")
    assert kept(shop).aliases == ()


def test_limits_are_set_and_taken_back(shop: Shop) -> None:
    said = saved(shop, "/settings/limits", retention_days="90", new_groups_per_hour="70", reports_per_second="0")
    assert "The limits are saved" in said
    assert [kept(shop).retention_days, kept(shop).new_groups_per_hour, kept(shop).reports_per_second] == [90, 70, 0]
    page = shop.page("/settings")
    assert re.findall(r'name="(\w+)" value="(\d+)" inputmode', page) == [
        ("retention_days", "90"),
        ("new_groups_per_hour", "70"),
        ("reports_per_second", "0"),
    ]
    saved(shop, "/settings/limits", retention_days="", new_groups_per_hour="", reports_per_second="")
    assert [kept(shop).retention_days, kept(shop).new_groups_per_hour, kept(shop).reports_per_second] == [
        *(400, None, None),
    ]


def test_public_keys_are_rotated_and_the_old_ones_live_until_they_are_revoked(shop: Shop) -> None:
    assert f"{BASE_URL}/report/default made" in shop.text("/settings")
    assert "3 days ago" in shop.text("/settings")
    assert "A new key is made" in saved(shop, "/settings/keys", action="new")
    new = kept(shop).key
    assert kept(shop).live_keys == ("default", new)
    assert "old, still live" in shop.text("/settings")
    assert shop.post("/settings/keys", action="revoke").status_code == 409, "without the tick"
    assert find_key(shop.engine, "default") is not None
    assert "The old keys are revoked" in saved(shop, "/settings/keys", action="revoke", sure="yes")
    assert kept(shop).live_keys == (new,)
    assert find_key(shop.engine, "default") is None
    assert "1 revoked" in shop.text("/settings")
    assert "Replace the key" in shop.text("/settings")
    saved(shop, "/settings/keys", action="revoke", sure="yes")
    assert kept(shop).live_keys != (new,)
    assert len(kept(shop).live_keys) == 1


def test_a_new_rehearsal_key_is_shown_once_and_ends_the_old_one(shop: Shop) -> None:
    old = ensure_rehearsal_key(shop.engine, "default", None, NOW)
    assert shop.post("/settings/rehearsal").status_code == 409, "without the tick"
    assert has_rehearsal_key(shop.engine, "default", old)
    answer = shop.post("/settings/rehearsal", sure="yes")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    [new] = set(re.findall(r"/report/([\w-]{20,})", answer.text))
    found = find_key(shop.engine, new)
    assert found is not None
    assert (found.site, found.kind) == ("default", KeyKind.REHEARSAL)
    assert find_key(shop.engine, old) is None
    for address in ("/settings", "/setup", "/", "/deployments"):
        assert new not in shop.page(address)
    assert "One is live" in shop.text("/settings")
    assert read_rehearsal_key(Path("data")) is None, "it was in no file before"


def test_the_file_that_held_the_old_rehearsal_key_holds_the_new_one(shop: Shop, tmp_path: Path) -> None:
    old = ensure_rehearsal_key(shop.engine, "default", None, NOW)
    write_rehearsal_key(old, tmp_path / "data")
    answer = shop.post("/settings/rehearsal", sure="yes")
    assert "held the old one" in say(answer)
    kept_now = read_rehearsal_key(tmp_path / "data")
    assert kept_now is not None
    assert kept_now != old
    assert has_rehearsal_key(shop.engine, "default", kept_now)
    write_rehearsal_key(kept_now, tmp_path / "data")
    shop.post("/settings/rehearsal", site="other", sure="yes")
    assert read_rehearsal_key(tmp_path / "data") == kept_now, "of another site"


def test_a_site_is_switched_off_and_on(shop: Shop) -> None:
    assert shop.post("/settings/switch", action="off").status_code == 409, "without the tick"
    assert kept(shop).is_active
    said = saved(shop, "/settings/switch", action="off", sure="yes")
    assert "The site is switched off" in said
    assert not kept(shop).is_active
    saved(shop, "/settings/switch", action="on")
    assert kept(shop).is_active


def test_another_site_is_added_and_its_keys_shown(shop: Shop) -> None:
    answer = shop.post(
        "/settings/add", name=" blog ", hosts="blog.example *.blog.example", aliases="t.blog.example=blog.example"
    )
    assert answer.status_code == 200
    made = kept(shop, "blog")
    assert made.hosts == ("*.blog.example", "blog.example")
    assert made.aliases == (Alias("t.blog.example", "blog.example"),)
    keys = set(re.findall(r"/report/([\w-]{20,})", answer.text))
    assert made.key in keys
    [rehearsal] = keys - {made.key}
    found = find_key(shop.engine, rehearsal)
    assert found is not None
    assert (found.site, found.kind) == ("blog", KeyKind.REHEARSAL)
    assert rehearsal not in shop.page("/settings?site=blog")
    assert made.key in shop.page("/settings?site=blog")


def test_all_that_is_kept_is_exported_and_erased_by_name(shop: Shop) -> None:
    record_observations(shop.engine, make_observation(site="other", seen_at=NOW), now=NOW)
    answer = shop.browser.get("/settings/export?site=other")
    assert answer.headers["content-disposition"] == 'attachment; filename="other.jsonl"'
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[0]["type"] == "site"
    assert "group" in {line["type"] for line in lines}
    assert "gone for good" in shop.text("/settings/erase?site=other")
    wrong = shop.post("/settings/erase", site="other", name="default")
    assert wrong.status_code == 409
    assert "nothing was erased" in say(wrong)
    answer = shop.post("/settings/erase", site="other", name="other")
    assert answer.headers["location"] == "/settings?site=default&saved=erased"
    assert [site.name for site in list_sites(shop.engine)] == ["default"]
    assert "All that was kept of the site is erased" in shop.text(answer.headers["location"])
    shop.post("/settings/erase", name="default")
    assert [site.name for site in list_sites(shop.engine)] == ["default"], "it is always there"


# (path, fields, what the page says)
REFUSED: list[tuple[str, dict[str, str], str]] = [
    ("hosts", {"action": "add", "host": ""}, "Write a host"),
    ("hosts", {"action": "add", "host": "*.com"}, "is everybody below com"),
    ("hosts", {"action": "add", "host": HOSTILE}, "is no host"),
    ("hosts", {"action": "add", "host": "a\0b"}, "is no host"),
    ("hosts", {"action": "remove", "host": "elsewhere.example"}, "is no host of the site"),
    ("hosts", {"action": "remove", "host": HOSTILE}, "is no host"),
    ("aliases", {"action": "add", "alias": "a.example", "host": ""}, "Write both"),
    ("aliases", {"action": "add", "alias": HOSTILE, "host": HOSTILE}, "is no"),
    ("aliases", {"action": "add", "alias": "a.example", "host": "*.b.example"}, "stands for no single host"),
    ("aliases", {"action": "add", "alias": "a.example", "host": "a.example"}, "stands for itself"),
    ("aliases", {"action": "remove", "alias": "a.example"}, "is no alias of the site"),
    ("limits", {"retention_days": "0"}, "Days kept: 0 is out of range; write a number from 1 to 3650"),
    ("limits", {"new_groups_per_hour": "-1"}, "New violations an hour: -1 is out of range"),
    ("limits", {"reports_per_second": "9" * 18}, "Reports a second: 999999999999999999 is out of range"),
    ("limits", {"reports_per_second": "9" * 5_000}, "is no whole number"),
    ("limits", {"retention_days": HOSTILE}, "is no whole number"),
    ("limits", {"retention_days": "１２"}, "is no whole number"),
    ("add", {"name": ""}, "is no site name"),
    ("add", {"name": "default"}, "exists already"),
    ("add", {"name": HOSTILE, "hosts": HOSTILE}, "is no site name"),
    ("add", {"name": "new", "hosts": "*.com"}, "is everybody below com"),
    ("add", {"name": "new", "aliases": "nonsense"}, "is no alias"),
]


@pytest.mark.parametrize(("part", "fields", "says"), REFUSED)
def test_what_cannot_be_set_is_said_where_it_was_typed_and_stays_there(
    shop: Shop, part: str, fields: dict[str, str], says: str
) -> None:
    before = [replace(site, created_at=NOW) for site in list_sites(shop.engine)]
    answer = shop.post(f"/settings/{part}", **fields)
    assert answer.status_code == 409
    assert says in html.unescape(answer.text)
    section = answer.text.partition(f'aria-labelledby="{part}"')[2].partition("</section>")[0]
    assert 'role="alert"' in section
    if fields.get("action") != "remove":
        for name, value in fields.items():
            assert name == "action" or html.unescape(value) in html.unescape(section), name
    assert "<img src=x" not in answer.text
    assert "<script>" not in answer.text
    assert [replace(site, created_at=NOW) for site in list_sites(shop.engine)] == before
    assert '"/settings?site=other"' in answer.text, "the other sites are a link away"


FORMS = [
    ("hosts", {"action": "add", "host": "evil.example"}),
    ("aliases", {"action": "add", "alias": "evil.example", "host": "shop.example"}),
    ("limits", {"retention_days": "1"}),
    ("keys", {"action": "new"}),
    ("keys", {"action": "revoke", "sure": "yes"}),
    ("rehearsal", {"sure": "yes"}),
    ("switch", {"action": "off", "sure": "yes"}),
    ("add", {"name": "evil"}),
    ("erase", {"name": "default"}),
]


@pytest.mark.parametrize(("part", "fields"), FORMS)
def test_nobody_else_changes_anything(shop: Shop, part: str, fields: dict[str, str]) -> None:
    rehearsal = ensure_rehearsal_key(shop.engine, "default", None, NOW)
    record_observations(shop.engine, make_observation(seen_at=NOW), now=NOW)
    before, said = list_sites(shop.engine), shop.text("/violations")
    token, path = shop.csrf_token(), f"/settings/{part}"
    fields = {"site": "default", **fields}
    assert shop.browser.post(path, data=fields).status_code == 403, "without the form's token"
    assert shop.browser.post(path, data={**fields, "csrf_token": "wrong"}).status_code == 403
    elsewhere = {"Origin": "https://evil.example"}
    answer = shop.browser.post(path, data={**fields, "csrf_token": token}, headers=elsewhere)
    assert answer.status_code == 403, "from another site's page"
    assert shop.stranger.post(path, data={**fields, "csrf_token": token}).status_code == 401
    assert shop.post(path, **{**fields, "site": "nowhere"}).status_code == 404
    assert shop.browser.get(f"{path}?{'&'.join(f'{name}={value}' for name, value in fields.items())}").status_code in {
        200,  # the page that asks before it erases
        405,
    }
    assert list_sites(shop.engine) == before
    assert shop.text("/violations") == said
    assert has_rehearsal_key(shop.engine, "default", rehearsal)


@pytest.mark.parametrize("part", ["hosts", "aliases", "keys", "switch"])
def test_what_no_button_of_ours_sends_is_refused(shop: Shop, part: str) -> None:
    assert shop.post(f"/settings/{part}", action=HOSTILE).status_code == 400
    assert shop.post(f"/settings/{part}").status_code == 400


def test_strangers_see_no_settings_and_take_no_export(shop: Shop) -> None:
    for address in ("/settings", "/settings/erase", "/settings/export", "/setup"):
        answer = shop.stranger.get(address)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_no_page_of_settings_is_stored(shop: Shop) -> None:
    for address in ("/settings", "/settings/erase", "/settings/export", "/setup", "/deployments"):
        assert shop.browser.get(address).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("address", ["/settings", "/settings/erase", "/setup", "/deployments"])
def test_behind_a_prefix_every_address_has_it(shop: Shop, address: str) -> None:
    behind = TestClient(shop.browser.app, base_url=BASE_URL, root_path="/csp", cookies=shop.browser.cookies)
    behind.headers.update({"Accept": "text/html", "Origin": BASE_URL})
    page = behind.get(f"/csp{address}").text
    found = re.findall(r'(?:href|src|action)="([^"]+)"', page)
    assert any(each.startswith(f"/csp{address}") for each in found)
    assert [each for each in found if not each.startswith(("/csp/", "#"))] == []
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    fields = {"csrf_token": token, "site": "default", "action": "new"}
    answer = behind.post("/csp/settings/keys", data=fields, follow_redirects=False)
    assert answer.headers["location"] == "/csp/settings?site=default&saved=keys#keys"
