"""Recorded responses, as curl prints them and as nobody should."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.errors import CspbuildError
from policybuilder.scanner.recorded import DEFAULT_URL, read_response
from tests.support.loopback import Request, Response, serve

URL = "https://shop.example/a"


def head(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("reason", ["", " ", " OK", " Not quite: OK"])
def test_a_response_of_any_version_is_read(version: str, end: str, reason: str) -> None:
    data = f"{version} 200{reason}{end}Content-Type: text/html{end}X-A:  b c {end}x-a:{end}{end}<a href=x>"
    material = read_response(data.encode(), URL)
    response = material.page.response
    assert response is not None
    assert (response.status, response.http_version, response.url) == (200, version, URL)
    assert response.headers == (("Content-Type", "text/html"), ("X-A", "b c"), ("x-a", ""))
    assert response.body == b"<a href=x>"
    assert material.markup is not None
    assert material.markup.links == ("https://shop.example/x",)
    assert not material.is_whole
    assert (material.https, material.http, material.preflight) == (material.page, None, None)
    assert material.page.is_certificate_valid
    assert not material.is_preloaded


def test_without_a_url_it_came_over_https_from_nowhere() -> None:
    material = read_response(b"HTTP/2 200\n\n")
    assert material.url == DEFAULT_URL
    assert material.https is not None


def test_a_plain_url_is_a_plain_page() -> None:
    material = read_response(b"HTTP/1.1 200 OK\n\n", "http://shop.example/")
    assert (material.http, material.https) == (material.page, None)


def test_what_came_before_the_answer_is_the_way_to_it() -> None:
    data = head(
        "HTTP/1.1 200 Connection established\n\n"
        "HTTP/1.1 100 Continue\n\n"
        "HTTP/2 301\nlocation: /b\nset-cookie: a=1\n\n"
        "HTTP/2 103\nlink: </x.css>\n\n"
        "HTTP/2 302\nlocation: https://www.shop.example/c#d\n\n"
        "HTTP/2 401\nwww-authenticate: Digest\n\n"
        "HTTP/2 200\nset-cookie: b=2\ncontent-type: text/plain\n\nbody"
    )
    material = read_response(data, URL)
    response = material.page.response
    assert response is not None
    assert [(step.url, step.status) for step in response.redirects] == [
        (URL, 301),
        ("https://shop.example/b", 302),
    ]
    assert (response.url, response.body) == ("https://www.shop.example/c", b"body")
    assert [(cookie.url, cookie.text) for cookie in material.cookies] == [
        (URL, "a=1"),
        ("https://www.shop.example/c", "b=2"),
    ]


def test_a_body_that_looks_like_another_response_is_a_body() -> None:
    body = b"HTTP/1.1 200 OK\r\nContent-Security-Policy: default-src 'none'\r\n\r\n"
    response = read_response(head("HTTP/1.1 200 OK\nContent-Type: text/plain\n\n") + body).page.response
    assert response is not None
    assert response.body == body
    assert response.header_values("content-security-policy") == ()


def test_a_folded_header_is_one_value() -> None:
    response = read_response(head("HTTP/1.1 200 OK\nX-A: a;\n  b;\n\tc\n \nX-B: d\n\n")).page.response
    assert response is not None
    assert response.headers == (("X-A", "a; b; c"), ("X-B", "d"))


def test_a_head_alone_is_enough() -> None:
    for data in (b"HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n", b"HTTP/1.1 200 OK\nX-A: b\n", b"HTTP/1.1 200 OK\nX-A: b"):
        response = read_response(data).page.response
        assert response is not None
        assert (response.headers, response.body, response.is_cut) == ((("X-A", "b"),), b"", False)


def test_a_binary_body_is_kept_as_it_is() -> None:
    body = bytes(range(256)) * 100
    response = read_response(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + body).page.response
    assert response is not None
    assert response.body == body


def test_a_packed_body_is_unpacked_unless_curl_did() -> None:
    top = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n"
    for body in (b"<a href=x>", gzip.compress(b"<a href=x>")):
        response = read_response(top + body).page.response
        assert response is not None
        assert response.body == b"<a href=x>"
    response = read_response(top + gzip.compress(bytes(50_000_000))).page.response
    assert response is not None
    assert (len(response.body), response.is_cut) == (5 * 1024 * 1024, True)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_what_a_shell_made_of_it_is_undone(encoding: str) -> None:
    response = read_response("HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n".encode(encoding)).page.response
    assert response is not None
    assert response.headers == (("X-A", "b"),)


# (data, what the error says)
NO_RESPONSES = [
    (b"", "nothing is there"),
    (b" \r\n\n", "nothing is there"),
    (b"<!doctype html>", "begins with '<!doctype html>'"),
    (b"\x1b[31mred\x1b[0m", "begins with '\\x1b[31mred"),
    (b"Content-Security-Policy: default-src 'none'\n\n", "begins with the header"),
    (b"* Trying 192.0.2.1...\n> GET / HTTP/1.1\n< HTTP/1.1 200 OK\n", "curl -v"),
    (b"HTTP/1.1 OK\n\n", "begins with 'HTTP/1.1 OK'"),
    (b"HTTP/1.1 999 OK\n\n", "begins with"),
    (b"HTTP/1.1 200 OK\nX-A: b\nno header here\n\n", "line 3 is no header: 'no header here'"),
    (b"HTTP/1.1 200 OK\n\x1b[2J: b\n\n", "line 2 is no header"),
    (b"HTTP/1.1 100 Continue\n\n", "interim answer"),
    (b"HTTP/1.1 200 OK\n" + b"X-A: b\n" * 100_000, "more than 256 KiB"),
    (b"HTTP/1.1 302 Found\n\n" * 100, "more than 50 responses"),
]


@pytest.mark.parametrize(("data", "says"), NO_RESPONSES)
def test_what_is_no_response_is_told_apart(data: bytes, says: str) -> None:
    with pytest.raises(CspbuildError) as caught:
        read_response(data)
    assert says in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("url", ["shop.example", "ftp://shop.example/", "", "https://"])
def test_a_url_that_is_none_is_told(url: str) -> None:
    with pytest.raises(CspbuildError, match=r"no URL|no page on the web"):
        read_response(b"HTTP/1.1 200 OK\n\n", url)


@given(
    data=st.lists(
        st.sampled_from(
            [b"HTTP/1.1 200 OK", b"HTTP/2 302", b"\r\n", b"\n", b"Location: ", b"//[", b"X: \xff", b" ", b":", b"\0"]
        )
        | st.binary(max_size=5),
        max_size=20,
    ).map(b"".join)
)
def test_whatever_is_recorded_is_read_or_refused(data: bytes) -> None:
    try:
        material = read_response(data)
    except CspbuildError as error:
        assert str(error).isprintable()  # noqa: PT017  (either may happen)
    else:
        assert material.page.response is not None


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 " + b"a" * 5_000_000,
        b"\n" * 5_000_000,
        b"HTTP/1.1 200 OK\nX: " + b" " * 5_000_000,
        b"HTTP/1.1 200 OK\n" + b" " * 5_000_000,
        b"HTTP/1.1 200 OK\nX" + b" " * 5_000_000,
        b"HTTP/1.1 200 OK\n" + b"x" * 5_000_000,
        b"HTTP/1.1 200 OK\n\n" + b"HTTP/1.1 200 OK\n" * 300_000,
    ],
)
def test_megabytes_of_anything_are_read_at_once(data: bytes) -> None:
    begin = time.monotonic()
    try:
        read_response(data)
    except CspbuildError as error:
        assert len(str(error)) < 500  # noqa: PT017  (either may happen)
    assert time.monotonic() - begin < 2


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_what_curl_prints_is_what_was_sent(tmp_path: Path) -> None:
    def answer(request: Request) -> Response:
        if request.path == "/":
            return Response(302, (("Location", "/b"), ("Set-Cookie", "a=b")), b"moved")
        return Response(200, (("Content-Type", "text/html"), ("X-A", "\xe9")), b"<a href=x>")

    with serve(answer) as port:
        for arguments in (["-i"], ["-sD-"], ["-i", "--compressed"]):
            url = f"http://127.0.0.1:{port}/"
            printed = subprocess.run(["curl", "-sL", *arguments, url], check=True, capture_output=True, cwd=tmp_path)
            response = read_response(printed.stdout, url).page.response
            assert response is not None
            assert (response.url, response.body) == (f"http://127.0.0.1:{port}/b", b"<a href=x>")
            assert [step.status for step in response.redirects] == [302]
            assert response.header_values("x-a") == ("\xe9",)
