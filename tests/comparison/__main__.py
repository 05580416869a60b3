"""`python -m tests.comparison`: what cspbuild and csp-toolkit make of the same reports."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from tests.comparison.comparing import compare
from tests.comparison.inputs import INPUTS
from tests.comparison.judging import Row
from tests.comparison.table import HEADINGS, cells, document, markdown, update
from tests.comparison.tools import peer_version

_BY_NAME = {given.name: given for given in INPUTS}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(_BY_NAME)), metavar="[INPUT]…")
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Leave the inputs there, in both formats, with what became of them.",
)
@click.option("--update", "is_updated", is_flag=True, help="Record the results and write them into the README.")
def main(*, names: tuple[str, ...], form: str, keep: Path | None, is_updated: bool) -> None:
    """Both tools on each input (or on all), and what their policies let in and break."""
    version = peer_version()
    if version is None:
        click.echo("csp-toolkit is not installed; run `make compare`, or pip install csp-toolkit", err=True)
        sys.exit(2)
    if is_updated and names:
        click.echo("only all inputs together can be recorded: leave out their names", err=True)
        sys.exit(2)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="comparison-") as scratch, Console(stderr=True).status("") as status:
        for given in [_BY_NAME[name] for name in names] or INPUTS:
            status.update(f"{given.name} …")
            directory = (keep or Path(scratch)) / given.name
            if directory.exists():
                raise click.UsageError(f"{directory} is there already; remove it, or keep them elsewhere")
            directory.mkdir(parents=True)
            rows += compare(given, directory)
    if is_updated:
        update(rows, version)
    match form:
        case "markdown":
            click.echo(markdown(rows), nl=False)
        case "json":
            click.echo(document(rows, version), nl=False)
        case _:
            _print(rows, version)


def _print(rows: list[Row], version: str) -> None:
    table = Table(box=box.HORIZONTALS, title=f"cspbuild beside csp-toolkit {version}")
    for heading in HEADINGS:
        table.add_column(heading, overflow="fold", justify="right" if heading == "bytes" else "left")
    for line in cells(rows):
        table.add_row(*line)
    Console().print(table)


if __name__ == "__main__":
    main()
