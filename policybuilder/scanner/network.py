"""The network as the fetcher sees it: addresses that were checked, and an end to everything.

A name is resolved once, every address it has is checked, and the connection goes to one of those; so a name cannot mean
something else the next moment.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpcore2

from policybuilder.scanner.addresses import refusal_of
from policybuilder.scanner.connect_to import Detour, Endpoint, destination
from policybuilder.scanner.pages import Budget, FetchError, FetchLimits, FetchReason

# What heads, chunk sizes and trailers may take besides the body, which counts by itself.
_MAX_FRAMING_BYTES = 256 * 1024

Resolver = Callable[[str, int], Sequence[str]]
"""The addresses of a host, for connections to a port of it. Raises OSError when there are none."""


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host that this system knows, in the order it prefers. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class TooManyBytesError(httpcore2.ReadError):
    """Far more came over one connection than a page takes."""


class Network(httpcore2.NetworkBackend):
    """Connections of one fetch after another, none of which outlives the time of its own."""

    def __init__(
        self, limits: FetchLimits, detours: Sequence[Detour], *, allows_private: bool, resolver: Resolver
    ) -> None:
        self._limits = limits
        self._detours = detours
        self._allows_private = allows_private
        self._resolver = resolver
        self._sockets = httpcore2.SyncBackend()
        self._ends_at = 0.0
        self._purse: _Purse | None = None
        self.address = ""
        """That the last connection went to; a socket forgets it when its peer is gone."""

    @contextmanager
    def within(self, budget: Budget) -> Iterator[None]:
        """What is fetched inside shares a budget; not one inside another."""
        self._purse = _Purse(budget)
        try:
            yield
        finally:
            self._purse = None

    def begin(self) -> None:
        """A fetch begins, and its time with it. Raises FetchError where the budget's is up."""
        if self.is_spent:
            raise over_budget("seconds")
        self._ends_at = time.monotonic() + self._limits.total_seconds
        if self._purse is not None:
            self._ends_at = min(self._ends_at, self._purse.ends_at)

    @property
    def is_spent(self) -> bool:
        """Whether the time of the budget is up."""
        return self._purse is not None and time.monotonic() >= self._purse.ends_at

    def seconds_left(self, at_most: float | None) -> float:
        """How long the next step may take. Raises httpcore2.ReadTimeout when no time is left."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout
        return left if at_most is None else min(left, at_most)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection to a URL's host, or to where a detour leads. Raises FetchError and httpcore2's errors."""
        if self._purse is not None:
            self._purse.take_request()
        asked = Endpoint(host.strip("[]"), port)
        target = destination(asked, self._detours)
        failure: Exception = httpcore2.ConnectError("no address")
        for address in self._checked_addresses(asked, target, timeout):
            try:
                stream = self._sockets.connect_tcp(
                    address, target.port, self.seconds_left(timeout), local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                self.address = address
                return _Stream(stream, self, self._limits.max_bytes + _MAX_FRAMING_BYTES, self._purse)
        raise failure

    def _checked_addresses(self, asked: Endpoint, target: Endpoint, timeout: float | None) -> Sequence[str]:
        addresses = self._resolve(target, self.seconds_left(timeout))
        if self._allows_private:
            return addresses
        # One is enough to refuse: which of them answers is not the operator's choice.
        for address in addresses:
            if refusal := refusal_of(address):
                detour = "" if target.host == asked.host else f", where --connect-to leads from {asked.host},"
                name = target.host if target.host == address else f"{target.host} at {address}"
                raise FetchError(
                    FetchReason.NOT_PUBLIC, f"{name}{detour} is {refusal}; add --allow-private to connect there"
                )
        return addresses

    def _resolve(self, target: Endpoint, seconds: float) -> Sequence[str]:
        """In a thread of its own: the system's resolver has its own idea of patience, half a minute and more."""
        found: list[Sequence[str] | Exception] = []

        def ask() -> None:
            try:
                found.append(self._resolver(target.host, target.port))
            except (OSError, UnicodeError) as error:  # the latter for labels that are empty or too long
                found.append(error)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(seconds)
        if not found:
            raise httpcore2.ConnectTimeout
        if isinstance(found[0], Exception) or not found[0]:
            raise FetchError(FetchReason.NO_SUCH_HOST, f"no such host: {target.host}; look for a mistake in its name")
        return found[0]


class _Purse:
    """What is left of a budget."""

    def __init__(self, budget: Budget) -> None:
        self.ends_at = time.monotonic() + budget.seconds
        self._requests = budget.max_requests
        self._bytes = budget.max_bytes

    def take_request(self) -> None:
        self._requests -= 1
        if self._requests < 0:
            raise over_budget("requests")

    def take_bytes(self, number: int) -> None:
        self._bytes -= number
        if self._bytes < 0:
            raise over_budget("bytes")


def over_budget(what: str) -> FetchError:
    """That all of what the fetches together may cost was spent, such as `bytes`."""
    return FetchError(
        FetchReason.OVER_BUDGET, f"more {what} than one page may cost were spent already; see what it does"
    )


class _Stream(httpcore2.NetworkStream):
    """A connection that ends with its fetch's time, and brings so many bytes and no more."""

    def __init__(
        self, stream: httpcore2.NetworkStream, network: Network, bytes_left: int, purse: _Purse | None
    ) -> None:
        self._stream = stream
        self._network = network
        self._bytes_left = bytes_left
        self._purse = purse

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(max_bytes, self._network.seconds_left(timeout))
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise TooManyBytesError
        if self._purse is not None:
            self._purse.take_bytes(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._network.seconds_left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        # The brackets of an IPv6 address are the URL's own.
        name = server_hostname.strip("[]") if server_hostname else None
        secured = self._stream.start_tls(ssl_context, name, self._network.seconds_left(timeout))
        return _Stream(secured, self._network, self._bytes_left, self._purse)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
