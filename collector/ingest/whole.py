"""Whole reports: requests that are answered inside the HTTP protocol, without a task and the messages of ASGI.

Nearly every report comes in one piece and needs nobody to wait before it is queued. What differs goes the way of ASGI,
which other servers take for all; either way gives the same answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol


class MadeAnswer(NamedTuple):
    """An answer as bytes, but for what the server adds to every one."""

    status: int
    header_lines: bytes
    body: bytes
    closes: bool
    """Its headers say that the connection ends with it."""


class WholeReports(Protocol):
    """What a service has for a server that has read a request whole."""

    def wants(self, scope: Any) -> bool:
        """Whether the request is for reports at all, as far as its head tells."""

    def take(self, scope: Any, body: bytes, answer: Callable[[MadeAnswer], None]) -> bool:
        """Take the request, and answer it: before this returns, or later. False where it is for the application."""
