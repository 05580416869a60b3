"""Decisions: taking a person's answers from a form, and showing those that were given."""

# Without the future import of annotations: FastAPI could not find `access`, a parameter, by its name.
import hmac
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from collector.review.access import NO_STORE, Access, Login, require_same_origin
from collector.review.forms import form_fields
from collector.review.group_page import NO_SUCH_GROUP, group_page, is_fingerprint
from collector.review.routes import ReviewRoute
from collector.review.service import ReviewService
from collector.review.site_frame import address_of, frame
from collector.review.templating import page
from policybuilder.deciding import Answer, allowing, classing, refusing, refusing_initiator, trusting
from policybuilder.decisions import Decision, DecisionAction
from policybuilder.errors import CspbuildError
from policybuilder.evidence import EvidenceClass
from policybuilder.times import parse_until

Form = Annotated[dict[str, str], Depends(form_fields)]
_BACK = {"initiators": "/initiators"}
"""Where an answer was given, if neither at a violation nor at the suggestion."""

_Make = Callable[[Sequence[Decision]], Answer]


def create_decision_router(service: ReviewService, access: Access) -> APIRouter:
    """`/decide`, `/undo` and `/decisions`."""
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)

    @router.api_route("/decisions", methods=["GET", "HEAD"])
    def decisions(request: Request, login: Annotated[Login, Depends(access.require_login)], site: str = "") -> Response:
        context = frame(request, service, login, site, "decisions")
        now = datetime.now(UTC)
        context |= {"decisions": service.decisions(context["site"]), "now": now}
        return page(request, "decisions.html", context)

    @router.post("/decide", dependencies=[Depends(require_same_origin)])
    def decide(request: Request, login: Annotated[Login, Depends(access.require_login)], form: Form) -> Response:
        check_it_is_the_sessions(login, form)
        context = frame(request, service, login, form.get("site", ""), "violations")
        site, fingerprint = context["site"], form.get("group", "")
        if form.get("action") == "class" and is_fingerprint(fingerprint) and service.detail(site, fingerprint) is None:
            raise HTTPException(404, NO_SUCH_GROUP)
        try:
            until = parse_until(form["until"], datetime.now(UTC)) if form.get("until") else None
            service.decide(site, _answer(form, site), note=form.get("note", "").strip(), until=until)
        except (CspbuildError, ValueError) as error:
            if not fingerprint:
                raise HTTPException(409, str(error)) from None
            return group_page(request, service, context, fingerprint, problem=str(error))
        path = (
            f"/group/{fingerprint}" if is_fingerprint(fingerprint) else _BACK.get(form.get("back", ""), "/suggestion")
        )
        return RedirectResponse(address_of(request, path, site), 303, NO_STORE)

    @router.post("/undo", dependencies=[Depends(require_same_origin)])
    def undo(request: Request, login: Annotated[Login, Depends(access.require_login)], form: Form) -> Response:
        check_it_is_the_sessions(login, form)
        site = frame(request, service, login, form.get("site", ""), "decisions")["site"]
        number = form.get("number", "")
        if not (number.isascii() and number.isdecimal() and len(number) < 10):
            raise HTTPException(400, "That is no number of a decision.")
        service.undo(site, int(number))
        return RedirectResponse(address_of(request, "/decisions", site), 303, NO_STORE)

    return router


def check_it_is_the_sessions(login: Login, form: dict[str, str]) -> None:
    """Raises 403. Whoever sends the admin token with each request is a script, which no page can make send it."""
    session = login.session
    if session and not hmac.compare_digest(form.get("csrf_token", "").encode(), session.csrf_token.encode()):
        raise HTTPException(403, "This form is not of your session. Go back, reload the page, and try again.")


def _answer(form: dict[str, str], site: str) -> _Make:
    """What makes the answer that the form's button means. Raises CspbuildError, or 400 for no button of ours."""
    expression, pattern = form.get("expression", ""), form.get("pattern", "")
    directive = form.get("directive", "")
    # The form of one violation names the directive for what is allowed alone.
    refused_in = "" if form.get("group") else directive
    match form.get("action", ""):
        case "allow":
            return lambda _: allowing(expression, directive)
        case "reject":
            return lambda _: refusing(DecisionAction.REJECT, pattern, refused_in)
        case "ignore":
            return lambda _: refusing(DecisionAction.IGNORE, pattern, refused_in)
        case "trust-initiator":
            return lambda standing: trusting(form.get("initiator", ""), "", standing, site)
        case "reject-initiator":
            return lambda _: refusing_initiator(DecisionAction.REJECT, form.get("initiator", ""), "")
        case "class" if is_fingerprint(form.get("group", "")):
            try:
                evidence_class = EvidenceClass(form.get("class", ""))
            except ValueError:
                raise CspbuildError("choose a class") from None
            return lambda _: classing(form["group"], evidence_class)
        case _:
            raise HTTPException(400, "That is no answer.")
