"""Who may frame a page, by frame-ancestors and X-Frame-Options together."""

from __future__ import annotations

import pytest

from tests.support.judgements import judgements, results

CSP = "Content-Security-Policy"
XFO = "X-Frame-Options"

# Each row: headers, result.
CASES = [
    ((), "missing"),
    (((XFO, "DENY"),), "by-x-frame-options"),
    (((XFO, "sameorigin"),), "by-x-frame-options"),
    (((XFO, "SAMEORIGIN"), (XFO, "sameorigin")), "by-x-frame-options"),
    # Of what contradicts itself browsers make a refusal: https://html.spec.whatwg.org/#the-x-frame-options-header
    (((XFO, "SAMEORIGIN, DENY"),), "by-x-frame-options"),
    (((XFO, "ALLOWALL, x"),), "by-x-frame-options"),
    (((XFO, "x, y"),), "x-frame-options-invalid"),
    (((XFO, "ALLOW-FROM https://partner.example"),), "allow-from"),
    (((XFO, "ALLOWALL"),), "x-frame-options-invalid"),
    (((XFO, "SAMEORIGIN;"),), "x-frame-options-invalid"),
    (((CSP, "frame-ancestors 'none'"),), "nobody"),
    (((CSP, "frame-ancestors"),), "nobody"),
    (((CSP, "frame-ancestors 'self'"),), "own-origin"),
    (((CSP, "frame-ancestors https://partner.example"),), "listed"),
    (((CSP, "frame-ancestors *"),), "anybody"),
    (((CSP, "frame-ancestors https:"),), "anybody"),
    (((CSP, "frame-ancestors https://*"),), "anybody"),
    (((CSP, "frame-ancestors http://partner.example"),), "insecure-framer"),
    (((CSP, "frame-ancestors https://*.github.io"),), "open-hosting"),
    (((CSP, "default-src 'none'"),), "missing"),
    # Browsers do not look at the older header where a policy says who may frame.
    (((CSP, "frame-ancestors *"), (XFO, "DENY")), "anybody"),
    (((CSP, "frame-ancestors 'none'"), (XFO, "ALLOWALL")), "nobody"),
    (((CSP, "default-src 'self'"), (XFO, "DENY")), "by-x-frame-options"),
    # All policies must allow.
    (((CSP, "frame-ancestors *"), (CSP, "frame-ancestors 'self'")), "own-origin"),
    (((CSP, "frame-ancestors *, frame-ancestors 'none'"),), "nobody"),
    (((CSP, "frame-ancestors 'self'"), (CSP, "frame-ancestors https://partner.example")), "nobody"),
    (((CSP, "frame-ancestors"), (CSP, "frame-ancestors http:")), "nobody"),
    (((f"{CSP}-Report-Only", "frame-ancestors 'none'"),), "report-only"),
]


@pytest.mark.parametrize(("headers", "result"), CASES)
def test_who_may_frame_the_page(headers: tuple[tuple[str, str], ...], result: str) -> None:
    assert results("framing", headers) == [result]


def test_a_meta_element_cannot_say_it() -> None:
    body = f"<meta http-equiv={CSP} content=\"frame-ancestors 'none'\">"
    assert results("framing", body=body) == ["only-in-meta"]


def test_the_older_header_is_named_where_it_is_not_looked_at() -> None:
    [found] = judgements("framing", ((CSP, "frame-ancestors *"), (XFO, "DENY")))
    assert "X-Frame-Options: DENY beside it is not looked at" in found.message


def test_data_is_not_framed() -> None:
    assert results("framing", {"Content-Type": "application/json"}) == []
