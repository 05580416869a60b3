"""The page of deployments: what the site serves and served, what each policy changed, and the way back."""

# Without the future import of annotations: FastAPI could not find `access`, a parameter, by its name.
import hashlib
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from collector.review.access import NO_STORE, Access, Login, require_same_origin
from collector.review.decision_pages import check_it_is_the_sessions
from collector.review.forms import policy_form_fields
from collector.review.keeper import DeploymentForm, ServedPolicies, SiteKeeper
from collector.review.routes import ReviewRoute
from collector.review.service import ReviewService
from collector.review.site_frame import address_of, frame
from collector.review.snippets import snippets_of
from collector.review.templating import page
from policybuilder.csp import ChangeKind, Relation
from policybuilder.deploying import MAX_NOTE_CHARACTERS, parse_served
from policybuilder.deployments import ServedStage
from policybuilder.errors import CspbuildError
from policybuilder.history import Served
from policybuilder.noticing import NoticedDeployment

Form = Annotated[dict[str, str], Depends(policy_form_fields)]

MAX_CHAPTERS = 30
"""On one page; each is compared with the one before it."""

MAX_UNRECORDED = 10
LONG_POLICY = 160
"""Characters; a longer one is folded."""

_RELATIONS = {
    Relation.SAME: "same",
    Relation.TIGHTER: "tighter",
    Relation.LOOSER: "looser",
    Relation.INCOMPARABLE: "tighter here, looser there",
}

_RELATION_SENTENCES = {
    Relation.SAME: "It admits exactly what the one before it did.",
    Relation.TIGHTER: "It admits less than the one before it, and nothing more.",
    Relation.LOOSER: "It admits more than the one before it, and nothing less.",
    Relation.INCOMPARABLE: "It admits some things that the one before it refused, and refuses some that it admitted.",
}

_CHANGES = {
    ChangeKind.ADDED: "looser",
    ChangeKind.WIDENED: "looser",
    ChangeKind.REMOVED: "tighter",
    ChangeKind.NARROWED: "tighter",
    ChangeKind.MOVED: "same",
}

_MEANINGS = {
    "Enforced": "what it refuses, browsers block",
    "On trial": "report-only: what it would break is reported, and nothing is blocked",
    "Probe": "report-only beside the enforced one: it asks whether what may be removed is still used",
    "Report-only": "it reports and blocks nothing; no trial, since it only observes or is from before",
}

_SAVED = {
    "recorded": "The deployment is recorded.",
    "odd": "The deployment is recorded. Its text has oddities, which browsers may read otherwise: see cspbuild parse.",
    "back": "It is recorded that the site serves these headers again.",
}


def create_deployments_router(service: ReviewService, access: Access, keeper: SiteKeeper) -> APIRouter:
    """`/deployments`, and what it posts to."""
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)

    @router.api_route("/deployments", methods=["GET", "HEAD"])
    def deployments(  # noqa: PLR0917  (the members of an address)
        request: Request,
        login: Annotated[Login, Depends(access.require_login)],
        site: str = "",
        noticed: str = "",
        before: str = "",
        saved: str = "",
    ) -> Response:
        context = frame(request, service, login, site, "deployments")
        served = keeper.served(context["site"])
        typed = _form_of(served, noticed) if noticed else None
        return _page(request, context, served, typed=typed, before=before, saved=_SAVED.get(saved, ""))

    @router.post("/deployments", dependencies=[Depends(require_same_origin)])
    def record(request: Request, login: Annotated[Login, Depends(access.require_login)], form: Form) -> Response:
        check_it_is_the_sessions(login, form)
        context = frame(request, service, login, form.get("site", ""), "deployments")
        typed = DeploymentForm(
            policy=form.get("policy", ""),
            stage=form.get("stage", ""),
            since=form.get("since", ""),
            views=form.get("views", ""),
            note=form.get("note", ""),
        )
        try:
            keeper.record(context["site"], typed)
        except CspbuildError as error:
            served = keeper.served(context["site"])
            return _page(request, context, served, typed=typed, problem=str(error))
        return _to_page(request, context["site"], "odd" if parse_served(typed.policy).findings else "recorded")

    @router.post("/deployments/rollback", dependencies=[Depends(require_same_origin)])
    def go_back(request: Request, login: Annotated[Login, Depends(access.require_login)], form: Form) -> Response:
        check_it_is_the_sessions(login, form)
        site = frame(request, service, login, form.get("site", ""), "deployments")["site"]
        keeper.record_way_back(site, form.get("left", ""))
        return _to_page(request, site, "back")

    return router


