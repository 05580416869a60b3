"""The violations of a site: one by one, or by what they have in common."""

# Without the future import of annotations: FastAPI could not find `access`, a parameter, by its name.
import enum
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from collector.review.access import Access, Login, local_path
from collector.review.filtering import NO_FILTER, PERIOD_TITLES, filter_of_address
from collector.review.routes import ReviewRoute
from collector.review.service import ReviewService
from collector.review.site_frame import alarming, site_of, tabs
from collector.review.templating import page
from policybuilder.deciding import CLASSES
from policybuilder.evidence import NOISE_CLASSES, EvidenceClass
from policybuilder.listing import Filter, ListedViolation, parse_place
from policybuilder.summary import SummaryBy, SummaryRow
from policybuilder.times import Window

MAX_ROWS = 50
"""Violations on one page; more follow. Pages are not compressed, see the README, and these are less than 100 kB."""

MAX_FOLDED_ROWS = 100
"""Rows of the other views."""

MAX_PAGES = 3
"""Pages listed below one violation; its own page has them all."""


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


def create_violations_router(service: ReviewService, access: Access) -> APIRouter:
    """`/violations`."""
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)

    @router.api_route("/violations", methods=["GET", "HEAD"])
    def violations(  # noqa: PLR0917  (the members of an address)
        request: Request,
        login: Annotated[Login, Depends(access.require_login)],
        wanted: Annotated[Filter, Depends(filter_of_address)],
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

        is_list = view is SummaryBy.GROUP
        listing = service.listing(
            shown_site,
            wanted if is_list else NO_FILTER,
            include_noise=with_noise,
            after=parse_place(after),
            limit=MAX_ROWS if is_list else 0,
        )
        counts = listing.counts
        rows: Sequence[ListedViolation | SummaryRow] = listing.rows
        hidden_rows, as_of = listing.left, listing.as_of
        if not is_list:
            found = service.summary(shown_site, by=view, include_noise=with_noise).rows
            as_of = service.as_of(shown_site, "summary", view, with_noise)
            # Days are read from first to last, so of too many the last are shown.
            rows = found[-MAX_FOLDED_ROWS:] if view is SummaryBy.DAY else found[:MAX_FOLDED_ROWS]
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
            "choices": counts.choices(include_noise=with_noise),
            "periods": list(PERIOD_TITLES.items()),
            "listing": listing,
            "as_of": as_of,
            "counts": counts,
            "listed": counts.shown(include_noise=with_noise),
            "hidden_noise": 0 if with_noise else counts.groups_of(*NOISE_CLASSES),
            "hidden_contradictions": 0 if with_noise else counts.groups_of(EvidenceClass.CONTRADICTION),
            "window": Window(None, datetime.now(UTC)),
            "all_address": address(),
            "following": address(asked=wanted, after=listing.following) if listing.following else "",
            "is_first": not after,
            "first_address": address(asked=wanted),
            "rows": rows,
            "hidden_rows": hidden_rows,
            "most_reports": max((row.reports for row in rows), default=0),
            "max_pages": MAX_PAGES,
            "query": request.url.query,
            "classes": CLASSES,
            **alarming(request, service, shown_site),
            **tabs(request, shown_site, "violations"),
            "session": login.session,
        }
        is_empty = listing.is_whole and not counts.groups
        return page(request, "no_violations.html" if is_empty else "violations.html", context)

    return router
