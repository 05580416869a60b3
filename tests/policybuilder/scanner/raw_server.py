"""A server that sends whatever bytes a test likes, for answers that no decent server gives."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def serve_raw(answer: Callable[[socket.socket], None], *, reads_request: bool = True) -> Iterator[int]:
    """Hand each connection to `answer`, in a thread of its own, until the end of the block."""

    def run(connection: socket.socket) -> None:
        # A client that has seen enough leaves.
        with connection, suppress(OSError):
            connection.settimeout(20)
            if reads_request:
                connection.recv(65536)
            answer(connection)

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=run, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            # Closing alone does not wake the thread that waits.
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()
