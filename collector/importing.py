"""Importing: recorded reports from files of JSON lines, each line counted once however often it is imported."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import BinaryIO

from msgspec import structs
from sqlalchemy import Engine

from collector.files import open_file, read_limited
from collector.ingest.client import client_network, parse_address
from collector.ingest.folding import HashObservation, Observation, fold, fold_hash
from collector.ingest.intake import take_in
from policybuilder.reports import records
from policybuilder.reports.records import RecordError
from policybuilder.reports.rules import Rules
from policybuilder.reports.wire import RejectedReportError
from policybuilder.store.batch import Batch
from policybuilder.store.clock import to_ms
from policybuilder.store.recording import recording
from policybuilder.store.sites import KeyKind, SiteKey

MAX_LINE_BYTES = 16 * 1024 * 1024
CHUNK_LINES = 250
CHUNK_BYTES = 512 * 1024
"""Lines and bytes of one transaction, the last line apart: a service that takes reports waits for it."""

_MAX_PAUSE_SECONDS = 0.1
"""Whoever waits for SQLite asks again after a tenth of a second at the latest."""

_MAX_NOTED_LINES = 20


@dataclass(slots=True)
class ImportResult:
    """What became of the lines of the files."""

    lines: int = 0
    reports: int = 0
    """Reports counted, by this import."""

    repeated_lines: int = 0
    """Lines that were imported before, of those that hold something to count."""

    newly_trusted_lines: int = 0
    """Lines that were imported before without trust, and have it now."""

    preflights: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    """Lines or reports that could not be used, by reason."""

    noted_lines: dict[str, list[str]] = field(default_factory=dict)
    """The first lines of each reason, as `FILE:NUMBER`."""

    def note(self, reason: str, where: str, reports: int = 1) -> None:
        self.rejected[reason] += reports
        noted = self.noted_lines.setdefault(reason, [])
        if len(noted) < _MAX_NOTED_LINES and where not in noted:
            noted.append(where)


@dataclass(frozen=True, slots=True)
class RecordedPost:
    """One line, understood."""

    body: bytes
    user_agent: str
    network: str
    received_at_ms: int | None
    """None where the line does not say."""


@dataclass(frozen=True, slots=True)
class _Line:
    where: str
    content: bytes
    digest: bytes


def import_files(
    engine: Engine,
    key: SiteKey,
    names: list[str],
    *,
    is_trusted: bool,
    rules: Rules | None = None,
    on_progress: Callable[[str, int, int], None] = lambda _name, _done, _size: None,
) -> ImportResult:
    """Import files (`.gz` too, `-` for standard input) into the site of `key`.

    `is_trusted` says that the files are the operator's own recording. `on_progress` is called with the file's name,
    bytes read and its size (0 when unknown). Each chunk of lines is one transaction, so an interrupted import can be
    repeated. Raises CspbuildError for a file that cannot be read; what was imported before it stays.
    """
    key = replace(key, kind=KeyKind.REHEARSAL if is_trusted else KeyKind.PUBLIC)
    result = ImportResult()
    for name in names:
        with open_file(name, "JSON lines") as file:
            for chunk in _chunks(_lines(file.lines, name, result)):
                _import_chunk(engine, key, chunk, result, rules, is_trusted=is_trusted)
                on_progress(name, file.position, file.size)
            on_progress(name, file.size, file.size)
    return result


@dataclass(frozen=True, slots=True)
class _UsableLine:
    """A line that holds something to count."""

    digest: bytes
    observations: list[Observation | HashObservation]
    has_time: bool
    """It says when it was received."""


def _import_chunk(
    engine: Engine,
    key: SiteKey,
    lines: list[_Line],
    result: ImportResult,
    rules: Rules | None,
    *,
    is_trusted: bool,
) -> None:
    """Count the lines that were not counted before, and mark them so, in one transaction.

    Lines are read before it begins and only put together within: while it lasts, no report can be stored.
    """
    now_ms = time.time_ns() // 1_000_000
    usable = [found for line in lines if (found := _read_line(line, key, now_ms, result, rules))]
    if not usable:
        return
    batch = Batch()
    with recording(engine, now_ms) as transaction:
        began = time.monotonic()
        claimed = transaction.claim_lines(key.site, [line.digest for line in usable], is_trusted=is_trusted)
        for line in usable:
            if line.digest in claimed.new:
                _count(batch, line)
                result.reports += len(line.observations)
            elif line.digest in claimed.newly_trusted:
                _trust(batch, line, 0 if line.has_time else claimed.newly_trusted[line.digest] - now_ms)
                result.newly_trusted_lines += 1
            else:
                result.repeated_lines += 1
        transaction.record(batch)
    if engine.dialect.name == "sqlite":
        # Its lock goes to nobody in turn, but to whoever asks while it is free: a service needs a gap to ask in.
        time.sleep(min(time.monotonic() - began, _MAX_PAUSE_SECONDS))


def _count(batch: Batch, line: _UsableLine) -> None:
    for observation in line.observations:
        if isinstance(observation, Observation):
            fold(batch, observation)
        else:
            fold_hash(batch, observation)


def _trust(batch: Batch, line: _UsableLine, later_ms: int) -> None:
    """Count a line's trust alone, `later_ms` later: where the line itself was counted when it was first imported."""
    for observation in line.observations:
        if isinstance(observation, Observation):
            seen_at_ms = observation.seen_at_ms + later_ms
            received_at_ms = observation.received_at_ms + later_ms
            fold(
                batch,
                structs.replace(
                    observation, is_counted_already=True, seen_at_ms=seen_at_ms, received_at_ms=received_at_ms
                ),
            )


