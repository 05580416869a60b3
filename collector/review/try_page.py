"""The try-out page: a visit that makes the newcomer's own browser send real reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from collector.review.access import NO_STORE, is_loopback_host, local_path
from collector.review.assets import ASSETS
from collector.review.local_client import is_own_client
from collector.review.routes import ReviewRoute
from collector.review.templating import render
from collector.security_headers import canonical_host

ENFORCED = "Content-Security-Policy"

_STATIC = Path(__file__).parent / "static"
_RESOURCES = {
    "app.js": ("text/javascript; charset=utf-8", (_STATIC / "try.js").read_bytes()),
    "style.css": (ASSETS["review.css"].media_type, ASSETS["review.css"].content),
    "partner.js": ("text/javascript; charset=utf-8", b"// A script of another origin, with nothing to do.\n"),
    "partner.css": ("text/css; charset=utf-8", b"/* A stylesheet of another origin, with nothing to say. */\n"),
    "picture.svg": (ASSETS["icon.svg"].media_type, ASSETS["icon.svg"].content),
    "data.json": ("application/json", b'{"hello": "there"}\n'),
}


def create_try_router(
    make_headers: Callable[[str], Sequence[tuple[str, str]]], *, next_commands: Sequence[str]
) -> APIRouter:
    """`/try` and what it loads, for loopback hosts alone: anybody else gets 404.

    `make_headers` gives the observe headers of a page at a base URL such as `http://127.0.0.1:8000`;
    `next_commands` are shown as what to type afterwards.
    """
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)

    @router.api_route("/try", methods=["GET", "HEAD"])
    def try_page(request: Request) -> Response:
        own, other = _origins(request)
        if not _is_opened_by_a_person(request):
            raise HTTPException(404, "There is no such page.")
        root = local_path(request, "")
        context = {"own": own, "other": f"{other}{root}", "next_commands": next_commands}
        response = HTMLResponse(render(request, "try.html", context), headers=NO_STORE)
        for name, value in make_headers(f"{own}{root}"):
            response.headers.append(name, value)  # over https, two report-only policies stand side by side
        # Enforced beside the observe headers, and without reporting: it allows all that the page does, so it changes
        # no report, and keeps the page from ever reaching a third host.
        response.headers.setdefault(ENFORCED, _fence(other))
        return response

    @router.api_route("/try/{name}", methods=["GET", "HEAD"])
    def resource(request: Request, name: str) -> Response:
        _origins(request)
        if name not in _RESOURCES:
            raise HTTPException(404, "There is no such file.")
        media_type, content = _RESOURCES[name]
        # The page asks for each of them a second time, across origins: it is the loads that matter, on every visit.
        headers = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin", **NO_STORE}
        return Response(content, media_type=media_type, headers=headers)

    return router


# What proxies add to a request on its way. nginx adds none of them unless told to, and puts a loopback name in Host;
# before 1.29.7 it speaks HTTP/1.0 to what is behind it, as no browser does.
_PROXY_HEADERS = ("forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")


def _is_the_operators(request: Request) -> bool:
    """Whether the operator's own browser asks: the page's header holds the rehearsal key, for their eyes alone."""
    came_by_proxy = request.scope.get("http_version") == "1.0" or any(
        name in request.headers for name in _PROXY_HEADERS
    )
    return not came_by_proxy and is_own_client(request.client.host, request.client.port) if request.client else False


def _is_opened_by_a_person(request: Request) -> bool:
    """Whether the page is typed or followed, not put into another site's frame, where it would report on itself.

    https://w3c.github.io/webappsec-fetch-metadata/
    """
    is_foreign = request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin", "same-site"}
    return request.headers.get("sec-fetch-dest", "document") == "document" and not is_foreign


def _origins(request: Request) -> tuple[str, str]:
    """The origin visited, and another one that is this very server.

    Raises 404 for a host that is not loopback, and for a visit by way of a proxy on this machine.
    """
    header = request.headers.get("host", "")
    name = canonical_host(header)
    if name is None or not is_loopback_host(header) or not _is_the_operators(request):
        raise HTTPException(404, "There is no such page.")
    other = "127.0.0.1" if name == "localhost" else "localhost"
    port = f":{request.url.port}" if request.url.port else ""
    bracketed = f"[{name}]" if ":" in name else name
    scheme = request.url.scheme
    return f"{scheme}://{bracketed}{port}", f"{scheme}://{other}{port}"


def _fence(other: str) -> str:
    return (
        f"default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval' {other}; "
        f"style-src 'self' 'unsafe-inline' {other}; img-src 'self' data: {other}; connect-src 'self' {other}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
