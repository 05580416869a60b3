"""Reading the list of violations: one page of it, by what is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnCollection, ColumnElement, Connection, and_, func, or_, select, true

from policybuilder.csp import Disposition
from policybuilder.evidence import EvidenceClass, PageCount
from policybuilder.listing import PERIODS, UNDECIDED, Filter, ListedViolation, Listing, Place, host_asked
from policybuilder.store import schema
from policybuilder.store.clock import to_ms
from policybuilder.store.listing_upkeep import read_coverage
from policybuilder.store.tables import is_any, rows_as, rows_as_json, table_of
from policybuilder.summary import APART_CLASSES

_Columns = ColumnCollection[str, Any]


def read_listing(
    connection: Connection,
    site: str,
    wanted: Filter,
    *,
    include_noise: bool,
    after: Place | None,
    limit: int,
    now: datetime,
) -> Listing:
    """The first `limit` rows after a place that the filter admits. Raises SQLAlchemyError.

    Whoever has not brought the list up to date gets it as it is, and how far that is.
    """
    coverage = read_coverage(connection, site, now)
    fingerprints: Sequence[str] = ()
    found = left = 0
    conditions = list(_conditions(connection, wanted, include_noise=include_noise, now=now))
    if not wanted and after is None and coverage.is_current:
        # What most readers ask for first, and it is counted already.
        fingerprints = _first(connection, site, conditions, limit)
        found = coverage.counts.shown(include_noise=include_noise)
        left = found - len(fingerprints)
    elif limit and not any(_NUL in getattr(wanted, field.name) for field in fields(wanted)):
        fingerprints, found, left = _found(connection, site, conditions, after, limit)
    return Listing(
        rows=_rows(connection, site, fingerprints),
        found=found,
        left=left,
        counts=coverage.counts,
        as_of=None if coverage.is_current else coverage.whole_at,
        is_whole=coverage.whole_at is not None,
    )


def read_first(
    connection: Connection, site: str, wanted: Filter, *, limit: int, now: datetime
) -> tuple[ListedViolation, ...]:
    """The first rows that the filter admits, noise among them, without a word about how many there are, or how old.

    Of a filter that does not search for text this is quick, since the rows are in order. Raises SQLAlchemyError.
    """
    conditions = list(_conditions(connection, wanted, include_noise=True, now=now))
    return _rows(connection, site, _first(connection, site, conditions, limit))


_NUL = "\0"
"""No text in a database has it, and PostgreSQL takes no parameter that has."""


def _first(connection: Connection, site: str, conditions: Sequence[ColumnElement[bool]], limit: int) -> list[str]:
    """The fingerprints of the first page."""
    table = table_of(schema.ListingRow)
    query = select(table.c.fingerprint).where(table.c.site == site, *conditions)
    order = (table.c.reporters.desc(), table.c.reports.desc(), table.c.fingerprint)
    return list(connection.scalars(query.order_by(*order).limit(limit)))


def _found(
    connection: Connection, site: str, conditions: Sequence[ColumnElement[bool]], after: Place | None, limit: int
) -> tuple[list[str], int, int]:
    """The fingerprints of the page, how many there are on all pages, and how many come after this one.

    What is admitted is found once, and both counted and sorted: to search for text, all texts are looked at.
    """
    table = table_of(schema.ListingRow)
    order = (table.c.reporters, table.c.reports, table.c.fingerprint)
    admitted = select(*order).where(table.c.site == site, *conditions).cte("admitted").prefix_with("MATERIALIZED")
    count = select(func.count()).select_from(admitted)
    is_after = () if after is None else (_is_after(admitted.c, after),)
    counts = select(
        count.scalar_subquery().label("found"), count.where(*is_after).scalar_subquery().label("rest")
    ).subquery("counts")
    page = (
        select(admitted)
        .where(*is_after)
        .order_by(admitted.c.reporters.desc(), admitted.c.reports.desc(), admitted.c.fingerprint)
        .limit(limit)
        .subquery("page")
    )
    # Joined, so that a page without rows tells how many there are elsewhere.
    rows = connection.execute(select(counts, page).select_from(counts.outerjoin(page, true()))).all()
    shown = sorted((-row.reporters, -row.reports, row.fingerprint) for row in rows if row.fingerprint is not None)
    return [fingerprint for _, _, fingerprint in shown], int(rows[0].found), int(rows[0].rest) - len(shown)


def _is_after(columns: _Columns, place: Place) -> ColumnElement[bool]:
    """Whether a row comes after the place."""
    return or_(
        columns.reporters < place.reporters,
        and_(columns.reporters == place.reporters, columns.reports < place.reports),
        and_(
            columns.reporters == place.reporters,
            columns.reports == place.reports,
            columns.fingerprint > place.fingerprint,
        ),
    )


def _conditions(
    connection: Connection, wanted: Filter, *, include_noise: bool, now: datetime
) -> Iterator[ColumnElement[bool]]:
    """What a row has to be; none is of those of which nothing is counted any more."""
    columns = table_of(schema.ListingRow).c
    left_out = () if include_noise else sorted(each.value for each in APART_CLASSES)
    yield columns.evidence_class.not_in(["", *left_out])
    for column, value in (
        (columns.directive, wanted.directive),
        (columns.evidence_class, wanted.kind),
        (columns.disposition, wanted.disposition),
    ):
        if value:
            yield column == value
    if wanted.decision:
        yield columns.decision == ("" if wanted.decision == UNDECIDED else wanted.decision)
    if wanted.host:
        host = host_asked(wanted.host)
        yield or_(columns.host == host, columns.host.endswith(f".{host}", autoescape=True))
    for column, period in ((columns.last_seen_ms, wanted.seen), (columns.first_seen_ms, wanted.new)):
        if period:
            yield column >= to_ms(now - PERIODS[period])
    # No LIKE: nothing in what is searched for has a meaning of its own then.
    position = func.strpos if connection.dialect.name == "postgresql" else func.instr
    if wanted.page:
        yield position(columns.pages, wanted.page.lower()) > 0
    if wanted.q:
        text = wanted.q.lower()
        yield or_(position(columns.words, text) > 0, position(columns.pages, text) > 0)


class _Row(msgspec.Struct, array_like=True, gc=False):
    """A row as it is shown: of the list, and of the group itself."""

    fingerprint: str
    evidence_class: EvidenceClass
    rule: str
    reason: str
    decision: str
    reports: int
    estimated_reports: int
    reporters: int
    first_seen_ms: int
    last_seen_ms: int
    document_origin: str
    directive: str
    blocked: str
    disposition: Disposition
    sample: str
    pages: list[PageCount] | str | None


_LISTED = _Row.__struct_fields__[: _Row.__struct_fields__.index("document_origin")]
_OF_GROUP = _Row.__struct_fields__[len(_LISTED) : -1]
_PAGES = msgspec.json.Decoder(list[PageCount] | None)


def _rows(connection: Connection, site: str, fingerprints: Sequence[str]) -> tuple[ListedViolation, ...]:
    """The rows of these groups, in their order."""
    rows = {row.fingerprint: row for row in _rows_of(connection, site, fingerprints)}
    return tuple(rows[fingerprint] for fingerprint in fingerprints if fingerprint in rows)


def _rows_of(connection: Connection, site: str, fingerprints: Sequence[str]) -> Iterator[ListedViolation]:
    listing, groups, pages = (table_of(row) for row in (schema.ListingRow, schema.GroupRow, schema.GroupPageRow))
    page_columns = (pages.c.page, pages.c.reports, pages.c.trusted_reports)
    is_its = (pages.c.site == listing.c.site, pages.c.fingerprint == listing.c.fingerprint)
    columns = (
        *(listing.c[name] for name in _LISTED),
        *(groups.c[name] for name in _OF_GROUP),
        select(rows_as_json(connection, *page_columns)).where(*is_its).scalar_subquery(),
    )
    is_same = and_(groups.c.site == listing.c.site, groups.c.fingerprint == listing.c.fingerprint)
    query = (
        select(listing)
        .select_from(listing.join(groups, is_same))
        .where(listing.c.site == site, is_any(connection, listing.c.fingerprint, fingerprints))
    )
    for row in rows_as(connection, _Row, columns, query):
        members = {name: getattr(row, name) for name in (*_LISTED, *_OF_GROUP)}
        found = _PAGES.decode(row.pages) if isinstance(row.pages, str) else row.pages
        of_pages = tuple(sorted(found or (), key=lambda page: (-page.reports, page.url)))
        yield ListedViolation(**members | {"decision": row.decision or None, "pages": of_pages})
