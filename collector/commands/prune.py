"""`csp-collector prune`: what has been kept long enough goes, and old hours become days."""

from __future__ import annotations

import click

from collector.commands.database import database_url_option, open_existing_database
from policybuilder.cli.options import format_option
from policybuilder.cli.output import console, count, hint, print_json, table


@click.command("prune")
@database_url_option
@format_option()
def command(database_url: str | None, output_format: str) -> None:
    """Remove what has been kept long enough, and roll old hours up into days.

    A collector that is running does the same by itself every hour. It may be interrupted, and repeated.
    """
    from datetime import UTC, datetime  # noqa: PLC0415  (start-up of --help)

    from policybuilder.store.retention import prune  # noqa: PLC0415  (the same)

    pruned = prune(open_existing_database(database_url), datetime.now(UTC))
    if output_format == "json":
        print_json("prune", {"removed": dict(pruned.removed), "rolled_up": {"group_hour": pruned.rolled_up}})
        return
    rows = [(name, count(removed), "") for name, removed in pruned.removed.items() if removed and name != "group_hour"]
    if pruned.rolled_up or pruned.removed["group_hour"]:
        rows.append(("group_hour", count(pruned.removed["group_hour"]), count(pruned.rolled_up)))
    if not rows:
        hint("nothing is older than it may be")
        return
    columns = ("table", "rows removed", "rolled up into days")
    console().print(table("", columns, sorted(rows), numbers=columns[1:]))
