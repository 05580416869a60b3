"""Visits: when a reader was here before, which the reader's own browser remembers.

The cookie says no more than times. What is shown for it is what the pages show anyway, so nothing signs it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from fastapi import Request, Response

from collector.review.access import cookie_name

PAUSE = timedelta(minutes=30)
"""Whoever comes back later than this comes for another visit."""

_MAX_SITES = 32
_MAX_AGE = timedelta(days=180)
_SUFFIX = "_visits"


def last_visit(request: Request, site: str, now: datetime) -> datetime | None:
    """When the visit before this one to the site's overview ended; None where there was none."""
    before, latest = _times(request).get(site, (0, 0))
    ended = latest if latest and _at(latest) < now - PAUSE else before
    return _at(ended) if 0 < ended <= now.timestamp() else None


def remember_visit(request: Request, response: Response, site: str, now: datetime) -> None:
    """Have the browser remember this one."""
    name = _name(request)
    if name is None:
        return
    times = _times(request)
    before, latest = times.pop(site, (0, 0))
    if latest and _at(latest) < now - PAUSE:
        before = latest
    times[site] = (before, int(now.timestamp()))
    kept = list(times.items())[-_MAX_SITES:]
    response.set_cookie(
        name,
        urlencode([(each, f"{before}-{latest}") for each, (before, latest) in kept]),
        max_age=int(_MAX_AGE.total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def _name(request: Request) -> str | None:
    name = cookie_name(request)
    return None if name is None else f"{name}{_SUFFIX}"


def _times(request: Request) -> dict[str, tuple[int, int]]:
    """By site, in seconds since 1970: the end of the visit before, and the latest moment."""
    name = _name(request)
    found = {}
    for site, said in parse_qsl(request.cookies.get(name, "") if name else "", max_num_fields=None)[-_MAX_SITES:]:
        before, _, latest = said.partition("-")
        if _is_time(before) and _is_time(latest):
            found[site] = (int(before), int(latest))
    return found


def _is_time(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 11


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
