"""Tests of domains: where the names begin that one party holds."""

from __future__ import annotations

import pytest

from policybuilder.domains import is_address, private_suffix, registrable_domain

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


def test_addresses_are_told_from_names() -> None:
    assert [host for host in ("1.2.3.4", "[::1]", "1.example", "example") if is_address(host)] == ["1.2.3.4", "[::1]"]
