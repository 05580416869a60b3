"""Keeping the list of violations up to date: what was recorded or decided since goes into it, a few groups at a time.

Two columns of each group, compared with what its row was made of, tell exactly whether anything was recorded: no clock
is asked, and it does not matter which transaction ended when. Whatever takes evidence away marks the rows, see
`listing_marks`. Rows are made from one state of the database and written in a transaction of their own, so that
whoever stores reports waits for a moment only; they are thrown away where the site's state says that what they were
made of may be void.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, and_, delete, func, or_, select, update
from sqlalchemy.sql import ClauseElement

from policybuilder.csp import Disposition
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.listing import Counts, counted, host_of
from policybuilder.store import schema
from policybuilder.store.clock import from_ms, to_ms
from policybuilder.store.engine import writing, writing_soon
from policybuilder.store.listing_basis import read_basis
from policybuilder.store.listing_concerns import read_concerned
from policybuilder.store.listing_marks import ListMarks
from policybuilder.store.prepared import Prepared, inserted
from policybuilder.store.reading import count_reporters_by_day, read_groups, snapshot
from policybuilder.store.tables import is_any, table_of
from policybuilder.times import Window

PORTION_GROUPS = 400
"""Of one transaction."""

ROUND_GROUPS = 5_000
"""After so many it is looked again what there is to do, and counted."""

MAX_MARKED = 10_000
"""Of one transaction; where a decision concerns more groups, all are read anew."""

SEPARATOR = "\x1f"
"""Between the texts of a group that are searched, so that none is found that begins in one and ends in another."""

_MAX_ATTEMPTS = 5
_EVER = Window(None, datetime.max.replace(tzinfo=UTC))
"""A browser may think that it is tomorrow, and the list says what there is."""

Transaction = Callable[[], AbstractContextManager[Connection]]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far the list is up to date."""

    groups: int
    """That there are."""

    is_current: bool
    """The list is what a summary would say now."""

    whole_at: datetime | None
    """All that was stored by then is listed; None where it was never whole."""

    counts: Counts


@dataclass(frozen=True, slots=True)
class _Round:
    """What is to be done, as of one state of the database."""

    site: str
    generation: int
    epoch: int
    basis: str
    began_ms: int
    changed: Sequence[str] = ()
    gone: Sequence[str] = ()
    """Listed, and no more."""

    is_all: bool = False
    groups: int = 0
    recorded: int = 0


def read_coverage(connection: Connection, site: str, now: datetime) -> Coverage:
    """How far the list of a site is up to date; looks at every group, and at nothing of them but two numbers."""
    state = _state_of(connection, site)
    groups, recorded = read_recorded(connection, site)
    if state is None:
        return Coverage(groups, is_current=False, whole_at=None, counts=Counts())
    is_current = (
        state.whole_at_ms is not None
        and (state.whole_generation, state.groups, state.recorded) == (state.generation, groups, recorded)
        and state.basis == read_basis(connection, site, now).text
    )
    whole_at = None if state.whole_at_ms is None else from_ms(state.whole_at_ms)
    return Coverage(groups, is_current, whole_at, msgspec.json.decode(state.counts, type=Counts))


def read_counts(connection: Connection, site: str) -> Counts:
    """What the list counted when it was last brought up to date. Raises SQLAlchemyError."""
    state = _state_of(connection, site)
    return Counts() if state is None else msgspec.json.decode(state.counts, type=Counts)


def list_in_portions(engine: Engine, site: str, now: Callable[[], datetime] = _now) -> Iterator[int]:
    """Bring the list up to date, step by step, for those who let others write in between; yields rows made.

    Ends when all that there was at its last look is listed. Raises SQLAlchemyError when the database fails.
    """
    with snapshot(engine) as connection:
        if read_coverage(connection, site, now()).is_current:
            return
    upkeep = _Upkeep(engine, site, now, lambda: writing(engine).begin())
    attempts = 0
    while attempts < _MAX_ATTEMPTS:
        found = upkeep.begin(ROUND_GROUPS)
        if found is None:
            attempts += 1
            continue
        is_void = False
        for chunk in _portions_of(found):
            is_void = not upkeep.write(found, chunk)
            yield len(chunk)
            if is_void:
                break
        if is_void or not upkeep.end(found):
            attempts += 1
        elif found.is_all:
            return
        else:
            attempts = 0


