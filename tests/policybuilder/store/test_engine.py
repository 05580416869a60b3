"""Opening databases: created and migrated by those that write, never by those that read."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import SQLModel

from policybuilder.errors import CspbuildError, EnvironmentFailedError, ExitCode
from policybuilder.store.engine import (
    SCHEMA_REVISION,
    describe_failure,
    open_for_reading,
    open_for_writing,
    parse_database_url,
    refresh_statistics,
    shown_url,
)
from policybuilder.store.migrating import newest_revision
from tests.support.evidence import make_observation, record_observations
from tests.support.postgres import PostgresServer, free_port
from tests.support.service import PROGRAMS, environment


def test_the_migrations_make_exactly_the_tables_of_the_schema(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []


def test_opening_twice_migrates_once_and_keeps_what_is_there(database_url: str) -> None:
    first = open_for_writing(database_url)
    with first.begin() as connection:
        connection.execute(
            text("INSERT INTO site (name, created_at_ms, retention_days, is_active) VALUES ('shop', 0, 400, true)")
        )
    first.dispose()
    second = open_for_writing(database_url)
    with second.connect() as connection:
        assert connection.execute(text("SELECT name FROM site")).scalar_one() == "shop"
    second.dispose()


def test_processes_that_start_at_once_migrate_once(database_url: str, tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [PROGRAMS / "csp-collector", "migrate", "--database-url", database_url],
            cwd=tmp_path,
            env=environment(tmp_path),
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    ends = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert ends == [("the database is up to date\n", 0)] * 3
    opened = open_for_reading(database_url)
    with opened.connect() as connection:
        assert connection.execute(text("SELECT name FROM site")).scalars().all() == ["default"]
    opened.dispose()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "is no database URL"),
        ("data/csp.db", "is no database URL"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("mysql://root@localhost/csp", "is no database we can use"),
        ("oracle://localhost/csp", "is no database we can use"),
        ("postgresql://localhost:port/csp", "is no database URL"),
    ],
)
@pytest.mark.parametrize("opening", [open_for_reading, open_for_writing])
def test_a_url_of_nothing_we_can_use_is_the_operators_problem(
    opening: Callable[[str], Engine], url: str, says: str
) -> None:
    with pytest.raises(CspbuildError, match=says) as refused:
        opening(url)
    assert refused.value.exit_code is ExitCode.USAGE
    assert "sqlite:///" in str(refused.value)


@pytest.mark.parametrize("url", ["postgresql://user:secret@db.example/csp", "postgres://user:secret@db.example/csp"])
def test_a_password_is_never_shown(url: str) -> None:
    assert shown_url(url).endswith("://user:***@db.example/csp")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_spelling_of_postgresql_is_read(scheme: str) -> None:
    assert parse_database_url(f"{scheme}://db.example/csp").drivername == "postgresql+psycopg"


def test_reading_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(CspbuildError, match="start the collector once"):
        open_for_reading(f"sqlite:///{tmp_path}/data/csp.db")
    assert list(tmp_path.iterdir()) == []


def test_reading_leaves_a_strangers_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (x)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(CspbuildError, match="holds no evidence database"):
        open_for_reading(f"sqlite:///{path}")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_writing_leaves_a_strangers_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (x)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(CspbuildError, match=r"other\.db holds tables of something else") as refused:
        open_for_writing(f"sqlite:///{path}")
    assert refused.value.exit_code is ExitCode.USAGE
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("table", ["other", "alembic_version"])
def test_writing_leaves_a_strangers_database_as_it_is(postgres: PostgresServer, table: str) -> None:
    url = postgres.create_database()
    engine = create_engine(parse_database_url(url))
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE {table} (version_num text)"))
    with pytest.raises(CspbuildError, match="holds tables of something else"):
        open_for_writing(url)
    assert inspect(engine).get_table_names() == [table]
    engine.dispose()


def test_an_empty_database_holds_no_evidence(postgres: PostgresServer, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    for url in (f"sqlite:///{tmp_path}/empty.db", postgres.create_database()):
        with pytest.raises(CspbuildError, match="holds no evidence database; start the collector once"):
            open_for_reading(url)


@pytest.mark.parametrize("opening", [open_for_reading, open_for_writing])
@pytest.mark.parametrize("content", [b"not a database, but long enough to be looked at" * 30, b"\x00" * 4096])
def test_a_file_that_is_no_database_is_named_and_kept(
    opening: Callable[[str], Engine], content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(CspbuildError, match=r"notes\.txt is not a database of ours") as refused:
        opening(f"sqlite:///{path}")
    assert refused.value.exit_code is ExitCode.USAGE
    assert path.read_bytes() == content


@pytest.mark.parametrize("opening", [open_for_reading, open_for_writing])
def test_a_newer_schema_is_left_alone(opening: Callable[[str], Engine], database_url: str) -> None:
    made = open_for_writing(database_url)
    with made.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    made.dispose()
    with pytest.raises(CspbuildError, match="was made by a newer version of this program; upgrade cspbuild") as refused:
        opening(database_url)
    assert refused.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("opening", [open_for_reading, open_for_writing])
def test_a_server_that_does_not_answer_is_the_environments_failure(opening: Callable[[str], Engine]) -> None:
    with pytest.raises(EnvironmentFailedError, match="cannot use postgresql://u:") as refused:
        opening(f"postgresql://u:secret@127.0.0.1:{free_port()}/csp")
    assert refused.value.exit_code is ExitCode.ENVIRONMENT
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_database_that_a_server_does_not_have_is_named(postgres: PostgresServer) -> None:
    with pytest.raises(EnvironmentFailedError, match='"nowhere" does not exist'):
        open_for_writing(postgres.url("nowhere"))


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CspbuildError, match=r"cannot (create|use) .*file"):
        open_for_writing(f"sqlite:///{tmp_path}/file/data/csp.db")


def test_a_directory_in_the_files_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(CspbuildError, match="unable to open"):
        open_for_writing(f"sqlite:///{tmp_path}")


def test_evidence_is_for_its_user_alone(tmp_path: Path) -> None:
    open_for_writing(f"sqlite:///{tmp_path}/data/csp.db").dispose()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_failure_in_the_middle_is_one_line_without_statement_or_values(engine: Engine) -> None:
    with pytest.raises(SQLAlchemyError) as failed, engine.begin() as connection:
        connection.execute(text("SELECT 'a secret' FROM no_such_table"))
    shown = str(describe_failure(failed.value))
    assert "no_such_table" in shown
    assert "a secret" not in shown
    assert "\n" not in shown


def test_readers_know_the_newest_revision() -> None:
    assert newest_revision() == SCHEMA_REVISION


def test_what_was_stored_at_once_is_counted_for_the_plans_of_queries(postgres: PostgresServer) -> None:
    engine = open_for_writing(postgres.create_database())
    record_observations(engine, make_observation())
    counted = text("SELECT reltuples FROM pg_class WHERE relname = 'violation_group'")
    with engine.connect() as connection:
        assert connection.execute(counted).scalar_one() < 1
    refresh_statistics(engine)
    with engine.connect() as connection:
        assert connection.execute(counted).scalar_one() == 1
    engine.dispose()


def test_counting_leaves_sqlite_as_it_was(tmp_path: Path) -> None:
    engine = open_for_writing(f"sqlite:///{tmp_path}/csp.db")
    record_observations(engine, make_observation())
    refresh_statistics(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM violation_group")).scalar_one() == 1
    engine.dispose()
