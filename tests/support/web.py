"""The web of a test: one port of loopback is every host that the test answers for, over http and https."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.support.loopback import Certificate, Request, Response

Answering = Callable[[Request], Response]

_TLS_HANDSHAKE = b"\x16"
"""The first byte of one, with which no HTTP request begins."""

_IDLE_SECONDS = 20
_SOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass
class Web:
    """Who answers for which host."""

    port: int
    """A web server, and a proxy to it."""

    hosts: dict[str, Answering] = field(default_factory=dict)
    """By name; `*.photos.example` is every host below that, too."""

    @contextmanager
    def mounted(self, hosts: Mapping[str, Answering]) -> Iterator[None]:
        """Let these answer, too, until the end of the block."""
        before = dict(self.hosts)
        self.hosts |= hosts
        try:
            yield
        finally:
            self.hosts = before

    def answer(self, host: str, request: Request) -> Response:
        answering = self.hosts.get(host) or self.hosts.get(f"*.{host.partition('.')[2]}")
        return Response(404) if answering is None else answering(request)


def socket_saying(text: str, request: Request) -> Response:
    """The answer to somebody who opens a WebSocket: the handshake, one short message, and a close.

    https://www.rfc-editor.org/rfc/rfc6455#section-1.3
    """
    key = request.header("sec-websocket-key") or ""
    accept = base64.b64encode(hashlib.sha1(f"{key}{_SOCKET_GUID}".encode()).digest())  # noqa: S324  (as it is defined)
    headers = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept.decode()))
    return Response(101, headers, bytes([0x81, len(text)]) + text.encode() + b"\x88\x02\x03\xe8")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        parts = urlsplit(self.path)
        # A proxy is asked for a whole URL.
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
        request = Request(self.command, path, tuple(self.headers.items()), self.rfile.read(length))
        response = self.server.web.answer(host, request)
        self.send_response_only(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        if response.status == 101:
            self.close_connection = True
        elif response.status != 204:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)
        if response.status == 101:
            # Firefox hears nothing of what was said on a connection that is gone; it answers the close with one.
            self.rfile.read(8)

    do_GET = do_POST = do_OPTIONS = _answer  # noqa: N815  (the library looks for these names)

    def do_CONNECT(self) -> None:
        """As a proxy: whichever host is wanted, it is here."""
        self.send_response_only(200)
        self.end_headers()
        self.close_connection = True
        self.server.finish_request(self.connection, self.client_address)

    def log_message(self, *_: Any) -> None:
        """Nothing: a test says what it expected."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, certificate: Certificate) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.web = Web(self.server_address[1])
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate.path)

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(_IDLE_SECONDS)
        if request.recv(1, socket.MSG_PEEK) == _TLS_HANDSHAKE:
            with self._tls.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
        else:
            super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser opens connections it does not use, and leaves in the middle of answers."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def run_web(certificate: Certificate) -> Iterator[Web]:
    """Serve until the end of the block."""
    server = _Server(certificate)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
