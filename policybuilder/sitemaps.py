"""Sitemaps: the pages of a site as it lists them for search engines, and the sitemaps that an index of them names.

https://www.sitemaps.org/protocol.html; read by its one element that matters, so that no XML is expanded.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from itertools import islice

_OPENING = re.compile(r"<(?:[A-Za-z][\w.-]{0,40}:)?loc\s{0,20}>")
_MAX_LOCATION = 4_096
"""Characters between two tags; the protocol knows no URL of more than 2,048."""

_MAX_LOCATIONS = 100_000
"""Twice as many as the protocol lets one sitemap hold."""

_INDEX = re.compile(r"<(?:[A-Za-z][\w.-]{0,40}:)?sitemapindex\b")
_CDATA, _CDATA_END = "<![CDATA[", "]]>"
_HEAD = 4_096
"""Characters in which a document says what it is."""


@dataclass(frozen=True, slots=True)
class Sitemap:
    """What one sitemap lists, as written."""

    locations: tuple[str, ...]
    is_index: bool
    """Whether these are sitemaps themselves."""


def is_xml(text: str) -> bool:
    """Whether it is no plain list, a URL a line."""
    return text.lstrip("\ufeff \t\r\n")[:1] == "<"


def is_index(text: str) -> bool:
    """Whether it is an index of sitemaps."""
    return _INDEX.search(text, 0, _HEAD) is not None


def read_sitemap(text: str) -> Sitemap:
    """What the sitemap lists: XML, or a plain list with a URL on each line."""
    if is_xml(text):
        return Sitemap(locations_of(text), is_index(text))
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    return Sitemap(tuple(line for line in lines if line.startswith(("http://", "https://"))), is_index=False)


def locations_of(text: str) -> tuple[str, ...]:
    """What stands in each `<loc>`, however much of a sitemap it is.

    Looked for from each opening tag on and no further than a URL is long, so that nobody's white space takes for ever.
    """
    found = []
    for opening in islice(_OPENING.finditer(text), _MAX_LOCATIONS):
        rest = text[opening.end() : opening.end() + _MAX_LOCATION].lstrip()
        is_literal = rest.startswith(_CDATA)
        inside, end, _ = rest.removeprefix(_CDATA).partition(_CDATA_END if is_literal else "</")
        name = inside.strip()
        if end and name and not set(name) & set("<>"):
            found.append(name if is_literal else html.unescape(name))
    return tuple(found)
