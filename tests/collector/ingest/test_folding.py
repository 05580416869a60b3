"""Folding: what makes violations alike, and that counting them together loses nothing but their number."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import astuple, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.ingest.folding import HashObservation, Observation, fingerprint_of, fold, fold_hash
from policybuilder import self_test
from policybuilder.csp import Disposition, SampleExtent
from policybuilder.evidence import EvidenceClass, document_origin, initiator_of
from policybuilder.reports.noise import GENUINE, Classification
from policybuilder.reports.normalization import NormalizedHash, clean_url
from policybuilder.store.batch import Batch, HourDelta, NetworkDelta, PageDelta
from tests.collector.ingest.builders import AT_MS, make_observation, make_violation

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
INLINE: dict[str, Any] = {"effective_directive": "script-src-elem", "blocked_uri": "inline", "sample": "alert(1)"}

# Changes after which a violation is still one of the same group.
ALIKE: list[dict[str, Any]] = [
    {"document_uri": "https://shop.example/checkout"},
    {"document_uri": "https://shop.example"},
    {"original_policy": "img-src 'self'"},
    {"source_file": "https://shop.example/app.js"},
    *({"source_file": text} for text in ("chrome-extension", "about", "data", "blob", "inline", "(invalid)")),
    {"source_file": "wss://cdn.example"},
    {"line_number": 7},
    {"column_number": 7},
    {"referrer": "https://elsewhere.example/"},
    {"status_code": 404},
    {"age_ms": 60_000},
]

# Changes after which it is another's.
DIFFERENT: list[dict[str, Any]] = [
    {"document_uri": "https://www.shop.example/cart"},
    {"document_uri": "http://shop.example/cart"},
    {"document_uri": "https://shop.example:8443/cart"},
    {"document_uri": "about"},
    {"effective_directive": "media-src"},
    {"blocked_uri": "https://cdn.example/b.png"},
    {"blocked_uri": "https://cdn.example"},
    {"blocked_uri": "https://cdn.example/"},
    {"disposition": Disposition.ENFORCE},
    {"sample": "alert(1)"},
    {"sample_extent": SampleExtent.PREFIX},
    {"source_file": "https://cdn.example/a.js"},
    {"source_file": "https://cdn.example:8443/a.js"},
    {"source_file": "http://cdn.example/a.js"},
    {"source_file": "http://shop.example/app.js"},
    {"source_file": "https://cdn.shop.example/app.js"},
]


@pytest.mark.parametrize("changes", ALIKE, ids=str)
def test_violations_are_alike_wherever_on_the_site_and_in_the_code_they_came_from(changes: dict[str, Any]) -> None:
    assert fingerprint_of(make_violation(**changes), GENUINE) == fingerprint_of(make_violation(), GENUINE)


@pytest.mark.parametrize("changes", DIFFERENT, ids=str)
def test_violations_of_another_resource_or_origin_are_not_alike(changes: dict[str, Any]) -> None:
    assert fingerprint_of(make_violation(**changes), GENUINE) != fingerprint_of(make_violation(), GENUINE)


def test_every_different_violation_has_a_fingerprint_of_its_own() -> None:
    fingerprints = {fingerprint_of(make_violation(**changes), GENUINE) for changes in DIFFERENT}
    assert len(fingerprints) == len(DIFFERENT)


def test_which_file_of_another_origin_loaded_it_does_not_matter() -> None:
    files = ("https://cdn.example/a.js", "https://cdn.example/b/c.js", "https://cdn.example")
    assert len({fingerprint_of(make_violation(source_file=file), GENUINE) for file in files}) == 1


# (document, source file as a report has it, initiator)
INITIATORS = [
    ("https://shop.example/cart", "https://tag.example/t.js", "https://tag.example"),
    ("https://shop.example/cart", "https://tag.example:8443/t.js", "https://tag.example:8443"),
    ("https://shop.example/cart", "https://TAG.example:443/t.js?id=1#top", "https://tag.example"),
    ("https://shop.example/cart", "http://tag.example/t.js", "http://tag.example"),
    ("https://shop.example/cart", "https://tag.example@evil.example/t.js", "https://evil.example"),
    ("https://shop.example/cart", "https://evil.example\\@tag.example/t.js", "https://evil.example"),
    ("https://shop.example/cart", "https://evil.example#@tag.example/", "https://evil.example"),
    ("https://shop.example/cart", "https://bücher.example/t.js", "https://xn--bcher-kva.example"),
    ("https://shop.example/cart", "https://t\u0430g.example/t.js", "https://xn--tg-7kc.example"),
    ("https://shop.example/cart", "https://tag.example./t.js", "https://tag.example."),
    ("https://shop.example/cart", "https://shop.example/app.js", ""),
    ("https://shop.example/cart", "https://shop.example/cart", ""),
    ("https://shop.example:8443/cart", "https://shop.example/app.js", "https://shop.example"),
    ("about:srcdoc", "https://tag.example/t.js", "https://tag.example"),
    ("https://shop.example/cart", f"https://{'a' * 2_048}.example/t.js", ""),
    ("https://shop.example/cart", f"https://tag.example/{'a' * 4_096}", "https://tag.example"),
    *(
        ("https://shop.example/cart", text, "")
        for text in (
            *("", "inline", "about:blank", "data:text/javascript,1", "blob:https://tag.example/1", "javascript:1"),
            *(
                "chrome-extension://abc/x.js",
                "moz-extension",
                "file:///etc/passwd",
                "wss://tag.example/t",
                "//tag.example",
            ),
            *("https://", "https://%00.example/t.js", "tag.example/t.js", "filesystem:https://tag.example/x"),
        )
    ),
]


@pytest.mark.parametrize(("document", "source_file", "initiator"), INITIATORS, ids=lambda text: repr(text[:60]))
def test_an_initiator_is_the_network_origin_of_anothers_script(document: str, source_file: str, initiator: str) -> None:
    violation = make_violation(document_uri=clean_url(document), source_file=clean_url(source_file))
    assert initiator_of(violation) == initiator
    (delta,) = folded(make_observation(violation)).groups.values()
    assert delta.columns["initiator"] == initiator


def test_the_class_tells_groups_apart_and_the_rule_that_chose_it_does_not() -> None:
    """What an extension did and what the site did are never one group, however alike."""

    def fingerprint(evidence_class: EvidenceClass, rule: str) -> str:
        return fingerprint_of(make_violation(), Classification(evidence_class, rule))

    assert fingerprint(EvidenceClass.EXTENSION, "a") != fingerprint(EvidenceClass.GENUINE, "a")
    assert fingerprint(EvidenceClass.EXTENSION, "a") == fingerprint(EvidenceClass.EXTENSION, "b")


def test_text_moved_from_one_member_to_the_next_is_another_fingerprint() -> None:
    one = make_violation(effective_directive="img-src", blocked_uri="data")
    other = make_violation(effective_directive="img-srcd", blocked_uri="ata")
    assert fingerprint_of(one, GENUINE) != fingerprint_of(other, GENUINE)


@pytest.mark.parametrize(
    ("document_uri", "origin"),
    [
        ("https://shop.example/a/b", "https://shop.example"),
        ("https://shop.example", "https://shop.example"),
        ("http://[2001:db8::1]:8080/a", "http://[2001:db8::1]:8080"),
        ("about", "about"),
        ("(invalid)", "(invalid)"),
    ],
)
def test_a_documents_origin_is_what_stands_before_its_path(document_uri: str, origin: str) -> None:
    assert document_origin(document_uri) == origin


def folded(*observations: Observation) -> Batch:
    batch = Batch()
    for observation in observations:
        fold(batch, observation)
    return batch


def test_alike_violations_become_one_group_with_their_sum_first_and_last_time() -> None:
    batch = folded(
        make_observation(seen_at_ms=AT_MS + 5),
        make_observation(make_violation(line_number=9), seen_at_ms=AT_MS - 5),
        make_observation(is_trusted=True),
    )
    (delta,) = batch.groups.values()
    assert (delta.tally.reports, delta.tally.trusted_reports) == (3, 1)
    assert (delta.tally.first_ms, delta.tally.last_ms) == (AT_MS - 5, AT_MS + 5)


def test_reports_are_counted_by_hour_page_and_policy() -> None:
    batch = folded(
        make_observation(make_violation(original_policy="img-src 'self'")),
        make_observation(make_violation(document_uri="https://shop.example/"), seen_at_ms=AT_MS + HOUR_MS),
        make_observation(seen_at_ms=AT_MS + HOUR_MS),
    )
    assert sorted(astuple(hour) for hour in batch.hours.values()) == [(1, 0, 1), (2, 0, 2)]
    assert {page: delta.reports for (_, _, page), delta in batch.pages.items()} == {
        "https://shop.example/cart": 2,
        "https://shop.example/": 1,
    }
    assert [(text, tally.reports) for text, tally in batch.policies.values()] == [("img-src 'self'", 1)]
    assert [tally.reports for tally in batch.group_policies.values()] == [1]


def test_reporters_are_networks_by_day() -> None:
    batch = folded(
        make_observation(network="192.0.2.0/24"),
        make_observation(network="192.0.2.0/24", seen_at_ms=AT_MS + 1),
        make_observation(network="198.51.100.0/24"),
        make_observation(network="192.0.2.0/24", seen_at_ms=AT_MS + DAY_MS),
    )
    assert sorted((day, network) for _, _, day, network in batch.group_networks) == [
        (AT_MS // DAY_MS, "192.0.2.0/24"),
        (AT_MS // DAY_MS, "198.51.100.0/24"),
        (AT_MS // DAY_MS + 1, "192.0.2.0/24"),
    ]


def test_sites_share_nothing() -> None:
    batch = folded(make_observation(site="one"), make_observation(site="two"))
    tables: list[Iterable[tuple[Any, ...]]] = [
        batch.groups,
        batch.hours,
        batch.pages,
        batch.group_networks,
        batch.page_networks,
        batch.samples,
    ]
    assert [sorted(key[0] for key in table) for table in tables] == [["one", "two"]] * len(tables)


def test_a_report_that_only_becomes_trusted_counts_its_trust_and_nothing_else() -> None:
    batch = folded(make_observation(is_trusted=True, is_counted_already=True))
    (delta,) = batch.groups.values()
    assert (delta.tally.reports, delta.tally.trusted_reports) == (0, 1)
    assert list(batch.hours.values()) == [HourDelta(0, 1, 0)]
    assert list(batch.pages.values()) == [PageDelta(0, 1)]
    assert not batch.group_networks
    assert not batch.samples


def test_reporters_are_counted_by_the_day_of_receipt() -> None:
    """Any sender can claim any age: a day on which nobody else reported would make few networks look like many."""
    violation = make_violation(original_policy="img-src 'self'")
    batch = folded(make_observation(violation, seen_at_ms=AT_MS - 3 * DAY_MS, received_at_ms=AT_MS))
    (delta,) = batch.groups.values()
    assert (delta.tally.first_ms, delta.received_first_ms) == (AT_MS - 3 * DAY_MS, AT_MS)
    today = AT_MS // DAY_MS
    assert {day for _, _, day, _ in batch.group_networks} == {today}
    assert {day for _, _, _, day, _ in batch.page_networks} == {today}
    assert {day for _, _, day, _ in batch.policy_networks} == {today}
    assert {day for _, day, _ in batch.networks} == {today}


def test_sampled_reports_stand_for_many() -> None:
    batch = folded(make_observation(stands_for=100), make_observation(stands_for=20))
    (delta,) = batch.groups.values()
    assert (delta.tally.reports, delta.estimated_reports) == (2, 120)
    assert list(batch.hours.values()) == [HourDelta(2, 0, 120)]


def test_a_network_posted_what_arrived_and_rehearsed_what_arrived_at_the_rehearsal_key() -> None:
    batch = folded(
        make_observation(is_trusted=True),
        make_observation(is_trusted=True, is_imported=True),
        make_observation(),
    )
    assert list(batch.networks.values()) == [NetworkDelta(2, 1)]


def test_a_sample_is_the_violation_as_json_and_no_client() -> None:
    (text, seen_at_ms) = next(iter(folded(make_observation(make_violation(**INLINE))).samples.values()))
    assert json.loads(text)["sample"] == "alert(1)"
    assert "192.0.2" not in text
    assert seen_at_ms == AT_MS


@given(
    st.lists(
        st.builds(
            make_observation,
            st.builds(make_violation, blocked_uri=st.sampled_from(["data", "blob"]), line_number=st.integers(1, 3)),
            site=st.sampled_from(["one", "two"]),
            seen_at_ms=st.integers(AT_MS, AT_MS + 3 * HOUR_MS),
            is_trusted=st.booleans(),
        )
    )
)
def test_folding_keeps_every_count(observations: list[Observation]) -> None:
    batch = folded(*observations)
    reports = len(observations)
    trusted = sum(observation.is_trusted for observation in observations)
    assert sum(delta.tally.reports for delta in batch.groups.values()) == reports
    assert sum(delta.tally.trusted_reports for delta in batch.groups.values()) == trusted
    assert sum(hour.reports for hour in batch.hours.values()) == reports
    assert sum(hour.trusted_reports for hour in batch.hours.values()) == trusted
    assert sum(page.reports for page in batch.pages.values()) == reports
    assert sum(page.trusted_reports for page in batch.pages.values()) == trusted
    assert len(batch.groups) <= 4


def test_hash_reports_are_counted_by_script_and_digest() -> None:
    batch = Batch()
    for digest in ("sha256-AAAA", "sha256-AAAA", ""):
        report = NormalizedHash("https://shop.example/", "https://shop.example/a.js", digest, "script", 0)
        fold_hash(batch, HashObservation(site="default", report=report, seen_at_ms=AT_MS))
    assert {
        (url, digest): (destination, tally.reports)
        for (_, url, digest), (destination, tally) in batch.script_hashes.items()
    } == {
        ("https://shop.example/a.js", "sha256-AAAA"): ("script", 2),
        ("https://shop.example/a.js", ""): ("script", 1),
    }


def test_a_group_keeps_what_its_rule_says() -> None:
    """Written down, since a rule may be an operator's own, and gone by the time somebody reads of it."""
    said = Classification(EvidenceClass.INJECTED, "tracker", "an operator's own words")
    batch = folded(make_observation(classification=said))
    (delta,) = batch.groups.values()
    assert (delta.columns["rule"], delta.columns["reason"]) == ("tracker", "an operator's own words")
    unsaid = Classification(EvidenceClass.INJECTED, "tracker")
    assert folded(make_observation(classification=unsaid)).groups.keys() == batch.groups.keys()


