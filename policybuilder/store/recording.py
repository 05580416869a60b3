"""Writing evidence: a folded batch becomes one transaction."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from sqlalchemy import (
    ColumnCollection,
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    bindparam,
    case,
    collate,
    delete,
    func,
    not_,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.sql import ClauseElement
from sqlmodel import SQLModel

from policybuilder.evidence import OTHER
from policybuilder.store import schema
from policybuilder.store.batch import UNKNOWN_LINE, Batch, NetworkDelta, Tally
from policybuilder.store.clock import DAY_MS
from policybuilder.store.engine import writing
from policybuilder.store.forgetting import forget_keys
from policybuilder.store.growth import Growth, Kind
from policybuilder.store.nonces import Met, watch
from policybuilder.store.prepared import Prepared, Together, inserted
from policybuilder.store.recollection import MAX_SAMPLES_PER_GROUP, Recollection
from policybuilder.store.streams import Position, advance
from policybuilder.store.tables import chunks, given_texts, insert_into, table_of

MAX_PAGES_PER_GROUP = 50
MAX_POLICIES_PER_GROUP = 20
MAX_POLICIES_PER_SITE = 1_000
MAX_SCRIPT_HASHES_PER_SITE = 20_000

DEADLOCK = "40P01"
"""https://www.postgresql.org/docs/current/errcodes-appendix.html: whoever is told so may try again."""

_MAX_ATTEMPTS = 5

_DESCRIBING = ("source_file", "line_number", "rule", "reason")
"""Columns in which reports of one group may differ."""

_Columns = ColumnCollection[str, Any]
_T = TypeVar("_T")


class InDoubtError(SQLAlchemyError):
    """The database was asked to commit and could not answer: the transaction may be stored, or not."""


@dataclass(frozen=True, slots=True)
class ClaimedLines:
    """Which lines of a file are counted for the first time, and which only become trusted."""

    new: frozenset[bytes]
    newly_trusted: Mapping[bytes, int]
    """Digest → when the line was counted, in milliseconds."""


@dataclass(slots=True)
class _Room:
    """What of a batch is kept, by key."""

    pages: set[tuple[str, str, str]] = field(default_factory=set)
    visited: set[tuple[str, str]] = field(default_factory=set)
    """Pages of the site, whether or not a group lists them."""

    policies: set[tuple[str, str]] = field(default_factory=set)
    unseen_policies: set[tuple[str, str]] = field(default_factory=set)
    """They go, so that others come in."""