def _read_line(line: _Line, key: SiteKey, now_ms: int, result: ImportResult, rules: Rules | None) -> _UsableLine | None:
    """What a line holds; what of it cannot be counted is noted, and None is a line that holds nothing else."""
    try:
        post = read_record(line.content)
        if post is None:
            result.preflights += 1
            return None
        intake = take_in(
            post.body,
            key,
            received_at_ms=now_ms if post.received_at_ms is None else post.received_at_ms,
            network=post.network,
            user_agent=post.user_agent,
            is_imported=True,
            rules=rules,
        )
    except RejectedReportError as error:
        result.note(error.reason.value, line.where)
        return None
    except RecordError as error:
        result.note(str(error), line.where)
        return None
    for reason, reports in intake.ignored.items():
        result.note(reason.value, line.where, reports)
    if not intake.observations:
        return None
    return _UsableLine(line.digest, intake.observations, has_time=post.received_at_ms is not None)


def read_record(content: bytes) -> RecordedPost | None:
    """What a line says: a raw report body, or a record of a request with the body in it; None for a preflight.

    Raises RecordError for a record without a usable body.
    """
    record = records.read_record(content)
    if record is None:
        return None
    return RecordedPost(record.body, record.user_agent, _network(record.client), _received_at_ms(record.received_at))


def _network(client: str) -> str:
    """Lines without a client count together as one unknown network."""
    return "" if parse_address(client) is None else client_network(client, (), trusted_proxies=())


def _received_at_ms(received_at: datetime | None) -> int | None:
    """Nothing is newer than now, or as old as no browser."""
    if received_at is None:
        return None
    ms, now_ms = to_ms(received_at), time.time_ns() // 1_000_000
    return ms if 0 <= ms <= now_ms else None


def _lines(file: BinaryIO, name: str, result: ImportResult) -> Iterator[_Line]:
    """The lines with their identity: the digest of the bytes, and how many equal lines stood before in the file."""
    occurrences: Counter[bytes] = Counter()
    number = 0
    while line := read_limited(file, MAX_LINE_BYTES):
        number += 1
        content = line.strip()
        if not content:
            continue
        result.lines += 1
        if len(line) > MAX_LINE_BYTES:
            result.note("line-too-long", f"{name}:{number}")
            continue
        digest = hashlib.blake2b(content, digest_size=16).digest()
        occurrences[digest] += 1
        identity = hashlib.blake2b(digest + occurrences[digest].to_bytes(8, "big"), digest_size=16).digest()
        yield _Line(f"{name}:{number}", content, identity)


def _chunks(lines: Iterator[_Line]) -> Iterator[list[_Line]]:
    """The lines in portions, each for one transaction."""
    chunk: list[_Line] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line.content)
        if len(chunk) >= CHUNK_LINES or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
