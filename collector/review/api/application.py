"""The interface as an application of its own, so that whatever goes wrong in it is answered in its own way."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from collector.review.api.decisions import create_decisions_router
from collector.review.api.deployments import create_deployments_router
from collector.review.api.errors import (
    WrongRequestError,
    on_http_error,
    on_operators_error,
    on_our_bug,
    on_wrong_form,
    on_wrong_request,
)
from collector.review.api.evidence import create_evidence_router
from collector.review.api.reference import create_reference_router
from collector.review.api.sites import create_sites_router
from collector.review.service import ReviewService
from policybuilder.errors import CspbuildError


def create_application(service: ReviewService) -> FastAPI:
    """`/api` and all below it, for whoever has passed the gate."""
    handlers: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
        HTTPException: on_http_error,
        RequestValidationError: on_wrong_form,
        WrongRequestError: on_wrong_request,
        CspbuildError: on_operators_error,
        Exception: on_our_bug,
    }
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=handlers,
        generate_unique_id_function=lambda route: route.name,
    )

    async def on_wrong_method(request: Request, error: HTTPException) -> Response:
        error.headers = {"Allow": ", ".join(_methods_of(app, request))}
        return await on_http_error(request, error)

    app.add_exception_handler(405, on_wrong_method)  # type: ignore[arg-type]  # it is only given such errors
    app.include_router(create_sites_router(service))
    app.include_router(create_evidence_router(service))
    app.include_router(create_decisions_router(service))
    app.include_router(create_deployments_router(service))
    app.include_router(create_reference_router(app))
    return app


def _methods_of(app: FastAPI, request: Request) -> list[str]:
    """All that a path takes: the framework would name those of the first route alone."""
    methods: set[str] = set()
    for route in app.routes:
        for method in ("GET", "POST"):
            if route.matches({**request.scope, "method": method})[0] is Match.FULL:
                methods |= {method, "HEAD"} if method == "GET" else {method}
    return sorted(methods)
