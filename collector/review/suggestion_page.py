"""The page of the suggestion: the policy that the evidence speaks for, and what waits for a person."""

# Without the future import of annotations: FastAPI could not find `access`, a parameter, by its name.
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from collector.review.access import Access, Login
from collector.review.routes import ReviewRoute
from collector.review.service import ReviewService
from collector.review.side_by_side import DirectiveBeside, side_by_side
from collector.review.site_frame import frame
from collector.review.snippets import snippets_of
from collector.review.templating import page
from policybuilder.csp.directives import SOURCE_LIST_DIRECTIVES
from policybuilder.readiness.values import CandidateOrigin, Case
from policybuilder.stages import ENFORCED, Header
from policybuilder.suggestion.values import Suggestion

MAX_ROWS = 100
"""Of what is held, and of what no source answers; the command line lists all."""


def create_suggestion_router(service: ReviewService, access: Access) -> APIRouter:
    """`/suggestion`."""
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)

    @router.api_route("/suggestion", methods=["GET", "HEAD"])
    def suggestion(
        request: Request, login: Annotated[Login, Depends(access.require_login)], site: str = ""
    ) -> Response:
        context = frame(request, service, login, site, "suggestion")
        case = service.standing(context["site"]).case
        found = case.suggestion if case.record.groups else None
        headers = [] if found is None or found.policy is None else [Header(ENFORCED, str(found.policy))]
        context |= {
            "suggestion": found,
            "as_of": service.as_of(context["site"], "standing"),
            "beside": _beside(found, case),
            "readiness": service.readiness(context["site"]) if headers else None,
            "is_on_trial": case.origin is CandidateOrigin.TRIAL,
            "snippets": snippets_of(headers),
            "source_lists": SOURCE_LIST_DIRECTIVES,
            "max_rows": MAX_ROWS,
        }
        return page(request, "suggestion.html", context)

    return router


def _beside(suggestion: Suggestion | None, case: Case) -> Sequence[DirectiveBeside]:
    """Nothing where either is missing."""
    if suggestion is None or suggestion.policy is None:
        return ()
    enforced = case.enforced_policies.policies
    return side_by_side(suggestion.policy, enforced) if enforced else ()
