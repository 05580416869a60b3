"""Tests of snippets in the servers they are for: what browsers get from nginx, Apache and Caddy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policybuilder.rendering.limits import PROXIES, Limit
from policybuilder.rendering.snippets import SnippetFormat, render
from policybuilder.stages import ENFORCED, REPORT_ONLY, REPORTING_ENDPOINTS, Header, Stage, headers_for
from tests.servers.conftest import OWN, PLAUSIBLE, scratch_directory
from tests.support.header_values import header_values, refused
from tests.support.loopback import Response, serve
from tests.support.web_servers import Answer, WebServer, ask, run_web_server

PAGES = {"index.html": "<p>A page.</p>", "lost.html": "<p>Not here.</p>"}

# Long, quoted, escaped, and what one server or another reads as a variable, a comment, an expression or a command.
ODD_VALUES = [
    "img-src " + " ".join(f"https://host{number}.example/a/b/" for number in range(200)),
    "x" * 3_999 + '"' * 2_100,
    "img-src https://a.example/'\"'",
    r"img-src https://a.example/\ \\ \" \' \n \x41 \{ \}",
    "img-src https://a.example/$1 $request_id $host $ $$ \\$ ${",
    "img-src https://a.example/%3B %% % %s %{UNIQUE_ID}e %{HTTP_HOST}",
    "img-src https://a.example/` `x` ``",
    "img-src https://a.example/{http.request.uuid} {path} {{now}} {} } {",
    "img-src https://a.example/#x # y <!-- --> /* */ // ; ;; , ,,",
    "img-src https://a.example/$HOME $(id) `id` |id &",
    "a\\",
]


def odd_headers() -> list[Header]:
    """An enforced and two report-only policies, an endpoint, and the odd values."""
    odd = [Header(f"X-Odd-{number}", value) for number, value in enumerate(ODD_VALUES)]
    observing = headers_for(Stage.OBSERVE, report_url="https://csp.example/report/shop?r=0.5")
    return [Header(ENFORCED, "default-src 'self'; script-src 'self' https://a.example/%3B"), *observing, *odd]


def sent_by(server: WebServer, headers: list[Header]) -> dict[str, list[bytes]]:
    """The values of each name as `server` sends them: Caddy joins them."""
    values: dict[str, list[bytes]] = {}
    for header in headers:
        values.setdefault(header.name, []).append(header.value.encode())
    if server is WebServer.CADDY:
        return {name: [b", ".join(same)] for name, same in values.items()}
    return values


@pytest.mark.parametrize("server", WebServer)
def test_every_byte_arrives_with_every_kind_of_answer(server: WebServer, scratch: Path, application_port: int) -> None:
    headers = odd_headers()
    snippet = render(headers, SnippetFormat(server))
    with run_web_server(server, scratch, snippet, pages=PAGES, application_port=application_port) as port:
        answers = [ask(port, path) for path in ("/", "/index.html", "/nowhere", "/proxied")]
    assert [answer.status for answer in answers] == [200, 200, 404, 200]
    for answer in answers[:-1]:
        for name, values in sent_by(server, headers).items():
            assert answer.values(name) == values, name
    # What an application sends by itself stands beside, as the snippet says.
    proxied = answers[-1]
    for name, values in sent_by(server, headers).items():
        own = [OWN.encode()] if name == ENFORCED else []
        assert sorted(proxied.values(name)) == sorted([*values, *own]), name


# What each snippet advises where an application sends a header of the same name.
HIDING = {
    WebServer.NGINX: "proxy_hide_header NAME;",
    WebServer.APACHE: "Header onsuccess unset NAME",
    WebServer.CADDY: "header_down -NAME",
}


@pytest.mark.parametrize("server", WebServer)
def test_the_policy_of_an_application_goes_where_the_snippet_says_how(
    server: WebServer, scratch: Path, application_port: int
) -> None:
    headers = [Header(ENFORCED, "default-src 'self'")]
    snippet = render(headers, SnippetFormat(server))
    assert HIDING[server] in snippet
    snippet += f"\n#     {HIDING[server].replace('NAME', ENFORCED)}\n"
    with run_web_server(
        server, scratch, snippet, pages=PAGES, application_port=application_port, follow_advice=True
    ) as port:
        assert [ask(port, path).values(ENFORCED) for path in ("/proxied", "/")] == [[b"default-src 'self'"]] * 2


@pytest.mark.parametrize("server", WebServer)
@settings(max_examples=10)
@given(data=st.data())
def test_any_value_arrives_as_it_is(server: WebServer, application_port: int, data: st.DataObject) -> None:
    """Many at once, since starting a server takes longer than reading them."""
    headers = [
        header
        for number, value in enumerate(data.draw(st.lists(header_values, min_size=20, max_size=40)))
        if "{NONCE}" not in value and not refused(SnippetFormat(server), [header := Header(f"X-Any-{number}", value)])
    ]
    snippet = render(headers, SnippetFormat(server))
    with (
        scratch_directory() as directory,
        run_web_server(server, directory, snippet, pages=PAGES, application_port=application_port) as port,
    ):
        answer = ask(port)
    assert [(h.name, answer.values(h.name)) for h in headers] == [(h.name, [h.value.encode()]) for h in headers]


def nonces_of(answer: Answer) -> tuple[str, str]:
    """The nonce of the header, and that of the tag."""
    enforced = b", ".join(answer.values(ENFORCED)).decode()
    in_header = re.findall(r"'nonce-([^']*)'", enforced)
    in_body = re.findall(r'nonce="([^"]*)"', answer.body.decode())
    assert (len(in_header), len(in_body)) == (1, 1)
    return in_header[0], in_body[0]


# How a page asks for the nonce, as the snippet says.
NONCE_MARKS = {
    WebServer.NGINX: "LONG-RANDOM-SECRET",
    WebServer.APACHE: '<!--#echo var="CSP_NONCE" -->',
    WebServer.CADDY: '{{placeholder "http.request.uuid"}}',
}


# Apache alone is told here to have a page for what is missing.
NONCE_CASES = [
    *((server, path) for server in WebServer for path in ("/", "/index.html", "/proxied")),
    (WebServer.APACHE, "/nowhere"),
]


@pytest.mark.parametrize(("server", "path"), NONCE_CASES)
def test_each_answer_has_a_nonce_of_its_own_in_header_and_tag(
    server: WebServer, path: str, scratch: Path, application_port: int
) -> None:
    """Following what the snippet's comments advise, for files and for an application."""
    snippet = render([Header(ENFORCED, "script-src 'nonce-{NONCE}' 'strict-dynamic'")], SnippetFormat(server))
    page = f'<script nonce="{NONCE_MARKS[server]}"></script>'
    pages = {"index.html": page, "lost.html": page}
    with run_web_server(
        server, scratch, snippet, pages=pages, application_port=application_port, follow_advice=True
    ) as port:
        seen = [nonces_of(ask(port, path)) for _ in range(20)]
    assert all(in_header == in_body for in_header, in_body in seen)
    assert len(set(seen)) == 20
    assert all(re.fullmatch(r"[0-9a-f-]{32,40}", nonce) for nonce, _ in seen)


