"""Keys of the review pages: sessions and login links, known to every process of a service and to the next one.

Of each only the digest is kept: whoever reads the database cannot log in with what stands there.
"""

from __future__ import annotations

import enum

from sqlalchemy import Engine, delete, insert, select

from policybuilder.store import schema
from policybuilder.store.engine import writing
from policybuilder.store.tables import table_of

MAX_KEYS_OF_A_KIND = 64
"""Only people who know a secret make any; those that end first give way."""


class ReviewKeyKind(enum.StrEnum):
    """What a key opens."""

    LINK = "link"
    """One session, once."""

    SESSION = "session"


def add_review_key(
    engine: Engine, kind: ReviewKeyKind, digest: bytes, *, csrf_token: str = "", expires_at_ms: int, now_ms: int
) -> None:
    """Keep a key, and forget what has ended. Raises SQLAlchemyError."""
    table = table_of(schema.ReviewKeyRow)
    of_kind = select(table.c.digest).where(table.c.kind == kind.value)
    with writing(engine).begin() as connection:
        connection.execute(delete(table).where(table.c.expires_at_ms <= now_ms))
        last = of_kind.order_by(table.c.expires_at_ms.desc(), table.c.digest).offset(MAX_KEYS_OF_A_KIND - 1)
        surplus = list(connection.scalars(last))
        if surplus:
            connection.execute(delete(table).where(table.c.digest.in_(surplus)))
        connection.execute(
            insert(table).values(digest=digest, kind=kind.value, csrf_token=csrf_token, expires_at_ms=expires_at_ms)
        )


def find_session(engine: Engine, digest: bytes, now_ms: int) -> tuple[str, int] | None:
    """A session's CSRF token, and when it ends; None where it has ended, or never was. Raises SQLAlchemyError."""
    table = table_of(schema.ReviewKeyRow)
    query = select(table.c.csrf_token, table.c.expires_at_ms).where(
        table.c.digest == digest, table.c.kind == ReviewKeyKind.SESSION.value, table.c.expires_at_ms > now_ms
    )
    with engine.connect() as connection:
        row = connection.execute(query).first()
    return None if row is None else (str(row.csrf_token), int(row.expires_at_ms))


def take_review_key(engine: Engine, kind: ReviewKeyKind, digest: bytes, now_ms: int) -> bool:
    """Whether there was such a key; there is none any more. Of several who ask at once one is told so.

    Raises SQLAlchemyError.
    """
    table = table_of(schema.ReviewKeyRow)
    taken = delete(table).where(table.c.digest == digest, table.c.kind == kind.value, table.c.expires_at_ms > now_ms)
    with writing(engine).begin() as connection:
        return connection.execute(taken).rowcount == 1
