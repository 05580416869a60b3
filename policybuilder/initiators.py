"""Initiators, as people type them: origins whose code loads what the page itself does not name."""

from __future__ import annotations

import re

from policybuilder.csp import is_csp_host, parse_url
from policybuilder.errors import CspbuildError

_MAX_HOST_CHARACTERS = 253
"""Of a DNS name: reports with longer ones name no initiator."""

# A path would be forgotten, and a user name is there to be mistaken for a host.
_MORE_THAN_AN_ORIGIN = re.compile(r"[\s/\\?#@%]|:$")


def parse_initiator(text: str) -> str:
    """The origin that `text` names, as reports do; of a host alone, its https origin.

    Raises CspbuildError for more or less than one origin, and for one that is not https: whoever is on the way could
    speak for it.
    """
    scheme, authority = _split(text.strip())
    url = None if _MORE_THAN_AN_ORIGIN.search(authority) else parse_url(f"https://{authority}/")
    if scheme not in {"", "https"} or url is None or not is_csp_host(url.host) or len(url.host) > _MAX_HOST_CHARACTERS:
        raise CspbuildError(
            f"{text[:80]!r} is no origin to trust; write https://tag-manager.example, or its host, with a port if it "
            "has one"
        )
    return url.origin


def parse_initiator_pattern(text: str) -> str:
    """A pattern of origins or hosts, `*` for anything, in the letters of reports.

    Raises CspbuildError for what no origin could match.
    """
    scheme, authority = _split(text.strip())
    if not authority or not authority.isprintable() or _MORE_THAN_AN_ORIGIN.search(authority):
        raise CspbuildError(
            f"{text[:80]!r} is no origin or host; write https://tag-manager.example or *.tag-manager.example"
        )
    star = "*." if authority.startswith("*.") else ""
    if not authority.isascii() and (url := parse_url(f"https://{authority.removeprefix('*.')}/")) is not None:
        authority = star + url.origin.removeprefix("https://")
    return f"{scheme}://{authority}" if scheme else authority


def _split(text: str) -> tuple[str, str]:
    """Scheme, empty where there is none, and what stands behind it, without the slash that browsers add."""
    scheme, separator, rest = text.partition("://")
    return (scheme.lower(), rest.removesuffix("/")) if separator else ("", text.removesuffix("/"))
