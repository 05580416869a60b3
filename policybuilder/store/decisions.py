"""Decisions in the database: made, listed, undone, never forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, func, insert, select, update

from policybuilder.deciding import Answer
from policybuilder.decisions import Decision, DecisionAction, standing
from policybuilder.errors import CspbuildError
from policybuilder.evidence import EvidenceClass
from policybuilder.program import site_flag, typed
from policybuilder.store import schema
from policybuilder.store.clock import from_ms, to_ms
from policybuilder.store.engine import writing
from policybuilder.store.sites import changing_site
from policybuilder.store.tables import table_of

MIN_PREFIX = 6
"""Digits of a fingerprint that are enough to name a group, where no other begins alike."""

MAX_NOTE_CHARACTERS = 1_000


def add_decision(
    engine: Engine, site: str, answer: Answer, *, note: str = "", until: datetime | None = None, now: datetime
) -> Decision:
    """Keep an answer of a person.

    Raises CspbuildError for an unknown site, and for a note that is too long, or cannot be shown.
    """
    [decision] = add_decisions(engine, site, [answer], note=note, until=until, now=now)
    return decision


def add_decisions(
    engine: Engine,
    site: str,
    answers: Sequence[Answer],
    *,
    note: str = "",
    until: datetime | None = None,
    now: datetime,
) -> tuple[Decision, ...]:
    """The same of several, all or none of which are kept."""
    if len(note) > MAX_NOTE_CHARACTERS:
        raise CspbuildError(f"the note has {len(note)} characters; write at most {MAX_NOTE_CHARACTERS}")
    if "\0" in note:
        raise CspbuildError("the note has a NUL character in it, which no database keeps")
    table = table_of(schema.DecisionRow)
    with changing_site(engine, site) as connection:
        last = connection.scalar(select(func.max(table.c.number)).where(table.c.site == site)) or 0
        decisions = tuple(
            Decision(
                number=number,
                action=answer.action,
                directive=answer.directive,
                subject=answer.subject,
                loaded_by=answer.loaded_by,
                evidence_class=answer.evidence_class,
                note=note,
                decided_at=now,
                until=until,
            )
            for number, answer in enumerate(answers, last + 1)
        )
        for each in decisions:
            connection.execute(
                insert(table).values(
                    site=site,
                    number=each.number,
                    action=each.action.value,
                    directive=each.directive,
                    subject=each.subject,
                    loaded_by=each.loaded_by,
                    evidence_class=each.evidence_class.value if each.evidence_class else "",
                    note=note,
                    decided_at_ms=to_ms(now),
                    undone_at_ms=None,
                    until_ms=None if until is None else to_ms(until),
                )
            )
    return decisions


def undo_decision(engine: Engine, site: str, number: int, now: datetime) -> Decision:
    """An answer that no longer holds; it stays listed. Raises CspbuildError when there is none of this number."""
    table = table_of(schema.DecisionRow)
    with writing(engine).begin() as connection:
        undone = (
            update(table)
            .where(table.c.site == site, table.c.number == number, table.c.undone_at_ms.is_(None))
            .values(undone_at_ms=to_ms(now))
        )
        if connection.execute(undone).rowcount == 0:
            program = typed("cspbuild")
            raise CspbuildError(f"no decision {number} of {site!r} stands; see  {program} decide list{site_flag(site)}")
        return next(each for each in read_decisions(connection, site, undone_too=True) if each.number == number)


def read_decisions(connection: Connection, site: str, *, undone_too: bool = False) -> tuple[Decision, ...]:
    """The answers that were not undone, expired ones among them, oldest first."""
    table = table_of(schema.DecisionRow)
    statement = select(table).where(table.c.site == site).order_by(table.c.number)
    if not undone_too:
        statement = statement.where(table.c.undone_at_ms.is_(None))
    return tuple(
        Decision(
            number=row.number,
            action=DecisionAction(row.action),
            directive=row.directive,
            subject=row.subject,
            loaded_by=row.loaded_by,
            evidence_class=EvidenceClass(row.evidence_class) if row.evidence_class else None,
            note=row.note,
            decided_at=from_ms(row.decided_at_ms),
            undone_at=None if row.undone_at_ms is None else from_ms(row.undone_at_ms),
            until=None if row.until_ms is None else from_ms(row.until_ms),
        )
        for row in connection.execute(statement)
    )


def read_standing_decisions(connection: Connection, site: str, now: datetime) -> tuple[Decision, ...]:
    """The answers that are obeyed at `now`, oldest first."""
    return standing(read_decisions(connection, site), now)


def find_group(connection: Connection, site: str, prefix: str) -> str:
    """The fingerprint that begins with `prefix`. Raises CspbuildError unless exactly one group's does."""
    program = typed("cspbuild")
    table = table_of(schema.GroupRow)
    if len(prefix) < MIN_PREFIX:
        raise CspbuildError(f"{prefix!r} is too short to name a group; give at least {MIN_PREFIX} digits of it")
    found = connection.scalars(
        select(table.c.fingerprint)
        .where(table.c.site == site, table.c.fingerprint.startswith(prefix, autoescape=True))
        .limit(2)
    ).all()
    if not found:
        raise CspbuildError(f"no group {prefix!r} in {site!r}; see  {program} summary{site_flag(site)} --format json")
    if len(found) > 1:
        raise CspbuildError(f"several groups begin with {prefix!r}; give more digits")
    return str(found[0])
