from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, fields
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.security_headers import (
    DENY_ALL_FEATURES,
    DENY_POWERFUL_FEATURES,
    HeaderChanges,
    Hsts,
    SecurityHeaders,
    with_headers,
)
from policybuilder.csp import parse_serialized_policy_list
from policybuilder.grading.own.permissions_policy import KNOWN_FEATURES, POWERFUL_FEATURES
from policybuilder.structured_fields import read_dictionary


def test_changes_are_the_fields_of_the_settings() -> None:
    """Written twice, so that type checkers know them by name wherever they are given."""
    assert get_type_hints(HeaderChanges) == get_type_hints(SecurityHeaders)


def test_settings_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        SecurityHeaders().coop = None  # type: ignore[misc]


@pytest.mark.parametrize(
    "value",
    ["", " ", "a\r\nSet-Cookie: x=1", "a\nb", "a\x00b", "a\x1bb", "\x7f", "é", "a\u2028b", "img-src *\n", "\ud800"],
)
@pytest.mark.parametrize("name", ["policy", "report_only", "permissions_policy", "hsts", "referrer_policy", "corp"])
def test_values_that_cannot_stand_in_a_header_are_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        SecurityHeaders(**{name: value})  # type: ignore[arg-type]  # what a program without type checks would do


@given(text=st.text(max_size=20), name=st.sampled_from([each.name for each in fields(SecurityHeaders)]))
def test_no_setting_carries_a_line_break_into_a_header(text: str, name: str) -> None:
    given: Any = (
        {f"a{text}": text} if name == "reporting_endpoints" else [text] if name in {"frame", "override"} else text
    )
    try:
        settings = SecurityHeaders(**{name: given})
    except ValueError:
        return
    for value in [*settings.values().values(), settings.ancestors or ""]:
        assert re.fullmatch(r"[\t\x20-\x7e]*", value)


@given(source=st.text(max_size=20))
def test_who_may_frame_says_nothing_else_in_the_policy(source: str) -> None:
    try:
        settings = SecurityHeaders(policy="img-src 'self'", frame=[source])
    except ValueError:
        return
    (policy,) = parse_serialized_policy_list(settings.framing_policy.naming(settings.ancestors)).policies
    assert [directive.name for directive in policy.directives] == ["img-src", "frame-ancestors"]


# (settings, what the error says)
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"frame": "https://a.example"}, r"'anyone', or a list: \['https://a.example'\]"),
    ({"frame": "none"}, r"'anyone', or a list: \['https://shop.example'\]"),
    ({"frame": ["*"]}, "write 'anyone'"),
    ({"frame": ["self"]}, "or \"'self'\""),
    ({"frame": ["https://a.example; script-src *"]}, "is not who may frame"),
    ({"frame": ["https://a.example, b"]}, "is not who may frame"),
    ({"frame": ["https://a.example/path"]}, "is not who may frame"),
    ({"frame": ["'none'"]}, "is not who may frame"),
    ({"policy": "frame-ancestors 'none'", "frame": "same-origin"}, "itself says frame-ancestors 'none'"),
    ({"policy": "img-src *;Frame-Ancestors\t'self' ;", "frame": "deny"}, "itself says frame-ancestors 'self'"),
    ({"policy": "frame-ancestors 'none'", "frame": "anyone"}, "itself says frame-ancestors 'none'"),
    ({"policy": "frame-ancestors 'none'; frame-ancestors 'self'"}, "twice"),
    ({"policy": "frame-ancestors 'none', frame-ancestors 'self'"}, "twice"),
    ({"policy": "default-src self"}, "says self without its quotes.*write 'self'"),
    ({"report_only": "img-src 'self'; script-src\tUnsafe-Inline;"}, "says Unsafe-Inline without"),
    ({"policy": "script-src nonce-{nonce}"}, "says nonce-{nonce} without its quotes"),
    ({"policy": "script-src {nonce}"}, "written 'nonce-{nonce}', with"),
    ({"policy": "script-src 'nonce-{nonce}' '{NONCE}'"}, "written 'nonce-{nonce}', with"),
    ({"hsts": "31536000"}, "needs one max-age"),
    ({"hsts": "max-age=1; max-age=2"}, "needs one max-age"),
    ({"hsts": "max-age=-1"}, "needs one max-age"),
    ({"hsts": "max-age=31536000, includeSubDomains"}, "needs one max-age"),
    ({"hsts": "max-age=31536000; includeSubdomain"}, "does not know includesubdomain"),
    ({"hsts": "max-age=31536000; preload"}, "preload needs includeSubDomains"),
    ({"hsts": "max-age=300; includeSubDomains; preload"}, "preload needs"),
    ({"content_type_options": "no-sniff"}, "browsers know nosniff"),
    ({"referrer_policy": "same-orgin"}, "do not know same-orgin"),
    ({"permissions_policy": "camera 'none'; microphone 'none'"}, r"write camera=\(\), microphone="),
    ({"permissions_policy": "camera=('none')"}, "which browsers ignore as a whole"),
    ({"permissions_policy": "camera=(), microphone=(self https://a.example)"}, "which browsers ignore"),
    ({"permissions_policy": "camera=(),"}, "which browsers ignore"),
    ({"permissions_policy": "Camera=()"}, "which browsers ignore"),
    ({"coop": "same-site"}, "cross-origin-opener-policy cannot be 'same-site'"),
    ({"coep": "same-origin"}, "cross-origin-embedder-policy cannot be"),
    ({"corp": "require-corp"}, "cross-origin-resource-policy cannot be"),
    ({"override": ["X-Frame-Option"]}, "x-frame-option$"),
    ({"override": ["Set-Cookie"]}, "set-cookie$"),
    ({"policy": "img-src *; report-to csp"}, "reports to 'csp'"),
    ({"policy": "img-src *; report-to; report-uri /r", "reporting_endpoints": {"csp": "/r"}}, "reports to ''"),
    ({"report_only": "report-uri /r; Report-To"}, "reports to ''"),
    ({"report_only": "report-to  other", "reporting_endpoints": {"csp": "https://a.example"}}, "reports to 'other'"),
    ({"reporting_endpoints": {"csp": "http://a.example/"}}, "report to https"),
    ({"reporting_endpoints": {"csp": "//a.example/"}}, "report to https"),
    ({"reporting_endpoints": {"csp": "https:///x"}}, "report to https"),
    ({"reporting_endpoints": {"csp": 'https://a.example/", x="https://evil.example/'}}, "report to https"),
    ({"reporting_endpoints": {"CSP": "https://a.example/"}}, "no name for a reporting endpoint: 'CSP'"),
    ({"reporting_endpoints": {'c="x", d': "https://a.example/"}}, "no name for a reporting endpoint"),
]


