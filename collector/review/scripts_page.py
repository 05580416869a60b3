"""The page of scripts: which external scripts browsers reported the digests of, and what follows from that."""

# Without the future import of annotations: FastAPI could not find `access`, a parameter, by its name.
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from collector.review.access import Access, Login
from collector.review.routes import ReviewRoute
from collector.review.service import ReviewService
from collector.review.site_frame import frame
from collector.review.templating import page

MAX_ROWS = 200
"""The command line lists all."""


def create_scripts_router(service: ReviewService, access: Access) -> APIRouter:
    """`/scripts`."""
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)

    @router.api_route("/scripts", methods=["GET", "HEAD"])
    def scripts(request: Request, login: Annotated[Login, Depends(access.require_login)], site: str = "") -> Response:
        context = frame(request, service, login, site, "scripts")
        found = service.scripts(context["site"])
        context |= {
            "scripts": found[:MAX_ROWS],
            "more": max(0, len(found) - MAX_ROWS),
            "alarming": sum(script.is_alarming for script in found),
        }
        return page(request, "scripts.html", context)

    return router
