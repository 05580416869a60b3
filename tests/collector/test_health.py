"""Health of a real service, whatever happens to its disk, its database and its writer."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text

from policybuilder.store.engine import writing
from tests.collector.ingest.builders import report_body
from tests.support.loopback import Request, forward
from tests.support.postgres import PostgresServer, run_postgres
from tests.support.processes import writer_of
from tests.support.service import RunningCollector, post, run_collector

README = Path(__file__).parents[2] / "README.md"

TOKEN = "correct-horse-battery-staple"

SOON_SECONDS = 20
"""What a moment may last on a busy machine."""


@dataclass(frozen=True)
class Said:
    """What /readyz says."""

    status: int
    reasons: Sequence[str]


def readiness(collector: RunningCollector) -> Said:
    answer = forward(Request("GET", "/readyz"), collector.base_url)
    document = json.loads(answer.body)
    assert document["ready"] is not bool(document["reasons"])
    assert answer.status == (200 if document["ready"] else 503)
    return Said(answer.status, document["reasons"])


def wait_until(says: Callable[[Said], bool], collector: RunningCollector) -> Said:
    """Ask until it says so."""
    deadline = time.monotonic() + SOON_SECONDS
    while not says(said := readiness(collector)):
        assert time.monotonic() < deadline, said
        time.sleep(0.02)
    return said


def wait_until_ready(collector: RunningCollector) -> None:
    wait_until(lambda said: said.status == 200, collector)


def wait_until_not_ready(collector: RunningCollector, reason: str) -> None:
    """For a reason that begins so, and no other."""
    said = wait_until(lambda said: said.status == 503, collector)
    assert [each for each in said.reasons if not each.startswith(reason)] == []


def exposition(collector: RunningCollector) -> str:
    answer = forward(Request("GET", "/metrics", (("Authorization", f"Bearer {TOKEN}"),)), collector.base_url)
    assert answer.status == 200
    return answer.body.decode()


def figures(collector: RunningCollector) -> dict[str, float]:
    """The metrics without labels."""
    families = text_string_to_metric_families(exposition(collector))
    return {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}


def report(collector: RunningCollector) -> int:
    headers = [("Content-Type", "application/csp-report")]
    return post(f"{collector.base_url}/report/default", report_body(), headers)[0]


@contextmanager
def started(
    directory: Path, database_url: str = "sqlite:///data/csp.db", *, starter: Sequence[str] = ()
) -> Iterator[RunningCollector]:
    variables = {"CSP_DATABASE_URL": database_url, "CSP_ADMIN_TOKEN": TOKEN}
    with run_collector(directory, starter=starter, **variables) as collector:
        wait_until_ready(collector)
        yield collector


def test_a_service_that_is_well_says_so_and_how_large_its_database_is(tmp_path: Path, database_url: str) -> None:
    with started(tmp_path, database_url) as collector:
        assert report(collector) == 204
        assert readiness(collector) == Said(200, [])
        shown = figures(collector)
        assert shown["csp_ready"] == 1
        assert shown["csp_writer_restarts_total"] == 0
        assert shown["csp_connections_open"] == 1, "the one that asks"
        assert 0 <= shown["csp_seconds_since_last_accepted"] < SOON_SECONDS
        if database_url.startswith("sqlite"):
            files = [tmp_path / "data" / name for name in ("csp.db", "csp.db-wal")]
            assert shown["csp_database_bytes"] == sum(file.stat().st_size for file in files)
        else:
            with psycopg.connect(database_url) as connection:
                row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            assert row is not None
            assert shown["csp_database_bytes"] == pytest.approx(row[0], rel=0.1)


def test_the_metrics_of_the_readme_are_shown(tmp_path: Path) -> None:
    rows = [line for line in README.read_text().splitlines() if line.startswith("| `csp_")]
    named = set(re.findall(r"`(csp_\w+)`", "".join(rows)))
    assert len(named) > 10
    with started(tmp_path) as collector:
        shown = exposition(collector)
    assert {name for name in named if f"# TYPE {name.removesuffix('_total')}" not in shown} == set()


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[None]:
    """A file system of its own there; skips where we may not mount one."""
    directory.mkdir()
    command: list[str | Path] = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "none", directory]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small disk here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


def test_a_disk_that_is_nearly_full_is_said_before_it_is(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data", "20m"), started(tmp_path) as collector:
        filler = tmp_path / "data" / "filler"
        left = os.statvfs(tmp_path / "data")
        filler.write_bytes(bytes(left.f_bavail * left.f_frsize - 700_000))
        wait_until_not_ready(collector, "disk: ")
        assert report(collector) == 204, "nearly full is not full"
        assert figures(collector)["csp_ready"] == 0
        filler.unlink()
        wait_until_ready(collector)


def test_a_commit_that_failed_is_said_until_one_succeeds(tmp_path: Path, engine: Engine, database_url: str) -> None:
    with started(tmp_path, database_url) as collector:
        with writing(engine).begin() as connection:
            connection.execute(text("ALTER TABLE sample RENAME TO away"))
        assert report(collector) == 503
        failure = "OperationalError" if database_url.startswith("sqlite") else "ProgrammingError"
        assert readiness(collector).reasons == [f"writer: commits fail ({failure})"]
        with writing(engine).begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO sample"))
        assert report(collector) == 204
        assert readiness(collector) == Said(200, [])


def unprivileged() -> Sequence[str]:
    """How to start a program to which the modes of files mean something, whoever we are."""
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


def test_a_database_file_that_may_not_be_written_to_is_said(tmp_path: Path) -> None:
    with started(tmp_path, starter=unprivileged()) as collector:
        files = list((tmp_path / "data").glob("csp.db*"))
        for file in files:
            file.chmod(0o400)
        wait_until_not_ready(collector, "database: is read-only")
        for file in files:
            file.chmod(0o600)
        wait_until_ready(collector)


def test_a_database_file_that_is_gone_is_said(tmp_path: Path) -> None:
    with started(tmp_path) as collector:
        file = tmp_path / "data" / "csp.db"
        file.rename(tmp_path / "away")
        wait_until_not_ready(collector, "database: does not answer (OperationalError)")
        (tmp_path / "away").rename(file)
        wait_until_ready(collector)


def test_somebody_who_holds_the_lock_of_the_file_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "data" / "csp.db"
    with started(tmp_path) as collector, closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        time.sleep(1.1)  # what was found out before is forgotten then
        assert readiness(collector) == Said(200, [])


def test_a_server_that_takes_no_writes_is_said(tmp_path: Path, postgres: PostgresServer) -> None:
    """As managed ones do when their disk is nearly full, and as one does that stands by for another."""
    url = postgres.create_database()
    name = urlsplit(url).path[1:]
    with started(tmp_path, url) as collector, psycopg.connect(postgres.url(), autocommit=True) as operator:
        for value in ("on", "off"):
            operator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}")
            # It is for sessions that begin.
            operator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            if value == "on":
                wait_until_not_ready(collector, "database: is read-only")
        wait_until_ready(collector)


def test_a_server_that_is_stopped_is_said_and_figures_are_shown_all_the_same(tmp_path: Path) -> None:
    with ExitStack() as server, tempfile.TemporaryDirectory(prefix="cspbuild-") as directory:
        url = server.enter_context(run_postgres(Path(directory))).create_database()
        with started(tmp_path, url) as collector:
            assert report(collector) == 204
            server.close()
            wait_until_not_ready(collector, "database: does not answer (OperationalError)")
            assert forward(Request("GET", "/healthz"), collector.base_url).status == 200
            shown = figures(collector)
            assert shown["csp_ready"] == 0
            assert shown["csp_queue_reports"] == 0


def test_a_server_that_is_silent_keeps_nobody_waiting(tmp_path: Path, postgres: PostgresServer) -> None:
    url = postgres.create_database()
    with started(tmp_path, url) as collector, psycopg.connect(postgres.url(), autocommit=True) as operator:
        query = "SELECT pid FROM pg_stat_activity WHERE datname = %s"
        sessions = [pid for (pid,) in operator.execute(query, (urlsplit(url).path[1:],))]
        assert sessions
        for session in sessions:
            os.kill(session, signal.SIGSTOP)
        try:
            wait_until_not_ready(collector, "database: does not answer within 2 seconds")
            began = time.monotonic()
            assert [readiness(collector).status for _ in range(50)] == [503] * 50
            assert figures(collector)["csp_ready"] == 0
            assert time.monotonic() - began < SOON_SECONDS
        finally:
            for session in sessions:
                os.kill(session, signal.SIGCONT)
        wait_until_ready(collector)


def test_a_writer_that_hangs_is_said_while_reports_wait_for_it(tmp_path: Path) -> None:
    with started(tmp_path) as collector, ThreadPoolExecutor(1) as pool:
        writer = writer_of(collector.process.pid)
        os.kill(writer, signal.SIGSTOP)
        try:
            waiting = pool.submit(report, collector)
            wait_until_not_ready(collector, "writer: commits fail (no answer)")
            assert not waiting.done()
        finally:
            os.kill(writer, signal.SIGCONT)
        assert waiting.result() == 204
        assert readiness(collector) == Said(200, [])


def test_a_writer_that_died_is_said_until_it_is_started_anew(tmp_path: Path) -> None:
    with started(tmp_path) as collector:
        for restarts in (1, 2):
            os.kill(writer_of(collector.process.pid), signal.SIGKILL)
            wait_until_not_ready(collector, "writer: not running")
            wait_until_ready(collector)
            assert figures(collector)["csp_writer_restarts_total"] == restarts
            assert report(collector) == 204


def test_whoever_asks_first_waits_and_is_told_that_it_is_ready(tmp_path: Path) -> None:
    with run_collector(tmp_path) as collector:
        assert readiness(collector) == Said(200, [])
