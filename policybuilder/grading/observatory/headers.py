"""Headers as Observatory's client, axios over node, hands them to its tests: one text a name."""

from __future__ import annotations

import re

from policybuilder.scanner.pages import Headers, header_values

# https://nodejs.org/api/http.html#messageheaders: of these the first counts, others are joined by commas. No test
# looks at any other of those that are kept once.
_KEPT_ONCE = frozenset({"content-type", "location"})

# https://github.com/axios/axios/blob/v1.x/lib/helpers/sanitizeHeaderValue.js
_REMOVED = re.compile("[\0-\x08\n-\x1f\x7f]+")


def header(headers: Headers, name: str) -> str | None:
    """The value of the header, repeated ones joined by `, `; None where there is none."""
    values = header_values(headers, name)
    if not values:
        return None
    return _sanitized(values[0] if name in _KEPT_ONCE else ", ".join(values))


def cookie_headers(headers: Headers) -> tuple[str, ...]:
    """The values of Set-Cookie, which alone is never joined."""
    return tuple(map(_sanitized, header_values(headers, "set-cookie")))


def _sanitized(value: str) -> str:
    return _REMOVED.sub("", value).strip(" \t")
