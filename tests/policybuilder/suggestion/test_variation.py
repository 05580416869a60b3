"""Tests of variation: names that change by themselves."""

from __future__ import annotations

import pytest

from policybuilder.suggestion.variation import is_generated, is_numbered, is_version, varies

VERSIONS = [
    *("3", "v2", "3.7.1", "V1.0", "1.0.0-beta.2", "1.0.0-rc1", "3.x", "2.0.0-5f3d+build", "2026-05-01", "2026_05"),
    *("react@18", "jquery@3.7.1", "repository@main", "jquery-3.7.1", "tinymce_6.8.2-dist", "build42", "release-2026"),
]
NO_VERSIONS = ["", "js", "vendor", "@scope", "v", "h264", "bootstrap5", "x.y", "latest", "app-core", "-", "."]


@pytest.mark.parametrize("segment", VERSIONS)
def test_a_release_is_a_version(segment: str) -> None:
    assert is_version(segment)
    assert varies(segment)


@pytest.mark.parametrize("segment", NO_VERSIONS)
def test_words_are_no_versions(segment: str) -> None:
    assert not is_version(segment)


@pytest.mark.parametrize(
    "segment",
    [
        # digests, random names, identifiers
        *("3f9a1c2b", "app.3f9a1c2b", "main-5d41402a", "e3b0c44298fc1c149afbf4c8996fb924", "k3j9x2q8"),
        *("Xk3Jd0aB_lq-9sT2wPzRv", "550e8400-e29b-41d4-a716-446655440000", "1f3870be274f6c49b3e31a0c6728957f.d"),
        # long numbers and dates
        *("1234567", "id1234567x", "20260501", "2026-05-01"),
        # languages
        *("en", "EN", "de-AT", "pt_BR", "zh-Hans-CN", "es-419"),
        # customers
        *("~jane", "acct_1Ab", "client-482", "site-7", "GTM-K4X2B", "UA-12345-1", "AB12CD34"),
        # as they may be escaped
        *("3%2E7%2E1", "%65%6e", "react%4018"),
    ],
)
def test_names_that_change_by_themselves_vary(segment: str) -> None:
    assert varies(segment)


@pytest.mark.parametrize(
    "segment",
    [
        *("js", "css", "lib", "dist", "static", "assets", "_next", "npm", "gtag", "ui", "ws", "api", "app", "vendor"),
        *("en-route", "english", "bootstrap5", "h264", "web-fonts", "wp-content", "wp-includes", "@scope", "x1"),
        *("site-packages", "users", "CSS", "JS", "README", "googleAnalytics", "service-worker", "%zz", "%", "a;b"),
        *("defaced", "facade", "beaded", "accede"),
    ],
)
def test_words_do_not_vary(segment: str) -> None:
    assert not varies(segment)


def test_what_stands_below_a_list_of_customers_varies() -> None:
    assert varies("acme", "tenants")
    assert varies("jane", "Users")
    assert not varies("acme", "static")


@pytest.mark.parametrize(
    "label",
    [
        *(
            "img1",
            "img9",
            "s3",
            "07",
            "3",
            "cdn-a12",
            "a12",
            "eu2b",
            "s3-eu-west-1",
            "s3-eu",
            "node-03",
            "v2",
            "shard007x",
        ),
        *("d111111abcdef8", "3f9a1c2b", "scontent-fra3-1", "r3---sn-4g5e6nez", "IMG2"),
        "550e8400-e29b-41d4-a716-446655440000",
    ],
)
def test_counted_and_generated_labels_are_numbered(label: str) -> None:
    assert is_numbered(label)


@pytest.mark.parametrize(
    "label",
    [
        *("api", "www", "docs", "static", "img", "cdn", "cdn-static", "eu-west", "login", "blog", "", "-"),
        *("i18n", "a11y", "k8s", "auth0", "oauth2", "b2b", "2fa"),
        # Digits that stand for letters of another script.
        *("xn--80ak6aa92e", "xn--bcher-kva"),
    ],
)
def test_ordinary_labels_are_not_numbered(label: str) -> None:
    assert not is_numbered(label)


def test_a_long_name_is_read_at_once() -> None:
    for text in ("a1" * 50_000, "-" * 100_000, "a-" * 50_000, "1." * 50_000, "A" * 100_000, "~", "site_" * 20_000):
        varies(text)
        is_numbered(text)
        is_generated(text)
