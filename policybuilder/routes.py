"""Routes: the paths of a site as its operator lists them, and what they have in common."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from policybuilder.csp import parse_url
from policybuilder.sitemaps import is_index, is_xml, locations_of

MAX_ROUTES = 50_000
"""As many as one sitemap may hold."""

_MANY_SIBLINGS = 12
"""From which on the names beneath a path are taken for one route: articles, products, people."""

_ACCESS_LOG = re.compile(r'"[A-Z]{3,10} \S+(?: HTTP/[\d.]+)?" \d{3} |^\s*\{')

# A number, a date, a UUID, a digest, or a name with a long number in it.
_VARIES = re.compile(r"[\d._-]+|[0-9a-fA-F-]{12,}|.*\d{6,}.*|(?=.*\d)[0-9a-f]{8,}")


def parse_routes(text: str) -> tuple[str, ...]:
    """The paths that a sitemap, or a list of paths or URLs, one a line, names; sorted.

    Lines that begin with `#` are comments. Raises ValueError with a sentence for what is neither.
    """
    text = text.removeprefix("\ufeff")
    if is_index(text):
        raise ValueError("it is an index of sitemaps; give one of those that it names")
    if is_xml(text):
        names = list(locations_of(text))
        if not names:
            raise ValueError("it holds no <loc> of a sitemap")
    else:
        names = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
        if names and _ACCESS_LOG.search(names[0]):
            raise ValueError("it is an access log; count it with  csp-collector views import  and leave --routes out")
    paths = {_path(name) for name in names}
    if not paths:
        raise ValueError("it names no path")
    if len(paths) > MAX_ROUTES:
        raise ValueError(f"it names {len(paths):,} paths; give at most {MAX_ROUTES:,}")
    return tuple(sorted(paths))


def parse_path(text: str) -> str:
    """A path as pages have it. Raises ValueError for what is none."""
    url = parse_url(f"https://site.invalid{text}") if re.match(r"/(?!/)", text) else None
    if url is None or url.host != "site.invalid":
        raise ValueError(f"{text[:200]!r} is no path; write /checkout")
    return url.path or "/"


def path_of(page: str) -> str | None:
    """The path of a page's URL; None for documents without one."""
    url = parse_url(page)
    return url.path if url is not None and url.is_network else None


def is_beneath(path: str, above: str) -> bool:
    """Whether a path is `above` or one beneath it."""
    return path == above or path.startswith(above if above.endswith("/") else f"{above}/")


def shapes(paths: Iterable[str]) -> dict[str, str]:
    """Each path's shape: what varies in it is `*`.

    A segment varies when it looks made (a number, a digest), or when a dozen others stand in its place.
    """
    found = {path: [_made(segment) for segment in path.split("/")] for path in paths}
    depth = max(map(len, found.values()), default=0)
    for place in range(1, depth):
        siblings: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for segments in found.values():
            if place < len(segments):
                siblings[tuple(segments[:place])].add(segments[place])
        for segments in found.values():
            # What stands directly beneath the root are the site's own sections, however many.
            if 1 < place < len(segments) and len(siblings[tuple(segments[:place])]) >= _MANY_SIBLINGS:
                segments[place] = "*"
    return {path: "/".join(segments) for path, segments in found.items()}


def _made(segment: str) -> str:
    return "*" if segment and _VARIES.fullmatch(segment) else segment


def _path(name: str) -> str:
    path = path_of(name) if "://" in name else None
    if "://" in name and path is None:
        raise ValueError(f"{name[:200]!r} is no URL of a page")
    return parse_path(name) if path is None else path
