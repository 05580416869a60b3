"""Counting page views: access logs read line by line, each line counted once however often its log is read.

A log is named by the digest of its first line, and how far it was counted is kept with a digest over those lines. So a
log that grew goes on where it ended, and one that was rotated and packed meanwhile counts nothing again.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import BinaryIO

from sqlalchemy import Engine

from collector.access_logs import REJECTED, NotCounted, PageView, page_view
from collector.files import open_file, read_limited
from collector.ingest.aliases import Aliases, follow_in_url
from policybuilder.errors import CspbuildError
from policybuilder.reports.hosts import host_matches, host_of
from policybuilder.reports.normalization import clean_url
from policybuilder.store.engine import writing
from policybuilder.store.sites import Site
from policybuilder.store.views import CountedLines, ViewRecording, find_counted_lines

MAX_LINE_BYTES = 64 * 1024
"""Servers take no request line that is longer, and a line of JSON repeats it with a few headers."""

CHUNK_LINES = 20_000
"""Lines of one transaction; they become a row for each page and day, so it is short."""

_MAX_NOTED_LINES = 20


@dataclass(slots=True)
class ViewCount:
    """What became of the lines of the logs."""

    lines: int = 0
    views: int = 0
    """Page views counted, by this run."""

    repeated_lines: int = 0
    """Lines that were counted before."""

    not_counted: Counter[NotCounted] = field(default_factory=Counter)
    noted_lines: dict[NotCounted, list[str]] = field(default_factory=dict)
    """The first lines with something wrong, by what it is, as `FILE:NUMBER`."""

    def note(self, reason: NotCounted, where: str) -> None:
        self.not_counted[reason] += 1
        if reason in REJECTED:
            noted = self.noted_lines.setdefault(reason, [])
            if len(noted) < _MAX_NOTED_LINES:
                noted.append(where)


def parse_origin(text: str) -> str:
    """An origin of pages in one spelling, such as `https://shop.example`. Raises CspbuildError for what is none."""
    origin = clean_url(text.strip().rstrip("/"))
    if not origin.startswith(("https://", "http://")) or origin.count("/") != 2 or any(mark in text for mark in "?#@"):
        raise CspbuildError(f"{text!r} is no origin of pages; write https://shop.example")
    return origin


def check_origin(origin: str, site: Site) -> None:
    """Raises CspbuildError where no page on `origin` is one of the site's, who may have no hosts and so take any."""
    authority = host_of(follow_in_url(origin, site.aliases)) or ""
    if site.hosts and not any(host_matches(host, authority) for host in site.hosts):
        aliases = "".join(f", {alias}" for alias in site.aliases)
        raise CspbuildError(f"{authority} is no host of {site.name} (there are: {', '.join(site.hosts)}{aliases})")


def count_views(
    engine: Engine,
    site: str,
    names: Sequence[str],
    *,
    origin: str,
    aliases: Aliases = (),
    on_progress: Callable[[str, int, int], None] = lambda _name, _done, _size: None,
) -> ViewCount:
    """Count the page views of `site`, whose pages are on `origin`, in access logs (`.gz` too, `-` for standard input).

    They count for the pages that those on `origin` stand for by `aliases`, as reports do.
    `on_progress` is called with the file's name, bytes read and its size (0 when unknown). Each portion of lines is
    one transaction, so an interrupted run can be repeated. Raises CspbuildError for a file that cannot be read, or that
    changed in the part that was counted before; what was counted until then stays.
    """
    result = ViewCount()
    recording = ViewRecording(site)
    for name in names:
        with open_file(name, "access logs") as file:
            log = _Log(engine, site, name, recording, result)
            for _ in log.count(_lines(file.lines), origin, aliases):
                on_progress(name, file.position, file.size)
            on_progress(name, file.size, file.size)
    return result


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    """In its file, from 1; empty lines count too."""

    content: bytes
    """Without its end."""

    is_finished: bool
    """It has an end; a line without one may still be being written."""


class _Log:
    """A log that is being read."""

    def __init__(self, engine: Engine, site: str, name: str, recording: ViewRecording, result: ViewCount) -> None:
        self._engine = engine
        self._site = site
        self._name = name
        self._recording = recording
        self._result = result
        self._identity = b""
        self._number = 0
        self._digest = hashlib.blake2b(digest_size=16)
        self._before = CountedLines()
        self._views: Counter[tuple[int, str]] = Counter()

    def count(self, lines: Iterator[_Line], origin: str, aliases: Aliases) -> Iterator[None]:
        """Count the lines that were not counted before; yields after each portion."""
        now = datetime.now(UTC)
        for line in lines:
            if not self._identity:
                self._begin(line.content)
            if self._number < self._before.lines:
                self._pass(line.content)
                continue
            is_too_long = len(line.content) > MAX_LINE_BYTES
            found = NotCounted.TOO_LONG if is_too_long else page_view(line.content, origin, now)
            if not line.is_finished and not isinstance(found, PageView):
                # Perhaps the rest of it is yet to be written: it is read again the next time.
                break
            if isinstance(found, PageView):
                found = replace(found, page=follow_in_url(found.page, aliases))
            self._add(line, found)
            if self._number - self._before.lines >= CHUNK_LINES:
                self._commit()
                yield
        if self._number > self._before.lines:
            self._commit()
            yield

    def _begin(self, first: bytes) -> None:
        self._identity = hashlib.blake2b(first, digest_size=16).digest()
        with self._engine.connect() as connection:
            self._before = find_counted_lines(connection, self._site, self._identity)

    def _step(self, content: bytes) -> None:
        self._number += 1
        self._result.lines += 1
        self._digest.update(content + b"\n")

    def _pass(self, content: bytes) -> None:
        self._step(content)
        self._result.repeated_lines += 1
        if self._number == self._before.lines and self._digest.digest() != self._before.digest:
            raise CspbuildError(
                f"{self._name} begins as a log that was counted before, but its first {self._number:,} lines are not "
                "the same; give logs as the server wrote them"
            )

    def _add(self, line: _Line, found: PageView | NotCounted) -> None:
        self._step(line.content)
        if isinstance(found, PageView):
            self._views[found.day, found.page] += 1
        else:
            self._result.note(found, f"{self._name}:{line.number}")

    def _commit(self) -> None:
        after = CountedLines(self._number, self._digest.copy().digest())
        with writing(self._engine).begin() as connection:
            is_added = self._recording.record(
                connection,
                self._views,
                log=self._identity,
                before=self._before,
                after=after,
                now_ms=time.time_ns() // 1_000_000,
            )
        if not is_added:
            raise CspbuildError(f"{self._name} is being counted by somebody else; try again when they are done")
        self._result.views += self._views.total()
        self._views.clear()
        self._before = after


def _lines(file: BinaryIO) -> Iterator[_Line]:
    """The lines that are not empty."""
    number = 0
    while line := read_limited(file, MAX_LINE_BYTES):
        number += 1
        # One that is too long was cut, and its end with it.
        is_finished = line.endswith(b"\n") or len(line) > MAX_LINE_BYTES
        if content := line.strip():
            yield _Line(number, content, is_finished)
