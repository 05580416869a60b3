"""Opening databases: created and migrated by those that write, never by those that read."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlmodel import SQLModel

from policybuilder.errors import CspbuildError, EnvironmentFailedError, ExitCode
from policybuilder.store.engine import open_for_reading, open_for_writing


def test_the_migrations_make_exactly_the_tables_of_the_schema(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []


def test_opening_twice_migrates_once_and_keeps_what_is_there(database_url: str) -> None:
    first = open_for_writing(database_url)
    with first.begin() as connection:
        connection.execute(text("INSERT INTO site VALUES ('shop', 0, 400, true)"))
    first.dispose()
    second = open_for_writing(database_url)
    with second.connect() as connection:
        assert connection.execute(text("SELECT name FROM site")).scalar_one() == "shop"
    second.dispose()
