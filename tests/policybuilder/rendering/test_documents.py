"""Tests of snippets for documents; that their values survive quoting is tested with all snippets."""

from __future__ import annotations

import pytest

from policybuilder.rendering.documents import header_lines, markdown, meta
from policybuilder.stages import ENFORCED, REPORT_ONLY, REPORTING_ENDPOINTS, Header

PLAIN = Header(ENFORCED, "default-src 'self'")


def test_header_lines_are_as_in_a_response() -> None:
    assert header_lines([PLAIN, Header("X-Other", "1")]) == "Content-Security-Policy: default-src 'self'\nX-Other: 1\n"


def test_markdown_says_what_to_do_with_the_placeholder() -> None:
    assert markdown([PLAIN]) == "```http\nContent-Security-Policy: default-src 'self'\n```\n"
    assert "Replace `{NONCE}`" in markdown([Header(ENFORCED, "script-src 'nonce-{NONCE}'")])


def test_meta_names_what_it_leaves_out() -> None:
    snippet = meta(
        [
            Header(ENFORCED, 'default-src "x"&amp; <b>; frame-ancestors \'self\'; report-uri /r'),
            Header(REPORTING_ENDPOINTS, 'a="https://a.example/"'),
        ]
    )  # fmt: skip
    assert snippet.splitlines()[1:] == [
        "<!-- Left out, since browsers heed it in headers only: Reporting-Endpoints, frame-ancestors, report-uri -->",
        '<meta http-equiv="Content-Security-Policy" content="default-src &quot;x&quot;&amp;amp; &lt;b&gt;">',
    ]


def test_each_policy_of_a_list_is_an_element() -> None:
    """By the specification a comma does not separate policies inside an element."""
    assert meta([Header(ENFORCED, "img-src 'self', font-src 'self'")]).count("<meta ") == 2


def test_meta_without_anything_left_is_no_element() -> None:
    assert meta([Header(ENFORCED, "frame-ancestors 'none'")]) == (
        "<!-- Left out, since browsers heed it in headers only: frame-ancestors -->\n"
    )


def test_meta_refuses_a_report_only_policy() -> None:
    with pytest.raises(ValueError, match="browsers ignore Content-Security-Policy-Report-Only in <meta>"):
        meta([PLAIN, Header(REPORT_ONLY, "img-src 'self'")])
