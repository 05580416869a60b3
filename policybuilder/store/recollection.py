"""Recollection: what a writer knows to be in the database, since it read or wrote it there within the hour.

Most reports repeat what was reported before: the same group on the same page by the same network under the same policy.
A writer that remembers so need neither ask whether there is room for it nor write that it was seen again. Others may
delete meanwhile; then a bound is exceeded by a little, or something is written anew without being charged for, until
the hour is over. What a transaction taught is true only once it is committed: one that fails makes everything
forgotten.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from policybuilder.store.clock import HOUR_MS

MAX_SAMPLES_PER_GROUP = 3

MAX_KEYS = 300_000
"""Strangers choose what is remembered: some tens of megabytes."""


class Recollection:
    """One writer's. Without one, a transaction remembers nothing of those before it."""

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._hour = -1
        self._members: dict[tuple[str, str, str], set[Any]] = {}
        self._rows: set[int] = set()
        self._keys = 0
        self.has_forgotten_keys = False
        """Whether keys whose day is over were deleted. No day ends within the hour for which this is remembered."""

    def begin(self, now_ms: int) -> None:
        """A transaction begins: what is too much, or older than the hour, is forgotten."""
        if now_ms // HOUR_MS != self._hour or self._keys + len(self._rows) > self._max_keys:
            self.clear()
            self._hour = now_ms // HOUR_MS

    def clear(self) -> None:
        """Forget everything."""
        self._members.clear()
        self._rows.clear()
        self._keys = 0
        self.has_forgotten_keys = False

    def members_of(self, table: str, site: str, fingerprint: str) -> set[Any] | None:
        """All that the rows of a group, or a policy, in a table name, to be added to; None where it is not known."""
        return self._members.get((table, site, fingerprint))

    def has_all_samples(self, site: str, fingerprint: str) -> bool:
        """Whether a group keeps as many samples as it may."""
        return len(self._members.get(("sample", site, fingerprint), ())) >= MAX_SAMPLES_PER_GROUP

    def learn_members(self, table: str, site: str, fingerprint: str, members: set[Any]) -> None:
        """Remember the set, which grows with the table from now on."""
        self._members[table, site, fingerprint] = members
        # What is added to it later is bounded, and small.
        self._keys += 1 + 2 * len(members)

    def has(self, *row: Hashable) -> bool:
        """Whether the row of this table, with this key, is there."""
        return hash(row) in self._rows

    def learn(self, rows: Iterable[tuple[Hashable, ...]]) -> None:
        """Remember that rows, as `has` asks for them, are there.

        By their hashes, which are 64 bits that nobody outside can foresee.
        """
        self._rows.update(map(hash, rows))

    def unlearn(self, row: tuple[Hashable, ...]) -> None:
        """The row is not there any more."""
        self._rows.discard(hash(row))