class Recording:
    """One transaction that adds evidence."""

    def __init__(self, connection: Connection, now_ms: int, known: Recollection | None = None) -> None:
        """`known` is what this writer remembers of its transactions before."""
        self._connection = connection
        self._now_ms = now_ms
        self._known = known or Recollection()
        self._writes = Together()

    def claim_lines(self, site: str, digests: Sequence[bytes], *, is_trusted: bool) -> ClaimedLines:
        """Mark lines of an imported file as counted; atomic, so two imports at once share them out."""
        if not digests:
            return ClaimedLines(frozenset(), {})
        table = table_of(schema.SeenLineRow)
        new: set[bytes] = set()
        trusted: dict[bytes, int] = {}
        for chunk in chunks(sorted(digests)):
            rows = [
                {"site": site, "digest": digest, "is_trusted": is_trusted, "seen_at_ms": self._now_ms}
                for digest in chunk
            ]
            inserted = (
                insert_into(self._connection, table).values(rows).on_conflict_do_nothing().returning(table.c.digest)
            )
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

    def record(self, batch: Batch, positions: Sequence[Position] = ()) -> None:
        """Add a batch, which brings streams so far. Rows go in the order of their keys, so that two writers cannot wait
        for each other.

        What is new in it beyond its site's budget is counted as `(other)`, for which the batch is changed.
        """
        # Whoever writes takes locks in this order: keys, budgets site by site, and then rows.
        keys = self._reporter_keys(batch)
        room = self._room(batch, keys)
        self._groups(batch)
        self._writes.add(
            _HOURS,
            [
                {
                    "site": site,
                    "fingerprint": fingerprint,
                    "hour": hour,
                    "reports": delta.reports,
                    "trusted_reports": delta.trusted_reports,
                    "estimated_reports": delta.estimated_reports,
                }
                for (site, fingerprint, hour), delta in sorted(batch.hours.items(), key=_by_key)
            ],
        )
        self._pages(batch, room.pages)
        self._policies(batch, room)
        self._reporters(batch, room, keys)
        self._samples(batch)
        self._script_hashes(batch)
        for position in positions:
            advance(self._writes, position, self._now_ms)
        self._writes.run(self._connection)

    def _groups(self, batch: Batch) -> None:
        self._writes.add(
            _GROUPS,
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
        )
        self._known.learn(("violation_group", *key) for key in batch.groups)

    def _room(self, batch: Batch, keys: Mapping[tuple[str, int], bytes]) -> _Room:
        """What of the batch finds room; what is new and does not is made `(other)` in it, or left out."""
        room = _Room()
        # The newest day's key: an hour's networks are told apart within that hour alone.
        newest = {site: key for (site, _), key in sorted(keys.items())}
        growth = Growth(
            self._connection, self._now_ms, lambda site, network: hash_network(network, newest[site]), self._known
        )
        for site in sorted({site for site, _ in batch.groups}):
            growth.fold_excess_groups(batch, site)
            self._find_room_for_pages(batch, site, growth, room)
            self._find_room_for_policies(batch, site, growth, room)
        return room

    def _find_room_for_pages(self, batch: Batch, site: str, growth: Growth, room: _Room) -> None:
        kept, fresh = self._within_bound(
            schema.GroupPageRow,
            "page",
            [key for key in batch.pages if key[0] == site],
            MAX_PAGES_PER_GROUP,
            batch.unbounded,
        )
        claimed = [
            (fingerprint, page)
            for _, fingerprint, page in sorted(fresh)
            if (site, fingerprint) not in batch.exempt and page != OTHER
        ]
        visited = self._visited(batch, site)
        listed = {page for _, _, page in kept}
        new_pages = sorted(
            {each for at, _, each, _, _ in batch.page_networks if at == site} - visited - listed - {OTHER}
        )
        # The list of a group's pages is short, and strangers may fill it with some that they made up: a page may have
        # an audience all the same.
        if asked := [*claimed, *(("", page) for page in new_pages)]:
            brought = (
                pair
                for at, fingerprint, page, _, network in batch.page_networks
                if at == site
                for pair in (((fingerprint, page), network), (("", page), network))
            )
            refused = growth.refused_pages(site, asked, growth.charged(site, Kind.PAGES, brought))
            kept -= {(site, *each) for each in refused}
            visited |= {page for page in new_pages if ("", page) not in refused}
        room.pages |= kept
        room.visited |= {(site, page) for page in visited} | {(site, page) for _, _, page in kept}

    def _visited(self, batch: Batch, site: str) -> set[str]:
        """Of the batch's pages those that somebody came to before."""
        pages = {page for at, _, page, _, _ in batch.page_networks if at == site}
        unknown = [page for page in pages if not self._known.has("visited", site, page)]
        if not unknown:
            return pages
        found = set(_VISITED.run(self._connection, site=site, given=json.dumps(sorted(unknown))).scalars())
        self._known.learn(("visited", site, page) for page in found)
        return pages.difference(unknown) | found

    def _find_room_for_policies(self, batch: Batch, site: str, growth: Growth, room: _Room) -> None:
        """Where a site has too many policies, those that the fewest networks named go, but for vouched ones.

        A policy that the site serves is named by its visitors, so that it outlives whatever a stranger makes up.
        """
        table = table_of(schema.PolicyRow)
        wanted = sorted(digest for at, digest in batch.policies if at == site)
        unknown = [digest for digest in wanted if not self._known.has("policy", site, digest)]
        present = set(wanted).difference(unknown)
        if unknown:
            present |= set(_POLICIES_THERE.run(self._connection, site=site, given=json.dumps(unknown)).scalars())
        fresh = [digest for digest in wanted if digest not in present]
        if claimed := [digest for digest in fresh if (site, digest) not in batch.exempt_policies]:
            brought = ((key, network) for at, key, _, network in batch.policy_networks if at == site)
            refused = growth.refused_policies(site, claimed, growth.charged(site, Kind.POLICIES, brought))
            fresh = [digest for digest in fresh if digest not in refused]
        room.policies |= {(site, digest) for digest in (*present, *fresh)}
        if not fresh:
            return
        count = self._connection.scalar(select(func.count()).select_from(table).where(table.c.site == site)) or 0
        excess = count + len(fresh) - MAX_POLICIES_PER_SITE
        if excess > 0:
            reporters = table_of(schema.PolicyReporterRow)
            networks = (
                select(func.count())
                .where(reporters.c.site == site, reporters.c.policy_digest == table.c.digest)
                .scalar_subquery()
            )
            unseen = (
                select(table.c.digest)
                .where(table.c.site == site, table.c.trusted_reports == 0, table.c.digest.not_in(wanted))
                .order_by(networks, table.c.last_seen_ms, table.c.digest)
                .limit(excess)
            )
            room.unseen_policies |= {(site, digest) for digest in self._connection.scalars(unseen)}

    def _pages(self, batch: Batch, kept: Collection[tuple[str, str, str]]) -> None:
        self._writes.add(
            _PAGES,
            [
                {
                    "site": site,
                    "fingerprint": fingerprint,
                    "page": page,
                    "reports": batch.pages[site, fingerprint, page].reports,
                    "trusted_reports": batch.pages[site, fingerprint, page].trusted_reports,
                }
                for site, fingerprint, page in sorted(kept)
            ],
        )

    def _policies(self, batch: Batch, room: _Room) -> None:
        for site, digest in sorted(room.unseen_policies):
            # Policies first, as whoever counts one takes it: in another order two writers could wait for each other.
            for row, member in (
                (schema.PolicyRow, "digest"),
                (schema.GroupPolicyRow, "policy_digest"),
                (schema.PolicyReporterRow, "policy_digest"),
                (schema.PolicyNonceRow, "policy_digest"),
            ):
                table = table_of(row)
                self._connection.execute(delete(table).where(table.c.site == site, table.c[member] == digest))
            self._known.unlearn(("policy", site, digest))
        self._writes.add(
            _POLICIES,
            [
                {"site": site, "digest": digest, "text": text, **_seen(tally)}
                for (site, digest), (text, tally) in sorted(batch.policies.items(), key=_by_key)
                if (site, digest) in room.policies
            ],
        )
        self._known.learn(("policy", *key) for key in room.policies)
        kept, _ = self._within_bound(
            schema.GroupPolicyRow,
            "policy_digest",
            [key for key in batch.group_policies if (key[0], key[2]) in room.policies],
            MAX_POLICIES_PER_GROUP,
            batch.unbounded,
        )
        self._writes.add(
            _GROUP_POLICIES,
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
        )

    def _reporters(self, batch: Batch, room: _Room, keys: Mapping[tuple[str, int], bytes]) -> None:
        """Count client networks, unrecognisably."""
        hashes = {(site, day, network): hash_network(network, keys[site, day]) for site, day, network in batch.networks}
        hashed: dict[tuple[str, int, int], NetworkDelta] = {}
        for (site, day, network), delta in batch.networks.items():
            total = hashed.setdefault((site, day, hashes[site, day, network]), NetworkDelta())
            total.reports += delta.reports
            total.rehearsed_reports += delta.rehearsed_reports
        self._writes.add(
            _NETWORK_DAYS,
            [
                {
                    "site": site,
                    "day": day,
                    "network": network,
                    "reports": delta.reports,
                    "rehearsed_reports": delta.rehearsed_reports,
                }
                for (site, day, network), delta in sorted(hashed.items(), key=_by_key)
            ],
        )
        self._see(
            _GROUP_REPORTERS,
            "fingerprint",
            {
                (site, fingerprint, day, hashes[site, day, network])
                for site, fingerprint, day, network in batch.group_networks
            },
        )
        self._see(
            _POLICY_REPORTERS,
            "policy_digest",
            {
                (site, digest, day, hashes[site, day, network])
                for site, digest, day, network in batch.policy_networks
                if (site, digest) in room.policies
            },
        )
        self._nonces(batch, room, hashes)
        self._see(
            _PAGE_REPORTERS,
            "page",
            {
                (site, page if (site, page) in room.visited else OTHER, day, hashes[site, day, network])
                for site, _, page, day, network in batch.page_networks
            },
        )
        self._known.learn(("visited", *key) for key in room.visited)

    def _nonces(self, batch: Batch, room: _Room, hashes: Mapping[tuple[str, int, str], int]) -> None:
        """Keep who met the nonces that are watched, and watch more while there is room."""
        wanted = sorted(
            (site, digest, day, mark, hashes[site, day, network])
            for site, digest, day, mark, network in batch.nonces
            if (site, digest) in room.policies
        )
        if not wanted:
            return
        watches = self._watches({key[:2] for key in wanted})
        fresh = [key for key in wanted if watch(watches[key[:2]], *key[2:])]
        self._writes.add(
            _POLICY_NONCES,
            [
                {"site": site, "policy_digest": digest, "day": day, "mark": mark, "network": network}
                for site, digest, day, mark, network in fresh
            ],
        )

    def _watches(self, policies: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], set[Met]]:
        """Who met which nonces of the policies, as far as they are watched."""
        watches: dict[tuple[str, str], set[Met]] = {}
        unknown: dict[str, list[str]] = defaultdict(list)
        for site, digest in policies:
            met = self._known.members_of("policy_nonce", site, digest)
            if met is None:
                unknown[site].append(digest)
            watches[site, digest] = set() if met is None else met
        for site, digests in sorted(unknown.items()):
            found = _WATCHED.run(self._connection, site=site, given=json.dumps(sorted(digests)))
            for digest, day, mark, network in cast("Iterable[tuple[str, int, int, int]]", found):
                watches[site, digest].add(Met(day, mark, network))
            for digest in digests:
                self._known.learn_members("policy_nonce", site, digest, watches[site, digest])
        return watches

    def _see(self, statement: Prepared, member: str, keys: Collection[tuple[str, str, int, int]]) -> None:
        """Keep that the networks were seen, of which it is not known that they were already."""
        fresh = sorted(key for key in keys if not self._known.has(member, *key))
        self._writes.add(
            statement,
            [{"site": site, member: value, "day": day, "network": network} for site, value, day, network in fresh],
        )
        self._known.learn((member, *key) for key in fresh)

    def _reporter_keys(self, batch: Batch) -> dict[tuple[str, int], bytes]:
        """By site and day, the keys that the batch's client networks are hashed with.

        Locked, but shared among writers: a neighbour whose clock has passed midnight already cannot delete one
        between two statements of ours.
        """
        keys: dict[tuple[str, int], bytes] = {}
        for site, day in sorted({(site, day) for site, day, _ in batch.networks}):
            kept = _REPORTER_KEY.run(self._connection, site=site, day=day).scalar()
            keys[site, day] = bytes(kept) if kept is not None else self._new_reporter_key(site, day)
        return keys

    def _new_reporter_key(self, site: str, day: int) -> bytes:
        """It lives until the end of its day, or, for a day that lies in the past (an import), until that of today."""
        table = table_of(schema.ReporterKeyRow)
        expires_at_ms = (max(day, self._now_ms // DAY_MS) + 1) * DAY_MS
        statement = insert_into(self._connection, table).values(
            site=site, day=day, key=secrets.token_bytes(32), expires_at_ms=expires_at_ms
        )
        # Another writer may have made it since we looked; the change changes nothing, but it returns the row.
        kept = statement.on_conflict_do_update(
            index_elements=[table.c.site, table.c.day], set_={"key": table.c.key}
        ).returning(table.c.key)
        return bytes(self._connection.execute(kept).scalar_one())

    def _samples(self, batch: Batch) -> None:
        kept, _ = self._within_bound(schema.SampleRow, "digest", list(batch.samples), MAX_SAMPLES_PER_GROUP)
        self._writes.add(
            _SAMPLES,
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
        """Count hashes; where a site has too many, those reported least go for the new ones."""
        if not batch.script_hashes:
            return
        table = table_of(schema.ScriptHashRow)
        key = tuple_(table.c.script_url, table.c.hash)
        for site in sorted({site for site, _, _ in batch.script_hashes}):
            named = sorted((url, digest) for at, url, digest in batch.script_hashes if at == site)
            known = {
                (url, digest)
                for chunk in chunks(named)
                for url, digest in self._connection.execute(
                    select(table.c.script_url, table.c.hash).where(table.c.site == site, key.in_(chunk))
                )
            }
            count = self._connection.scalar(select(func.count()).select_from(table).where(table.c.site == site)) or 0
            excess = count + len(named) - len(known) - MAX_SCRIPT_HASHES_PER_SITE
            if excess > 0:
                least = self._connection.execute(
                    select(table.c.script_url, table.c.hash)
                    .where(table.c.site == site)
                    .order_by(table.c.reports, table.c.last_seen_ms, table.c.script_url, table.c.hash)
                    .limit(excess)
                ).all()
                for chunk in chunks(sorted((url, digest) for url, digest in least)):
                    self._connection.execute(delete(table).where(table.c.site == site, key.in_(chunk)))
        self._writes.add(
            _SCRIPT_HASHES,
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
                for (site, url, digest), (destination, tally) in sorted(batch.script_hashes.items(), key=_by_key)
            ],
        )

    def _within_bound(
        self,
        row: type[SQLModel],
        member: str,
        keys: list[tuple[str, str, str]],
        bound: int,
        unbounded: Collection[tuple[str, str, str]] = (),
    ) -> tuple[set[tuple[str, str, str]], set[tuple[str, str, str]]]:
        """Of `keys` (site, fingerprint, member), those there or with room in their group, and the new of them."""
        present = self._present(row, member, {key[:2] for key in keys})
        kept: set[tuple[str, str, str]] = set()
        fresh: set[tuple[str, str, str]] = set()
        for site, fingerprint, value in keys:
            members = present[site, fingerprint]
            if value in members:
                kept.add((site, fingerprint, value))
            elif len(members) < bound or (site, fingerprint, value) in unbounded:
                members.add(value)
                fresh.add((site, fingerprint, value))
        return kept | fresh, fresh

    def _present(
        self, row: type[SQLModel], member: str, groups: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], set[str]]:
        """What is there of each group; whoever adds to the table adds to it too."""
        name = str(row.__tablename__)
        present: dict[tuple[str, str], set[str]] = {}
        unknown: dict[str, list[str]] = defaultdict(list)
        for site, fingerprint in groups:
            members = self._known.members_of(name, site, fingerprint)
            if members is None:
                unknown[site].append(fingerprint)
            present[site, fingerprint] = set() if members is None else members
        for site, fingerprints in sorted(unknown.items()):
            found = _MEMBERS[name, member].run(self._connection, site=site, given=json.dumps(sorted(fingerprints)))
            for fingerprint, value in cast("Iterable[tuple[str, str]]", found):
                present[site, fingerprint].add(value)
            for fingerprint in fingerprints:
                self._known.learn_members(name, site, fingerprint, present[site, fingerprint])
        return present


def _upsert(row: type[SQLModel], *, add: Iterable[str] = ()) -> Prepared:
    """Inserts rows; where one is there, adds up the `add` columns and widens first and last seen.

    A group is described by the better of the two.
    """
    return Prepared(lambda connection: _upsert_statement(connection, table_of(row), add))


def _upsert_statement(connection: Connection, table: Table, add: Iterable[str]) -> ClauseElement:
    is_postgresql = connection.dialect.name == "postgresql"
    least, greatest = (func.least, func.greatest) if is_postgresql else (func.min, func.max)
    statement = inserted(connection, table)
    changes: dict[str, Any] = {name: table.c[name] + statement.excluded[name] for name in add}
    if changes and "first_seen_ms" in table.c:
        changes["first_seen_ms"] = least(table.c.first_seen_ms, statement.excluded.first_seen_ms)
        changes["last_seen_ms"] = greatest(table.c.last_seen_ms, statement.excluded.last_seen_ms)
    if changes and "received_first_ms" in table.c:
        changes["received_first_ms"] = least(table.c.received_first_ms, statement.excluded.received_first_ms)
        changes["received_last_ms"] = greatest(table.c.received_last_ms, statement.excluded.received_last_ms)
    if changes and "trusted_first_ms" in table.c:
        for name, extreme in (("trusted_first_ms", least), ("trusted_last_ms", greatest)):
            # SQLite's MIN and MAX of a NULL are NULL: what is known on one side stands in for the other.
            old, new = table.c[name], statement.excluded[name]
            changes[name] = extreme(func.coalesce(old, new), func.coalesce(new, old))
    if changes and "line_number" in table.c:
        is_better = _describes_better(table.c, statement.excluded, "C" if is_postgresql else "BINARY")
        changes |= {name: case((is_better, statement.excluded[name]), else_=table.c[name]) for name in _DESCRIBING}
    keys = [column.name for column in table.primary_key]
    changed: ClauseElement = (
        statement.on_conflict_do_update(index_elements=keys, set_=changes)
        if changes
        else statement.on_conflict_do_nothing()
    )
    return changed


def _describes_better(old: _Columns, new: _Columns, collation: str) -> ColumnElement[bool]:
    """Whether a group's new row describes it: trusted before untrusted, then by `description_order`."""
    was_trusted, is_trusted = old["trusted_reports"] > 0, new["trusted_reports"] > 0
    is_before = _description_order(new, collation) < _description_order(old, collation)
    return or_(and_(is_trusted, not_(was_trusted)), and_(is_trusted == was_trusted, is_before))


def _description_order(columns: _Columns, collation: str) -> ColumnElement[Any]:
    """`collation` compares texts as Python does, whatever the database's own language."""

    def text(name: str) -> ColumnElement[str]:
        return collate(columns[name], collation)

    has_no_source = case((columns["source_file"] == "", 1), else_=0)
    line = func.coalesce(columns["line_number"], UNKNOWN_LINE)
    return tuple_(has_no_source, text("source_file"), line, text("rule"), text("reason"))


def _those_given(row: type[SQLModel], asked: str, *columns: str) -> Prepared:
    """Reads columns of a site's rows whose `asked` column is one of the JSON list `given`."""

    def build(connection: Connection) -> ClauseElement:
        table = table_of(row)
        wanted = (table.c[name] for name in columns or (asked,))
        return select(*wanted).where(
            table.c.site == bindparam("site"), table.c[asked].in_(select(given_texts(connection, "given")))
        )

    return Prepared(build)


_COUNTS = ("reports", "trusted_reports", "estimated_reports")
_GROUPS = _upsert(schema.GroupRow, add=_COUNTS)
_HOURS = _upsert(schema.GroupHourRow, add=_COUNTS)
_PAGES = _upsert(schema.GroupPageRow, add=_COUNTS[:2])
_POLICIES = _upsert(schema.PolicyRow, add=_COUNTS[:2])
_GROUP_POLICIES = _upsert(schema.GroupPolicyRow, add=_COUNTS[:2])
_NETWORK_DAYS = _upsert(schema.NetworkDayRow, add=("reports", "rehearsed_reports"))
_GROUP_REPORTERS = _upsert(schema.GroupReporterRow)
_POLICY_REPORTERS = _upsert(schema.PolicyReporterRow)
_PAGE_REPORTERS = _upsert(schema.PageReporterRow)
_POLICY_NONCES = _upsert(schema.PolicyNonceRow)
_SAMPLES = _upsert(schema.SampleRow)
_SCRIPT_HASHES = _upsert(schema.ScriptHashRow, add=("reports",))

_VISITED = _those_given(schema.PageReporterRow, "page")
_POLICIES_THERE = _those_given(schema.PolicyRow, "digest")
_WATCHED = _those_given(schema.PolicyNonceRow, "policy_digest", "policy_digest", "day", "mark", "network")
_MEMBERS = {
    (str(row.__tablename__), member): _those_given(row, "fingerprint", "fingerprint", member)
    for row, member in (
        (schema.GroupPageRow, "page"),
        (schema.GroupPolicyRow, "policy_digest"),
        (schema.SampleRow, "digest"),
    )
}


def _reporter_key(_connection: Connection) -> ClauseElement:
    table = table_of(schema.ReporterKeyRow)
    is_asked = (table.c.site == bindparam("site"), table.c.day == bindparam("day"))
    return select(table.c.key).where(*is_asked).with_for_update(read=True)


_REPORTER_KEY = Prepared(_reporter_key)


@contextmanager
def recording(engine: Engine, now_ms: int, known: Recollection | None = None) -> Iterator[Recording]:
    """A transaction that is committed at the end of the block, or not at all.

    It forgets first, so that nobody is recognised by a key whose day is over, whoever writes and however seldom.
    `known` is what the writer remembers of its transactions before.

    Raises InDoubtError when the connection is lost at the commit.
    """
    known = known or Recollection()
    known.begin(now_ms)
    is_whole = False
    try:
        with writing(engine).begin() as connection:
            if not known.has_forgotten_keys:
                forget_keys(connection, now_ms)
            yield Recording(connection, now_ms, known)
            is_whole = True
        known.has_forgotten_keys = True
    except DBAPIError as error:
        known.clear()
        if is_whole and error.connection_invalidated:
            raise InDoubtError from error
        raise
    except BaseException:
        known.clear()
        raise


def record(
    engine: Engine,
    batch: Batch,
    now_ms: int,
    known: Recollection | None = None,
    positions: Sequence[Position] = (),
) -> None:
    """Add one batch, durably, in one transaction.

    `known` is what the writer remembers of those before; `positions` is how far the batch brings streams.

    Raises SQLAlchemyError when the database fails; then nothing of it is stored, except that with InDoubtError nobody
    knows: with `positions`, `read_position` tells once the database answers.
    """
    if not batch:
        return
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        try:
            with recording(engine, now_ms, known) as transaction:
                transaction.record(batch, positions)
        except OperationalError as error:
            # Whoever prunes or reclassifies locks rows of several groups too, in an order of their own.
            if getattr(error.orig, "sqlstate", None) != DEADLOCK or attempt == _MAX_ATTEMPTS:
                raise
        else:
            return


def forget_reporter_keys(engine: Engine, now_ms: int) -> int:
    """Delete the keys whose day is over: from then on reporters cannot be recognised. Returns how many."""
    with writing(engine).begin() as connection:
        return forget_keys(connection, now_ms)


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
