"""Counters: received = accepted + filtered + shed + invalid, whatever arrives."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import values
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text

from collector.ingest.counters import SHED_REASONS, IngestCounters
from collector.ingest.endpoint import KeyDirectory, ReportEndpoint
from collector.ingest.refusals import Refusal
from collector.ingest.writer import GroupCommitWriter
from collector.settings import Settings, Shed
from policybuilder.reports.wire import Reason
from policybuilder.store.engine import open_for_writing
from policybuilder.store.sites import ensure_default_site
from tests.collector.ingest.builders import (
    ask,
    batch_body,
    counts_of,
    envelope,
    hash_envelope,
    report_body,
    total,
)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_counted_once_under_one_heading(reason: Reason) -> None:
    counters = IngestCounters()
    counters.refused(reason, 3)
    counts = counts_of(counters.exposition().decode())
    expected = "filtered" if reason is Reason.UNKNOWN_TYPE else "shed" if reason in SHED_REASONS else "invalid"
    assert counts[expected, reason] == 3
    assert {name: total(counts, name) for name in ("received", "accepted", "filtered", "shed", "invalid")} == {
        "received": 3,
        "accepted": 0,
        **{name: 3 if name == expected else 0 for name in ("filtered", "shed", "invalid")},
    }


@pytest.mark.parametrize("refusal", Refusal)
def test_a_connection_that_is_refused_is_no_report(refusal: Refusal) -> None:
    counters = IngestCounters()
    counters.connection_refused(refusal)
    exposition = counters.exposition().decode()
    assert f'csp_connections_refused_total{{reason="{refusal}"}} 1.0' in exposition
    assert total(counts_of(exposition), "received") == 0


def test_refusing_nothing_counts_nothing() -> None:
    counters = IngestCounters()
    counters.refused(Reason.METHOD, 0)
    assert total(counts_of(counters.exposition().decode()), "received") == 0


def test_the_time_since_the_last_report_is_unknown_before_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def seconds() -> float:
        families = text_string_to_metric_families(counters.exposition().decode())
        return next(s.value for f in families for s in f.samples if s.name == "csp_seconds_since_last_accepted")

    counters = IngestCounters()
    assert math.isnan(seconds())
    # A body of [] is answered by 204, and stores nothing.
    counters.accepted({})
    assert math.isnan(seconds())
    counters.accepted({"csp-violation": 1})
    assert 0 <= seconds() < 60
    for stepped in (0, 2 * time.time()):
        monkeypatch.setattr(time, "time", lambda at=stepped: at)
        assert 0 <= seconds() < 60, "the machine's clock was set, and no time went by"


@dataclass(frozen=True)
class Request:
    """A request, and how many reports of it are counted as what."""

    body: bytes
    counted: dict[str, int]
    key: str = "default"
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()


# (items of a batch, under which counter each falls)
_ITEMS: list[tuple[Any, str]] = [
    (envelope(), "accepted"),
    (envelope(blockedURL="inline", sample="\0"), "accepted"),
    (hash_envelope(), "accepted"),
    (hash_envelope("md5-AAAA"), "invalid"),
    (envelope("deprecation"), "filtered"),
    (envelope(effectiveDirective=""), "invalid"),
    (None, "invalid"),
    ({}, "invalid"),
]


@st.composite
def batches(draw: st.DrawFn) -> Request:
    chosen = draw(st.lists(st.sampled_from(_ITEMS), max_size=6))
    counted: dict[str, int] = {}
    for _, counter in chosen:
        counted[counter] = counted.get(counter, 0) + 1
    return Request(batch_body(*(item for item, _ in chosen)), counted)


REQUESTS = batches() | st.sampled_from(
    [
        Request(report_body(), {"accepted": 1}),
        Request(report_body() + b" " * 20_000, {"accepted": 1}),
        Request(batch_body(*[envelope()] * 30, *[1] * 70), {"accepted": 30, "invalid": 70}),
        Request(batch_body(*[1] * 5_001), {"invalid": 5_001}),
        Request(report_body(blocked_uri="chrome-extension"), {"accepted": 1}),
        Request(report_body(effective_directive=None), {"invalid": 1}),
        Request(report_body(document_uri=""), {"invalid": 1}),
        Request(b"", {"invalid": 1}),
        Request(b"{", {"invalid": 1}),
        Request(b"[" * 10_000, {"invalid": 1}),
        Request(b"x" * 65_537, {"invalid": 1}),
        Request(json.dumps(envelope("coep")).encode(), {"filtered": 1}),
        Request(report_body(), {"invalid": 1}, key="nobody"),
        Request(report_body(), {"invalid": 1}, key=""),
        Request(report_body(), {"invalid": 1}, method="PUT"),
        Request(report_body(), {"invalid": 1}, headers=(("content-type", "text/html"),)),
        Request(report_body(), {"invalid": 1}, headers=(("content-encoding", "gzip"),)),
        Request(b"", {}, method="OPTIONS"),
    ]
)


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database for all examples together: each looks at what it adds."""
    engine = open_for_writing(f"sqlite:///{tmp_path_factory.mktemp('counters')}/csp.db")
    ensure_default_site(engine, datetime.now(UTC))
    yield engine
    engine.dispose()


