"""Alembic's entry point; the connection comes from `policybuilder.store.migrating`."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from policybuilder.store import schema

assert schema.SiteRow.metadata is SQLModel.metadata  # noqa: S101  (importing the module is what fills the metadata)

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=SQLModel.metadata, transactional_ddl=False)
context.run_migrations()
