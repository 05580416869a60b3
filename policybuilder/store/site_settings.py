"""Changing what a site was registered with: its hosts, aliases, budgets and retention."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, delete
from sqlmodel import Session, col, select

from policybuilder.errors import CspbuildError
from policybuilder.store.schema import SiteAliasRow, SiteHostRow
from policybuilder.store.sites import (
    DEFAULT_RETENTION_DAYS,
    Alias,
    Site,
    accept_host,
    changing_site,
    check_aliases,
    get_site,
    normalize_host,
    require_site,
)

MAX_RETENTION_DAYS = 3_650
MAX_NUMBER = 10**9
"""Of a budget or a rate: more than any machine reaches, and far from what a database column holds."""


class OutOfRangeError(CspbuildError):
    """A number that no site may have."""

    def __init__(self, option: str, value: int, least: int, most: int) -> None:
        super().__init__(f"{option} {value} is out of range; give a number from {least} to {most}")
        self.option = option
        self.value = value
        self.least = least
        self.most = most


class NoHostLeftError(CspbuildError):
    """The last document host was to be removed: pages of any host could report then."""


class Default(enum.Enum):
    """Says that a site goes by the collector's setting again."""

    DEFAULT = "default"


Limit = int | Default | None
"""A number, back to the default, or (None) as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteChanges:
    """What is to be different; everything else stays as it is."""

    hosts: tuple[str, ...] = ()
    """Replace all there are."""

    accepts_any_host: bool = False
    added_hosts: tuple[str, ...] = ()
    removed_hosts: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    """Added, or put in the place of those of the same name."""

    removed_aliases: tuple[str, ...] = ()
    retention_days: Limit = None
    new_groups_per_hour: Limit = None
    reports_per_second: Limit = None


def change_site(engine: Engine, name: str, changes: SiteChanges) -> Site:
    """Make the changes, all of them or none. Returns the site as it is then.

    Raises CspbuildError for an unknown site, a value out of range, and whatever is to be removed and is not there.
    """
    with changing_site(engine, name) as connection, Session(connection) as session:
        row = require_site(session, name)
        _replace_hosts(session, name, changes)
        _replace_aliases(session, name, changes)
        if changes.retention_days is not None:
            days = DEFAULT_RETENTION_DAYS if changes.retention_days is Default.DEFAULT else changes.retention_days
            row.retention_days = _within("--retention-days", days, 1, MAX_RETENTION_DAYS)
        if changes.new_groups_per_hour is not None:
            row.new_groups_per_hour = _limit("--new-groups-per-hour", changes.new_groups_per_hour)
        if changes.reports_per_second is not None:
            row.reports_per_second = _limit("--reports-per-second", changes.reports_per_second)
        session.commit()
    return get_site(engine, name)


def _replace_hosts(session: Session, name: str, changes: SiteChanges) -> None:
    present = list(session.exec(select(SiteHostRow.host).where(SiteHostRow.site == name)))
    if changes.accepts_any_host:
        wanted: list[str] = []
    elif changes.hosts:
        wanted = _accepted(changes.hosts)
    else:
        gone = _normalized(changes.removed_hosts)
        _refuse_unknown("host", gone, present)
        wanted = [host for host in (*present, *_accepted(changes.added_hosts)) if host not in gone]
        if gone and not wanted:
            # No host at all is how "any" is kept: closing the last door must not open the house.
            raise NoHostLeftError(
                f"{name} would have no document host left, so that pages of any host could report; "
                "pass --any-host if that is meant"
            )
    if set(wanted) != set(present):
        session.execute(delete(SiteHostRow).where(col(SiteHostRow.site) == name))
        session.add_all(SiteHostRow(site=name, host=host) for host in dict.fromkeys(wanted))


def _replace_aliases(session: Session, name: str, changes: SiteChanges) -> None:
    if not changes.aliases and not changes.removed_aliases:
        return
    rows = session.exec(select(SiteAliasRow).where(SiteAliasRow.site == name))
    present = {row.alias: Alias(row.alias, row.host) for row in rows}
    gone = _normalized(changes.removed_aliases)
    _refuse_unknown("alias", gone, present)
    fresh = {alias.alias for alias in check_aliases(changes.aliases)}
    kept = [alias for alias in present.values() if alias.alias not in fresh and alias.alias not in gone]
    wanted = check_aliases([*kept, *changes.aliases])
    session.execute(delete(SiteAliasRow).where(col(SiteAliasRow.site) == name))
    session.add_all(SiteAliasRow(site=name, alias=alias.alias, host=alias.host) for alias in wanted)


def _accepted(hosts: Sequence[str]) -> list[str]:
    return [accept_host(host) for host in hosts]


def _normalized(hosts: Sequence[str]) -> list[str]:
    return [normalize_host(host) for host in hosts]


def _refuse_unknown(what: str, gone: Sequence[str], present: Iterable[str]) -> None:
    for name in gone:
        if name not in present:
            raise CspbuildError(f"{name} is no {what} of the site (there are: {', '.join(sorted(present)) or 'none'})")


def _limit(option: str, value: int | Default) -> int | None:
    return None if isinstance(value, Default) else _within(option, value, 0, MAX_NUMBER)


def _within(option: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise OutOfRangeError(option, value, least, most)
    return value
