"""Whose a loopback connection is, asked of the system about real sockets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from collector.review.local_client import is_own_client


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    """A socket that listens on loopback."""
    with socket.socket(request.param) as listening:
        listening.bind(("127.0.0.1" if request.param == socket.AF_INET else "::1", 0))
        listening.listen()
        listening.settimeout(30)
        yield listening


def test_a_connection_of_this_user_is_the_operators(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()[:2]):
        accepted, peer = listener.accept()
        with accepted:
            assert is_own_client(*peer[:2])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can connect as somebody else")
@pytest.mark.parametrize(("user", "is_own"), [(33, False), (1000, True)], ids=["a service", "a person"])
def test_a_connection_of_another_user_is_judged_by_who_it_is(
    listener: socket.socket, user: int, *, is_own: bool
) -> None:
    host, port = listener.getsockname()[:2]
    connect = f"socket.create_connection(({host!r}, {port}))"
    # All is imported as root: this interpreter may lie where nobody else can read.
    code = f"import encodings.idna, os, socket, sys; os.setuid({user}); connection = {connect}; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as client:
        accepted, peer = listener.accept()
        with accepted:
            assert is_own_client(*peer[:2]) is is_own
        client.communicate()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can connect as somebody else")
def test_closed_connections_from_the_same_port_do_not_make_a_service_the_operator() -> None:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    # The system lists a closed connection for a minute, as root's, and in no order: of many, one stands first.
    for _ in range(20):
        with socket.create_server(("127.0.0.1", 0)) as elsewhere, socket.socket() as closing:
            closing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            closing.bind(("127.0.0.1", port))
            closing.connect(elsewhere.getsockname())
            accepted, _peer = elsewhere.accept()
            closing.close()
            accepted.close()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        code = (
            "import encodings.idna, os, socket, sys; os.setuid(33); client = socket.socket(); "
            "client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
            f"client.bind(('127.0.0.1', {port})); client.connect({listening.getsockname()!r}); sys.stdin.read()"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as client:
            accepted, peer = listening.accept()
            with accepted:
                assert peer[1] == port
                assert not is_own_client(*peer)
            client.communicate()


@pytest.mark.parametrize("host", ["testclient", "", "203.0.113.9"])
def test_who_cannot_be_told_is_let_in(host: str) -> None:
    assert is_own_client(host, 1)
