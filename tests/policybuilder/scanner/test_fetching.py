"""Pages fetched from servers of every character, on loopback."""

from __future__ import annotations

import gzip
import itertools
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from policybuilder.errors import ExitCode
from policybuilder.scanner import network
from policybuilder.scanner.addresses import refusal_of
from policybuilder.scanner.connect_to import parse_detour
from policybuilder.scanner.fetching import Fetcher, FetchError, FetchLimits, FetchReason
from tests.policybuilder.scanner.raw_server import serve_raw
from tests.support.loopback import Certificate, Request, Response, make_certificate, serve

PAGE = Response(200, (("Content-Type", "text/html"),), b"<p>here")
HURRY = FetchLimits(connect_seconds=1, read_seconds=0.5, total_seconds=1, max_bytes=100_000)


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    with Fetcher(allows_private=True) as made:
        yield made


@pytest.fixture
def hurried() -> Iterator[Fetcher]:
    with Fetcher(HURRY, allows_private=True) as made:
        yield made


@pytest.fixture
def public_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 stands for the public internet, and for it alone."""
    monkeypatch.setattr(network, "refusal_of", lambda address: None if address == "127.0.0.1" else refusal_of(address))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"), "shop.example")


def everywhere_here(*_: object) -> Sequence[str]:
    """A resolver for which every host is this machine."""
    return ["127.0.0.1"]


def refused(fetcher: Fetcher, url: str, hosts: Sequence[str] | None = None) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetcher.fetch(url, same_origin_hosts=hosts)
    assert "\n" not in str(caught.value)
    return caught.value


# --- ordinary pages


def test_a_page_comes_with_its_headers_in_order_and_repeated_ones_kept(fetcher: Fetcher) -> None:
    headers = (("Content-Security-Policy", "img-src a"), ("X-A", "\xe9"), ("content-security-policy", "img-src b"))
    with serve(lambda _: Response(404, headers, b"not here")) as port:
        answered = fetcher.fetch(f"http://127.0.0.1:{port}/x?y=1#fragment")
    assert answered.url == f"http://127.0.0.1:{port}/x?y=1"
    assert (answered.status, answered.body, answered.is_cut) == (404, b"not here", False)
    assert answered.headers == (*headers, ("Content-Length", "8"))
    assert answered.header_values("Content-SECURITY-policy") == ("img-src a", "img-src b")
    assert (answered.http_version, answered.tls, answered.address) == ("HTTP/1.0", None, "127.0.0.1")


def test_the_server_learns_the_host_the_path_and_who_asks_and_nothing_more() -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return PAGE

    with serve(answer) as port, Fetcher(allows_private=True, resolver=everywhere_here) as fetcher:
        fetcher.fetch(f"http://shop.example:{port}/a%20b?c=ä#d")
    (request,) = seen
    assert (request.method, request.path) == ("GET", "/a%20b?c=%C3%A4")
    assert request.header("host") == f"shop.example:{port}"
    assert {name.lower() for name, _ in request.headers} == {"host", "user-agent", "accept", "accept-encoding"}


def test_the_environments_proxy_is_not_asked(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serve(lambda _: PAGE) as port:
        assert fetcher.fetch(f"http://127.0.0.1:{port}/").status == 200


def test_redirects_are_followed_and_told(fetcher: Fetcher) -> None:
    steps = {"/": ("/one", 301), "/one": ("two?x#frag", 302), "/two?x": ("//127.0.0.1:{port}/three", 308)}

    def answer(request: Request) -> Response:
        if request.path not in steps:
            return PAGE
        location, status = steps[request.path]
        return Response(status, (("Location", location.format(port=port)), ("X-At", request.path)), b"moved")

    with serve(answer) as port:
        answered = fetcher.fetch(f"http://127.0.0.1:{port}/")
        base = f"http://127.0.0.1:{port}"
    assert (answered.url, answered.body) == (f"{base}/three", b"<p>here")
    assert [(step.url, step.status, step.location) for step in answered.redirects] == [
        (f"{base}/", 301, "/one"),
        (f"{base}/one", 302, "two?x#frag"),
        (f"{base}/two?x", 308, f"//127.0.0.1:{port}/three"),
    ]
    assert ("X-At", "/one") in answered.redirects[1].headers


def test_a_redirect_without_location_is_an_answer(fetcher: Fetcher) -> None:
    with serve(lambda _: Response(302)) as port:
        assert fetcher.fetch(f"http://127.0.0.1:{port}/").status == 302


def test_a_redirect_in_utf8_leads_where_a_browser_goes(fetcher: Fetcher) -> None:
    seen: list[str] = []

    def answer(request: Request) -> Response:
        seen.append(request.path)
        return Response(302, (("Location", "/ä".encode().decode("latin-1")),)) if request.path == "/" else PAGE

    with serve(answer) as port:
        fetcher.fetch(f"http://127.0.0.1:{port}/")
    assert seen == ["/", "/%C3%A4"]


@pytest.mark.parametrize("coding", ["gzip", "X-GZIP"])
def test_a_gzipped_body_is_unpacked(fetcher: Fetcher, coding: str) -> None:
    body = gzip.compress(b"<p>here" * 50_000)
    with serve(lambda _: Response(200, (("Content-Encoding", coding),), body)) as port:
        answered = fetcher.fetch(f"http://127.0.0.1:{port}/")
    assert (answered.body, answered.is_cut) == (b"<p>here" * 50_000, False)


def test_a_body_of_nothing_is_whole_even_if_it_is_called_gzip(fetcher: Fetcher) -> None:
    with serve(lambda _: Response(200, (("Content-Encoding", "gzip"),))) as port:
        answered = fetcher.fetch(f"http://127.0.0.1:{port}/")
    assert (answered.body, answered.is_cut) == (b"", False)


@pytest.mark.parametrize("end", [-1, -8, 12])
def test_a_gzip_that_breaks_off_is_cut(fetcher: Fetcher, end: int) -> None:
    with serve(lambda _: Response(200, (("Content-Encoding", "gzip"),), gzip.compress(b"<p>here" * 100)[:end])) as port:
        assert fetcher.fetch(f"http://127.0.0.1:{port}/").is_cut


@pytest.mark.parametrize("extra", [-1, 0, 1])
@pytest.mark.parametrize("packed", [False, True])
def test_a_body_is_cut_at_the_limit_and_says_so(extra: int, *, packed: bool) -> None:
    body = bytes(1000 + extra)
    headers = (("Content-Encoding", "gzip"),) if packed else ()
    with (
        serve(lambda _: Response(200, headers, gzip.compress(body) if packed else body)) as port,
        Fetcher(FetchLimits(max_bytes=1000), allows_private=True) as fetcher,
    ):
        answered = fetcher.fetch(f"http://127.0.0.1:{port}/")
    assert (len(answered.body), answered.is_cut) == (min(1000 + extra, 1000), extra == 1)


# --- TLS


def test_a_checked_connection_tells_its_certificate(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    with serve(lambda _: PAGE, certificate=certificate) as port, Fetcher(allows_private=True) as fetcher:
        tls = fetcher.fetch(f"https://localhost:{port}/").tls
    assert tls is not None
    assert (tls.version, tls.subject, tls.issuer) == ("TLSv1.3", "commonName=loopback", "commonName=loopback")
    assert tls.cipher.startswith("TLS_")
    assert tls.expires_at is not None
    assert timedelta(0) < tls.expires_at - datetime.now(UTC) <= timedelta(days=2)


def test_a_certificate_of_nobody_is_refused_and_believed_when_told_so(certificate: Certificate) -> None:
    with serve(lambda _: PAGE, certificate=certificate) as port:
        url = f"https://127.0.0.1:{port}/"
        with Fetcher(allows_private=True) as careful:
            error = refused(careful, url)
        with Fetcher(allows_private=True, is_insecure=True) as careless:
            tls = careless.fetch(url).tls
    assert error.reason is FetchReason.TLS
    assert "--insecure" in str(error)
    assert tls is not None
    assert tls.version == "TLSv1.3"
    assert (tls.subject, tls.issuer, tls.expires_at) == (None, None, None)


def test_a_certificate_for_another_name_is_refused(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    with (
        serve(lambda _: PAGE, certificate=certificate) as port,
        Fetcher(allows_private=True, resolver=everywhere_here) as fetcher,
    ):
        error = refused(fetcher, f"https://other.example:{port}/")
    assert error.reason is FetchReason.TLS
    assert "is not valid for 'other.example'; mend it" in str(error)


def test_plain_http_where_tls_is_spoken_to_and_the_reverse(fetcher: Fetcher, certificate: Certificate) -> None:
    with serve(lambda _: PAGE) as port:
        assert refused(fetcher, f"https://127.0.0.1:{port}/").reason is FetchReason.TLS
    with serve(lambda _: PAGE, certificate=certificate) as port:
        assert refused(fetcher, f"http://127.0.0.1:{port}/").reason is FetchReason.BAD_RESPONSE


def test_a_detour_changes_the_address_and_neither_the_name_in_tls_nor_the_host_header(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    seen: list[str | None] = []

    def answer(request: Request) -> Response:
        seen.append(request.header("host"))
        return Response(302, (("Location", "https://shop.example/b"),)) if request.path == "/a" else PAGE

    with serve(answer, certificate=certificate) as port:
        detour = parse_detour(f"shop.example:443:127.0.0.1:{port}")
        with Fetcher(connect_to=[detour], allows_private=True) as fetcher:
            answered = fetcher.fetch("https://shop.example/a", same_origin_hosts=["shop.example"])
    assert answered.url == "https://shop.example/b"
    assert seen == ["shop.example", "shop.example"]


# --- networks of our own


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://0/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://１２７.0.0.1/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://10.0.0.1/",
        "https://192.168.0.1/",
    ],
)
def test_no_spelling_of_an_address_of_our_own_is_connected_to(url: str) -> None:
    with Fetcher() as fetcher:
        error = refused(fetcher, url)
    assert error.reason is FetchReason.NOT_PUBLIC
    assert error.exit_code is ExitCode.USAGE
    assert "--allow-private" in str(error)


def test_a_target_of_a_detour_is_checked_too() -> None:
    with Fetcher(connect_to=[parse_detour("shop.example::127.0.0.1:")]) as fetcher:
        error = refused(fetcher, "https://shop.example/")
    assert error.reason is FetchReason.NOT_PUBLIC
    assert str(error) == (
        "127.0.0.1, where --connect-to leads from shop.example, is a loopback address; "
        "add --allow-private to connect there"
    )


def test_one_address_of_our_own_among_public_ones_refuses_the_host() -> None:
    with Fetcher(resolver=lambda *_: ["93.184.215.14", "2606:2800:21f::1", "10.0.0.7"]) as fetcher:
        error = refused(fetcher, "https://shop.example/")
    assert error.reason is FetchReason.NOT_PUBLIC
    assert "shop.example at 10.0.0.7 is a private address" in str(error)


@pytest.mark.usefixtures("public_loopback")
def test_a_name_is_resolved_once_so_it_cannot_mean_something_else_when_connected_to() -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    with (
        serve(lambda _: PAGE) as port,
        Fetcher(ports={port}, resolver=lambda *_: next(answers)) as fetcher,
    ):
        assert fetcher.fetch(f"http://rebinding.example:{port}/").address == "127.0.0.1"
        # The next page is the next question.
        assert refused(fetcher, f"http://rebinding.example:{port}/").reason is FetchReason.NOT_PUBLIC


@pytest.mark.usefixtures("public_loopback")
@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data/", FetchReason.NOT_PUBLIC),
        ("//[::1]/", FetchReason.NOT_PUBLIC),
        ("http://localhost.:80/", FetchReason.NOT_PUBLIC),
        ("http://127.0.0.1:22/", FetchReason.ODD_PORT),
        ("http://user:secret@127.0.0.1/", FetchReason.BAD_REDIRECT),
        ("file:///etc/passwd", FetchReason.BAD_REDIRECT),
        ("gopher://127.0.0.1/", FetchReason.BAD_REDIRECT),
        ("javascript:alert(1)", FetchReason.BAD_REDIRECT),
        ("http://", FetchReason.BAD_REDIRECT),
        ("http://a b/\x1b[31m", FetchReason.BAD_REDIRECT),
    ],
)
def test_a_redirect_is_checked_like_the_first_url(location: str, reason: FetchReason) -> None:
    with (
        serve(lambda _: Response(302, (("Location", location),))) as port,
        Fetcher(ports={port}, resolver=lambda host, _: ["::1" if host == "localhost." else host]) as fetcher,
    ):
        error = refused(fetcher, f"http://127.0.0.1:{port}/")
    assert error.reason is reason
    assert [step.location for step in error.redirects] == [location]
    assert "\x1b" not in str(error)
    assert "secret" not in str(error)


def test_only_ports_of_web_servers_and_those_asked_for_are_connected_to() -> None:
    with Fetcher(ports={8443}, resolver=lambda *_: ["127.0.0.1"]) as fetcher:
        assert refused(fetcher, "http://shop.example:6379/").reason is FetchReason.ODD_PORT
        assert refused(fetcher, "http://shop.example:8443/").reason is FetchReason.NOT_PUBLIC
        assert refused(fetcher, "https://shop.example:80/").reason is FetchReason.NOT_PUBLIC


@pytest.mark.parametrize(
    "url",
    [
        *("", "shop.example", "/path", "ftp://shop.example/", "data:text/html,x", "http://", "http://a b/"),
        *("http://user@shop.example/", "http://user:secret@shop.example/", "http://shop.example:99999/", "http://%00/"),
    ],
)
def test_what_is_no_plain_url_of_a_page_is_refused_before_anything_is_resolved(url: str) -> None:
    def never(*_: object) -> Sequence[str]:
        raise AssertionError("resolved")

    with Fetcher(resolver=never, allows_private=True) as fetcher:
        error = refused(fetcher, url)
    assert error.reason is FetchReason.BAD_URL
    assert "secret" not in str(error)


def test_pages_of_other_hosts_are_refused_when_one_host_is_demanded() -> None:
    with (
        serve(lambda request: PAGE if request.path == "/x" else Response(302, (("Location", target),))) as port,
        Fetcher(allows_private=True, resolver=everywhere_here) as fetcher,
    ):
        target = f"http://evil.example:{port}/x"
        url = f"http://shop.example:{port}/"
        error = refused(fetcher, url, ["shop.example"])
        assert error.reason is FetchReason.OTHER_HOST
        assert [step.location for step in error.redirects] == [target]
        assert "evil.example" in str(error)
        assert refused(fetcher, url, []).reason is FetchReason.OTHER_HOST
        assert refused(fetcher, url, ["*.shop.example"]).reason is FetchReason.OTHER_HOST
        assert fetcher.fetch(url, same_origin_hosts=["*.EXAMPLE"]).url == target
        assert fetcher.fetch(url).url == target


# --- hostile servers


def send_forever(start: bytes, *pieces: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(start)
        for piece in itertools.cycle(pieces):
            connection.sendall(piece)

    return answer


def drip(start: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(piece)
            time.sleep(0.1)

    return answer


OK = b"HTTP/1.1 200 OK\r\n"
GZIPPED = b"Content-Encoding: gzip\r\n\r\n"


def bomb(million_bytes: int) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return b"".join([*(compressor.compress(bytes(1_000_000)) for _ in range(million_bytes)), compressor.flush()])


@pytest.mark.parametrize(
    "answer",
    [
        send_forever(OK + b"\r\n", bytes(65536)),
        send_forever(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + bytes(32768) + b"\r\n"),
        send_forever(OK + b"Content-Length: 99999999999\r\n\r\n", bytes(65536)),
    ],
    ids=["until close", "chunked", "by length"],
)
def test_an_endless_body_is_cut(hurried: Fetcher, answer: Callable[[socket.socket], None]) -> None:
    with serve_raw(answer) as port:
        answered = hurried.fetch(f"http://127.0.0.1:{port}/")
    assert (len(answered.body), answered.is_cut) == (HURRY.max_bytes, True)


def test_a_bomb_is_not_unpacked_further_than_wanted(hurried: Fetcher) -> None:
    packed = bomb(500)

    def answer(connection: socket.socket) -> None:
        connection.sendall(OK + GZIPPED + packed)

    with serve_raw(answer) as port:
        tracemalloc.start()
        answered = hurried.fetch(f"http://127.0.0.1:{port}/")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (len(answered.body), answered.is_cut) == (HURRY.max_bytes, True)
    assert peak < 5_000_000


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (send_forever(OK, b"X-A: " + b"a" * 1000 + b"\r\n"), FetchReason.BAD_RESPONSE),
        (send_forever(OK + b"X-A: ", b"a" * 10_000), FetchReason.BAD_RESPONSE),
        (send_forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), FetchReason.BAD_RESPONSE),
        (
            send_forever(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 1000 + b"\r\na\r\n"),
            FetchReason.BAD_RESPONSE,
        ),
        (send_forever(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: a\r\n"), None),
        (send_forever(b"", b"\xff" * 5000), FetchReason.BAD_RESPONSE),
        (lambda connection: connection.sendall(OK + b"X-A: 1\r\n" * 201 + b"\r\n"), FetchReason.BAD_RESPONSE),
        (
            lambda connection: connection.sendall(OK + (b"X-A: " + b"a" * 5000 + b"\r\n") * 14 + b"\r\n"),
            FetchReason.BAD_RESPONSE,
        ),
        (lambda connection: connection.sendall(OK + b"Content-Encoding: gzip, gzip\r\n\r\n"), FetchReason.BAD_RESPONSE),
        (lambda connection: connection.sendall(OK + b"Content-Encoding: br\r\n\r\n"), FetchReason.BAD_RESPONSE),
        (lambda connection: connection.sendall(OK + GZIPPED + b"no gzip"), FetchReason.BAD_RESPONSE),
        (lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"), FetchReason.BAD_RESPONSE),
        (
            lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            FetchReason.BAD_RESPONSE,
        ),
        (lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nX-A : \x1b[31m\r\n\r\n"), FetchReason.BAD_RESPONSE),
        (lambda _: None, FetchReason.BAD_RESPONSE),
    ],
    ids=[
        *("endless headers", "endless header", "endless interim answers", "chunk extensions", "endless trailers"),
        *("binary", "many headers", "large headers", "gzip twice", "brotli", "no gzip", "ssh", "two lengths"),
        *("bad header", "nothing"),
    ],
)
def test_an_answer_that_no_server_should_give_ends(
    hurried: Fetcher, answer: Callable[[socket.socket], None], reason: FetchReason | None
) -> None:
    begin = time.monotonic()
    with serve_raw(answer) as port:
        url = f"http://127.0.0.1:{port}/"
        if reason is None:
            assert hurried.fetch(url).is_cut
        else:
            error = refused(hurried, url)
            assert error.reason is reason
            assert str(error).startswith(f"127.0.0.1:{port} ")
            assert "\x1b" not in str(error)
            assert error.exit_code is ExitCode.ENVIRONMENT
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: time.sleep(5),
        drip(b"", b"H"),
        drip(OK, b"X-A: a\r\n"),
        drip(OK + b"\r\n", b"<"),
        drip(OK + GZIPPED + gzip.compress(b"")[:10], b"\0\0\0\xff\xff"),
    ],
    ids=["silent", "status", "headers", "body", "gzip"],
)
def test_who_is_silent_or_drips_is_left_in_time(hurried: Fetcher, answer: Callable[[socket.socket], None]) -> None:
    begin = time.monotonic()
    with serve_raw(answer) as port:
        error = refused(hurried, f"http://127.0.0.1:{port}/")
    assert error.reason is FetchReason.TIMEOUT
    assert time.monotonic() - begin < 4


def test_a_handshake_that_drips_is_left_in_time(hurried: Fetcher) -> None:
    begin = time.monotonic()
    with serve_raw(drip(b"\x16\x03\x03\x40\x00", b"\x02")) as port:
        error = refused(hurried, f"https://127.0.0.1:{port}/")
    assert error.reason is FetchReason.TIMEOUT
    assert time.monotonic() - begin < 4


def test_all_redirects_share_the_time_and_are_counted(hurried: Fetcher) -> None:
    def wait_and_move(_: Request) -> Response:
        time.sleep(0.3)
        return Response(302, (("Location", "/"),))

    with serve(wait_and_move) as port:
        assert refused(hurried, f"http://127.0.0.1:{port}/").reason is FetchReason.TIMEOUT


def test_a_loop_of_redirects_ends(fetcher: Fetcher) -> None:
    seen: list[str] = []

    def move(request: Request) -> Response:
        seen.append(request.path)
        return Response(307, (("Location", f"/{len(seen)}"),))

    with serve(move) as port:
        error = refused(fetcher, f"http://127.0.0.1:{port}/")
    assert error.reason is FetchReason.TOO_MANY_REDIRECTS
    assert len(seen) == len(error.redirects) == FetchLimits().max_redirects + 1


def test_a_redirect_with_an_endless_body_is_followed_all_the_same(hurried: Fetcher) -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\n\r\n"
    with ExitStack() as stack:
        port = stack.enter_context(serve(lambda _: PAGE))
        hostile = stack.enter_context(serve_raw(send_forever(moved % port, bytes(65536))))
        assert hurried.fetch(f"http://127.0.0.1:{hostile}/").body == b"<p>here"


def test_a_body_that_breaks_off_is_cut(hurried: Fetcher) -> None:
    with serve_raw(lambda connection: connection.sendall(OK + b"Content-Length: 100\r\n\r\n<p>he")) as port:
        answered = hurried.fetch(f"http://127.0.0.1:{port}/")
    assert (answered.body, answered.is_cut) == (b"<p>he", True)


def test_a_resolver_that_takes_for_ever_is_left_in_time() -> None:
    def slow(*_: object) -> Sequence[str]:
        time.sleep(3)
        return []

    begin = time.monotonic()
    with Fetcher(HURRY, resolver=slow) as fetcher:
        assert refused(fetcher, "http://shop.example/").reason is FetchReason.TIMEOUT
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize(
    "host", ["no-such-host.invalid", "a..b.invalid", f"{'a' * 64}.invalid", f"{'a.' * 130}invalid"]
)
def test_a_host_that_is_nowhere_is_an_operators_line(hurried: Fetcher, host: str) -> None:
    assert refused(hurried, f"http://{host}/").reason in {FetchReason.NO_SUCH_HOST, FetchReason.BAD_URL}


def test_a_port_where_nobody_listens_is_an_operators_line(fetcher: Fetcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = refused(fetcher, f"http://127.0.0.1:{port}/")
    assert error.reason is FetchReason.UNREACHABLE
    assert str(error) == f"127.0.0.1:{port} refuses connections; is a web server running there?"


def test_after_a_failure_the_next_page_comes(hurried: Fetcher) -> None:
    with serve(lambda _: PAGE) as port, serve_raw(send_forever(OK, b"X: a\r\n" * 1000)) as hostile:
        for _ in range(30):
            assert refused(hurried, f"http://127.0.0.1:{hostile}/").reason is FetchReason.BAD_RESPONSE
        assert hurried.fetch(f"http://127.0.0.1:{port}/").status == 200