def stored(engine: Engine) -> int:
    query = "SELECT (SELECT coalesce(sum(reports), 0) FROM {}) + (SELECT coalesce(sum(reports), 0) FROM {})"
    with engine.connect() as connection:
        return int(connection.execute(text(query.format("violation_group", "script_hash"))).scalar_one())


async def _send(engine: Engine, counters: IngestCounters, given_settings: Settings, requests: list[Request]) -> None:
    writer = GroupCommitWriter(engine, counters, max_queued=given_settings.queue_reports)
    writer.start()
    endpoint = ReportEndpoint(given_settings, counters, KeyDirectory(engine), writer)
    await asyncio.gather(
        *(
            ask(endpoint, request.body, key=request.key, method=request.method, headers=request.headers)
            for request in requests
        )
    )
    await writer.close()


@given(requests=st.lists(REQUESTS, max_size=12))
@settings(max_examples=60, deadline=None)
def test_received_is_accepted_and_filtered_and_shed_and_invalid(sqlite: Engine, requests: list[Request]) -> None:
    counters = IngestCounters()
    before = stored(sqlite)
    asyncio.run(_send(sqlite, counters, Settings(rate_per_client=0), requests))
    counts = counts_of(counters.exposition().decode())
    for name in ("accepted", "filtered", "shed", "invalid"):
        assert total(counts, name) == sum(request.counted.get(name, 0) for request in requests)
    parts = sum(total(counts, name) for name in ("accepted", "filtered", "shed", "invalid"))
    assert total(counts, "received") == parts
    assert stored(sqlite) - before == total(counts, "accepted")


@given(
    requests=st.lists(REQUESTS, max_size=12),
    limits=st.fixed_dictionaries(
        {}, optional={"rate_per_client": st.just(0.1), "rate_per_site": st.just(0.1), "queue_reports": st.just(1)}
    ),
    shed=st.sampled_from(Shed),
)
@settings(max_examples=60, deadline=None)
def test_what_is_shed_is_counted_too(
    sqlite: Engine, requests: list[Request], limits: dict[str, Any], shed: Shed
) -> None:
    counters = IngestCounters()
    before = stored(sqlite)
    asyncio.run(_send(sqlite, counters, Settings(shed=shed, **limits), requests))
    counts = counts_of(counters.exposition().decode())
    parts = sum(total(counts, name) for name in ("accepted", "filtered", "shed", "invalid"))
    assert total(counts, "received") == parts
    assert stored(sqlite) - before == total(counts, "accepted")
    if limits.keys() <= {"queue_reports"}:
        # The body was read, so every report of it is known.
        assert parts == sum(sum(request.counted.values()) for request in requests)


def test_a_file_that_another_process_is_making_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr(values, "ValueClass", values.MultiProcessValue())  # type: ignore[no-untyped-call]
    counters = IngestCounters(tmp_path)
    counters.accepted({"csp-violation": 3})
    made = tmp_path / "counter_1.db"
    made.touch()
    threading.Timer(0.05, made.unlink).start()
    assert 'csp_reports_accepted_total{kind="csp-violation"} 3.0' in counters.exposition().decode()
