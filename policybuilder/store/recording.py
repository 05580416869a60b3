"""Writing evidence: a folded batch becomes one transaction."""

from __future__ import annotations

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from policybuilder.store import schema
from policybuilder.store.clock import DAY_MS
from policybuilder.store.engine import writing

MAX_PAGES_PER_GROUP = 50
MAX_POLICIES_PER_GROUP = 20
MAX_POLICIES_PER_SITE = 1_000
MAX_SAMPLES_PER_GROUP = 3
MAX_SCRIPT_HASHES_PER_SITE = 20_000

OTHER_PAGE = "(other)"
"""Stands for the pages beyond a group's bound, so that reporters there still count for prevalence."""

_T = TypeVar("_T")

_CHUNK = 400  # parameters of one IN (…): SQLite allows 32,766, and statements of a few hundred cache well


@dataclass(slots=True)
class Tally:
    """How often something was seen, and when first and last."""

    first_ms: int
    last_ms: int
    reports: int = 0
    trusted_reports: int = 0
    trusted_first_ms: int | None = None
    trusted_last_ms: int | None = None

    def add(self, at_ms: int, reports: int, trusted_reports: int) -> None:
        self.first_ms = min(self.first_ms, at_ms)
        self.last_ms = max(self.last_ms, at_ms)
        self.reports += reports
        self.trusted_reports += trusted_reports
        if trusted_reports:
            self.trusted_first_ms = at_ms if self.trusted_first_ms is None else min(self.trusted_first_ms, at_ms)
            self.trusted_last_ms = at_ms if self.trusted_last_ms is None else max(self.trusted_last_ms, at_ms)


@dataclass(slots=True)
class GroupDelta:
    """A group's description, and by how much its counts grow."""

    columns: Mapping[str, Any]
    """The descriptive columns of `violation_group`, as of its first report in the batch."""

    tally: Tally
    received_first_ms: int
    received_last_ms: int
    estimated_reports: int = 0
    """The reports, each times the number of visits that sampling made it stand for."""


@dataclass(slots=True)
class HourDelta:
    """A group's reports in one hour."""

    reports: int = 0
    trusted_reports: int = 0
    estimated_reports: int = 0


@dataclass(slots=True)
class NetworkDelta:
    """A client network's reports on one day."""

    reports: int = 0
    rehearsed_reports: int = 0


@dataclass(slots=True)
class Batch:
    """Reports folded together, ready for one transaction. Every key begins with the site."""

    groups: dict[tuple[str, str], GroupDelta] = field(default_factory=dict)
    hours: dict[tuple[str, str, int], HourDelta] = field(default_factory=dict)
    """By (site, fingerprint, hour)."""

    pages: dict[tuple[str, str, str], int] = field(default_factory=dict)
    policies: dict[tuple[str, str], tuple[str, Tally]] = field(default_factory=dict)
    """(site, digest) → (text, tally)."""

    group_policies: dict[tuple[str, str, str], Tally] = field(default_factory=dict)
    group_networks: set[tuple[str, str, int, str]] = field(default_factory=set)
    """(site, fingerprint, day, client network in the clear); hashed before it is written."""

    policy_networks: set[tuple[str, str, int, str]] = field(default_factory=set)
    """(site, policy digest, day, client network)."""

    networks: dict[tuple[str, int, str], NetworkDelta] = field(default_factory=dict)
    """By (site, day, client network)."""

    page_networks: set[tuple[str, str, str, int, str]] = field(default_factory=set)
    """(site, fingerprint, page, day, client network); the group only to apply its bound on pages."""

    samples: dict[tuple[str, str, str], tuple[str, int]] = field(default_factory=dict)
    """(site, fingerprint, digest) → (JSON, milliseconds)."""

    unbounded: set[tuple[str, str, str]] = field(default_factory=set)
    """(site, fingerprint, page or policy digest) of trusted evidence: no flood of strangers' may crowd it out."""

    script_hashes: dict[tuple[str, str, str], tuple[str, Tally]] = field(default_factory=dict)
    """(site, script URL, hash) → (destination, tally)."""

    def __bool__(self) -> bool:
        return bool(self.groups or self.script_hashes)


@dataclass(frozen=True, slots=True)
class ClaimedLines:
    """Which lines of a file are counted for the first time, and which only become trusted."""

    new: frozenset[bytes]
    newly_trusted: Mapping[bytes, int]
    """Digest → when the line was counted, in milliseconds."""


