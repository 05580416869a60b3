"""All that a scan looks at, of real servers on loopback, honest and hostile."""

from __future__ import annotations

import functools
import gzip
import socket
import struct
import threading
import time
import tracemalloc
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from policybuilder.errors import ExitCode
from policybuilder.grading.endpoints import refusal_of
from policybuilder.grading.material import FORGED_HOST, PREFLIGHT_ORIGIN
from policybuilder.scanner.asking import ask_endpoint, post_report
from policybuilder.scanner.connect_to import parse_detour
from policybuilder.scanner.fetching import Budget, Fetcher, FetchError, FetchReason
from policybuilder.scanner.retrieving import retrieve
from tests.policybuilder.scanner.raw_server import serve_raw
from tests.support.deployed import HURRY, deployed, fetching, make_expired_certificate, moved, page
from tests.support.loopback import Certificate, Request, Response, make_certificate, serve

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"), "shop.example", "www.shop.example")


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    """The certificate, which this system believes."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    return certificate


class Recorder:
    """A page that remembers what was asked."""

    def __init__(self, *headers: tuple[str, str]) -> None:
        self.headers = headers
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return Response(200, (("Content-Type", "text/html"), *self.headers), b"<a href=/next>next</a>")


# --- nonces


def test_a_page_whose_policy_holds_a_nonce_is_asked_for_once_more(trusted: Certificate) -> None:
    answers = 0

    def counting(request: Request) -> Response:
        nonlocal answers
        answers += request.path == "/"
        policy = ("Content-Security-Policy", f"script-src 'nonce-{answers}'")
        return Response(200, (("Content-Type", "text/html"), policy), b"")

    with deployed(https=counting, certificate=trusted) as detours, fetching(detours) as fetcher:
        material = retrieve(fetcher, "https://shop.example/")
    assert material.again is not None
    assert material.page.response is not None
    assert material.again.header_values("content-security-policy") != material.page.response.header_values(
        "content-security-policy"
    )
    assert material.markup_again is not None


def test_a_page_without_nonces_is_asked_for_once(trusted: Certificate) -> None:
    recorder = Recorder(("Content-Security-Policy", "script-src 'self'"))
    with deployed(https=recorder, certificate=trusted) as detours, fetching(detours) as fetcher:
        material = retrieve(fetcher, "https://shop.example/")
    assert material.again is None
    asked = [request for request in recorder.requests if request.path == "/" and request.method == "GET"]
    assert [request for request in asked if request.header("host") == "shop.example"] == asked[:1]


# --- both ways in


def test_a_page_is_visited_over_https_and_over_plain_http_under_the_same_path(trusted: Certificate) -> None:
    seen: list[str] = []

    def redirect(request: Request) -> Response:
        seen.append(request.path)
        return Response(308, (("Location", f"https://shop.example{request.path}"),))

    with deployed(https=page(), http=redirect, certificate=trusted) as detours, fetching(detours) as fetcher:
        material = retrieve(fetcher, "https://shop.example/a/b?c=d#e")
    assert material.url == "https://shop.example/a/b?c=d"
    assert seen == ["/a/b?c=d"]
    assert material.https == material.page
    assert material.page.response is not None
    assert material.page.response.tls is not None
    assert material.page.is_certificate_valid
    assert material.http is not None
    assert material.http.response is not None
    assert [step.status for step in material.http.response.redirects] == [308]
    assert material.http.response.url == "https://shop.example/a/b?c=d"
    assert material.is_whole


@pytest.mark.parametrize("url", ["https://shop.example/", "http://shop.example/"])
def test_a_site_without_https_is_judged_by_its_plain_page(url: str) -> None:
    with deployed(http=page(("X-A", "b"))) as detours, fetching(detours) as fetcher:
        material = retrieve(fetcher, url)
    assert material.page == material.http
    assert material.https is not None
    assert (material.https.response, material.https.reason) == (None, FetchReason.UNREACHABLE)


def test_a_site_without_plain_http_is_judged_by_its_secure_page(trusted: Certificate) -> None:
    with deployed(https=page(), certificate=trusted) as detours, fetching(detours) as fetcher:
        material = retrieve(fetcher, "http://shop.example/")
    assert material.page == material.https
    assert material.http is not None
    assert material.http.reason is FetchReason.UNREACHABLE


def test_redirects_that_lead_nowhere_are_told_as_far_as_they_were_followed(trusted: Certificate) -> None:
    with (
        deployed(https=page(), http=moved("http://shop.example/again"), certificate=trusted) as detours,
        fetching(detours) as fetcher,
    ):
        material = retrieve(fetcher, "https://shop.example/")
    assert material.http is not None
    assert material.http.reason is FetchReason.TOO_MANY_REDIRECTS
    assert {step.location for step in material.http.redirects} == {"http://shop.example/again"}


def test_a_port_that_is_named_is_the_port_of_both(certificate: Certificate) -> None:
    with serve(page(), certificate=certificate) as port, fetching([], is_insecure=True) as fetcher:
        material = retrieve(fetcher, f"https://127.0.0.1:{port}/")
    assert material.https == material.page
    assert material.http is not None
    assert material.http.failure == f"port {port} speaks https"
    with serve(page()) as port, fetching([]) as fetcher:
        material = retrieve(fetcher, f"http://127.0.0.1:{port}/")
    assert material.http == material.page
    assert material.https is not None
    assert material.https.reason is FetchReason.TLS


def test_a_page_that_nobody_answers_for_is_the_networks_failure() -> None:
    with deployed() as detours, fetching(detours) as fetcher, pytest.raises(FetchError) as caught:
        retrieve(fetcher, "https://shop.example/")
    assert caught.value.exit_code is ExitCode.ENVIRONMENT
    assert "refuses connections" in str(caught.value)


# --- certificates


def test_a_certificate_that_does_not_hold_is_said_and_the_headers_are_judged_all_the_same(
    certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expired = make_expired_certificate(tmp_path, "shop.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(expired.path))
    cases = [(expired, "shop.example", "expired"), (certificate, "shop.example", "self-signed")]
    cases.append((certificate, "other.example", "self-signed"))
    for each, host, says in cases:
        with (
            deployed(https=page(("X-A", "b")), http=moved(f"https://{host}/"), certificate=each, host=host) as detours,
            fetching(detours) as fetcher,
        ):
            material = retrieve(fetcher, f"https://{host}/")
        assert material.page.response is not None
        assert material.page.response.header_values("x-a") == ("b",)
        assert not material.page.is_certificate_valid
        assert says in (material.page.certificate_problem or ""), host
        assert material.http is not None
        assert not material.http.is_certificate_valid


def test_a_certificate_for_another_name_is_said(trusted: Certificate) -> None:
    with (
        deployed(https=page(), certificate=trusted, host="other.example") as detours,
        fetching(detours) as fetcher,
    ):
        material = retrieve(fetcher, "https://other.example/")
    assert not material.page.is_certificate_valid
    assert "other.example" in (material.page.certificate_problem or "")


def test_one_bad_certificate_does_not_make_the_next_page_careless(certificate: Certificate) -> None:
    with deployed(https=page(), certificate=certificate) as detours, fetching(detours) as fetcher:
        assert not retrieve(fetcher, "https://shop.example/").page.is_certificate_valid
        with pytest.raises(FetchError) as caught:
            fetcher.fetch("https://shop.example/")
    assert caught.value.reason is FetchReason.TLS


def test_with_insecure_a_certificate_is_believed_and_nothing_is_said_of_it(certificate: Certificate) -> None:
    with deployed(https=page(), certificate=certificate) as detours, fetching(detours, is_insecure=True) as fetcher:
        material = retrieve(fetcher, "https://shop.example/")
    assert material.page.is_certificate_valid
    assert material.page.certificate_problem is None


# --- what is asked besides


def test_cookies_of_redirects_of_the_page_and_of_robots_are_kept_as_sent(trusted: Certificate) -> None:
    def answer(request: Request) -> Response:
        if request.path == "/":
            return Response(302, (("Location", "/home"), ("Set-Cookie", "a=1")))
        return Response(200, (("Set-Cookie", f"b={request.path}"), ("set-cookie", "c; Secure")))

    with deployed(https=answer, certificate=trusted) as detours, fetching(detours) as fetcher:
        material = retrieve(fetcher, "https://shop.example/")
    assert [(cookie.url, cookie.text) for cookie in material.cookies] == [
        ("https://shop.example/", "a=1"),
        ("https://shop.example/home", "b=/home"),
        ("https://shop.example/home", "c; Secure"),
        ("https://shop.example/robots.txt", "b=/robots.txt"),
        ("https://shop.example/robots.txt", "c; Secure"),
    ]


def test_each_question_is_put_once_and_says_who_asks(trusted: Certificate) -> None:
    site = Recorder(("Content-Security-Policy", "report-uri /reports"))
    with deployed(https=site, certificate=trusted) as detours, fetching(detours) as fetcher:
        material = retrieve(fetcher, "https://shop.example/")
    asked = [(request.method, request.path, request.header("host")) for request in site.requests]
    assert sorted(asked) == [
        ("GET", "/", FORGED_HOST),
        ("GET", "/", "shop.example"),
        ("GET", "/robots.txt", "shop.example"),
        ("OPTIONS", "/", "shop.example"),
        ("OPTIONS", "/reports", "shop.example"),
    ]
    assert all((request.header("user-agent") or "").startswith("cspbuild/") for request in site.requests)
    assert not any(request.header("cookie") for request in site.requests)
    origins = {request.path: request.header("origin") for request in site.requests if request.method == "OPTIONS"}
    assert origins == {"/": PREFLIGHT_ORIGIN, "/reports": "https://shop.example"}
    assert material.forged_host is not None
    assert material.preflight is not None
    assert material.markup is not None
    assert material.markup.links == ("https://shop.example/next",)


def test_endpoints_are_asked_as_a_browser_asks() -> None:
    endpoint = Recorder(("Access-Control-Allow-Origin", "*"))
    with serve(endpoint) as port:
        headers = (
            ("Content-Security-Policy-Report-Only", "img-src *; report-to a"),
            ("Content-Security-Policy", f"img-src *; report-uri http://127.0.0.1:{port}/uri ftp://x"),
            ("Reporting-Endpoints", f'a="http://127.0.0.1:{port}/to"'),
        )
        with serve(page(*headers)) as site, fetching([]) as fetcher:
            material = retrieve(fetcher, f"http://127.0.0.1:{site}/")
    assert set(material.endpoints) == {f"http://127.0.0.1:{port}/uri", f"http://127.0.0.1:{port}/to"}
    for answer in material.endpoints.values():
        assert (answer.preflight_status, answer.is_cross_origin, answer.failure) == (200, True, None)
        assert ("Access-Control-Allow-Origin", "*") in answer.preflight_headers
    (request, _) = endpoint.requests
    assert request.method == "OPTIONS"
    assert request.header("access-control-request-method") == "POST"
    assert request.header("access-control-request-headers") == "content-type"
    assert request.header("origin") == f"http://127.0.0.1:{site}"


def test_a_forged_host_that_is_hung_up_on_is_a_refusal() -> None:
    def answer(connection: socket.socket) -> None:
        request = connection.recv(65536)
        if FORGED_HOST.encode() not in request:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with serve_raw(answer, reads_request=False) as port, fetching([]) as fetcher:
        material = retrieve(fetcher, f"http://127.0.0.1:{port}/")
    assert material.forged_host is None
    assert "answers as no web server should" in (material.forged_host_failure or "")


def test_a_forged_host_that_is_broken_off_is_a_refusal() -> None:
    def answer(connection: socket.socket) -> None:
        if FORGED_HOST.encode() not in connection.recv(65536):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return
        # A reset in place of an end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with serve_raw(answer, reads_request=False) as port, fetching([]) as fetcher:
        material = retrieve(fetcher, f"http://127.0.0.1:{port}/")
    assert "breaks off the connection" in (material.forged_host_failure or "")


def test_a_server_that_is_gone_refuses_no_host() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, fetching([]) as fetcher:

        def answer_once() -> None:
            is_over = False
            while not is_over:
                connection, _ = listener.accept()
                with connection:
                    # First it is asked for https.
                    if is_over := connection.recv(65536).startswith(b"GET"):
                        listener.close()
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        port = listener.getsockname()[1]
        thread = threading.Thread(target=answer_once, daemon=True)
        thread.start()
        material = retrieve(fetcher, f"http://127.0.0.1:{port}/")
        thread.join()
    assert material.page.response is not None
    assert (material.forged_host, material.forged_host_failure) == (None, None)


def typed(content_type: str) -> Callable[[Request], Response]:
    return lambda _: Response(200, (("Content-Type", content_type),), b"<a href=/x>x</a>")


def test_only_html_is_read_as_html() -> None:
    for content_type, is_html in (("text/html; charset=utf-8", True), ("TEXT/HTML", True), ("text/plain", False)):
        with serve(typed(content_type)) as port, fetching([]) as fetcher:
            assert (retrieve(fetcher, f"http://127.0.0.1:{port}/").markup is not None) is is_html


def test_a_host_that_browsers_visit_over_https_alone_is_known() -> None:
    with deployed(http=page(), host="github.com") as detours, fetching(detours) as fetcher:
        material = retrieve(fetcher, "http://github.com/")
    assert material.is_preloaded
    assert material.preloaded_redirects
    with deployed(http=page()) as detours, fetching(detours) as fetcher:
        material = retrieve(fetcher, "http://shop.example/")
    assert not material.is_preloaded
    assert not material.preloaded_redirects


UNREADABLE = {
    "brotli": b"Content-Encoding: br\r\n\r\nabc",
    "no gzip": b"Content-Encoding: gzip\r\n\r\nabc",
    "broken off": b"Content-Length: 9\r\n\r\nabc",
    "stalled": b"Content-Length: 9\r\n\r\nabc",
}


@pytest.mark.parametrize("name", list(UNREADABLE))
def test_headers_are_judged_even_if_the_body_cannot_be_read(name: str) -> None:
    def send(connection: socket.socket) -> None:
        connection.sendall(OK + b"X-A: b\r\n" + UNREADABLE[name])
        time.sleep(2 if name == "stalled" else 0)

    with serve_raw(send) as port, fetching([]) as fetcher:
        response = retrieve(fetcher, f"http://127.0.0.1:{port}/", budget=Budget(seconds=3)).page.response
    assert response is not None
    assert response.header_values("x-a") == ("b",)
    assert response.is_cut


def test_a_slow_page_that_spends_its_budget_makes_no_endpoint_look_dead() -> None:
    head = OK + b"Content-Security-Policy: report-uri http://127.0.0.1:1/report\r\n\r\n"
    with serve_raw(drip(head)) as port, fetching([]) as fetcher:
        material = retrieve(fetcher, f"http://127.0.0.1:{port}/", budget=Budget(seconds=2))
    (endpoint,) = material.endpoints.values()
    assert endpoint.is_refused
    assert endpoint.failure is not None
    assert "more seconds than one page may cost" in endpoint.failure


# --- networks of our own

DISGUISES = [
    "http://127.0.0.1/",
    "https://127.1/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://[::ffff:127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://169.254.169.254/latest/meta-data/",
    "https://[fd00:ec2::254]/",
    "http://localhost/",
]


@pytest.mark.parametrize("url", DISGUISES)
def test_no_page_of_a_network_of_our_own_is_scanned_unasked(url: str) -> None:
    with Fetcher(HURRY) as fetcher, pytest.raises(FetchError) as caught:
        retrieve(fetcher, url)
    assert caught.value.reason is FetchReason.NOT_PUBLIC
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.usefixtures("public_loopback")
@pytest.mark.parametrize("url", DISGUISES)
def test_no_redirect_and_no_endpoint_leads_to_one(url: str) -> None:
    """127.0.0.1 stands for the public internet here, so it is 127.0.0.2 that nobody may be led to."""
    target = url.replace("127.0.0.1", "127.0.0.2").replace("127.1", "127.0.2").replace("2130706433", "2130706434")
    target = target.replace("0x7f.1", "0x7f.2").replace("7f00:1", "7f00:2").replace("0177.0.0.1", "0177.0.0.2")
    headers = (("Content-Security-Policy", f"report-uri {target}"), ("Set-Cookie", "a=b"))
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(request.path)
        if request.path == "/robots.txt":
            return Response(302, (("Location", target), ("Set-Cookie", "robots=1")))
        return Response(200, (("Content-Type", "text/html"), *headers))

    with serve(answer) as port:
        detours = [parse_detour(f"shop.example:80:127.0.0.1:{port}"), parse_detour("shop.example:443:127.0.0.1:1")]
        with Fetcher(HURRY, detours, resolver=lambda host, _: [as_written(host)]) as fetcher:
            material = retrieve(fetcher, "http://shop.example/")
    assert [cookie.text for cookie in material.cookies] == ["a=b"]
    (endpoint,) = material.endpoints.values()
    assert endpoint.preflight_status is None
    assert endpoint.is_refused
    assert "add --allow-private to connect there" in (endpoint.failure or "")


def as_written(host: str) -> str:
    """A resolver that knows no names but localhost, which is not where the public internet is here."""
    return {"localhost": "127.0.0.2", "shop.example": "127.0.0.1"}.get(host, host)


@pytest.fixture
def public_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 stands for the public internet, and for it alone."""
    from policybuilder.scanner import network
    from policybuilder.scanner.addresses import refusal_of

    monkeypatch.setattr(network, "refusal_of", lambda address: None if address == "127.0.0.1" else refusal_of(address))