def test_apache_does_not_start_without_a_secret(scratch: Path, application_port: int) -> None:
    snippet = render([Header(ENFORCED, "script-src 'nonce-{NONCE}'")], SnippetFormat.APACHE)
    with (
        pytest.raises(AssertionError, match="Define CSP_SECRET"),
        run_web_server(WebServer.APACHE, scratch, snippet, pages=PAGES, application_port=application_port),
    ):
        pass


@pytest.mark.parametrize("server", WebServer)
@pytest.mark.parametrize("path", ["/", "/nowhere", "/proxied"])
def test_the_drawn_share_of_answers_has_all_report_only_headers_and_the_rest_none(
    server: WebServer, path: str, scratch: Path, application_port: int
) -> None:
    observing = list(headers_for(Stage.OBSERVE, report_url="https://csp.example/report/shop", sample=0.25))
    assert [header.name for header in observing] == [REPORT_ONLY, REPORT_ONLY, REPORTING_ENDPOINTS]
    snippet = render([Header(ENFORCED, "default-src 'self'"), *observing], SnippetFormat(server), 0.25)
    with run_web_server(server, scratch, snippet, pages=PAGES, application_port=application_port) as port:
        answers = [ask(port, path) for _ in range(400)]
    drawn = sent_by(server, observing)
    complete = [[answer.values(name) for name in drawn] == list(drawn.values()) for answer in answers]
    empty = [not any(answer.values(name) for name in drawn) for answer in answers]
    assert all(one != other for one, other in zip(complete, empty, strict=True))
    assert all(b"default-src 'self'" in answer.values(ENFORCED) for answer in answers)
    assert sum(complete) in PLAUSIBLE


@pytest.mark.parametrize("server", WebServer)
def test_what_is_drawn_has_the_nonce_of_what_is_enforced(
    server: WebServer, scratch: Path, application_port: int
) -> None:
    headers = [Header(name, "script-src 'nonce-{NONCE}'") for name in (ENFORCED, REPORT_ONLY)]
    snippet = render(headers, SnippetFormat(server), 0.5)
    with run_web_server(
        server, scratch, snippet, pages=PAGES, application_port=application_port, follow_advice=True
    ) as port:
        answers = [ask(port) for _ in range(60)]
    drawn = [answer for answer in answers if answer.values(REPORT_ONLY)]
    # All or none of 60 even draws come less than once in 10^17 times.
    assert 0 < len(drawn) < 60
    assert all(answer.values(REPORT_ONLY) == answer.values(ENFORCED) for answer in drawn)
    assert len({answer.values(ENFORCED)[0] for answer in answers}) == 60


@pytest.mark.parametrize(("server", "limit"), [(WebServer.NGINX, PROXIES[0]), (WebServer.APACHE, PROXIES[1])])
def test_a_proxy_in_front_refuses_what_the_snippet_warns_of(server: WebServer, limit: Limit, scratch: Path) -> None:
    """With its defaults. At the limit itself what else is in the answer decides."""
    longest = Header(ENFORCED, "a" * (limit.max_bytes - 600))
    too_long = Header(ENFORCED, "a" * (limit.max_bytes + 1))
    assert limit.is_broken_by([too_long])
    with (
        serve(lambda r: Response(200, ((ENFORCED, (longest if r.path == "/proxied" else too_long).value),))) as behind,
        run_web_server(server, scratch, pages=PAGES, application_port=behind) as port,
    ):
        assert [ask(port, path).status for path in ("/proxied", "/proxied/x")] == [200, 502]
