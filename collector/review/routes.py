"""Review routes: errors of the review side, as pages for browsers and never stored."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from collector.review.access import NO_STORE
from collector.review.templating import page
from policybuilder.errors import CspbuildError, ExitCode

_FACES = {
    ExitCode.ENVIRONMENT: HTTPStatus.SERVICE_UNAVAILABLE,
    ExitCode.USAGE: HTTPStatus.CONFLICT,
}


class ReviewRoute(APIRoute):
    """A route whose refusals suit whoever asked: a page, or the JSON that FastAPI answers with."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except HTTPException as error:
                return _refusal(request, error.status_code, str(error.detail), dict(error.headers or {}))
            except CspbuildError as error:
                status = _FACES.get(error.exit_code, HTTPStatus.INTERNAL_SERVER_ERROR)
                return _refusal(request, status, str(error), {})

        return handle


def _refusal(request: Request, status: int, sentence: str, headers: dict[str, str]) -> Response:
    headers |= NO_STORE
    if "Location" in headers:
        return Response(status_code=status, headers=headers)
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"error": sentence}, status, headers)
    context = {"status": int(status), "title": HTTPStatus(status).phrase, "sentence": sentence}
    return page(request, "refusal.html", context, status=status, headers=headers)
