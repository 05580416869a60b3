"""The `csp-collector` command: the running service and its database."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable
from typing import Any, TypeVar

import click

from collector.commands import backup, prune, reclassify, rules, views
from collector.commands.database import database_url_option as _database_url_option
from collector.commands.database import open_database as _open
from collector.settings import SECRET_SETTINGS, Settings, describe_settings, load_settings, shown_default
from collector.stopping import end_at_once
from policybuilder.cli.failures import run
from policybuilder.cli.options import format_option
from policybuilder.cli.output import console, count, hint, print_json, table
from policybuilder.program import site_flag, typed

_Command = TypeVar("_Command", bound=Callable[..., Any])


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
    # Nearly all that is loaded stays: to look through it for garbage, over and over, takes a sixth of the start.
    gc.disable()
    from collector.serving import serve as serve_until_told_to_stop  # noqa: PLC0415  (only serve needs the server)

    signal.signal(signal.SIGTERM, end_at_once)
    serve_until_told_to_stop(load_settings(**flags))


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
