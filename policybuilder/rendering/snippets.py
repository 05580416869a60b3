"""Snippets: response headers as the text a person pastes into a server, an application or a page."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from policybuilder.rendering.apache import apache
from policybuilder.rendering.caddy import caddy
from policybuilder.rendering.documents import header_lines, markdown, meta
from policybuilder.rendering.edge_platforms import cloudflare, netlify
from policybuilder.rendering.frameworks import django, fastapi, helmet
from policybuilder.rendering.nginx import nginx
from policybuilder.stages import Header


class SnippetFormat(enum.StrEnum):
    """Where the headers are to be pasted."""

    HEADER = "header"
    NGINX = "nginx"
    APACHE = "apache"
    CADDY = "caddy"
    CLOUDFLARE = "cloudflare"
    NETLIFY = "netlify"
    HELMET = "helmet"
    DJANGO = "django"
    FASTAPI = "fastapi"
    META = "meta"
    MARKDOWN = "markdown"


DRAWING_FORMATS = frozenset(
    {
        *(SnippetFormat.NGINX, SnippetFormat.APACHE, SnippetFormat.CADDY, SnippetFormat.CLOUDFLARE),
        *(SnippetFormat.HELMET, SnippetFormat.DJANGO, SnippetFormat.FASTAPI),
    }
)
"""Formats that draw lots, so that only a share of the responses gets the report-only headers."""

_RENDERERS: Mapping[SnippetFormat, Callable[[Sequence[Header], float], str]] = MappingProxyType(
    {
        SnippetFormat.HEADER: header_lines,
        SnippetFormat.NGINX: nginx,
        SnippetFormat.APACHE: apache,
        SnippetFormat.CADDY: caddy,
        SnippetFormat.CLOUDFLARE: cloudflare,
        SnippetFormat.NETLIFY: netlify,
        SnippetFormat.HELMET: helmet,
        SnippetFormat.DJANGO: django,
        SnippetFormat.FASTAPI: fastapi,
        SnippetFormat.META: meta,
        SnippetFormat.MARKDOWN: markdown,
    }
)


def render(headers: Sequence[Header], fmt: SnippetFormat, share: float = 1.0) -> str:
    """Return `headers` in the platform's own syntax, ending in a line feed.

    The platform sends exactly these values, with a fresh nonce for `{NONCE}`. A platform that cannot make a nonce gets
    a comment that says so in place of a header that would not protect. Report-only headers, and what goes with them,
    are sent with a `share` of the responses, all of them or none.

    Raises ValueError for a value that the platform cannot express, for a report-only policy as `<meta>`, and for a
    share that the platform cannot draw.
    """
    return _RENDERERS[fmt](headers, share)
