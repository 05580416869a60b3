"""The interface's account of itself: its OpenAPI document, a page made of that, and who asks."""

# Without the future import of annotations: FastAPI could not find `app`, a parameter, by its name.
import threading
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response

from collector.review.access import Login, local_path
from collector.review.api.answering import json_answer, with_schema
from collector.review.api.describing import describe
from collector.review.api.reading import sections, shapes
from collector.review.api.responses import errors
from collector.review.api.shapes.common import Session
from collector.review.templating import page
from policybuilder.times import isoformat


def create_reference_router(app: FastAPI) -> APIRouter:
    """`/api`, `/api/openapi.json` and `/api/session`; `app` is what the document describes."""
    router = APIRouter(prefix="/api", tags=["Interface"])
    made = _Once(app)

    @router.get("", include_in_schema=False)
    def read_reference(request: Request) -> Response:
        """The document for people; Swagger UI and ReDoc would need a looser policy than ours, for inline styles."""
        document = made.document()
        context = {
            "description": document["info"]["description"].strip().split("\n\n"),
            "sections": sections(document),
            "shapes": shapes(document),
            "base": f"{request.url.scheme}://{request.headers.get('host', '')}{local_path(request, '')}",
        }
        return page(request, "api.html", context)

    @router.get("/openapi.json", response_model=dict[str, Any], responses=errors())
    def read_document(request: Request) -> Response:
        """This document, as OpenAPI 3.1."""
        servers = [{"url": local_path(request, "") or "/", "description": "This collector."}]
        return json_answer({**made.document(), "servers": servers})

    @router.get("/session", response_model=Session, responses=errors())
    def read_session(request: Request) -> Response:
        """Who asks, and what a script in a page of ours needs to write."""
        login: Login = request.state.login
        session = login.session
        document = {
            "login": "token" if session is None else "session",
            "csrf_token": None if session is None else session.csrf_token,
            "expires_at": None if session is None else isoformat(datetime.fromtimestamp(session.expires_at, UTC)),
        }
        return json_answer(with_schema("session", document))

    return router


class _Once:
    """The document, made when it is first asked for, and kept."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._document: dict[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        with self._lock:
            if self._document is None:
                self._document = describe(self._app)
            return self._document
