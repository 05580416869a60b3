"""Importing: every line of a file is counted once, however often and in whatever wrapping it comes."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from collector import importing
from collector.importing import CHUNK_BYTES, CHUNK_LINES, ImportResult, import_files, read_record
from collector.ingest.folding import fold
from collector.ingest.intake import Intake, take_in
from policybuilder.errors import CspbuildError, ExitCode
from policybuilder.reports.records import RecordError
from policybuilder.store.batch import Batch
from policybuilder.store.engine import open_for_writing, writing
from policybuilder.store.recording import record
from policybuilder.store.sites import KeyKind, SiteKey
from tests.collector.ingest.builders import (
    AT_MS,
    batch_body,
    envelope,
    hash_envelope,
    make_observation,
    report_body,
)
from tests.support.service import run_program

REPORTS = Path(__file__).parents[1] / "data" / "reports"
KEY = SiteKey(site="default", kind=KeyKind.PUBLIC, hosts=())
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
SAMPLE = report_body(effective_directive="script-src-elem", blocked_uri="inline", script_sample=" alert(1) ").decode()


def line(record: Any) -> bytes:
    return json.dumps(record).encode()


def imported(engine: Engine, *lines: bytes, is_trusted: bool = False, name: str = "reports.jsonl") -> ImportResult:
    """Import a file of these lines."""
    Path(name).write_bytes(b"\n".join(lines) + b"\n")
    return import_files(engine, KEY, [name], is_trusted=is_trusted)


def rows(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def counted(engine: Engine) -> tuple[int, int]:
    """Reports and trusted reports in the database."""
    query = "SELECT coalesce(sum(reports), 0), coalesce(sum(trusted_reports), 0) FROM violation_group"
    reports, trusted = rows(engine, query)[0]
    return int(reports), int(trusted)


# (line, reports counted)
LINES = [
    pytest.param(report_body(), 1, id="a report-uri body"),
    pytest.param(batch_body(envelope(), envelope(), hash_envelope()), 3, id="a batch"),
    pytest.param(line(envelope()), 1, id="one envelope"),
    pytest.param(line({"body": report_body().decode()}), 1, id="a record"),
    pytest.param(
        line(
            {
                "body": report_body().decode(),
                "content_type": "application/csp-report",
                "received_at": "2026-11-23T12:00:00Z",
                "user_agent": FIREFOX,
                "client": "192.0.2.1",
            }
        ),
        1,
        id="a record with all it may have",
    ),
    pytest.param(
        line({"method": "POST", "headers": [["User-Agent", FIREFOX]], "body": batch_body(envelope()).decode()}),
        1,
        id="a recorded request",
    ),
    pytest.param(line({"method": "post", "headers": {"User-Agent": FIREFOX}, "body": SAMPLE}), 1, id="headers by name"),
    pytest.param(line({"body": SAMPLE, "headers": "nonsense", "client": 3, "time": [], "user_agent": 3}), 1, id="odd"),
    pytest.param(b"\xef\xbb\xbf" + report_body(), 1, id="a byte order mark"),
    pytest.param(b"  " + report_body() + b" \r", 1, id="white space around it"),
    pytest.param(report_body(script_sample="\ud83d"), 1, id="half a surrogate pair"),
    pytest.param(report_body(referrer="caf").replace(b"caf", b"caf\xe9"), 1, id="another encoding"),
    pytest.param(b"[]", 0, id="an empty batch"),
    pytest.param(b" \t", 0, id="an empty line"),
]


@pytest.mark.parametrize(("content", "reports"), LINES)
def test_a_line_is_a_raw_body_or_a_record_of_one(engine: Engine, content: bytes, reports: int) -> None:
    result = imported(engine, content)
    assert result.reports == reports
    assert not result.rejected


def test_a_record_says_which_browser_sent_it_from_where_and_when(engine: Engine) -> None:
    record = {"body": SAMPLE, "user_agent": FIREFOX, "client": "192.0.2.1", "received_at": "2026-11-20T12:00:00Z"}
    imported(engine, line(record), line({**record, "client": "192.0.2.99"}), line({**record, "client": "192.0.3.1"}))
    assert rows(engine, "SELECT sample, sample_extent FROM violation_group") == [(" alert(1) ", "whole")]
    assert rows(engine, "SELECT count(*) FROM group_reporter") == [(2,)]
    noon = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
    assert rows(engine, "SELECT hour, reports FROM group_hour") == [(noon // 3_600, 3)]


def test_a_body_that_was_written_down_unpacked_keeps_what_stands_beside_it(engine: Engine) -> None:
    record = {"client": "192.0.2.1", "received_at": "2026-11-20T12:00:00Z"}
    unpacked = [json.loads(SAMPLE), json.loads(batch_body(envelope()))]
    result = imported(engine, *(line({**record, "body": body}) for body in unpacked), line({**record, "body": [3]}))
    assert result.reports == 2
    assert result.noted_lines == {"record-without-report-body": ["reports.jsonl:3"]}
    assert rows(engine, "SELECT count(DISTINCT network) FROM group_reporter") == [(1,)]
    noon = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
    assert {hour for (hour,) in rows(engine, "SELECT hour FROM group_hour")} == {noon // 3_600}


def test_lines_without_a_client_are_one_network_together(engine: Engine) -> None:
    bodies = [line({"body": report_body(line_number=n).decode(), "time": 1_700_000_000}) for n in range(1, 6)]
    imported(engine, *bodies)
    assert counted(engine) == (5, 0)
    assert rows(engine, "SELECT count(*) FROM group_reporter") == [(1,)]


# (received_at or time, seconds since 1970)
TIMES = [
    ("2026-11-20T12:00:00Z", 1_795_176_000),
    ("2026-11-20T13:00:00+01:00", 1_795_176_000),
    ("2026-11-20T12:00:00", 1_795_176_000),
    (1_700_000_000, 1_700_000_000),
    (1_700_000_000.5, 1_700_000_000.5),
    ("2999-01-01", None),
    (9e99, None),
    (-1, None),
    ("yesterday", None),
    (True, None),
    (None, None),
]


@pytest.mark.parametrize("member", ["received_at", "time"])
@pytest.mark.parametrize(("said", "seconds"), TIMES)
def test_a_time_that_is_nonsense_or_to_come_counts_as_not_said(member: str, said: Any, seconds: float | None) -> None:
    post = read_record(line({"body": "{}", member: said}))
    assert post is not None
    assert post.received_at_ms == (None if seconds is None else seconds * 1000)


def test_a_record_without_a_body_is_rejected() -> None:
    for odd in ({"method": "POST"}, {"body": 3}, {"body": None}, {"method": "POST", "body_b64": "AAAA"}):
        with pytest.raises(RecordError, match="record-without-report-body"):
            read_record(line(odd))


def test_preflights_are_skipped_and_counted(engine: Engine) -> None:
    result = imported(engine, line({"method": "OPTIONS", "body": ""}), line({"method": "options"}), report_body())
    assert (result.lines, result.preflights, result.reports) == (3, 2, 1)
    assert not result.rejected


def test_what_is_rejected_is_named_with_its_lines(engine: Engine) -> None:
    junk = [b"{", report_body(), b"not json", line({"method": "POST"}), batch_body(envelope(), 3, 4), b"", b"{}"]
    result = imported(engine, *junk)
    assert result.rejected == {"malformed-json": 2, "record-without-report-body": 1, "not-a-report": 3}
    assert result.noted_lines == {
        "malformed-json": ["reports.jsonl:1", "reports.jsonl:3"],
        "record-without-report-body": ["reports.jsonl:4"],
        "not-a-report": ["reports.jsonl:5", "reports.jsonl:7"],
    }
    assert counted(engine) == (2, 0)


def test_noted_lines_are_the_first_few(engine: Engine) -> None:
    result = imported(engine, *(f"junk {number}".encode() for number in range(100)))
    assert result.rejected == {"malformed-json": 100}
    assert result.noted_lines["malformed-json"] == [f"reports.jsonl:{number}" for number in range(1, 21)]


def test_a_file_imported_again_counts_nothing_twice(engine: Engine) -> None:
    lines = [report_body(), batch_body(envelope(), hash_envelope())]
    first = imported(engine, *lines)
    assert (first.reports, first.repeated_lines) == (3, 0)
    again = imported(engine, *lines, name="copy.jsonl")
    assert (again.lines, again.reports, again.repeated_lines) == (2, 0, 2)
    assert counted(engine) == (2, 0)
    assert rows(engine, "SELECT reports FROM script_hash") == [(1,)]


@pytest.mark.parametrize("is_trusted", [False, True])
def test_what_is_rejected_is_named_by_every_import(engine: Engine, *, is_trusted: bool) -> None:
    """Or whoever repeats an import to see what was wrong would learn that nothing was."""
    lines = [b"junk", report_body(), line({"method": "POST"}), batch_body(envelope(), 3), line({"method": "OPTIONS"})]
    first = imported(engine, *lines)
    assert first.rejected == {"malformed-json": 1, "record-without-report-body": 1, "not-a-report": 1}
    again = imported(engine, *lines, is_trusted=is_trusted)
    assert (again.rejected, again.noted_lines, again.preflights) == (first.rejected, first.noted_lines, 1)
    assert (again.reports, again.repeated_lines + again.newly_trusted_lines) == (0, 2)
    assert counted(engine)[0] == 2


def test_a_line_that_holds_nothing_to_count_leaves_nothing(engine: Engine) -> None:
    imported(engine, b"junk", line({"method": "OPTIONS"}), b"[]", batch_body(envelope("coep")), b"{}")
    assert rows(engine, "SELECT count(*) FROM seen_line") == [(0,)]


def test_a_file_that_grew_counts_its_new_lines(engine: Engine) -> None:
    lines = [report_body(line_number=number) for number in range(1, 11)]
    imported(engine, *lines[:4])
    result = imported(engine, *lines)
    assert (result.reports, result.repeated_lines) == (6, 4)
    assert counted(engine) == (10, 0)


def test_equal_lines_of_one_file_count_each_and_once(engine: Engine) -> None:
    """A browser posts the same violation again: the second is a report, the second import is not."""
    assert imported(engine, *[report_body()] * 3).reports == 3
    result = imported(engine, *[report_body()] * 5)
    assert (result.reports, result.repeated_lines) == (2, 3)
    assert counted(engine) == (5, 0)


def test_equal_lines_count_each_across_transactions(engine: Engine) -> None:
    result = imported(engine, *[report_body()] * (2 * CHUNK_LINES + 1))
    assert result.reports == 2 * CHUNK_LINES + 1
    assert counted(engine)[0] == 2 * CHUNK_LINES + 1


def test_lines_are_read_before_anybody_has_to_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While lines are read, a service can store reports: the one lock of SQLite is free."""
    engine = open_for_writing(f"sqlite:///{tmp_path}/csp.db")
    stored_meanwhile = 0

    def storing_meanwhile(*given: Any, **named: Any) -> Intake:
        nonlocal stored_meanwhile
        batch = Batch()
        fold(batch, make_observation())
        record(engine, batch, AT_MS)
        stored_meanwhile += 1
        return take_in(*given, **named)

    monkeypatch.setattr(importing, "take_in", storing_meanwhile)
    imported(engine, *(report_body(line_number=number) for number in range(1, 4)))
    assert stored_meanwhile == 3
    assert counted(engine) == (6, 0)
    engine.dispose()


