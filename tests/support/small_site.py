"""A small site that checks itself: its pages say what works on them, under whatever headers a test gives."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.browser import Visitor, wait_until
from tests.support.loopback import Certificate, Headers, Request, Response, serve

FILES = Path(__file__).parent.parent / "browser" / "site"

EVIL_HOST = "evil.example"
EVIL_SCRIPT = b"document.documentElement.dataset.injected = 'ran';\n"

# What app.js finds working on each page.
FEATURES = {
    "/index.html": {"script", "style", "picture", "data-picture", "fetch", "worker"},
    "/partners.html": {"script", "partner-script", "partner-picture", "partner-font", "partner-fetch"},
    "/contact.html": {"script", "frame"},
}
EVERYTHING = frozenset({"form"}.union(*FEATURES.values()))


@dataclass
class SmallSite:
    """The site, and a partner's origin that it loads things from."""

    origin: str
    partner: str
    headers: Headers = ()
    """Sent with every answer of the site's own origin, scripts and pictures included."""

    posted: list[bytes] = field(default_factory=list)
    """Bodies that the contact form sent."""

    def send(self, headers: Sequence[tuple[str, str]]) -> None:
        """From now on, answer with these headers."""
        self.headers = tuple(headers)

    def answer(self, request: Request) -> Response:
        if request.method == "POST":
            self.posted.append(request.body)
            return Response(303, (*self.headers, ("Location", "/thanks.html")))
        return _file(FILES / "own", request.path, self.headers, partner=self.partner)


@contextmanager
def run_small_site(*, certificate: Certificate | None = None) -> Iterator[SmallSite]:
    """The site on 127.0.0.1 and its partner on localhost, over https with a certificate."""
    scheme = "https" if certificate else "http"
    cors = (("Access-Control-Allow-Origin", "*"),)
    site = SmallSite("", "")
    with (
        serve(lambda request: _file(FILES / "partner", request.path, cors), certificate=certificate) as partner_port,
        serve(site.answer, certificate=certificate) as port,
    ):
        site.origin = f"{scheme}://127.0.0.1:{port}"
        site.partner = f"{scheme}://localhost:{partner_port}"
        yield site


@dataclass
class EvilHost:
    """What the script injected into the guestbook is loaded from."""

    port: int
    served: list[str] = field(default_factory=list)
    """Paths that were asked for."""


@contextmanager
def run_evil_host(certificate: Certificate) -> Iterator[EvilHost]:
    """Answer for `EVIL_HOST` over https."""
    host = EvilHost(0)

    def answer(request: Request) -> Response:
        host.served.append(request.path)
        return Response(200, (("Content-Type", "text/javascript"), ("Cache-Control", "no-store")), EVIL_SCRIPT)

    with serve(answer, certificate=certificate) as port:
        host.port = port
        yield host


def _file(directory: Path, path: str, headers: Headers, *, partner: str = "") -> Response:
    found = directory / Path(path).name
    if not found.is_file():
        return Response(404, headers)
    kind = mimetypes.types_map.get(found.suffix, "font/woff2")
    body = found.read_bytes()
    if found.suffix == ".html":
        body = body.replace(b"{{partner}}", partner.encode())
    return Response(200, (*headers, ("Content-Type", kind), ("Cache-Control", "no-store")), body)


def tour(visitor: Visitor, site: SmallSite) -> frozenset[str]:
    """Visit every page, send the form; returns what works."""
    page = visitor.page
    working: set[str] = set()
    for path in FEATURES:
        page.goto(site.origin + path)
        said = page.locator("html[data-working]").get_attribute("data-working")
        working.update((said or "").split())
    sent_before = len(site.posted)
    # Without waiting for the navigation, which a blocked form never makes.
    page.get_by_role("button", name="Send").click(no_wait_after=True)
    wait_until(
        visitor,
        lambda: page.url == f"{site.origin}/thanks.html" or visitor.was_blocked("form-action"),
        "the form's answer",
    )
    if site.posted[sent_before:] == [b"message=hello"]:
        working.add("form")
    return frozenset(working)
