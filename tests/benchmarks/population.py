"""A population: evidence as a busy site has it after five days, with many distinct groups.

The model: hosts of uneven popularity, each of one or a few kinds and with many paths; pages and client networks of
uneven popularity too. A tenth is noise, a fiftieth inline code, and as much was rehearsed. Most groups were reported
once or twice, a few very often.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector.ingest.folding import Observation, fold
from policybuilder.csp import SampleExtent, Violation
from policybuilder.evidence import EvidenceClass
from policybuilder.reports.noise import Classification
from policybuilder.store.batch import Batch
from policybuilder.store.clock import HOUR_MS, to_ms
from policybuilder.store.recording import record
from policybuilder.store.sites import open_sites
from tests.support.evidence import ORIGIN, make_violation

UNTIL = datetime(2026, 11, 21, tzinfo=UTC)
"""The clock to read the evidence by."""

_HOURS = 120
_FROM = UNTIL - timedelta(hours=_HOURS)
_PAGES = 3_000
_NETWORKS = 5_000
_MOST_REPORTS = 300
_OBSERVATIONS_PER_COMMIT = 20_000

_KINDS = ("img-src", "script-src-elem", "style-src-elem", "font-src", "connect-src", "frame-src", "media-src")
_GENUINE = Classification(EvidenceClass.GENUINE, "no-noise-rule")
_NOISE = (
    Classification(EvidenceClass.EXTENSION, "extension-scheme", "an extension in the visitor's browser"),
    Classification(EvidenceClass.INJECTED, "injected-host", "put into the page on its way"),
    Classification(EvidenceClass.BOT, "bot-agent", "a program's visit"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """What a database of groups is made of."""

    name: str
    groups: int
    hosts: int
    is_a_sites: bool = True
    """Whether a site may have it; if not, somebody forged it."""


MANY_PATHS = Population(name="6,000 sources", groups=100_000, hosts=1_000)
EVERY_HOST_DIFFERENT = Population(name="70,000 sources", groups=100_000, hosts=60_000, is_a_sites=False)
"""Nobody's site, but a forger's flood of one, which the usual budget for new groups takes twenty hours to let in."""


def store(population: Population, path: Path) -> None:
    """Record the population in a database of its own; as if imported, since a collector's budget lets less in."""
    engine = open_sites(f"sqlite:///{path}", _FROM)
    observations = observations_of(population)
    while portion := list(itertools.islice(observations, _OBSERVATIONS_PER_COMMIT)):
        batch = Batch()
        for observation in portion:
            fold(batch, observation)
        record(engine, batch, to_ms(UNTIL))
    engine.dispose()


def observations_of(population: Population, seed: int = 1) -> Iterator[Observation]:
    """The reports, the same ones each time: four for each group on average."""
    chance = random.Random(seed)  # noqa: S311  (traffic, not secrets)
    for number in range(population.groups):
        violation, classification = _violation(chance, population, number)
        is_trusted = chance.random() < 0.02
        for _ in range(min(_MOST_REPORTS, int(chance.paretovariate(1.2)))):
            at_ms = to_ms(_FROM) + int(chance.random() * _HOURS * HOUR_MS)
            network = _one_of(chance, _NETWORKS)
            page = f"{ORIGIN}/catalogue/{_one_of(chance, _PAGES)}"
            yield Observation(
                site="default",
                violation=dataclasses.replace(violation, document_uri=page),
                classification=classification,
                seen_at_ms=at_ms,
                received_at_ms=at_ms,
                network=f"10.{network // 250}.{network % 250}.0/24",
                is_trusted=is_trusted,
                is_imported=True,
            )


def _violation(chance: random.Random, population: Population, number: int) -> tuple[Violation, Classification]:
    what = chance.random()
    if what < 0.02:
        directive = chance.choice(("script-src-elem", "script-src-attr", "style-src-elem"))
        sample, extent = f"render({number})", SampleExtent.WHOLE
        return make_violation(directive, "inline", sample=sample, sample_extent=extent), _GENUINE
    host = _one_of(chance, population.hosts)
    # A host has its kind, and a few serve others too.
    kind = _KINDS[(host if what < 0.8 else number) % len(_KINDS)]
    blocked = f"https://h{host % 7}.vendor{host // 7}.example/{number % 12}/assets/{number}.js"
    classification = chance.choice(_NOISE) if what > 0.9 else _GENUINE
    return make_violation(kind, blocked), classification


def _one_of(chance: random.Random, number: int) -> int:
    """A number below `number`; the first ones are the popular ones."""
    return int(number * chance.random() ** 3)


_COUNTS = ("reports", "trusted_reports", "estimated_reports")


def multiply(path: Path, by: int) -> None:
    """Let every group stand for so many times the reports."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
            if counted := [name for name in _COUNTS if name in columns]:
                changes = ", ".join(f"{name} = {name} * {by}" for name in counted)
                connection.execute(f"UPDATE {table} SET {changes}")  # noqa: S608  (names of our own schema)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
