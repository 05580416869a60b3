"""Tests of snippets for edge platforms; that their values survive quoting is tested with all snippets."""

from __future__ import annotations

import pytest

from policybuilder.rendering.edge_platforms import cloudflare, netlify
from policybuilder.stages import ENFORCED, REPORT_ONLY, Header

PLAIN = Header(ENFORCED, "default-src 'self'")


def test_a_worker_adds_to_what_the_origin_sends() -> None:
    worker = cloudflare([PLAIN])
    assert "response.headers.append(name, value);" in worker
    assert "nonce" not in worker


def test_a_worker_gives_a_nonce_only_to_tags_that_know_its_secret() -> None:
    """A nonce on every script tag would bless injected ones too."""
    worker = cloudflare([Header(ENFORCED, "script-src 'nonce-{NONCE}'")])
    assert '.on(`[nonce="${env.CSP_NONCE_MARK}"]`' in worker
    assert '.on("script' not in worker
    assert "crypto.getRandomValues" in worker


def test_a_headers_file_covers_every_path() -> None:
    assert netlify([PLAIN]) == "/*\n  Content-Security-Policy: default-src 'self'\n"


def test_a_headers_file_cannot_draw() -> None:
    with pytest.raises(ValueError, match="cannot draw lots"):
        netlify([PLAIN, Header(REPORT_ONLY, "img-src 'self'")], 0.5)
