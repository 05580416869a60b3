"""Marks in the list of violations, set by whoever takes evidence away or moves it; whoever adds some need not.

What is recorded shows by itself, since a group's counts only grow by it. Whatever else changes a group calls `touch`
before it changes anything, so that nobody lists what was read before, and then marks or removes the groups' rows, all
in the transaction of the change.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection

from sqlalchemy import Connection, delete, update

from policybuilder.store import schema
from policybuilder.store.tables import insert_into, is_any, table_of

TO_READ_ANEW = -1
"""What no group has recorded."""


def touch(connection: Connection, site: str) -> None:
    """Void what others have read of the site's groups and not listed yet, until the transaction ends and before.

    It comes first in a transaction: whoever lists waits for nobody while they hold the same row.
    """
    table = table_of(schema.ListingStateRow)
    statement = insert_into(connection, table).values(new_state(site))
    connection.execute(
        statement.on_conflict_do_update(index_elements=[table.c.site], set_={"generation": table.c.generation + 1})
    )


def mark(connection: Connection, site: str, fingerprints: Collection[str]) -> None:
    """Have these groups read anew; those that are not listed will be all the same."""
    table = table_of(schema.ListingRow)
    is_marked = is_any(connection, table.c.fingerprint, fingerprints)
    connection.execute(update(table).where(table.c.site == site, is_marked).values(recorded=TO_READ_ANEW))


def unlist(connection: Connection, site: str, fingerprints: Collection[str]) -> None:
    """Take groups that are no more out of the list."""
    table = table_of(schema.ListingRow)
    connection.execute(delete(table).where(table.c.site == site, is_any(connection, table.c.fingerprint, fingerprints)))


def new_state(site: str) -> dict[str, object]:
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
