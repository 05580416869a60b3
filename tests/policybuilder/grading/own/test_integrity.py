"""Whether the scripts and styles of other sites are checked."""

from __future__ import annotations

import base64
import hashlib

import pytest

from tests.support.judgements import judgements, results

NAME = "subresource-integrity"
DIGEST = "sha384-" + base64.b64encode(hashlib.sha384(b"x").digest()).decode()
CDN = "https://cdn.example/x.js"

# Each row: page, results.
PAGES = [
    ("<p>", ["nothing-foreign"]),
    ("<script src=/x.js></script>", ["nothing-foreign"]),
    ("<script src=https://cdn.shop.example/x.js></script>", ["nothing-foreign"]),
    ("<script>1</script>", ["nothing-foreign"]),
    (f"<script src={CDN}></script>", ["unchecked-script"]),
    (f"<script src={CDN} type=module></script>", ["unchecked-script"]),
    (f"<script src={CDN} type=text/template></script>", ["nothing-foreign"]),
    (f"<template><script src={CDN}></script></template>", ["nothing-foreign"]),
    (f"<iframe srcdoc='<script src={CDN}></script>'></iframe>", ["unchecked-script"]),
    ("<link rel=stylesheet href=https://cdn.example/x.css>", ["unchecked-style"]),
    (f"<script src={CDN} integrity='{DIGEST}' crossorigin></script>", ["checked"]),
    (f"<script src={CDN} integrity='md5-x {DIGEST}?opt' crossorigin></script>", ["checked"]),
    (f"<script src={CDN} integrity='{DIGEST}' type=module></script>", ["checked"]),
    (f"<script src={CDN} integrity='{DIGEST}'></script>", ["never-loads"]),
    (f"<script src={CDN} integrity='sha384-abcd' crossorigin></script>", ["never-loads"]),
    (f"<script src={CDN} integrity='sha256-{DIGEST[7:]}' crossorigin></script>", ["never-loads"]),
    (f"<script src={CDN} integrity='{DIGEST[7:]}' crossorigin></script>", ["unreadable"]),
    (f"<script src={CDN} integrity='md5-x' crossorigin></script>", ["unreadable"]),
    ("<script src=http://cdn.example/x.js></script>", ["insecure"]),
    ("<script src=http://shop.example/x.js></script>", ["insecure"]),
    (f"<script src={CDN}></script><link rel=stylesheet href=//cdn.example/x>", ["unchecked-script", "unchecked-style"]),
]


@pytest.mark.parametrize(("page", "expected"), PAGES)
def test_what_a_page_loads_from_others(page: str, expected: list[str]) -> None:
    assert results(NAME, body=page) == expected


def test_hosts_of_one_suffix_are_different_sites() -> None:
    body = "<script src=https://you.github.io/x.js></script>"
    assert results(NAME, url="https://me.github.io/", body=body) == ["unchecked-script"]


def test_a_page_that_was_not_read_is_not_tested() -> None:
    assert results(NAME, markup=None) == ["not-tested"]


def test_a_judgement_names_the_hosts() -> None:
    [found] = judgements(NAME, body=f"<script src={CDN}></script><script src=https://other.example/x></script>")
    assert "cdn.example and other.example" in found.message


# Each row: header, value, result.
POLICIES = [
    ("Integrity-Policy", "blocked-destinations=(script)", "required"),
    ("Integrity-Policy", "blocked-destinations=(script style), endpoints=(x)", "required"),
    ("Integrity-Policy-Report-Only", "blocked-destinations=(script)", "report-only"),
    ("Integrity-Policy", "blocked-destinations=script", "invalid"),
    ("Integrity-Policy", "blocked-destinations=(image)", "invalid"),
    ("Integrity-Policy", "script", "invalid"),
    ("Integrity-Policy", "(", "invalid"),
]


@pytest.mark.parametrize(("header", "value", "result"), POLICIES)
def test_integrity_policies(header: str, value: str, result: str) -> None:
    assert results("integrity-policy", {header: value}) == [result]
