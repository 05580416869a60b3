"""Tests of where the service listens: real sockets, real certificates, and what systemd hands over and is told."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from collector.listening import listen, tls_context
from collector.settings import Settings
from policybuilder.errors import CspbuildError, EnvironmentFailedError
from tests.support.loopback import Certificate, make_certificate
from tests.support.postgres import free_port
from tests.support.service import RunningCollector, run_collector, run_program

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

REPORT = (
    b'{"csp-report": {"document-uri": "https://shop.example/", "effective-directive": "img-src", "violated-directive":'
    b' "img-src", "original-policy": "img-src \'none\'", "blocked-uri": "https://img.example/a.png"}}'
)

# As systemd starts a service: its sockets from descriptor 3 on, and its own process id.
HAND_OVER = """
import os, socket, sys
sockets = []
for place in sys.argv[1].split(","):
    listener = socket.socket(socket.AF_UNIX if "/" in place else socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(place if "/" in place else ("127.0.0.1", int(place)))
    listener.listen()
    sockets.append(listener)
for number, listener in enumerate(sockets):
    os.dup2(listener.fileno(), 100 + number)
for number in range(len(sockets)):
    os.dup2(100 + number, 3 + number, inheritable=True)
os.environ |= {"LISTEN_PID": str(os.getpid() + int(sys.argv[2])), "LISTEN_FDS": str(len(sockets))}
os.execv(sys.argv[3], sys.argv[3:])
"""


def hand_over(*places: str, pid_off_by: int = 0) -> tuple[str, ...]:
    return sys.executable, "-c", HAND_OVER, ",".join(places), str(pid_off_by)


def ask(place: Path | int, request: bytes = HEALTH) -> bytes:
    """What the service answers at a socket file or a port, to the end of the connection."""
    family = socket.AF_UNIX if isinstance(place, Path) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(30)
        connection.connect(str(place) if isinstance(place, Path) else ("127.0.0.1", place))
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def report(path: str, address: str) -> bytes:
    """A report that a proxy passes on for a visitor at `address`."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Forwarded-For: {address}\r\n"
    return f"{head}Content-Type: application/csp-report\r\nContent-Length: {len(REPORT)}\r\n\r\n".encode() + REPORT


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def test_it_speaks_https_with_its_certificate(tmp_path: Path, certificate: Certificate) -> None:
    tls = {"CSP_TLS_CERTIFICATE": str(certificate.path), "CSP_TLS_KEY": str(certificate.path)}
    with run_collector(tmp_path, **tls) as collector:
        assert collector.base_url.startswith("https://127.0.0.1:")
        assert f"report-uri {collector.base_url}/report/" in collector.banner
        assert collector.login_link.startswith(f"{collector.base_url}/login?")
        context = ssl.create_default_context(cafile=str(certificate.path))
        context.set_alpn_protocols(["h2", "http/1.1"])
        port = int(collector.base_url.rpartition(":")[2])
        with closing(http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=30)) as connection:
            for host, is_told in (("csp.example.com", True), (f"127.0.0.1:{port}", False)):
                connection.request("GET", "/healthz", headers={"Host": host})
                answer = connection.getresponse()
                assert (answer.status, answer.read()) == (200, b'{"alive":true}')
                assert ("Strict-Transport-Security" in answer.headers) == is_told
            assert connection.sock.selected_alpn_protocol() == "http/1.1"
        assert not ask(port).startswith(b"HTTP/1.1 200")


def test_who_sets_no_certificate_gets_http() -> None:
    assert tls_context(Settings()) is None


@pytest.mark.parametrize(
    ("certificate_file", "key_file", "says"),
    [
        ("tls.pem", None, "tls_certificate is set and tls_key is not; set both"),
        (None, "tls.pem", "tls_key is set and tls_certificate is not; set both"),
        ("none.pem", "tls.pem", "cannot read none.pem: No such file or directory; set tls_certificate"),
        ("tls.pem", ".", "cannot read .: Is a directory; set tls_key"),
        ("tls.pem", "other.pem", "other.pem is not the key of tls.pem; set tls_key"),
        ("text", "tls.pem", "text and tls.pem are no certificate and its key ("),
        ("tls.pem", "text", "tls.pem and text are no certificate and its key ("),
        ("tls.pem", "locked.pem", "the key without a password"),
    ],
)
def test_what_is_no_certificate_and_its_key_is_said_at_once(
    certificate: Certificate, certificate_file: str | None, key_file: str | None, says: str
) -> None:
    shutil.copy(certificate.path, "tls.pem")
    make_certificate(Path()).path.rename("other.pem")
    Path("text").write_text("no PEM")
    locking = ["openssl", "pkey", "-in", "tls.pem", "-aes256", "-passout", "pass:secret", "-out", "locked.pem"]
    subprocess.run(locking, check=True)
    settings = Settings(
        tls_certificate=Path(certificate_file) if certificate_file else None,
        tls_key=Path(key_file) if key_file else None,
    )
    with pytest.raises(CspbuildError) as refused:
        tls_context(settings)
    assert says in str(refused.value)


def test_a_key_that_does_not_fit_is_one_line_for_the_operator(certificate: Certificate) -> None:
    make_certificate(Path()).path.rename("other.pem")
    typed = ("serve", "--tls-certificate", str(certificate.path), "--tls-key", "other.pem")
    ran = run_program("csp-collector", *typed, cwd=Path(), timeout=30)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "other.pem is not the key of " in ran.err


