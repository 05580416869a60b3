"""The answer that is judged: its headers, what kind of thing it is, and how it came."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from policybuilder.csp.urls import URL, parse_url
from policybuilder.grading.material import Material
from policybuilder.markup import Markup
from policybuilder.scanner.pages import Response

# https://mimesniff.spec.whatwg.org/#xml-mime-type; SVG among them, in which scripts run.
_DOCUMENTS = frozenset({"text/html", "application/xhtml+xml", "text/xml", "application/xml", "image/svg+xml"})

_LEAVE_THE_PAGE = frozenset({204, 205})
"""With these a browser stays where it was: https://html.spec.whatwg.org/multipage/browsing-the-web.html#navigate"""


@dataclass(frozen=True)
class Answer:
    """One response, asked what the tests want to know of it."""

    response: Response
    material: Material

    def values(self, name: str) -> tuple[str, ...]:
        """The values of all headers of that name, without white space around them."""
        return self._by_name.get(name.lower(), ())

    def joined(self, name: str) -> str | None:
        """All values as one, as header lists and structured fields are read; None where there is none.

        https://fetch.spec.whatwg.org/#concept-header-list-get
        """
        values = self.values(name)
        return ", ".join(values) if values else None

    @cached_property
    def _by_name(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for name, value in self.response.headers:
            found.setdefault(name.lower(), []).append(value.strip(" \t\r\n"))
        return {name: tuple(values) for name, values in found.items()}

    @cached_property
    def url(self) -> URL | None:
        """Of the page, after all redirects."""
        return parse_url(self.response.url)

    @property
    def host(self) -> str:
        """Of the page; empty where its URL is none."""
        return "" if self.url is None else self.url.host

    @property
    def is_secure(self) -> bool:
        """Whether it came over https."""
        return self.url is not None and self.url.scheme == "https"

    @property
    def is_loopback(self) -> bool:
        """Whether this machine answered itself, which browsers trust without https."""
        return self.url is not None and self.url.is_loopback

    @property
    def markup(self) -> Markup | None:
        """The page read as HTML."""
        return self.material.markup

    @cached_property
    def media_type(self) -> str:
        """Lower-case, without parameters; empty where it is not said.

        Of several the last that is one counts.

        https://fetch.spec.whatwg.org/#concept-header-extract-mime-type
        """
        for part in reversed((self.joined("Content-Type") or "").split(",")):
            essence = part.partition(";")[0].strip(" \t").lower()
            if "/" in essence and essence != "*/*":
                return essence
        return ""

    @cached_property
    def is_document(self) -> bool:
        """Whether a browser shows it as a page, in which scripts can run; an answer without a type may be one."""
        if self.response.status in _LEAVE_THE_PAGE:
            return False
        if not self.media_type:
            return self.markup is not None or "nosniff" not in (self.joined("X-Content-Type-Options") or "").lower()
        return self.media_type in _DOCUMENTS or self.media_type.endswith("+xml")