# (lines, bytes of each, transactions)
PORTIONS = [
    (CHUNK_LINES, 1_000, 1),
    (CHUNK_LINES + 1, 1_000, 2),
    (8, CHUNK_BYTES // 4, 2),
    (9, CHUNK_BYTES // 4, 3),
    (3, 2 * CHUNK_BYTES, 3),
]


@pytest.mark.parametrize(("lines", "size", "transactions"), PORTIONS)
def test_a_transaction_holds_few_lines_and_bytes(engine: Engine, lines: int, size: int, transactions: int) -> None:
    bodies = [report_body(line_number=number, referrer="") for number in range(1, lines + 1)]
    commits: list[Any] = []
    event.listen(engine, "commit", commits.append)
    result = imported(engine, *(body[:-1] + b" " * (size - len(body)) + b"}" for body in bodies))
    assert len(commits) == transactions
    assert result.reports == lines


def test_a_line_that_follows_no_line_break_is_read(engine: Engine) -> None:
    Path("reports.jsonl").write_bytes(report_body() + b"\n" + report_body(line_number=2))
    assert import_files(engine, KEY, ["reports.jsonl"], is_trusted=False).reports == 2


def test_sites_count_the_same_file_each(engine: Engine) -> None:
    Path("reports.jsonl").write_bytes(report_body())
    for site in ("one", "two"):
        key = SiteKey(site=site, kind=KeyKind.PUBLIC, hosts=())
        assert import_files(engine, key, ["reports.jsonl"], is_trusted=False).reports == 1
    assert rows(engine, "SELECT site, reports FROM violation_group ORDER BY site") == [("one", 1), ("two", 1)]


def test_trust_that_comes_later_only_raises_trust(engine: Engine) -> None:
    lines = [report_body(), batch_body(envelope(), hash_envelope())]
    imported(engine, *lines)
    before = rows(engine, "SELECT fingerprint, reports FROM violation_group ORDER BY fingerprint")
    reporters = rows(engine, "SELECT fingerprint, day, network FROM group_reporter ORDER BY fingerprint")
    result = imported(engine, *lines, is_trusted=True)
    assert (result.reports, result.newly_trusted_lines, result.repeated_lines) == (0, 2, 0)
    assert counted(engine) == (2, 2)
    assert rows(engine, "SELECT fingerprint, reports FROM violation_group ORDER BY fingerprint") == before
    assert rows(engine, "SELECT fingerprint, day, network FROM group_reporter ORDER BY fingerprint") == reporters
    assert rows(engine, "SELECT reports FROM script_hash") == [(1,)]


def test_trust_is_counted_in_the_hour_of_its_report(engine: Engine) -> None:
    """A line without a time was counted when it was first imported, however long ago."""
    held = {**envelope(), "age": 90 * 60_000}
    timed = {"body": report_body().decode(), "time": 1_700_000_000}
    lines = [report_body(), batch_body(held), line({"body": report_body(line_number=2).decode()}), line(timed)]
    imported(engine, *lines)
    with writing(engine).begin() as connection:
        # As if it had been a week ago.
        connection.execute(text("UPDATE seen_line SET seen_at_ms = seen_at_ms - 7 * 86400000"))
        recent = f"WHERE hour > {1_700_000_000 // 3_600}"
        connection.execute(text(f"UPDATE group_hour SET hour = hour - 7 * 24 {recent}"))  # noqa: S608  (a number)
    assert imported(engine, *lines, is_trusted=True).newly_trusted_lines == 4
    hours = rows(engine, "SELECT reports, trusted_reports FROM group_hour")
    assert hours
    assert all(reports == trusted for reports, trusted in hours)


def test_trust_is_raised_once_and_not_taken_back(engine: Engine) -> None:
    imported(engine, report_body(), is_trusted=True)
    for is_trusted in (True, False, True):
        result = imported(engine, report_body(), is_trusted=is_trusted)
        assert (result.reports, result.newly_trusted_lines, result.repeated_lines) == (0, 0, 1)
    assert counted(engine) == (1, 1)


def test_compressed_files_are_the_same_lines(engine: Engine) -> None:
    Path("reports.jsonl.gz").write_bytes(gzip.compress(report_body() + b"\n" + report_body(line_number=2)))
    assert import_files(engine, KEY, ["reports.jsonl.gz"], is_trusted=False).reports == 2
    result = imported(engine, report_body(), report_body(line_number=2))
    assert (result.reports, result.repeated_lines) == (0, 2)


def test_progress_ends_at_the_files_size(engine: Engine) -> None:
    Path("plain").write_bytes(report_body() + b"\n" * 5)
    Path("packed.gz").write_bytes(gzip.compress(b"".join(report_body(line_number=n) + b"\n" for n in range(1, 1_200))))
    seen: list[tuple[str, int, int]] = []
    import_files(
        engine,
        KEY,
        ["plain", "packed.gz"],
        is_trusted=False,
        on_progress=lambda name, done, size: seen.append((name, done, size)),
    )
    for name in ("plain", "packed.gz"):
        size = Path(name).stat().st_size
        steps = [done for at, done, of in seen if at == name and of == size]
        assert steps == sorted(steps)
        assert steps[-1] == size


@pytest.mark.parametrize("length", [1_001, 1_002, 2_000, 2_001, 5_000])
def test_a_line_that_is_too_long_is_dropped_and_the_next_one_read(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr(importing, "MAX_LINE_BYTES", 1_000)
    result = imported(engine, b"[" + b" " * (length - 2) + b"]", report_body())
    assert result.rejected == {"line-too-long": 1}
    assert result.reports == 1


# (name, its content; None for no file)
UNREADABLE: list[tuple[str, bytes | None]] = [
    ("missing.jsonl", None),
    ("plain.gz", b"not compressed"),
    ("cut.gz", gzip.compress(report_body() * 100, mtime=0)[:-10]),
    ("broken.gz", gzip.compress(b"", mtime=0)[:10] + b"\xff" * 20),
]


@pytest.mark.parametrize(("name", "content"), UNREADABLE, ids=[name for name, _ in UNREADABLE])
def test_a_file_that_cannot_be_read_is_one_line_for_the_operator(
    engine: Engine, name: str, content: bytes | None
) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    Path("before.jsonl").write_bytes(report_body())
    with pytest.raises(CspbuildError) as caught:
        import_files(engine, KEY, ["before.jsonl", name], is_trusted=False)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code is ExitCode.USAGE
    assert counted(engine)[0] >= 1, "what was imported before it stays"


def test_a_directory_is_no_file(engine: Engine) -> None:
    with pytest.raises(CspbuildError, match="cannot read"):
        import_files(engine, KEY, ["."], is_trusted=False)


@pytest.mark.parametrize("name", ["chromium", "firefox", "synthetic", "demo"])
def test_every_recorded_line_is_counted_skipped_or_rejected_by_name(engine: Engine, name: str) -> None:
    path = REPORTS / f"{name}.jsonl"
    expected: Counter[str] = Counter()
    with path.open(encoding="utf-8") as file:
        for recorded in map(json.loads, file):
            expected["lines"] += 1
            expected["preflights"] += recorded["method"] == "OPTIONS"
    result = import_files(engine, KEY, [str(path)], is_trusted=False)
    assert (result.lines, result.preflights) == (expected["lines"], expected["preflights"])
    hashes = rows(engine, "SELECT coalesce(sum(reports), 0) FROM script_hash")[0][0]
    assert counted(engine)[0] + hashes == result.reports > 0
    if name != "synthetic":
        assert not result.rejected, "a real browser's report is never refused"


def test_standard_input_is_a_file_too(tmp_path: Path) -> None:
    ran = run_program("csp-collector", "import", "-", "--format", "json", cwd=tmp_path, text=report_body())
    assert ran.code == 0, ran.err
    document = ran.json()
    assert document == {
        "schema": "import/1",
        "lines": 1,
        "reports": 1,
        "repeated_lines": 0,
        "newly_trusted_lines": 0,
        "preflights": 0,
        "rejected": {},
        "rejected_lines": {},
    }


def test_the_command_says_what_it_could_not_count_and_where(tmp_path: Path) -> None:
    (tmp_path / "reports.jsonl").write_bytes(report_body() + b"\njunk\n")
    ran = run_program("csp-collector", "import", "reports.jsonl", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert "malformed-json" in ran.out
    assert "reports.jsonl:2" in ran.out
    assert ran.err.endswith("cspbuild summary\n")
    run_program("cspbuild", "site", "add", "shop", cwd=tmp_path)
    assert run_program("csp-collector", "import", "reports.jsonl", "--site", "shop", cwd=tmp_path).err.endswith(
        "cspbuild summary --site shop\n"
    )


def test_the_command_ends_with_two_for_a_file_that_is_not_there(tmp_path: Path) -> None:
    ran = run_program("csp-collector", "import", "missing.jsonl", cwd=tmp_path)
    assert ran.code == ExitCode.USAGE
    assert ran.out == ""
    assert "missing.jsonl" in ran.err
    assert "Traceback" not in ran.err
