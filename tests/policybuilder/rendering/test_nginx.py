"""Tests of snippets for nginx; that their values survive is tested with all snippets, and in the real server."""

from __future__ import annotations

import pytest

from policybuilder.rendering.nginx import nginx
from policybuilder.stages import ENFORCED, REPORT_ONLY, Header

PLAIN = Header(ENFORCED, "default-src 'self'")
WATCHED = Header(REPORT_ONLY, "img-src 'self'")


def test_headers_go_with_errors_too_and_the_inheritance_trap_is_told() -> None:
    snippet = nginx([PLAIN])
    assert snippet.endswith("add_header Content-Security-Policy \"default-src 'self'\" always;\n")
    assert "A location that has an add_header of its own inherits none" in snippet
    assert "http block" not in snippet


def test_a_dollar_sign_stands_in_a_constant() -> None:
    assert 'geo $csp_text_1 { default "img-src https://a.example/$1"; }' in nginx(
        [Header(ENFORCED, "img-src https://a.example/$1")]
    )


def test_the_nonce_comes_from_the_request() -> None:
    snippet = nginx([Header(ENFORCED, "script-src 'nonce-{NONCE}'")])
    assert "'nonce-${request_id}'" in snippet
    assert "sub_filter" in snippet


def test_one_draw_decides_about_all_report_only_headers() -> None:
    snippet = nginx([PLAIN, WATCHED, WATCHED], 0.29)
    assert snippet.count('split_clients "$request_id" $csp_drawn { 29.00% 1; * ""; }\n') == 1
    assert snippet.splitlines()[-3:] == [
        "add_header Content-Security-Policy \"default-src 'self'\" always;",
        "add_header Content-Security-Policy-Report-Only $csp_sampled_1 always;",
        "add_header Content-Security-Policy-Report-Only $csp_sampled_2 always;",
    ]


@pytest.mark.parametrize(("share", "nearest"), [(1 / 3, "33.33"), (0.00001, "0.01"), (0.99999, "99.99")])
def test_a_share_finer_than_nginx_draws_is_refused(share: float, nearest: str) -> None:
    with pytest.raises(ValueError, match=rf"nginx draws in steps of 0\.01 %, so {nearest} % rather than "):
        nginx([WATCHED], share)
