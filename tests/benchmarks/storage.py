"""What evidence weighs: traffic as sites have it, made from recorded reports, and the bytes it takes on SQLite.

The model: a week of visits to pages of uneven popularity, from client networks of which few come often and most come
once. Each page reports what browsers reported of one of the recorded shop's, eighteen reports on average, and one visit
in ten some noise beside it, from one of many hosts that programs on visitors' machines inject. Nothing is sampled.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from collector.importing import read_record
from collector.ingest.folding import Observation, fold
from collector.ingest.intake import take_in
from policybuilder.reports.wire import RejectedReportError
from policybuilder.store.batch import Batch
from policybuilder.store.clock import DAY_MS, to_ms
from policybuilder.store.recording import record
from policybuilder.store.sites import KeyKind, SiteKey, open_sites
from tests.support.evidence import replace

MUST_BYTES_PER_MILLION = 100_000_000

_REPORTS = Path(__file__).parents[1] / "data" / "reports"
_MAY_BE_ADDED = 3 * 4_096
"""Bytes: numbers that have grown take more room, so that a page or three may split."""

_FROM = datetime(2026, 11, 16, tzinfo=UTC)
_DAYS = 7
_PAGES = 2_000
_NETWORKS = 30_000
_NOISE_HOSTS = 300
_NOISE_SHARE = 0.1
_REPORTS_PER_COMMIT = 2_000


@dataclass(frozen=True, slots=True)
class Storage:
    """What so many reports weigh."""

    reports: int
    bytes_total: int
    bytes_by_table: dict[str, int]
    """With their indexes; the heaviest first."""

    bytes_added_by_repeats: int
    """When the last reports came ten times more."""

    @property
    def bytes_per_million(self) -> int:
        return self.bytes_total * 1_000_000 // self.reports

    @property
    def is_met(self) -> bool:
        return self.bytes_per_million <= MUST_BYTES_PER_MILLION and self.bytes_added_by_repeats <= _MAY_BE_ADDED


def measure_storage(reports: int) -> Storage:
    """Store traffic of about so many reports in a database of its own, and weigh it."""
    with tempfile.TemporaryDirectory(prefix="cspbuild-bench-") as directory:
        path = Path(directory) / "csp.db"
        engine = open_sites(f"sqlite:///{path}", _FROM)
        stored = 0
        last: list[Observation] = []
        for observations in _in_portions(itertools.islice(traffic(reports), reports)):
            _store(engine, observations)
            stored += len(observations)
            last = observations
        before = weigh(path)
        for _ in range(10):
            _store(engine, last)
        after = weigh(path)
        engine.dispose()
    total = sum(before.values())
    return Storage(stored, total, before, sum(after.values()) - total)


def _store(engine: Engine, observations: Sequence[Observation]) -> None:
    batch = Batch()
    for observation in observations:
        fold(batch, observation)
    record(engine, batch, observations[-1].received_at_ms)


def traffic(reports: int, seed: int = 1) -> Iterator[Observation]:
    """About so many reports, in the order in which they arrive; seldom fewer, and often more."""
    chance = random.Random(seed)  # noqa: S311  (traffic, not secrets)
    visits = recorded_visits()
    mean = sum(map(len, visits)) / len(visits) + _NOISE_SHARE
    number = max(1, round(reports / mean))
    times = sorted(chance.random() for _ in range(number))
    for at, (page, network) in zip(times, _visitors(chance, number), strict=True):
        received_at_ms = to_ms(_FROM) + int(at * _DAYS * DAY_MS)
        # A page is always of the same kind, so that it always violates the same.
        for observation in visits[page % len(visits)]:
            yield _moved(observation, page, network, received_at_ms)
        if chance.random() < _NOISE_SHARE:
            noise = visits[page % len(visits)][0]
            host = int(chance.paretovariate(0.7)) % _NOISE_HOSTS
            blocked = replace(noise.violation, blocked_uri=f"https://injected{host}.example/a.js")
            yield _moved(replace(noise, violation=blocked), page, network, received_at_ms)


def _visitors(chance: random.Random, number: int) -> Iterator[tuple[int, int]]:
    """Pages and client networks, both with a heavy tail."""
    for _ in range(number):
        yield int(chance.paretovariate(0.8)) % _PAGES, int(50 * chance.paretovariate(0.5)) % _NETWORKS


def _moved(observation: Observation, page: int, network: int, received_at_ms: int) -> Observation:
    origin = "/".join(observation.violation.document_uri.split("/")[:3])
    return replace(
        observation,
        violation=replace(observation.violation, document_uri=f"{origin}/catalogue/article-{page:05}.html"),
        network=f"10.{network // 250}.{network % 250}.0/24",
        received_at_ms=received_at_ms,
        seen_at_ms=received_at_ms,
    )


def recorded_visits() -> list[list[Observation]]:
    """What two browsers reported of each page of a recorded shop."""
    key = SiteKey("default", KeyKind.PUBLIC, ())
    visits: dict[tuple[str, str], list[Observation]] = defaultdict(list)
    for name in ("chromium.jsonl", "firefox.jsonl"):
        for line in (_REPORTS / name).read_bytes().splitlines():
            post = read_record(line)
            if post is None:
                continue
            try:
                taken = take_in(post.body, key, received_at_ms=0, network="", user_agent=post.user_agent)
            except RejectedReportError:
                continue
            for observation in taken.observations:
                if isinstance(observation, Observation):
                    visits[name, observation.violation.document_uri].append(observation)
    return list(visits.values())


def _in_portions(observations: Iterator[Observation]) -> Iterator[list[Observation]]:
    while portion := list(itertools.islice(observations, _REPORTS_PER_COMMIT)):
        yield portion


def weigh(path: Path) -> dict[str, int]:
    """Bytes of each table with its indexes, the heaviest first, once the log is written back."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        tables = dict(connection.execute("SELECT name, tbl_name FROM sqlite_master"))
        pages = connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall()
    weights: dict[str, int] = defaultdict(int)
    for name, size in pages:
        weights[tables.get(name, name)] += size
    return dict(sorted(weights.items(), key=lambda item: -item[1]))
