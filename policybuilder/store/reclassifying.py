"""Reclassifying: stored groups move to the class that today's rules give them.

The class is part of a group's fingerprint, so a group whose class changes becomes another group, or part of one that is
there already. Everything kept of it moves along; counts add up, times widen, and nothing is counted twice or lost. Each
transaction moves a few groups whole, so that it may be interrupted and repeated, and others can write in between.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, delete, func, literal, select, update
from sqlalchemy.exc import OperationalError

from policybuilder.csp.violation import Disposition, SampleExtent, Violation
from policybuilder.decisions import DecisionAction
from policybuilder.evidence import EvidenceClass
from policybuilder.store import schema
from policybuilder.store.engine import writing
from policybuilder.store.listing_marks import ListMarks
from policybuilder.store.recollection import MAX_SAMPLES_PER_GROUP
from policybuilder.store.recording import DEADLOCK, MAX_PAGES_PER_GROUP, MAX_POLICIES_PER_GROUP
from policybuilder.store.samples import read_samples
from policybuilder.store.tables import chunks, insert_into, table_of

GROUPS_AT_ONCE = 20
"""Of one transaction."""

_READ_AT_ONCE = 200
_MAX_POLICIES_READ = 3
_MAX_PAUSE_SECONDS = 0.1
_MAX_ATTEMPTS = 5

_SUMS = frozenset({"reports", "trusted_reports", "estimated_reports"})
_LEAST = frozenset({"first_seen_ms", "received_first_ms", "trusted_first_ms"})
_GREATEST = frozenset({"last_seen_ms", "received_last_ms", "trusted_last_ms"})

# Added up without a bound: there is one row for each hour, day or client network.
_UNBOUNDED = (schema.GroupHourRow, schema.GroupDayRow, schema.GroupReporterRow)
# (table, what is bounded in it, by how much, what goes first where there is not room for all)
_BOUNDED: tuple[tuple[Any, str, int, str], ...] = (
    (schema.GroupPageRow, "page", MAX_PAGES_PER_GROUP, "reports"),
    (schema.GroupPolicyRow, "policy_digest", MAX_POLICIES_PER_GROUP, "last_seen_ms"),
    (schema.SampleRow, "digest", MAX_SAMPLES_PER_GROUP, "seen_at_ms"),
)


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """What is left of a group to judge it by."""

    fingerprint: str
    evidence_class: EvidenceClass
    rule: str
    reports: int
    described: Violation
    """Of the group's own columns; its document is an origin, and it names no policy."""

    initiator: str
    """Whose code had it loaded, as it is part of the fingerprint; a source file is of the first report alone."""

    violations: tuple[Violation, ...]
    """Reports kept whole; where none are, the group's own columns, under each of a few policies that it named."""


@dataclass(frozen=True, slots=True)
class Move:
    """A group, and what it becomes: another rule alone leaves the fingerprint as it is."""

    fingerprint: str
    to_fingerprint: str
    evidence_class: EvidenceClass
    rule: str
    reason: str


def read_groups_in_portions(engine: Engine, site: str) -> Iterator[list[StoredGroup]]:
    """A site's groups by fingerprint. Groups that appear meanwhile may be among them or not."""
    table = table_of(schema.GroupRow)
    last = ""
    while True:
        with engine.connect() as connection:
            rows = connection.execute(
                select(table)
                .where(table.c.site == site, table.c.fingerprint > last)
                .order_by(table.c.fingerprint)
                .limit(_READ_AT_ONCE)
            ).all()
            if not rows:
                return
            fingerprints = [row.fingerprint for row in rows]
            samples, policies = (
                _samples_of(connection, site, fingerprints),
                _policies_of(connection, site, fingerprints),
            )
        last = fingerprints[-1]
        yield [_stored(row, samples.get(row.fingerprint, ()), policies.get(row.fingerprint, ())) for row in rows]


def find_groups(engine: Engine, site: str, fingerprints: Sequence[str]) -> set[str]:
    """Which of the fingerprints are those of groups that there are."""
    groups = table_of(schema.GroupRow)
    found: set[str] = set()
    with engine.connect() as connection:
        for chunk in chunks(fingerprints):
            there = select(groups.c.fingerprint).where(groups.c.site == site, groups.c.fingerprint.in_(chunk))
            found.update(connection.scalars(there))
    return found


