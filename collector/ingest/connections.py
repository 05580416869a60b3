"""Connections: how many may be open, in all and from one client's network."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Sequence

from collector.ingest.client import UNKNOWN_NETWORK, is_trusted_peer, network_of, parse_address
from collector.ingest.refusals import Refusal
from collector.settings import IPNetwork

_OTHER_FILES = 128
"""What a process has open beside connections: the database, its log, the files it serves."""

_MOST_FILES = 1 << 20
"""Where there is no limit; Linux has this one by default (fs.nr_open)."""


class OpenConnections:
    """A count of what is open, bounded; a bound of 0 is none.

    Trusted proxies stand for many clients, and a unix socket for none that is known: they count in all only.
    """

    def __init__(self, *, most: int, most_per_client: int, trusted_proxies: Sequence[IPNetwork]) -> None:
        self._most = most
        self._most_per_client = most_per_client
        self._proxies = tuple(trusted_proxies)
        self._in_all = 0
        self._of_network: Counter[str] = Counter()

    def enter(self, peer: str | None) -> Refusal | None:
        """Count a new connection, or return why there is no room for it: then it is not counted."""
        if 0 < self._most <= self._in_all:
            return Refusal.TOO_MANY
        network = self._network(peer)
        if network != UNKNOWN_NETWORK:
            if 0 < self._most_per_client <= self._of_network[network]:
                return Refusal.TOO_MANY_OF_CLIENT
            self._of_network[network] += 1
        self._in_all += 1
        return None

    @property
    def in_all(self) -> int:
        """How many are open now."""
        return self._in_all

    def leave(self, peer: str | None) -> None:
        """A connection that was counted has ended."""
        self._in_all -= 1
        network = self._network(peer)
        if network != UNKNOWN_NETWORK:
            self._of_network[network] -= 1
            if not self._of_network[network]:
                del self._of_network[network]

    def _network(self, peer: str | None) -> str:
        if peer is None or is_trusted_peer(peer, self._proxies):
            return UNKNOWN_NETWORK
        return network_of(parse_address(peer))


def allow_connections(wanted: int) -> int:
    """Raise this process's limit of open files for so many connections (0: for as many as can be).

    Returns how many can be open, which is fewer where the system grants fewer files. One more would make accepting
    fail, for everybody and over and over.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most_files = _MOST_FILES if hard == resource.RLIM_INFINITY else hard
    granted = max(1, most_files - _OTHER_FILES)
    connections = min(wanted or granted, granted)
    files = min(connections + _OTHER_FILES, most_files)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return connections
