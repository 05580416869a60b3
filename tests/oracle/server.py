"""The web of the oracle: one port of loopback that is every host, over http and https."""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import ada_url

from tests.oracle.cases import Case, Kind
from tests.support.loopback import Certificate

_HARNESS = """<!doctype html><title>harness</title><script>
var seen = {};
addEventListener("message", ({data}) => {
  if (data.oracle === undefined) return;
  const about = seen[data.oracle] ??= {violations: []};
  if (data.violation) about.violations.push(data.violation);
  else Object.assign(about, data);
});
function visit(pages) {
  for (const [id, url, waits] of pages) {
    const frame = document.createElement("iframe");
    frame.style = "width:20px;height:20px;border:0";
    // A document that may not be framed cannot say so itself.
    if (waits) frame.onload = () => setTimeout(() => Object.assign(seen[id] ??= {violations: []}, {done: true}), 300);
    frame.src = url;
    document.body.append(frame);
  }
}
function areDone(ids) { return ids.every((id) => seen[id]?.done); }
</script><body></body>"""

_BODIES: dict[Kind, tuple[str, bytes]] = {
    Kind.SCRIPT: ("text/javascript", b"window.ran=1"),
    Kind.WORKER: ("text/javascript", b"postMessage(1)"),
    Kind.SHARED_WORKER: ("text/javascript", b"onconnect=({ports})=>ports[0].postMessage(1)"),
    Kind.STYLE: ("text/css", b"#probe{color:rgb(1,2,3)}"),
    Kind.IMAGE: ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'),
    Kind.DOCUMENT: ("text/html", b"<!doctype html><title>arrived</title>"),
    Kind.EVENTS: ("text/event-stream", b"data: 1\n\n"),
    Kind.OTHER: ("text/plain", b"1"),
}


@dataclass
class Web:
    """What was asked of it."""

    port: int
    cases: dict[str, Case] = field(default_factory=dict)
    reached: dict[str, set[int]] = field(default_factory=dict)
    """By case, the hops of its resource that were requested: 0, and 1 behind a redirect."""

    reported: dict[str, list[str]] = field(default_factory=dict)
    """By case, the effective directives of reports, for what no event tells."""

    lock: threading.Lock = field(default_factory=threading.Lock)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        web = self.server.web
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "report" in query:
            directive = json.loads(body)["csp-report"]["effective-directive"]
            with web.lock:
                web.reported.setdefault(query["report"], []).append(directive)
            self._send(204, {}, b"")
        elif (case := web.cases.get(query.get("page", ""))) is not None:
            self._send(200, {"Content-Type": "text/html; charset=utf-8"}, case.document().encode(), case.headers)
        elif (case := web.cases.get(query.get("c", ""))) is not None:
            hop = int(query.get("hop", "0"))
            with web.lock:
                web.reached.setdefault(query["c"], set()).add(hop)
            self._send_resource(case, hop)
        elif urlsplit(self.path).path == "/harness":
            self._send(200, {"Content-Type": "text/html"}, _HARNESS.encode())
        else:
            self._send(404, {"Content-Type": "text/plain"}, b"")

    do_POST = do_GET  # noqa: N815  (the library looks for this name)

    def do_CONNECT(self) -> None:
        """As a proxy: whichever host is wanted, it is here."""
        self.send_response_only(200)
        self.end_headers()
        self.close_connection = True
        self.server.finish_request(self.connection, self.client_address)

    def _send_resource(self, case: Case, hop: int) -> None:
        if case.redirect is not None and hop == 0:
            # In ASCII: what browsers make of other bytes here is another story.
            self._send(case.redirect_status, {"Location": ada_url.URL(case.redirect).href}, b"")
            return
        content_type, body = _BODIES[case.serves]
        self._send(200, {"Content-Type": content_type}, body)

    def _send(self, status: int, headers: Mapping[str, str], body: bytes, policies: tuple[str, ...] = ()) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        for policy in policies:
            # A header has no encoding; ours is UTF-8, which the library would not send.
            self.send_header("Content-Security-Policy", policy.encode().decode("latin-1"))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Access-Control-Allow-Origin", "*")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: the web remembers what matters."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, certificate: Certificate) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.web = Web(self.server_address[1])
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate.path)

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(20)
        # A TLS record of a handshake begins with this byte, and no HTTP request does.
        if request.recv(1, socket.MSG_PEEK) == b"\x16":
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
