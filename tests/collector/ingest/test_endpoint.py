"""The report endpoint over real HTTP: what each request is answered, and what is in the database by then."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import Engine, select, text
from sqlmodel import SQLModel

from collector.ingest.counters import IngestCounters
from collector.ingest.endpoint import (
    MAX_BATCH_BYTES,
    MAX_BATCH_ITEMS,
    MAX_BODY_BYTES,
    KeyDirectory,
    ReportEndpoint,
)
from collector.ingest.intake import Intake, take_in
from collector.ingest.writer import GroupCommitWriter
from collector.settings import Settings
from policybuilder.reports.wire import Reason
from policybuilder.store import schema
from policybuilder.store.engine import open_for_writing, writing
from policybuilder.store.listing_upkeep import list_every_site_in_portions
from policybuilder.store.site_settings import SiteChanges, change_site
from policybuilder.store.sites import add_site, ensure_default_site, rotate_site, set_site_active
from tests.collector.ingest.builders import (
    Answer,
    Counts,
    ask,
    batch_body,
    counts_of,
    envelope,
    hash_envelope,
    report_body,
    total,
)
from tests.support.postgres import PostgresServer
from tests.support.service import RunningCollector, run_collector

REPORTS = Path(__file__).parents[2] / "data" / "reports"
ADMIN_TOKEN = "correct-horse-battery-staple"
CSP_REPORT = (("content-type", "application/csp-report"),)
BATCH = (("content-type", "application/reports+json"),)

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
INGEST_HEADERS = {
    "access-control-allow-origin": "*",
    "cache-control": "no-store",
    # The report is another origin's: "same-origin" would keep the answer, and so the delivery, from the browser.
    "cross-origin-resource-policy": "cross-origin",
}


@dataclass
class Endpoint:
    """A running collector, and its database as it is now."""

    collector: RunningCollector
    database_url: str
    engine: Engine

    def ask(
        self,
        body: bytes = b"",
        headers: Sequence[tuple[str, str]] = CSP_REPORT,
        *,
        method: str = "POST",
        path: str = "/report/default",
        client: str = "",
    ) -> Answer:
        """One request with exactly these headers; from `client`, as a proxy on this machine would say it."""
        connection = http.client.HTTPConnection(self.netloc, timeout=30)
        try:
            more = {"X-Forwarded-For": client} if client else {}
            connection.request(method, path, body, {**dict(headers), **more})
            response = connection.getresponse()
            headers_of = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers_of, response.read())
        finally:
            connection.close()

    @property
    def netloc(self) -> str:
        return urlsplit(self.collector.base_url).netloc

    def metrics(self) -> str:
        answer = self.ask(method="GET", path="/metrics", headers=(("authorization", f"Bearer {ADMIN_TOKEN}"),))
        assert answer.status == 200
        return answer.body.decode()

    def counts(self) -> Counts:
        return counts_of(self.metrics())

    def stored(self) -> int:
        """Reports in the database."""
        counts = self.rows("SELECT sum(reports) FROM violation_group UNION ALL SELECT sum(reports) FROM script_hash")
        return sum(int(count or 0) for (count,) in counts)

    def rows(self, query: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]


@contextmanager
def _run(directory: Path, database_url: str, **variables: str) -> Iterator[Endpoint]:
    given = {"CSP_ADMIN_TOKEN": ADMIN_TOKEN, "CSP_RATE_PER_CLIENT": "0", "CSP_DATABASE_URL": database_url, **variables}
    with run_collector(directory, **given) as collector:
        engine = open_for_writing(database_url)
        yield Endpoint(collector, database_url, engine)
        engine.dispose()


@pytest.fixture(scope="module")
def sqlite_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    directory = tmp_path_factory.mktemp("sqlite")
    with _run(directory, f"sqlite:///{directory}/data/csp.db") as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def postgresql_endpoint(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[Endpoint]:
    with _run(tmp_path_factory.mktemp("postgresql"), postgres.create_database()) as endpoint:
        yield endpoint


@pytest.fixture(params=["sqlite", "postgresql"])
def endpoint(request: pytest.FixtureRequest) -> Endpoint:
    """A collector on each of the two databases."""
    found: Endpoint = request.getfixturevalue(f"{request.param}_endpoint")
    return found


@pytest.fixture(scope="module", params=["refuse", "accept"])
def busy_endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A collector that takes very little, and refuses the rest or pretends to accept it."""
    directory = tmp_path_factory.mktemp(f"busy-{request.param}")
    limits = {"CSP_RATE_PER_CLIENT": "0.3", "CSP_QUEUE_REPORTS": "1", "CSP_SHED": request.param}
    with _run(directory, f"sqlite:///{directory}/csp.db", **limits) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def choosy_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A collector that answers for its own names alone, and has no review pages."""
    directory = tmp_path_factory.mktemp("choosy")
    hosts = "reports.example,*.reports.example"
    with _run(directory, f"sqlite:///{directory}/csp.db", CSP_INGEST_HOSTS=hosts, CSP_REVIEW="false") as endpoint:
        yield endpoint


def padded(body: bytes, size: int) -> bytes:
    """The same JSON in exactly so many bytes."""
    return body + b" " * (size - len(body))


def assert_headers(answer: Answer) -> None:
    """What every answer of the endpoint carries, good or bad."""
    expected = {**SECURITY_HEADERS, **INGEST_HEADERS}
    assert {name: answer.headers.get(name) for name in expected} == expected
    assert "server" not in answer.headers


TAKEN = [
    pytest.param(report_body(), CSP_REPORT, 1, id="report-uri"),
    pytest.param(batch_body(envelope(), envelope(), hash_envelope()), BATCH, 3, id="report-to"),
    pytest.param(report_body(), (("Content-Type", "application/csp-report; charset=utf-8"),), 1, id="a charset"),
    pytest.param(report_body(), (("CONTENT-TYPE", "Application/CSP-Report"),), 1, id="capitals"),
    pytest.param(report_body(), (("content-type", "application/json"),), 1, id="application/json"),
    pytest.param(report_body(), (("content-type", "text/plain;charset=UTF-8"),), 1, id="text/plain"),
    pytest.param(report_body(), (), 1, id="no type"),
    pytest.param(report_body(), (("content-type", ""),), 1, id="an empty type"),
    pytest.param(report_body(), BATCH, 1, id="report-uri under the type of report-to"),
    pytest.param(batch_body(envelope()), CSP_REPORT, 1, id="report-to under the type of report-uri"),
    pytest.param(json.dumps(envelope()).encode(), BATCH, 1, id="an envelope without its array"),
    pytest.param(b"[]", BATCH, 0, id="an empty batch"),
    pytest.param(batch_body(envelope("deprecation"), envelope("coep")), BATCH, 0, id="unknown types alone"),
    pytest.param(batch_body(envelope(), None, {}, envelope("coep"), [[]]), BATCH, 1, id="one usable of five"),
    pytest.param(b"[" + report_body(effective_directive="") + b"]", BATCH, 0, id="a batch of one that is unusable"),
    pytest.param(padded(report_body(), MAX_BODY_BYTES), CSP_REPORT, 1, id="64 KiB"),
    pytest.param(padded(batch_body(envelope()), MAX_BATCH_BYTES), BATCH, 1, id="1 MiB as a batch by type"),
    pytest.param(padded(batch_body(envelope()), MAX_BATCH_BYTES), CSP_REPORT, 1, id="1 MiB as a batch by first byte"),
]


@pytest.mark.parametrize(("body", "headers", "reports"), TAKEN)
def test_a_report_in_any_shape_is_in_the_database_when_the_204_arrives(
    endpoint: Endpoint, body: bytes, headers: tuple[tuple[str, str], ...], reports: int
) -> None:
    before = endpoint.stored()
    answer = endpoint.ask(body, headers)
    assert endpoint.stored() - before == reports
    assert (answer.status, answer.body) == (204, b"")
    assert_headers(answer)


def test_a_repeated_post_counts_again(endpoint: Endpoint) -> None:
    """Browsers give reports no identity."""
    before = endpoint.stored()
    for number in range(1, 6):
        assert endpoint.ask(report_body()).status == 204
        assert endpoint.stored() - before == number


@pytest.mark.parametrize(
    ("host", "query", "each"),
    [
        ("a.example", "r=0.01", 100),
        ("b.example", "r=-1", 1),
        ("c.example", "r=%00", 1),
        ("d.example", f"r={'9' * 5_000}", 1),
    ],
)
def test_a_report_stands_for_what_its_url_says_and_no_nonsense_is_an_error(
    endpoint: Endpoint, host: str, query: str, each: int
) -> None:
    body = batch_body(*[envelope(blockedURL=f"https://{host}")] * 3)
    assert endpoint.ask(body, BATCH, path=f"/report/default?{query}").status == 204
    for table in ("violation_group", "group_hour"):
        assert endpoint.rows(
            f"SELECT reports, estimated_reports FROM {table} "  # noqa: S608  (our own names)
            "WHERE fingerprint IN (SELECT fingerprint FROM violation_group WHERE blocked = :blocked)",
            blocked=f"https://{host}",
        ) == [(3, 3 * each)]


REFUSED = [
    pytest.param({"body": b"{"}, 400, Reason.MALFORMED_JSON, id="malformed JSON"),
    pytest.param({"body": b"[" * 60_000}, 400, Reason.MALFORMED_JSON, id="deep JSON"),
    pytest.param({"body": b"\xff\x00"}, 400, Reason.MALFORMED_JSON, id="no UTF-8"),
    pytest.param({"body": b""}, 400, Reason.EMPTY_BODY, id="nothing"),
    pytest.param({"body": b"{}"}, 400, Reason.NOT_A_REPORT, id="an empty object"),
    pytest.param({"body": b"3"}, 400, Reason.NOT_A_REPORT, id="a number"),
    pytest.param({"body": b"null"}, 400, Reason.NOT_A_REPORT, id="null"),
    pytest.param({"body": b'{"csp-report": {}}'}, 400, Reason.EMPTY_REPORT, id="an empty report"),
    pytest.param({"body": report_body(effective_directive="")}, 400, Reason.MISSING_DIRECTIVE, id="no directive"),
    pytest.param({"body": report_body(document_uri="")}, 400, Reason.MISSING_DOCUMENT, id="no page"),
    pytest.param({"path": "/report/nobody"}, 404, Reason.UNKNOWN_SITE, id="an unknown key"),
    pytest.param({"path": "/report/"}, 404, Reason.UNKNOWN_SITE, id="no key"),
    pytest.param({"path": "/report/default/"}, 404, Reason.UNKNOWN_SITE, id="a slash behind the key"),
    pytest.param({"path": "/report/" + "k" * 5_000}, 404, Reason.UNKNOWN_SITE, id="a giant key"),
    pytest.param({"path": "/report/%00'%22;--"}, 404, Reason.UNKNOWN_SITE, id="a hostile key"),
    pytest.param({"path": "/report/%ff"}, 404, Reason.UNKNOWN_SITE, id="a key that is no UTF-8"),
    *(
        pytest.param({"method": method}, 405, Reason.METHOD, id=method)
        for method in ("GET", "PUT", "PATCH", "DELETE", "PROPFIND")
    ),
    *(
        pytest.param({"headers": (("content-type", kind),)}, 415, Reason.CONTENT_TYPE, id=kind)
        for kind in (
            "text/html",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/csp-report+json",
            "application/octet-stream",
            "nonsense",
        )
    ),
    *(
        pytest.param(
            {"headers": (*CSP_REPORT, ("content-encoding", encoding))}, 415, Reason.CONTENT_ENCODING, id=encoding
        )
        for encoding in ("gzip", "br", "identity")
    ),
    pytest.param({"body": padded(report_body(), MAX_BODY_BYTES + 1)}, 413, Reason.TOO_LARGE, id="64 KiB and a byte"),
    pytest.param(
        {"body": padded(batch_body(envelope()), MAX_BATCH_BYTES + 1), "headers": BATCH},
        413,
        Reason.TOO_LARGE,
        id="1 MiB and a byte",
    ),
]


@pytest.mark.parametrize(("request_", "status", "reason"), REFUSED)
def test_what_cannot_be_taken_is_answered_and_counted_by_its_reason_and_leaves_nothing(
    sqlite_endpoint: Endpoint, request_: dict[str, Any], status: int, reason: Reason
) -> None:
    stored, counts = sqlite_endpoint.stored(), sqlite_endpoint.counts()
    answer = sqlite_endpoint.ask(**{"body": report_body(), **request_})
    assert (answer.status, json.loads(answer.body)) == (status, {"error": reason})
    assert answer.headers["content-type"] == "application/json"
    assert ("allow" in answer.headers) == (status == 405)
    assert_headers(answer)
    after = sqlite_endpoint.counts()
    assert after["invalid", reason] - counts.get(("invalid", reason), 0) == 1
    assert total(after, "received") - total(counts, "received") == 1
    assert sqlite_endpoint.stored() == stored


# (body, status, reports stored)
CROWDED = [
    pytest.param(batch_body(envelope(), *[1] * (MAX_BATCH_ITEMS - 1)), 204, 1, id="as many as may be"),
    pytest.param(batch_body(envelope(), *[1] * MAX_BATCH_ITEMS), 413, 0, id="one more"),
    pytest.param(batch_body(envelope(), *[[]] * 250_000), 413, 0, id="as many as fit"),
    pytest.param(batch_body(envelope(), *[1] * MAX_BATCH_ITEMS)[:-2] + b'"\xff"]', 413, 0, id="no UTF-8"),
    pytest.param(batch_body(envelope(sample="," * 20_000)), 204, 1, id="many commas in one"),
]


@pytest.mark.parametrize(("body", "status", "reports"), CROWDED)
def test_a_body_of_more_items_than_any_browser_queues_is_refused_whole(
    sqlite_endpoint: Endpoint, body: bytes, status: int, reports: int
) -> None:
    stored, before = sqlite_endpoint.stored(), sqlite_endpoint.counts()
    answer = sqlite_endpoint.ask(body, BATCH)
    assert answer.status == status
    assert_headers(answer)
    after = sqlite_endpoint.counts()
    grown = after.get(("invalid", Reason.TOO_LARGE), 0) - before.get(("invalid", Reason.TOO_LARGE), 0)
    assert (grown > MAX_BATCH_ITEMS) == (status == 413)
    assert sqlite_endpoint.stored() - stored == reports


def test_head_is_refused_without_a_body(sqlite_endpoint: Endpoint) -> None:
    answer = sqlite_endpoint.ask(method="HEAD")
    assert (answer.status, answer.body) == (405, b"")
    assert answer.headers["allow"] == "POST, OPTIONS"


def test_a_preflight_is_answered_for_any_origin(sqlite_endpoint: Endpoint) -> None:
    before = _preflights(sqlite_endpoint)
    for path in ("/report/default", "/report/nobody"):
        answer = sqlite_endpoint.ask(
            method="OPTIONS",
            path=path,
            headers=(
                ("origin", "https://shop.example"),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "content-type"),
            ),
        )
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["access-control-allow-methods"] == "POST"
        assert answer.headers["access-control-allow-headers"] == "content-type"
        assert int(answer.headers["access-control-max-age"]) >= 3_600
        assert_headers(answer)
    assert _preflights(sqlite_endpoint) == before + 2


def _preflights(endpoint: Endpoint) -> int:
    found = re.search(r"^csp_preflights_total (\d+)", endpoint.metrics(), re.MULTILINE)
    assert found
    return int(found[1])


def _talk(endpoint: Endpoint, *parts: bytes) -> bytes:
    """Send the parts and read until the collector closes the connection."""
    host, port = endpoint.netloc.split(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        try:
            while more := connection.recv(65_536):
                received += more
        except ConnectionResetError:
            pass
    return received


HEAD = b"POST /report/default HTTP/1.1\r\nHost: x\r\nContent-Type: application/csp-report\r\n"


def test_a_declared_giant_is_answered_long_before_its_end_and_the_connection_closed(sqlite_endpoint: Endpoint) -> None:
    before = sqlite_endpoint.counts()
    answer = _talk(sqlite_endpoint, HEAD + b"Content-Length: 1000000000\r\n\r\n", b"{" + b" " * 150_000)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b'{"error": "body-too-large"}')
    after = sqlite_endpoint.counts()
    assert after["invalid", Reason.TOO_LARGE] - before.get(("invalid", Reason.TOO_LARGE), 0) == 1


def test_a_chunked_giant_is_answered_the_same(sqlite_endpoint: Endpoint) -> None:
    chunk = b"4000\r\n" + b"{" + b" " * 0x3FFF + b"\r\n"
    answer = _talk(sqlite_endpoint, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 9)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close\r\n" in answer


def test_a_chunked_report_is_taken(sqlite_endpoint: Endpoint) -> None:
    before = sqlite_endpoint.stored()
    body = report_body()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:1], body[1:50], body[50:]))
    head = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert _talk(sqlite_endpoint, head, chunks + b"0\r\n\r\n").startswith(b"HTTP/1.1 204 ")
    assert sqlite_endpoint.stored() - before == 1


def test_a_client_that_hangs_up_in_the_middle_is_counted_and_stores_nothing(sqlite_endpoint: Endpoint) -> None:
    stored, before = sqlite_endpoint.stored(), sqlite_endpoint.counts()
    host, port = sqlite_endpoint.netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n" + report_body())
    for _ in range(1_000):
        after = sqlite_endpoint.counts()
        if total(after, "received") > total(before, "received"):
            break
    assert after["invalid", Reason.CLIENT_GONE] - before.get(("invalid", Reason.CLIENT_GONE), 0) == 1
    assert sqlite_endpoint.stored() == stored


def test_many_reports_come_over_one_connection(sqlite_endpoint: Endpoint) -> None:
    before = sqlite_endpoint.stored()
    connection = http.client.HTTPConnection(sqlite_endpoint.netloc, timeout=30)
    for number in range(20):
        body = report_body() if number % 2 else b"junk"
        connection.request("POST", "/report/default", body, dict(CSP_REPORT))
        response = connection.getresponse()
        response.read()
        assert response.status == (204 if number % 2 else 400)
    connection.close()
    assert sqlite_endpoint.stored() - before == 10


def test_a_key_that_is_revoked_and_a_site_that_is_switched_off_are_unknown(sqlite_endpoint: Endpoint) -> None:
    now = datetime.now(UTC)
    shop = add_site(sqlite_endpoint.engine, "shop", ["shop.example"], now - timedelta(days=1))
    off = add_site(sqlite_endpoint.engine, "off", [], now)
    rotated = rotate_site(sqlite_endpoint.engine, "shop", rehearsal=False, revoke_old=True, now=now)
    set_site_active(sqlite_endpoint.engine, "off", active=False)
    assert sqlite_endpoint.ask(report_body(), path=f"/report/{shop.key}").status == 404
    assert sqlite_endpoint.ask(report_body(), path=f"/report/{off.key}").status == 404
    assert sqlite_endpoint.ask(report_body(), path=f"/report/{rotated.key}").status == 204


def test_a_rehearsal_key_that_is_replaced_vouches_for_nothing_more(sqlite_endpoint: Endpoint) -> None:
    """At once, though it was answered a moment before."""
    now = datetime.now(UTC)
    site = add_site(sqlite_endpoint.engine, "leaked", [], now)
    path = f"/report/{site.rehearsal_key}"
    assert sqlite_endpoint.ask(report_body(), path=path).status == 204
    rotate_site(sqlite_endpoint.engine, "leaked", rehearsal=True, revoke_old=False, now=now)
    assert sqlite_endpoint.ask(report_body(), path=path).status == 404


def test_while_a_rotation_is_under_way_both_keys_are_answered(sqlite_endpoint: Endpoint) -> None:
    now = datetime.now(UTC)
    old = add_site(sqlite_endpoint.engine, "rotating", [], now)
    new = rotate_site(sqlite_endpoint.engine, "rotating", rehearsal=False, revoke_old=False, now=now)
    statuses = [sqlite_endpoint.ask(report_body(), path=f"/report/{key}").status for key in (old.key, new.key)]
    assert (len({old.key, new.key}), statuses) == (2, [204, 204])


# (what site and setting say, how many of thirty single reports at once are taken)
RATES = [({}, 30), ({"site": 2}, 20), ({"setting": 1}, 10), ({"site": 2, "setting": 1}, 20)]


@pytest.mark.parametrize(("rates", "taken"), [*RATES, ({"site": 0, "setting": 1}, 30)])
def test_a_sites_own_rate_goes_before_the_setting(tmp_path: Path, rates: dict[str, int], taken: int) -> None:
    engine = open_for_writing(f"sqlite:///{tmp_path}/csp.db")
    ensure_default_site(engine, datetime.now(UTC))
    if "site" in rates:
        change_site(engine, "default", SiteChanges(reports_per_second=rates["site"]))

    async def main() -> list[int]:
        writer = GroupCommitWriter(engine, counters := IngestCounters(), max_queued=100)
        writer.start()
        settings = Settings(rate_per_site=rates.get("setting", 0))
        endpoint = ReportEndpoint(settings, counters, KeyDirectory(engine), writer)
        # At once: the answers wait for one commit, and no bucket fills up meanwhile.
        answers = await asyncio.gather(*(ask(endpoint, report_body()) for _ in range(30)))
        await writer.close()
        return [answer.status for answer in answers if answer]

    statuses = asyncio.run(main())
    engine.dispose()
    assert (statuses.count(204), statuses.count(429)) == (taken, 30 - taken)


def test_evidence_is_trusted_by_its_key_and_nothing_else(endpoint: Endpoint) -> None:
    """Not by coming from loopback, as all of these do."""
    mark = "https://trusted.example/a.png"
    key = endpoint.collector.rehearsal_key
    for path in ("/report/default", "/report/default", f"/report/{key}"):
        assert endpoint.ask(report_body(blocked_uri=mark), path=path).status == 204
    query = "SELECT site, reports, trusted_reports FROM violation_group WHERE blocked = :blocked"
    assert endpoint.rows(query, blocked=mark) == [("default", 3, 1)]


def test_a_site_marks_documents_that_are_not_its_own(endpoint: Endpoint) -> None:
    site = add_site(endpoint.engine, "hosts", ["*.shop.example"], datetime.now(UTC))
    for page in ("https://www.shop.example/", "https://shop.example.evil.example/"):
        assert endpoint.ask(report_body(document_uri=page), path=f"/report/{site.key}").status == 204
    query = "SELECT document_origin, evidence_class FROM violation_group WHERE site = 'hosts' ORDER BY evidence_class"
    assert endpoint.rows(query) == [
        ("https://shop.example.evil.example", "foreign-host"),
        ("https://www.shop.example", "genuine"),
    ]


@contextmanager
def without_table(endpoint: Endpoint, name: str) -> Iterator[None]:
    """A database in which a commit fails."""
    with writing(endpoint.engine).begin() as connection:
        connection.execute(text(f"ALTER TABLE {name} RENAME TO away"))
    try:
        yield
    finally:
        with writing(endpoint.engine).begin() as connection:
            connection.execute(text(f"ALTER TABLE away RENAME TO {name}"))


@contextmanager
def locked(endpoint: Endpoint) -> Iterator[None]:
    """A database in which a commit has to wait."""
    with writing(endpoint.engine).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE violation_group IN ACCESS EXCLUSIVE MODE"))
        yield


def test_a_batch_is_stored_whole_or_not_at_all(endpoint: Endpoint) -> None:
    items = [envelope(blockedURL=f"https://h{number}.example/") for number in range(10)]
    body = batch_body(*items, hash_envelope(), None)
    stored, before = endpoint.stored(), endpoint.counts()
    # The last table that is written.
    with without_table(endpoint, "script_hash"):
        answer = endpoint.ask(body, BATCH)
    assert (answer.status, json.loads(answer.body)) == (503, {"error": Reason.STORE_UNREACHABLE})
    assert int(answer.headers["retry-after"]) > 0
    assert_headers(answer)
    assert endpoint.stored() == stored
    after = endpoint.counts()
    assert after["shed", Reason.STORE_UNREACHABLE] - before.get(("shed", Reason.STORE_UNREACHABLE), 0) == 11
    assert endpoint.ask(body, BATCH).status == 204
    assert endpoint.stored() - stored == 11


def test_a_key_that_cannot_be_looked_up_is_no_unknown_key(endpoint: Endpoint) -> None:
    """A 404 would make Chromium drop nothing, but tell an operator the wrong thing."""
    site = add_site(endpoint.engine, "fresh", [], datetime.now(UTC))
    with without_table(endpoint, "site_key"):
        assert endpoint.ask(report_body(), path=f"/report/{site.key}").status == 503
    assert endpoint.ask(report_body(), path=f"/report/{site.key}").status == 204


def test_a_database_that_went_away_is_503_until_it_is_back(
    postgresql_endpoint: Endpoint, postgres: PostgresServer
) -> None:
    name = urlsplit(postgresql_endpoint.database_url).path[1:]
    before = postgresql_endpoint.stored()
    postgresql_endpoint.engine.dispose()
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            assert postgresql_endpoint.ask(report_body()).status == 503
            assert postgresql_endpoint.ask(method="GET", path="/readyz", headers=()).status == 503
            assert postgresql_endpoint.ask(method="GET", path="/healthz", headers=()).status == 200
        finally:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert postgresql_endpoint.ask(report_body()).status == 204
    deadline = time.monotonic() + 10
    while (
        postgresql_endpoint.ask(method="GET", path="/readyz", headers=()).status != 200
    ):  # an answer is good for a second
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert postgresql_endpoint.stored() - before == 1


# Text that no index can compress: PostgreSQL's take at most 2,704 bytes.
NOISE = "".join(f"{hashlib.sha256(bytes([number])).hexdigest()}" for number in range(64))

HOSTILE: list[dict[str, Any]] = [
    {"documentURL": f"x{NOISE}"},
    {"documentURL": f"x{NOISE}:y"},
    {"documentURL": f"https://{NOISE}.example/"},
    {"documentURL": f"https://shop.example/{NOISE}"},
    {"documentURL": f"https://shop.example/{NOISE[:2_000]}"},
    {"blockedURL": "https://evil.example/\0", "sample": "\0" * 300},
    {"blockedURL": "\ud800", "sample": "\udfff\ud800", "sourceFile": "\ud83d"},
    {"lineNumber": 2**63, "columnNumber": -(2**63), "statusCode": 10**400},
    {"lineNumber": "9" * 10_000, "statusCode": 1e308},
    {"effectiveDirective": "'; DROP TABLE violation_group; --"},
    {"effectiveDirective": "x" * 100_000},
    {"originalPolicy": "script-src " + "'nonce-a' " * 20_000},
    {"originalPolicy": "\0;\ud800;" * 1_000},
    {"sample": "\N{RIGHT-TO-LEFT OVERRIDE}\x1b[2J\r\nnot a log line"},
    {"blockedURL": "https://" + "a." * 30_000 + "example/"},
    {"documentURL": "https://[::1", "disposition": {"a": [None]}},
    {"blockedURL": ["https://a.example/"], "sample": {"b": 1}},
]


def test_a_hostile_report_never_fails_those_it_shares_a_commit_with(endpoint: Endpoint) -> None:
    stored, before = endpoint.stored(), endpoint.counts()
    bodies = [batch_body(envelope(), envelope(**hostile), envelope()) for hostile in HOSTILE]
    with ThreadPoolExecutor(len(bodies)) as pool:
        with locked(endpoint):
            answers = [pool.submit(endpoint.ask, body, BATCH) for body in bodies]
            while _queued(endpoint) < 3 * len(HOSTILE):
                assert not any(answer.done() for answer in answers)
        assert [answer.result().status for answer in answers] == [204] * len(HOSTILE)
    assert endpoint.stored() - stored == 3 * len(HOSTILE)
    assert total(endpoint.counts(), "accepted") - total(before, "accepted") == 3 * len(HOSTILE)


def _queued(endpoint: Endpoint) -> float:
    found = re.search(r"^csp_queue_reports (\S+)", endpoint.metrics(), re.MULTILINE)
    assert found
    return float(found[1])


def test_too_many_reports_of_one_network_are_shed_and_others_are_not(busy_endpoint: Endpoint) -> None:
    accepts = busy_endpoint.collector.variables["CSP_SHED"] == "accept"
    before, stored = busy_endpoint.counts(), busy_endpoint.stored()
    answers = [busy_endpoint.ask(report_body(), client=f"198.51.100.{number}") for number in range(6)]
    assert [answer.status for answer in answers[:3]] == [204] * 3
    assert answers[-1].status == (204 if accepts else 429)
    for answer in answers:
        assert_headers(answer)
        assert ("retry-after" in answer.headers) == (answer.status == 429)
        assert (json.loads(answer.body) if answer.body else None) == (
            {"error": Reason.RATE_LIMITED} if answer.status == 429 else None
        )
    after = busy_endpoint.counts()
    shed = int(after["shed", Reason.RATE_LIMITED] - before.get(("shed", Reason.RATE_LIMITED), 0))
    assert shed > 0
    assert busy_endpoint.stored() - stored == 6 - shed
    assert busy_endpoint.ask(report_body(), client="203.0.113.1").status == 204
    assert busy_endpoint.stored() - stored == 7 - shed


# (the client, items of its batch, how many of them are stored where a burst is three)
BATCHES = [
    pytest.param("100.64.1.1", [envelope()] * 3, 3, id="a burst"),
    pytest.param("100.64.2.1", [envelope()] * 4, 0, id="more than a burst"),
    pytest.param("100.64.3.1", [envelope(), 1, 1], 1, id="a burst with what is ignored"),
    pytest.param("100.64.4.1", [envelope(), 1, 1, 1], 0, id="more than a burst with what is ignored"),
]


@pytest.mark.parametrize(("client", "items", "reports"), BATCHES)
def test_a_batch_is_let_in_by_all_that_is_in_it(
    busy_endpoint: Endpoint, client: str, items: list[Any], reports: int
) -> None:
    accepts = busy_endpoint.collector.variables["CSP_SHED"] == "accept"
    before, stored = busy_endpoint.counts(), busy_endpoint.stored()
    answer = busy_endpoint.ask(batch_body(*items), BATCH, client=client)
    assert busy_endpoint.stored() - stored == reports
    assert answer.status == (204 if reports or accepts else 429)
    after = busy_endpoint.counts()
    shed = after.get(("shed", Reason.RATE_LIMITED), 0) - before.get(("shed", Reason.RATE_LIMITED), 0)
    assert shed == (0 if reports else len(items))
    if not reports:
        # Its client is in debt for it, or sending it over and over would cost nothing.
        assert busy_endpoint.ask(report_body(), client=client).status == (204 if accepts else 429)
        assert busy_endpoint.stored() == stored


def test_a_full_queue_sheds_what_it_cannot_hold(busy_endpoint: Endpoint) -> None:
    accepts = busy_endpoint.collector.variables["CSP_SHED"] == "accept"
    before, stored = busy_endpoint.counts(), busy_endpoint.stored()
    with ThreadPoolExecutor(1) as pool:
        with locked(busy_endpoint):
            waiting = pool.submit(busy_endpoint.ask, report_body(), client="192.0.2.1")
            while _queued(busy_endpoint) < 1:
                assert not waiting.done()
            answer = busy_endpoint.ask(batch_body(envelope(), envelope()), BATCH, client="192.0.3.1")
            assert busy_endpoint.ask(method="GET", path="/readyz", headers=()).status == 503
        assert waiting.result().status == 204
    assert answer.status == (204 if accepts else 503)
    assert ("retry-after" in answer.headers) != accepts
    assert_headers(answer)
    after = busy_endpoint.counts()
    assert after["shed", Reason.QUEUE_FULL] - before.get(("shed", Reason.QUEUE_FULL), 0) == 2
    assert busy_endpoint.stored() - stored == 1
    assert busy_endpoint.ask(method="GET", path="/readyz", headers=()).status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("reports.example", 204),
        ("reports.example:8443", 204),
        ("REPORTS.EXAMPLE", 204),
        ("eu.reports.example", 204),
        ("127.0.0.1", 400),
        ("reports.example.evil.example", 400),
        ("", 400),
    ],
)
def test_ingest_answers_for_its_own_names_where_they_are_set(choosy_endpoint: Endpoint, host: str, status: int) -> None:
    answer = choosy_endpoint.ask(report_body(), (*CSP_REPORT, ("host", host)))
    assert answer.status == status
    assert_headers(answer)


def test_ingest_answers_for_any_name_where_none_is_set(sqlite_endpoint: Endpoint) -> None:
    assert sqlite_endpoint.ask(report_body(), (*CSP_REPORT, ("host", "anything.example"))).status == 204


@pytest.mark.parametrize("headers", [(), (("authorization", "Bearer wrong"),)])
def test_counters_are_for_the_admin_token(sqlite_endpoint: Endpoint, headers: tuple[tuple[str, str], ...]) -> None:
    answer = sqlite_endpoint.ask(method="GET", path="/metrics", headers=headers)
    assert answer.status in {401, 403}
    assert b"csp_reports" not in answer.body


@dataclass(frozen=True)
class Recorded:
    """A recorded request, as it is sent again."""

    method: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    why: str
    is_synthetic: bool


_OUR_OWN = {"host", "content-length", "connection", "accept-encoding", "transfer-encoding"}


def recorded(*names: str) -> list[Recorded]:
    """The recorded requests of these files."""
    found = []
    for name in names:
        for line in (REPORTS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            value = json.loads(line)
            headers = tuple((key, text) for key, text in value["headers"] if key.lower() not in _OUR_OWN)
            body = value["body"].encode("utf-8", "surrogatepass")
            found.append(Recorded(value["method"], headers, body, value.get("why", ""), "why" in value))
    return found


def _replayed(endpoint: Endpoint, requests: Sequence[Recorded]) -> list[int]:
    """Their statuses, sent from several connections at once, as browsers do."""

    def send(request: Recorded) -> int:
        return endpoint.ask(request.body, request.headers, method=request.method).status

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(send, requests))


def test_real_browsers_reports_are_all_taken(endpoint: Endpoint) -> None:
    requests = recorded("chromium", "firefox", "demo")
    stored, before = endpoint.stored(), endpoint.counts()
    assert set(_replayed(endpoint, requests)) == {204}
    reports = sum(
        len(value) if isinstance(value := json.loads(request.body), list) else 1
        for request in requests
        if request.method == "POST"
    )
    after = endpoint.counts()
    assert endpoint.stored() - stored == reports
    assert total(after, "accepted") - total(before, "accepted") == reports
    assert total(after, "received") - total(before, "received") == reports


# The hand-made requests that are no report at all, and their answers.
SYNTHETIC_REFUSALS = {
    "broken JSON": 400,
    "empty body": 400,
    "JSON null": 400,
    "deep nesting": 400,
    "long sample": 413,
}


def test_hand_made_requests_are_taken_or_refused_by_a_named_reason(endpoint: Endpoint) -> None:
    requests = recorded("synthetic")
    stored, before = endpoint.stored(), endpoint.counts()
    statuses = _replayed(endpoint, requests)
    assert statuses == [SYNTHETIC_REFUSALS.get(request.why, 204) for request in requests]
    after = endpoint.counts()
    grown = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}
    assert endpoint.stored() - stored == total(grown, "accepted")
    assert total(grown, "received") == sum(total(grown, name) for name in ("accepted", "filtered", "shed", "invalid"))
    assert {reason for name, reason in grown if name == "invalid"} == {
        Reason.MALFORMED_JSON,
        Reason.EMPTY_BODY,
        Reason.NOT_A_REPORT,
        Reason.TOO_LARGE,
    }
    assert {reason for name, reason in grown if name == "filtered"} == {Reason.UNKNOWN_TYPE}
    assert not total(grown, "shed")


EMAILS = ["jane.doe@mail.example", "j-d+shop@post.example"]
TOKENS = [
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.dozjgNryP4J3jVmNHl0w5N",
    "9f8e7d6c5b4a39281706f5e4d3c2b1a0",
    "6B1F2A9C3D4E5F60718293A4B5C6D7E8",
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
]
SECRETS = [f"s3cret-{number}" for number in range(20)]


def _personal_requests() -> list[Recorded]:
    """Both formats with something personal wherever a browser, a proxy or a stranger might put it."""
    secret = iter(SECRETS)
    kebab = report_body(
        document_uri=f"https://{next(secret)}:{next(secret)}@shop.example/cart?{next(secret)}=1#{next(secret)}",
        blocked_uri=f"https://{next(secret)}@cdn.example/a.png?{next(secret)}#{next(secret)}",
        referrer=f"https://search.example/?q={next(secret)}#{next(secret)}",
        source_file=f"https://shop.example/app.js?{next(secret)}",
        original_policy=f"default-src 'none' https://a.example/?{next(secret)}; report-uri /r?{next(secret)}",
    )
    batch = batch_body(
        {**envelope(), "user_agent": next(secret), "url": f"https://shop.example/?{next(secret)}"},
        envelope(documentURL=f"https://shop.example/#{next(secret)}", blockedURL=f"data:text/plain,{next(secret)}"),
        envelope("deprecation", message=next(secret)),
    )
    script = hash_envelope()
    script["body"]["subresourceURL"] += f"?{next(secret)}"
    headers = (
        ("User-Agent", f"Mozilla/5.0 {SECRETS[0]}"),
        ("Referer", f"https://shop.example/?{SECRETS[1]}"),
        ("Cookie", SECRETS[2]),
        ("X-Forwarded-For", "203.0.113.77"),
    )
    broken = batch[:-10]
    in_paths = [
        report_body(
            document_uri=f"https://shop.example/reset/{TOKENS[0]}/{EMAILS[0]}",
            blocked_uri=f"https://api.example/session/{TOKENS[1]};jsessionid={TOKENS[2]}",
            referrer=f"https://shop.example/u/{EMAILS[1].replace('@', '%40')}",
            source_file=f"https://shop.example/{TOKENS[3]}/app.js",
        ),
        report_body(blocked_uri="inline", effective_directive="script-src-elem", script_sample=f"u='{EMAILS[0]}'"),
        report_body(original_policy="script-src 'nonce-c2Vzc2lvbi1vZi1hbGljZQ=='"),
        report_body(blocked_uri="inline", effective_directive="script-src-elem", script_sample=f"t='{TOKENS[0][:36]}"),
    ]
    return [
        *(Recorded("POST", (*headers, *CSP_REPORT), body, "", is_synthetic=True) for body in in_paths),
        Recorded("POST", (*headers, *CSP_REPORT), kebab, "", is_synthetic=True),
        Recorded("POST", (*headers, *BATCH), batch, "", is_synthetic=True),
        Recorded("POST", (*headers, *BATCH), batch_body(script), "", is_synthetic=True),
        Recorded("POST", (*headers, *CSP_REPORT), broken, "", is_synthetic=True),
        Recorded("POST", headers, b"x" * 70_000, "", is_synthetic=True),
    ]


_QUERY = re.compile(rb"(?:https?|wss?)://[^\s\"'<>\\|]*?[?#]([^\s\"'<>\\|]{6,})")


def _queries(requests: Sequence[Recorded]) -> set[bytes]:
    """What stood behind a `?` or `#` in any URL member of the requests."""
    found: set[bytes] = set()

    def look(value: Any) -> None:
        if isinstance(value, dict):
            for name, member in value.items():
                if name not in {"sample", "script-sample"}:
                    look(member)
        elif isinstance(value, list):
            for member in value:
                look(member)
        elif isinstance(value, str):
            found.update(_QUERY.findall(value.encode()))

    for request in requests:
        if request.method == "POST":
            look(json.loads(request.body))
    return found


def test_nothing_personal_is_left_in_the_database_or_the_log(endpoint: Endpoint) -> None:
    browsers = recorded("chromium", "firefox")[::3]
    assert set(_replayed(endpoint, browsers)) == {204}
    assert _replayed(endpoint, _personal_requests()) == [204] * 7 + [400, 413]
    with without_table(endpoint, "sample"):
        # A failure is logged; the driver's own words would quote the report.
        assert set(_replayed(endpoint, _personal_requests()[:2])) == {503}

    agents = {value for request in browsers for name, value in request.headers if name.lower() == "user-agent"}
    personal = {
        *(secret.encode() for secret in (*SECRETS, *EMAILS, *TOKENS)),
        *(email.replace("@", "%40").encode() for email in EMAILS),
        TOKENS[0][:36].encode(),
        *(agent.encode() for agent in agents),
        *_queries(browsers),
        b"HeadlessChrome",
        b"203.0.113.",
        b"c2Vzc2lvbi1vZi1hbGljZQ",
        b"127.0.0.0/24",
    }
    assert len(personal) > 50
    assert sum(list_every_site_in_portions(endpoint.engine)) > 0
    for name, content in _everything_kept(endpoint):
        assert content, name
        assert {word for word in personal if word in content} == set(), name


def _everything_kept(endpoint: Endpoint) -> Iterator[tuple[str, bytes]]:
    """The bytes of the database and of the log."""
    if endpoint.database_url.startswith("sqlite"):
        for path in sorted((endpoint.collector.directory / "data").glob("csp.db*")):
            if not path.name.endswith("-shm"):
                yield path.name, path.read_bytes()
    with endpoint.engine.connect() as connection:
        for table in SQLModel.metadata.sorted_tables:
            if table.name in {schema.SiteHostRow.__tablename__, *_NEVER_WRITTEN}:
                continue
            rows = connection.execute(select(table)).all()
            yield table.name, "\n".join(map(repr, rows)).encode()
    yield "log", (endpoint.collector.directory / "collector.log").read_bytes()


_NEVER_WRITTEN = {
    *("decision", "deployment", "group_day", "growth", "page_view", "review_key", "seen_line"),
    *("site_alias", "view_log", "waiver"),
}
"""Tables that ingest has no part in."""


def test_one_event_is_one_line_of_the_log(endpoint: Endpoint) -> None:
    """Whatever a stranger writes, it cannot forge a line."""
    log = endpoint.collector.directory / "collector.log"
    before = log.read_text()
    hostile = report_body(effective_directive="x\nforged: line", script_sample="\r\nforged: line\x1b[2J")
    time.sleep(1.1)  # the same event is logged once a second, and other tests have it too
    with without_table(endpoint, "sample"):
        assert endpoint.ask(hostile).status == 503
    added = log.read_text()[len(before) :]
    assert added.count("\n") == 1
    assert Reason.STORE_UNREACHABLE in added
    assert "forged" not in added


# (body, whether it is read in the thread that answers everybody)
READERS = [
    pytest.param(report_body(), True, id="a report"),
    pytest.param(batch_body(envelope(), hash_envelope()), True, id="a few reports"),
    pytest.param(padded(report_body(), 16 * 1024), True, id="16 KiB"),
    pytest.param(padded(report_body(), 16 * 1024 + 1), False, id="16 KiB and a byte"),
    pytest.param(batch_body(*[envelope()] * 30), False, id="many reports"),
    pytest.param(b"{" * (16 * 1024 + 1), False, id="much that is none"),
]


@pytest.mark.parametrize(("body", "at_once"), READERS)
def test_what_takes_long_to_read_holds_nobody_else_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes, *, at_once: bool
) -> None:
    readers: list[threading.Thread] = []

    def noting_who_reads(*given: Any, **named: Any) -> Intake:
        readers.append(threading.current_thread())
        return take_in(*given, **named)

    monkeypatch.setattr("collector.ingest.endpoint.take_in", noting_who_reads)
    engine = open_for_writing(f"sqlite:///{tmp_path}/csp.db")
    ensure_default_site(engine, datetime.now(UTC))

    async def main() -> None:
        counters = IngestCounters()
        writer = GroupCommitWriter(engine, counters, max_queued=100)
        writer.start()
        await ask(ReportEndpoint(Settings(), counters, KeyDirectory(engine), writer), body)
        await writer.close()

    asyncio.run(main())
    engine.dispose()
    assert [reader is threading.main_thread() for reader in readers] == [at_once]


def test_reports_sent_at_once_are_all_counted(endpoint: Endpoint) -> None:
    stored = endpoint.stored()
    gate = threading.Barrier(16)

    def send(_number: int) -> list[int]:
        gate.wait()
        return [endpoint.ask(report_body()).status for _ in range(5)]

    with ThreadPoolExecutor(16) as pool:
        statuses = [status for some in pool.map(send, range(16)) for status in some]
    assert statuses == [204] * 80
    assert endpoint.stored() - stored == 80


def test_stopping_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    with _run(tmp_path, f"sqlite:///{tmp_path}/csp.db") as endpoint:
        taken: list[int] = []

        def send_until_it_ends() -> None:
            try:
                while endpoint.ask(report_body()).status == 204:
                    taken.append(1)
            except (OSError, http.client.HTTPException):
                pass

        senders = [threading.Thread(target=send_until_it_ends) for _ in range(4)]
        for sender in senders:
            sender.start()
        while len(taken) < 40:
            assert all(sender.is_alive() for sender in senders)
        assert endpoint.collector.stop(timeout=15) == 0
        for sender in senders:
            sender.join()
        # Whoever was cut off before the answer came may have been counted, but at most once.
        assert len(taken) <= endpoint.stored() <= len(taken) + len(senders)
