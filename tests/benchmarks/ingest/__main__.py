"""`python -m tests.benchmarks.ingest`: how fast reports are taken, beside servers that do less."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from tests.benchmarks.ingest.measuring import CONNECTIONS, Contender, NoLoadError, Row, compare
from tests.benchmarks.ingest.servers import Server, baseline, collector, go_csp_collector
from tests.support.postgres import run_postgres

_MUST_P99_MS = 10.0
_MUST_BYTES = 150_000_000
_README = Path(__file__).parents[3] / "README.md"
_BEGIN, _END = "<!-- ingest -->", "<!-- /ingest -->"


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--seconds", type=click.IntRange(min=1), default=5, show_default=True, help="Of each run.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures there too."
)
@click.option(
    "--go-csp-collector",
    "go_program",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Measure this binary too.",
)
@click.option("--update", "is_updated", is_flag=True, help="Write the table into the README.")
def main(*, rounds: int, seconds: int, json_file: Path | None, go_program: Path | None, is_updated: bool) -> None:
    """Exits 1 when something is slower, or takes more room, than it must."""
    with ExitStack() as stack, Console(stderr=True).status("measuring …"):
        postgres = stack.enter_context(run_postgres(_scratch(stack), fsync=True))
        contenders = _contenders(postgres.create_database, go_program)
        try:
            rows = list(compare(contenders, rounds=rounds, seconds=seconds))
        except NoLoadError as error:
            raise click.ClickException(str(error)) from None
    table = Table(*_HEADINGS, box=box.HORIZONTALS, title=f"reports posted over {CONNECTIONS} connections")
    for row in rows:
        table.add_row(*_cells(row))
    Console().print(table)
    if json_file is not None:
        document = {"python": platform.python_version(), "cores": os.cpu_count(), "rows": [asdict(row) for row in rows]}
        json_file.write_text(json.dumps(document, indent=1) + "\n")
    if is_updated:
        _update(rows)
    if not all(map(_is_met, rows)):
        sys.exit(1)


def _contenders(new_database: Callable[[], str], go_program: Path | None) -> Sequence[Contender]:
    def started(name: str) -> Callable[[ExitStack], Server]:
        return lambda stack: stack.enter_context(baseline(name, _scratch(stack)))

    def ours(stack: ExitStack) -> Server:
        return stack.enter_context(collector(_scratch(stack)))

    def ours_on_postgresql(stack: ExitStack) -> Server:
        return stack.enter_context(collector(_scratch(stack), new_database()))

    contenders = [
        Contender(name="uvicorn, raw ASGI: 204, nothing stored", start=started("nothing")),
        Contender(name="FastAPI, SQLModel: a commit a report", start=started("tutorial")),
        Contender(name="csp-collector, SQLite", start=ours, must=0.5, aim=0.65),
        Contender(name="csp-collector, PostgreSQL", start=ours_on_postgresql, must=0.35, aim=0.48),
        Contender(name="csp-collector, SQLite, batches of 50", start=ours, batch=50),
    ]
    if go_program is not None:
        contenders.append(
            Contender(
                name="go-csp-collector: a line logged",
                start=lambda stack: stack.enter_context(go_csp_collector(go_program, _scratch(stack))),
            )
        )
    return contenders


def _scratch(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cspbuild-bench-")))


def _is_met(row: Row) -> bool:
    if row.must is None:
        return True
    return row.is_met and row.p99_ms <= _MUST_P99_MS and row.resident_bytes <= _MUST_BYTES and not row.refused


_HEADINGS = ("server", "requests/s", "×", "must", "aim", "reports/s", "p99 ms", "CPU µs a request", "MB", "refused")


def _cells(row: Row) -> Sequence[str]:
    return (
        row.name,
        f"{row.per_second:,.0f}",
        f"{row.ratio:.2f}",
        *("" if limit is None else f"{limit:g}" for limit in (row.must, row.aim)),
        f"{row.reports_per_second:,.0f}",
        f"{row.p99_ms:.1f}",
        f"{row.cpu_microseconds:.0f}",
        f"{row.resident_bytes / 1e6:.0f}",
        f"{row.refused}",
    )


def _update(rows: Sequence[Row]) -> None:
    lines = [_HEADINGS, ("---", *("--:" for _ in _HEADINGS[1:])), *map(_cells, rows)]
    # What it must be and is to be concerns those who work on it.
    shown = [place for place, heading in enumerate(_HEADINGS) if heading not in {"must", "aim"}]
    table = "\n".join(f"| {' | '.join(line[place] for place in shown)} |" for line in lines)
    text = _README.read_text()
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    _README.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{after}")


if __name__ == "__main__":
    main()
