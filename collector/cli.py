"""The `csp-collector` command: the running service and its database."""

from __future__ import annotations

import gc
import logging
import signal
from collections.abc import Callable
from importlib.metadata import version
from types import FrameType
from typing import Any, NoReturn, TypeVar

import click

from collector.commands import backup, prune, reclassify, rules, views
from collector.commands.database import database_url_option as _database_url_option
from collector.commands.database import open_database as _open
from collector.settings import SECRET_SETTINGS, Settings, describe_settings, load_settings, shown_default
from policybuilder.cli.failures import run
from policybuilder.cli.options import format_option
from policybuilder.cli.output import console, count, hint, print_json, table
from policybuilder.errors import EnvironmentFailedError, ExitCode
from policybuilder.program import site_flag, typed

logger = logging.getLogger(__name__)

_Command = TypeVar("_Command", bound=Callable[..., Any])

_GRACEFUL_SECONDS = 8
"""For requests under way when the service is told to stop; what is left then is cut, so that it ends within ten."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cspbuild", prog_name="csp-collector")
def command() -> None:
    """The report collector. Its settings are flags of serve, CSP_… variables, or lines of csp.toml, in this order."""


def _setting_options(function: _Command) -> _Command:
    """A flag for each setting but the secret ones: a command line can be read by every user of the machine."""
    for name, field in reversed(Settings.model_fields.items()):
        if name in SECRET_SETTINGS:
            continue
        flag = name.replace("_", "-")
        is_switch = field.annotation is bool
        description = field.description or ""
        function = click.option(
            f"--{flag}/--no-{flag}" if is_switch else f"--{flag}",
            name,
            default=None,
            metavar=None if is_switch else "VALUE",
            help=f"{description[:1].upper()}{description[1:]}.  [default: {shown_default(name)}]",
        )(function)
    return function


@command.command()
@_setting_options
def serve(**flags: Any) -> None:
    """Serve the report endpoint and the review pages until told to stop."""
    import uvicorn  # noqa: PLC0415  (only serve needs the server)

    from collector.app import create_service  # noqa: PLC0415  (the same)
    from collector.banner import banner  # noqa: PLC0415  (the same)
    from collector.ingest.connections import allow_connections  # noqa: PLC0415  (the same)
    from collector.ingest.protocol import bounded_protocol  # noqa: PLC0415  (the same)
    from collector.listening import AnnouncedServer, LocalPeers, listen, tls_context  # noqa: PLC0415  (the same)
    from collector.logs import set_up_logs  # noqa: PLC0415  (the same)
    from policybuilder.store.engine import parse_database_url  # noqa: PLC0415  (the same)

    signal.signal(signal.SIGTERM, _end)
    settings = load_settings(**flags)
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
    service = create_service(settings, has_writer_process=True)
    if settings.metrics_port:
        _serve_metrics(service.counters.registry, settings.host, settings.metrics_port)
    config = uvicorn.Config(
        LocalPeers(service.app),
        http=bounded_protocol(settings, service.counters),
        ws="none",
        ssl_context_factory=None if tls is None else lambda *_: tls,
        log_config=None,
        access_log=False,
        server_header=False,
        # Clients are told by our own rule, which knows the header of a CDN.
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
    )
    click.echo(banner(service))
    config.load()
    # What is loaded by now stays: to look through it for garbage, over and over, makes everybody wait for 0.1 s.
    gc.collect()
    gc.freeze()
    server = AnnouncedServer(config)
    server.run(sockets=listeners)
    if not server.started:
        raise EnvironmentFailedError("the service did not start; what it logged says why")


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End with 0 when told to: while starting, or when uvicorn raises the signal again, with everything answered.

    systemd would take a death by SIGTERM for a clean end too, but containers' supervisors show it as an error, 143.
    """
    raise SystemExit(ExitCode.DONE)


def _serve_metrics(registry: Any, host: str, port: int) -> None:
    from prometheus_client import start_http_server  # noqa: PLC0415  (only with a port of their own)

    try:
        start_http_server(port, host, registry)
    except OSError as error:
        raise EnvironmentFailedError(f"cannot serve metrics on port {port}: {error.strerror}") from None


@command.command("import")
@click.argument("files", metavar="FILE…", nargs=-1, required=True)
@click.option("--site", metavar="NAME", default="default", show_default=True, help="The site the reports are of.")
@click.option("--trusted", is_flag=True, help="They are your own recording: they add sources to the suggestion.")
@rules.rules_option
@_database_url_option
@format_option()
def import_(
    *,
    files: tuple[str, ...],
    site: str,
    database_url: str | None,
    output_format: str,
    trusted: bool,
    rules_file: str | None,
) -> None:
    """Import recorded reports: JSON lines, .gz, or - for standard input.

    A line is a raw report, or an object with body and, if known, content_type, received_at, user_agent, client; or a
    recorded request. A file imported twice counts once.
    """
    from collector.importing import import_files  # noqa: PLC0415  (only import needs ingest)
    from collector.progress import import_progress  # noqa: PLC0415  (the same)
    from policybuilder.store.engine import refresh_statistics  # noqa: PLC0415  (the same)
    from policybuilder.store.sites import key_for_import  # noqa: PLC0415  (the same)

    loaded = rules.rules_in_force(rules_file)
    engine = _open(database_url)
    key = key_for_import(engine, site)
    with import_progress() as on_progress:
        result = import_files(engine, key, list(files), is_trusted=trusted, rules=loaded, on_progress=on_progress)
    refresh_statistics(engine)
    if output_format == "json":
        print_json(
            "import",
            {
                "lines": result.lines,
                "reports": result.reports,
                "repeated_lines": result.repeated_lines,
                "newly_trusted_lines": result.newly_trusted_lines,
                "preflights": result.preflights,
                "rejected": dict(sorted(result.rejected.items())),
                "rejected_lines": dict(sorted(result.noted_lines.items())),
            },
        )
        return
    rows = [
        ("lines read", count(result.lines)),
        ("reports counted", count(result.reports)),
        ("lines counted before", count(result.repeated_lines)),
        ("lines now trusted", count(result.newly_trusted_lines)),
        ("preflights", count(result.preflights)),
    ]
    out = console()
    out.print(table("", ("", "number"), rows, numbers=["number"]))
    if result.rejected:
        rejected = [
            (reason, count(reports), " ".join(result.noted_lines.get(reason, ())))
            for reason, reports in sorted(result.rejected.items())
        ]
        out.print(table("Not counted", ("reason", "number", "first lines"), rejected, numbers=["number"]))
    hint(f"next: {typed('cspbuild')} summary{site_flag(site)}")


@command.command()
@_database_url_option
def migrate(database_url: str | None) -> None:
    """Create the database, or bring its schema up to date."""
    _open(database_url)
    hint("the database is up to date")


@command.command()
@format_option()
def config(output_format: str) -> None:
    """Every setting, its value, and where that comes from."""
    described = describe_settings(load_settings())
    if output_format == "json":
        print_json(
            "config", {"settings": {line.name: {"value": line.value, "from": line.origin} for line in described}}
        )
        return
    rows = [(line.name, line.value, line.origin, line.meaning) for line in described]
    console().print(table("", ("setting", "value", "from", "what it is"), rows))


command.add_command(backup.backup)
command.add_command(backup.restore)
command.add_command(prune.command)
command.add_command(reclassify.command)
command.add_command(rules.command)
command.add_command(views.command)


def main() -> None:
    """The console script."""
    run(command, "csp-collector")
