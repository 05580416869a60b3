"""Sites through the interface: which there are, and where each stands."""

# Without the future import of annotations: FastAPI could not find `service`, a parameter, by its name.
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Response

from collector.review.api.answering import json_answer, with_schema
from collector.review.api.responses import NOT_FOUND, errors
from collector.review.api.shapes import sites as shapes
from collector.review.api.shapes.suggestion import Suggestion
from collector.review.service import ReviewService
from policybuilder.documents.sites import site_document
from policybuilder.documents.standing import standing_document
from policybuilder.documents.suggestion import suggestion_document

SiteName = Annotated[
    str,
    Path(
        description="The site’s name.",
        json_schema_extra={"pattern": "^[a-z0-9][a-z0-9._-]{0,63}$"},
        examples=["default"],
    ),
]
"""What cannot be one is a site that there is not, so the pattern stands in the document alone."""


def require_site(service: ReviewService, name: str) -> None:
    """Raises 404 for an unknown site."""
    if name not in service.sites():
        raise _no_such_site()


def _no_such_site() -> HTTPException:
    return HTTPException(404, "there is no such site; GET /api/sites lists them")


def create_sites_router(service: ReviewService) -> APIRouter:
    """`/api/sites`, each of them, and its `…/status` and `…/suggestion`."""
    router = APIRouter(prefix="/api/sites", tags=["Sites"])

    @router.get("", response_model=shapes.Sites, responses=errors())
    def list_sites() -> Response:
        """The sites there are, with their public keys.

        The document of `cspbuild site list --format json`.
        """
        return json_answer(with_schema("site", {"sites": [site_document(site) for site in service.registered()]}))

    @router.get("/{site}", response_model=shapes.OneSite, responses=errors(NOT_FOUND))
    def read_site(site: SiteName) -> Response:
        """One site.

        The document of `cspbuild site show --format json`.
        """
        found = next((each for each in service.registered() if each.name == site), None)
        if found is None:
            raise _no_such_site()
        return json_answer(with_schema("site", site_document(found)))

    @router.get("/{site}/status", response_model=shapes.Standing, responses=errors(NOT_FOUND))
    def read_status(site: SiteName) -> Response:
        """Where the site stands on the way to an enforced policy, and what comes next.

        The document of `cspbuild status --format json`.
        """
        require_site(service, site)
        return json_answer(with_schema("status", standing_document(service.standing(site))))

    @router.get("/{site}/suggestion", response_model=Suggestion, responses=errors(NOT_FOUND))
    def read_suggestion(site: SiteName) -> Response:
        """The policy that the evidence speaks for, with the evidence for every token.

        The document of `cspbuild suggest --format json` without other options; 404 while nothing was reported.
        """
        require_site(service, site)
        suggestion = service.suggestion(site)
        if suggestion is None:
            raise HTTPException(404, "nothing was reported yet, so there is nothing to suggest")
        return json_answer(with_schema("suggest", suggestion_document(suggestion)))

    return router
