"""Refusals: why the server hangs up on a client, and what it says then."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable
from http import HTTPStatus


class Refusal(enum.StrEnum):
    """What a client did that ended its connection; seen in answers, counters and tests."""

    TOO_MANY = "too-many-connections"
    TOO_MANY_OF_CLIENT = "too-many-connections-of-client"
    SILENT = "silent"
    """It connected, and sent not one byte of a request."""

    HEADERS_LATE = "headers-late"
    BODY_LATE = "body-late"
    ANSWER_NOT_TAKEN = "answer-not-taken"
    """It does not read what it asked for."""

    MALFORMED = "malformed-request"
    TARGET_TOO_LONG = "request-target-too-long"
    HEADERS_TOO_LARGE = "headers-too-large"
    """Too many bytes of them or too many fields; trailer fields too."""

    BODY_TOO_LARGE = "body-too-large"
    TOO_MANY_AT_ONCE = "too-many-requests-at-once"
    """It sent many requests without waiting for answers."""


_STATUSES = {
    Refusal.HEADERS_LATE: HTTPStatus.REQUEST_TIMEOUT,
    Refusal.BODY_LATE: HTTPStatus.REQUEST_TIMEOUT,
    Refusal.MALFORMED: HTTPStatus.BAD_REQUEST,
    Refusal.TARGET_TOO_LONG: HTTPStatus.REQUEST_URI_TOO_LONG,
    Refusal.HEADERS_TOO_LARGE: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    Refusal.BODY_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Refusal.TOO_MANY_AT_ONCE: HTTPStatus.TOO_MANY_REQUESTS,
}
"""The others get no answer: nothing was asked, or nobody reads it."""


def answer_to(refusal: Refusal, more_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The last answer on a connection, whole; empty where there is nothing to answer."""
    status = _STATUSES.get(refusal)
    if status is None:
        return b""
    body = json.dumps({"error": refusal.value}).encode()
    headers = (
        *more_headers,
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        # The request may have been a report, whose answer is withheld from the browser without this.
        (b"access-control-allow-origin", b"*"),
    )
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode(), *(name + b": " + value for name, value in headers)]
    return b"\r\n".join([*lines, b"", body])