class Recording:
    """One transaction that adds evidence."""

    def __init__(self, connection: Connection, now_ms: int) -> None:
        self._connection = connection
        self._now_ms = now_ms
        self._insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        self._least = func.least if connection.dialect.name == "postgresql" else func.min
        self._greatest = func.greatest if connection.dialect.name == "postgresql" else func.max

    def claim_lines(self, site: str, digests: Sequence[bytes], *, is_trusted: bool) -> ClaimedLines:
        """Mark lines of an imported file as counted; atomic, so two imports at once share them out."""
        if not digests:
            return ClaimedLines(frozenset(), {})
        table = _table(schema.SeenLineRow)
        new: set[bytes] = set()
        trusted: dict[bytes, int] = {}
        for chunk in _chunks(sorted(digests)):
            rows = [
                {"site": site, "digest": digest, "is_trusted": is_trusted, "seen_at_ms": self._now_ms}
                for digest in chunk
            ]
            inserted = self._insert(table).values(rows).on_conflict_do_nothing().returning(table.c.digest)
            new.update(bytes(digest) for digest in self._connection.scalars(inserted))
            if is_trusted and len(new) < len(digests):
                raised = (
                    update(table)
                    .where(table.c.site == site, table.c.digest.in_(chunk), table.c.is_trusted.is_(False))
                    .values(is_trusted=True)
                    .returning(table.c.digest, table.c.seen_at_ms)
                )
                trusted.update((bytes(digest), seen_at_ms) for digest, seen_at_ms in self._connection.execute(raised))
        return ClaimedLines(frozenset(new), trusted)

    def record(self, batch: Batch) -> None:
        """Add a batch. Rows go in the order of their keys, so that two writers cannot wait for each other."""
        self._groups(batch)
        self._upsert(
            schema.GroupHourRow,
            [
                {"site": site, "fingerprint": fingerprint, "hour": hour, **asdict(delta)}
                for (site, fingerprint, hour), delta in sorted(batch.hours.items(), key=_by_key)
            ],
            add=("reports", "trusted_reports", "estimated_reports"),
        )
        kept_pages = self._pages(batch)
        known_policies = self._policies(batch)
        self._reporters(batch, kept_pages, known_policies)
        self._samples(batch)
        self._script_hashes(batch)

    def _groups(self, batch: Batch) -> None:
        self._upsert(
            schema.GroupRow,
            [
                {
                    **delta.columns,
                    "site": site,
                    "fingerprint": fingerprint,
                    **_seen(delta.tally),
                    "estimated_reports": delta.estimated_reports,
                    "received_first_ms": delta.received_first_ms,
                    "received_last_ms": delta.received_last_ms,
                }
                for (site, fingerprint), delta in sorted(batch.groups.items(), key=_by_key)
            ],
            add=("reports", "trusted_reports", "estimated_reports"),
        )

    def _pages(self, batch: Batch) -> set[tuple[str, str, str]]:
        """Count pages within each group's bound; returns those that are kept."""
        kept = self._within_bound(schema.GroupPageRow, "page", list(batch.pages), MAX_PAGES_PER_GROUP, batch.unbounded)
        self._upsert(
            schema.GroupPageRow,
            [
                {
                    "site": site,
                    "fingerprint": fingerprint,
                    "page": page,
                    "reports": batch.pages[site, fingerprint, page],
                }
                for site, fingerprint, page in sorted(kept)
            ],
            add=("reports",),
        )
        return kept

    def _policies(self, batch: Batch) -> set[tuple[str, str]]:
        """Count policies within the site's bound; returns (site, digest) of those that are kept."""
        known: set[tuple[str, str]] = set()
        table = _table(schema.PolicyRow)
        for site in sorted({site for site, _ in batch.policies}):
            wanted = sorted(digest for at, digest in batch.policies if at == site)
            present = {
                digest
                for chunk in _chunks(wanted)
                for digest in self._connection.scalars(
                    select(table.c.digest).where(table.c.site == site, table.c.digest.in_(chunk))
                )
            }
            fresh = [digest for digest in wanted if digest not in present]
            if fresh:
                count = self._connection.scalar(select(func.count()).select_from(table).where(table.c.site == site))
                room = max(0, MAX_POLICIES_PER_SITE - (count or 0))
                vouched = [digest for digest in fresh if batch.policies[site, digest][1].trusted_reports]
                fresh = [*vouched, *(digest for digest in fresh if digest not in vouched)][: max(room, len(vouched))]
            known.update((site, digest) for digest in (*present, *fresh))
        self._upsert(
            schema.PolicyRow,
            [
                {"site": site, "digest": digest, "text": text, **_seen(tally)}
                for (site, digest), (text, tally) in sorted(batch.policies.items(), key=_by_key)
                if (site, digest) in known
            ],
            add=("reports", "trusted_reports"),
        )
        kept = self._within_bound(
            schema.GroupPolicyRow,
            "policy_digest",
            [key for key in batch.group_policies if (key[0], key[2]) in known],
            MAX_POLICIES_PER_GROUP,
            batch.unbounded,
        )
        self._upsert(
            schema.GroupPolicyRow,
            [
                {
                    "site": site,
                    "fingerprint": fingerprint,
                    "policy_digest": digest,
                    **_seen(batch.group_policies[site, fingerprint, digest]),
                    "trusted_first_ms": batch.group_policies[site, fingerprint, digest].trusted_first_ms,
                    "trusted_last_ms": batch.group_policies[site, fingerprint, digest].trusted_last_ms,
                }
                for site, fingerprint, digest in sorted(kept)
            ],
            add=("reports", "trusted_reports"),
        )
        return known

    def _reporters(self, batch: Batch, kept_pages: set[tuple[str, str, str]], known: set[tuple[str, str]]) -> None:
        """Count client networks, unrecognisably; `known` are the policies that are kept."""
        days = {(site, day) for site, day, _ in batch.networks}
        keys = {(site, day): self._reporter_key(site, day) for site, day in sorted(days)}
        hashed: dict[tuple[str, int, int], NetworkDelta] = {}
        for (site, day, network), delta in batch.networks.items():
            total = hashed.setdefault((site, day, hash_network(network, keys[site, day])), NetworkDelta())
            total.reports += delta.reports
            total.rehearsed_reports += delta.rehearsed_reports
        self._upsert(
            schema.NetworkDayRow,
            [
                {"site": site, "day": day, "network": network, **asdict(delta)}
                for (site, day, network), delta in sorted(hashed.items(), key=_by_key)
            ],
            add=("reports", "rehearsed_reports"),
        )
        self._upsert_networks(
            schema.GroupReporterRow,
            "fingerprint",
            {
                (site, fingerprint, day, hash_network(network, keys[site, day]))
                for site, fingerprint, day, network in batch.group_networks
            },
        )
        self._upsert_networks(
            schema.PolicyReporterRow,
            "policy_digest",
            {
                (site, digest, day, hash_network(network, keys[site, day]))
                for site, digest, day, network in batch.policy_networks
                if (site, digest) in known
            },
        )
        self._upsert_networks(
            schema.PageReporterRow,
            "page",
            {
                (
                    site,
                    page if (site, fingerprint, page) in kept_pages else OTHER_PAGE,
                    day,
                    hash_network(network, keys[site, day]),
                )
                for site, fingerprint, page, day, network in batch.page_networks
            },
        )

    def _upsert_networks(self, row: type[SQLModel], member: str, keys: Collection[tuple[str, str, int, int]]) -> None:
        self._upsert(
            row,
            [
                {"site": site, member: value, "day": day, "network": network}
                for site, value, day, network in sorted(keys)
            ],
        )

    def _reporter_key(self, site: str, day: int) -> bytes:
        """The key of a day, made when first needed.

        It lives until the end of its day, or, for a day that lies in the past (an import), until the end of today.
        """
        table = _table(schema.ReporterKeyRow)
        expires_at_ms = (max(day, self._now_ms // DAY_MS) + 1) * DAY_MS
        statement = self._insert(table).values(
            site=site, day=day, key=secrets.token_bytes(32), expires_at_ms=expires_at_ms
        )
        # The change changes nothing, but it returns and locks the row: a neighbour whose clock has passed midnight
        # already cannot delete the key between two statements of ours.
        kept = statement.on_conflict_do_update(
            index_elements=[table.c.site, table.c.day], set_={"key": table.c.key}
        ).returning(table.c.key)
        return bytes(self._connection.execute(kept).scalar_one())

    def _samples(self, batch: Batch) -> None:
        kept = self._within_bound(schema.SampleRow, "digest", list(batch.samples), MAX_SAMPLES_PER_GROUP)
        self._upsert(
            schema.SampleRow,
            [
                {
                    "site": site,
                    "fingerprint": fingerprint,
                    "digest": digest,
                    "report": batch.samples[site, fingerprint, digest][0],
                    "seen_at_ms": batch.samples[site, fingerprint, digest][1],
                }
                for site, fingerprint, digest in sorted(kept)
            ],
        )

    def _script_hashes(self, batch: Batch) -> None:
        if not batch.script_hashes:
            return
        table = _table(schema.ScriptHashRow)
        room = {
            site: MAX_SCRIPT_HASHES_PER_SITE
            - (self._connection.scalar(select(func.count()).select_from(table).where(table.c.site == site)) or 0)
            for site in sorted({site for site, _, _ in batch.script_hashes})
        }
        self._upsert(
            schema.ScriptHashRow,
            [
                {
                    "site": site,
                    "script_url": url,
                    "hash": digest,
                    "destination": destination,
                    "first_seen_ms": tally.first_ms,
                    "last_seen_ms": tally.last_ms,
                    "reports": tally.reports,
                }
                for (site, url, digest), (destination, tally) in sorted(
                    batch.script_hashes.items(), key=lambda item: item[0]
                )
                if room[site] > 0
            ],
            add=("reports",),
        )

    def _within_bound(
        self,
        row: type[SQLModel],
        member: str,
        keys: list[tuple[str, str, str]],
        bound: int,
        unbounded: Collection[tuple[str, str, str]] = (),
    ) -> set[tuple[str, str, str]]:
        """Of `keys` (site, fingerprint, member), those that are there already or still find room in their group."""
        table = _table(row)
        present: dict[tuple[str, str], set[str]] = defaultdict(set)
        wanted: dict[str, set[str]] = defaultdict(set)
        for site, fingerprint, _ in keys:
            wanted[site].add(fingerprint)
        for site, fingerprints in sorted(wanted.items()):
            for chunk in _chunks(sorted(fingerprints)):
                for fingerprint, value in self._connection.execute(
                    select(table.c.fingerprint, table.c[member]).where(
                        table.c.site == site, table.c.fingerprint.in_(chunk)
                    )
                ):
                    present[site, fingerprint].add(value)
        kept: set[tuple[str, str, str]] = set()
        for site, fingerprint, value in keys:
            members = present[site, fingerprint]
            if value in members or len(members) < bound or (site, fingerprint, value) in unbounded:
                members.add(value)
                kept.add((site, fingerprint, value))
        return kept

    def _upsert(self, row: type[SQLModel], rows: list[dict[str, Any]], *, add: Iterable[str] = ()) -> None:
        """Insert rows; where one is there, add up the `add` columns and widen first and last seen."""
        if not rows:
            return
        table = _table(row)
        statement = self._insert(table)
        changes: dict[str, Any] = {name: table.c[name] + statement.excluded[name] for name in add}
        if changes and "first_seen_ms" in table.c:
            changes["first_seen_ms"] = self._least(table.c.first_seen_ms, statement.excluded.first_seen_ms)
            changes["last_seen_ms"] = self._greatest(table.c.last_seen_ms, statement.excluded.last_seen_ms)
        if changes and "received_first_ms" in table.c:
            changes["received_first_ms"] = self._least(table.c.received_first_ms, statement.excluded.received_first_ms)
            changes["received_last_ms"] = self._greatest(table.c.received_last_ms, statement.excluded.received_last_ms)
        if changes and "trusted_first_ms" in table.c:
            for name, extreme in (("trusted_first_ms", self._least), ("trusted_last_ms", self._greatest)):
                # SQLite's MIN and MAX of a NULL are NULL: what is known on one side stands in for the other.
                old, new = table.c[name], statement.excluded[name]
                changes[name] = extreme(func.coalesce(old, new), func.coalesce(new, old))
        keys = [column.name for column in table.primary_key]
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=keys, set_=changes)
            if changes
            else statement.on_conflict_do_nothing(),
            rows,
        )