def _to_page(request: Request, site: str, saved: str) -> Response:
    return RedirectResponse(address_of(request, "/deployments", site, saved=saved), 303, NO_STORE)


def _page(
    request: Request,
    context: dict[str, Any],
    served: ServedPolicies,
    *,
    typed: DeploymentForm | None = None,
    before: str = "",
    saved: str = "",
    problem: str = "",
) -> Response:
    site = context["site"]
    first = _number(before)
    chapters = served.chapters[first : first + MAX_CHAPTERS]
    further = first + MAX_CHAPTERS
    back = served.way_back
    context |= {
        "now": _served_now(served),
        "unrecorded": [
            (each, address_of(request, "/deployments", site, noticed=_mark(each)) + "#record")
            for each in served.unrecorded[:MAX_UNRECORDED]
        ],
        "more_unrecorded": max(0, len(served.unrecorded) - MAX_UNRECORDED),
        "chapters": chapters,
        "newer": address_of(request, "/deployments", site) if first else "",
        "older": address_of(request, "/deployments", site, before=str(further))
        if further < len(served.chapters)
        else "",
        "left": len(served.chapters) - further,
        "relations": _RELATIONS,
        "relation_sentences": _RELATION_SENTENCES,
        "kinds": _CHANGES,
        "long_policy": LONG_POLICY,
        "back": back,
        "snippets": snippets_of(back.headers) if back else [],
        "typed": typed or DeploymentForm(policy="", stage=""),
        "is_filled_in": typed is not None and not problem,
        "stages": [
            (ServedStage.REPORT_ONLY, "report-only: on trial, or to observe"),
            (ServedStage.ENFORCE, "enforced: it blocks"),
        ],
        "max_note": MAX_NOTE_CHARACTERS,
        "saved": saved,
        "problem": problem,
    }
    return page(request, "deployments.html", context, status=409 if problem else 200)


def _served_now(served: ServedPolicies) -> Sequence[tuple[str, str, Served]]:
    """Title, meaning and policy of each stage that is served."""
    stages: dict[str, Served | None] = {
        "Enforced": served.enforced,
        "On trial": served.trial,
        "Probe": served.probe,
        "Report-only": served.report_only,
    }
    return [(title, _MEANINGS[title], policy) for title, policy in stages.items() if policy is not None]


def _number(text: str) -> int:
    """How many chapters were shown before. Raises 404 for what no link of ours says."""
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) < 7):
        raise HTTPException(404, "There is no such page.")
    return int(text)


def _mark(noticed: NoticedDeployment) -> str:
    """Names a noticed policy in an address, which has no room for its text."""
    return hashlib.sha256(f"{noticed.stage}\0{noticed.policy}".encode()).hexdigest()[:16]


def _form_of(served: ServedPolicies, mark: str) -> DeploymentForm:
    """The form that records a noticed policy. Raises 404 where it is not noticed, or not any more.

    Strangers' word fills in no form: they would have their policy recorded as the site's.
    """
    for each in served.unrecorded:
        if each.is_vouched and _mark(each) == mark:
            since = f"{each.since_at:%Y-%m-%dT%H:%M:%S}"
            return DeploymentForm(policy=each.policy, stage=each.stage.value, since=since, note="noticed in reports")
    raise HTTPException(404, "No such policy is noticed, or it is recorded by now.")
