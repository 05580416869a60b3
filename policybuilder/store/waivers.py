"""Waivers in the database: made, taken back, never forgotten."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Engine, func, insert, select, update

from policybuilder.errors import CspbuildError
from policybuilder.store import schema
from policybuilder.store.clock import from_ms, to_ms
from policybuilder.store.engine import writing
from policybuilder.store.sites import changing_site
from policybuilder.store.tables import table_of
from policybuilder.waivers import Waiver

MAX_NOTE_CHARACTERS = 1_000


def add_waiver(
    engine: Engine, site: str, criterion: str, *, note: str, until: datetime | None = None, now: datetime
) -> Waiver:
    """Keep that a person does without a criterion. Raises CspbuildError for an unknown site or an unusable note."""
    note = note.strip()
    if not note:
        raise CspbuildError(f"say with --note why {criterion} does not matter, for whoever asks later")
    if len(note) > MAX_NOTE_CHARACTERS:
        raise CspbuildError(f"the note has {len(note):,} characters; write at most {MAX_NOTE_CHARACTERS:,}")
    table = table_of(schema.WaiverRow)
    with changing_site(engine, site) as connection:
        number = (connection.scalar(select(func.max(table.c.number)).where(table.c.site == site)) or 0) + 1
        connection.execute(
            insert(table).values(
                site=site,
                number=number,
                criterion=criterion,
                note=note,
                waived_at_ms=to_ms(now),
                until_ms=None if until is None else to_ms(until),
                undone_at_ms=None,
            )
        )
    return Waiver(number=number, criterion=criterion, note=note, waived_at=now, until=until)


def undo_waivers(engine: Engine, site: str, criterion: str, now: datetime) -> int:
    """Have a criterion count again; returns how many waivers stood. They are kept, with the time."""
    table = table_of(schema.WaiverRow)
    with writing(engine).begin() as connection:
        undone = (
            update(table)
            .where(table.c.site == site, table.c.criterion == criterion, table.c.undone_at_ms.is_(None))
            .values(undone_at_ms=to_ms(now))
        )
        return connection.execute(undone).rowcount


def read_waivers(connection: Connection, site: str) -> tuple[Waiver, ...]:
    """All the waivers of a site, those that were taken back too, oldest first."""
    table = table_of(schema.WaiverRow)
    rows = connection.execute(select(table).where(table.c.site == site).order_by(table.c.number))
    return tuple(
        Waiver(
            number=row.number,
            criterion=row.criterion,
            note=row.note,
            waived_at=from_ms(row.waived_at_ms),
            until=None if row.until_ms is None else from_ms(row.until_ms),
            undone_at=None if row.undone_at_ms is None else from_ms(row.undone_at_ms),
        )
        for row in rows
    )
