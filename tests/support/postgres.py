"""A real PostgreSQL server of the tests' own: in a temporary directory, on a free port of loopback."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql


@dataclass(frozen=True)
class PostgresServer:
    """Where the server listens; its superuser is `postgres`, trusted on loopback."""

    port: int
    control: tuple[str | Path, ...]
    """The `pg_ctl` of its data, for the user it runs as."""

    options: str

    def start(self) -> None:
        """Return when it takes connections."""
        _run(*self.control, "-o", self.options, "start")

    def stop(self, mode: str = "fast") -> None:
        """End every session in the middle of what it does; with "immediate", as a crash would."""
        _run(*self.control, "-m", mode, "stop")

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create_database(self, like: str = "template1") -> str:
        """The URL of a new database: empty, or with all that another one has, which nobody may be using."""
        name = f"t{secrets.token_hex(6)}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, like)
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Forget a database, whoever still uses it."""
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", url.rpartition("/")[2])

    def _execute(self, statement: LiteralString, *names: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def run_postgres(directory: Path, *, fsync: bool = False) -> Iterator[PostgresServer]:
    """Start a server with its data below `directory`, and stop it at the end; it waits for the disk if told so."""
    programs = _programs()
    data = directory / "postgres"
    port = free_port()
    as_user: list[str] = []
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root; its package made a user for it.
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        data.mkdir()
        shutil.chown(data, "postgres", "postgres")
        for parent in data.parents:
            if parent.stat().st_mode & 0o001 == 0:
                parent.chmod(parent.stat().st_mode | 0o011)
    _run(*as_user, programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data}"
    options += f" -c fsync={'on' if fsync else 'off'}"
    server = PostgresServer(port, (*as_user, programs / "pg_ctl", "-D", data, "-w", "-l", data / "log"), options)
    server.start()
    try:
        yield server
    finally:
        # A test may have left it stopped.
        if (data / "postmaster.pid").exists():
            server.stop("immediate")


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


_PORTS_EACH = 2_000
_FIRST_PORT = 11_000
"""Below those that the system gives to connections: https://docs.kernel.org/networking/ip-sysctl.html (port range)"""


def free_port() -> int:
    """A port of loopback that nobody listens on just now, and that no other process of the tests will be told.

    Told the same one, two tests at once would start a service each, of which the first to listen would answer both.
    """
    ours = int(os.environ.get("PYTEST_XDIST_WORKER", "gw9").removeprefix("gw")) % 10
    while True:
        port = _FIRST_PORT + ours * _PORTS_EACH + secrets.randbelow(_PORTS_EACH)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _programs() -> Path:
    """The directory of the newest PostgreSQL's server programs, which Debian keeps off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if found:
        return found[-1]
    on_path = shutil.which("initdb")
    if on_path is None:
        raise RuntimeError("no PostgreSQL server here; run  make test  as root, or  apt-get install postgresql")
    return Path(on_path).parent