def move_groups(engine: Engine, site: str, moves: Sequence[Move]) -> int:
    """Let groups become what they are, a few in each transaction. Returns how many there were still to move.

    Raises SQLAlchemyError when the database fails; what was moved by then stays moved.
    """
    moved = 0
    for start in range(0, len(moves), GROUPS_AT_ONCE):
        began = time.monotonic()
        moved += _in_one_transaction(engine, site, moves[start : start + GROUPS_AT_ONCE])
        if engine.dialect.name == "sqlite":
            # Its lock goes to whoever asks while it is free: a service that takes reports needs a gap to ask in.
            time.sleep(min(time.monotonic() - began, _MAX_PAUSE_SECONDS))
    return moved


def _in_one_transaction(engine: Engine, site: str, moves: Sequence[Move]) -> int:
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        try:
            with writing(engine).begin() as connection:
                return _Moving(connection, site).move(moves)
        except OperationalError as error:
            # Others lock rows of several groups too, in an order of their own.
            if getattr(error.orig, "sqlstate", None) != DEADLOCK or attempt == _MAX_ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")


class _Moving:
    """One transaction that moves groups of a site."""

    def __init__(self, connection: Connection, site: str) -> None:
        self._connection = connection
        self._site = site
        is_postgresql = connection.dialect.name == "postgresql"
        self._least = func.least if is_postgresql else func.min
        self._greatest = func.greatest if is_postgresql else func.max

    def move(self, moves: Sequence[Move]) -> int:
        groups = table_of(schema.GroupRow)
        listed = ListMarks(self._connection, self._site)
        there = self._lock(moves)
        still = [move for move in moves if move.fingerprint in there]
        for move in still:
            if move.to_fingerprint == move.fingerprint:
                self._connection.execute(
                    update(groups).where(*self._of(groups, move)).values(rule=move.rule, reason=move.reason)
                )
            else:
                self._move(move)
        if gone := [move.to_fingerprint for move in moves if move.fingerprint not in there]:
            # Made for a group that went before it could be locked.
            is_empty = [groups.c[name] == 0 for name in sorted(_SUMS)]
            emptied = delete(groups).where(groups.c.site == self._site, groups.c.fingerprint.in_(gone), *is_empty)
            self._connection.execute(emptied)
        listed.gone({move.fingerprint for move in still if move.to_fingerprint != move.fingerprint})
        listed.changed({move.to_fingerprint for move in still})
        return len(still)

    def _lock(self, moves: Sequence[Move]) -> set[str]:
        """Lock the groups, and make those that are to be; returns which of those to be moved there are.

        Whoever counts reports takes the rows of groups first, in the order of their fingerprints, new ones among them.
        In the same order neither waits for the other in a circle, and from here on nobody adds to these groups.
        """
        groups = table_of(schema.GroupRow)
        becoming = {move.to_fingerprint: move for move in moves if move.to_fingerprint != move.fingerprint}
        there = set()
        for fingerprint in sorted({*becoming, *(move.fingerprint for move in moves)}):
            if fingerprint in becoming:
                self._make(becoming[fingerprint])
            found = self._connection.scalar(
                select(groups.c.fingerprint)
                .where(groups.c.site == self._site, groups.c.fingerprint == fingerprint)
                .with_for_update()
            )
            if found is not None:
                there.add(fingerprint)
        return there

    def _make(self, move: Move) -> None:
        """The group that a group becomes, where it is not there, with nothing counted in it yet."""
        groups = table_of(schema.GroupRow)
        new: dict[str, Any] = {
            **dict.fromkeys(_SUMS, 0),
            "fingerprint": move.to_fingerprint,
            "evidence_class": move.evidence_class.value,
            "rule": move.rule,
            "reason": move.reason,
        }
        columns = [literal(new[column.name]) if column.name in new else column for column in groups.columns]
        statement = insert_into(self._connection, groups).from_select(
            [column.name for column in groups.columns], select(*columns).where(*self._of(groups, move))
        )
        self._connection.execute(statement.on_conflict_do_nothing())

    def _move(self, move: Move) -> None:
        self._add(schema.GroupRow, move)
        for row in _UNBOUNDED:
            self._add(row, move)
        for row, member, bound, first in _BOUNDED:
            kept = self._with_room(table_of(row), move, member, bound, first)
            for chunk in chunks(kept):
                self._add(row, move, only=(member, chunk))
        for row in (schema.GroupRow, *_UNBOUNDED, *(row for row, *_ in _BOUNDED)):
            table = table_of(row)
            self._connection.execute(delete(table).where(*self._of(table, move)))
        decisions = table_of(schema.DecisionRow)
        self._connection.execute(
            update(decisions)
            .where(
                decisions.c.site == self._site,
                decisions.c.action == DecisionAction.CLASS.value,
                decisions.c.subject == move.fingerprint,
            )
            .values(subject=move.to_fingerprint)
        )

    def _of(self, table: Table, move: Move) -> tuple[Any, ...]:
        return table.c.site == self._site, table.c.fingerprint == move.fingerprint

    def _add(self, row: Any, move: Move, only: tuple[str, Sequence[str]] | None = None) -> None:
        """Add what a table holds of a group to what it holds of the other."""
        table = table_of(row)
        columns = [literal(move.to_fingerprint) if column.name == "fingerprint" else column for column in table.columns]
        source = select(*columns).where(*self._of(table, move))
        if only is not None:
            member, values = only
            source = source.where(table.c[member].in_(values))
        statement = insert_into(self._connection, table).from_select([column.name for column in table.columns], source)
        merged = {
            column.name: merge
            for column in table.columns
            if (merge := self._merged(column.name, column, statement.excluded[column.name])) is not None
        }
        keys = [column.name for column in table.primary_key]
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=keys, set_=merged)
            if merged
            else statement.on_conflict_do_nothing()
        )

    def _merged(self, name: str, old: Any, new: Any) -> Any:
        if name in _SUMS:
            return old + new
        # SQLite's MIN and MAX of a NULL are NULL: what is known on one side stands in for the other.
        if name in _LEAST:
            return self._least(func.coalesce(old, new), func.coalesce(new, old))
        if name in _GREATEST:
            return self._greatest(func.coalesce(old, new), func.coalesce(new, old))
        return None

    def _with_room(self, table: Table, move: Move, member: str, bound: int, first: str) -> list[str]:
        """Of a group's members those that the other has too, that are trusted, or that find room there."""
        there = set(
            self._connection.scalars(
                select(table.c[member]).where(table.c.site == self._site, table.c.fingerprint == move.to_fingerprint)
            )
        )
        is_first = table.c[first] if first == "seen_at_ms" else table.c[first].desc()
        coming = self._connection.execute(
            select(table).where(*self._of(table, move)).order_by(is_first, table.c[member])
        ).all()
        kept = []
        room = bound - len(there)
        for row in coming:
            value = getattr(row, member)
            if value in there or getattr(row, "trusted_reports", False):
                kept.append(value)
                room -= value not in there
            elif room > 0:
                kept.append(value)
                room -= 1
        return kept