def networks_of(collector: RunningCollector) -> int:
    totals = collector.cspbuild("summary", "--format", "json").json()["totals"]
    assert totals["reports"] == 3
    return int(totals["reporters"])


def test_behind_a_socket_file_visitors_are_who_the_proxy_says(tmp_path: Path) -> None:
    place = tmp_path / "csp.sock"
    with run_collector(tmp_path, "--unix-socket", str(place), CSP_ALLOWED_HOSTS="csp.example") as collector:
        assert collector.base_url == f"unix:{place}"
        assert "https://csp.example/report/" in collector.banner
        assert "/try" not in collector.banner
        assert place.stat().st_mode & 0o777 == 0o660
        assert ask(place).startswith(b"HTTP/1.1 200")
        for number in range(3):
            assert ask(place, report("/report/default", f"198.51.{number}.7")).startswith(b"HTTP/1.1 204")
        assert networks_of(collector) == 3


def test_a_socket_file_takes_the_mode_it_is_given_whatever_the_umask() -> None:
    before = os.umask(0o077)
    try:
        listeners, _ = listen(Settings(unix_socket=Path("csp.sock"), unix_socket_mode="606"))
    finally:
        os.umask(before)
    assert Path("csp.sock").stat().st_mode & 0o777 == 0o606
    listeners[0].close()


def test_a_socket_file_that_nobody_listens_on_is_made_anew() -> None:
    settings = Settings(unix_socket=Path("csp.sock"))
    for _ in range(2):
        listeners, _ = listen(settings)
        with closing(listeners[0]), socket.socket(socket.AF_UNIX) as client:
            client.connect("csp.sock")
    assert Path("csp.sock").is_socket()


def test_a_socket_file_in_use_stays() -> None:
    listeners, _ = listen(Settings(unix_socket=Path("csp.sock")))
    with closing(listeners[0]) as first:
        with pytest.raises(EnvironmentFailedError, match=r"somebody listens on csp\.sock already"):
            listen(Settings(unix_socket=Path("csp.sock")))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect("csp.sock")
            first.accept()[0].close()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("file", "file is there and is no socket"),
        ("nowhere/csp.sock", "cannot listen on nowhere/csp.sock: No such file or directory"),
        ("s" * 200, "cannot listen on s+: AF_UNIX path too long"),
    ],
)
def test_a_place_that_takes_no_socket_file_is_named(name: str, says: str) -> None:
    Path("file").write_text("dear")
    with pytest.raises(CspbuildError, match=says):
        listen(Settings(unix_socket=Path(name)))
    assert Path("file").read_text() == "dear"


def test_sockets_of_systemd_go_before_the_settings(tmp_path: Path) -> None:
    place, port = tmp_path / "csp.sock", free_port()
    with run_collector(tmp_path, starter=hand_over(str(place), str(port))) as collector:
        assert collector.base_url == f"http://127.0.0.1:{port}"
        for at in (place, port):
            assert ask(at).startswith(b"HTTP/1.1 200")
        for number in range(3):
            assert ask(place, report("/report/default", f"198.51.{number}.7")).startswith(b"HTTP/1.1 204")
        assert networks_of(collector) == 3


def test_a_socket_file_of_systemd_is_named(tmp_path: Path) -> None:
    place = tmp_path / "csp.sock"
    with run_collector(tmp_path, starter=hand_over(str(place))) as collector:
        assert collector.base_url == f"unix:{place}"
        assert ask(place).startswith(b"HTTP/1.1 200")


def test_sockets_for_another_process_are_left_alone(tmp_path: Path) -> None:
    port = free_port()
    with run_collector(tmp_path, starter=hand_over(str(port), pid_off_by=1)) as collector:
        assert collector.base_url != f"http://127.0.0.1:{port}"


def test_what_does_not_listen_is_no_socket_of_a_socket_unit(tmp_path: Path) -> None:
    starter = [sys.executable, "-c", HAND_OVER.replace("listener.listen()", ""), str(free_port()), "0"]
    typed = [*starter, str(Path(sys.executable).parent / "csp-collector"), "serve"]
    ran = subprocess.run(typed, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=30)
    assert ran.returncode == 2
    assert "descriptor 3 of systemd is no socket that listens; say ListenStream=" in ran.stderr


@pytest.mark.parametrize("is_abstract", [False, True])
def test_systemd_is_told_when_it_listens_and_when_it_stops(tmp_path: Path, *, is_abstract: bool) -> None:
    name = f"@cspbuild-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name[1:]}" if is_abstract else name)
        manager.settimeout(30)
        with run_collector(tmp_path, NOTIFY_SOCKET=name) as collector:
            assert manager.recv(4096) == b"READY=1"
            assert ask(int(collector.base_url.rpartition(":")[2])).startswith(b"HTTP/1.1 200")
            collector.stop()
            assert manager.recv(4096) == b"STOPPING=1"
        manager.setblocking(False)  # noqa: FBT003  (the signature is the library's)
        with pytest.raises(BlockingIOError):
            manager.recv(4096)


def test_who_asks_to_be_told_and_does_not_listen_keeps_nobody_from_serving(tmp_path: Path) -> None:
    with run_collector(tmp_path, NOTIFY_SOCKET=str(tmp_path / "nobody")) as collector:
        assert ask(int(collector.base_url.rpartition(":")[2])).startswith(b"HTTP/1.1 200")
        log = (tmp_path / "collector.log").read_text()
    assert "systemd was not told READY=1: No such file or directory" in log
