"""Connections: so many in all, so many of one network, and as many files as the system grants."""

from __future__ import annotations

import ipaddress
import subprocess
import sys

import pytest

from collector.ingest.connections import OpenConnections, allow_connections
from collector.ingest.refusals import Refusal

PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8:aaaa::/48"))


def make(*, most: int = 0, most_per_client: int = 0) -> OpenConnections:
    return OpenConnections(most=most, most_per_client=most_per_client, trusted_proxies=PROXIES)


# (peers that are in already, peer, what it is told), with room for five in all and two of a network
ENTERING: list[tuple[list[str | None], str | None, Refusal | None]] = [
    ([], "192.0.2.1", None),
    (["192.0.2.1"], "192.0.2.1", None),
    (["192.0.2.1", "192.0.2.200"], "192.0.2.7", Refusal.TOO_MANY_OF_CLIENT),
    (["192.0.2.1", "192.0.2.1"], "192.0.3.1", None),
    (["192.0.2.1", "192.0.2.1"], "::ffff:192.0.2.1", Refusal.TOO_MANY_OF_CLIENT),
    (["2001:db8:1:2::1", "2001:db8:1:ffff::"], "2001:db8:1::", Refusal.TOO_MANY_OF_CLIENT),
    (["2001:db8:1:2::1", "2001:db8:1:ffff::"], "2001:db8:2::", None),
    (["10.0.0.1"] * 4, "10.0.0.1", None),
    (["10.0.0.1"] * 5, "10.0.0.1", Refusal.TOO_MANY),
    (["2001:db8:aaaa::1"] * 4, "2001:db8:aaaa::1", None),
    ([None] * 4, None, None),
    ([None] * 5, None, Refusal.TOO_MANY),
    (["10.0.0.1", None, "192.0.2.1", "192.0.2.1", "192.0.3.1"], "192.0.4.1", Refusal.TOO_MANY),
]


@pytest.mark.parametrize(("inside", "peer", "refusal"), ENTERING)
def test_a_connection_counts_for_its_network_and_in_all(
    inside: list[str | None], peer: str | None, refusal: Refusal | None
) -> None:
    connections = make(most=5, most_per_client=2)
    assert [connections.enter(one) for one in inside] == [None] * len(inside)
    assert connections.enter(peer) is refusal


@pytest.mark.parametrize("peer", ["192.0.2.1", "10.0.0.1", None])
def test_who_leaves_makes_room_for_one_and_not_for_two(peer: str | None) -> None:
    connections = make(most=2, most_per_client=2)
    assert [connections.enter(peer) for _ in range(2)] == [None, None]
    connections.leave(peer)
    assert connections.enter(peer) is None
    assert connections.enter(peer) is not None


def test_who_was_refused_takes_no_room() -> None:
    connections = make(most=2, most_per_client=1)
    connections.enter("192.0.2.1")
    assert connections.enter("192.0.2.1") is Refusal.TOO_MANY_OF_CLIENT
    assert connections.enter("192.0.3.1") is None


def test_without_bounds_everybody_is_let_in() -> None:
    connections = make()
    assert {connections.enter("192.0.2.1") for _ in range(1000)} == {None}


# (limits of the process: soft, hard; connections wanted; connections granted, soft limit afterwards)
FILES = [
    (256, 2000, 1000, 1000, 1128),
    (256, 600, 1000, 472, 600),
    (600, 600, 400, 400, 600),
    (256, 600, 0, 472, 600),
    (256, 600, 50, 50, 256),
    (64, 64, 1000, 1, 64),
]


@pytest.mark.parametrize(("soft", "hard", "wanted", "granted", "soft_then"), FILES)
def test_there_are_files_for_the_connections_that_are_granted(
    soft: int, hard: int, wanted: int, granted: int, soft_then: int
) -> None:
    code = f"""if True:
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
        from {allow_connections.__module__} import allow_connections
        print(allow_connections({wanted}), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    """
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == [str(granted), str(soft_then)]
