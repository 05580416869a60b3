"""Surveying: the pages of a site that a scan goes to, by its sitemap or by its links."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import ada_url

from policybuilder.grading.material import Material
from policybuilder.rendering.text_safety import visible
from policybuilder.scanner.body import Body
from policybuilder.scanner.fetching import Budget, Fetcher, FetchError, FetchReason, Response
from policybuilder.scanner.retrieving import retrieve
from policybuilder.scanner.robots import Robots, fetch_robots
from policybuilder.sitemaps import read_sitemap

_MAX_SITEMAPS = 20
_MAX_SITEMAP_BYTES = 5 * 1024 * 1024
_MAX_WAITING = 10_000
"""Links that are kept until their turn comes."""

_MAX_LOCATION = 2_048
"""Characters of an address; sitemaps may have no longer ones: https://www.sitemaps.org/protocol.html#locdef

To hold one of megabytes against thousands of robots.txt's patterns would take half a minute.
"""

_SITEMAP_BUDGET = Budget(seconds=120.0, max_bytes=64 * 1024 * 1024, max_requests=60)
_GZIP_MAGIC = b"\x1f\x8b"

# What a link to it shows, and no page: https://mimesniff.spec.whatwg.org/ has more, which turn up less.
_NO_PAGES = (
    *(".avif", ".css", ".csv", ".gif", ".gz", ".ico", ".jpeg", ".jpg", ".js", ".json", ".mp3", ".mp4", ".pdf", ".png"),
    *(".rss", ".svg", ".tar", ".tgz", ".txt", ".webm", ".webp", ".woff2", ".xml", ".zip"),
)

Report = Callable[[str], None]
"""Called with a line for people on what is left out."""


def pages_of_sitemap(fetcher: Fetcher, url: str, most: int, report: Report) -> tuple[str, ...]:
    """The pages that the sitemap lists, and those of the sitemaps it names, on its own host; no more than `most`.

    Raises FetchError where the first one cannot be had.
    """
    here = fetcher.parse(url)
    pages: dict[str, None] = {}
    waiting, seen = deque([here.href]), {here.href}
    others = 0
    with fetcher.within(_SITEMAP_BUDGET):
        while waiting and len(pages) < most:
            at = waiting.popleft()
            try:
                response = fetcher.fetch(at)
            except FetchError as error:
                if not pages and at == here.href:
                    raise
                report(f"{visible(at[:200])}: {error}")
                continue
            sitemap = read_sitemap(_text_of(response))
            if not sitemap.locations:
                report(f"{visible(at[:200])} answered {response.status} and lists no page")
            for location in sitemap.locations:
                found = _on_host(location, at, here.host)
                if found is None:
                    others += 1
                elif len(found) > _MAX_LOCATION:
                    continue
                elif not sitemap.is_index:
                    pages.setdefault(found)
                elif found not in seen and len(seen) < _MAX_SITEMAPS:
                    seen.add(found)
                    waiting.append(found)
    if others:
        report(f"{others:,} of the sitemap's addresses are on other hosts than {here.host}, and left out")
    if len(pages) > most:
        report(f"the sitemap lists {len(pages):,} pages; the first {most:,} are scanned")
    return tuple(pages)[:most]


def _text_of(response: Response) -> str:
    """A sitemap as text; many are sent packed, as the file they are."""
    data = response.body
    if data.startswith(_GZIP_MAGIC):
        unpacked = Body(_MAX_SITEMAP_BYTES, is_gzipped=True)
        try:
            unpacked.add(data)
        except zlib.error:
            return ""
        data = unpacked.data
    return data.decode("utf-8", "replace")


def _on_host(location: str, base: str, host: str) -> str | None:
    """The URL without its fragment, if it is one of that host and port."""
    try:
        url = ada_url.URL(location, base)
    except ValueError:
        return None
    if url.protocol not in {"http:", "https:"} or url.host != host or url.username or url.password:
        return None
    return url.href.partition("#")[0]


def survey(
    fetcher: Fetcher, urls: Iterable[str], listed: Iterable[str] = (), *, most: int = 0, report: Report
) -> Iterator[tuple[str, Material | FetchError]]:
    """What was seen of each page, or why nothing was.

    With `most` the links of the pages are followed too, breadth first on their own hosts, until that many were visited.
    What robots.txt asks programs to leave alone is left, also of the pages `listed`, but never of the `urls`.
    """
    first = {**dict.fromkeys(listed, True), **dict.fromkeys(urls, False)}
    # Those that were asked for come first.
    waiting = deque(sorted(first.items(), key=lambda each: each[1]))
    seen = set(first)
    rules: dict[str, Robots] = {}
    forbidden = visited = 0
    while waiting and (not most or visited < most):
        url, is_found = waiting.popleft()
        if is_found and not _allows(fetcher, url, rules):
            forbidden += 1
            continue
        visited += 1
        try:
            material = retrieve(fetcher, url)
        except FetchError as error:
            if error.reason in {FetchReason.BAD_URL, FetchReason.ODD_PORT} and not is_found:
                raise
            yield url, error
            continue
        yield url, material
        if most:
            for link in _links_of(material):
                if link not in seen and len(seen) < _MAX_WAITING:
                    seen.add(link)
                    waiting.append((link, True))
    for origin, each in rules.items():
        if each.problem is not None:
            report(f"the pages of {origin} were left alone, since its robots.txt cannot be read: {each.problem}")
    if forbidden and any(each.problem is None for each in rules.values()):
        report(f"robots.txt asks programs to leave {forbidden:,} of the pages alone, so they were")


def _links_of(material: Material) -> Iterator[str]:
    """The pages on the page's own host that it links to."""
    response = material.page.response
    if response is None or material.markup is None:
        return
    host = ada_url.URL(response.url).host
    for link in material.markup.links:
        found = _on_host(link, response.url, host)
        if found is None or len(found) > _MAX_LOCATION:
            continue
        if not ada_url.URL(found).pathname.lower().endswith(_NO_PAGES):
            yield found


def _allows(fetcher: Fetcher, url: str, rules: dict[str, Robots]) -> bool:
    try:
        origin = fetcher.parse(url).origin
    except FetchError:
        return True  # its own message says more
    if origin not in rules:
        rules[origin] = fetch_robots(fetcher, url)
    return rules[origin].allows(url)
