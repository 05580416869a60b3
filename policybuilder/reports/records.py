"""Records: a posted body as somebody wrote it down, with what else was known of the post."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_MAX_HEADERS = 200

_SAID_BESIDE = frozenset({"client", "content_type", "headers", "method", "received_at", "time"})
"""Members that stand beside a recorded body, and that no browser writes into a report."""


class RecordError(Exception):
    """A record without a usable body; its text is the reason to count it by."""


@dataclass(frozen=True, slots=True)
class Record:
    """What was posted, and what is said of it."""

    body: bytes
    user_agent: str = ""
    client: str = ""
    """The address that posted it, as it was written down; empty where nobody says."""

    received_at: datetime | None = None


def read_record(content: bytes) -> Record | None:
    """What a line says: a raw report body, or a record of a request with the body in it; None for a preflight.

    Raises RecordError for a record without a usable body.
    """
    try:
        value = json.loads(content.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        # It may still be a report that the endpoint would take; its reader says what is wrong with it.
        return Record(content)
    if not is_record(value):
        return Record(content)
    if str(value.get("method", "POST")).upper() == "OPTIONS":
        return None
    headers = _headers(value.get("headers"))
    agent, client = value.get("user_agent"), value.get("client")
    return Record(
        body=_body(value.get("body")),
        user_agent=agent if isinstance(agent, str) else headers.get("user-agent", ""),
        client=client if isinstance(client, str) else "",
        received_at=_instant(value.get("received_at", value.get("time"))),
    )


def is_record(value: Any) -> bool:
    """Whether a JSON value records a post: it has a `body`, or is a request.

    A report of the Reporting API has a `body` too, an object with a `type` beside it; a report without its type is one
    as long as nothing stands beside it that only a record has.
    """
    if not isinstance(value, dict) or "csp-report" in value:
        return False
    if isinstance(value.get("body"), dict):
        return "type" not in value and not _SAID_BESIDE.isdisjoint(value)
    return "body" in value or "method" in value


def _body(value: Any) -> bytes:
    """What was posted: text, or the JSON that somebody wrote down unpacked."""
    match value:
        case str():
            return value.encode("utf-8", "surrogatepass")
        case dict():
            pass
        case list() if all(isinstance(each, dict) for each in value):
            pass
        case _:
            raise RecordError("record-without-report-body")
    try:
        return json.dumps(value).encode()
    except RecursionError:
        raise RecordError("record-without-report-body") from None


def _headers(value: Any) -> dict[str, str]:
    pairs = value.items() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found: dict[str, str] = {}
    for pair in list(pairs)[:_MAX_HEADERS]:
        if isinstance(pair, (list, tuple)) and len(pair) == 2 and all(isinstance(part, str) for part in pair):
            found.setdefault(pair[0].lower(), pair[1])
    return found


def _instant(value: Any) -> datetime | None:
    """An ISO 8601 time, or seconds since 1970; nonsense counts as not said."""
    try:
        if isinstance(value, str):
            instant = datetime.fromisoformat(value)
            return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
