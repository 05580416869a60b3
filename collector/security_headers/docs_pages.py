"""A policy for FastAPI's own documentation pages, read off the pages themselves.

`/docs` and `/redoc` load scripts from a CDN, and start them by an inline script whose text differs with every
application and changes with FastAPI. So each page is read as it leaves, and its policy names what is in it and nothing
else: the whole URL of each script and stylesheet, never their host, which serves anybody's files, and the digest of
each inline script. The pages hold nothing that a visitor could have written. Assets that an application serves itself
(`swagger_js_url`) need nothing from elsewhere, and their policy then says so.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from html.parser import HTMLParser
from http import HTTPStatus
from urllib.parse import urlsplit

from .asgi import ASGIApp, Message, Receive, Scope, Send
from .middleware import CHANGES_KEY
from .paths import readings
from .settings import HeaderChanges

_MAX_PAGE_BYTES = 1 << 20

# What ends neither the expression nor the directive.
_SOURCE = re.compile(r"[A-Za-z0-9:/@._~!$&()*+=%-]+")


class DocsPages:
    """Gives the answers at `pages`, paths below `root_path`, the policy that they need, and nothing to other answers.

    Stands inside SecurityHeadersMiddleware, which sends what is found here. A page that sets a policy itself is left
    alone, and so is what is no page: an error, a redirection, another type.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        pages: Iterable[str],
        redirect_pages: Iterable[str] = (),
        servers: Iterable[str] = (),
        is_documentation: Callable[[object], bool] = lambda _: True,
    ) -> None:
        """On `redirect_pages`, which are among `pages`, a sign-in by OAuth ends; `servers` are URLs to be tried out.

        `is_documentation` says whether an endpoint, where routing told which one answered, is one of these pages.
        """
        self.app = app
        self._is_documentation = is_documentation
        self._pages = frozenset(pages)
        self._redirect_pages = frozenset(redirect_pages)
        self._servers = [origin for server in servers for origin in _sources(server, whole=False)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = readings(scope)[0] if scope["type"] == "http" else None
        if path in self._pages:
            await self._serve(scope, receive, send, is_redirect_page=path in self._redirect_pages)
        else:
            await self.app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, *, is_redirect_page: bool) -> None:
        # Read whole and uncompressed, also where only the headers are asked for, since they follow from the page.
        asked = {
            **scope,
            "method": "GET" if scope["method"] == "HEAD" else scope["method"],
            "headers": [pair for pair in scope["headers"] if pair[0].lower() != b"accept-encoding"],
        }
        start: Message | None = None
        body = bytearray()

        async def reading_send(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                scope["endpoint"] = asked.get("endpoint")  # routing wrote it into the copy; its mark counts too
                return
            if start is None:
                await send(message)
                return
            body.extend(message.get("body", b""))
            more_body = message.get("more_body", False)
            is_whole = message["type"] == "http.response.body" and not more_body
            if not is_whole and message["type"] == "http.response.body" and len(body) < _MAX_PAGE_BYTES:
                return
            endpoint = scope["endpoint"]
            if is_whole and _is_page(start) and (endpoint is None or self._is_documentation(endpoint)):
                page = body.decode(errors="replace")
                scope[CHANGES_KEY] = page_headers(page, is_redirect_page=is_redirect_page, servers=self._servers)
            await send(start)
            start = None
            await send({**message, "body": b"" if scope["method"] == "HEAD" else bytes(body)})

        await self.app(asked, receive, reading_send)


def _is_page(start: Message) -> bool:
    """Whether an answer is a whole page that says nothing of its policy."""
    headers = {name.lower(): value for name, value in start.get("headers", ())}
    return (
        start["status"] == HTTPStatus.OK
        and headers.get(b"content-type", b"").lower().startswith(b"text/html")
        and b"content-encoding" not in headers
        and b"content-security-policy" not in headers
    )


def page_headers(page: str, *, is_redirect_page: bool, servers: Iterable[str] = ()) -> HeaderChanges:
    """What a documentation page needs, as read off its HTML; `servers` are other origins that it may connect to."""
    read = _Reader()
    # https://html.spec.whatwg.org/multipage/parsing.html#preprocessing-the-input-stream
    read.feed(page.replace("\r\n", "\n").replace("\r", "\n"))
    read.close()
    if is_redirect_page:
        # It ends the popup in which another site signed the visitor in, and speaks to the page that opened it.
        return {"policy": _policy({"script-src": read.scripts}), "report_only": None, "coop": "unsafe-none"}
    sources = {
        "script-src": read.scripts,
        "style-src": read.styles,
        "img-src": ["'self'", "data:", *read.images],
        "font-src": [],
        "connect-src": ["'self'", *servers],
    }
    if "redoc" in read.elements:
        # It makes stylesheets of its own as it goes, asks for its maker's logo, and searches in a worker.
        sources["style-src"] = ["'unsafe-inline'", *(each for each in read.styles if not each.startswith("'sha256-"))]
        sources["img-src"].append("https://cdn.redoc.ly/redoc/logo-mini.svg")
        sources["worker-src"] = ["blob:"]
    if any(each.startswith("https://fonts.googleapis.com/") for each in read.styles):
        sources["font-src"].append("https://fonts.gstatic.com")
    # What is tried out elsewhere is not meant for these pages, and would be reported at every visit.
    return {"policy": _policy(sources), "report_only": None, "coop": "same-origin-allow-popups"}


def _policy(sources: dict[str, list[str]]) -> str:
    directives = [
        "default-src 'none'",
        *(f"{name} {' '.join(dict.fromkeys(each))}" for name, each in sources.items() if each),
    ]
    return "; ".join([*directives, "base-uri 'none'", "form-action 'none'"])


class _Reader(HTMLParser):
    """What a page of FastAPI's loads, as source expressions."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.images: list[str] = []
        self.elements: set[str] = set()
        self._inline: list[str] = []
        self._is_external = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        given = {name: value or "" for name, value in attrs}
        self._inline = []
        self._is_external = tag == "script" and "src" in given
        if self._is_external:
            self.scripts += _sources(given["src"])
        elif tag == "link":
            words = given.get("rel", "").lower().split()
            if "stylesheet" in words:
                self.styles += _sources(given.get("href", ""))
            elif "icon" in words:
                self.images += _sources(given.get("href", ""))

    def handle_data(self, data: str) -> None:
        self._inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        text = "".join(self._inline)
        if tag in {"script", "style"} and text.strip() and not self._is_external:
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            (self.scripts if tag == "script" else self.styles).append(f"'sha256-{digest}'")
        self._inline = []


def _sources(url: str, *, whole: bool = True) -> list[str]:
    """The narrowest source expression for a URL, or for its origin: none for what no policy can name."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    if not parts.scheme and not parts.netloc:
        return ["'self'"] if parts.path else []
    if parts.scheme not in {"", "http", "https"} or not parts.netloc:
        return []
    scheme = f"{parts.scheme}://" if parts.scheme else ""
    source = f"{scheme}{parts.netloc}{parts.path if whole else ''}"
    return [source] if _SOURCE.fullmatch(source) else []
