"""Serving: the service in this process, or in several below one that looks after them."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import ssl
from importlib.metadata import version
from typing import Any

import uvicorn

from collector.app import create_service
from collector.banner import banner
from collector.forking import fork
from collector.ingest.connections import allow_connections
from collector.ingest.counters import IngestCounters
from collector.ingest.process_writer import OwnWriter
from collector.ingest.protocol import bounded_protocol
from collector.ingest.writer_process import fork_writer
from collector.listening import AnnouncedServer, LocalPeers, listen, tls_context
from collector.logs import set_up_logs
from collector.settings import Settings
from collector.supervising import Place, supervise
from policybuilder.cli.failures import tell
from policybuilder.errors import EnvironmentFailedError, ExitCode
from policybuilder.store.engine import open_for_writing, open_migrated, parse_database_url

logger = logging.getLogger(__name__)

_GRACEFUL_SECONDS = 8
"""For requests under way when the service is told to stop; what is left then is cut, so that it ends within ten."""


def serve(settings: Settings) -> None:
    """Serve until told to stop. Raises CspbuildError or EnvironmentFailedError saying what is in the way."""
    set_up_logs(settings.log_format, settings.log_level)
    logger.info(
        "csp-collector %(version)s starts with %(database)s, %(settings)d settings changed",
        {
            "version": version("cspbuild"),
            "database": parse_database_url(settings.database_url).get_backend_name(),
            "settings": len(settings.model_fields_set),
        },
    )
    connections = allow_connections(settings.max_connections)
    if connections < settings.max_connections:
        logger.warning(
            "only %(connections)d connections: the system grants no more open files; see  ulimit -Hn",
            {"connections": connections},
        )
    settings = settings.model_copy(update={"max_connections": connections})
    tls = tls_context(settings)
    listeners, settings = listen(settings)
    _migrate(settings.database_url)
    # The driver is loaded once, for whoever is forked.
    open_migrated(settings.database_url).dispose()
    # What is loaded by now stays: to look through it for garbage, over and over, makes everybody wait for 0.1 s.
    gc.collect()
    gc.freeze()
    gc.enable()
    if settings.workers == 1:
        # Before there are threads; and with the memory of what is loaded, which a program of its own would have again.
        first = fork_writer(listeners)
        place = Place(1, OwnWriter(settings.log_format, settings.log_level, first=first), AnnouncedServer)
        _serve_at(place, settings, listeners, tls)
    else:
        supervise(settings, lambda place: _serve_at(place, settings, listeners, tls))


def _migrate(database_url: str) -> None:
    """Bring the schema up to date in a process of its own: what that loads, a service has no use for any more.

    Raises SystemExit with the exit code where that cannot be; the reason is said already.
    """

    def migrate() -> int:
        # Who is told to stop by then has not migrated, and must not end with 0.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            open_for_writing(database_url).dispose()
        except Exception as error:
            told = tell(error, "csp-collector")
            if told is None:
                raise
            return told
        return ExitCode.DONE

    if code := fork(migrate).wait():
        raise SystemExit(code if code > 0 else 1)


def _serve_at(place: Place, settings: Settings, listeners: list[socket.socket], tls: ssl.SSLContext | None) -> None:
    """Serve in this process; the first tells the operator what to know, and shows the figures on a port of theirs."""
    is_first = place.number == 1
    counters = IngestCounters(place.shared_counters)
    service = create_service(settings, writer_home=place.writer, counters=counters)
    if settings.metrics_port and is_first:
        _serve_metrics(counters.registry, settings.host, settings.metrics_port)
    config = uvicorn.Config(
        LocalPeers(service.app),
        http=bounded_protocol(settings, counters, service.whole_reports),
        ws="none",
        ssl_context_factory=None if tls is None else lambda *_: tls,
        log_config=None,
        access_log=False,
        server_header=False,
        # Clients are told by our own rule, which knows the header of a CDN.
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
    )
    if is_first:
        print(banner(service), flush=True)  # noqa: T201  (of the command line's last step)
    config.load()
    gc.collect()
    gc.freeze()
    server = place.make_server(config)
    server.run(sockets=listeners)
    if not server.started:
        raise EnvironmentFailedError("the service did not start; what it logged says why")


def _serve_metrics(registry: Any, host: str, port: int) -> None:
    from prometheus_client import start_http_server  # noqa: PLC0415  (only with a port of their own)

    try:
        start_http_server(port, host, registry)
    except OSError as error:
        raise EnvironmentFailedError(f"cannot serve metrics on port {port}: {error.strerror}") from None