@pytest.mark.parametrize(("settings", "said"), REFUSED)
def test_settings_that_browsers_would_ignore_or_that_contradict_are_refused(
    settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        SecurityHeaders(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"override": "Set-Cookie"},
        {"reporting_endpoints": 'csp="https://a.example"'},
        {"policy": ["img-src *"]},
        {"permissions_policy": ["camera"]},
        {"content_type_options": True},
        {"hsts": 31_536_000},
    ],
)
def test_a_text_is_no_list_and_no_mapping(settings: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="not"):
        SecurityHeaders(**settings)


# (settings that are fine, the frame-ancestors they mean)
ACCEPTED: list[tuple[dict[str, Any], str | None]] = [
    ({}, "'none'"),
    ({"policy": None}, "'none'"),
    ({"policy": "img-src *"}, "'none'"),
    (
        {"policy": "img-src *; frame-ancestors https://B.example  https://a.example"},
        "https://B.example https://a.example",
    ),
    (
        {"policy": "frame-ancestors https://b.example 'SELF'", "frame": ["'self'", "https://b.example"]},
        "'self' https://b.example",
    ),
    ({"policy": "frame-ancestors", "frame": "deny"}, "'none'"),
    ({"frame": []}, "'none'"),
    ({"policy": "script-src 'nonce-{NONCE}' https://none.example/self; sandbox; report-uri /none"}, "'none'"),
    ({"frame": "same-origin"}, "'self'"),
    ({"frame": "anyone"}, None),
    (
        {"frame": ["https:", "*.a.example:*", "http://localhost:8000", "https://xn--bcher-kva.example"]},
        "https: *.a.example:* http://localhost:8000 https://xn--bcher-kva.example",
    ),
    ({"hsts": "MAX-AGE=0"}, "'none'"),
    ({"permissions_policy": 'camera=(self "https://a.example:8443"  "https://*.b.example"),usb=*'}, "'none'"),
    ({"permissions_policy": "camera=( ), microphone=self;report-to=csp ,\tusb=()"}, "'none'"),
    ({"referrer_policy": "no-referrer, strict-origin-when-cross-origin"}, "'none'"),
    ({"reporting_endpoints": {"csp": "http://localhost:8000/report/x", "b*": "/own"}}, "'none'"),
]


@pytest.mark.parametrize(("settings", "ancestors"), ACCEPTED)
def test_settings_mean_who_may_frame(settings: dict[str, Any], ancestors: str | None) -> None:
    assert SecurityHeaders(**settings).ancestors == ancestors


def test_all_that_a_visitor_is_asked_for_is_denied() -> None:
    denied = read_dictionary(DENY_ALL_FEATURES) or {}
    # Chromium knows `bluetooth` on some systems alone, and complains on the others.
    assert POWERFUL_FEATURES - denied.keys() == {"bluetooth"}
    assert (read_dictionary(DENY_POWERFUL_FEATURES) or {}).keys() < denied.keys() <= KNOWN_FEATURES
    assert all(member.value == () for member in denied.values())


def test_the_ramp_only_climbs() -> None:
    ages = [int(re.findall(r"max-age=(\d+)", step)[0]) for step in Hsts]
    assert ages == sorted(ages)
    assert [age // 60 for age in ages[:3]] == [5, 7 * 24 * 60, 30 * 24 * 60]
    assert all(SecurityHeaders(hsts=step).hsts == step for step in Hsts)
    assert [("includeSubDomains" in step, "preload" in step) for step in Hsts][-2:] == [(True, False), (True, True)]


def test_a_mark_is_checked_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="write 'anyone'"):
        with_headers(frame=["*"])
    with pytest.raises(ValueError, match="itself says"):
        with_headers(frame="deny", policy="frame-ancestors 'self'")
    with pytest.raises(TypeError):
        with_headers(framing="deny")  # type: ignore[call-arg]
    # The endpoint is one of the settings around the route.
    with_headers(policy="img-src *; report-to csp")
