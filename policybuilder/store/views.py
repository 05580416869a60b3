"""Page views in the database: counted once for each line of a log, within a bound of pages for each day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, func, select, update

from policybuilder.evidence import OTHER
from policybuilder.store import schema
from policybuilder.store.clock import DAY_MS, day_name, from_ms, to_ms
from policybuilder.store.tables import insert_into, table_of
from policybuilder.times import Window
from policybuilder.views import DayViews, ViewLog, Views

MAX_PAGES_PER_DAY = 20_000


@dataclass(frozen=True, slots=True)
class CountedLines:
    """How far a log is counted."""

    lines: int = 0
    digest: bytes = b""
    """Over those lines; empty where there are none."""


def find_counted_lines(connection: Connection, site: str, log: bytes) -> CountedLines:
    """How far the log that is named by the digest `log` was counted for the site."""
    table = table_of(schema.ViewLogRow)
    row = connection.execute(
        select(table.c.lines, table.c.lines_digest).where(table.c.site == site, table.c.digest == log)
    ).one_or_none()
    return CountedLines() if row is None else CountedLines(row.lines, bytes(row.lines_digest))


class ViewRecording:
    """Adds the views of a site, transaction by transaction, remembering which pages each day has already."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._pages: dict[int, set[str]] = {}

    def record(
        self,
        connection: Connection,
        views: Mapping[tuple[int, str], int],
        *,
        log: bytes,
        before: CountedLines,
        after: CountedLines,
        now_ms: int,
    ) -> bool:
        """Add views by (day since 1970, page), and note that the log is counted up to `after`.

        False, with nothing added, when it is not counted up to `before` any more: somebody else is counting it.
        """
        if not self._advance(connection, log, before, after, now_ms):
            return False
        table = table_of(schema.PageViewRow)
        statement = insert_into(connection, table)
        rows = [
            {"site": self._site, "page": page, "day": day, "views": count}
            for (day, page), count in sorted(self._within_bound(connection, views).items())
        ]
        if rows:
            added = statement.on_conflict_do_update(
                index_elements=[table.c.site, table.c.page, table.c.day],
                set_={"views": table.c.views + statement.excluded.views},
            )
            connection.execute(added, rows)
        return True

    def _advance(
        self, connection: Connection, log: bytes, before: CountedLines, after: CountedLines, now_ms: int
    ) -> bool:
        table = table_of(schema.ViewLogRow)
        counted = {"lines": after.lines, "lines_digest": after.digest, "counted_at_ms": now_ms}
        if before.lines:
            change = update(table).where(
                table.c.site == self._site, table.c.digest == log, table.c.lines == before.lines
            )
            return connection.execute(change.values(**counted)).rowcount == 1
        statement = insert_into(connection, table).values(site=self._site, digest=log, **counted)
        return connection.scalar(statement.on_conflict_do_nothing().returning(table.c.lines)) is not None

    def _within_bound(
        self, connection: Connection, views: Mapping[tuple[int, str], int]
    ) -> Mapping[tuple[int, str], int]:
        """The views, those of pages that their day has no room for counted as `(other)`; most viewed pages first."""
        kept: Counter[tuple[int, str]] = Counter()
        for (day, page), count in sorted(views.items(), key=lambda item: (-item[1], item[0])):
            pages = self._pages_of(connection, day)
            if page in pages or len(pages) < MAX_PAGES_PER_DAY:
                pages.add(page)
                kept[day, page] += count
            else:
                kept[day, OTHER] += count
        return kept

    def _pages_of(self, connection: Connection, day: int) -> set[str]:
        if day not in self._pages:
            table = table_of(schema.PageViewRow)
            found = connection.scalars(
                select(table.c.page).where(table.c.site == self._site, table.c.day == day, table.c.page != OTHER)
            )
            self._pages[day] = set(found)
        return self._pages[day]


def read_views(connection: Connection, site: str, window: Window) -> Views:
    """A site's page views in the window, rounded outwards to whole days; all zero where no log was imported."""
    table = table_of(schema.PageViewRow)
    where = _days(table, site, window)
    by_day = connection.execute(
        select(table.c.day, func.sum(table.c.views)).where(*where).group_by(table.c.day).order_by(table.c.day)
    )
    by_page = connection.execute(
        select(table.c.page, func.sum(table.c.views)).where(*where).group_by(table.c.page).order_by(table.c.page)
    )
    days = {day_name(day): int(views) for day, views in by_day}
    return Views(
        total=sum(days.values()),
        by_day=days,
        by_page={page: int(views) for page, views in by_page},
    )


def read_view_days(connection: Connection, site: str) -> tuple[DayViews, ...]:
    """Every day of a site that has views, oldest first."""
    table = table_of(schema.PageViewRow)
    rows = connection.execute(
        select(table.c.day, func.sum(table.c.views), func.count())
        .where(table.c.site == site)
        .group_by(table.c.day)
        .order_by(table.c.day)
    )
    return tuple(DayViews(day=day_name(day), views=int(views), pages=int(pages)) for day, views, pages in rows)


def read_view_logs(connection: Connection, site: str) -> tuple[ViewLog, ...]:
    """The logs that were counted for a site, in the order in which they last grew."""
    table = table_of(schema.ViewLogRow)
    rows = connection.execute(
        select(table.c.lines, table.c.counted_at_ms)
        .where(table.c.site == site)
        .order_by(table.c.counted_at_ms, table.c.digest)
    )
    return tuple(ViewLog(lines=row.lines, counted_at=from_ms(row.counted_at_ms)) for row in rows)


def _days(table: Table, site: str, window: Window) -> tuple[ColumnElement[bool], ...]:
    # A day that only begins when the window ends has nothing in it.
    until = table.c.day * DAY_MS < to_ms(window.until)
    if window.since is None:
        return table.c.site == site, until
    return table.c.site == site, until, table.c.day >= to_ms(window.since) // DAY_MS