def list_every_site_in_portions(engine: Engine) -> Iterator[int]:
    """The same of all sites, one after the other."""
    sites = table_of(schema.SiteRow)
    with engine.connect() as connection:
        names = connection.scalars(select(sites.c.name).order_by(sites.c.name)).all()
    for name in names:
        yield from list_in_portions(engine, name)


def list_at_once(
    engine: Engine,
    site: str,
    *,
    max_groups: int,
    max_changed: int,
    max_whole: int,
    patience_ms: int,
    now: Callable[[], datetime] = _now,
) -> bool:
    """Bring the list up to date where that is quickly done; returns whether it was.

    It is not of a site with more than `max_groups`, nor where more than `max_changed` changed since, unless the site
    has no more than `max_whole`.

    Raises OperationalError where others write for longer than `patience_ms`.
    """
    upkeep = _Upkeep(engine, site, now, lambda: writing_soon(engine, patience_ms))
    for _ in range(_MAX_ATTEMPTS):
        with snapshot(engine) as connection:
            state = _state_of(connection, site)
            if state is not None and state.groups > max_groups:
                return False
            coverage = read_coverage(connection, site, now())
        if coverage.is_current:
            return True
        if coverage.groups > max_groups:
            return False
        found = upkeep.begin(max(max_changed, max_whole if coverage.groups <= max_whole else 0))
        if found is None:
            continue
        if not found.is_all:
            return False
        if all(upkeep.write(found, chunk) for chunk in _portions_of(found)) and upkeep.end(found):
            return True
    return False


def list_decided(
    engine: Engine, site: str, *, max_changed: int, patience_ms: int, now: Callable[[], datetime] = _now
) -> None:
    """Let the list show at once what was decided just now, for as many groups, the foremost first; others follow.

    Raises OperationalError where others write for longer than `patience_ms`.
    """
    upkeep = _Upkeep(engine, site, now, lambda: writing_soon(engine, patience_ms))
    for _ in range(_MAX_ATTEMPTS):
        concerned = upkeep.advance()
        if concerned is None:
            continue
        if not concerned:
            return
        found = replace(upkeep.look(), changed=upkeep.foremost(concerned, max_changed))
        if all(upkeep.write(found, chunk) for chunk in _portions_of(found)) and upkeep.end(found, same_reporters=True):
            return


def _portions_of(found: _Round) -> Iterator[Sequence[str]]:
    members = [*found.changed, *found.gone]
    for start in range(0, len(members), PORTION_GROUPS):
        yield members[start : start + PORTION_GROUPS]


