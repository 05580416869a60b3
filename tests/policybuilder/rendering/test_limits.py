"""Tests of limits; what nginx and Apache really refuse is tested with the real servers."""

from __future__ import annotations

import pytest

from policybuilder.rendering.snippets import SnippetFormat, render
from policybuilder.stages import ENFORCED, REPORT_ONLY, Header


def sized(size: int, name: str = ENFORCED) -> Header:
    """A header of `size` bytes in all."""
    start = "img-src https://a.example/"
    return Header(name, start + "x" * (size - len(f"{name}: {start}\r\n")))


def test_a_header_has_the_size_it_says() -> None:
    assert len(f"{ENFORCED}: {sized(100).value}\r\n") == 100


# (format, headers, what the snippet says is too small)
NOTE_CASES = [
    (SnippetFormat.NGINX, [sized(3_072)], []),
    (SnippetFormat.NGINX, [sized(3_073)], ["nginx"]),
    (SnippetFormat.NGINX, [sized(1_600), sized(1_600, REPORT_ONLY)], ["nginx"]),
    (SnippetFormat.APACHE, [sized(8_192)], ["nginx"]),
    (SnippetFormat.CADDY, [sized(8_193)], ["nginx", "Apache"]),
    (SnippetFormat.CADDY, [sized(4_200), sized(4_200)], ["nginx", "Apache"]),
    (SnippetFormat.NGINX, [sized(4_200), sized(4_200)], ["nginx"]),
    (SnippetFormat.FASTAPI, [sized(8_000), sized(7_000)], ["nginx", "HAProxy"]),
    (SnippetFormat.DJANGO, [sized(20_000)], ["nginx", "Apache", "HAProxy", "Node.js"]),
    (SnippetFormat.HELMET, [sized(20_000)], ["nginx", "Apache", "HAProxy", "Node.js"]),
    (SnippetFormat.CLOUDFLARE, [sized(100_000)], []),
    (SnippetFormat.CLOUDFLARE, [sized(131_072)], ["Workers"]),
    (SnippetFormat.NETLIFY, [sized(2_000)], []),
    (SnippetFormat.NETLIFY, [sized(2_001)], ["_headers"]),
    (SnippetFormat.HEADER, [sized(20_000)], []),
]


@pytest.mark.parametrize(("fmt", "headers", "named"), NOTE_CASES)
def test_a_snippet_names_the_limits_it_breaks(fmt: SnippetFormat, headers: list[Header], named: list[str]) -> None:
    notes = [line for line in render(headers, fmt).splitlines() if "Too long for" in line]
    assert len(notes) == len(named)
    assert all(name in note for name, note in zip(named, notes, strict=True))
