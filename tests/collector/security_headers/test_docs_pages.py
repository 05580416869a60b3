from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse, PlainTextResponse
from starlette.testclient import TestClient

from collector.security_headers import STRICT_POLICY, harden, with_headers
from collector.security_headers.docs_pages import page_headers

CSP = "content-security-policy"
STRICT = f"{STRICT_POLICY}; frame-ancestors 'none'"


def directives(policy: str | None) -> dict[str, list[str]]:
    return {name: values for name, *values in (each.split() for each in (policy or "").split("; "))}


def policy_at(app: FastAPI, path: str = "/docs", **settings: Any) -> str:
    client = TestClient(harden(app, hosts=["localhost"], **settings), base_url="http://localhost")
    return client.get(path).headers[CSP]


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_swagger_ui_has_what_its_page_loads() -> None:
    found = directives(policy_at(FastAPI()))
    scripts = found.pop("script-src")
    assert [each.startswith("'sha256-") for each in scripts] == [False, True]
    assert scripts[0].startswith("https://cdn.jsdelivr.net/npm/swagger-ui-dist@5")
    assert scripts[0].endswith("/swagger-ui-bundle.js")
    assert found.pop("style-src") == [scripts[0].replace("-bundle.js", ".css")]
    assert found.pop("img-src")[:2] == ["'self'", "data:"]
    assert found == {
        "default-src": ["'none'"],
        "connect-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }


def test_files_of_ones_own_need_nothing_from_elsewhere() -> None:
    app = FastAPI(docs_url=None, redoc_url=None)

    @app.get("/docs")
    def docs() -> HTMLResponse:
        urls: Any = {"swagger_js_url": "/static/ui.js", "swagger_css_url": "/static/ui.css"}
        return get_swagger_ui_html(openapi_url="/openapi.json", title="", swagger_favicon_url="/favicon.png", **urls)

    @app.get("/redoc")
    def redoc() -> HTMLResponse:
        page = get_redoc_html(openapi_url="/o", title="", redoc_js_url="/static/redoc.js", with_google_fonts=False)
        return HTMLResponse(page.body)

    client = TestClient(harden(app, hosts=["localhost"], docs=["/docs", "/redoc"]), base_url="http://localhost")
    found = directives(client.get("/docs").headers[CSP])
    assert found["script-src"][0] == "'self'"
    assert found["style-src"] == ["'self'"]
    assert "//" not in client.get("/docs").headers[CSP]
    found = directives(client.get("/redoc").headers[CSP])
    assert found["script-src"] == ["'self'"]
    assert "font-src" not in found


def test_servers_to_try_out_may_be_asked() -> None:
    servers = [{"url": "https://api.example/v1"}, {"url": "https://{region}.example"}, {"url": "/v1"}, {}]
    found = directives(policy_at(FastAPI(servers=servers)))
    assert found["connect-src"] == ["'self'", "https://api.example"]


@pytest.mark.parametrize("settings", [{"frame": "same-origin"}, {"routes": {"/docs": {"frame": "same-origin"}}}])
def test_who_may_frame_the_documentation_is_said_as_for_any_page(settings: dict[str, Any]) -> None:
    assert directives(policy_at(FastAPI(), **settings))["frame-ancestors"] == ["'self'"]


def test_a_policy_that_is_being_tried_out_does_not_report_the_documentation() -> None:
    app = harden(FastAPI(), hosts=["localhost"], report_only="script-src 'none'")
    client = TestClient(app, base_url="http://localhost")
    for path, is_sent in (("/docs", False), ("/docs/oauth2-redirect", False), ("/other", True)):
        assert ("content-security-policy-report-only" in client.get(path).headers) == is_sent


def test_moved_pages_are_found() -> None:
    app = FastAPI(docs_url="/api/documentation", redoc_url=None, swagger_ui_oauth2_redirect_url="/signed-in")
    client = TestClient(harden(app, hosts=["localhost"]), base_url="http://localhost")
    assert "'sha256-" in client.get("/api/documentation").headers[CSP]
    assert client.get("/signed-in").headers["cross-origin-opener-policy"] == "unsafe-none"
    assert client.get("/docs").headers[CSP] == STRICT


def test_mounted_applications_have_documentation_too() -> None:
    app, mounted, deeper = FastAPI(), FastAPI(servers=[{"url": "https://api.example"}]), FastAPI(docs_url="/help")
    mounted.mount("/deeper", deeper)
    app.mount("/sub", mounted)
    client = TestClient(harden(app, hosts=["localhost"]), base_url="http://localhost")
    for path in ("/docs", "/sub/docs", "/sub/redoc", "/sub/deeper/help"):
        found = directives(client.get(path).headers[CSP])
        assert found["script-src"][0].startswith("https://cdn.jsdelivr.net/npm/")
        assert found["connect-src"] == ["'self'", "https://api.example"]
    assert client.get("/sub/docs/oauth2-redirect").headers["cross-origin-opener-policy"] == "unsafe-none"
    assert client.get("/sub/help").headers[CSP] == STRICT


def test_a_documentation_page_may_be_marked() -> None:
    app = FastAPI(docs_url=None)

    @app.get("/docs")
    @with_headers(frame="same-origin", corp="cross-origin")
    def docs() -> HTMLResponse:
        return get_swagger_ui_html(openapi_url="/openapi.json", title="")

    client = TestClient(harden(app, hosts=["localhost"], docs=["/docs"]), base_url="http://localhost")
    answer = client.get("/docs")
    assert "'sha256-" in answer.headers[CSP]
    assert answer.headers[CSP].endswith("; frame-ancestors 'self'")
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


def test_a_page_of_somebody_elses_at_the_same_path_is_a_page_as_any_other() -> None:
    """It may show what a visitor wrote, whose scripts must not be let through."""

    def page(text: str = "") -> HTMLResponse:
        return HTMLResponse(f"<script>{text}</script>", 404 if text == "missing" else 200)

    without_schema = FastAPI(openapi_url=None)
    without_schema.get("/docs")(page)
    assert policy_at(without_schema, "/docs?text=alert(1)") == STRICT
    in_front = FastAPI(docs_url=None)
    in_front.get("/{path:path}")(page)
    in_front.mount("/sub", FastAPI())
    assert policy_at(in_front, "/sub/docs?text=alert(1)") == STRICT
    switched_off = FastAPI()
    assert policy_at(switched_off, docs=[]) == STRICT
    named = FastAPI(docs_url=None)
    named.get("/docs")(page)
    assert policy_at(named, "/docs?text=missing", docs=["/docs"]) == STRICT


def test_what_is_no_page_is_left_alone() -> None:
    app = FastAPI(docs_url=None)
    app.get("/docs")(lambda: PlainTextResponse("<script>1</script>"))
    assert policy_at(app, docs=["/docs"]) == STRICT
    own = FastAPI(docs_url=None)
    own.get("/docs")(lambda: HTMLResponse("<script>1</script>", headers={"Content-Security-Policy": "img-src *"}))
    assert policy_at(own, docs=["/docs"]) == "img-src *"


def test_a_page_that_fails_is_an_error_with_headers() -> None:
    app = FastAPI(docs_url=None)

    @app.get("/docs")
    def docs() -> None:
        raise LookupError

    client = TestClient(
        harden(app, hosts=["localhost"], docs=["/docs"]), base_url="http://localhost", raise_server_exceptions=False
    )
    assert client.get("/docs").status_code == 500
    assert client.get("/docs").headers[CSP] == STRICT


# (page, its script-src)
PAGES = [
    ("", None),
    ("<script src=/a.js>never run</script>", ["'self'"]),
    ("<script>\r\na\rb</script>", [digest("\na\nb")]),
    ("<SCRIPT>a &amp; <b></SCRIPT>", [digest("a &amp; <b>")]),
    ("<script> </script>", None),
    ("<script>é\u2028</script><script>é\u2028</script>", [digest("é\u2028")]),
    ("<script src='https://a.example/x.js?v=1#f'></script>", ["https://a.example/x.js"]),
    ("<script src='//a.example/x.js'></script>", ["a.example/x.js"]),
    ("<script src='https://a.example/x;script-src *'></script>", None),
    ("<script src='https://a.example/x,y'></script>", None),
    ("<script src=\"https://a.example/' 'unsafe-inline'\"></script>", None),
    ("<script src='data:text/javascript,1'></script>", None),
    ("<script src='https://[broken'></script>", None),
    ("<script src=''></script>", None),
    ("<title><script>a</title>", None),
    ("<!-- <script>a</script> -->", None),
]


@pytest.mark.parametrize(("page", "scripts"), PAGES)
def test_scripts_are_read_as_a_browser_does(page: str, scripts: list[str] | None) -> None:
    policy = page_headers(page, is_redirect_page=False)["policy"]
    assert directives(policy).get("script-src") == scripts
