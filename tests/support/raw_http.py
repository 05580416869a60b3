"""A client that sends what it is told, byte for byte and as slowly as it is told."""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_WAIT_SECONDS = 30
"""For an answer or the end: far more than any deadline in a test."""


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """One answer of several that may follow each other on a connection."""

    status: int
    headers: dict[str, str]
    body: bytes


class RawClient:
    """One connection to `base_url`, or to the unix socket at a path."""

    def __init__(self, base_url: str, *, source: str = "127.0.0.1", receive_buffer: int | None = None) -> None:
        if base_url.startswith("/"):
            self.socket = socket.socket(socket.AF_UNIX)
            address: str | tuple[str, int] = base_url
        else:
            self.socket = socket.socket()
            self.socket.bind((source, 0))
            parts = urlsplit(base_url)
            assert parts.hostname is not None
            assert parts.port is not None
            address = (parts.hostname, parts.port)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(_WAIT_SECONDS)
        self.socket.connect(address)
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> bool:
        """Whether the other side let us; it may have hung up in the midst of it."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def ask(self, data: bytes) -> RawAnswer | None:
        self.send(data)
        return self.answer()

    def answer(self) -> RawAnswer | None:
        """The next answer; None at the end of the connection."""
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            if not self._receive():
                assert not self._received, self._received
                return None
        first, *lines = self._received[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        whole = end + 4 + int(headers.get("content-length", 0))
        while len(self._received) < whole:
            assert self._receive(), f"the connection ended in the midst of {self._received!r}"
        body, self._received = self._received[end + 4 : whole], self._received[whole:]
        return RawAnswer(int(first.split(" ")[1]), headers, body)

    def answers(self) -> list[RawAnswer]:
        """All that come before the other side hangs up."""
        found = []
        while (answer := self.answer()) is not None:
            found.append(answer)
        return found

    def rest(self, *, pause: float = 0) -> bytes:
        """All bytes that come before the other side hangs up, read in small pieces with a pause after each."""
        while self._receive():
            time.sleep(pause)
        return self._received

    def drip(self, data: bytes, *, every: float = 0.05, at_most: float = _WAIT_SECONDS) -> float:
        """Send `data` again and again, until something is to be read or the connection ends; returns the seconds."""
        began = time.monotonic()
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        while time.monotonic() - began < at_most:
            if poll.poll(every * 1000) or (data and not self.send(data)):
                break
        return time.monotonic() - began

    def _receive(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self._received += data
        return bool(data)
