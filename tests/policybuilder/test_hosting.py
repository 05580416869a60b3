"""Tests of hosting: hosts on which anybody can publish."""

from __future__ import annotations

import re
import time
import tomllib
from datetime import date
from importlib import resources
from typing import Any

import pytest

from policybuilder.hosting import Hosting, HostingKind, hosting_of

K = HostingKind
TABLE: dict[str, Any] = tomllib.loads(
    resources.files("policybuilder").joinpath("hosting.toml").read_text(encoding="utf-8")
)
ENTRIES: list[dict[str, Any]] = [*TABLE["hosting"], *TABLE["not-hosting"]]

# (host, kind, whether strangers share it)
HOSTS = [
    ("cdn.jsdelivr.net", K.PACKAGE_CDN, True),
    ("unpkg.com", K.PACKAGE_CDN, True),
    ("cdnjs.cloudflare.com", K.PACKAGE_CDN, True),
    ("esm.sh", K.PACKAGE_CDN, True),
    ("cdn.skypack.dev", K.PACKAGE_CDN, True),
    ("ajax.googleapis.com", K.PACKAGE_CDN, True),
    ("raw.githubusercontent.com", K.PACKAGE_CDN, True),
    ("avatars.githubusercontent.com", K.USER_CONTENT, True),
    ("s3.amazonaws.com", K.OBJECT_STORAGE, True),
    ("s3.eu-west-1.amazonaws.com", K.OBJECT_STORAGE, True),
    ("s3-eu-west-1.amazonaws.com", K.PRIVATE_SUFFIX, True),
    ("bucket.s3.amazonaws.com", K.OBJECT_STORAGE, False),
    ("my.dotted.bucket.s3.eu-west-1.amazonaws.com", K.OBJECT_STORAGE, False),
    ("storage.googleapis.com", K.OBJECT_STORAGE, True),
    ("bucket.storage.googleapis.com", K.OBJECT_STORAGE, False),
    ("account.blob.core.windows.net", K.OBJECT_STORAGE, False),
    ("pub-1.r2.dev", K.OBJECT_STORAGE, False),
    ("f002.backblazeb2.com", K.OBJECT_STORAGE, True),
    ("bucket.s3.us-west-002.backblazeb2.com", K.OBJECT_STORAGE, False),
    ("nyc3.digitaloceanspaces.com", K.OBJECT_STORAGE, True),
    ("bucket.nyc3.digitaloceanspaces.com", K.OBJECT_STORAGE, False),
    *((f"me.{suffix}", K.PAGE_HOSTING, False) for suffix in ("github.io", "gitlab.io", "netlify.app", "vercel.app")),
    *((f"me.{suffix}", K.PAGE_HOSTING, False) for suffix in ("pages.dev", "workers.dev", "herokuapp.com", "web.app")),
    *((f"me.{suffix}", K.PAGE_HOSTING, False) for suffix in ("firebaseapp.com", "blogspot.com", "wordpress.com")),
    ("lh3.googleusercontent.com", K.USER_CONTENT, True),
    ("d111111abcdef8.cloudfront.net", K.CDN_DISTRIBUTION, False),
    ("shop-a.akamaihd.net", K.CDN_DISTRIBUTION, False),
    ("shop.azureedge.net", K.CDN_DISTRIBUTION, False),
    # Not in the table, but in the private half of the public suffix list.
    ("me.myshopify.com", K.PRIVATE_SUFFIX, False),
    ("github.io", K.PRIVATE_SUFFIX, True),
]


@pytest.mark.parametrize(("host", "kind", "is_shared"), HOSTS)
def test_hosts_where_anybody_publishes_are_known(host: str, kind: HostingKind, *, is_shared: bool) -> None:
    hosting = hosting_of(host)
    assert hosting is not None
    assert (hosting.kind, hosting.is_shared) == (kind, is_shared)
    assert hosting_of(f"{host}.") == hosting


@pytest.mark.parametrize(
    "host",
    [
        *("shop.example", "cdn.shop.example", "notjsdelivr.net", "cdn.jsdelivr.net.evil.example", "jsdelivr.example"),
        # Google's own interfaces, and names that are registered like any other.
        *("fonts.googleapis.com", "maps.googleapis.com", "cdn.shop.uk.com", "shop.us.com"),
        *("localhost", "127.0.0.1", "[::1]", "", ".", "a..b", "*", "*.github"),
    ],
)
def test_other_hosts_are_nobodys_hosting(host: str) -> None:
    assert hosting_of(host) is None


