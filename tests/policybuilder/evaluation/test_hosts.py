"""Tests of what is known of hosts, and of the table of gadgets."""

from __future__ import annotations

import tomllib
from datetime import date
from importlib import resources

import pytest

from policybuilder.csp import HostSource, parse_source_expression
from policybuilder.domains import is_registry
from policybuilder.evaluation.gadgets import GadgetKind, gadgets_of
from policybuilder.evaluation.hosts import HostFacts, facts_of
from policybuilder.hosting import hosting_within


def source(text: str) -> HostSource:
    found = parse_source_expression(text)
    assert isinstance(found, HostSource)
    return found


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("https://www.googletagmanager.com/gtm.js", ["tag-manager"]),
        ("https://tags.tiqcdn.com/utag/acme/", ["tag-manager"]),
        ("https://tags.tiqcdn.com/other/", []),
        ("https://en.wikipedia.org", ["jsonp"]),
        ("https://en.wikipedia.org/w/api.php", ["jsonp"]),
        ("https://en.wikipedia.org/w/load.php", []),
        ("*.wikipedia.org", ["jsonp"]),
        ("wikipedia.org", []),
        ("https://a.b.googleapis.com", ["jsonp"]),
        ("https://bit.ly", ["redirector"]),
        ("https://shop.example", []),
    ],
)
def test_a_gadget_is_found_where_the_source_reaches_it(text: str, kinds: list[str]) -> None:
    assert [gadget.kind.value for gadget in gadgets_of(source(text))] == kinds


def test_every_row_says_what_shows_it_and_when_that_was_looked_at() -> None:
    text = resources.files("policybuilder.evaluation").joinpath("gadgets.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)["gadget"]
    assert {row["kind"] for row in rows} == {kind.value for kind in GadgetKind}
    for row in rows:
        assert row["source"].startswith("https://")
        assert isinstance(row["checked"], date)
        assert row["hosts"] or row["packages"]
        assert not row["reason"].endswith(".")
        for host in row["hosts"]:
            assert source(host).host_part == host
        assert all(path.startswith("/") for path in row.get("paths", ()))
    hosts = [(row["kind"], host) for row in rows for host in row["hosts"]]
    assert len(set(hosts)) == len(hosts)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("com", True),
        ("co.uk", True),
        ("github.io", True),
        ("shop.com", False),
        ("internal", False),
        ("10.0.0.1", False),
    ],
)
def test_a_registry_lets_anybody_have_a_name(name: str, expected: bool) -> None:  # noqa: FBT001  (a table)
    assert is_registry(name) is expected


@pytest.mark.parametrize(
    ("domain", "is_hosting"), [("jsdelivr.net", True), ("cloudfront.net", True), ("shop.com", False)]
)
def test_hosting_within_a_domain(domain: str, is_hosting: bool) -> None:  # noqa: FBT001  (a table)
    assert (hosting_within(domain) is not None) is is_hosting


def test_nothing_is_known_of_every_host() -> None:
    assert facts_of(source("https://*")) == HostFacts()
    assert facts_of(source("localhost:3000")).is_loopback
    assert facts_of(source("127.0.0.1")).is_loopback
    assert facts_of(source("192.0.2.1")).is_address
