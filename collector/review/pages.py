"""Review pages: what the browsers of a site reported, for the people who own it."""

# Without the future import of annotations: FastAPI could not find `access`, a parameter, by its name.
import enum
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from collector.review.access import Access, Login, local_path
from collector.review.assets import ASSETS_BY_HASHED_NAME
from collector.review.decision_pages import create_decision_router
from collector.review.filtering import Filter, choices_of, portion
from collector.review.group_page import create_group_router
from collector.review.login import create_login_router
from collector.review.overview_page import create_overview_router
from collector.review.routes import ReviewRoute
from collector.review.scripts_page import create_scripts_router
from collector.review.service import ReviewService
from collector.review.site_frame import address_of, site_of, tabs
from collector.review.suggestion_page import create_suggestion_router
from collector.review.templating import page
from policybuilder.summary import SummaryBy

MAX_ROWS = 100
"""Rows on one page; of violations, more follow."""

MAX_PAGES = 10
"""Pages listed below one row."""


class _View(enum.StrEnum):
    """Titles of the summary's views, by the name in the address."""

    GROUP = "Violations"
    DIRECTIVE = "Directives"
    SOURCE = "Sources"
    INITIATOR = "Initiators"
    PAGE = "Pages"
    DAY = "Days"


_KEY_TITLES = {
    SummaryBy.DIRECTIVE: "Directive",
    SummaryBy.SOURCE: "Source",
    SummaryBy.INITIATOR: "Initiator",
    SummaryBy.PAGE: "Page",
    SummaryBy.DAY: "Day",
}


NO_FILTER = Filter()


def _filter(  # noqa: PLR0917  (the members of an address)
    q: str = "", directive: str = "", kind: str = "", disposition: str = "", decision: str = "", page: str = ""
) -> Filter:
    return Filter(q=q, directive=directive, kind=kind, disposition=disposition, decision=decision, page=page)


def create_router(service: ReviewService, access: Access, *, try_path: str | None = None) -> APIRouter:
    """The review side: `/`, `/login`, `/logout` and `/static/…`.

    `try_path` is where the page for a first try is served, if it is.
    """
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)
    router.include_router(create_login_router(access))
    router.include_router(create_overview_router(service, access))
    router.include_router(create_group_router(service, access))
    router.include_router(create_decision_router(service, access))
    router.include_router(create_suggestion_router(service, access))
    router.include_router(create_scripts_router(service, access))

    @router.api_route("/", methods=["GET", "HEAD"])
    def overview(  # noqa: PLR0917  (the members of an address)
        request: Request,
        login: Annotated[Login, Depends(access.require_login)],
        wanted: Annotated[Filter, Depends(_filter)],
        site: str = "",
        by: str = SummaryBy.GROUP,
        noise: str = "",
        after: str = "",
    ) -> Response:
        sites = tuple(service.sites())
        shown_site = site_of(sites, site)
        if by not in set(SummaryBy):
            raise HTTPException(404, f"No view is called {by!r}.")
        view = SummaryBy(by)
        with_noise = noise == "1"

        def address(
            *,
            site: str = shown_site,
            by: SummaryBy = view,
            noise: bool = with_noise,
            asked: Filter = NO_FILTER,
            after: str = "",
        ) -> str:
            query = {"site": site} | ({"by": by} if by != SummaryBy.GROUP else {}) | ({"noise": "1"} if noise else {})
            query |= asked.query() | ({"after": after} if after else {})
            return f"{local_path(request, '/')}?{urlencode(query)}"

        summary = service.summary(shown_site, by=view, include_noise=with_noise)
        has_evidence = summary.totals.groups > 0
        found = summary.rows
        following = ""
        if view is SummaryBy.GROUP:
            found = tuple(row for row in summary.rows if row.group is None or wanted.admits(row.group))
            shown = portion(found, after, MAX_ROWS)
            rows, hidden_rows = shown.rows, shown.left
            following = address(asked=wanted, after=shown.following) if shown.following else ""
        else:
            # Days are read from first to last, so of too many the last are shown.
            rows = found[-MAX_ROWS:] if view is SummaryBy.DAY else found[:MAX_ROWS]
            hidden_rows = len(found) - len(rows)
        context = {
            "site": shown_site,
            "sites": [(name, address(site=name)) for name in sites],
            "view": view,
            "views": [(by, _View[by.name], address(by=by)) for by in SummaryBy],
            "key_title": _KEY_TITLES.get(view, ""),
            "with_noise": with_noise,
            "noise_switch": address(noise=not with_noise, asked=wanted),
            "wanted": wanted,
            "choices": choices_of(summary.rows),
            "found": len(found),
            "all_address": address(),
            "following": following,
            "is_first": not after,
            "first_address": address(asked=wanted),
            "summary": summary,
            "rows": rows,
            "hidden_rows": hidden_rows,
            "most_reports": max((row.reports for row in rows), default=0),
            "max_pages": MAX_PAGES,
            "group_address": lambda fingerprint: address_of(request, f"/group/{fingerprint}", shown_site),
            "header_lines": () if has_evidence else tuple(service.header_lines(shown_site)),
            "next_command": service.next_command(shown_site),
            "snippet_command": service.snippet_command(shown_site),
            "try_path": local_path(request, try_path) if try_path else None,
            **tabs(request, shown_site, "violations"),
            "session": login.session,
        }
        return page(request, "summary.html" if has_evidence else "empty.html", context)

    @router.api_route("/static/{name}", methods=["GET", "HEAD"])
    def static(name: str) -> Response:
        asset = ASSETS_BY_HASHED_NAME.get(name)
        if asset is None:
            raise HTTPException(404, "There is no such file.")
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(asset.content, media_type=asset.media_type, headers=headers)

    return router
