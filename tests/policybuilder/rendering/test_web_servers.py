"""Tests of snippets for web servers; that their values survive quoting is tested with all snippets."""

from __future__ import annotations

import pytest

from policybuilder.rendering.web_servers import apache, caddy, nginx
from policybuilder.stages import ENFORCED, REPORT_ONLY, Header

PLAIN = Header(ENFORCED, "default-src 'self'")
TWO = [Header(REPORT_ONLY, "img-src 'self'"), Header(REPORT_ONLY, "font-src 'self'")]
NONCE = Header(ENFORCED, "script-src 'nonce-{NONCE}'")


def test_nginx_sends_headers_on_errors_too_and_warns_of_the_inheritance_trap() -> None:
    snippet = nginx([PLAIN])
    assert snippet.endswith("add_header Content-Security-Policy \"default-src 'self'\" always;\n")
    assert "A location that has an add_header of its own inherits none" in snippet
    assert "http block" not in snippet


def test_nginx_keeps_a_dollar_sign_in_a_constant() -> None:
    assert 'geo $csp_text_1 { default "img-src https://a.example/$1"; }' in nginx(
        [Header(ENFORCED, "img-src https://a.example/$1")]
    )


def test_nginx_takes_its_nonce_from_the_request() -> None:
    snippet = nginx([NONCE])
    assert "'nonce-${request_id}'" in snippet
    assert "sub_filter" in snippet


def test_apache_sends_headers_on_errors_too_and_adds_the_second_policy() -> None:
    assert apache(TWO).splitlines()[-2:] == [
        "Header always set Content-Security-Policy-Report-Only \"img-src 'self'\"",
        "Header always add Content-Security-Policy-Report-Only \"font-src 'self'\"",
    ]


def test_apache_writes_a_percent_sign_twice() -> None:
    assert "/a%%3Bb" in apache([Header(ENFORCED, "img-src https://a.example/a%3Bb")])


def test_apache_refuses_to_start_without_a_source_of_nonces() -> None:
    snippet = apache([NONCE])
    assert "<IfModule !cspnonce_module>\n    Error " in snippet
    assert "'nonce-%{CSP_NONCE}e'" in snippet
    assert "Error" not in apache([PLAIN])


@pytest.mark.parametrize("value", ["img-src https://a.example/${HOME}", "expr=1", "EXPR=1"])
def test_apache_values_that_would_be_computed_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"Apache would interpret .* Content-Security-Policy"):
        apache([Header(ENFORCED, value)])


def test_caddy_joins_policies_since_setting_a_header_twice_replaces_it() -> None:
    assert caddy(TWO) == "header {\n\tContent-Security-Policy-Report-Only `img-src 'self', font-src 'self'`\n}\n"


def test_caddy_takes_its_nonce_from_the_request() -> None:
    snippet = caddy([NONCE])
    assert "'nonce-{http.request.uuid}'" in snippet
    assert '{{placeholder "http.request.uuid"}}' in snippet


@pytest.mark.parametrize("value", ["img-src `", "img-src {$HOME}", r"img-src \{NONCE}"])
def test_caddy_values_without_a_spelling_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"Caddyfile cannot hold .* Content-Security-Policy"):
        caddy([Header(ENFORCED, value)])
