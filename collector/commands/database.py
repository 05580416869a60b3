"""The database of a command that writes to it: its option, and how it is opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from collector.settings import load_settings

_Command = TypeVar("_Command", bound=Callable[..., Any])


def database_url_option(command: _Command) -> _Command:
    """`--database-url URL`."""
    return click.option("--database-url", metavar="URL", help="sqlite:///FILE or postgresql://…")(command)


def open_database(database_url: str | None) -> Any:
    """The database to write to, created and migrated where needed, with the default site in it."""
    from datetime import UTC, datetime  # noqa: PLC0415  (start-up of --help)

    from policybuilder.store.sites import open_sites  # noqa: PLC0415  (the same)

    return open_sites(load_settings(database_url=database_url).database_url, datetime.now(UTC))


def open_existing_database(database_url: str | None, *, writes: bool = True) -> Any:
    """The database of a command that makes sense only where evidence is; `writes` False to leave it as it is.

    Raises CspbuildError where there is none, or an older one.
    """
    from policybuilder.store.engine import open_for_reading  # noqa: PLC0415  (start-up of --help)

    engine = open_for_reading(load_settings(database_url=database_url).database_url)
    if not writes:
        return engine
    engine.dispose()
    return open_database(database_url)
