"""Decisions through the interface: listing them, making one, taking one back."""

# Without the future import of annotations: FastAPI could not find `service`, a parameter, by its name.
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Body, HTTPException, Path, Query, Response

from collector.review.api.answering import json_answer, with_schema
from collector.review.api.errors import WrongRequestError
from collector.review.api.requests import DecisionsQuery, ToAllow, ToClass, ToDecide, ToRefuse
from collector.review.api.responses import CONFLICT, NOT_FOUND, OF_WRITES, WRONG, errors
from collector.review.api.shapes import sites as shapes
from collector.review.api.sites import SiteName, require_site
from collector.review.service import ReviewService
from policybuilder.deciding import Answer, allowing, classing, refusing, refusing_initiator, trusting
from policybuilder.decisions import Decision, DecisionAction
from policybuilder.documents.decisions import decisions_document
from policybuilder.errors import CspbuildError, ExitCode
from policybuilder.evidence import EvidenceClass
from policybuilder.times import parse_until

MAX_NUMBER = 2**31 - 1

Number = Annotated[int, Path(ge=1, le=MAX_NUMBER, description="The decision’s number within the site.")]


def create_decisions_router(service: ReviewService) -> APIRouter:
    """`…/decisions` and `…/decisions/{number}/undo`."""
    router = APIRouter(prefix="/api/sites/{site}/decisions", tags=["Decisions"])

    @router.get("", response_model=shapes.Decisions, responses=errors(NOT_FOUND, WRONG))
    def list_decisions(site: SiteName, query: Annotated[DecisionsQuery, Query()]) -> Response:
        """People’s answers about evidence, oldest first; expired ones among them.

        The document of `cspbuild decide list --format json`.
        """
        require_site(service, site)
        decisions = service.decisions(site)[::-1]
        return _answer([each for each in decisions if query.all or each.undone_at is None])

    @router.post(
        "", status_code=201, response_model=shapes.Decisions, responses=errors(*OF_WRITES, NOT_FOUND, CONFLICT)
    )
    def decide(site: SiteName, asked: Annotated[ToDecide, Body(discriminator="action")]) -> Response:
        """Answer something: allow, reject, ignore, or class it otherwise.

        What is sent has the keys of a decision in the list. 409 where a decision that stands makes it mean nothing.
        """
        require_site(service, site)
        now = datetime.now(UTC)
        try:
            until = None if asked.until is None else parse_until(asked.until, now)
        except ValueError as error:
            raise WrongRequestError("body until", str(error)) from None
        if isinstance(asked, ToClass) and service.detail(site, asked.subject) is None:
            raise HTTPException(404, "no such violation was reported, or it was forgotten since")
        make = _checked(asked, site)
        return _answer([service.decide(site, make, note=asked.note.strip(), until=until)], 201)

    @router.post("/{number}/undo", response_model=shapes.Decisions, responses=errors(*OF_WRITES, NOT_FOUND, CONFLICT))
    def undo(site: SiteName, number: Number) -> Response:
        """Take a decision back; it stays listed among all.

        409 where it was taken back already.
        """
        require_site(service, site)
        try:
            return _answer([service.undo(site, number)])
        except CspbuildError as error:
            if error.exit_code is not ExitCode.USAGE:
                raise
            is_known = any(each.number == number for each in service.decisions(site))
            if not is_known:
                raise HTTPException(404, "there is no decision of this number") from None
            raise HTTPException(409, "this decision was taken back already") from None

    return router


def _answer(decisions: Sequence[Decision], status: int = 200) -> Response:
    return json_answer(with_schema("decide", decisions_document(decisions, datetime.now(UTC))), status)


def _checked(asked: ToDecide, site: str) -> Callable[[Sequence[Decision]], Answer]:
    """What makes the answer beside the decisions that stand; raises WrongRequestError for one that no other allows."""
    make = _maker(asked, site)
    try:
        make(())
    except CspbuildError as error:
        raise WrongRequestError("body", str(error)) from None
    return make


def _maker(asked: ToDecide, site: str) -> Callable[[Sequence[Decision]], Answer]:
    if isinstance(asked, ToClass):
        given = asked
        return lambda _: classing(given.subject, EvidenceClass(given.evidence_class))
    subject, loaded_by = asked.subject, asked.loaded_by
    if (subject is None) is (loaded_by is None):
        raise WrongRequestError("body", "give either subject or loaded_by")
    match asked:
        case ToAllow(directive=directive):
            if subject is not None:
                if not directive:
                    raise WrongRequestError("body directive", "say under which the source is to be listed")
                return lambda _: allowing(subject, directive)
            return lambda standing: trusting(loaded_by or "", directive, standing, site)
        case ToRefuse(directive=directive):
            action = DecisionAction(asked.action)
            if subject is not None:
                return lambda _: refusing(action, subject, directive)
            return lambda _: refusing_initiator(action, loaded_by or "", directive)
