"""Opening the database: SQLite or PostgreSQL from one URL, created and migrated only by commands that write."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

from policybuilder.errors import CspbuildError, EnvironmentFailedError
from policybuilder.locations import DEFAULT_DATABASE_URL as DEFAULT_DATABASE_URL  # noqa: PLC0414  (handed on to those who open)
from policybuilder.program import typed
from policybuilder.store.prepared import allow_together

_ACCEPTED = "write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"

_TOLD_BY = {"alembic_version", "site"}
"""Tables that every database of ours has, whatever its version."""

SCHEMA_REVISION = "0006"
"""The newest migration, kept here too so that readers need not load what migrates; revisions count up."""

Database = Engine
"""An opened database, for those who only hand it on."""


def shown_url(text_url: str) -> str:
    """A database URL as it may be printed. Raises CspbuildError for what is none."""
    return _shown(parse_database_url(text_url))


def parse_database_url(text_url: str) -> URL:
    """The URL with the driver we use. Raises CspbuildError for anything but SQLite files and PostgreSQL."""
    try:
        url = make_url(text_url)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        raise CspbuildError(f"{text_url!r} is no database URL; {_ACCEPTED}") from None
    backend = url.get_backend_name()
    if backend == "sqlite":
        if not url.database or url.database == ":memory:":
            raise CspbuildError(f"{text_url!r} names no file to keep evidence in; write sqlite:///data/csp.db")
        return url.set(drivername="sqlite")
    if backend in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+psycopg")
    raise CspbuildError(f"{url.drivername!r} is no database we can use; {_ACCEPTED}")


def open_for_writing(text_url: str) -> Engine:
    """The database, created and migrated to this version's schema where needed.

    Raises CspbuildError when the schema is newer than this program or the tables there are somebody else's,
    EnvironmentFailedError when it cannot be reached.
    """
    engine = open_unmigrated(text_url)
    with _reporting_failures(engine, engine.url), engine.connect() as connection:
        if stored_revision(connection) == SCHEMA_REVISION:
            return engine
    # Eleven megabytes, for nothing at any start but the first.
    from policybuilder.store.migrating import NewerSchemaError, migrate  # noqa: PLC0415

    try:
        with _reporting_failures(engine, engine.url), writing(engine).begin() as connection:
            migrate(connection)
    except NewerSchemaError:
        engine.dispose()
        raise made_by_newer_program(_shown(engine.url)) from None
    return engine


def open_unmigrated(text_url: str) -> Engine:
    """The database to write to, whatever its schema; of SQLite it is created where needed.

    Raises CspbuildError when the tables there are somebody else's, EnvironmentFailedError when it cannot be reached.
    """
    url = parse_database_url(text_url)
    _refuse_a_strangers(url)
    if url.get_backend_name() == "sqlite":
        _make_directory_for(Path(str(url.database)))
    return _make_engine(url, creates=True)


def open_migrated(text_url: str) -> Engine:
    """The database for writing, which somebody opened so before; it is not asked anything yet."""
    return _make_engine(parse_database_url(text_url), creates=True)


def open_for_reading(text_url: str) -> Engine:
    """The database as it is. Raises CspbuildError when it is missing or its schema is not this version's."""
    url = parse_database_url(text_url)
    shown = _shown(url)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise CspbuildError(f"no database at {url.database}; start the collector once (make run) or pass --database")
    engine = _make_engine(url, creates=False)
    with _reporting_failures(engine, url), engine.connect() as connection:
        found = stored_revision(connection)
    if found == SCHEMA_REVISION:
        return engine
    engine.dispose()
    if found is None:
        raise CspbuildError(f"{shown} holds no evidence database; start the collector once or pass --database")
    if found > SCHEMA_REVISION:
        raise made_by_newer_program(shown)
    program = typed("csp-collector")
    raise CspbuildError(f"{shown} has an older schema; run  {program} migrate --database-url {shown}")


def made_by_newer_program(what: str) -> CspbuildError:
    """What the operator should read of a database, or a backup of one, that this program is too old for."""
    return CspbuildError(f"{what} was made by a newer version of this program; upgrade cspbuild")


