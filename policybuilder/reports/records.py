"""Records: a posted body as somebody wrote it down, with what else was known of the post."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_MAX_HEADERS = 200


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
    if not isinstance(value.get("body"), str):
        raise RecordError("record-without-body-text")
    headers = _headers(value.get("headers"))
    agent, client = value.get("user_agent"), value.get("client")
    return Record(
        body=value["body"].encode("utf-8", "surrogatepass"),
        user_agent=agent if isinstance(agent, str) else headers.get("user-agent", ""),
        client=client if isinstance(client, str) else "",
        received_at=_instant(value.get("received_at", value.get("time"))),
    )


def is_record(value: Any) -> bool:
    """Whether a JSON value records a post: it has `body` as text, or is a request; a report's `body` is an object."""
    if not isinstance(value, dict) or "csp-report" in value or isinstance(value.get("body"), dict):
        return False
    return "body" in value or "method" in value


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
