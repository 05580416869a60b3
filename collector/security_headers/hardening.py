"""One call that puts the middleware around an application, in the right order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar, Unpack

from .asgi import ASGIApp, Receive, Scope, Send
from .caching import NoStoreMiddleware
from .docs_pages import DocsPages
from .hosts import HEALTH_PATHS, TrustedHosts
from .middleware import SecurityHeadersMiddleware
from .settings import HeaderChanges, SecurityHeaders


class Application(Protocol):
    """What Starlette and FastAPI applications have in common here."""

    middleware_stack: Any

    def build_middleware_stack(self) -> Any: ...

    @property
    def routes(self) -> Sequence[Any]: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


ApplicationT = TypeVar("ApplicationT", bound=Application)


def harden(
    app: ApplicationT,
    headers: SecurityHeaders | None = None,
    *,
    hosts: Sequence[str],
    exempt: Sequence[str] = HEALTH_PATHS,
    cacheable: Sequence[str] = (),
    routes: Mapping[str, HeaderChanges] | None = None,
    docs: Sequence[str] | None = None,
    **changes: Unpack[HeaderChanges],
) -> ApplicationT:
    """Put security headers, `no-store` and trusted hosts around a Starlette or FastAPI application, and give it back.

        app = FastAPI()
        harden(app, hosts=hosts_from_environment("ALLOWED_HOSTS"), policy="default-src 'none'; img-src 'self'")

    From the outside in stand SecurityHeadersMiddleware (with `headers`, `routes` and fields of SecurityHeaders by
    name), NoStoreMiddleware (for all but what is under `cacheable`, and what says itself how it may be cached),
    TrustedHosts (for `hosts`, but at the paths under `exempt`), and then all that the application has: its handling
    of errors, its own middleware, its routes. So every answer has the headers: the 400 for a foreign host, a 404, and
    the 500 that the framework makes of an exception.

    The application stays what it was, and is changed in place: routes, middleware and exception handlers may be added
    afterwards, `app.state` and `app.dependency_overrides` are there, `fastapi run`, `uvicorn main:app` and TestClient
    find what they look for. That is why `build_middleware_stack` is wrapped, which Starlette calls once, before the
    first event: a wrapper in place of the application would be no FastAPI any more, and `add_middleware` would stand
    inside ServerErrorMiddleware, which answers for unexpected exceptions. What wraps `build_middleware_stack` in the
    same way, as OpenTelemetry does, comes before `harden`, since it looks for that very class.

    FastAPI's own documentation pages, also those of mounted applications, have a policy that allows what they load.
    Where you serve such pages yourself (`get_swagger_ui_html`), `docs` names the paths of all that there are; with
    `docs=[]` they are pages as all others, and stay blank.
    Whatever inline script such a page holds is run, so none of them may show what a visitor wrote.

    In tests, `TestClient(app, base_url="http://localhost")` asks for a host that is trusted; "testserver" is not.

    Raises ValueError for settings that contradict each other, TypeError for an application of another framework
    (wrap that by the three classes, as above), and RuntimeError for one that serves or was hardened already.
    """
    if not callable(getattr(app, "build_middleware_stack", None)):
        raise TypeError(
            f"{type(app).__name__} is no Starlette or FastAPI application; "
            "wrap it: SecurityHeadersMiddleware(NoStoreMiddleware(TrustedHosts(app, hosts=[…])))"
        )
    if app.middleware_stack is not None:
        raise RuntimeError("the application serves already; harden it before the first request")
    if isinstance(docs, str):
        raise TypeError(f"docs is a list of paths, not the text {docs!r}")
    build = app.build_middleware_stack
    if isinstance(build, partial) and build.func is _built_within:
        raise RuntimeError("the application is hardened already; give all settings in one call")

    def around(inner: ASGIApp) -> SecurityHeadersMiddleware:
        applications = list(_applications(app))
        own_docs = [f"{below}{path}" for below, each in applications for path in _own_docs(each)]
        inner = DocsPages(
            inner,
            pages=own_docs if docs is None else docs,
            redirect_pages=[
                f"{below}{url}"
                for below, each in applications
                if (url := getattr(each, "swagger_ui_oauth2_redirect_url", None))
            ],
            servers=[server.get("url", "") for _, each in applications for server in getattr(each, "servers", ())],
            is_documentation=_is_fastapis if docs is None else lambda _: True,
        )
        guarded = NoStoreMiddleware(TrustedHosts(inner, hosts=hosts, exempt=exempt), exempt=cacheable)
        secured = SecurityHeadersMiddleware(guarded, headers, routes=routes, **changes)
        secured.is_outermost = True
        for endpoint in _endpoints(app.routes):
            secured.check_route(endpoint)
        return secured

    around(app)  # mistakes show now, and not at the first request
    app.build_middleware_stack = partial(_built_within, around, build)  # type: ignore[method-assign]  # on this object alone
    return app


def _built_within(around: Callable[[ASGIApp], ASGIApp], build: Callable[[], ASGIApp]) -> ASGIApp:
    return around(build())


def _applications(app: Any, below: str = "") -> Iterator[tuple[str, Any]]:
    """The application and those mounted in it, each with the path that stands before its own."""
    yield below, app
    for route in app.routes:
        path, mounted = getattr(route, "path", None), getattr(route, "app", None)
        if path is not None and hasattr(mounted, "routes"):
            yield from _applications(mounted, f"{below}{path}")


def _own_docs(app: Any) -> list[str]:
    """The paths at which FastAPI itself serves its pages: elsewhere `/docs` is a page as any other."""
    attributes = ("docs_url", "redoc_url", "swagger_ui_oauth2_redirect_url")
    urls = [getattr(app, attribute, None) for attribute in attributes]
    return [
        route.path
        for route in app.routes
        if getattr(route, "path", None) in urls and _is_fastapis(getattr(route, "endpoint", None))
    ]


def _is_fastapis(endpoint: object) -> bool:
    return getattr(endpoint, "__module__", None) == "fastapi.applications"


def _endpoints(routes: Iterable[Any]) -> Iterable[object]:
    """Those of mounted applications and, in FastAPI, of included routers too."""
    for route in routes:
        yield getattr(route, "endpoint", None)
        yield from _endpoints(getattr(getattr(route, "original_router", route), "routes", None) or ())
