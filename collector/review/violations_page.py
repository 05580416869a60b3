"""The violations of a site: one by one, or by what they have in common."""

# Without the future import of annotations: FastAPI could not find `access`, a parameter, by its name.
import enum
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from collector.review.access import Access, Login, local_path
from collector.review.filtering import Filter, choices_of, portion
from collector.review.routes import ReviewRoute
from collector.review.service import ReviewService
from collector.review.site_frame import address_of, site_of, tabs
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


def create_violations_router(service: ReviewService, access: Access) -> APIRouter:
    """`/violations`."""
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)

    @router.api_route("/violations", methods=["GET", "HEAD"])
    def violations(  # noqa: PLR0917  (the members of an address)
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
            return f"{local_path(request, '/violations')}?{urlencode(query)}"

        summary = service.summary(shown_site, by=view, include_noise=with_noise)
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
            "next_command": service.next_command(shown_site),
            **tabs(request, shown_site, "violations"),
            "session": login.session,
        }
        return page(request, "violations.html" if summary.totals.groups else "no_violations.html", context)

    return router
