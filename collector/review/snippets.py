"""Snippets: headers ready to copy, in the words of each server and framework."""

from __future__ import annotations

from collections.abc import Sequence

from policybuilder.rendering.snippets import SnippetFormat, render
from policybuilder.stages import Header

_FORMATS = {
    SnippetFormat.HEADER: "Header",
    SnippetFormat.NGINX: "nginx",
    SnippetFormat.APACHE: "Apache",
    SnippetFormat.CADDY: "Caddy",
    SnippetFormat.CLOUDFLARE: "Cloudflare Workers",
    SnippetFormat.NETLIFY: "Netlify",
    SnippetFormat.HELMET: "Express with helmet",
    SnippetFormat.DJANGO: "Django",
    SnippetFormat.FASTAPI: "FastAPI",
}


def snippets_of(headers: Sequence[Header]) -> list[tuple[str, str]]:
    """Each format's title with its text; none where there is no header."""
    return [(title, render(headers, fmt)) for fmt, title in _FORMATS.items()] if headers else []
