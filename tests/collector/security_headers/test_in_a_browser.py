"""What a real Chromium makes of the headers: FastAPI's own pages, frames, popups and nonces."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI, Request, Security
from fastapi.responses import HTMLResponse
from fastapi.security import OAuth2AuthorizationCodeBearer
from playwright.sync_api import Browser, Page
from playwright.sync_api import Route as Interception

from collector.security_headers import DENY_ALL_FEATURES, SecurityHeaders, harden, with_headers
from tests.support.browser import LISTEN, run_chromium
from tests.support.serving import serving

pytestmark = pytest.mark.browser

ASSETS = importlib.resources.files("drf_spectacular_sidecar") / "static" / "drf_spectacular_sidecar"
# What FastAPI's pages ask of others, by the end of the URL: a file of the sidecar, or a stand-in.
OUTSIDE: dict[str, tuple[str, str | None]] = {
    "swagger-ui-bundle.js": ("text/javascript", "swagger-ui-dist/swagger-ui-bundle.js"),
    "swagger-ui.css": ("text/css", "swagger-ui-dist/swagger-ui.css"),
    "redoc.standalone.js": ("text/javascript", "redoc/bundles/redoc.standalone.js"),
    "Roboto:300,400,700": ("text/css", None),
    "favicon.png": ("image/png", None),
    "logo-mini.svg": ("image/svg+xml", None),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with run_chromium() as browser:
        yield browser


@contextmanager
def open_page(browser: Browser) -> Iterator[tuple[Page, list[str], list[str]]]:
    """A page, what it and its console complained of, and the URLs it asked of others."""
    with browser.new_context() as context:
        complaints: list[str] = []
        outside: list[str] = []

        def answer(route: Interception) -> None:
            url = route.request.url
            outside.append(url)
            kind, file = next(found for ending, found in OUTSIDE.items() if url.endswith(ending))
            # COEP asks for the agreement that these hosts give in truth.
            headers = {"Content-Type": kind, "Cross-Origin-Resource-Policy": "cross-origin"}
            route.fulfill(body=(ASSETS / file).read_bytes() if file else b"", headers=headers)

        context.route(lambda url: "//127.0.0.1:" not in url and "//localhost:" not in url, answer)
        context.expose_binding("sawViolation", lambda _, seen: complaints.append(str(seen)))
        context.add_init_script(LISTEN)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page, complaints, outside


def make_api() -> FastAPI:
    api = FastAPI(title="The </script><script>document.title='owned'</script> shop")

    @api.get("/items/{number}")
    def item(number: int) -> dict[str, int]:
        return {"number": number}

    return api


@pytest.mark.parametrize("headers", [SecurityHeaders(), SecurityHeaders(coep="require-corp")])
def test_the_documentation_pages_work_under_policies_of_their_own(browser: Browser, headers: SecurityHeaders) -> None:
    app = harden(make_api(), headers, hosts=["127.0.0.1"])
    with serving(app) as base_url, open_page(browser) as (page, complaints, outside):
        page.goto(f"{base_url}/docs")
        page.locator(".opblock-summary").click()
        page.get_by_role("button", name="Try it out").click()
        page.get_by_placeholder("number").fill("5")
        page.get_by_role("button", name="Execute").click()
        page.locator(".live-responses-table .response-col_status", has_text="200").wait_for()
        assert '"number": 5' in page.locator(".live-responses-table").inner_text()
        assert complaints == []

        page.goto(f"{base_url}/redoc")
        page.get_by_text("Response samples").wait_for()
        page.get_by_placeholder("Search...").press_sequentially("item")
        page.locator('[data-role="search:results"] li').first.wait_for()
        assert complaints == []
    assert {url.rpartition("/")[2].partition("?")[0] for url in outside} == {
        *("swagger-ui-bundle.js", "swagger-ui.css", "redoc.standalone.js", "css", "favicon.png", "logo-mini.svg")
    }


def test_chromium_knows_every_feature_that_is_denied(browser: Browser) -> None:
    app = harden(make_api(), hosts=["127.0.0.1"], permissions_policy=DENY_ALL_FEATURES)
    with serving(app) as base_url, browser.new_context() as context:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{base_url}/openapi.json")
        denied = [each.partition("=")[0] for each in DENY_ALL_FEATURES.split(", ")]
        known = page.evaluate("document.featurePolicy.features()")
        allowed = page.evaluate("document.featurePolicy.allowedFeatures()")
    assert set(denied) <= set(known)
    assert set(denied).isdisjoint(allowed)
    assert [each for each in said if "Permissions-Policy" in each] == []


def test_a_script_that_the_documentation_page_did_not_come_with_is_not_run(browser: Browser) -> None:
    with serving(harden(make_api(), hosts=["127.0.0.1"])) as base_url, open_page(browser) as (page, complaints, _):
        page.goto(f"{base_url}/docs")
        page.locator(".opblock-summary").wait_for()
        page.evaluate("document.body.appendChild(document.createElement('script')).textContent = 'window.ran = 1'")
        page.evaluate(
            "document.body.appendChild(document.createElement('script')).src = 'https://cdn.jsdelivr.net/npm/evil/logo-mini.svg'"
        )
        page.wait_for_function("performance.now() > 0")
        assert page.evaluate("window.ran") is None
        seen = [each for each in complaints if "'directive': 'script-src-elem'" in each]
        assert [each.partition("'blocked': '")[2].partition("'")[0] for each in seen] == [
            "inline",
            "https://cdn.jsdelivr.net/npm/evil/logo-mini.svg",
        ]


def test_a_sign_in_by_another_site_comes_back_to_the_documentation_page(browser: Browser) -> None:
    """The popup goes to the other site and back, and speaks to the page that opened it."""
    other = FastAPI()

    @other.get("/authorize")
    def authorize(redirect_uri: str, state: str) -> HTMLResponse:
        return HTMLResponse(f'<a href="{redirect_uri}?code=c0de&state={state}">yes, it is me</a>')

    asked: list[str] = []
    with serving(other) as other_url:
        api = FastAPI()
        scheme = OAuth2AuthorizationCodeBearer(
            authorizationUrl=f"{other_url.replace('127.0.0.1', 'localhost')}/authorize", tokenUrl="/token"
        )

        @api.get("/mine")
        def mine(token: str = Security(scheme)) -> str:
            return token

        @api.post("/token")
        async def token(request: Request) -> dict[str, str]:
            asked.append((await request.body()).decode())
            return {"access_token": "t0ken", "token_type": "bearer"}

        with serving(harden(api, hosts=["127.0.0.1"])) as base_url, open_page(browser) as (page, complaints, _):
            page.goto(f"{base_url}/docs")
            page.locator("button.authorize").first.click()
            page.locator("input#client_id_authorizationCode, input[data-name=clientId]").first.fill("me")
            with page.expect_popup() as popup:
                page.locator(".auth-btn-wrapper button.authorize").click()
            with page.expect_response("**/token"):
                popup.value.get_by_text("yes, it is me").click()
            page.get_by_role("button", name="Remove authorization").wait_for()
            assert complaints == []
    assert "code=c0de" in asked[0]


def test_frames_are_allowed_where_they_are_meant_to_be(browser: Browser) -> None:
    app = FastAPI()
    own: dict[str, str] = {}

    @app.get("/inner/{name}")
    @app.get("/widget/{name}")
    def inner(name: str) -> HTMLResponse:
        return HTMLResponse(f"<p>{name}</p>")

    @app.get("/marked")
    @with_headers(frame="same-origin")
    def marked() -> HTMLResponse:
        return HTMLResponse("<p>marked</p>")

    @app.get("/framing")
    def framing() -> HTMLResponse:
        frames = [
            *(f"{own['url']}/inner/refused", f"{own['url']}/widget/shown", f"{own['url']}/marked"),
            f"{own['url']}/widget/..%2Finner/refused",
        ]
        return HTMLResponse("".join(f'<iframe src="{frame}"></iframe>' for frame in frames))

    def shown(page: Page) -> list[str]:
        return sorted(frame.locator("p").inner_text() for frame in page.frames[1:] if frame.url.startswith("http"))

    # Under another name the same server is another origin.
    harden(
        app,
        hosts=["127.0.0.1", "localhost"],
        policy="default-src 'none'; frame-src http://127.0.0.1:*",
        routes={"/widget": {"frame": ["http://localhost:*"]}},
    )
    with serving(app) as base_url, open_page(browser) as (page, _, _):
        own["url"] = base_url
        page.goto(f"{base_url}/framing")
        assert shown(page) == ["marked"]
        page.goto(f"{base_url.replace('127.0.0.1', 'localhost')}/framing")
        assert shown(page) == ["shown"]


def test_scripts_with_the_nonce_run_and_a_page_from_the_cache_still_works(browser: Browser) -> None:
    """With a route's own Cache-Control and ETag: the 304 brings no policy for the stored page's old nonce."""
    app = FastAPI()
    asked: list[int] = []

    @app.get("/page")
    def page_of_scripts(request: Request) -> HTMLResponse:
        headers = {"Cache-Control": "no-cache", "ETag": '"1"'}
        status = 304 if request.headers.get("if-none-match") == '"1"' else 200
        asked.append(status)
        script = f'<script nonce="{request.state.csp_nonce}">document.title += "ran"</script>'
        injected = "<script>document.title = 'owned'</script>"
        return HTMLResponse(f"<title></title>{script}{injected}" if status == 200 else "", status, headers)

    harden(app, hosts=["127.0.0.1"], policy="default-src 'none'; script-src 'nonce-{nonce}'")
    # Without interception, which would switch the cache off.
    with serving(app) as base_url, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{base_url}/page")
        assert page.title() == "ran"
        page.goto(f"{base_url}/missing")
        page.goto(f"{base_url}/page")
        assert page.title() == "ran"
    assert asked == [200, 304]
