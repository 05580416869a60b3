"""Logs: one event a line that a program can read, with nothing in it that somebody sent."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.logs import JSONLines, Sampling, TextLines
from tests.collector.ingest.builders import batch_body, envelope, report_body
from tests.support.processes import writer_of
from tests.support.service import RunningCollector, post, run_collector

HOSTILE = 'evil\r\n{"level": "critical"}\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}\N{LINE SEPARATOR}\ud800'


def make_record(message: str, *arguments: object, name: str = "collector.test", error: Any = None) -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, __file__, 1, message, arguments, error)


def read(line: str) -> dict[str, Any]:
    """An event as a strict reader sees it."""
    assert line.isascii()
    assert line.isprintable()
    found = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert isinstance(found, dict)
    assert list(found)[:4] == ["time", "level", "logger", "event"]
    return found


def test_an_event_is_an_object_with_its_fields() -> None:
    record = make_record("not stored: %(reason)s (%(failure)s)", {"reason": "queue-full", "failure": "QueueFullError"})
    record.created = datetime(2026, 11, 23, 16, 0, 1, 250_000, tzinfo=UTC).timestamp()
    assert read(JSONLines().format(record)) == {
        "time": "2026-11-23T16:00:01.250Z",
        "level": "warning",
        "logger": "collector.test",
        "event": "not stored: queue-full (QueueFullError)",
        "reason": "queue-full",
        "failure": "QueueFullError",
    }
    assert TextLines().format(record) == (
        "2026-11-23T16:00:01.250Z WARNING collector.test: not stored: queue-full (QueueFullError)"
    )


@given(text=st.text() | st.just(HOSTILE))
def test_whatever_is_logged_is_one_line_of_what_can_be_seen(text: str) -> None:
    for record in (
        make_record("%s", text),
        make_record("%(text)s", {"text": text}),
        make_record("not stored", name=text),
    ):
        read(JSONLines().format(record))
        assert TextLines().format(record).isprintable()


def fail(text: str) -> None:
    raise ValueError(text)


def test_of_an_exception_the_type_and_the_place_are_told_and_not_its_text() -> None:
    try:
        fail("https://shop.example/secret")
    except ValueError:
        record = make_record("Exception in ASGI application\n", error=sys.exc_info())
    found = read(JSONLines().format(record))
    assert (found["event"], found["exception"]) == ("Exception in ASGI application", "ValueError")
    first, second = found["raised"].split(", ")
    assert first.startswith("test_logs.py:")
    assert first.endswith(" fail")
    assert second.endswith(" test_of_an_exception_the_type_and_the_place_are_told_and_not_its_text")
    for line in (JSONLines().format(record), TextLines().format(record)):
        assert "secret" not in line
        assert "ValueError" in line


def test_a_task_that_failed_is_told_without_its_text() -> None:
    """asyncio's own message quotes the exception that ended the task."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JSONLines())
    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)

    async def main() -> None:
        async def task() -> None:
            fail("https://shop.example/secret")

        asyncio.create_task(task())  # noqa: RUF006  (nobody looks at it: that is the point)
        await asyncio.sleep(0.01)

    try:
        asyncio.run(main())
    finally:
        logger.removeHandler(handler)
    (line,) = written.getvalue().splitlines()
    assert (read(line)["event"], read(line)["exception"]) == ("Task exception was never retrieved", "ValueError")
    assert "secret" not in line


def test_what_repeats_is_logged_once_a_second_and_says_how_often_it_was_not() -> None:
    now = 0.0
    sampling = Sampling(clock=lambda: now)
    logged: list[tuple[float, str, int]] = []
    for tick in range(35):
        now = tick / 10
        for message in ("not stored: %s", "other"):
            record = make_record(message, *([tick] if "%" in message else []))
            if (message == "other") <= (tick == 12) and sampling.filter(record):
                logged.append((now, message, record.__dict__["repeated"]))
    assert logged == [
        (0.0, "not stored: %s", 0),
        (1.0, "not stored: %s", 9),
        (1.2, "other", 0),
        (2.0, "not stored: %s", 9),
        (3.0, "not stored: %s", 9),
    ]


def test_sampling_remembers_so_many_events_and_no_more() -> None:
    sampling = Sampling()
    assert all(sampling.filter(make_record(f"made beforehand {number}")) for number in range(10_000))
    assert len(sampling._latest) <= 256


