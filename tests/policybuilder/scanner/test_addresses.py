"""Which addresses are public."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policybuilder.scanner.addresses import refusal_of

# (address, what it is)
CASES = [
    ("8.8.8.8", None),
    ("1.1.1.1", None),
    ("100.63.255.255", None),
    ("172.32.0.1", None),
    ("0.0.0.0", "an unspecified address"),  # noqa: S104  (nothing is bound)
    ("0.1.2.3", "an unspecified address"),
    ("10.1.2.3", "a private address"),
    ("100.64.0.1", "a shared (carrier-grade NAT) address"),
    ("100.100.100.200", "a shared (carrier-grade NAT) address"),  # Alibaba's metadata
    ("127.0.0.1", "a loopback address"),
    ("127.255.255.254", "a loopback address"),
    ("168.63.129.16", "a cloud metadata address"),
    ("169.254.169.254", "a link-local address"),
    ("172.16.0.1", "a private address"),
    ("172.31.255.255", "a private address"),
    ("192.0.0.192", "a reserved address"),  # Oracle's metadata
    ("192.0.2.1", "a documentation address"),
    ("192.168.1.1", "a private address"),
    ("198.19.255.255", "a benchmarking address"),
    ("224.0.0.1", "a multicast address"),
    ("239.255.255.250", "a multicast address"),
    ("240.0.0.1", "a reserved address"),
    ("255.255.255.255", "a reserved address"),
    ("2606:4700:4700::1111", None),
    ("2a00:1450:4001::1", None),
    ("::", "an unspecified address"),
    ("::1", "a loopback address"),
    ("fe80::1", "a link-local address"),
    ("fe80::1%eth0", "a link-local address"),
    ("2606:4700::1%eth0", "a link-local address"),
    ("fd00:ec2::254", "a private address"),  # Amazon's metadata
    ("fec0::1", "a private address"),
    ("ff02::1", "a multicast address"),
    ("2001:db8::1", "a documentation address"),
    ("3fff::1", "a documentation address"),
    ("2001:20::1", "a reserved address"),
    ("100::1", "a reserved address"),
    ("5f00::1", "a reserved address"),
    ("4000::1", "a reserved address"),
    # IPv4 carried in IPv6: mapped, compatible, NAT64, 6to4, Teredo (its server, then its client, inverted).
    ("::ffff:127.0.0.1", "a loopback address in IPv6"),
    ("::ffff:169.254.169.254", "a link-local address in IPv6"),
    ("::ffff:8.8.8.8", None),
    ("::127.0.0.1", "a loopback address in IPv6"),
    ("::8.8.8.8", "a reserved address"),
    ("64:ff9b::10.0.0.1", "a private address in IPv6"),
    ("64:ff9b::8.8.8.8", None),
    ("64:ff9b:1::8.8.8.8", "a private address"),
    ("2002:7f00:1::", "a loopback address in IPv6"),
    ("2002:a9fe:a9fe::1", "a link-local address in IPv6"),
    ("2002:808:808::1", None),
    ("2001:0:808:808:0:0:80ff:fffe", "a loopback address in IPv6"),
    ("2001:0:7f00:1:0:0:f7f7:f7f7", "a loopback address in IPv6"),
    ("2001:0:808:808:0:0:f7f7:f7f7", None),
]


@pytest.mark.parametrize(("address", "expected"), CASES)
def test_an_address_is_public_or_has_a_name(address: str, expected: str | None) -> None:
    assert refusal_of(address) == expected


@given(address=st.ip_addresses(v=4).map(str))
@example(address="192.88.99.1")
def test_what_we_take_for_public_the_standard_library_does_too(address: str) -> None:
    if refusal_of(address) is None:
        parsed = ipaddress.IPv4Address(address)
        assert parsed.is_global
        assert not parsed.is_multicast


@given(address=st.ip_addresses(v=4))
def test_no_way_of_carrying_it_makes_an_address_public(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    carriers = [
        0xFFFF << 32 | number,
        0x64FF9B << 96 | number,
        0x2002 << 112 | number << 80,
        0x20010000 << 96 | number << 64 | 0xF7F7F7F7,
        0x20010000 << 96 | 0x08080808 << 64 | number ^ 0xFFFFFFFF,
    ]
    for carrier in carriers:
        assert (refusal_of(str(ipaddress.IPv6Address(carrier))) is None) == (refusal_of(str(address)) is None)


def test_what_is_no_address_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"localhost"):
        refusal_of("localhost")
