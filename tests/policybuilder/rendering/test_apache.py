"""Tests of snippets for Apache; that their values survive is tested with all snippets, and in the real server."""

from __future__ import annotations

import pytest

from policybuilder.rendering.apache import apache
from policybuilder.stages import ENFORCED, REPORT_ONLY, Header

PLAIN = Header(ENFORCED, "default-src 'self'")
TWO = [Header(REPORT_ONLY, "img-src 'self'"), Header(REPORT_ONLY, "font-src 'self'")]
NONCE = Header(ENFORCED, "script-src 'nonce-{NONCE}'")


def test_headers_go_with_errors_too_and_the_second_policy_is_added() -> None:
    assert apache(TWO).splitlines()[-2:] == [
        "Header always set Content-Security-Policy-Report-Only \"img-src 'self'\"",
        "Header always add Content-Security-Policy-Report-Only \"font-src 'self'\"",
    ]


def test_a_percent_sign_is_written_twice() -> None:
    assert "/a%%3Bb" in apache([Header(ENFORCED, "img-src https://a.example/a%3Bb")])


def test_a_server_that_could_not_make_nonces_is_told_not_to_start() -> None:
    snippet = apache([NONCE])
    assert "<IfModule !unique_id_module>\n    Error " in snippet
    assert "<IfDefine !CSP_SECRET>\n    Error " in snippet
    assert "'nonce-%{CSP_NONCE}e'" in snippet
    assert "Error" not in apache([PLAIN])


def test_a_server_that_could_not_draw_is_told_not_to_start() -> None:
    assert "<IfModule !unique_id_module>\n    Error " in apache(TWO, 0.5)
    assert "CSP_SECRET" not in apache(TWO, 0.5)


def test_each_drawn_line_has_the_same_condition() -> None:
    plain, *drawn = (line for line in apache([PLAIN, *TWO], 0.25).splitlines() if line.startswith("Header "))
    assert plain == "Header always set Content-Security-Policy \"default-src 'self'\""
    assert all(line.endswith(""" "expr=md5(reqenv('UNIQUE_ID')) < '40000000'\"""") for line in drawn)


def test_what_looks_like_a_variable_is_written_with_one() -> None:
    snippet = apache([Header(ENFORCED, "img-src https://a.example/${HOME}")])
    assert "Define CSP_DOLLAR $\n" in snippet
    assert '"img-src https://a.example/${CSP_DOLLAR}{HOME}"' in snippet


@pytest.mark.parametrize("value", ["expr=1", "EXPR=1"])
def test_values_that_would_be_computed_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"Apache would compute .* Content-Security-Policy"):
        apache([Header(ENFORCED, value)])
