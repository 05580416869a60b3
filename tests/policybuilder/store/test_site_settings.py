"""Changing sites: what is named changes, all of it or nothing, and everything else stays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from policybuilder.errors import CspbuildError
from policybuilder.store.reading import snapshot
from policybuilder.store.site_keys import read_site_keys
from policybuilder.store.site_settings import Default, SiteChanges, change_site
from policybuilder.store.sites import (
    Alias,
    KeyKind,
    SiteKey,
    add_site,
    check_aliases,
    find_key,
    get_site,
    key_for_import,
    parse_alias,
    rotate_site,
    set_site_active,
)
from tests.support.evidence import SEEN_AT as NOW

STAGING = Alias("staging.shop.example", "www.shop.example")
PREVIEWS = Alias("*.preview.example", "www.shop.example")


def test_an_alias_is_stored_in_one_spelling() -> None:
    assert parse_alias(" Staging.Shop.Example. = WWW.shop.example") == STAGING
    assert parse_alias("localhost:3000=shop.example:8443") == Alias("localhost:3000", "shop.example:8443")
    assert str(STAGING) == "staging.shop.example=www.shop.example"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("", "is no alias; write staging"),
        ("staging.example", "is no alias; write staging"),
        ("=www.example", "is no host"),
        ("staging.example=", "is no host"),
        ("staging.example=https://www.example", "is no host"),
        ("a.example=b.example=c.example", "is no host"),
        ("*=www.example", "is no host"),
        ("staging.example=*.example", "stands for no single host"),
        ("www.example=WWW.example", "stands for itself"),
    ],
)
def test_what_is_no_alias_is_refused(written: str, says: str) -> None:
    with pytest.raises(CspbuildError, match=says):
        parse_alias(written)


@pytest.mark.parametrize(
    ("aliases", "says"),
    [
        ([STAGING, Alias("staging.shop.example", "shop.example")], "cannot stand for www.shop.example and for shop"),
        ([STAGING, Alias("www.shop.example", "shop.example")], "leads to another alias, www.shop.example=shop.example"),
    ],
)
def test_aliases_that_contradict_each_other_are_refused(aliases: list[Alias], says: str) -> None:
    with pytest.raises(CspbuildError, match=says):
        check_aliases(aliases)


def test_a_key_carries_what_ingest_needs_to_know(engine: Engine) -> None:
    made = add_site(engine, "shop", ["shop.example"], NOW, aliases=[STAGING, PREVIEWS, STAGING])
    add_site(engine, "blog", [], NOW, aliases=[Alias("a.example", "b.example")])
    change_site(engine, "shop", SiteChanges(new_groups_per_hour=7, reports_per_second=0))
    expected = SiteKey("shop", KeyKind.PUBLIC, ("shop.example",), (PREVIEWS, STAGING), 7, 0)
    assert find_key(engine, made.key) == expected
    assert made.rehearsal_key is not None
    assert find_key(engine, made.rehearsal_key) == replace(expected, kind=KeyKind.REHEARSAL)
    set_site_active(engine, "shop", active=False)
    assert key_for_import(engine, "shop") == expected
    with pytest.raises(CspbuildError, match="no site 'shopp'"):
        key_for_import(engine, "shopp")


# (changes, hosts, aliases) of a site with two hosts and one alias
CHANGE_CASES = [
    (SiteChanges(), ("a.example", "b.example"), (STAGING,)),
    (SiteChanges(hosts=("C.example", "c.example", "b.example")), ("b.example", "c.example"), (STAGING,)),
    (SiteChanges(accepts_any_host=True), (), (STAGING,)),
    (SiteChanges(added_hosts=("c.example", "a.example")), ("a.example", "b.example", "c.example"), (STAGING,)),
    (SiteChanges(removed_hosts=("A.example.",)), ("b.example",), (STAGING,)),
    (
        SiteChanges(removed_hosts=("a.example", "b.example"), added_hosts=("c.example",)),
        ("c.example",),
        (STAGING,),
    ),
    (SiteChanges(aliases=(PREVIEWS,)), ("a.example", "b.example"), (PREVIEWS, STAGING)),
    (SiteChanges(removed_aliases=("Staging.shop.example",)), ("a.example", "b.example"), ()),
    (
        SiteChanges(aliases=(Alias(STAGING.alias, "a.example"),)),
        ("a.example", "b.example"),
        (Alias(STAGING.alias, "a.example"),),
    ),
]


@pytest.mark.parametrize(("changes", "hosts", "aliases"), CHANGE_CASES)
def test_hosts_and_aliases_change_as_they_are_told(
    engine: Engine, changes: SiteChanges, hosts: tuple[str, ...], aliases: tuple[Alias, ...]
) -> None:
    for name in ("shop", "blog"):
        add_site(engine, name, ["a.example", "b.example"], NOW, aliases=[STAGING])
    other = get_site(engine, "blog")
    changed = change_site(engine, "shop", changes)
    assert (changed.hosts, changed.aliases) == (hosts, aliases)
    assert get_site(engine, "shop") == changed
    assert get_site(engine, "blog") == other


def test_numbers_change_as_they_are_told_and_back_to_the_default(engine: Engine) -> None:
    add_site(engine, "shop", [], NOW)
    changed = change_site(engine, "shop", SiteChanges(retention_days=30, new_groups_per_hour=0, reports_per_second=50))
    assert (changed.retention_days, changed.new_groups_per_hour, changed.reports_per_second) == (30, 0, 50)
    back = change_site(
        engine, "shop", SiteChanges(new_groups_per_hour=Default.DEFAULT, reports_per_second=Default.DEFAULT)
    )
    assert (back.retention_days, back.new_groups_per_hour, back.reports_per_second) == (30, None, None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (SiteChanges(retention_days=0), "--retention-days 0 is out of range; give a number from 1 to 3650"),
        (SiteChanges(retention_days=3_651), "out of range"),
        (SiteChanges(new_groups_per_hour=-1), "--new-groups-per-hour -1 is out of range"),
        (SiteChanges(reports_per_second=2**70), "--reports-per-second .* is out of range"),
        (SiteChanges(hosts=("https://a.example",)), "is no host"),
        (SiteChanges(removed_hosts=("b.example",)), r"b\.example is no host of the site \(there are: a\.example\)"),
        (SiteChanges(removed_hosts=("a.example",)), "no document host left.*pass --any-host"),
        (SiteChanges(removed_aliases=("b.example",)), r"b\.example is no alias of the site \(there are: staging"),
        (SiteChanges(aliases=(Alias("www.shop.example", "a.example"),)), "leads to another alias"),
    ],
)
def test_a_change_that_cannot_be_leaves_everything_as_it_was(engine: Engine, changes: SiteChanges, says: str) -> None:
    add_site(engine, "shop", ["a.example"], NOW, aliases=[STAGING])
    before = get_site(engine, "shop")
    for attempt in (changes, replace(changes, aliases=(*changes.aliases, PREVIEWS))):
        with pytest.raises(CspbuildError, match=says):
            change_site(engine, "shop", attempt)
    assert get_site(engine, "shop") == before


def test_changes_made_at_once_are_all_kept(engine: Engine) -> None:
    add_site(engine, "shop", ["a.example"], NOW)

    def add(number: int) -> None:
        alias = Alias(f"copy-{number}.example", "a.example")
        change_site(engine, "shop", SiteChanges(added_hosts=(f"host-{number}.example",), aliases=(alias,)))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, range(16)))
    changed = get_site(engine, "shop")
    assert (len(changed.hosts), len(changed.aliases)) == (17, 16)


@pytest.mark.parametrize("rehearsal", [False, True])
def test_keys_that_are_replaced_at_once_leave_one(engine: Engine, *, rehearsal: bool) -> None:
    add_site(engine, "shop", [], NOW)

    def rotate(_number: int) -> None:
        rotate_site(engine, "shop", rehearsal=rehearsal, revoke_old=True, now=NOW)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(rotate, range(16)))
    with snapshot(engine) as connection:
        keys = read_site_keys(connection, "shop")
    kind = KeyKind.REHEARSAL if rehearsal else KeyKind.PUBLIC
    assert len([key for key in keys if key.kind is kind and key.revoked_at is None]) == 1


def test_an_unknown_site_cannot_be_changed(engine: Engine) -> None:
    with pytest.raises(CspbuildError, match="no site 'shop'"):
        change_site(engine, "shop", SiteChanges(retention_days=30))