class _Upkeep:
    """The steps of it, for one site."""

    def __init__(self, engine: Engine, site: str, now: Callable[[], datetime], transaction: Transaction) -> None:
        self._engine = engine
        self._site = site
        self._now = now
        self._transaction = transaction

    def begin(self, most: int) -> _Round | None:
        """See what there is to do, of changed groups so many at most; None where somebody else changed the basis."""
        if self.advance() is None:
            return None
        look = self.look()
        with snapshot(self._engine) as connection:
            began_ms = to_ms(self._now())
            groups, recorded = read_recorded(connection, self._site)
            changed, missing = _changed(connection, self._site, look.epoch, most + 1)
            is_all = len(changed) <= most
            gone = _gone(connection, self._site, groups - missing) if is_all else []
        return replace(
            look,
            began_ms=began_ms,
            changed=changed[:most],
            gone=gone,
            is_all=is_all,
            groups=groups,
            recorded=recorded,
        )

    def look(self) -> _Round:
        """The state that all that follows rests on."""
        with snapshot(self._engine) as connection:
            began_ms, state = to_ms(self._now()), _state_of(connection, self._site)
        if state is None:  # the site was erased since
            return _Round(self._site, -1, -1, "", began_ms)
        return _Round(self._site, state.generation, state.epoch, state.basis, began_ms)

    def advance(self) -> Collection[str] | None:
        """Let classes rest on what stands now, and mark the groups that it concerns: returns those, as far as known.

        Where they are too many, or may be all, all are read anew. None where somebody else was quicker.
        """
        with snapshot(self._engine) as connection:
            state, basis = _state_of(connection, self._site), read_basis(connection, self._site, self._now())
            if state is not None and state.basis == basis.text:
                return ()
            changed = None if state is None else basis.changed_since(state.basis)
            concerned = None if changed is None else read_concerned(connection, self._site, changed)
        table = table_of(schema.ListingStateRow)
        is_of_all = concerned is None or len(concerned) > MAX_MARKED
        with self._transaction() as connection:
            locked = _state_of(connection, self._site, lock=True)
            if _identity(locked) != _identity(state):
                return None
            marks = ListMarks(connection, self._site)
            epoch = (0 if locked is None else locked.epoch) + is_of_all
            connection.execute(update(table).where(table.c.site == self._site).values(basis=basis.text, epoch=epoch))
            if concerned and not is_of_all:
                marks.changed(concerned)
        return concerned or ()

    def foremost(self, fingerprints: Collection[str], most: int) -> Sequence[str]:
        """So many of the groups, those that stand first in the list."""
        if len(fingerprints) <= most:
            return sorted(fingerprints)
        table = table_of(schema.ListingRow)
        order = (table.c.reporters.desc(), table.c.reports.desc(), table.c.fingerprint)
        with snapshot(self._engine) as connection:
            is_any_of = is_any(connection, table.c.fingerprint, fingerprints)
            query = select(table.c.fingerprint).where(table.c.site == self._site, is_any_of)
            return connection.scalars(query.order_by(*order).limit(most)).all()

    def write(self, found: _Round, fingerprints: Sequence[str]) -> bool:
        """List these groups as they are now; False where what was read may be void, so that nothing is listed."""
        groups_table = table_of(schema.GroupRow)
        with snapshot(self._engine) as connection:
            basis = read_basis(connection, self._site, self._now())
            if basis.text != found.basis:
                return False
            asked = is_any(connection, groups_table.c.fingerprint, fingerprints)
            query = select(groups_table.c.fingerprint, groups_table.c.reports + groups_table.c.trusted_reports)
            recorded = {
                row[0]: row[1] for row in connection.execute(query.where(groups_table.c.site == self._site, asked))
            }
            read = read_groups(connection, self._site, _EVER, fingerprints=fingerprints)
            rows = {group.fingerprint: _row(group) for group in basis.applied(read)}
        listed = [
            {
                **rows.get(fingerprint, _NOTHING_COUNTED),
                "site": self._site,
                "fingerprint": fingerprint,
                "recorded": number,
                "epoch": found.epoch,
            }
            for fingerprint, number in sorted(recorded.items())
        ]
        with self._transaction() as connection:
            if not self._stands(connection, found):
                return False
            _LIST.run_many(connection, listed)
            if gone := set(fingerprints).difference(recorded):
                listing = table_of(schema.ListingRow)
                is_gone = is_any(connection, listing.c.fingerprint, gone)
                connection.execute(delete(listing).where(listing.c.site == self._site, is_gone))
        return True

    def end(self, found: _Round, *, same_reporters: bool = False) -> bool:
        """Count what is listed, and keep how far that is up to date; False where it may not be.

        Reporters take longest to count, and decisions change nothing about them.
        """
        with snapshot(self._engine) as connection:
            before = _state_of(connection, self._site)
            reporters = None
            if same_reporters and before is not None:
                reporters = msgspec.json.decode(before.counts, type=Counts).reporters
            counts = _counts(connection, self._site, reporters)
        changes: dict[str, Any] = {"counts": msgspec.json.encode(counts).decode()}
        if found.is_all:
            changes |= {
                "whole_at_ms": found.began_ms,
                "whole_generation": found.generation,
                "groups": found.groups,
                "recorded": found.recorded,
            }
        table = table_of(schema.ListingStateRow)
        with self._transaction() as connection:
            if not self._stands(connection, found):
                return False
            connection.execute(update(table).where(table.c.site == self._site).values(changes))
        return True

    def _stands(self, connection: Connection, found: _Round) -> bool:
        """Whether the site's state is what it was; from here on nobody else changes it."""
        state = _state_of(connection, self._site, lock=True)
        return _identity(state) == (found.generation, found.epoch, found.basis)


def _identity(state: Row[Any] | None) -> tuple[int, int, str] | None:
    return None if state is None else (state.generation, state.epoch, state.basis)


def _state_of(connection: Connection, site: str, *, lock: bool = False) -> Row[Any] | None:
    table = table_of(schema.ListingStateRow)
    query = select(table).where(table.c.site == site)
    return connection.execute(query.with_for_update() if lock else query).one_or_none()


