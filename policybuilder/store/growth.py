"""Budgets: how much that is new strangers may bring in one hour.

Anybody can post, and random URLs cost nothing to make. What a site's real visitors report is soon known and repeats;
so what is known is always counted, and only what is new is bounded: for a site, and within it for each client network,
so that one flood leaves room for the others' first reports. What goes beyond is counted still, as `(other)`.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.sql import ClauseElement

from policybuilder.csp.directives import KNOWN_DIRECTIVES
from policybuilder.csp.violation import KEYWORD_BLOCKED_URIS, SampleExtent
from policybuilder.evidence import OTHER, OVER_BUDGET
from policybuilder.store import schema
from policybuilder.store.batch import Batch, GroupDelta, MovedGroup
from policybuilder.store.clock import HOUR_MS
from policybuilder.store.prepared import Prepared
from policybuilder.store.recollection import Recollection
from policybuilder.store.tables import given_texts, insert_into, table_of

_Key = TypeVar("_Key")

NEW_GROUPS_PER_HOUR = 5_000
"""Of a site that sets no budget of its own."""

PAGES_PER_GROUP = 2
POLICIES_PER_HOUR = 200
NETWORK_SHARE = 5
"""One client network may use a fifth of a budget; four together leave the rest another fifth."""

FIRST_FEW = 20
"""What a client network brings first in an hour finds room beyond the budget too, up to twice of it: a handful of
networks could use all of it up, and each real visitor brings little that is new."""

OTHERS_SHARE = 10
"""Of the groups that stand for what is beyond the budget, a tenth of it in number."""

_ALL = 0
_OTHERS = -1
_BEYOND = -2
"""Rows that stand for no client network. A network's hash may be one of them once in 2⁶³ times, and then it shares."""

_KNOWN_SCHEMES = frozenset({"data", "blob", "filesystem", "mediastream", "about"})


class Kind(enum.StrEnum):
    """What is budgeted; the column that counts it."""

    GROUPS = "new_groups"
    PAGES = "new_pages"
    POLICIES = "new_policies"


