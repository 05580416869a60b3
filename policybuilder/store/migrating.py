"""Migrating: the schema of a database brought up to this version's."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text

_LOCK = 0x637370  # any number, the same in every process


class NewerSchemaError(Exception):
    """The database was migrated by a program that knows more revisions than this one."""


def migrate(connection: Connection, revision: str = "head") -> None:
    """Apply what is missing, in the connection's transaction, which holds the database's write lock.

    Of two processes that start at once, one migrates and the other finds it done. Raises NewerSchemaError.
    """
    lock_schema(connection)
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        raise NewerSchemaError from error


def lock_schema(connection: Connection) -> None:
    """Let nobody else migrate until the connection's transaction ends, or wait until they have."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})


def newest_revision() -> str | None:
    """The revision that `migrate` leads to."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
