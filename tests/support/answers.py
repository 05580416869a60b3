"""Answers: what a scan saw of a page, made of a response as `curl -i` prints it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from policybuilder.grading.material import Material, SentCookie, Visit
from policybuilder.markup import charset_of, read_markup
from policybuilder.scanner.pages import Headers, Redirect, Response, Tls, header_values

SEEN_AT = datetime(2026, 11, 1, tzinfo=UTC)
PAGE = "https://shop.example/"

Given = Mapping[str, str] | Sequence[tuple[str, str]]
"""Headers, by name where each stands once."""

_GOOD_POLICY = (
    "default-src 'none'; script-src 'nonce-c3RyYW5nZXItc3RyYW5nZXI'; style-src 'self'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)

GOOD_HEADERS: Headers = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", _GOOD_POLICY),
    ("Strict-Transport-Security", "max-age=31536000"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
    ("Set-Cookie", "__Host-session=0123456789abcdef; Path=/; Secure; HttpOnly; SameSite=Strict"),
)
"""Of a page that leaves nothing open."""


def make_response(headers: Given = (), *, url: str = PAGE, body: str | bytes = "", **known: Any) -> Response:
    """A response of 200 over HTTP/1.1, with a certificate where its URL is https."""
    tls = Tls(
        version="TLSv1.3",
        cipher="TLS_AES_128_GCM_SHA256",
        subject="commonName=shop.example",
        issuer="commonName=Authority",
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
    )
    made = Response(
        url=url,
        status=200,
        headers=tuple(headers.items()) if isinstance(headers, Mapping) else tuple(headers),
        body=body.encode("utf-8", "replace") if isinstance(body, str) else body,
        is_cut=False,
        http_version="HTTP/1.1",
        redirects=(),
        tls=tls if url.startswith("https:") else None,
        address="192.0.2.1",
    )
    return replace(made, **known)


def make_material(headers: Given = (), *, url: str = PAGE, body: str | bytes = "", **known: Any) -> Material:
    """Of a site that does everything right beside the headers: plain http redirects, other hosts are refused."""
    response = make_response(headers, url=url, body=body)
    types = header_values(response.headers, "Content-Type")
    is_html = not types or "html" in types[-1]
    markup = read_markup(response.body, url=url, encoding_hint=charset_of(types[-1]) if types else None)
    made = Material(
        url=url,
        page=Visit(url=url, response=response),
        http=redirecting(url),
        https=Visit(url=url, response=response),
        preflight=make_response(url=url, status=405),
        foreign_origin="https://stranger.example",
        cookies=tuple(SentCookie(url=url, text=text) for text in header_values(response.headers, "Set-Cookie")),
        markup=markup if is_html else None,
        forged_host=make_response(url=url, status=421),
        forged_name="forged.example",
        seen_at=SEEN_AT,
    )
    return replace(made, **known)


def redirecting(url: str, *places: str) -> Visit:
    """Plain http that leads over the `places` to `url`; the first place is that of `url` itself, by http."""
    chain = [url.replace("https://", "http://", 1), *places, url]
    redirects = tuple(
        Redirect(url=here, status=301, location=there, headers=(("Location", there),))
        for here, there in pairwise(chain)
    )
    return Visit(url=chain[0], response=make_response(url=url, redirects=redirects))


def recorded(text: str) -> Headers:
    """The header lines of a response."""
    lines = (line.partition(":") for line in text.strip().splitlines() if ":" in line)
    return tuple((name.strip(), value.strip()) for name, _, value in lines)
