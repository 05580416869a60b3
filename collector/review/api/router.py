"""The interface under `/api`, as a part of the review side that is loaded when somebody asks for it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.routing import Route
from starlette.types import ASGIApp

from collector.review.access import Access
from collector.review.api.gate import Gate
from collector.review.service import ReviewService


def create_api_router(service: ReviewService, access: Access) -> APIRouter:
    """`/api` and all below it, also what there is not."""

    def make() -> ASGIApp:
        from collector.review.api.application import create_application  # noqa: PLC0415  (few services are asked)

        return create_application(service)

    router = APIRouter()
    gate = Gate(access, make)
    router.routes += [Route("/api", gate), Route("/api/{rest:path}", gate)]
    return router
