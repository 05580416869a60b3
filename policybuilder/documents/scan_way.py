"""The way to a page, as lines for people: each step of it, what TLS said, and what is to be known of the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from policybuilder.grading.material import Material, Visit
from policybuilder.plurals import plural
from policybuilder.scanner.pages import Tls
from policybuilder.scanning import Scan
from policybuilder.wiring import origin_of

_MOST_LOCATION = 200
"""Characters of where a redirect leads."""


def first_of_each_origin(scans: Sequence[Scan]) -> Iterable[Scan]:
    """The pages whose way is shown: that of the others is the same but for a path."""
    found: dict[str, Scan] = {}
    for scan in scans:
        found.setdefault(origin_of(scan.material.url), scan)
    return found.values()


def way_of(material: Material) -> Iterator[str]:
    """How the page was reached: each step, and what TLS said."""
    response = material.page.response
    if response is None:
        return
    yield f"{material.url} answered {response.status} ({response.http_version})"
    for visit in (material.http, material.https):
        if visit is not None:
            yield from _steps_of(visit)
    if response.status >= 400:
        yield "  judged is this answer, an error: the site's pages may send other headers"
    if response.tls is not None:
        yield f"  {_described(response.tls)}"
    if material.page.certificate_problem is not None:
        yield f"  {material.page.certificate_problem}"
        yield "  (visited all the same, so that the other headers can be judged)"
    if material.is_preloaded:
        day = "" if material.preload_list_day is None else f" (as of {material.preload_list_day:%Y-%m-%d})"
        yield f"  browsers visit this host over https alone: it is preloaded{day}"
    if not material.is_whole:
        yield "  judged as if its certificate held and the host were not preloaded: one response does not show these"


def _steps_of(visit: Visit) -> Iterator[str]:
    response = visit.response
    redirects = visit.redirects if response is None else response.redirects
    for redirect in redirects:
        yield f"  {redirect.url} → {redirect.status} to {_shortened(redirect.location)}"
    if response is None:
        yield f"  {visit.url}: {visit.failure}"
    elif redirects:
        yield f"  {response.url} → {response.status}"
    elif visit.url.startswith("http:"):
        yield f"  {visit.url} → {response.status}, and leads nowhere"


def _described(tls: Tls) -> str:
    line = f"{tls.version}, {tls.cipher}"
    if tls.subject is None:
        return f"{line}; the certificate was not checked"
    line += f"; certificate of {tls.subject} by {tls.issuer}"
    if tls.expires_at is not None:
        days = (tls.expires_at - datetime.now(UTC)).days
        line += f", until {tls.expires_at:%Y-%m-%d} ({plural(days, 'day')})"
    return line


def _shortened(location: str) -> str:
    return location if len(location) <= _MOST_LOCATION else f"{location[: _MOST_LOCATION - 1]}…"
