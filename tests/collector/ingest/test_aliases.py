"""Aliases: what a staging copy reports is counted as what the site itself would have reported."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.ingest.aliases import follow_aliases, follow_in_policy, follow_in_url
from collector.ingest.folding import HashObservation, Observation, fingerprint_of
from collector.ingest.intake import take_in
from policybuilder.evidence import EvidenceClass
from policybuilder.reports.normalization import NormalizedHash, NormalizedViolation
from policybuilder.store.sites import Alias, KeyKind, SiteKey
from tests.collector.ingest.builders import AT_MS, batch_body, envelope, hash_envelope, make_violation, report_body

STAGING = Alias("staging.example", "www.example")
PREVIEWS = Alias("*.preview.example", "www.example")
LOCAL = Alias("localhost:3000", "www.example:8443")
ALIASES = (PREVIEWS, LOCAL, STAGING)

# (URL, what it becomes)
URL_CASES = [
    ("https://staging.example/cart", "https://www.example/cart"),
    ("https://staging.example", "https://www.example"),
    ("http://staging.example/", "http://www.example/"),
    ("wss://staging.example/live", "wss://www.example/live"),
    # Without a port of its own an alias is meant at any.
    ("https://staging.example:8443/cart", "https://www.example/cart"),
    ("http://localhost:3000/a.js", "http://www.example:8443/a.js"),
    ("http://localhost:3001/a.js", "http://localhost:3001/a.js"),
    ("http://localhost/a.js", "http://localhost/a.js"),
    ("https://a.preview.example/", "https://www.example/"),
    ("https://a.b.preview.example/", "https://www.example/"),
    ("https://preview.example/", "https://preview.example/"),
    # Only whole hosts, and only where a host stands.
    ("https://evil-staging.example/", "https://evil-staging.example/"),
    ("https://staging.example.evil.example/", "https://staging.example.evil.example/"),
    ("https://evil.example/staging.example/", "https://evil.example/staging.example/"),
    ("https://evil.example/https://staging.example/", "https://evil.example/https://staging.example/"),
    ("https://www.example/cart", "https://www.example/cart"),
    ("staging.example", "staging.example"),
    ("inline", "inline"),
    ("data", "data"),
    ("(invalid)", "(invalid)"),
    ("", ""),
]


@pytest.mark.parametrize(("url", "followed"), URL_CASES)
def test_a_url_is_at_the_host_that_its_own_stands_for(url: str, followed: str) -> None:
    assert follow_in_url(url, ALIASES) == followed


# (canonical policy, what it becomes)
POLICY_CASES = [
    ("img-src https://staging.example", "img-src https://www.example"),
    ("img-src https://staging.example:8443/pictures/", "img-src https://www.example/pictures/"),
    ("img-src staging.example:*", "img-src www.example:*"),
    ("img-src http://localhost:3000", "img-src http://www.example:8443"),
    ("img-src http://localhost:*", "img-src http://localhost:*"),
    ("img-src *.preview.example", "img-src www.example"),
    ("img-src *.staging.example", "img-src *.staging.example"),
    ("img-src *", "img-src *"),
    ("img-src *:3000", "img-src *:3000"),
    ("img-src staging.example www.example", "img-src www.example"),
    ("default-src 'self'; img-src blob: staging.example", "default-src 'self'; img-src blob: www.example"),
    ("frame-ancestors https://staging.example", "frame-ancestors https://www.example"),
    ("trusted-types staging.example", "trusted-types staging.example"),
    ("default-src 'none'", "default-src 'none'"),
    ("", ""),
]


@pytest.mark.parametrize(("policy", "followed"), POLICY_CASES)
def test_a_policy_names_the_hosts_that_its_own_stand_for(policy: str, followed: str) -> None:
    assert follow_in_policy(policy, ALIASES) == followed


def test_a_report_is_followed_wherever_it_names_a_host() -> None:
    staging = "https://staging.example"
    violation = make_violation(
        document_uri=f"{staging}/cart",
        blocked_uri=f"{staging}/a.png",
        source_file=f"{staging}/app.js",
        referrer=f"{staging}/",
        original_policy=f"img-src {staging}/b.png",
    )
    followed = follow_aliases(NormalizedViolation(violation, "next=https://staging.example"), ALIASES)
    assert isinstance(followed, NormalizedViolation)
    assert "staging" not in str(dataclasses.asdict(followed.violation))
    assert followed.violation.document_uri == "https://www.example/cart"
    hashed = NormalizedHash(f"{staging}/", f"{staging}/a.js", "sha256-AAAA", "script", 0)
    assert follow_aliases(hashed, ALIASES) == NormalizedHash(
        "https://www.example/", "https://www.example/a.js", "sha256-AAAA", "script", 0
    )


@given(url=st.one_of(st.text(), st.from_regex(r"https?://[a-z.]{1,20}(:[0-9]{1,5})?(/[a-z]*)?", fullmatch=True)))
def test_following_an_alias_twice_changes_nothing_more(url: str) -> None:
    once = follow_in_url(url, ALIASES)
    assert follow_in_url(once, ALIASES) == once


def observations(body: bytes, *aliases: Alias, hosts: tuple[str, ...] = ()) -> list[Observation | HashObservation]:
    key = SiteKey("shop", KeyKind.REHEARSAL, hosts, aliases)
    return take_in(body, key, received_at_ms=AT_MS, network="192.0.2.0/24", user_agent="").observations


def test_staging_and_production_are_one_group() -> None:
    bodies = (
        report_body(document_uri=f"https://{host}/cart", original_policy=f"default-src {host}")
        for host in ("staging.example", "www.example")
    )
    found = [observation for body in bodies for observation in observations(body, STAGING, hosts=("www.example",))]
    assert all(isinstance(observation, Observation) for observation in found)
    first, second = (observation for observation in found if isinstance(observation, Observation))
    assert first == second
    assert first.classification.evidence_class is EvidenceClass.GENUINE
    assert fingerprint_of(first.violation, first.classification) == fingerprint_of(
        second.violation, second.classification
    )


def test_without_the_alias_staging_is_foreign() -> None:
    (observation,) = observations(report_body(document_uri="https://staging.example/cart"), hosts=("www.example",))
    assert isinstance(observation, Observation)
    assert observation.classification.evidence_class is EvidenceClass.FOREIGN_HOST


def test_a_batch_is_followed_in_every_report() -> None:
    body = batch_body({**envelope(), "url": "https://shop.example/cart"}, hash_envelope())
    violation, hashed = observations(body, Alias("shop.example", "www.example"))
    assert isinstance(violation, Observation)
    assert isinstance(hashed, HashObservation)
    assert violation.violation.document_uri == "https://www.example/cart"
    assert hashed.report.script_url == "https://www.example/a.js"
