"""Sites and the keys in their report URLs."""

from __future__ import annotations

import enum
import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, Engine, func
from sqlalchemy import select as select_rows
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from policybuilder.errors import CspbuildError
from policybuilder.program import typed
from policybuilder.store.clock import from_ms, to_ms
from policybuilder.store.engine import open_for_writing, writing
from policybuilder.store.schema import SiteAliasRow, SiteHostRow, SiteKeyRow, SiteRow
from policybuilder.store.tables import table_of

DEFAULT_SITE = "default"
"""Exists from the first start with the key `default`, and accepts any document host."""

DEFAULT_RETENTION_DAYS = 400

_SITE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# https://w3c.github.io/webappsec-csp/#grammardef-host-part, without the lone `*`: no host at all is how "any" is said.
_HOST_PATTERN = re.compile(
    r"(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*(?::\d{1,5})?"
)


# What a URL parser would take for something beside the host, and leave out.
_MORE_THAN_A_HOST = re.compile(r"[/?#@\\%\[\]\s]")


class KeyKind(enum.StrEnum):
    """What a report that arrives at a key is worth."""

    PUBLIC = "public"
    REHEARSAL = "rehearsal"
    """Known to the operator alone: evidence that arrives here is trusted."""


@dataclass(frozen=True, slots=True)
class Alias:
    """A host that stands for another, such as the one of a staging copy."""

    alias: str
    """Lower case; may begin with `*.` and end with a port, without which it is meant at any."""

    host: str
    """Lower case, perhaps with a port; never a pattern."""

    def __str__(self) -> str:
        return f"{self.alias}={self.host}"


@dataclass(frozen=True, slots=True)
class SiteKey:
    """A live key's site, as ingest sees it."""

    site: str
    kind: KeyKind
    hosts: tuple[str, ...]
    """Document hosts that may report; empty for any."""

    aliases: tuple[Alias, ...] = ()
    """Hosts that stand for others, by name; the first that fits decides."""

    new_groups_per_hour: int | None = None
    """What strangers may report for the first time in an hour, in groups; None for the default."""

    reports_per_second: int | None = None
    """The site's own rate limit; 0 for none, and None for the collector's setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site as it is shown. A rehearsal key is there only when it was just made."""

    name: str
    key: str
    """The newest live public key."""

    hosts: tuple[str, ...]
    created_at: datetime
    rehearsal_key: str | None = None
    live_keys: tuple[str, ...] = ()
    """Public keys that are answered, oldest first; several while a rotation is under way."""

    aliases: tuple[Alias, ...] = ()
    """By name."""

    retention_days: int = DEFAULT_RETENTION_DAYS
    """Of groups and their daily counts."""

    new_groups_per_hour: int | None = None
    """None for the default."""

    reports_per_second: int | None = None
    """None for the collector's setting."""

    is_active: bool = True
    """False when it is switched off."""


@dataclass(frozen=True, slots=True)
class SilentKey:
    """A key that is known, and not answered to."""

    site: str
    is_revoked: bool
    """Else its site is switched off."""


