"""`python -m tests.benchmarks`: how fast things are, in times of something that everybody knows."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.benchmarks.commands import MUST_TIMES, Cost, measure_commands
from tests.benchmarks.engine import measure, memory_kept
from tests.benchmarks.evaluators import measure_evaluators
from tests.benchmarks.measuring import Row
from tests.benchmarks.pages import MUST_BYTES, MUST_MILLISECONDS, PageCost, measure_pages
from tests.benchmarks.population import EVERY_HOST_DIFFERENT, MANY_PATHS
from tests.benchmarks.storage import MUST_BYTES_PER_MILLION, Storage, measure_storage

_MEMORY_DECISIONS = 20_000
_MOST_BYTES_KEPT = 256 * 1024
_VIEWS = 15
"""Of each page."""


@click.command()
@click.option("--rounds", type=click.IntRange(min=3), default=25, show_default=True, help="Of each pair.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures there too."
)
@click.option("--runs", type=click.IntRange(min=1), default=3, show_default=True, help="Of each command.")
@click.option("--reports", type=click.IntRange(min=1), default=200_000, show_default=True, help="Stored and weighed.")
def main(*, rounds: int, json_file: Path | None, runs: int, reports: int) -> None:
    """Exits 1 when something takes longer, or more room, than it must."""
    console = Console(stderr=True)
    rows: list[Row] = []
    with console.status("measuring …"):
        for row in measure(rounds):
            console.print(f"{row.ratio:8.2f} ×  {row.name}", highlight=False)
            rows.append(row)
        kept = memory_kept(_MEMORY_DECISIONS)
    with console.status("evaluating policies, here and under node …"):
        evaluators = list(measure_evaluators(rounds))
    with console.status(f"storing {reports:,} reports …"):
        storage = measure_storage(reports)
    costs: list[Cost] = []
    for population in (MANY_PATHS, EVERY_HOST_DIFFERENT):
        with console.status(f"reading {population.groups:,} groups of {population.name} …"):
            costs += measure_commands(population, runs)
    with console.status(f"turning the pages of {MANY_PATHS.groups:,} groups …"):
        pages = list(measure_pages(MANY_PATHS, _VIEWS))
    _print_rows(rows)
    Console().print(f"{kept / 1024:,.0f} KiB more kept after {_MEMORY_DECISIONS:,} more decisions about other URLs")
    _print_rows(evaluators)
    _print_storage(storage)
    _print_costs(costs)
    _print_pages(pages)
    if json_file is not None:
        document = {
            "python": platform.python_version(),
            "rows": [asdict(row) for row in (*rows, *evaluators)],
            "bytes_kept": kept,
            "storage": asdict(storage),
            "commands": [{**asdict(cost), "must_times_for_more": MUST_TIMES} for cost in costs],
            "pages": [
                {**asdict(cost), "must_milliseconds": MUST_MILLISECONDS, "must_bytes": MUST_BYTES} for cost in pages
            ],
        }
        json_file.write_text(json.dumps(document, indent=1) + "\n")
    is_met = storage.is_met and all(row.is_met for row in rows) and all(cost.is_met for cost in costs)
    if kept > _MOST_BYTES_KEPT or not is_met or not all(cost.is_met for cost in pages):
        sys.exit(1)


def _print_rows(rows: Sequence[Row]) -> None:
    table = Table("what", "µs", "a second", "×", "must", "aim", title=f"in times of {rows[0].baseline}")
    for row in rows:
        limits = ("" if limit is None else f"{limit:g}" for limit in (row.must, row.aim))
        table.add_row(
            row.name, f"{row.microseconds:,.1f}", f"{1e6 / row.microseconds:,.0f}", f"{row.ratio:,.2f}", *limits
        )
    Console().print(table)


def _print_storage(storage: Storage) -> None:
    console = Console()
    console.print(
        f"{storage.bytes_per_million / 1e6:,.1f} MB for a million reports, after {storage.reports:,} of a week"
        f" (must: {MUST_BYTES_PER_MILLION / 1e6:,.0f}); {storage.bytes_added_by_repeats:,} bytes more after ten repeats"
    )
    table = Table("table, with its indexes", "MB", "share")
    for name, size in storage.bytes_by_table.items():
        if size >= storage.bytes_total / 100:
            table.add_row(name, f"{size / 1e6:,.2f}", f"{size / storage.bytes_total:.0%}")
    console.print(table)


def _print_costs(costs: Sequence[Cost]) -> None:
    table = Table(
        *(
            "command",
            "evidence",
            "s",
            "must",
            "of processors",
            "× sqlite3 and json",
            "× for 1,000 × the reports",
            "must",
        ),
        "peak MB",
        title="100,000 groups read, in seconds on the clock",
    )
    for cost in costs:
        table.add_row(
            *(cost.command, cost.population, f"{cost.seconds:.2f}"),
            "–" if cost.must_seconds is None else f"{cost.must_seconds:g}",
            f"{cost.processor_seconds:.2f}",
            *(f"{cost.ratio:.2f}", f"{cost.times_for_more:.2f}", f"{MUST_TIMES:g}", f"{cost.peak_bytes / 1e6:,.0f}"),
        )
    Console().print(table)


def _print_pages(pages: Sequence[PageCost]) -> None:
    table = Table(
        *("page", "rows", "best ms", "must", "middle ms", "kB", "must"),
        title="the list of 100,000 groups, of 10⁹ reports, as a browser gets it",
    )
    for cost in pages:
        table.add_row(
            *(cost.name, str(cost.rows), f"{cost.milliseconds:,.0f}", f"{MUST_MILLISECONDS:g}"),
            *(f"{cost.middle_milliseconds:,.0f}", f"{cost.bytes / 1e3:,.0f}", f"{MUST_BYTES / 1e3:g}"),
        )
    Console().print(table)


if __name__ == "__main__":
    main()
