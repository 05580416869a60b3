"""Small HTTP servers on loopback, over http or https: a function answers."""

from __future__ import annotations

import http.client
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    """With its query."""

    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for given, value in self.headers if given.lower() == name), None)


@dataclass(frozen=True, slots=True)
class Response:
    """What it gets; the length is added."""

    status: int
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed certificate for loopback names and those a test invents."""

    path: Path
    """PEM, with the private key."""

    public_key_digest: str
    """Base64 of the SHA-256 of its public key, by which a browser can be told to believe this one alone."""


def make_certificate(directory: Path, *names: str, days: int = 2) -> Certificate:
    """A certificate for 127.0.0.1, localhost and `names`, by the `openssl` command; it holds for that many days."""
    path = directory / "loopback.pem"
    alternatives = ",".join(["IP:127.0.0.1", "DNS:localhost", *(f"DNS:{name}" for name in names)])
    run_openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days)),
        *("-subj", "/CN=loopback", "-addext", f"subjectAltName={alternatives}", "-keyout", path, "-out", path),
    )
    public_key = run_openssl("x509", "-in", path, "-noout", "-pubkey")
    der = run_openssl("pkey", "-pubin", "-outform", "DER", given=public_key)
    digest = run_openssl("dgst", "-sha256", "-binary", given=der)
    return Certificate(path, run_openssl("base64", "-A", given=digest).decode())


def run_openssl(*arguments: str | Path, given: bytes = b"") -> bytes:
    """What the command prints. Raises CalledProcessError where it fails."""
    try:
        finished = subprocess.run(["openssl", *arguments], input=given, check=True, capture_output=True)
    except FileNotFoundError:
        raise RuntimeError("no openssl here; as root run  apt-get install openssl") from None
    return finished.stdout


@contextmanager
def serve(answer: Callable[[Request], Response], *, certificate: Certificate | None = None) -> Iterator[int]:
    """Serve on a free port of 127.0.0.1, each request in a thread of its own, until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            request = Request(self.command, self.path, tuple(self.headers.items()), self.rfile.read(length))
            response = answer(request)
            self.send_response_only(response.status)
            for name, value in response.headers:
                self.send_header(name, value)
            if response.status != 204:
                self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)

        do_GET = do_POST = do_OPTIONS = _answer  # noqa: N815  (the library looks for these names)

        def log_message(self, *_: Any) -> None:
            """Nothing: a test says what it expected."""

    server = _Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.path)
        # The handshake waits for the connection's own thread, or one silent client would keep all others waiting.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser may leave in the middle of an answer; anything else is worth a line."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def forward(request: Request, base_url: str, *more: tuple[str, str]) -> Response:
    """What the server at `base_url` answers to `request`, sent with `more` headers."""
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=30)
    try:
        connection.request(request.method, request.path, request.body, dict([*request.headers, *more]))
        answered = connection.getresponse()
        body = answered.read()
        # They are about one connection only, or said anew by the server that passes the answer on.
        ours = {"connection", "transfer-encoding", "content-length"}
        headers = tuple((name, value) for name, value in answered.getheaders() if name.lower() not in ours)
        return Response(answered.status, headers, body)
    finally:
        connection.close()