def log_of(directory: Path) -> list[dict[str, Any]]:
    """What a collector logged there, all of it."""
    return [read(line) for line in (directory / "collector.log").read_text().splitlines()]


def send(collector: RunningCollector, body: bytes) -> int:
    url = f"{collector.base_url}/report/default"
    headers = [
        ("Content-Type", "application/reports+json"),
        ("User-Agent", "hostile/1"),
        ("X-Forwarded-For", "198.51.100.77"),
    ]
    return post(url, body, headers)[0]


def test_a_storm_of_failures_with_hostile_reports_is_a_few_lines_of_json(tmp_path: Path) -> None:
    body = batch_body(envelope(blockedURL=f"https://secret.example/{HOSTILE}", sample=HOSTILE, sourceFile=HOSTILE))
    with run_collector(tmp_path, CSP_LOG_FORMAT="json", CSP_RATE_PER_CLIENT="0") as collector:
        assert send(collector, body) == 204
        with closing(sqlite3.connect(tmp_path / "data" / "csp.db")) as connection:
            connection.execute("ALTER TABLE sample RENAME TO away")
            began = time.monotonic()
            with ThreadPoolExecutor(4) as pool:
                assert set(pool.map(lambda _: send(collector, body), range(200))) == {503}
            time.sleep(1)
            assert send(collector, body) == 503
            took = time.monotonic() - began
            connection.execute("ALTER TABLE away RENAME TO sample")
        assert collector.stop() == 0
    events = log_of(tmp_path)
    failures = [event for event in events if event["logger"] == "collector.ingest.endpoint"]
    assert 2 <= len(failures) <= took + 2
    assert sum(1 + event.get("repeated", 0) for event in failures) == 201
    assert {event["reason"] for event in failures} == {"store-unreachable"}
    text = (tmp_path / "collector.log").read_text()
    for private in ("secret", "evil", "hostile", "198.51", "/report/"):
        assert private not in text


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_both_processes_log_alike_from_the_start_to_the_end(tmp_path: Path, log_format: str) -> None:
    variables = {"CSP_LOG_FORMAT": log_format, "CSP_LOG_LEVEL": "info"}
    log = tmp_path / "collector.log"
    with run_collector(tmp_path, **variables) as collector:
        assert send(collector, batch_body(envelope())) == 204
        # A writer without a database says that it cannot keep house.
        (tmp_path / "data").rename(tmp_path / "away")
        os.kill(writer_of(collector.process.pid), signal.SIGKILL)
        deadline = time.monotonic() + 30
        while "evidence not pruned" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        (tmp_path / "away").rename(tmp_path / "data")
        assert collector.stop() == 0
    if log_format == "text":
        levels = {line.split(" ")[1] for line in log.read_text().splitlines()}
        assert levels == {"INFO", "WARNING"}
        return
    events = {event["logger"]: event for event in reversed(log_of(tmp_path))}
    assert {"collector.ingest.process_writer", "collector.ingest.housekeeping", "uvicorn.error"} <= events.keys()
    start = events["collector.serving"]
    assert start["event"].endswith(" starts with sqlite, 3 settings changed")
    assert (start["level"], start["database"], start["settings"]) == ("info", "sqlite", 3)


@pytest.mark.parametrize("way", ["fail()", "t = threading.Thread(target=fail); t.start(); t.join()"])
def test_what_ends_a_process_or_a_thread_is_one_line_too(way: str) -> None:
    program = f"""
import threading
from collector.logs import LogFormat, LogLevel, set_up_logs
def fail():
    raise ValueError("secret")
set_up_logs(LogFormat.JSON, LogLevel.ERROR)
{way}
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    (line,) = ended.stderr.splitlines()
    assert (read(line)["level"], read(line)["exception"]) == ("critical", "ValueError")
    assert "secret" not in line


def test_a_quiet_service_logs_nothing(tmp_path: Path) -> None:
    with run_collector(tmp_path) as collector:
        assert post(f"{collector.base_url}/report/default", report_body())[0] == 204
        assert post(f"{collector.base_url}/report/nobody", b"{")[0] == 404
        assert collector.stop() == 0
    assert (tmp_path / "collector.log").read_text() == ""