# --- hostile servers


def forever(head: bytes, endless: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(endless)

    return answer


def drip(head: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            time.sleep(0.1)
            connection.sendall(b"a")

    return answer


@functools.cache
def zeros() -> bytes:
    """A hundred megabytes of them, packed."""
    return gzip.compress(bytes(100_000_000))


def bomb(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n" + zeros())


def loop(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")


HOSTILE: dict[str, Callable[[socket.socket], None]] = {
    "redirect loop": loop,
    "endless body": forever(OK + b"\r\n", b"<a href=x>" * 1000),
    "gzip bomb": bomb,
    "slow headers": drip(OK),
    "dripping body": drip(OK + b"\r\n"),
    "huge header": forever(OK + b"X: ", b"a" * 65536),
    "many headers": forever(OK, b"X: a\r\n" * 1000),
    "many cookies": lambda connection: connection.sendall(OK + b"Set-Cookie: a=b\r\n" * 199 + b"\r\n"),
    "silent": lambda _: time.sleep(30),
    "nothing": lambda _: None,
    "endpoints": lambda connection: connection.sendall(
        OK + b"Content-Security-Policy: report-uri " + b" ".join(b"/%d" % n for n in range(500)) + b"\r\n\r\n"
    ),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_server_ends_in_time_in_little_memory_and_in_few_requests(name: str) -> None:
    zeros()
    begin, connections = time.monotonic(), []

    def count(connection: socket.socket) -> None:
        connections.append(1)
        HOSTILE[name](connection)

    tracemalloc.start()
    try:
        with serve_raw(count) as port, Fetcher(HURRY, allows_private=True) as fetcher, suppress(FetchError):
            retrieve(fetcher, f"http://127.0.0.1:{port}/", budget=Budget(seconds=3, max_requests=30))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.monotonic() - begin < 10
    assert peak < 40_000_000
    assert len(connections) <= 31


@pytest.mark.parametrize(
    "name", ["redirect loop", "endless body", "gzip bomb", "slow headers", "huge header", "silent"]
)
def test_a_hostile_endpoint_ends_in_time_and_says_why(name: str) -> None:
    begin = time.monotonic()
    with serve_raw(HOSTILE[name]) as port, fetching([]) as fetcher:
        url = f"http://127.0.0.1:{port}/report/x"
        answer = ask_endpoint(fetcher, url, "https://shop.example/")
        assert (answer.preflight_status is None) is (answer.failure is not None)
        assert refusal_of(answer, "https://shop.example") is not None
        with suppress(FetchError):
            posted = post_report(fetcher, url, "https://shop.example/", b"{}", "application/csp-report")
            assert len(posted.body) <= 64 * 1024
    assert time.monotonic() - begin < 8


def test_a_page_costs_no_more_than_its_budget() -> None:
    def send(connection: socket.socket) -> None:
        connection.sendall(OK + b"Content-Length: 60000\r\n\r\n" + bytes(60_000))

    with ExitStack() as stack:
        port = stack.enter_context(serve_raw(send))
        fetcher = stack.enter_context(fetching([]))
        with pytest.raises(FetchError) as caught:
            retrieve(fetcher, f"http://127.0.0.1:{port}/", budget=Budget(max_requests=1))
        assert caught.value.reason is FetchReason.OVER_BUDGET
        with pytest.raises(FetchError) as caught:
            retrieve(fetcher, f"http://127.0.0.1:{port}/", budget=Budget(max_bytes=10_000))
        assert caught.value.reason is FetchReason.OVER_BUDGET
        # The budget is that one page's.
        assert retrieve(fetcher, f"http://127.0.0.1:{port}/").page.response is not None
