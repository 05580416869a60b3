"""Counters: what became of every report, and how the store keeps up."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from collector.ingest.refusals import Refusal
from policybuilder.reports.wire import Reason

SHED_REASONS = frozenset({Reason.RATE_LIMITED, Reason.QUEUE_FULL, Reason.STORE_UNREACHABLE})
"""Refused for our own sake; every other reason is the sender's."""


class IngestCounters:
    """received = accepted + filtered + shed + invalid, each in reports.

    A body that cannot be read counts as one report. `filtered` are report types that are not about a policy.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._received = self._counter("csp_reports_received", "Reports that arrived, whatever became of them")
        self._accepted = self._counter("csp_reports_accepted", "Reports stored", ("kind",))
        self._accepted_of: dict[str, Counter] = {}
        """By kind, of which there are two: to look one up takes the library as long as to decode a report."""

        self._filtered = self._counter("csp_reports_filtered", "Reports of types nobody asked for", ("reason",))
        self._shed = self._counter("csp_reports_shed", "Reports refused for want of capacity", ("reason",))
        self._invalid = self._counter("csp_reports_invalid", "Reports that could not be used", ("reason",))
        self._refused_connections = self._counter(
            "csp_connections_refused", "Connections ended for what the client did or how many there were", ("reason",)
        )
        self.writer_restarts = self._counter("csp_writer_restarts", "Writer processes that died and were started anew")
        self.preflights = self._counter("csp_preflights", "CORS preflights answered")
        self.commit_seconds = Histogram(
            "csp_commit_seconds", "Time of one group commit", registry=self.registry, buckets=_COMMIT_BUCKETS
        )
        self.batch_reports = Histogram(
            "csp_commit_reports", "Reports in one group commit", registry=self.registry, buckets=_BATCH_BUCKETS
        )
        # Numbers, since they change with every request and are asked for a few times a minute.
        self.queued = 0
        self.queued_bytes = 0
        waiting = Gauge("csp_queue_reports", "Reports waiting for the database", registry=self.registry)
        waiting.set_function(lambda: self.queued)
        waiting_bytes = Gauge("csp_queue_bytes", "Bytes of the bodies they came in", registry=self.registry)
        waiting_bytes.set_function(lambda: self.queued_bytes)
        # By the monotonic clock: the other one may be set back.
        self._last_accepted_at: float | None = None
        self.show(
            "csp_seconds_since_last_accepted",
            "Seconds since a report was last stored; NaN before",
            lambda: math.nan if self._last_accepted_at is None else time.monotonic() - self._last_accepted_at,
        )

    def accepted(self, kinds: Mapping[str, int]) -> None:
        """Count reports that are durably stored, by kind."""
        for kind, reports in kinds.items():
            self._received.inc(reports)
            of_kind = self._accepted_of.get(kind)
            if of_kind is None:
                of_kind = self._accepted_of[kind] = self._accepted.labels(kind=kind)
            of_kind.inc(reports)
        if kinds:
            self._last_accepted_at = time.monotonic()

    def refused(self, reason: Reason, reports: int = 1) -> None:
        """Count reports that are not stored."""
        if not reports:
            return
        self._received.inc(reports)
        if reason is Reason.UNKNOWN_TYPE:
            self._filtered.labels(reason=reason.value).inc(reports)
        elif reason in SHED_REASONS:
            self._shed.labels(reason=reason.value).inc(reports)
        else:
            self._invalid.labels(reason=reason.value).inc(reports)

    def connection_refused(self, refusal: Refusal) -> None:
        """Count a connection that was hung up on. It is no report: one that was under way counts as such besides."""
        self._refused_connections.labels(reason=refusal.value).inc()

    def show(self, name: str, text: str, figure: Callable[[], float]) -> None:
        """Add a figure that is asked for at each exposition, by the thread that makes it."""
        Gauge(name, text, registry=self.registry).set_function(figure)

    def exposition(self) -> bytes:
        """The counters in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(name, text, labels, registry=self.registry)


_COMMIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