@contextmanager
def recording(engine: Engine, now_ms: int) -> Iterator[Recording]:
    """A transaction that is committed at the end of the block, or not at all.

    It forgets first, so that nobody is recognised by a key whose day is over, whoever writes and however seldom.
    """
    with writing(engine).begin() as connection:
        _forget_reporter_keys(connection, now_ms)
        yield Recording(connection, now_ms)


def record(engine: Engine, batch: Batch, now_ms: int) -> None:
    """Add one batch, durably, in one transaction."""
    if batch:
        with recording(engine, now_ms) as transaction:
            transaction.record(batch)


def forget_reporter_keys(engine: Engine, now_ms: int) -> int:
    """Delete the keys whose day is over: from then on reporters cannot be recognised. Returns how many."""
    with writing(engine).begin() as connection:
        return _forget_reporter_keys(connection, now_ms)


def _forget_reporter_keys(connection: Connection, now_ms: int) -> int:
    table = _table(schema.ReporterKeyRow)
    return connection.execute(delete(table).where(table.c.expires_at_ms <= now_ms)).rowcount


def hash_network(network: str, key: bytes) -> int:
    """A client network as it is stored: 64 bits, signed as SQL integers are."""
    digest = hashlib.blake2b(network.encode(), digest_size=8, key=key).digest()
    return int.from_bytes(digest, "big", signed=True)


def _seen(tally: Tally) -> dict[str, int]:
    return {
        "first_seen_ms": tally.first_ms,
        "last_seen_ms": tally.last_ms,
        "reports": tally.reports,
        "trusted_reports": tally.trusted_reports,
    }


def _by_key(item: tuple[_T, Any]) -> _T:
    return item[0]


def _table(row: type[SQLModel]) -> Table:
    return SQLModel.metadata.tables[str(row.__tablename__)]


def _chunks(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