def read_recorded(connection: Connection, site: str) -> tuple[int, int]:
    """The number of groups, and of their reports and trusted reports."""
    table = table_of(schema.GroupRow)
    groups, recorded = connection.execute(
        select(func.count(), func.sum(table.c.reports + table.c.trusted_reports)).where(table.c.site == site)
    ).one()
    return int(groups), int(recorded or 0)


def _changed(connection: Connection, site: str, epoch: int, most: int) -> tuple[list[str], int]:
    """Groups whose rows are not of what is recorded now, and how many of these have no row."""
    groups, listing = table_of(schema.GroupRow), table_of(schema.ListingRow)
    is_listed = and_(listing.c.site == groups.c.site, listing.c.fingerprint == groups.c.fingerprint)
    is_outdated = or_(
        listing.c.recorded.is_(None),
        listing.c.recorded != groups.c.reports + groups.c.trusted_reports,
        listing.c.epoch != epoch,
    )
    found = connection.execute(
        select(groups.c.fingerprint, listing.c.recorded)
        .select_from(groups.outerjoin(listing, is_listed))
        .where(groups.c.site == site, is_outdated)
        .order_by(groups.c.fingerprint)
        .limit(most)
    ).all()
    return [row.fingerprint for row in found], sum(row.recorded is None for row in found)


def _gone(connection: Connection, site: str, groups_listed: int) -> list[str]:
    """Listed groups that are no more. Whoever removes a group unlists it; this is for whoever did not."""
    groups, listing = table_of(schema.GroupRow), table_of(schema.ListingRow)
    listed = connection.scalar(select(func.count()).select_from(listing).where(listing.c.site == site))
    if listed == groups_listed:
        return []
    is_there = and_(groups.c.site == listing.c.site, groups.c.fingerprint == listing.c.fingerprint)
    return list(
        connection.scalars(
            select(listing.c.fingerprint)
            .select_from(listing.outerjoin(groups, is_there))
            .where(listing.c.site == site, groups.c.fingerprint.is_(None))
            .order_by(listing.c.fingerprint)
        )
    )


def _counts(connection: Connection, site: str, reporters: int | None) -> Counts:
    table = table_of(schema.ListingRow)
    kinds = (table.c.evidence_class, table.c.disposition, table.c.decision, table.c.directive)
    rows = connection.execute(
        select(*kinds, func.count(), func.sum(table.c.reports))
        .where(table.c.site == site, table.c.evidence_class != "")
        .group_by(*kinds)
    )
    return counted(
        (
            (EvidenceClass(evidence_class), Disposition(disposition), decision, directive, int(groups), int(reports))
            for evidence_class, disposition, decision, directive, groups, reports in rows
        ),
        count_reporters_by_day(connection, site, _EVER)[""] if reporters is None else reporters,
    )


def _row(group: ViolationGroup) -> dict[str, Any]:
    """What is listed of a group."""
    words = (group.fingerprint, group.directive, group.blocked, group.sample, group.source_file, group.initiator)
    return {
        "reporters": group.reporters,
        "reports": group.reports,
        "estimated_reports": group.estimated_reports,
        "first_seen_ms": group.first_seen_ms,
        "last_seen_ms": group.last_seen_ms,
        "directive": group.directive,
        "disposition": group.disposition.value,
        "evidence_class": group.evidence_class.value,
        "rule": group.rule,
        "reason": group.reason,
        "decision": group.decision or "",
        "host": host_of(group.blocked),
        "words": SEPARATOR.join(words).lower(),
        "pages": SEPARATOR.join((group.document_origin, *(page.url for page in group.pages))).lower(),
    }


_NOTHING_COUNTED: dict[str, Any] = {
    **dict.fromkeys(("reporters", "reports", "estimated_reports", "first_seen_ms", "last_seen_ms"), 0),
    **dict.fromkeys(("directive", "disposition", "evidence_class", "rule", "reason", "decision"), ""),
    **dict.fromkeys(("host", "words", "pages"), ""),
}
"""Of a group whose hours and days were all forgotten: it is not shown, and need not be looked at again."""


def _list(connection: Connection) -> ClauseElement:
    table = table_of(schema.ListingRow)
    statement = inserted(connection, table)
    keys = [column.name for column in table.primary_key]
    listed: ClauseElement = statement.on_conflict_do_update(
        index_elements=keys,
        set_={column.name: statement.excluded[column.name] for column in table.c if column.name not in keys},
    )
    return listed


_LIST = Prepared(_list)
