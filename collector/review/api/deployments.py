"""Deployments through the interface: what a site serves, and recording it."""

# Without the future import of annotations: FastAPI could not find `service`, a parameter, by its name.
from typing import Annotated

from fastapi import APIRouter, Body, Response

from collector.review.api.answering import json_answer, with_schema
from collector.review.api.errors import WrongRequestError
from collector.review.api.requests import ToDeploy
from collector.review.api.responses import NOT_FOUND, OF_WRITES, errors
from collector.review.api.shapes import sites as shapes
from collector.review.api.sites import SiteName, require_site
from collector.review.service import ReviewService
from policybuilder.csp import parse_serialized_policy_list
from policybuilder.documents.deployments import deployments_document
from policybuilder.errors import CspbuildError, ExitCode


def create_deployments_router(service: ReviewService) -> APIRouter:
    """`…/deployments`."""
    router = APIRouter(prefix="/api/sites/{site}/deployments", tags=["Deployments"])

    @router.get("", response_model=shapes.Deployments, responses=errors(NOT_FOUND))
    def list_deployments(site: SiteName) -> Response:
        """What was recorded, oldest first; then what reports come under though nobody recorded it.

        The document of `cspbuild deploy list --format json`.
        """
        require_site(service, site)
        return json_answer(with_schema("deploy", deployments_document(*service.deployments(site))))

    @router.post("", status_code=201, response_model=shapes.Deployments, responses=errors(*OF_WRITES, NOT_FOUND))
    def record_deployment(site: SiteName, asked: Annotated[ToDeploy, Body()]) -> Response:
        """Record that the site serves a policy.

        What was reported before, under older policies alone, is superseded from then on. Mistakes in the policy's text
        are no errors; a browser may read it otherwise than its author does.
        """
        require_site(service, site)
        policies = parse_serialized_policy_list(asked.policy)
        if not policies.policies:
            raise WrongRequestError("body policy", "there is no policy in it")
        try:
            deployment = service.record_deployment(
                site,
                policies,
                asked.stage,
                since=asked.since,
                views_per_day=asked.views_per_day,
                note=asked.note,
            )
        except CspbuildError as error:
            if error.exit_code is not ExitCode.USAGE:
                raise
            raise WrongRequestError("body", str(error)) from None
        return json_answer(with_schema("deploy", deployments_document([deployment])), 201)

    return router
