"""`python -m tests.oracle`: asks a browser about fresh cases, and compares the engine's answers."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.oracle import chromium, firefox
from tests.oracle.asking import Observed
from tests.oracle.recording import Disagreement, disagreements, item_of, kind_of, record
from tests.oracle.trials import MAKERS, make_cases

_ORACLES = {"chromium": chromium.run_oracle, "firefox": firefox.run_oracle}


@click.command()
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same cases.")
@click.option("--cases", type=click.IntRange(min=1), default=500, show_default=True, help="How many to make.")
@click.option(
    "--browser", type=click.Choice(list(_ORACLES)), default="chromium", show_default=True, help="Which to ask."
)
@click.option("--record", "is_recorded", is_flag=True, help="Add them to the recorded cases.")
@click.option("--keep", type=click.IntRange(min=1), default=30, show_default=True, help="Recorded cases of a kind.")
def main(*, seed: int, cases: int, browser: str, is_recorded: bool, keep: int) -> None:
    """Exits 1 when the engine disagrees with the browser, but for known differences."""
    with tempfile.TemporaryDirectory(prefix="oracle-") as directory, _ORACLES[browser](Path(directory)) as oracle:
        observed = oracle.ask(make_cases(seed, cases))
    found = disagreements(map(item_of, observed.observations))
    _print(observed, found)
    if is_recorded:
        quota = {name: keep * weight for name, (_, weight) in MAKERS.items()}
        record(map(item_of, observed.observations), browser, quota)
    if any(disagreement.known is None for disagreement in found):
        sys.exit(1)


def _print(observed: Observed, found: list[Disagreement]) -> None:
    console = Console(soft_wrap=True)
    table = Table("kind", "allow", "block", "agree", "known difference", "disagree", "unclear")
    verdicts = Counter((kind_of({"id": o.case.id}), o.verdict) for o in observed.observations)
    wrong = Counter((kind_of(d.item), d.known is not None) for d in found)
    unclear = Counter(kind_of({"id": left_out.case.id}) for left_out in observed.unclear)
    kinds = [*MAKERS, None]
    for kind in kinds:
        counts = [
            sum(count for (name, verdict), count in verdicts.items() if verdict == wanted and kind in {name, None})
            for wanted in ("allow", "block")
        ]
        known, unknown = (
            sum(count for (name, is_known), count in wrong.items() if is_known is wanted and kind in {name, None})
            for wanted in (True, False)
        )
        left_out = sum(count for name, count in unclear.items() if kind in {name, None})
        figures = (*counts, sum(counts) - known - unknown, known, unknown, left_out)
        if kind is None:
            table.add_section()
        table.add_row(kind or "all", *map(str, figures))
    console.print(table)
    for why, count in Counter(left_out.why for left_out in observed.unclear).most_common():
        console.print(f"left out, {why}: {count}", markup=False)
    for disagreement in found:
        if disagreement.known is None:
            console.print(str(disagreement), markup=False)


if __name__ == "__main__":
    main()
