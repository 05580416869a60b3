"""The client: nobody but a trusted proxy says who sent a report, and only the network is kept."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.ingest import client
from collector.ingest.client import UNKNOWN_NETWORK, client_network, is_trusted_peer, network_of, parse_address

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
PROXIES = (*LOOPBACK, ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8:ffff::/48"))

# (peer, values of X-Forwarded-For, network)
FORWARDED = [
    pytest.param("198.51.100.7", (), "198.51.100.0/24", id="a visitor without a proxy"),
    pytest.param("198.51.100.7", ("203.0.113.9",), "198.51.100.0/24", id="a stranger's header is not believed"),
    pytest.param("127.0.0.1", ("203.0.113.9",), "203.0.113.0/24", id="a proxy's header is"),
    pytest.param("127.0.0.1", ("192.0.2.1, 203.0.113.9",), "203.0.113.0/24", id="what the visitor wrote before it"),
    pytest.param("127.0.0.1", ("203.0.113.9, 10.1.2.3",), "203.0.113.0/24", id="through two proxies"),
    pytest.param("127.0.0.1", ("192.0.2.1", "203.0.113.9"), "203.0.113.0/24", id="the header twice"),
    pytest.param("127.0.0.1", ("192.0.2.1, 203.0.113.9", "10.1.2.3"), "203.0.113.0/24", id="twice, with proxies"),
    pytest.param("127.0.0.1", ("127.0.0.1, 203.0.113.9",), "203.0.113.0/24", id="a visitor who claims to be a proxy"),
    pytest.param("127.0.0.1", ("10.1.2.3",), "10.1.2.0/24", id="from a proxy itself"),
    pytest.param("127.0.0.1", (), "127.0.0.0/24", id="no header from a proxy"),
    pytest.param("127.0.0.1", ("",), "127.0.0.0/24", id="an empty one"),
    pytest.param("127.0.0.1", ("203.0.113.9, nonsense",), "127.0.0.0/24", id="nonsense behind it ends the trail"),
    pytest.param("127.0.0.1", ("nonsense, 203.0.113.9",), "203.0.113.0/24", id="nonsense before it does not count"),
    pytest.param("127.0.0.1", ("nonsense, 10.1.2.3",), "10.1.2.0/24", id="nonsense before a proxy"),
    pytest.param("127.0.0.1", ("203.0.113.9:51234",), "203.0.113.0/24", id="with a port"),
    pytest.param("127.0.0.1", ("2001:db8:1:2::9",), "2001:db8:1::/48", id="IPv6"),
    pytest.param("127.0.0.1", ('"[2001:db8:1:2::9]:443"',), "2001:db8:1::/48", id="IPv6 in brackets and quotes"),
    pytest.param("::1", ("203.0.113.9",), "203.0.113.0/24", id="a proxy by IPv6"),
    pytest.param("::ffff:127.0.0.1", ("203.0.113.9",), "203.0.113.0/24", id="a proxy mapped into IPv6"),
    pytest.param("127.0.0.1", ("::ffff:203.0.113.9",), "203.0.113.0/24", id="a visitor mapped into IPv6"),
    pytest.param("::ffff:198.51.100.7", ("203.0.113.9",), "198.51.100.0/24", id="a mapped stranger is no proxy"),
    pytest.param(None, ("203.0.113.9",), UNKNOWN_NETWORK, id="a unix socket"),
    pytest.param("", (), UNKNOWN_NETWORK, id="an empty peer"),
    pytest.param("testclient", ("203.0.113.9",), UNKNOWN_NETWORK, id="a peer that is no address"),
]


@pytest.mark.parametrize(("peer", "values", "network"), FORWARDED)
def test_the_client_is_the_last_address_that_is_no_trusted_proxy(
    peer: str | None, values: tuple[str, ...], network: str
) -> None:
    headers = [(b"host", b"reports.example"), *((b"X-Forwarded-For", value.encode()) for value in values)]
    assert client_network(peer, headers, trusted_proxies=PROXIES) == network


# (peer, value of CF-Connecting-IP, network)
NAMED = [
    ("127.0.0.1", b"203.0.113.9", "203.0.113.0/24"),
    ("127.0.0.1", b"2001:db8:1::9", "2001:db8:1::/48"),
    ("198.51.100.7", b"203.0.113.9", "198.51.100.0/24"),
    ("127.0.0.1", b"nonsense", "127.0.0.0/24"),
    ("127.0.0.1", b"192.0.2.1, 203.0.113.9", "127.0.0.0/24"),
    ("127.0.0.1", None, "127.0.0.0/24"),
]


@pytest.mark.parametrize(("peer", "value", "network"), NAMED)
def test_a_named_header_of_a_proxy_stands_for_x_forwarded_for(peer: str, value: bytes | None, network: str) -> None:
    headers = [(b"x-forwarded-for", b"192.0.2.1")]
    if value is not None:
        headers.append((b"cf-connecting-ip", value))
    assert client_network(peer, headers, trusted_proxies=LOOPBACK, client_header="CF-Connecting-IP") == network


def test_without_trusted_proxies_the_peer_is_the_client() -> None:
    headers = [(b"x-forwarded-for", b"203.0.113.9")]
    assert client_network("127.0.0.1", headers, trusted_proxies=()) == "127.0.0.0/24"


# (an address as somebody writes it, the address)
ADDRESSES = [
    ("192.0.2.1", "192.0.2.1"),
    (" 192.0.2.1 ", "192.0.2.1"),
    ("192.0.2.1:80", "192.0.2.1"),
    ("2001:DB8::1", "2001:db8::1"),
    ("[2001:db8::1]", "2001:db8::1"),
    ("[2001:db8::1]:80", "2001:db8::1"),
    ("fe80::1%eth0", "fe80::1"),
    ("::ffff:192.0.2.1", "192.0.2.1"),
    ("64:ff9b::c000:201", "192.0.2.1"),  # NAT64
    ("::", "::"),
]


@pytest.mark.parametrize(("text", "address"), ADDRESSES)
def test_an_address_is_read_in_every_spelling(text: str, address: str) -> None:
    assert str(parse_address(text)) == address


@pytest.mark.parametrize(
    "text",
    ["", "unknown", "_hidden", "shop.example", "192.0.2", "192.0.2.256", "0192.0.2.1", "[", "1:2:3", "192.0.2.1/24"],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text) is None


def test_neighbours_are_one_network() -> None:
    def network(text: str) -> str:
        return network_of(parse_address(text))

    assert network("192.0.2.1") == network("192.0.2.254") != network("192.0.3.1")
    assert network("2001:db8:1:1::1") == network("2001:db8:1:ffff::9") != network("2001:db8:2::1")


@pytest.mark.parametrize(
    ("peer", "is_trusted"),
    [("127.9.9.9", True), ("::1", True), ("10.0.0.1", False), ("::2", False), (None, False), ("", False)],
)
def test_a_peer_is_trusted_by_its_address_alone(peer: str | None, is_trusted: bool) -> None:  # noqa: FBT001  (a column of the table)
    assert is_trusted_peer(peer, LOOPBACK) is is_trusted


@given(st.ip_addresses())
def test_the_network_of_an_address_holds_it_and_its_neighbours_alone(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    prefix = 24 if address.version == 4 else 48
    assert network_of(address) == str(ipaddress.ip_network((address, prefix), strict=False))


def test_what_a_header_says_at_length_is_read_and_not_kept() -> None:
    client._seen_cached.cache_clear()
    for number in range(10):
        said = f"203.0.113.9, {' ' * 5_000}198.51.100.{number}".encode()
        headers = [(b"x-forwarded-for", said)]
        assert client_network("127.0.0.1", headers, trusted_proxies=PROXIES) == "198.51.100.0/24"
    assert client._seen_cached.cache_info().currsize == 1
