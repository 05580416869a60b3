"""The headers that keep a page out of the reach and the process of other sites."""

from __future__ import annotations

import pytest

from tests.support.judgements import judgements, results

OPENER = "Cross-Origin-Opener-Policy"
EMBEDDER = "Cross-Origin-Embedder-Policy"
RESOURCE = "Cross-Origin-Resource-Policy"
CLUSTER = "Origin-Agent-Cluster"

# Each row: header, value, result.
CASES = [
    (OPENER, "same-origin", "isolated"),
    (OPENER, 'same-origin; report-to="x"', "isolated"),
    (OPENER, "same-origin-allow-popups", "isolated"),
    (OPENER, "noopener-allow-popups", "isolated"),
    (OPENER, "unsafe-none", "unsafe-none"),
    (OPENER, "same-origin, same-origin", "invalid"),
    (OPENER, '"same-origin"', "invalid"),
    (OPENER, "Same-Origin", "invalid"),
    (f"{OPENER}-Report-Only", "same-origin", "report-only"),
    (EMBEDDER, "require-corp", "required"),
    (EMBEDDER, "credentialless", "required"),
    (EMBEDDER, "unsafe-none", "unsafe-none"),
    (EMBEDDER, "require", "invalid"),
    (f"{EMBEDDER}-Report-Only", "require-corp", "report-only"),
    (RESOURCE, "same-origin", "own"),
    (RESOURCE, "same-site", "own"),
    (RESOURCE, "cross-origin", "cross-origin"),
    (RESOURCE, "SAME-ORIGIN", "invalid"),
    (RESOURCE, "same-origin, same-site", "invalid"),
    (CLUSTER, "?1", "asked"),
    (CLUSTER, "?0", "declined"),
    (CLUSTER, "1", "invalid"),
    (CLUSTER, "true", "invalid"),
]


@pytest.mark.parametrize(("header", "value", "result"), CASES)
def test_what_was_chosen_is_named(header: str, value: str, result: str) -> None:
    name = header.removesuffix("-Report-Only").lower()
    assert results(name, {header: value}) == [result]


def test_only_the_opener_policy_is_missed() -> None:
    assert results(OPENER.lower()) == ["missing"]
    assert [results(name.lower()) for name in (EMBEDDER, RESOURCE, CLUSTER)] == [[], [], []]


def test_data_needs_no_opener_policy() -> None:
    assert results(OPENER.lower(), {"Content-Type": "application/json"}) == []


def test_both_together_isolate_the_page() -> None:
    [found] = judgements(EMBEDDER.lower(), {OPENER: "same-origin", EMBEDDER: "require-corp"})
    assert "process of its own" in found.message
