"""Tests of domains: where the names begin that one party holds."""

from __future__ import annotations

import pytest

from policybuilder.domains import is_address, private_suffix, registered_domain, registrable_domain

# (host, what one party holds, the private suffix)
HOSTS = [
    ("shop.example", "shop.example", None),
    ("cdn.img.shop.example", "shop.example", None),
    ("www.shop.co.uk", "shop.co.uk", None),
    ("me.github.io", "me.github.io", "github.io"),
    ("a.me.github.io", "me.github.io", "github.io"),
    ("github.io", None, "github.io"),
    ("d111.cloudfront.net", "d111.cloudfront.net", "cloudfront.net"),
    ("co.uk", None, None),
    ("localhost", None, None),
    ("10.0.0.1", None, None),
    ("[::1]", None, None),
    ("", None, None),
    ("a..b", None, None),
]


@pytest.mark.parametrize(("host", "registrable", "suffix"), HOSTS)
def test_a_host_belongs_to_whoever_holds_the_name_below_a_suffix(
    host: str, registrable: str | None, suffix: str | None
) -> None:
    assert registrable_domain(host) == registrable
    assert private_suffix(host) == suffix


# (host, the domain it is registered under, whoever holds names there)
REGISTERED = [
    ("www.shop.co.uk", "shop.co.uk"),
    ("a.me.github.io", "github.io"),
    ("github.io", "github.io"),
    ("co.uk", None),
    ("localhost", None),
    ("10.0.0.1", None),
]


@pytest.mark.parametrize(("host", "registered"), REGISTERED)
def test_a_host_is_registered_below_a_suffix_of_registries_alone(host: str, registered: str | None) -> None:
    assert registered_domain(host) == registered


def test_addresses_are_told_from_names() -> None:
    assert [host for host in ("1.2.3.4", "[::1]", "1.example", "example") if is_address(host)] == ["1.2.3.4", "[::1]"]
