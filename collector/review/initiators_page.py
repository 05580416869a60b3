"""The page of what loads what: a tag manager's loads seen, judged and ended as one thing."""

# Without the future import of annotations: FastAPI could not find `access`, a parameter, by its name.
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from collector.review.access import Access, Login
from collector.review.routes import ReviewRoute
from collector.review.service import ReviewService
from collector.review.site_frame import frame
from collector.review.templating import page

MAX_SHOWN = 50
"""Sources below one loader, and loaders; anybody may report more."""


def create_initiators_router(service: ReviewService, access: Access) -> APIRouter:
    """`/initiators`."""
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)

    @router.api_route("/initiators", methods=["GET", "HEAD"])
    def initiators(
        request: Request, login: Annotated[Login, Depends(access.require_login)], site: str = ""
    ) -> Response:
        context = frame(request, service, login, site, "initiators")
        context |= {"loaders": service.loaders(context["site"]), "max_shown": MAX_SHOWN}
        context["as_of"] = service.as_of(context["site"], "loaders")
        return page(request, "initiators.html", context)

    return router