def _samples_of(connection: Connection, site: str, fingerprints: Sequence[str]) -> dict[str, list[Violation]]:
    table = table_of(schema.SampleRow)
    rows = connection.execute(
        select(table.c.fingerprint, table.c.report)
        .where(table.c.site == site, table.c.fingerprint.in_(fingerprints))
        .order_by(table.c.fingerprint, table.c.digest)
    ).all()
    found: dict[str, list[Violation]] = defaultdict(list)
    for row, violation in zip(rows, read_samples(connection, site, [row.report for row in rows]), strict=True):
        found[row.fingerprint].append(violation)
    return found


def _policies_of(connection: Connection, site: str, fingerprints: Sequence[str]) -> dict[str, list[str]]:
    """Texts of the policies that groups named most, a few of each."""
    named, policies = table_of(schema.GroupPolicyRow), table_of(schema.PolicyRow)
    found: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(
        select(named.c.fingerprint, policies.c.text)
        .join(policies, (policies.c.site == named.c.site) & (policies.c.digest == named.c.policy_digest))
        .where(named.c.site == site, named.c.fingerprint.in_(fingerprints))
        .order_by(named.c.fingerprint, named.c.reports.desc(), named.c.policy_digest)
    ):
        if len(found[row.fingerprint]) < _MAX_POLICIES_READ:
            found[row.fingerprint].append(row.text)
    return found


def _stored(row: Row[Any], samples: Sequence[Violation], policies: Sequence[str]) -> StoredGroup:
    described = Violation(
        document_uri=row.document_origin,
        effective_directive=row.directive,
        blocked_uri=row.blocked,
        disposition=Disposition(row.disposition),
        sample=row.sample,
        sample_extent=SampleExtent(row.sample_extent),
        source_file=row.source_file,
        line_number=row.line_number,
    )
    under = tuple(replace(described, original_policy=policy) for policy in policies) or (described,)
    return StoredGroup(
        fingerprint=row.fingerprint,
        evidence_class=EvidenceClass(row.evidence_class),
        rule=row.rule,
        reports=row.reports,
        described=described,
        initiator=row.initiator,
        violations=tuple(samples) or under,
    )