def key_digest(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _new_key() -> str:
    return secrets.token_urlsafe(18)  # 144 bits


def normalize_host(text: str) -> str:
    """A document host as it is stored. Raises CspbuildError for what is no host."""
    host = _in_ascii(text.strip().lower()).removesuffix(".")
    if not _HOST_PATTERN.fullmatch(host):
        raise CspbuildError(f"{text!r} is no host; write shop.example, *.shop.example or shop.example:8443")
    return host


def _in_ascii(host: str) -> str:
    """A host as browsers write it in reports: `xn--bcher-kva.example` for `bücher.example`."""
    if host.isascii() or _MORE_THAN_A_HOST.search(host):
        return host
    from policybuilder.csp.urls import parse_url  # noqa: PLC0415  (few hosts need it)

    star = "*." if host.startswith("*.") else ""
    name, separator, port = host.removeprefix(star).partition(":")
    url = parse_url(f"https://{name}/")
    return host if url is None else f"{star}{url.host}{separator}{port}"


def accept_host(text: str) -> str:
    """A document host that a site may be given. Raises CspbuildError for what is no host, or holds half the world's."""
    host = normalize_host(text)
    if host.startswith("*."):
        from publicsuffixlist import PublicSuffixList  # noqa: PLC0415  (takes a twentieth of a second)

        below = host.removeprefix("*.").partition(":")[0]
        if PublicSuffixList(only_icann=True, accept_unknown=False).publicsuffix(below) == below:
            raise CspbuildError(f"{text!r} is everybody below {below}; write *.shop.{below}, with the name of your own")
    return host


def parse_alias(text: str) -> Alias:
    """`staging.shop.example=www.shop.example` as it is stored. Raises CspbuildError for what is no such pair."""
    alias, separator, host = text.partition("=")
    if not separator:
        raise CspbuildError(f"{text!r} is no alias; write staging.shop.example=www.shop.example")
    pair = Alias(accept_host(alias), normalize_host(host))
    if pair.host.startswith("*."):
        raise CspbuildError(f"{text!r} stands for no single host; write the host itself behind the =")
    if pair.alias == pair.host:
        raise CspbuildError(f"{text!r} stands for itself; write staging.shop.example=www.shop.example")
    return pair


def check_aliases(aliases: Sequence[Alias]) -> tuple[Alias, ...]:
    """The aliases by name, each once. Raises CspbuildError where two of them contradict each other.

    An alias is followed once: one that leads to another alias would mean something else than it says.
    """
    by_name: dict[str, Alias] = {}
    for alias in aliases:
        other = by_name.setdefault(alias.alias, alias)
        if other != alias:
            raise CspbuildError(f"{alias.alias} cannot stand for {other.host} and for {alias.host}; keep one of them")
    for alias in by_name.values():
        if alias.host in by_name:
            raise CspbuildError(f"{alias} leads to another alias, {by_name[alias.host]}; name the last host at once")
    return tuple(sorted(by_name.values(), key=lambda alias: alias.alias))


def add_site(engine: Engine, name: str, hosts: Sequence[str], now: datetime, *, aliases: Sequence[Alias] = ()) -> Site:
    """Register a site with fresh keys. Raises CspbuildError when the name is taken or not usable."""
    if not _SITE_NAME.fullmatch(name):
        raise CspbuildError(f"{name!r} is no site name; use lower-case letters, digits, dots, - and _, at most 64")
    accepted = tuple(dict.fromkeys(accept_host(host) for host in hosts))
    kept_aliases = check_aliases(aliases)
    key, rehearsal_key = _new_key(), _new_key()
    with Session(writing(engine)) as session:
        if session.get(SiteRow, name) is not None:
            raise _name_taken(name)
        session.add(SiteRow(name=name, created_at_ms=to_ms(now)))
        for host in accepted:
            session.add(SiteHostRow(site=name, host=host))
        for alias in kept_aliases:
            session.add(SiteAliasRow(site=name, alias=alias.alias, host=alias.host))
        _add_key(session, name, KeyKind.PUBLIC, key, now)
        _add_key(session, name, KeyKind.REHEARSAL, rehearsal_key, now)
        try:
            session.commit()
        except IntegrityError:
            raise _name_taken(name) from None
    return Site(
        name=name,
        key=key,
        hosts=accepted,
        created_at=now,
        rehearsal_key=rehearsal_key,
        live_keys=(key,),
        aliases=kept_aliases,
    )


def _name_taken(name: str) -> CspbuildError:
    return CspbuildError(f"site {name!r} exists already; see  {typed('cspbuild')} site show {name}")


def open_sites(database_url: str, now: datetime) -> Engine:
    """The database to write to, created and migrated where needed, with the default site in it.

    Raises what `open_for_writing` raises.
    """
    engine = open_for_writing(database_url)
    ensure_default_site(engine, now)
    return engine


def ensure_default_site(engine: Engine, now: datetime) -> None:
    """The site that is there from the first start; does nothing once it exists, switched off or not."""
    with Session(writing(engine)) as session:
        if session.get(SiteRow, DEFAULT_SITE) is None:
            # Another process that starts at the same moment may have made it since we looked.
            with suppress(IntegrityError):
                session.add(SiteRow(name=DEFAULT_SITE, created_at_ms=to_ms(now)))
                _add_key(session, DEFAULT_SITE, KeyKind.PUBLIC, DEFAULT_SITE, now)
                session.commit()


def ensure_rehearsal_key(engine: Engine, site: str, key: str | None, now: datetime) -> str:
    """`key` if it is a live rehearsal key of the site, else a new one beside those there are.

    Every installation has a rehearsal key of its own, so that starting one never ends another's.
    """
    if key is not None and has_rehearsal_key(engine, site, key):
        return key
    made = _new_key()
    with Session(writing(engine)) as session:
        _add_key(session, site, KeyKind.REHEARSAL, made, now)
        session.commit()
    return made


def has_rehearsal_key(engine: Engine, site: str, key: str) -> bool:
    """Whether `key` is a rehearsal key of the site that was not revoked, be the site switched on or off."""
    with Session(engine) as session:
        row = session.get(SiteKeyRow, (site, key_digest(key)))
        return row is not None and row.kind == KeyKind.REHEARSAL and row.revoked_at_ms is None


def rotate_site(engine: Engine, name: str, *, rehearsal: bool, revoke_old: bool, now: datetime) -> Site:
    """A new public key beside the old ones, which live until `revoke_old`; with `rehearsal` one of that kind alone.

    `revoke_old` leaves the newest public key alone; where that is the only one, a new one takes its place. No old
    rehearsal key outlives a new one. The site `default` keeps its well-known key until that is revoked.

    Raises CspbuildError for an unknown site.
    """
    made = None
    with changing_site(engine, name) as connection, Session(connection) as session:
        if rehearsal:
            made = _replace_rehearsal_keys(session, name, now)
        else:
            keys = _public_keys(session, name)
            if len(keys) < 2 or not revoke_old:
                _add_key(session, name, KeyKind.PUBLIC, _new_key(), now)
                keys = _public_keys(session, name)
            if revoke_old:
                for row in keys[:-1]:
                    row.revoked_at_ms = to_ms(now)
        session.commit()
    return replace(get_site(engine, name), rehearsal_key=made)


def set_site_active(engine: Engine, name: str, *, active: bool) -> None:
    """Switch a site on or off; a site that is off answers its keys with 404 and keeps its evidence."""
    with Session(writing(engine)) as session:
        require_site(session, name).is_active = active
        session.commit()


def get_site(engine: Engine, name: str) -> Site:
    """Raises CspbuildError for an unknown site, naming those that exist."""
    with Session(engine) as session:
        row = require_site(session, name)
        keys = [key.key for key in _public_keys(session, name) if key.key is not None]
        return Site(
            name=name,
            key=keys[-1] if keys else "",
            hosts=_hosts_of(session, name),
            created_at=from_ms(row.created_at_ms),
            live_keys=tuple(keys),
            aliases=_aliases_of(session, name),
            retention_days=row.retention_days,
            new_groups_per_hour=row.new_groups_per_hour,
            reports_per_second=row.reports_per_second,
            is_active=row.is_active,
        )


def list_sites(engine: Engine) -> tuple[Site, ...]:
    """All sites by name."""
    with Session(engine) as session:
        names = session.exec(select(SiteRow.name).order_by(SiteRow.name)).all()
    return tuple(get_site(engine, name) for name in names)


def find_key(engine: Engine, key: str) -> SiteKey | None:
    """The site of a live key; None for a key that is unknown, revoked, or of a site that is switched off."""
    with Session(engine) as session:
        found = session.exec(
            select(SiteKeyRow, SiteRow)
            .where(SiteKeyRow.digest == key_digest(key), col(SiteKeyRow.revoked_at_ms).is_(None))
            .where(SiteRow.name == SiteKeyRow.site, col(SiteRow.is_active).is_(True))
        ).first()
        if found is None:
            return None
        row, site = found
        return _site_key(session, site, KeyKind(row.kind))


def find_silent_key(engine: Engine, key: str) -> SilentKey | None:
    """Why a key that the database knows is not answered to; None for one that is, and for one it does not know."""
    with Session(engine) as session:
        found = session.exec(
            select(SiteKeyRow, SiteRow).where(SiteKeyRow.digest == key_digest(key), SiteRow.name == SiteKeyRow.site)
        ).first()
        if found is None:
            return None
        row, site = found
        if row.revoked_at_ms is None and site.is_active:
            return None
        return SilentKey(site.name, is_revoked=row.revoked_at_ms is not None)


def key_for_import(engine: Engine, name: str) -> SiteKey:
    """What a live public key of the site would say, for reports from files; whether or not the site is on.

    Raises CspbuildError for an unknown site.
    """
    with Session(engine) as session:
        return _site_key(session, require_site(session, name), KeyKind.PUBLIC)


def _site_key(session: Session, site: SiteRow, kind: KeyKind) -> SiteKey:
    return SiteKey(
        site=site.name,
        kind=kind,
        hosts=_hosts_of(session, site.name),
        aliases=_aliases_of(session, site.name),
        new_groups_per_hour=site.new_groups_per_hour,
        reports_per_second=site.reports_per_second,
    )


def _hosts_of(session: Session, site: str) -> tuple[str, ...]:
    # Sorted here: a server's collation may put them in another order.
    return tuple(sorted(session.exec(select(SiteHostRow.host).where(SiteHostRow.site == site))))


def _aliases_of(session: Session, site: str) -> tuple[Alias, ...]:
    rows = session.exec(select(SiteAliasRow).where(SiteAliasRow.site == site))
    return check_aliases([Alias(row.alias, row.host) for row in rows])


def _add_key(session: Session, site: str, kind: KeyKind, key: str, now: datetime) -> None:
    # Keys are told apart by age, even when made within one tick of the clock.
    newest = session.exec(select(func.max(SiteKeyRow.created_at_ms)).where(SiteKeyRow.site == site)).one()
    session.add(
        SiteKeyRow(
            site=site,
            digest=key_digest(key),
            kind=kind,
            key=key if kind is KeyKind.PUBLIC else None,
            created_at_ms=max(to_ms(now), (newest or 0) + 1),
            revoked_at_ms=None,
        )
    )


def _replace_rehearsal_keys(session: Session, site: str, now: datetime) -> str:
    """Without an overlap: a leaked one has to stop counting at once, and nobody can say which it was."""
    for row in session.exec(
        select(SiteKeyRow).where(
            SiteKeyRow.site == site,
            SiteKeyRow.kind == KeyKind.REHEARSAL,
            col(SiteKeyRow.revoked_at_ms).is_(None),
        )
    ):
        row.revoked_at_ms = to_ms(now)
    key = _new_key()
    _add_key(session, site, KeyKind.REHEARSAL, key, now)
    return key


def _public_keys(session: Session, site: str) -> Sequence[SiteKeyRow]:
    """Live ones, oldest first."""
    return session.exec(
        select(SiteKeyRow)
        .where(SiteKeyRow.site == site, SiteKeyRow.kind == KeyKind.PUBLIC, col(SiteKeyRow.revoked_at_ms).is_(None))
        .order_by(col(SiteKeyRow.created_at_ms), SiteKeyRow.digest)
    ).all()


def require_site(session: Session, name: str) -> SiteRow:
    """The site's row. Raises CspbuildError for an unknown site, naming those that exist."""
    row = session.get(SiteRow, name)
    if row is None:
        raise _unknown(name, session.exec(select(SiteRow.name).order_by(SiteRow.name)).all())
    return row


@contextmanager
def changing_site(engine: Engine, name: str) -> Iterator[Connection]:
    """A transaction that has the site to itself: of several that change what is kept of it, one goes after the other.

    Each sees what the one before left, so that no two take the same number, or undo each other's changes. Raises
    CspbuildError for an unknown site, such as one that was erased meanwhile.
    """
    sites = table_of(SiteRow)
    with writing(engine).begin() as connection:
        # SQLite has one writer at a time, and leaves FOR UPDATE out.
        if connection.scalar(select_rows(sites.c.name).where(sites.c.name == name).with_for_update()) is None:
            raise _unknown(name, connection.scalars(select_rows(sites.c.name).order_by(sites.c.name)).all())
        yield connection


def _unknown(name: str, names: Sequence[str]) -> CspbuildError:
    program = typed("cspbuild")
    return CspbuildError(
        f"no site {name!r} (there are: {', '.join(names) or 'none'}); create it with  {program} site add {name}"
    )
