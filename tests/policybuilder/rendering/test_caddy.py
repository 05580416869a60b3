"""Tests of snippets for Caddy; that their values survive is tested with all snippets, and in the real server."""

from __future__ import annotations

import pytest

from policybuilder.rendering.caddy import caddy
from policybuilder.stages import ENFORCED, REPORT_ONLY, Header

PLAIN = Header(ENFORCED, "default-src 'self'")
TWO = [Header(REPORT_ONLY, "img-src 'self'"), Header(REPORT_ONLY, "font-src 'self'")]


def code(snippet: str) -> str:
    return "".join(line for line in snippet.splitlines(keepends=True) if not line.startswith("#"))


def test_policies_are_joined_since_setting_a_header_twice_replaces_it() -> None:
    assert code(caddy(TWO)) == (
        "header {\n\tContent-Security-Policy-Report-Only `img-src 'self', font-src 'self'`\n}\n"
    )  # fmt: skip


def test_the_nonce_comes_from_the_request() -> None:
    snippet = caddy([Header(ENFORCED, "script-src 'nonce-{NONCE}'")])
    assert "'nonce-{http.request.uuid}'" in snippet
    assert '{{placeholder "http.request.uuid"}}' in snippet


def test_what_is_drawn_stands_in_a_block_of_its_own() -> None:
    assert code(caddy([PLAIN, *TWO], 0.25)) == (
        "header {\n\tContent-Security-Policy `default-src 'self'`\n}\n"
        '@csp_drawn expression `{http.request.uuid} < "40000000"`\n'
        "header @csp_drawn {\n\tContent-Security-Policy-Report-Only `img-src 'self', font-src 'self'`\n}\n"
    )


def test_a_back_quote_stands_between_double_quotes() -> None:
    assert r"""Content-Security-Policy "img-src `\"\x"
""" in caddy([Header(ENFORCED, 'img-src `"\\x')])


@pytest.mark.parametrize("value", [r"img-src `\"", "img-src `\\", "img-src {$HOME}", r"img-src \{NONCE}"])
def test_values_without_a_spelling_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"Caddyfile cannot hold .* Content-Security-Policy"):
        caddy([Header(ENFORCED, value)])