def test_the_origin_stands_for_a_page_with_a_giant_name() -> None:
    long, short = f"https://shop.example/{'a' * 600}", f"https://shop.example/{'a' * 400}"
    batch = folded(*(make_observation(make_violation(document_uri=page)) for page in (long, short)))
    assert {page for _, _, page in batch.pages} == {"https://shop.example", short}
    assert {page for _, _, page, _, _ in batch.page_networks} == {"https://shop.example", short}


def test_what_a_rehearsal_vouches_for_counts_by_our_clock() -> None:
    """Any age can be claimed, and a leaked key would vouch for the days before."""
    then = AT_MS - 3 * DAY_MS
    batch = folded(make_observation(is_trusted=True, seen_at_ms=then, received_at_ms=AT_MS))
    assert {hour for _, _, hour in batch.hours} == {AT_MS // HOUR_MS}
    batch = folded(make_observation(seen_at_ms=then, received_at_ms=AT_MS))
    assert {hour for _, _, hour in batch.hours} == {then // HOUR_MS}


def test_a_test_report_is_kept_and_counts_for_nobody() -> None:
    own = Classification(EvidenceClass.MALFORMED, self_test.RULE)
    batch = Batch()
    fold(batch, make_observation(self_test.VIOLATION, classification=own))
    [key] = batch.groups
    assert batch.exempt == {key}
    assert len(batch.samples) == 1
    assert [batch.networks, batch.group_networks, batch.page_networks, batch.policies] == [{}, set(), set(), {}]


@pytest.mark.parametrize(
    "changes",
    [
        {"original_policy": "img-src 'self'"},
        {"document_uri": f"{self_test.ORIGIN}/another"},
        {"blocked_uri": f"{self_test.ORIGIN}/another"},
        {"sample": "another"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_only_looks_like_a_test_report_is_counted_as_any_other(changes: dict[str, Any]) -> None:
    """Or strangers could bring what is new beyond every budget."""
    own = Classification(EvidenceClass.MALFORMED, self_test.RULE)
    batch = Batch()
    fold(batch, make_observation(replace(self_test.VIOLATION, **changes), classification=own))
    assert not batch.exempt
    assert batch.group_networks
