"""Real FastAPI and Starlette applications, mostly in a real uvicorn: every way an answer comes about."""

from __future__ import annotations

import asyncio
import gzip
import http.client
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from socket import create_connection
from typing import Annotated, Any
from urllib.parse import urlsplit

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Request, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from collector.security_headers import (
    STRICT_POLICY,
    NoStoreMiddleware,
    SecurityHeaders,
    SecurityHeadersMiddleware,
    TrustedHosts,
    harden,
    with_headers,
)
from tests.collector.security_headers.exchange import Exchange, make_scope
from tests.support.raw_http import RawClient
from tests.support.serving import serving

CSP = "content-security-policy"
NONCE_POLICY = "default-src 'none'; script-src 'nonce-{nonce}'"

ONCE = (
    *(CSP, "x-content-type-options", "x-frame-options", "referrer-policy", "permissions-policy"),
    *("cross-origin-opener-policy", "cross-origin-resource-policy", "cache-control"),
)
"""What every answer has, over plain http."""


def make_fastapi(static: Path) -> FastAPI:
    app = FastAPI()

    @app.get("/nonce")
    def nonce(request: Request) -> str:
        return str(request.state.csp_nonce)

    @app.get("/page")
    def page(request: Request) -> HTMLResponse:
        return HTMLResponse(f'<script nonce="{request.state.csp_nonce}">1</script>{"x" * 2_000}')

    @app.get("/number/{number}")
    def number(number: int) -> int:
        return number

    @app.get("/broken")
    def broken() -> None:
        raise LookupError("secret detail")

    @app.get("/broken-later")
    def broken_later() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"first "
            raise LookupError("secret detail")

        return StreamingResponse(pieces(), media_type="text/plain")

    @app.get("/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse(iter([b"a", b"b"]))

    @app.get("/file")
    def file() -> FileResponse:
        return FileResponse(static / "a.txt")

    @app.get("/background")
    def background(tasks: BackgroundTasks) -> str:
        tasks.add_task(broken)
        return "answered"

    @app.get("/own")
    def own() -> Response:
        headers = {"Content-Security-Policy": "img-src 'self'; frame-ancestors 'self'", "Cache-Control": "max-age=60"}
        return PlainTextResponse("own", headers=headers)

    @app.get("/healthz")
    def healthz() -> str:
        return "alive"

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")
        await socket.close()

    router = APIRouter(prefix="/router")

    @router.get("/widget")
    @with_headers(frame=["https://partner.example"])
    def widget() -> str:
        return "widget"

    @router.get("/widget/{number}")
    @with_headers(corp="cross-origin")
    def numbered(number: int) -> int:
        return number

    app.include_router(router)
    app.mount("/static", StaticFiles(directory=static))
    sub = FastAPI()
    sub.add_api_route("/broken", broken)
    sub.add_api_route("/nonce", nonce)
    app.mount("/sub", sub)
    return app


def make_starlette(static: Path) -> Starlette:
    async def nonce(request: Request) -> Response:
        return PlainTextResponse(request.state.csp_nonce)

    async def broken(_request: Request) -> Response:
        raise LookupError("secret detail")

    @with_headers(frame=["https://partner.example"])
    class Widget(HTTPEndpoint):
        async def get(self, _request: Request) -> Response:
            return PlainTextResponse("widget")

    routes = [
        Route("/nonce", nonce),
        Route("/broken", broken),
        Route("/router/widget", Widget),
        Mount("/static", StaticFiles(directory=static)),
        Mount("/sub", routes=[Route("/nonce", nonce), Route("/broken", broken)]),
    ]
    return Starlette(routes=routes)


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("static")
    (directory / "a.txt").write_text("a file")
    return directory


@pytest.fixture(scope="module")
def urls(static: Path) -> Iterator[dict[str, str]]:
    settings: Any = {"hosts": ["127.0.0.1"], "policy": NONCE_POLICY, "cacheable": ["/static"]}
    with (
        serving(harden(make_fastapi(static), **settings)) as fastapi,
        serving(harden(make_starlette(static), **settings)) as starlette,
    ):
        yield {"fastapi": fastapi, "starlette": starlette}


@pytest.fixture(params=["fastapi", "starlette"])
def base_url(urls: dict[str, str], request: pytest.FixtureRequest) -> str:
    return urls[request.param]


def ask(base_url: str, path: str, *, method: str = "GET", **headers: str) -> tuple[int, dict[str, list[str]], bytes]:
    parts = urlsplit(base_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    try:
        body = response.read()
    except http.client.IncompleteRead as error:
        body = error.partial + b"\xff"
    connection.close()
    found: dict[str, list[str]] = {}
    for name, value in response.getheaders():
        found.setdefault(name.lower(), []).append(value)
    return response.status, found, body


# (method, path, headers, status): every way an answer comes about
Case = tuple[str, str, dict[str, str], int]
BOTH: list[Case] = [
    ("GET", "/nonce", {}, 200),
    ("HEAD", "/static/a.txt", {}, 200),
    ("GET", "/missing", {}, 404),
    ("DELETE", "/nonce", {}, 405),
    ("GET", "/nonce", {"Host": "evil.example"}, 400),
    ("GET", "/broken", {}, 500),
    ("GET", "/nonce/", {}, 307),
    ("GET", "/sub/nonce", {}, 200),
    ("GET", "/sub/missing", {}, 404),
    ("GET", "/sub/broken", {}, 500),
    ("GET", "/static/missing", {}, 404),
    ("GET", "/router/widget", {}, 200),
]
FASTAPI: list[Case] = [
    ("GET", "/number/x", {}, 422),
    ("GET", "/router/widget/x", {}, 422),
    ("GET", "/stream", {}, 200),
    ("GET", "/broken-later", {}, 200),
    ("GET", "/file", {}, 200),
    ("GET", "/file", {"Range": "bytes=0-0"}, 206),
    ("GET", "/background", {}, 200),
    ("GET", "/docs", {}, 200),
    ("HEAD", "/redoc", {}, 200),
    ("GET", "/openapi.json", {}, 200),
    ("GET", "/healthz", {"Host": "10.0.0.7:8000"}, 200),
    ("GET", "/own", {}, 200),
]


CASES = [("fastapi", case) for case in (*BOTH, *FASTAPI)] + [("starlette", case) for case in BOTH]


@pytest.mark.parametrize(("framework", "case"), CASES, ids=str)
def test_every_answer_has_each_header_once(urls: dict[str, str], framework: str, case: Case) -> None:
    method, path, headers, status = case
    got, found, body = ask(urls[framework], path, method=method, **headers)
    assert got == status
    for name in ONCE:
        expected = 0 if (name == "x-frame-options" and path == "/router/widget") else 1
        expected = 0 if (name == "cache-control" and path.startswith("/static")) else expected
        assert len(found.get(name, [])) == expected, name
    assert b"secret" not in body


def test_the_page_and_its_policy_agree_on_the_nonce(base_url: str) -> None:
    nonces = set()
    for path in ("/nonce", "/nonce", "/sub/nonce"):
        _, found, body = ask(base_url, path)
        nonce = body.decode().strip('"')
        assert f"script-src 'nonce-{nonce}'" in found[CSP][0]
        nonces.add(nonce)
    assert len(nonces) == 3


def test_a_mark_reaches_the_answer(base_url: str) -> None:
    _, found, _ = ask(base_url, "/router/widget")
    assert found[CSP][0].endswith("; frame-ancestors https://partner.example")
    _, found, _ = ask(base_url, "/router/other")
    assert found["x-frame-options"] == ["DENY"]


def test_files_for_everybody_may_be_stored_and_are_not_changed(base_url: str) -> None:
    status, found, body = ask(base_url, "/static/a.txt")
    assert (status, body) == (200, b"a file")
    assert "cache-control" not in found
    status, found, _ = ask(base_url, "/static/a.txt", If_None_Match=found["etag"][0])
    assert status == 304
    assert CSP not in found
    assert found["x-content-type-options"] == ["nosniff"]
    _, found, _ = ask(base_url, "/static/..%2fnonce")
    assert found["cache-control"] == ["no-store"]


@pytest.fixture(scope="module", params=["h11", "httptools"])
def fastapi_url(request: pytest.FixtureRequest, static: Path) -> Iterator[str]:
    app = harden(make_fastapi(static), hosts=["127.0.0.1"], policy=NONCE_POLICY)
    with serving(app, http=request.param) as base_url:
        yield base_url


def test_an_error_in_the_midst_of_an_answer_ends_it(fastapi_url: str) -> None:
    """The client sees that it is cut off, and no second answer in its middle."""
    status, found, body = ask(fastapi_url, "/broken-later")
    assert (status, body) == (200, b"first \xff")
    assert len(found[CSP]) == 1
    assert ask(fastapi_url, "/nonce")[0] == 200


def test_a_failing_background_task_leaves_the_answer_whole(fastapi_url: str) -> None:
    status, _, body = ask(fastapi_url, "/background")
    assert (status, body) == (200, b'"answered"')


def test_what_a_route_says_itself_goes_out_as_it_is(fastapi_url: str) -> None:
    _, found, _ = ask(fastapi_url, "/own")
    assert found[CSP] == ["img-src 'self'; frame-ancestors 'self'"]
    assert found["x-frame-options"] == ["SAMEORIGIN"]
    assert found["cache-control"] == ["max-age=60"]


# (request as it is sent, status)
RAW = [
    (b"GET /nonce HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n", 200),
    (b"GET /nonce HTTP/1.0\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
    (b"GET /healthz/../nonce HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400),
    (b"GET //healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400),
    (b"GET /nonce HTTP/1.1\r\nHost: 127.0.0.1:1\r\nX-Forwarded-Host: evil.example\r\n\r\n", 200),
    (b"GET /nonce HTTP/1.1\r\nHost: user@127.0.0.1\r\n\r\n", 400),
    (b"GET /nonce HTTP/1.1\r\nHost: 127.0.0.1.\r\n\r\n", 200),
    (b"GET http://127.0.0.1/nonce HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400),
    (b"OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400),
]


@pytest.mark.parametrize(("request_bytes", "status"), RAW)
def test_odd_requests_are_judged_by_their_only_host(fastapi_url: str, request_bytes: bytes, status: int) -> None:
    with RawClient(fastapi_url) as client:
        answer = client.ask(request_bytes)
    assert answer is not None
    assert answer.status == status
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_two_hosts_are_none(fastapi_url: str) -> None:
    """h11 refuses them itself, before there is an application."""
    with RawClient(fastapi_url) as client:
        answer = client.ask(b"GET /nonce HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n")
    assert answer is not None
    assert answer.status == 400


# (what uvicorn believes, what the request says, whether HSTS goes out)
FORWARDED = [
    ("", "https", False),
    ("127.0.0.1", "https", True),
    ("127.0.0.1", "http", False),
    ("10.0.0.1", "https", False),
]


@pytest.mark.parametrize(("believed", "said", "is_told"), FORWARDED)
def test_hsts_goes_out_where_the_server_believes_its_proxy(believed: str, said: str, *, is_told: bool) -> None:
    app = harden(FastAPI(), hosts=["shop.example", "localhost"])
    with serving(app, forwarded_allow_ips=believed) as base_url:
        _, found, _ = ask(base_url, "/", Host="shop.example", X_Forwarded_Proto=said)
        assert ("strict-transport-security" in found) == is_told
        _, found, _ = ask(base_url, "/", Host="localhost", X_Forwarded_Proto=said)
        assert "strict-transport-security" not in found


def test_websockets_are_open_to_trusted_hosts_alone() -> None:
    app = FastAPI()

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")
        await socket.close()

    with serving(harden(app, hosts=["127.0.0.1"]), ws="websockets-sansio") as base_url:
        url = base_url.replace("http:", "ws:")
        with connect(f"{url}/socket") as client:
            assert client.recv() == "hello"
        parts = urlsplit(base_url)
        with (
            pytest.raises(InvalidStatus) as refused,
            connect(
                f"ws://evil.example:{parts.port}/socket",
                sock=create_connection(("127.0.0.1", parts.port)),
            ),
        ):
            pass
    assert refused.value.response.status_code == 400
    assert refused.value.response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("is_gzip_outer", [True, False])
def test_compression_and_cors_work_in_either_order(static: Path, *, is_gzip_outer: bool) -> None:
    app = harden(make_fastapi(static), hosts=["127.0.0.1"], policy=NONCE_POLICY)
    cors = {"allow_origins": ["https://other.example"], "allow_methods": ["POST"]}
    for middleware, options in sorted(
        [(GZipMiddleware, {"minimum_size": 100}), (CORSMiddleware, cors)],
        key=lambda pair: (pair[0] is GZipMiddleware) == is_gzip_outer,
    ):
        app.add_middleware(middleware, **options)  # type: ignore[arg-type]  # each with its own
    with serving(app) as base_url:
        _, found, body = ask(base_url, "/page", Accept_Encoding="gzip", Origin="https://other.example")
        assert found["content-encoding"] == ["gzip"]
        assert found["access-control-allow-origin"] == ["https://other.example"]
        assert found[CSP][0].split("'")[3].removeprefix("nonce-") in gzip.decompress(body).decode()
        status, found, _ = ask(
            base_url, "/page", method="OPTIONS", Origin="https://other.example", Access_Control_Request_Method="POST"
        )
        assert (status, len(found[CSP]), found["cache-control"]) == (200, 1, ["no-store"])
        _, found, body = ask(base_url, "/docs", Accept_Encoding="gzip")
        assert b"SwaggerUIBundle" in body
        assert "'sha256-" in found[CSP][0]


def depended() -> str:
    return "real"


def test_the_application_stays_what_it_was(static: Path) -> None:
    app = make_fastapi(static)
    began: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        began.append("begun")
        app.state.pool = "open"
        yield {"greeting": "hello"}
        began.append("ended")

    app.router.lifespan_context = lifespan
    hardened = harden(app, hosts=["localhost"])
    assert hardened is app
    assert type(hardened) is FastAPI

    # All of this after harden.
    @app.get("/late")
    def late(request: Request, answer: Annotated[str, Depends(depended)]) -> dict[str, str]:
        return {"pool": request.app.state.pool, "greeting": request.state.greeting, "answer": answer}

    @app.exception_handler(LookupError)
    def handle(_request: Request, error: LookupError) -> Response:
        return PlainTextResponse(f"handled {error}", 418)

    class Stamp(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Any) -> Response:
            response: Response = await call_next(request)
            response.headers["x-stamp"] = "1"
            return response

    app.add_middleware(Stamp)
    app.dependency_overrides[depended] = lambda: "overridden"
    with TestClient(app, base_url="http://localhost") as client:
        answer = client.get("/late")
        assert answer.json() == {"pool": "open", "greeting": "hello", "answer": "overridden"}
        assert answer.headers["x-stamp"] == "1"
        assert client.get("/broken").status_code == 418
        assert client.get("/broken").headers["x-frame-options"] == "DENY"
        widget = client.get("/router/widget")
        assert widget.headers[CSP].endswith("frame-ancestors https://partner.example")
        assert widget.headers["x-stamp"] == "1"
    assert began == ["begun", "ended"]


def test_templates_find_the_nonce(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text('<script nonce="{{ request.state.csp_nonce }}">1</script>')
    templates = Jinja2Templates(directory=tmp_path)
    app = FastAPI()

    @app.get("/")
    def page(request: Request) -> Response:
        return templates.TemplateResponse(request, "page.html")

    answer = TestClient(harden(app, hosts=["localhost"], policy=NONCE_POLICY), base_url="http://localhost").get("/")
    nonce = answer.text.split('"')[1]
    assert len(nonce) == 24
    assert f"'nonce-{nonce}'" in answer.headers[CSP]


def test_what_is_cancelled_is_answered_with_headers() -> None:
    """As uvicorn does to slow requests at shutdown, which the framework's handling of errors does not see."""
    app = Starlette()

    async def cancelled(_request: Request) -> Response:
        raise asyncio.CancelledError

    app.add_route("/", cancelled)
    harden(app, hosts=["example.com"])
    exchange = Exchange(app, make_scope())
    assert exchange.status == 500
    assert exchange.get("x-frame-options") == "DENY"
    assert isinstance(exchange.raised, asyncio.CancelledError)


def test_a_handler_of_unexpected_exceptions_is_asked_first() -> None:
    app = FastAPI()

    @app.exception_handler(Exception)
    def handle(_request: Request, _error: Exception) -> Response:
        return PlainTextResponse("ours", 500)

    @app.get("/")
    def broken() -> None:
        raise LookupError

    client = TestClient(harden(app, hosts=["localhost"]), base_url="http://localhost", raise_server_exceptions=False)
    answer = client.get("/")
    assert (answer.text, answer.headers["x-frame-options"]) == ("ours", "DENY")
    with pytest.raises(LookupError):
        TestClient(app, base_url="http://localhost").get("/")


def test_added_as_middleware_it_misses_the_answer_to_an_exception(static: Path) -> None:
    """Why there is harden. Everything else is there."""
    app = make_starlette(static)
    app.add_middleware(TrustedHosts, hosts=["localhost"])
    app.add_middleware(NoStoreMiddleware)
    app.add_middleware(SecurityHeadersMiddleware, SecurityHeaders(), coep="require-corp")
    client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
    app.add_exception_handler(Exception, lambda _request, _error: PlainTextResponse("ours", 500))
    for path, status, has_headers in (("/nonce", 200, True), ("/missing", 404, True), ("/broken", 500, False)):
        answer = client.get(path)
        assert answer.status_code == status
        assert ("cross-origin-embedder-policy" in answer.headers) == has_headers
    assert answer.text == "ours"
    assert client.get("/nonce", headers={"Host": "evil.example"}).headers["x-frame-options"] == "DENY"
    declared = Starlette(middleware=[Middleware(SecurityHeadersMiddleware, policy="img-src *")])
    assert TestClient(declared).get("/").headers[CSP] == "img-src *; frame-ancestors 'none'"


def test_a_hardened_application_inside_another_speaks_for_itself() -> None:
    inner = harden(
        FastAPI(), hosts=["*"], policy=NONCE_POLICY, frame="same-origin", routes={"/w": {"corp": "same-site"}}
    )
    outer = FastAPI()
    outer.mount("/inner", inner)
    harden(outer, hosts=["localhost"])
    client = TestClient(outer, base_url="http://localhost")
    answer = client.get("/inner/w/x")
    assert answer.headers[CSP].endswith("; frame-ancestors 'self'")
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["cross-origin-resource-policy"] == "same-site"
    assert client.get("/other").headers[CSP] == f"{STRICT_POLICY}; frame-ancestors 'none'"
    assert "sha256" in client.get("/inner/docs").headers[CSP]


def test_prefixes_are_below_root_path() -> None:
    app = FastAPI()
    harden(
        app, hosts=["localhost"], exempt=["/up"], cacheable=["/public"], routes={"/public": {"corp": "cross-origin"}}
    )
    client = TestClient(app, base_url="http://localhost", root_path="/shop")
    for path in ("/public/x", "/shop/public/x"):
        answer = client.get(path)
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert "cache-control" not in answer.headers
    assert client.get("/shop/up", headers={"Host": "10.0.0.1"}).status_code == 404
    docs = client.get("/shop/docs")
    assert "/shop/openapi.json" in docs.text
    assert "'sha256-" in docs.headers[CSP]


def test_mistakes_show_at_once() -> None:
    with pytest.raises(ValueError, match="no hosts"):
        harden(FastAPI(), hosts=[])
    with pytest.raises(ValueError, match="frame='deny'"):
        harden(FastAPI(), hosts=["a.example"], policy="frame-ancestors 'self'", frame="deny")
    app = FastAPI()
    router = APIRouter()

    @router.get("/x")
    @with_headers(frame="same-origin")
    def contradicting() -> None: ...

    app.include_router(router)
    with pytest.raises(ValueError, match=r"contradicting: .* itself says frame-ancestors 'none'"):
        harden(app, hosts=["a.example"], policy="frame-ancestors 'none'")
    with pytest.raises(ValueError, match="contradicting, were it under /a: frame='same-origin'"):
        harden(app, hosts=["a.example"], routes={"/a": {"policy": "frame-ancestors 'none'"}})
    with pytest.raises(TypeError, match="not the text '/docs'"):
        harden(FastAPI(), hosts=["a.example"], docs="/docs")


def test_a_mistake_made_later_shows_when_the_application_starts() -> None:
    app = harden(Starlette(), hosts=["*"], policy="frame-ancestors 'none'")
    app.add_route("/x", with_headers(frame="same-origin")(lambda _request: PlainTextResponse("x")))
    with pytest.raises(ValueError, match="itself says"), TestClient(app):
        pass


def test_what_serves_already_and_what_is_no_such_application_is_refused() -> None:
    app = FastAPI()
    TestClient(app).get("/")
    with pytest.raises(RuntimeError, match="before the first request"):
        harden(app, hosts=["*"])
    with pytest.raises(RuntimeError, match="hardened already"):
        harden(harden(FastAPI(), hosts=["*"]), hosts=["*"], frame="same-origin")

    async def other(_scope: Any, _receive: Any, _send: Any) -> None: ...

    with pytest.raises(TypeError, match="function is no Starlette or FastAPI application"):
        harden(other, hosts=["*"])  # type: ignore[type-var]  # as its type says
