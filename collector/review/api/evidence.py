"""Evidence through the interface: summaries, violations, external scripts."""

# Without the future import of annotations: FastAPI could not find `service`, a parameter, by its name.
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Response

from collector.review.api.answering import json_answer, with_schema
from collector.review.api.errors import WrongRequestError
from collector.review.api.requests import NewsQuery, SummaryQuery, ViolationsQuery
from collector.review.api.responses import NOT_FOUND, WRONG, errors
from collector.review.api.shapes import evidence as shapes
from collector.review.api.sites import SiteName, require_site
from collector.review.group_page import is_fingerprint
from collector.review.service import ReviewService
from policybuilder.documents.initiators import initiators_document
from policybuilder.documents.news import news_document
from policybuilder.documents.scripts import scripts_document
from policybuilder.documents.summary import summary_document
from policybuilder.documents.violation import violation_document, violations_document
from policybuilder.listing import Filter, parse_place
from policybuilder.summary import Summary, SummaryBy
from policybuilder.times import Window, parse_since

Fingerprint = Annotated[
    str,
    Path(
        description="The violation: `group` of its row.",
        json_schema_extra={"pattern": "^[0-9a-f]{32}$"},
        examples=["0123456789abcdef0123456789abcdef"],
    ),
]


def create_evidence_router(service: ReviewService) -> APIRouter:
    """`…/summary`, `…/news`, `…/violations`, `…/violations/{group}`, `…/initiators` and `…/scripts`."""
    router = APIRouter(prefix="/api/sites/{site}", tags=["Evidence"])

    @router.get("/summary", response_model=shapes.Summary, responses=errors(NOT_FOUND, WRONG))
    def read_summary(site: SiteName, query: Annotated[SummaryQuery, Query()]) -> Response:
        """What the browsers of the site reported.

        The document of `cspbuild summary --format json`, and how many rows were left out.
        """
        require_site(service, site)
        summary = service.summary(site, by=query.by, include_noise=query.noise)
        shown = _bounded(summary, query.limit)
        left_out = len(summary.rows) - len(shown.rows)
        return json_answer(with_schema("summary", {**summary_document(shown), "left_out": left_out}))

    @router.get("/news", response_model=shapes.News, responses=errors(NOT_FOUND, WRONG))
    def read_news(site: SiteName, query: Annotated[NewsQuery, Query()]) -> Response:
        """What was reported for the first time since a moment.

        Enough to raise an alarm by, and cheap to ask for often.
        """
        require_site(service, site)
        try:
            since = parse_since(query.since, datetime.now(UTC))
        except ValueError as error:
            raise WrongRequestError("query since", str(error)) from None
        return json_answer(
            with_schema("news", news_document(site, service.news(site, since), service.last_arrival(site)))
        )

    @router.get("/violations", response_model=shapes.Violations, responses=errors(NOT_FOUND, WRONG))
    def list_violations(site: SiteName, query: Annotated[ViolationsQuery, Query()]) -> Response:
        """Violations of the site, searched, filtered and in portions.

        The list of a large site may be some seconds old: `as_of` says so, and what you decide here shows at once.
        Whatever comes or goes meanwhile, none is listed twice or left out by following `next`.
        """
        require_site(service, site)
        listing = service.listing(
            site, _wanted(query), include_noise=query.noise, after=parse_place(query.after), limit=query.limit
        )
        return json_answer(with_schema("violations", violations_document(site, listing)))

    @router.get("/violations/{group}", response_model=shapes.Violation, responses=errors(NOT_FOUND))
    def read_violation(site: SiteName, group: Fingerprint) -> Response:
        """One violation, with its pages, policies, days and samples, and why it came.

        `explanation` is the document of `cspbuild explain --format json`.
        """
        require_site(service, site)
        detail = service.detail(site, group) if is_fingerprint(group) else None
        if detail is None:
            raise HTTPException(404, "no such violation was reported, or it was forgotten since")
        document = violation_document(site, detail, service.explanation(site, detail), datetime.now(UTC))
        return json_answer(with_schema("violation", document))

    @router.get("/initiators", response_model=shapes.Initiators, responses=errors(NOT_FOUND))
    def list_initiators(site: SiteName) -> Response:
        """What loads what, as far as reports say: tag managers, widgets, and what they bring along."""
        require_site(service, site)
        document = initiators_document(site, service.loaders(site), datetime.now(UTC))
        return json_answer(with_schema("initiators", document))

    @router.get("/scripts", response_model=shapes.Scripts, responses=errors(NOT_FOUND))
    def list_scripts(site: SiteName) -> Response:
        """External scripts, and the digests that browsers reported of them.

        The document of `cspbuild scripts --format json`.
        """
        require_site(service, site)
        found = service.scripts(site)
        return json_answer(with_schema("scripts", scripts_document(site, Window(None, datetime.now(UTC)), found)))

    return router


def _bounded(summary: Summary, limit: int) -> Summary:
    """Days are read from first to last, so of too many the last are shown."""
    return replace(summary, rows=summary.rows[-limit:] if summary.by is SummaryBy.DAY else summary.rows[:limit])


def _wanted(query: ViolationsQuery) -> Filter:
    return Filter(
        q=query.q,
        host=query.host,
        directive=query.directive,
        kind=query.kind or "",
        disposition=query.disposition or "",
        decision=query.decision or "",
        page=query.page,
        seen=query.seen or "",
        new=query.new or "",
    )
