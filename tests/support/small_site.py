"""A small site whose pages say what works on them, under whatever headers a test gives; its partners; its attackers."""

from __future__ import annotations

import itertools
import mimetypes
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from policybuilder.csp import NONCE_PLACEHOLDER
from tests.support.browser import ChromiumVisitor, Visitor, wait_until, was_blocked
from tests.support.loopback import Headers, Request, Response
from tests.support.web import Web, socket_saying

FILES = Path(__file__).parent.parent / "browser" / "site"

SHOP_HOST = "www.shop.example"
WIDGETS_HOST = "widgets.example"
SOCKETS_HOST = "live.widgets.example"
PHOTO_HOSTS = "*.photos.example"
EVIL_HOST = "evil.example"
HOSTS = (SHOP_HOST, WIDGETS_HOST, SOCKETS_HOST, PHOTO_HOSTS, EVIL_HOST)

REPORTS_HOST = "csp.shop.example"
"""Where browsers reach the collector."""

EVIL = f"https://{EVIL_HOST}"

# What app.js finds working on each page.
FEATURES = {
    "/index.html": {"script", "style", "picture", "data-picture", "moved-picture", "fetch", "worker", "socket"},
    "/partners.html": {
        *("script", "partner-script", "partner-release", "partner-picture", "partner-font", "partner-fetch"),
        *("partner-socket", "photos", "photo-of-the-day"),
    },
    "/inline.html": {
        *("script", "inline-style", "style-attribute", "long-style-attribute", "short-script", "long-script"),
        *("varying-script", "handler", "long-handler", "blob-worker"),
    },
    "/contact.html": {"script", "frame", "form"},
}
EVERYTHING = frozenset().union(*FEATURES.values())
MANIFEST = "manifest"
"""A feature that only Chromium can be asked for."""

ATTACKS = frozenset(
    {"inline-script", "external-script", "handler", "javascript-url", "exfiltration", "form", "base", "framing"}
)


@dataclass
class SmallSite:
    """The site, and what its headers are just now."""

    scheme: str
    headers: Headers = ()
    """Sent with every answer of the site's own, scripts and pictures included; a nonce's placeholder stands for a fresh
    one.
    """

    attempts: list[str] = field(default_factory=list)
    """What the host of evil was asked for."""

    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{SHOP_HOST}"

    @property
    def widgets(self) -> str:
        return f"{self.scheme}://{WIDGETS_HOST}"

    @property
    def sockets(self) -> str:
        return f"{self.socket_scheme}://{SOCKETS_HOST}"

    @property
    def photos(self) -> str:
        return f"{self.scheme}://{PHOTO_HOSTS}"

    @property
    def socket_scheme(self) -> str:
        return self.scheme.replace("http", "ws")

    def send(self, headers: Sequence[tuple[str, str]]) -> None:
        """From now on, answer with these headers."""
        self.headers = tuple(headers)

    def answer(self, request: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        headers = tuple((name, value.replace(NONCE_PLACEHOLDER, nonce)) for name, value in self.headers)
        match request.path:
            case "/socket":
                return socket_saying("there", request)
            case "/contact":
                return Response(303, (*headers, ("Location", "/thanks.html")))
            case "/moved.svg":
                return Response(302, (*headers, ("Location", "/picture.svg")))
        return self._file(FILES / "shop", request.path, headers, nonce)

    def answer_as_partner(self, request: Request) -> Response:
        match request.path:
            case "/tags/latest.js":
                return Response(302, (("Location", "/releases/latest.js"),))
            case "/photo-of-the-day":
                # Firefox names where it is led, most of the time; so it is led where it is anyway.
                return Response(302, (("Location", "//img1.photos.example/picture.svg"),))
            case "/socket":
                return socket_saying("there", request)
        return self._file(FILES / "widgets", request.path, (("Access-Control-Allow-Origin", "*"),))

    def answer_as_evil(self, request: Request) -> Response:
        self.attempts.append(request.path)
        return self._file(FILES / "evil", request.path, ())

    def _file(self, directory: Path, path: str, headers: Headers, nonce: str = "") -> Response:
        found = directory / path.lstrip("/")
        if not found.is_file():
            return Response(404, headers)
        kind = mimetypes.types_map.get(found.suffix, "font/woff2")
        body = found.read_bytes()
        if found.suffix == ".html":
            # Each time another one: which of the numbered hosts has a photo, what a script is told.
            body = re.sub(rb"\{\{number\}\}", lambda _: str(next(self._numbers)).encode(), body)
            body = body.replace(b"{{nonce}}", nonce.encode())
        return Response(200, (*headers, ("Content-Type", kind), ("Cache-Control", "no-store")), body)


@contextmanager
def run_small_site(web: Web, scheme: str) -> Iterator[SmallSite]:
    """The site and its partners over http or https, until the end of the block."""
    site = SmallSite(scheme)
    answering = {
        SHOP_HOST: site.answer,
        **dict.fromkeys([WIDGETS_HOST, SOCKETS_HOST, PHOTO_HOSTS], site.answer_as_partner),
        EVIL_HOST: site.answer_as_evil,
    }
    with web.mounted(answering):
        yield site


def tour(visitor: Visitor, site: SmallSite) -> frozenset[str]:
    """Visit every page and use it; returns what works."""
    working: set[str] = set()
    for path in FEATURES:
        visitor.goto(site.origin + path)
        wait_until(visitor, lambda: visitor.evaluate(_WORKING) is not None, f"what works on {path}", seconds=10)
        working.update(visitor.evaluate(_WORKING).split())
        if path == "/index.html" and isinstance(visitor, ChromiumVisitor) and "Shop" in visitor.read_manifest():
            working.add(MANIFEST)
    return frozenset(working)


_WORKING = "document.documentElement.dataset.working ?? null"


def everything(visitor: Visitor) -> frozenset[str]:
    """What a tour finds working where nothing is blocked."""
    return EVERYTHING | {MANIFEST} if isinstance(visitor, ChromiumVisitor) else EVERYTHING


def attack(visitor: Visitor, site: SmallSite) -> frozenset[str]:
    """Visit every page that was attacked, and do what the attacker wants; returns what that was good for."""
    site.attempts.clear()
    worked: set[str] = set()

    def look() -> None:
        worked.update(visitor.evaluate("[...document.documentElement.classList]"))

    visitor.goto(f"{site.origin}/guestbook.html")
    visitor.evaluate("document.getElementById('lure').click()")
    visitor.pause(0.2)
    look()
    visitor.goto(f"{site.origin}/rebased.html")
    look()
    visitor.goto(f"{site.scheme}://{EVIL_HOST}/framing.html")
    wait_until(visitor, lambda: visitor.evaluate("'done' in document.documentElement.dataset"), "the frame", seconds=10)
    look()
    # At the end, since it leads away.
    visitor.goto(f"{site.origin}/login.html")
    visitor.evaluate("document.getElementById('login').requestSubmit()")
    wait_until(
        visitor, lambda: "/login" in site.attempts or was_blocked(visitor, "form-action"), "the form to go", seconds=10
    )
    worked.update({"/login": "form", "/steal?everything": "exfiltration"}.get(path, "") for path in site.attempts)
    return frozenset(worked - {""})
