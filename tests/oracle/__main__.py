"""`python -m tests.oracle`: asks a browser about fresh cases, and compares the engine's answers."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import click
from rich.console import Console

from tests.oracle import chromium, firefox
from tests.oracle.asking import Observed
from tests.oracle.recording import Disagreement, differences, disagreements, item_of, kind_of, record
from tests.oracle.trials import MAKERS, make_cases

_ORACLES = {"chromium": chromium.run_oracle, "firefox": firefox.run_oracle}

# What the browser did, in how many cases the engine says otherwise, for a known reason or not, and what was left out.
_COLUMNS = ("allow", "block", "disagree", "known", "unclear")


@click.command()
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same cases.")
@click.option("--cases", type=click.IntRange(min=1), default=500, show_default=True, help="How many to make.")
@click.option(
    "--browser", type=click.Choice(list(_ORACLES)), default="chromium", show_default=True, help="Which to ask."
)
@click.option("--record", "is_recorded", is_flag=True, help="Add them to the recorded cases.")
@click.option("--keep", type=click.IntRange(min=1), default=30, show_default=True, help="Recorded cases of a kind.")
@click.option("--differences", "is_compared", is_flag=True, help="Ask all browsers, print where they differ.")
def main(*, seed: int, cases: int, browser: str, is_recorded: bool, keep: int, is_compared: bool) -> None:
    """Exits 1 when the engine disagrees with the browser, but for known differences."""
    if is_compared:
        for item in differences(seen for name in _ORACLES for seen in _ask(name, seed, cases).observations):
            click.echo(json.dumps(item, ensure_ascii=False))
        return
    observed = _ask(browser, seed, cases)
    found = disagreements(map(item_of, observed.observations))
    _print(observed, found)
    if is_recorded:
        quota = {name: keep * weight for name, (_, weight) in MAKERS.items()}
        record(map(item_of, observed.observations), browser, quota)
    if any(disagreement.known is None for disagreement in found):
        sys.exit(1)


def _ask(browser: str, seed: int, count: int) -> Observed:
    with tempfile.TemporaryDirectory(prefix="oracle-") as directory, _ORACLES[browser](Path(directory)) as oracle:
        return oracle.ask(make_cases(seed, count, browser))


def _print(observed: Observed, found: list[Disagreement]) -> None:
    counts: dict[str, Counter[str]] = {name: Counter() for name in (*MAKERS, "all")}

    def count(kind: str, what: str) -> None:
        for name in (kind, "all"):
            counts[name][what] += 1

    for observation in observed.observations:
        count(observation.case.kind, observation.verdict)
    for disagreement in found:
        count(kind_of(disagreement.item), "disagree" if disagreement.known is None else "known")
    for left_out in observed.unclear:
        count(left_out.case.kind, "unclear")
    console = Console(soft_wrap=True)
    console.print(f"{'kind':28}" + "".join(f"{column:>10}" for column in _COLUMNS), highlight=False)
    for name, figures in counts.items():
        console.print(f"{name:28}" + "".join(f"{figures[column]:10}" for column in _COLUMNS), highlight=False)
    for why, number in Counter(left_out.why for left_out in observed.unclear).most_common():
        console.print(f"unclear because {why}: {number}", markup=False, highlight=False)
    for disagreement in found:
        if disagreement.known is None:
            console.print(str(disagreement), markup=False, highlight=False)


if __name__ == "__main__":
    main()
