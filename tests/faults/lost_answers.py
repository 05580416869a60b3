"""A way to PostgreSQL on which the answer to a commit can be lost: the one moment in which nobody can know."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_STORES = b"INSERT INTO violation_group"
_COMMIT = b"COMMIT"


class LostAnswers:
    """A relay of connections; told to, it breaks one between a commit that stores reports and the answer to it."""

    def __init__(self, port: int) -> None:
        """`port` is that of the server, on loopback."""
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._armed = threading.Event()
        self._lost = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def url(self, database_url: str) -> str:
        """The same database, by this way."""
        port: int = self._listener.getsockname()[1]
        parts = urlsplit(database_url)
        return parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}").geturl()

    def lose_the_next_answer(self) -> None:
        self._armed.set()

    def wait_until_lost(self, seconds: float) -> None:
        """Raises AssertionError when nothing was committed in time."""
        assert self._lost.wait(seconds), f"no commit in {seconds} s"

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        # Closing alone would not wake who waits in accept or recv.
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def _run(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server_port))
            self._sockets += [client, server]
            losing = threading.Event()
            self._run(self._relay_questions, client, server, losing)
            self._run(self._relay_answers, server, client, losing)

    def _relay_questions(self, client: socket.socket, server: socket.socket, losing: threading.Event) -> None:
        stores = False
        with suppress(OSError):
            while said := client.recv(65_536):
                stores = stores or _STORES in said
                if _COMMIT in said:
                    if stores and self._armed.is_set():
                        self._armed.clear()
                        losing.set()
                    stores = False
                server.sendall(said)
        _shut(server)

    def _relay_answers(self, server: socket.socket, client: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while said := server.recv(65_536):
                if losing.is_set():
                    # It is committed now.
                    self._lost.set()
                    _shut(server)
                    break
                client.sendall(said)
        _shut(client)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
