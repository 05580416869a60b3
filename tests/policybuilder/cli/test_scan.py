"""`cspbuild scan` as its user types it, against real servers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from policybuilder.grading.observatory.grading import TESTS as OBSERVATORY_TESTS
from tests.policybuilder.cli.conftest import Cspbuild
from tests.policybuilder.scanner.raw_server import serve_raw
from tests.support.deployed import deployed, moved, page
from tests.support.loopback import Certificate, Request, Response, make_certificate, serve
from tests.support.service import Ran, run_program

GOOD = (
    ("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ("Strict-Transport-Security", "max-age=63072000"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"), "shop.example", days=300)


@pytest.fixture
def scan(
    cspbuild: Cspbuild, certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Runs the command where nothing is, and 127.0.0.1 may be scanned."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, text: str = "", private: bool = True, columns: int = 160) -> Ran:
        options = ["--allow-private"] if private else []
        variables = {"NO_COLOR": "1", "COLUMNS": str(columns), "SSL_CERT_FILE": str(certificate.path)}
        ran = cspbuild("scan", *arguments, *options, text=text, **variables)
        assert list(tmp_path.iterdir()) == []
        return ran

    return run


@pytest.fixture(scope="module")
def shop(certificate: Certificate) -> Iterator[Sequence[str]]:
    """The options by which shop.example is a site with every header, over https and redirected to it."""

    def answer(request: Request) -> Response:
        if request.header("host") != "shop.example":
            return Response(421)
        return page(*GOOD, body=b"<!doctype html><meta charset=utf-8><p>here")(request)

    with deployed(https=answer, http=moved("https://shop.example/"), certificate=certificate) as detours:
        yield connecting(detours)


def connecting(detours: Sequence[Any]) -> Sequence[str]:
    each = [f"{detour.host}:{detour.port}:{detour.target_host}:{detour.target_port}" for detour in detours]
    return [option for text in each for option in ("--connect-to", text)]


# --- one page


def test_one_page_has_the_keys_that_scripts_rely_on(scan: Callable[..., Ran], shop: Sequence[str]) -> None:
    ran = scan("https://shop.example/", *shop, "--format", "json")
    assert ran.code == 0, ran.err
    document = ran.json()
    assert document["schema"] == "scan/1"
    assert {"score", "grade", "tests", "observatory", "securityheaders"} <= document.keys()
    assert all({"name", "result", "passed", "message", "fix"} <= test.keys() for test in document["tests"])
    assert list(document["observatory"]["tests"]) == list(OBSERVATORY_TESTS)
    assert all(test.keys() == {"result", "modifier", "passed"} for test in document["observatory"]["tests"].values())
    assert document["securityheaders"]["approximation"] is True
    assert "pages" not in document
    assert (document["url"], document["status"]) == ("https://shop.example/", 200)
    assert document["tls"]["version"] == "TLSv1.3"
    assert [step["location"] for step in document["http"]["redirects"]] == ["https://shop.example/"]
    assert (document["observatory"]["grade"], document["securityheaders"]["grade"]) == ("A+", "A+")
    assert [test["name"] for test in document["tests"] if test["passed"] is False] == []


def test_text_shows_what_was_sent_first_and_grades_last(scan: Callable[..., Ran]) -> None:
    headers = (("Content-Security-Policy", "script-src 'self'"), ("Server", "old/1.2.3"))
    with serve(page(*headers)) as port:
        ran = scan(f"http://127.0.0.1:{port}/")
    assert ran.code == 0, ran.err
    parts = (
        "answered 200",
        "what was sent",
        "script-src 'self'",
        "To do",
        "Grades",
        "securityheaders≈",
        "approximation",
    )
    places = [ran.out.index(part) for part in parts]
    assert places == sorted(places)
    assert "Why they differ" in ran.out
    assert "\x1b" not in ran.out


def test_a_url_without_a_scheme_is_meant_over_https(scan: Callable[..., Ran], shop: Sequence[str]) -> None:
    assert scan("shop.example", *shop, "--format", "json").json()["final_url"] == "https://shop.example/"


def test_a_certificate_that_does_not_hold_is_told_and_the_rest_is_judged(
    tmp_path: Path, certificate: Certificate
) -> None:
    with deployed(https=page(*GOOD), http=moved("https://shop.example/"), certificate=certificate) as detours:
        arguments = ("scan", "https://shop.example/", "--allow-private", *connecting(detours), "--format", "json")
        refused = run_program("cspbuild", *arguments, cwd=tmp_path).json()
        believed = run_program("cspbuild", *arguments, "--insecure", cwd=tmp_path).json()
    assert "self-signed" in refused["certificate_problem"]
    assert refused["observatory"]["tests"]["content-security-policy"]["passed"]
    assert refused["observatory"]["tests"]["strict-transport-security"]["result"] == "hsts-invalid-cert"
    assert believed["certificate_problem"] is None
    assert believed["observatory"]["grade"] == "A+"


def test_the_gate_goes_by_our_own_grade(scan: Callable[..., Ran], shop: Sequence[str]) -> None:
    assert scan("https://shop.example/", *shop, "--min-grade", "B").code == 0
    with serve(page()) as port:
        refused = scan(f"http://127.0.0.1:{port}/", "--min-grade", "B")
        assert refused.code == 1
        assert "worse than B by our grade" in refused.out
        assert scan(f"http://127.0.0.1:{port}/", "--min-grade", "F").code == 0
        assert scan(f"http://127.0.0.1:{port}/").code == 0
    assert scan("https://shop.example/", *shop, "--min-grade", "E").code == 2


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/", "https://2130706433/", "http://0x7f.1/", "http://[::ffff:127.0.0.1]/"),
        *("http://[64:ff9b::7f00:1]/", "http://169.254.169.254/", "http://shop.example:22/", "ftp://shop.example/"),
        *("http://u:p@shop.example/", "http://", "\x1b[31m"),
    ],
)
def test_what_must_not_be_scanned_is_refused_in_a_line(scan: Callable[..., Ran], url: str) -> None:
    ran = scan(url, private=False)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert ran.err.rstrip("\n").isprintable()


def test_a_page_that_nobody_answers_for_is_the_networks_failure(scan: Callable[..., Ran]) -> None:
    ran = scan("http://127.0.0.1:1/")
    assert (ran.code, ran.out) == (3, "")
    assert "refuses connections" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--url", "https://shop.example/"],
        ["https://shop.example/", "--response", "-"],
        ["--response", "-", "--crawl", "3"],
        ["https://shop.example/", "--crawl", "0"],
        ["--response", "nothing-there"],
        ["--response", ""],
        ["https://shop.example/", "--format", "csv"],
    ],
)
def test_what_makes_no_sense_is_a_usage_error(scan: Callable[..., Ran], arguments: list[str]) -> None:
    ran = scan(*arguments, text="HTTP/1.1 200 OK\n\n")
    assert (ran.code, ran.out) == (2, "")


# --- a recorded response


def test_a_recorded_response_is_judged_and_what_it_cannot_show_is_not_tested(scan: Callable[..., Ran]) -> None:
    data = "HTTP/2 200\r\n" + "".join(f"{name}: {value}\r\n" for name, value in GOOD) + "\r\n"
    ran = scan("--response", "-", "--url", "https://shop.example/", "--format", "json", text=data)
    assert ran.code == 0, ran.err
    document = ran.json()
    redirection = document["observatory"]["tests"]["redirection"]
    assert redirection == {"result": "not-tested", "modifier": None, "passed": None}
    assert {test["name"]: test["result"] for test in document["tests"]}["trusted-host"] == "not-tested"
    assert document["observatory"]["tests"]["strict-transport-security"]["passed"]
    assert (document["tls"], document["endpoints"]) == (None, [])
    assert "as if its certificate held" in scan("--response", "-", text=data).out


def test_a_narrow_terminal_gets_the_same_below_each_other(scan: Callable[..., Ran]) -> None:
    data = "HTTP/2 200\r\ncontent-type: text/html\r\ncontent-security-policy: script-src 'unsafe-inline'\r\n\r\n"
    wide, narrow = (scan("--response", "-", text=data, columns=columns).out for columns in (160, 80))
    assert max(map(len, narrow.partition("To do")[0].splitlines()[3:])) <= 80
    for words in ("csp-scripts  −30", "Content-Security-Policy: script-src 'unsafe-inline'"):
        assert words in narrow
    assert wide.partition("To do")[2] == narrow.partition("To do")[2]


def test_a_recording_that_is_none_is_told(scan: Callable[..., Ran]) -> None:
    ran = scan("--response", "-", text="<html>")
    assert ran.code == 2
    assert "curl -i" in ran.err


# --- several pages


@pytest.fixture
def pages() -> Iterator[str]:
    """A site of a good page, a bad one, and a sitemap of both."""

    def answer(request: Request) -> Response:
        base = f"http://{request.header('host')}"
        match request.path:
            case "/robots.txt":
                return Response(404)
            case "/sitemap.xml":
                return Response(200, (), f"<urlset><loc>{base}/</loc><loc>{base}/bad</loc></urlset>".encode())
            case "/":
                return page(*GOOD, body=b"<a href=/bad>bad</a>")(request)
            case _:
                return page()(request)

    with serve(answer) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.mark.parametrize("how", ["named", "crawled", "listed"])
def test_of_several_pages_the_worst_one_stands_on_top(scan: Callable[..., Ran], pages: str, how: str) -> None:
    arguments = {
        "named": [pages, f"{pages}bad"],
        "crawled": [pages, "--crawl", "5"],
        "listed": ["--sitemap", f"{pages}sitemap.xml"],
    }[how]
    ran = scan(*arguments, "--format", "json")
    assert ran.code == 0, ran.err
    document = ran.json()
    assert [each["url"] for each in document["pages"]] == [pages, f"{pages}bad"]
    worst = min(document["pages"], key=lambda each: each["score"])
    assert {name: document[name] for name in worst} == worst
    text = scan(*arguments).out
    assert text.index("To do") < text.index("Grades")
    assert f"{pages}bad" in text


def test_a_page_among_several_that_cannot_be_had_is_told(scan: Callable[..., Ran], pages: str) -> None:
    ran = scan(pages, "http://127.0.0.1:1/", "--format", "json")
    assert ran.code == 3
    document = ran.json()
    assert document["pages"][1]["url"] == "http://127.0.0.1:1/"
    assert "refuses connections" in document["pages"][1]["error"]
    assert "1 of the pages" in ran.err


def test_a_sitemap_that_lists_nothing_is_told(scan: Callable[..., Ran], pages: str) -> None:
    ran = scan("--sitemap", f"{pages}bad")
    assert ran.code == 2
    assert "lists no page" in ran.err


def test_where_no_page_may_be_scanned_that_is_told(scan: Callable[..., Ran]) -> None:
    def answer(request: Request) -> Response:
        if request.path == "/robots.txt":
            return Response(200, (), b"User-agent: *\nDisallow: /")
        return Response(200, (), f"<urlset><loc>http://{request.header('host')}/a</loc></urlset>".encode())

    with serve(answer) as port:
        ran = scan("--sitemap", f"http://127.0.0.1:{port}/sitemap.xml")
    assert (ran.code, ran.out) == (2, "")
    assert "robots.txt" in ran.err


def test_a_listed_page_that_cannot_be_had_fails_nothing_unless_it_is_all_there_is(scan: Callable[..., Ran]) -> None:
    def answer(request: Request) -> Response:
        base = f"http://{request.header('host')}"
        match request.path:
            case "/both.xml":
                return Response(200, (), f"<urlset><loc>{base}/a</loc><loc>{base}/loop</loc></urlset>".encode())
            case "/one.xml":
                return Response(200, (), f"<urlset><loc>{base}/loop</loc></urlset>".encode())
            case "/loop":
                return moved("/loop")(request)
            case "/robots.txt":
                return Response(404)
            case _:
                return page()(request)

    with serve(answer) as port:
        both = scan("--sitemap", f"http://127.0.0.1:{port}/both.xml", "--format", "json")
        one = scan("--sitemap", f"http://127.0.0.1:{port}/one.xml", "--format", "json")
    assert (both.code, one.code) == (0, 3)
    assert "redirects more than" in one.json()["pages"][0]["error"]


def test_a_host_check_says_whether_reporting_is_wired_and_names_are_believed(scan: Callable[..., Ran]) -> None:
    def answer(request: Request) -> Response:
        name = request.header("x-forwarded-host") or request.header("host") or ""
        headers = (("Content-Security-Policy", "img-src *; report-to a"), ("Reporting-Endpoints", "a=1"))
        return page(*headers, body=f"<a href=//{name}/>home</a>".encode())(request)

    with serve(answer) as port:
        ran = scan(f"http://127.0.0.1:{port}/", "--host-check", "--format", "json")
        text = scan(f"http://127.0.0.1:{port}/", "--host-check").out
    assert ran.code == 0
    checked = ran.json()["host_check"]
    assert not checked["ok"]
    assert [(check["name"], check["passed"]) for check in checked["checks"]] == [
        *(("policy", True), ("reporting-place", True), ("endpoint", False), ("host", False)),
        *(("forwarded-host", False), ("forwarded-host", True), ("forwarded-host", True)),
    ]
    assert "Host check: something is broken" in text


def test_markdown_holds_the_same_and_nothing_of_a_stranger_is_markup(scan: Callable[..., Ran], pages: str) -> None:
    ran = scan(pages, f"{pages}bad", "--format", "markdown", "--host-check")
    assert ran.code == 0, ran.err
    titles = [line for line in ran.out.splitlines() if line.startswith("#")]
    assert titles == ["## How it was reached", "## What was sent", "## Host check", "## To do", "## Grades"]
    assert f"`{pages} answered 200 (HTTP/1.0)`" in ran.out
    assert "`Referrer-Policy: (nothing)`" in ran.out


def test_an_error_is_said_to_be_what_is_judged(scan: Callable[..., Ran], pages: str) -> None:
    said = "judged is this answer, an error: the site's pages may send other headers"
    with serve(lambda _: Response(403, (("Content-Type", "text/html"),), b"<p>no")) as port:
        url = f"http://127.0.0.1:{port}/"
        assert said in scan(url).out
        assert said in scan(url, "--format", "markdown").out
    assert said not in scan(pages).out


def test_sarif_names_a_rule_and_a_page_for_each_thing_that_failed(scan: Callable[..., Ran], pages: str) -> None:
    ran = scan(pages, f"{pages}bad", "--format", "sarif")
    assert ran.code == 0, ran.err
    (run,) = json.loads(ran.out)["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [each["location"]["uri"] for each in run["artifacts"]] == [pages, f"{pages}bad"]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    found = {
        (result["ruleId"], result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        for result in run["results"]
    }
    assert ("csp-scripts", f"{pages}bad") in found
    assert ("csp-scripts", pages) not in found
    levels = {result["ruleId"]: result["level"] for result in run["results"]}
    assert levels["csp-scripts"] == "error"


# --- text of strangers


def test_nothing_of_a_stranger_acts_on_the_terminal(scan: Callable[..., Ran]) -> None:
    evil = b"\x1b]0;pwned\x07\x9b31m\x1b[2J|`<script>[bold]"
    names = [
        *(b"Content-Security-Policy", b"Content-Security-Policy-Report-Only", b"Strict-Transport-Security"),
        *(b"X-Content-Type-Options", b"Referrer-Policy", b"Permissions-Policy", b"Set-Cookie", b"Server"),
        *(b"X-Frame-Options", b"Cross-Origin-Opener-Policy", b"Reporting-Endpoints", b"Cache-Control"),
    ]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
    head += b"".join(b"%s: %s; report-uri /%s; report-to %s\r\n" % (name, evil, evil, evil) for name in names)
    body = b"<base href='/%s'><script src='//other.example/%s'></script><a href='/%s'>x</a>" % (evil, evil, evil)

    with serve_raw(lambda connection: connection.sendall(head + b"\r\n" + body)) as port:
        for output_format in ("text", "markdown", "json", "sarif"):
            options = ("--host-check", "--crawl", "2", "--format", output_format)
            ran = scan(f"http://127.0.0.1:{port}/", *options)
            assert ran.code in {0, 3}, ran.err
            assert all(line.isprintable() for line in (ran.out + ran.err).splitlines())
            if output_format in {"json", "sarif"}:
                json.loads(ran.out)


def test_a_sitemap_and_a_robots_of_a_stranger_act_on_no_terminal(scan: Callable[..., Ran]) -> None:
    evil = "\x1b]0;pwned\x07\x9b31m"

    def answer(request: Request) -> Response:
        if request.path == "/robots.txt":
            return Response(200, (), f"User-agent: *\nDisallow: /{evil}\n{evil}".encode())
        base = f"http://{request.header('host')}"
        listed = [f"{base}/{evil}", f"//{evil}/", f"http://other.example/{evil}", evil, f"{base}/{evil}.xml"]
        root = "sitemapindex" if request.path == "/index.xml" else "urlset"
        return Response(200, (), f"<{root}>{''.join(f'<loc>{url}</loc>' for url in listed)}</{root}>".encode())

    with serve(answer) as port:
        for name in ("index.xml", "sitemap.xml"):
            ran = scan("--sitemap", f"http://127.0.0.1:{port}/{name}", "--crawl", "3")
            assert "127.0.0.1" in ran.out + ran.err
            assert all(line.isprintable() for line in (ran.out + ran.err).splitlines())


def test_a_redirect_of_a_stranger_acts_on_no_terminal(scan: Callable[..., Ran]) -> None:
    def answer(request: Request) -> Response:
        if request.path == "/":
            return Response(302, (("Location", "/a\x1b[31m\x9b\xad"), ("Set-Cookie", "a\x1b[31m=b")))
        return page()(request)

    with serve(answer) as port:
        ran = scan(f"http://127.0.0.1:{port}/")
    assert ran.code == 0, ran.err
    assert all(line.isprintable() for line in (ran.out + ran.err).splitlines())
