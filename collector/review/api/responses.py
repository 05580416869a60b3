"""Responses: what the document says of requests that fail."""

from __future__ import annotations

from typing import Any

from collector.review.api.shapes.common import Error

NOT_FOUND = 404
CONFLICT = 409
WRONG = 422
OF_WRITES = (403, 413, 415, WRONG)
_MEANINGS = {
    401: "Neither a session nor the admin token was sent.",
    403: "A browser’s write that is not of our own pages, or is without the session’s token.",
    404: "There is no such site, or nothing of this name in it.",
    409: "It cannot be as things are; the sentence says why.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    422: "The request does not have its form; `problems` says what is wrong where.",
    429: "Too many wrong tokens; `Retry-After` says for how many seconds.",
    503: "The database cannot be reached, or does not write.",
}
_ALWAYS = (401, 429, 503)


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Responses of an operation: those that every one may give, and more."""
    return {each: {"model": Error, "description": _MEANINGS[each]} for each in sorted({*_ALWAYS, *statuses})}