def _refuse_a_strangers(url: URL) -> None:
    """Raises CspbuildError for a database that has tables, but not ours; read only, since it stays as it is."""
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        return
    engine = _make_engine(url, creates=False)
    with _reporting_failures(engine, url), engine.connect() as connection:
        tables = set(inspect(connection).get_table_names())
    engine.dispose()
    if tables and not tables >= _TOLD_BY:
        raise CspbuildError(
            f"{_shown(url)} holds tables of something else and no evidence of ours; name a database of its own"
        )


def _make_directory_for(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CspbuildError(f"cannot create {path.parent}: {error.strerror}; pass another --database") from None


def _make_engine(url: URL, *, creates: bool) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": 15, "check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
        if creates:
            event.listen(engine, "connect", _prepare_sqlite_for_writing)
        event.listen(engine, "begin", _begin_sqlite)
        allow_together(engine)
        return engine
    try:
        engine = create_engine(url, pool_pre_ping=True, pool_use_lifo=True, connect_args={"connect_timeout": 5})
    except (ArgumentError, NoSuchModuleError) as error:
        raise CspbuildError(f"{_shown(url)} is no usable database URL: {error}") from None
    allow_together(engine)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # pysqlite's own transaction handling would commit before DDL and begin too late for a consistent read.
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous=FULL")


def _prepare_sqlite_for_writing(connection: sqlite3.Connection, _record: object) -> None:
    # Lasts with the file, so a reader must not set it: the file might be somebody else's.
    connection.execute("PRAGMA journal_mode=WAL")
    # What is deleted is overwritten with zeros: keys of reporters, and whatever a site's erasing took away.
    connection.execute("PRAGMA secure_delete=ON")
    # A commit of few reports touches hundreds of pages, most of them those of the commits before.
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")


_CACHE_KIB = 16 * 1024
_CHECKPOINT_PAGES = 1_000
"""16 MB: to write the log's pages into the database makes somebody's commit wait."""


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that means to write takes the lock at once: upgrading a read lock later fails without waiting.
    options = connection.get_execution_options()
    if not options.get("writes", False):
        connection.exec_driver_sql("BEGIN")
    elif (patience_ms := options.get("patience_ms")) is None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience_ms}")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {usual}")


def writing(engine: Engine) -> Engine:
    """The same engine, whose transactions take the write lock when they begin."""
    return engine.execution_options(writes=True)


@contextmanager
def writing_soon(engine: Engine, patience_ms: int) -> Iterator[Connection]:
    """A transaction for who would rather not write than wait for longer: then it raises OperationalError."""
    with writing(engine).execution_options(patience_ms=patience_ms).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = {patience_ms}"))
        yield connection


def refresh_statistics(engine: Engine) -> None:
    """Let the database count what is in it anew, as after much was stored at once: it plans queries by that.

    PostgreSQL does so by itself only after a while, until which it goes through whole tables. Where others are writing
    it is left to the next time.
    """
    with suppress(OperationalError), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if engine.dialect.name == "postgresql" else "PRAGMA optimize"))


def stored_revision(connection: Connection) -> str | None:
    """The revision of the database's schema; None where it has none of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


@contextmanager
def _reporting_failures(engine: Engine, url: URL) -> Iterator[None]:
    """Turn what a database driver raises on connecting into one line for the operator, and close the connections."""
    try:
        yield
    except SQLAlchemyError as error:
        engine.dispose()
        raise _connection_failure(error, url) from None
    except CspbuildError:
        engine.dispose()
        raise


def _connection_failure(error: SQLAlchemyError, url: URL) -> CspbuildError:
    """What the operator should read when the driver says `error`."""
    shown, reason = _shown(url), _reason(error)
    if "not a database" in reason or "malformed" in reason:
        return CspbuildError(f"{shown} is not a database of ours ({reason}); pass another --database")
    return EnvironmentFailedError(f"cannot use {shown}: {reason}; check that it runs and that the URL is right")


def describe_failure(error: SQLAlchemyError) -> CspbuildError:
    """What the operator should read when the database fails in the middle of a command."""
    return EnvironmentFailedError(
        f"the database failed: {_reason(error)}; nothing of this command was stored by halves"
    )


def _reason(error: SQLAlchemyError) -> str:
    """The driver's first line; the rest may quote statements and values."""
    lines = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _shown(url: URL) -> str:
    """The URL as it may be printed: without its password, without the driver that we chose."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)
