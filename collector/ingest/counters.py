"""Counters: what became of every report, and how the store keeps up."""

from __future__ import annotations

import itertools
import math
import os
import struct
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess, values
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from collector.ingest.refusals import Refusal
from policybuilder.reports.wire import Reason

SHED_REASONS = frozenset({Reason.RATE_LIMITED, Reason.QUEUE_FULL, Reason.STORE_UNREACHABLE})
"""Refused for our own sake; every other reason is the sender's."""


class IngestCounters:
    """received = accepted + filtered + shed + invalid, each in reports.

    A body that cannot be read counts as one report. `filtered` are report types that are not about a policy.
    """

    def __init__(self, shared: Path | None = None) -> None:
        """With a `shared` directory, which `share_counters` set up, they are those of all processes that have it."""
        self._shared = shared
        self._metrics = CollectorRegistry()
        self._figures = _Figures()
        self.registry = self._metrics
        """What is shown."""

        if shared is not None:
            self.registry = CollectorRegistry()
            self.registry.register(_Together(shared))
        self.registry.register(self._figures)
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
            "csp_commit_seconds", "Time of one group commit", registry=self._metrics, buckets=_COMMIT_BUCKETS
        )
        self.batch_reports = Histogram(
            "csp_commit_reports", "Reports in one group commit", registry=self._metrics, buckets=_BATCH_BUCKETS
        )
        # Numbers, since they change with every request and are asked for a few times a minute.
        self.queued = 0
        self.queued_bytes = 0
        self._published: list[tuple[Gauge, Callable[[], float]]] = []
        self.show_each("csp_queue_reports", "Reports waiting for the database", lambda: self.queued)
        self.show_each("csp_queue_bytes", "Bytes of the bodies they came in", lambda: self.queued_bytes)
        # By the monotonic clock: the other one may be set back. It is the same for all processes of a machine.
        self._last_accepted_at: float | None = None
        if shared is None:
            self.show(
                _SINCE_ACCEPTED,
                _SINCE_ACCEPTED_TEXT,
                lambda: math.nan if self._last_accepted_at is None else time.monotonic() - self._last_accepted_at,
            )
        else:
            latest = Gauge(_ACCEPTED_AT, "By the monotonic clock", registry=self._metrics, multiprocess_mode="max")
            self._published.append((latest, lambda: self._last_accepted_at or 0.0))

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
        self._figures.add(name, text, figure)

    def show_each(self, name: str, text: str, figure: Callable[[], float]) -> None:
        """Add a figure of this process alone, of which the sum over all processes is shown."""
        if self._shared is None:
            self.show(name, text, figure)
        else:
            gauge = Gauge(name, text, registry=self._metrics, multiprocess_mode="livesum")
            self._published.append((gauge, figure))

    def publish(self) -> None:
        """Tell the other processes this one's figures, where there are others; to be called every moment."""
        for gauge, figure in self._published:
            gauge.set(figure())

    def exposition(self) -> bytes:
        """The counters in Prometheus' text format."""
        self.publish()
        return generate_latest(self.registry)

    def totals(self) -> Mapping[str, Mapping[str, int]]:
        """What became of the reports of all processes, by kind or reason."""
        found: dict[str, dict[str, int]] = {name: {} for name in _OUTCOMES}
        counters = (self._accepted, self._filtered, self._shed, self._invalid)
        sources = counters if self._shared is None else (_Together(self._shared),)
        for metric in itertools.chain.from_iterable(source.collect() for source in sources):
            outcome = metric.name.removeprefix("csp_reports_")
            if outcome in found:
                for sample in metric.samples:
                    if sample.name.endswith("_total"):
                        found[outcome][next(iter(sample.labels.values()))] = int(sample.value)
        return found

    def _counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(name, text, labels, registry=self._metrics)


_OUTCOMES = ("accepted", "filtered", "shed", "invalid")

_SINCE_ACCEPTED = "csp_seconds_since_last_accepted"
_SINCE_ACCEPTED_TEXT = "Seconds since a report was last stored; NaN before"
_ACCEPTED_AT = "csp_last_accepted_at"


def share_counters(directory: Path) -> None:
    """Have the counters of this process and those it forks kept in files of a directory, so that they can be added up.

    To be called in a process that has no counters yet. https://prometheus.github.io/client_python/multiprocess/
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]


def forget_process(directory: Path, pid: int) -> None:
    """Leave out the figures of a process that has ended, but for what it counted."""
    multiprocess.mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]


class _Together(Collector):
    """What the processes counted, added up."""

    def __init__(self, directory: Path) -> None:
        self._files = multiprocess.MultiProcessCollector(None, str(directory))  # type: ignore[no-untyped-call]

    def collect(self) -> Iterable[Metric]:
        for metric in self._read():
            if metric.name != _ACCEPTED_AT:
                yield metric
                continue
            at = max((sample.value for sample in metric.samples), default=0.0)
            since = math.nan if not at else time.monotonic() - at
            yield GaugeMetricFamily(_SINCE_ACCEPTED, _SINCE_ACCEPTED_TEXT, value=since)

    def _read(self) -> list[Metric]:
        for _ in range(_ATTEMPTS):
            # A worker that starts makes its files at this very moment, and one that ended may have them taken away.
            with suppress(OSError, ValueError, RuntimeError, struct.error):
                return list(self._files.collect())  # type: ignore[no-untyped-call]
            time.sleep(_MOMENT_SECONDS)
        return list(self._files.collect())  # type: ignore[no-untyped-call]


_ATTEMPTS = 10
_MOMENT_SECONDS = 0.02


class _Figures(Collector):
    """What is asked for when it is shown, and which each process knows."""

    def __init__(self) -> None:
        self._all: list[tuple[str, str, Callable[[], float]]] = []

    def add(self, name: str, text: str, figure: Callable[[], float]) -> None:
        self._all.append((name, text, figure))

    def collect(self) -> Iterable[Metric]:
        for name, text, figure in self._all:
            yield GaugeMetricFamily(name, text, value=figure())


_COMMIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
