"""Tests of sites and the keys in their report URLs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from policybuilder.errors import CspbuildError
from policybuilder.store.site_settings import SiteChanges, change_site
from policybuilder.store.sites import (
    KeyKind,
    SiteKey,
    add_site,
    ensure_default_site,
    ensure_rehearsal_key,
    find_key,
    get_site,
    has_rehearsal_key,
    key_digest,
    list_sites,
    normalize_host,
    parse_alias,
    rotate_site,
    set_site_active,
)
from tests.support.evidence import SEEN_AT as NOW

HOSTS = ("*.shop.example", "shop.example", "shop.example:8443")


def hours(number: int) -> timedelta:
    return timedelta(hours=number)


def test_a_site_has_a_public_key_a_rehearsal_key_and_its_hosts(engine: Engine) -> None:
    made = add_site(engine, "shop", ["Shop.Example.", "*.shop.example", "shop.example:8443", "shop.example"], NOW)
    assert made.rehearsal_key is not None
    assert find_key(engine, made.key) == SiteKey("shop", KeyKind.PUBLIC, HOSTS)
    assert find_key(engine, made.rehearsal_key) == SiteKey("shop", KeyKind.REHEARSAL, HOSTS)
    found = get_site(engine, "shop")
    assert (found.name, found.key, found.hosts, found.created_at) == ("shop", made.key, HOSTS, NOW)
    assert found.live_keys == (made.key,)


def test_a_rehearsal_key_is_stored_as_a_digest_and_shown_once(engine: Engine) -> None:
    made = add_site(engine, "shop", [], NOW)
    assert made.rehearsal_key is not None
    assert len(made.rehearsal_key) * 6 >= 128
    assert get_site(engine, "shop").rehearsal_key is None
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT kind, key, digest FROM site_key ORDER BY kind")).all()
    assert [tuple(row) for row in rows] == [
        ("public", made.key, key_digest(made.key)),
        ("rehearsal", None, key_digest(made.rehearsal_key)),
    ]


def test_keys_are_never_the_same(engine: Engine) -> None:
    sites = [add_site(engine, f"site{number}", [], NOW) for number in range(5)]
    keys = {key for site in sites for key in (site.key, site.rehearsal_key)}
    assert len(keys) == 10


@pytest.mark.parametrize("name", ["", "Shop", "a b", "-shop", "shop/1", "é", "x" * 65, "shop\n", "'; DROP TABLE site;"])
def test_a_name_that_needs_quoting_is_refused(engine: Engine, name: str) -> None:
    with pytest.raises(CspbuildError, match="is no site name; use lower-case letters"):
        add_site(engine, name, [], NOW)
    assert list_sites(engine) == ()


@pytest.mark.parametrize("name", ["shop", "0", "a.b_c-d", "x" * 64])
def test_a_plain_name_is_taken_once(engine: Engine, name: str) -> None:
    add_site(engine, name, [], NOW)
    with pytest.raises(CspbuildError, match=r"exists already; see  \S*cspbuild site show"):
        add_site(engine, name, [], NOW)


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("shop.example", "shop.example"),
        (" SHOP.example. ", "shop.example"),
        ("*.shop.example", "*.shop.example"),
        ("localhost:8000", "localhost:8000"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("*.Bücher.example:8443", "*.xn--bcher-kva.example:8443"),
    ],
)
def test_a_host_is_stored_in_one_spelling(written: str, host: str) -> None:
    assert normalize_host(written) == host


@pytest.mark.parametrize(
    "written",
    [
        "",
        "*",
        "https://shop.example",
        "shop.example/cart",
        "*shop.example",
        "a.*.example",
        "a_b",
        "bücher.example/cart",
        "é_b.example",
        "ü@b",
    ],
)
def test_what_is_no_host_is_refused(written: str) -> None:
    with pytest.raises(CspbuildError, match=r"is no host; write shop\.example"):
        normalize_host(written)


@pytest.mark.parametrize("host", ["*.com", "*.co.uk", "*.com:8443", "*.рф"])
def test_a_site_cannot_have_all_hosts_of_a_registry(engine: Engine, host: str) -> None:
    with pytest.raises(CspbuildError, match="is everybody below"):
        add_site(engine, "shop", [host], NOW)
    add_site(engine, "shop", ["*.shop.com", "*.localhost", "*.example", "*.github.io"], NOW)
    with pytest.raises(CspbuildError, match="is everybody below"):
        change_site(engine, "shop", SiteChanges(added_hosts=(host,)))
    with pytest.raises(CspbuildError, match="is everybody below"):
        parse_alias(f"{host}=www.shop.com")


def test_a_refused_host_adds_no_site(engine: Engine) -> None:
    with pytest.raises(CspbuildError):
        add_site(engine, "shop", ["shop.example", "https://shop.example"], NOW)
    assert list_sites(engine) == ()


def test_rotation_keeps_the_old_key_live_until_it_is_revoked(engine: Engine) -> None:
    first = add_site(engine, "shop", [], NOW)
    second = rotate_site(engine, "shop", rehearsal=False, revoke_old=False, now=NOW + hours(1))
    assert second.live_keys == (first.key, second.key)
    assert first.key != second.key
    assert find_key(engine, first.key) is not None
    revoked = rotate_site(engine, "shop", rehearsal=False, revoke_old=True, now=NOW + hours(2))
    assert revoked.live_keys == (second.key,)
    assert find_key(engine, first.key) is None
    assert find_key(engine, second.key) is not None


def test_however_often_a_site_is_rotated_every_key_lives_until_the_old_are_revoked(engine: Engine) -> None:
    first = add_site(engine, "shop", [], NOW)
    second = rotate_site(engine, "shop", rehearsal=False, revoke_old=False, now=NOW + hours(1))
    third = rotate_site(engine, "shop", rehearsal=False, revoke_old=False, now=NOW + hours(2))
    assert third.live_keys == (first.key, second.key, third.key)
    assert all(find_key(engine, key) for key in third.live_keys)
    revoked = rotate_site(engine, "shop", rehearsal=False, revoke_old=True, now=NOW + hours(3))
    assert revoked.live_keys == (third.key,)
    assert [find_key(engine, key) for key in (first.key, second.key)] == [None, None]


def test_a_leaked_key_is_replaced_at_once(engine: Engine) -> None:
    leaked = add_site(engine, "shop", [], NOW)
    fresh = rotate_site(engine, "shop", rehearsal=False, revoke_old=True, now=NOW + hours(1))
    assert fresh.live_keys == (fresh.key,)
    assert find_key(engine, leaked.key) is None


def test_a_new_rehearsal_key_ends_the_old_one_and_leaves_the_public_one(engine: Engine) -> None:
    made = add_site(engine, "shop", [], NOW)
    rotated = rotate_site(engine, "shop", rehearsal=True, revoke_old=False, now=NOW + hours(1))
    assert made.rehearsal_key is not None
    assert rotated.rehearsal_key is not None
    assert find_key(engine, made.rehearsal_key) is None
    found = find_key(engine, rotated.rehearsal_key)
    assert found is not None
    assert found.kind is KeyKind.REHEARSAL
    assert rotated.live_keys == (made.key,)


def test_a_site_that_is_off_answers_none_of_its_keys_until_it_is_on(engine: Engine) -> None:
    made = add_site(engine, "shop", [], NOW)
    assert made.rehearsal_key is not None
    set_site_active(engine, "shop", active=False)
    assert find_key(engine, made.key) is None
    assert find_key(engine, made.rehearsal_key) is None
    set_site_active(engine, "shop", active=True)
    assert find_key(engine, made.key) is not None
    assert find_key(engine, made.rehearsal_key) is not None


@pytest.mark.parametrize("key", ["", "nobody", "default'--", "\x00", "\ud800", "x" * 10_000])
def test_a_key_nobody_has_names_no_site(engine: Engine, key: str) -> None:
    assert find_key(engine, key) is None


def test_the_default_site_is_made_once_and_stays_off_when_it_was_switched_off(engine: Engine) -> None:
    ensure_default_site(engine, NOW)
    set_site_active(engine, "default", active=False)
    ensure_default_site(engine, NOW + hours(1))
    assert find_key(engine, "default") is None
    set_site_active(engine, "default", active=True)
    assert find_key(engine, "default") == SiteKey("default", KeyKind.PUBLIC, ())


def test_the_default_sites_well_known_key_can_be_revoked_for_good(engine: Engine) -> None:
    ensure_default_site(engine, NOW)
    rotate_site(engine, "default", rehearsal=False, revoke_old=True, now=NOW + hours(1))
    ensure_default_site(engine, NOW + hours(2))
    assert find_key(engine, "default") is None


def test_a_rehearsal_key_that_is_still_live_is_kept(engine: Engine) -> None:
    ensure_default_site(engine, NOW)
    made = ensure_rehearsal_key(engine, "default", None, NOW)
    assert ensure_rehearsal_key(engine, "default", made, NOW) == made


@pytest.mark.parametrize("unusable", ["default", "never issued", "revoked"])
def test_beside_a_key_that_is_no_live_rehearsal_key_another_is_made(engine: Engine, unusable: str) -> None:
    ensure_default_site(engine, NOW)
    if unusable == "revoked":
        unusable = ensure_rehearsal_key(engine, "default", None, NOW)
        rotate_site(engine, "default", rehearsal=True, revoke_old=False, now=NOW)
    made = ensure_rehearsal_key(engine, "default", unusable, NOW)
    assert made != unusable
    found = find_key(engine, made)
    assert found is not None
    assert found.kind is KeyKind.REHEARSAL


def test_the_rehearsal_keys_of_several_installations_live_until_the_site_is_rotated(engine: Engine) -> None:
    ensure_default_site(engine, NOW)
    other = add_site(engine, "shop", [], NOW)
    keys = [ensure_rehearsal_key(engine, "default", None, NOW) for _ in range(3)]
    assert len(set(keys)) == 3
    assert all(has_rehearsal_key(engine, "default", key) for key in keys)
    rotated = rotate_site(engine, "default", rehearsal=True, revoke_old=False, now=NOW + hours(1))
    assert [find_key(engine, key) for key in keys] == [None] * 3
    assert rotated.rehearsal_key is not None
    assert has_rehearsal_key(engine, "default", rotated.rehearsal_key)
    assert other.rehearsal_key is not None
    assert has_rehearsal_key(engine, "shop", other.rehearsal_key)
    assert not has_rehearsal_key(engine, "default", other.rehearsal_key)
    assert not has_rehearsal_key(engine, "shop", other.key)


def test_a_site_that_is_off_keeps_its_rehearsal_key(engine: Engine) -> None:
    ensure_default_site(engine, NOW)
    made = ensure_rehearsal_key(engine, "default", None, NOW)
    set_site_active(engine, "default", active=False)
    assert ensure_rehearsal_key(engine, "default", made, NOW) == made


def test_an_unknown_site_is_refused_by_naming_those_there_are(engine: Engine) -> None:
    with pytest.raises(CspbuildError, match=r"no site 'shopp' \(there are: none\)"):
        get_site(engine, "shopp")
    add_site(engine, "shop", [], NOW)
    add_site(engine, "blog", [], NOW)
    for ask in (
        lambda: get_site(engine, "shopp"),
        lambda: rotate_site(engine, "shopp", rehearsal=True, revoke_old=False, now=NOW),
        lambda: set_site_active(engine, "shopp", active=False),
    ):
        with pytest.raises(
            CspbuildError, match=r"\(there are: blog, shop\); create it with  \S*cspbuild site add shopp"
        ):
            ask()


def test_sites_are_listed_by_name(engine: Engine) -> None:
    for name in ("shop", "blog", "api"):
        add_site(engine, name, [], NOW)
    assert [site.name for site in list_sites(engine)] == ["api", "blog", "shop"]
