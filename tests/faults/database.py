"""What the database itself says after a fault: how often each report is counted, and whether it is intact."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, create_engine, text

from policybuilder.store.engine import parse_database_url

_PARTS = ("group_hour", "group_page")
"""Tables that divide the reports of groups, which one transaction fills together with them."""


def counted(database_url: str) -> Counter[str]:
    """By blocked URI, the reports stored.

    Raises AssertionError for a database that is damaged, or holds a part of a batch.
    """
    engine = create_engine(parse_database_url(database_url))
    try:
        with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                assert connection.execute(text("PRAGMA integrity_check")).scalars().all() == ["ok"]
            reports = Counter(
                {
                    blocked: int(number)
                    for blocked, number in connection.execute(
                        text("SELECT blocked, SUM(reports) FROM violation_group GROUP BY blocked")
                    )
                }
            )
            for table in _PARTS:
                assert _reports_of(connection, table) == reports.total(), f"{table} and violation_group disagree"
            return reports
    finally:
        engine.dispose()


def _reports_of(connection: Connection, table: str) -> int:
    return int(connection.scalar(text(f"SELECT SUM(reports) FROM {table}")) or 0)  # noqa: S608  (a name of ours)
