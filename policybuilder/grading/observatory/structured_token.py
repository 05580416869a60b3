"""A token as a structured field, as the headers of cross-origin isolation have one.

https://www.rfc-editor.org/rfc/rfc9651#name-tokens
"""

from __future__ import annotations

import http_sf

from policybuilder.grading.observatory.javascript import trim


def token_of(value: str) -> str | None:
    """The token, its parameters left out; None for what is no structured field, or another kind of one."""
    try:
        parsed = http_sf.parse(trim(value[:1024]).encode("latin-1"), tltype="item")
    # Characters beyond ASCII: what a browser cannot read is no token.
    except (http_sf.StructuredFieldError, UnicodeError):
        return None
    item = parsed[0] if isinstance(parsed, tuple) else parsed
    return str(item) if isinstance(item, http_sf.Token) else None
