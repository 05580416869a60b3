"""Keys: sessions and login links, by the digests of their secrets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from policybuilder.store.engine import describe_failure
from policybuilder.store.review_keys import ReviewKeyKind, add_review_key, find_session, take_review_key


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that has logged in."""

    csrf_token: str
    """Stands in every form of the session's pages."""

    expires_at: float
    """Seconds since 1970."""


class Keys(Protocol):
    """Whoever keeps them; `now` is in seconds since 1970. All raise CspbuildError where they cannot be kept."""

    def add_link(self, digest: bytes, expires_at: float, now: float) -> None:
        """Keep a login link."""

    def take_link(self, digest: bytes, now: float) -> bool:
        """Whether there was such a link; it is used up."""

    def add_session(self, digest: bytes, session: Session, now: float) -> None:
        """Keep a session."""

    def session(self, digest: bytes, now: float) -> Session | None:
        """The session, if it has not ended."""

    def drop_session(self, digest: bytes, now: float) -> None:
        """End a session, if there is one."""


class StoredKeys:
    """Keys in the database: of every process of the service, and of the next."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_link(self, digest: bytes, expires_at: float, now: float) -> None:
        with _described():
            add_review_key(self._engine, ReviewKeyKind.LINK, digest, expires_at_ms=_ms(expires_at), now_ms=_ms(now))

    def take_link(self, digest: bytes, now: float) -> bool:
        with _described():
            return take_review_key(self._engine, ReviewKeyKind.LINK, digest, _ms(now))

    def add_session(self, digest: bytes, session: Session, now: float) -> None:
        with _described():
            add_review_key(
                self._engine,
                ReviewKeyKind.SESSION,
                digest,
                csrf_token=session.csrf_token,
                expires_at_ms=_ms(session.expires_at),
                now_ms=_ms(now),
            )

    def session(self, digest: bytes, now: float) -> Session | None:
        with _described():
            found = find_session(self._engine, digest, _ms(now))
        return None if found is None else Session(found[0], found[1] / 1_000)

    def drop_session(self, digest: bytes, now: float) -> None:
        with _described():
            take_review_key(self._engine, ReviewKeyKind.SESSION, digest, _ms(now))


@contextmanager
def _described() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise describe_failure(error) from None


def _ms(seconds: float) -> int:
    return int(seconds * 1_000)