# (host, path, directory of its publisher)
DIRECTORIES = [
    ("cdn.jsdelivr.net", "/npm/jquery@3.7.1/dist/jquery.min.js", "/npm/jquery@3.7.1/"),
    ("cdn.jsdelivr.net", "/npm/@vue/runtime-dom@3.5.0/dist/x.js", "/npm/@vue/runtime-dom@3.5.0/"),
    ("cdn.jsdelivr.net", "/npm/@vue", None),
    ("cdn.jsdelivr.net", "/gh/owner/repository@1.0/x.js", "/gh/owner/repository@1.0/"),
    ("cdn.jsdelivr.net", "/combine/npm/a@1/x.js%2Cnpm/b@1/y.js", None),
    ("cdn.jsdelivr.net", "/npm/", None),
    ("cdn.jsdelivr.net", "/", None),
    ("unpkg.com", "/react@18.3.1/umd/react.js", "/react@18.3.1/"),
    ("unpkg.com", "/@scope/name@1/x.js", "/@scope/name@1/"),
    ("unpkg.com", "/@scope", None),
    ("esm.sh", "/react@18", "/react@18/"),
    ("esm.sh", "/stable/react@18.2.0/es2022/react.mjs", "/stable/react@18.2.0/"),
    ("esm.sh", "/v135/react@18.2.0/es2022/react.mjs", "/v135/react@18.2.0/"),
    # Not all that was built in that way.
    ("esm.sh", "/v135/react/es2022/react.mjs", None),
    ("cdnjs.cloudflare.com", "/ajax/libs/vue/3.5.0/vue.js", "/ajax/libs/vue/3.5.0/"),
    ("s3.amazonaws.com", "/bucket/a.js", "/bucket/"),
    ("storage.googleapis.com", "/download/storage/v1/b/bucket/o/a.js", "/download/storage/v1/b/bucket/o/"),
    ("lh3.googleusercontent.com", "/a/b", None),
    ("bucket.s3.amazonaws.com", "/a/b", "/"),
    ("me.github.io", "/a/b", "/"),
]


@pytest.mark.parametrize(("host", "path", "directory"), DIRECTORIES)
def test_a_publisher_has_a_directory_to_itself_or_none(host: str, path: str, directory: str | None) -> None:
    hosting = hosting_of(host)
    assert hosting is not None
    assert hosting.tenant_directory(path) == directory


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["hosts"][0])
def test_every_entry_says_what_shows_it_and_when_that_was_looked_at(entry: dict[str, Any]) -> None:
    assert entry["source"].startswith("https://")
    assert isinstance(entry["checked"], date)
    assert re.fullmatch(r"[^.\s].*[^.\s]", entry["reason"])
    assert set(entry) <= {"kind", "hosts", "shared", "tenants", "registry", "reason", "source", "checked"}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["hosts"][0])
def test_every_pattern_can_be_looked_up(entry: dict[str, Any]) -> None:
    for pattern in entry["hosts"]:
        assert re.fullmatch(r"(\*\.)?([a-z0-9-]+|\*)(\.([a-z0-9-]+|\*))*\.[a-z]+", pattern)
        hosting = hosting_of(pattern.replace("*", "w0"))
        if "kind" in entry:
            assert isinstance(hosting, Hosting), pattern
            assert (hosting.kind, hosting.reason) == (entry["kind"], entry["reason"]), pattern
        else:
            assert hosting is None, pattern


def test_no_host_stands_in_the_table_twice() -> None:
    patterns = [pattern for entry in ENTRIES for pattern in entry["hosts"]]
    assert sorted(patterns) == sorted(set(patterns))


def test_directories_of_tenants_stand_only_where_strangers_share_a_host() -> None:
    for entry in TABLE["hosting"]:
        assert entry.get("shared") or "tenants" not in entry
        for pattern in entry.get("tenants", ()):
            assert pattern.startswith("/"), pattern
            assert pattern.endswith(("*/", "/trunk/", "/o/")), pattern


def test_a_host_of_many_labels_is_looked_up_at_once() -> None:
    start = time.perf_counter()
    assert hosting_of("a." * 100_000 + "github.io") is not None
    assert time.perf_counter() - start < 1
