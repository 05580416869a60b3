"""Review pages: what the browsers of a site reported, for the people who own it."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, HTTPException, Response

from collector.review.access import Access
from collector.review.api.router import create_api_router
from collector.review.assets import ASSETS_BY_HASHED_NAME
from collector.review.bulk_page import create_bulk_router
from collector.review.decision_pages import create_decision_router
from collector.review.deployments_page import create_deployments_router
from collector.review.group_page import create_group_router
from collector.review.ingest_health import IngestHealth
from collector.review.initiators_page import create_initiators_router
from collector.review.keeper import SiteKeeper
from collector.review.login import create_login_router
from collector.review.overview_page import create_overview_router
from collector.review.own_reports import create_own_report_router
from collector.review.routes import ReviewRoute
from collector.review.scripts_page import create_scripts_router
from collector.review.service import ReviewService
from collector.review.settings_pages import create_settings_router
from collector.review.setup_page import SendReport, create_setup_router
from collector.review.suggestion_page import create_suggestion_router
from collector.review.violations_page import create_violations_router


def create_router(
    service: ReviewService,
    access: Access,
    *,
    try_path: str | None = None,
    ingest_health: Callable[[], IngestHealth] = IngestHealth,
    keeper: SiteKeeper | None = None,
    send: SendReport | None = None,
) -> APIRouter:
    """The review side: `/` and the pages beside it, `/login`, `/logout`, `/static/…` and the interface under `/api`.

    `try_path` is where the page for a first try is served, if it is; `ingest_health` may wait. Without a `keeper` the
    pages that change sites are left out, and without a way to `send` one, the test report.
    """
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)
    router.include_router(create_login_router(access))
    router.include_router(create_overview_router(service, access, try_path=try_path, ingest_health=ingest_health))
    router.include_router(create_violations_router(service, access))
    router.include_router(create_group_router(service, access))
    router.include_router(create_decision_router(service, access))
    router.include_router(create_bulk_router(service, access))
    router.include_router(create_suggestion_router(service, access))
    router.include_router(create_initiators_router(service, access))
    router.include_router(create_scripts_router(service, access))
    router.include_router(create_own_report_router(access))
    router.include_router(create_api_router(service, access))
    if keeper is not None:
        router.include_router(create_deployments_router(service, access, keeper))
        router.include_router(create_settings_router(service, access, keeper))
        router.include_router(create_setup_router(service, access, keeper, send=send))

    @router.api_route("/static/{name}", methods=["GET", "HEAD"])
    def static(name: str) -> Response:
        asset = ASSETS_BY_HASHED_NAME.get(name)
        if asset is None:
            raise HTTPException(404, "There is no such file.")
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(asset.content, media_type=asset.media_type, headers=headers)

    return router