class Growth:
    """What is left of a transaction's budgets, in the hour of `now_ms`."""

    def __init__(
        self, connection: Connection, now_ms: int, hash_of: Callable[[str, str], int], known: Recollection
    ) -> None:
        """`hash_of` gives a site's hash of a client network for today; `known` is what the writer remembers."""
        self._connection = connection
        self._remembered = known
        self._hour = now_ms // HOUR_MS
        self._hash_of = hash_of

    def fold_excess_groups(self, batch: Batch, site: str) -> None:
        """Count as `(other)` what is new of the site's and beyond its budget."""
        members = [key for at, key in batch.groups if at == site and (at, key) not in batch.exempt]
        known = self._known(site, members)
        fresh = sorted(
            (key for key in members if key not in known), key=lambda key: (batch.groups[site, key].tally.first_ms, key)
        )
        if not fresh:
            return
        wanted = set(fresh)
        brought = ((key, network) for at, key, _, network in batch.group_networks if at == site and key in wanted)
        networks = self.charged(site, Kind.GROUPS, brought)
        budget = self._group_budget(site)
        refused = self._refused(site, Kind.GROUPS, budget, [(key, networks.get(key, "")) for key in fresh])
        if refused:
            batch.move({(site, key): moved for key, moved in self._others(site, batch, refused, budget).items()})

    def charged(self, site: str, kind: Kind, pairs: Iterable[tuple[_Key, str]]) -> dict[_Key, str]:
        """Of the networks that brought a thing, the one with most room: a flood must not pay with what others bring."""
        networks: dict[_Key, set[str]] = defaultdict(set)
        brought: Counter[str] = Counter()
        for key, network in pairs:
            networks[key].add(network)
            brought[network] += 1
        if all(len(names) == 1 for names in networks.values()):  # as nearly always: there is nothing to choose
            return {key: next(iter(names)) for key, names in networks.items()}
        found = cast("Iterable[tuple[int, int]]", _SPENT[kind].run(self._connection, site=site, hour=self._hour))
        spent = {network: number for network, number in found}  # noqa: C416  (a row is no pair to dict)
        room = {network: (spent.get(self._hash_of(site, network), 0), brought[network], network) for network in brought}
        return {key: min(names, key=room.__getitem__) for key, names in networks.items()}

    def refused_pages(
        self, site: str, fresh: Sequence[tuple[str, str]], network_of: Mapping[tuple[str, str], str]
    ) -> set[tuple[str, str]]:
        """Of pages that are new to a group (fingerprint, page) or to the site ("", page), those beyond the budget."""
        budget = PAGES_PER_GROUP * self._group_budget(site)
        return set(self._refused(site, Kind.PAGES, budget, [(key, network_of.get(key, "")) for key in fresh]))

    def refused_policies(self, site: str, fresh: Sequence[str], network_of: Mapping[str, str]) -> set[str]:
        """Of policy digests that are new, those beyond the budget."""
        asked = [(key, network_of.get(key, "")) for key in fresh]
        return set(self._refused(site, Kind.POLICIES, POLICIES_PER_HOUR, asked))

    def _others(self, site: str, batch: Batch, refused: Sequence[str], budget: int) -> dict[str, MovedGroup]:
        """The groups that stand for the refused ones: by origin as far as there is room, else for all alike."""
        by_origin = {key: _by_origin(batch.groups[site, key]) for key in refused}
        wanted = sorted({moved.fingerprint for moved in by_origin.values()})
        known = self._known(site, wanted)
        fresh = [key for key in wanted if key not in known]
        room = budget // OTHERS_SHARE
        left_out = set(fresh[self._granted(site, _OTHERS, Kind.GROUPS, len(fresh), room) :])
        return {
            key: _by_origin(batch.groups[site, key], origin=OTHER) if moved.fingerprint in left_out else moved
            for key, moved in by_origin.items()
        }

    def _refused(self, site: str, kind: Kind, budget: int, asked: Sequence[tuple[Any, str]]) -> list[Any]:
        """Of (key, client network), in the order given, the keys that find no room."""
        if not asked:
            return []
        # One row for all comes first, whoever asks for what: so nobody waits for somebody who waits for them.
        self._count(site, _ALL, kind, 0)
        wanted = Counter(network for _, network in asked)
        share = max(1, budget // NETWORK_SHARE)
        place = {
            network: self._count(site, self._hash_of(site, network), kind, wanted[network]) - wanted[network]
            for network in sorted(wanted)
        }
        within: list[Any] = []
        refused: list[Any] = []
        is_first: set[Any] = set()
        for key, network in asked:
            place[network] += 1
            (within if place[network] <= share else refused).append(key)
            if place[network] <= min(FIRST_FEW, budget):
                is_first.add(key)
        beyond = within[self._granted(site, _ALL, kind, len(within), budget) :]
        first = [key for key in beyond if key in is_first]
        let_in = set(first[: self._granted(site, _BEYOND, kind, len(first), budget)])
        return [*(key for key in beyond if key not in let_in), *refused]

    def _granted(self, site: str, network: int, kind: Kind, asked: int, budget: int) -> int:
        """How many of `asked` are within the budget."""
        if not asked:
            return 0
        before = self._count(site, network, kind, asked) - asked
        return min(asked, max(0, budget - before))

    def _count(self, site: str, network: int, kind: Kind, asked: int) -> int:
        """What was asked for in this hour, now too; the row is locked until the transaction ends."""
        counts = {each.value: asked if each is kind else 0 for each in Kind}
        counted = _COUNT[kind].run(self._connection, site=site, hour=self._hour, network=network, **counts)
        return int(counted.scalar_one())

    def _group_budget(self, site: str) -> int:
        found = _BUDGET.run(self._connection, site=site).scalar()
        return NEW_GROUPS_PER_HOUR if found is None else int(found)

    def _known(self, site: str, keys: Sequence[str]) -> set[str]:
        unknown = [key for key in keys if not self._remembered.has("violation_group", site, key)]
        if not unknown:
            return set(keys)
        found = _GROUPS_THERE.run(self._connection, site=site, given=json.dumps(sorted(unknown))).scalars()
        return set(keys).difference(unknown).union(found)


def _groups_there(connection: Connection) -> ClauseElement:
    table = table_of(schema.GroupRow)
    given = select(given_texts(connection, "given"))
    return select(table.c.fingerprint).where(table.c.site == bindparam("site"), table.c.fingerprint.in_(given))


_GROUPS_THERE = Prepared(_groups_there)


def _spent(kind: Kind, _connection: Connection) -> ClauseElement:
    """What each network asked for in an hour."""
    table = table_of(schema.GrowthRow)
    is_asked = (table.c.site == bindparam("site"), table.c.hour == bindparam("hour"))
    return select(table.c.network, table.c[kind.value]).where(*is_asked)


def _count(kind: Kind, connection: Connection) -> ClauseElement:
    """Adds what is asked for, and tells how much it is then."""
    table = table_of(schema.GrowthRow)
    statement = insert_into(connection, table).values({column.name: bindparam(column.name) for column in table.c})
    column = table.c[kind.value]
    counted: ClauseElement = statement.on_conflict_do_update(
        index_elements=[table.c.site, table.c.hour, table.c.network],
        set_={kind.value: column + statement.excluded[kind.value]},
    ).returning(column)
    return counted


def _budget(_connection: Connection) -> ClauseElement:
    table = table_of(schema.SiteRow)
    return select(table.c.new_groups_per_hour).where(table.c.name == bindparam("site"))


_SPENT = {kind: Prepared(partial(_spent, kind)) for kind in Kind}
_COUNT = {kind: Prepared(partial(_count, kind)) for kind in Kind}
_BUDGET = Prepared(_budget)


def _by_origin(delta: GroupDelta, *, origin: str | None = None) -> MovedGroup:
    """The group that stands for `delta` and others of its kind: same origin, directive, disposition and class."""
    directive = str(delta.columns["directive"])
    blocked = _origin_of(str(delta.columns["blocked"])) if origin is None else origin
    columns = {
        "document_origin": OTHER,
        "directive": directive if directive in KNOWN_DIRECTIVES else OTHER,
        "blocked": blocked,
        "disposition": delta.columns["disposition"],
        "evidence_class": delta.columns["evidence_class"],
        "rule": OVER_BUDGET,
        "reason": "more was new in an hour than the site's budget lets in",
        "sample": "",
        "sample_extent": SampleExtent.NONE.value,
        "source_file": "",
        "line_number": None,
        "initiator": "",
    }
    parts = [OVER_BUDGET, *(str(columns[name]) for name in ("directive", "blocked", "disposition", "evidence_class"))]
    return MovedGroup(hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest(), columns)


def _origin_of(blocked: str) -> str:
    """`https://cdn.example/(other)` for any URL there; keywords and the schemes browsers name as they stand."""
    scheme, separator, rest = blocked.partition("://")
    if separator:
        return f"{scheme}://{rest.partition('/')[0]}/{OTHER}"
    return blocked if blocked in KEYWORD_BLOCKED_URIS or blocked in _KNOWN_SCHEMES else OTHER
