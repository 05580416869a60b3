"""Marks in the list of violations, set by whoever takes evidence away or moves it; whoever adds some need not.

What is recorded shows by itself, since a group's counts only grow by it.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection

from sqlalchemy import Connection, delete, update

from policybuilder.store import schema
from policybuilder.store.tables import insert_into, is_any, table_of

TO_READ_ANEW = -1
"""What no group has recorded."""


class ListMarks:
    """What a transaction changes about the groups of a site, as far as their list goes.

    Made before the transaction changes anything: from then on nobody lists what they read of these groups before. It
    comes first too because whoever lists holds the same row, and waits for nobody then.
    """

    def __init__(self, connection: Connection, site: str) -> None:
        self._connection = connection
        self._site = site
        table = table_of(schema.ListingStateRow)
        statement = insert_into(connection, table).values(_never_made(site))
        connection.execute(
            statement.on_conflict_do_update(index_elements=[table.c.site], set_={"generation": table.c.generation + 1})
        )

    def changed(self, fingerprints: Collection[str]) -> None:
        """Have these groups read anew; those that are not listed will be all the same."""
        table = table_of(schema.ListingRow)
        is_changed = is_any(self._connection, table.c.fingerprint, fingerprints)
        statement = update(table).where(table.c.site == self._site, is_changed).values(recorded=TO_READ_ANEW)
        self._connection.execute(statement)

    def gone(self, fingerprints: Collection[str]) -> None:
        """Take groups that are no more out of the list."""
        table = table_of(schema.ListingRow)
        is_gone = is_any(self._connection, table.c.fingerprint, fingerprints)
        self._connection.execute(delete(table).where(table.c.site == self._site, is_gone))


def _never_made(site: str) -> dict[str, object]:
    """The state of a list that was never made."""
    return {
        "site": site,
        # By chance: where a site is erased and made anew, nobody takes one state for the other.
        "generation": secrets.randbits(60),
        "epoch": 0,
        "basis": "",
        "whole_at_ms": None,
        "whole_generation": 0,
        "groups": 0,
        "recorded": 0,
        "counts": "{}",
    }
