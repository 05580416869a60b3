"""Laws of ingest: any bytes are taken or refused by name, and what is kept can be kept anywhere."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlmodel import SQLModel

from collector.importing import read_record
from collector.ingest.folding import HashObservation, Observation, fold, fold_hash
from collector.ingest.intake import Intake, take_in
from policybuilder.reports.normalization import MAX_SAMPLE_CHARACTERS, MAX_URL_CHARACTERS
from policybuilder.reports.records import RecordError
from policybuilder.reports.rules import built_in_rules
from policybuilder.reports.wire import Reason, RejectedReportError
from policybuilder.store import schema
from policybuilder.store.batch import Batch
from policybuilder.store.engine import open_for_writing
from policybuilder.store.recording import record
from policybuilder.store.sites import KeyKind, SiteKey
from tests.support.hostile import BYTES, COMPLETE, JSON_VALUES, REPORTS, VALUES
from tests.support.postgres import PostgresServer

KEY = SiteKey(site="default", kind=KeyKind.PUBLIC, hosts=("shop.example",))
NOW_MS = 1_795_449_600_000


def body_of(value: Any) -> bytes:
    return json.dumps(value).encode()


def taken(body: bytes) -> Intake | RejectedReportError:
    """What becomes of a body; any other exception is a bug."""
    try:
        return take_in(body, KEY, received_at_ms=NOW_MS, network="192.0.2.0/24", user_agent="Chrome/156")
    except RejectedReportError as error:
        return error


def observations_of(value: Any) -> list[Observation | HashObservation]:
    """What is kept of a JSON value."""
    result = taken(body_of(value))
    return result.observations if isinstance(result, Intake) else []


def texts_of(observation: Observation | HashObservation) -> Iterator[tuple[str, str]]:
    """Every text that is kept of a report, with the name of its field."""
    value = observation.violation if isinstance(observation, Observation) else observation.report
    for name, text in dataclasses.asdict(value).items():
        if isinstance(text, str):
            yield name, str(text)


_URL_FIELDS = {"document_uri", "blocked_uri", "source_file", "referrer", "script_url"}


@given(BYTES)
@example(b"[" * 100_000)
@example(b'{"csp-report":' * 50_000)
@example(b'{"csp-report":{"effective-directive":"\xed\xa0\x80","document-uri":"a"}}')
@example(b'{"csp-report":{"effective-directive":"a","document-uri":"a","line-number":' + b"9" * 5_000 + b"}}")
@example(b"9" * 60_000)
@settings(max_examples=400)
def test_any_bytes_are_an_intake_or_a_refusal(body: bytes) -> None:
    result = taken(body)
    if isinstance(result, RejectedReportError):
        assert result.reason in Reason
        assert result.status_code == 400
    else:
        assert sum(result.kinds.values()) == len(result.observations)


@given(VALUES)
@settings(max_examples=400)
def test_any_json_is_an_intake_or_a_refusal_that_counts_every_report(value: Any) -> None:
    intake = taken(body_of(value))
    if isinstance(intake, RejectedReportError):
        assert not isinstance(value, list), intake.reason
        return
    items = len(value) if isinstance(value, list) else 1
    assert sum(intake.kinds.values()) == len(intake.observations)
    assert len(intake.observations) + sum(intake.ignored.values()) == items


@given(REPORTS)
@settings(max_examples=600)
def test_what_is_kept_can_be_stored_and_is_not_personal(value: Any) -> None:
    for observation in observations_of(value):
        for name, text in texts_of(observation):
            assert "\0" not in text, name
            text.encode("utf-8")
            if name in _URL_FIELDS:
                assert not set("?#") & set(text), name
                assert "@" not in text.partition("://")[2].partition("/")[0], name
                assert len(text) <= MAX_URL_CHARACTERS, name
            if name == "original_policy":
                assert not set("?#") & set(text)
            if name == "sample":
                assert len(text) <= MAX_SAMPLE_CHARACTERS


@given(REPORTS)
def test_every_report_kept_has_a_class_with_a_known_rule(value: Any) -> None:
    known = {rule.rule_id: rule.evidence_class for rule in built_in_rules().rules}
    for observation in observations_of(value):
        if isinstance(observation, Observation):
            classification = observation.classification
            expected = known.get(classification.rule, "genuine")
            assert classification.evidence_class == expected


@given(st.lists(REPORTS, max_size=5), JSON_VALUES)
def test_a_neighbour_changes_nothing_about_a_report_in_a_batch(reports: list[Any], neighbour: Any) -> None:
    alone = observations_of(reports)
    assert observations_of([*reports, neighbour])[: len(alone)] == alone


@given(COMPLETE, st.integers(0, 2**40))
def test_a_report_is_never_seen_after_it_arrived(members: dict[str, Any], age: int) -> None:
    envelope = {"type": "csp-violation", "age": age, "url": "https://shop.example/", "body": members}
    for observation in observations_of([envelope]):
        assert NOW_MS - 7 * 86_400_000 <= observation.seen_at_ms <= NOW_MS


@given(
    BYTES
    | VALUES.map(body_of)
    | st.dictionaries(st.sampled_from(["body", "method", "headers", "time"]), VALUES).map(body_of)
)
@settings(max_examples=300)
def test_any_line_of_a_file_is_a_record_a_preflight_or_an_error_with_a_name(line: bytes) -> None:
    try:
        post = read_record(line)
    except RecordError:
        # A record of a request, and no raw report.
        assert not {"body", "method"}.isdisjoint(json.loads(line.decode("utf-8", "replace")))
        return
    if post is not None:
        taken(post.body)
        assert post.received_at_ms is None or post.received_at_ms >= 0


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database for all examples together."""
    if request.param == "sqlite":
        opened = open_for_writing(f"sqlite:///{tmp_path_factory.mktemp('laws')}/csp.db")
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        opened = open_for_writing(server.create_database())
    yield opened
    opened.dispose()


@given(st.lists(REPORTS, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_whatever_is_taken_both_databases_store(store: Engine, reports: list[Any]) -> None:
    batch = Batch()
    for observation in observations_of(reports):
        if isinstance(observation, Observation):
            fold(batch, observation)
        else:
            fold_hash(batch, observation)
    record(store, batch, NOW_MS)
    groups = SQLModel.metadata.tables[str(schema.GroupRow.__tablename__)]
    with store.connect() as connection:
        stored = {row.fingerprint: row for row in connection.execute(select(groups))}
    for (_, fingerprint), delta in batch.groups.items():
        row = stored[fingerprint]
        assert (row.directive, row.blocked) == (delta.columns["directive"], delta.columns["blocked"])
        assert row.sample == delta.columns["sample"]
