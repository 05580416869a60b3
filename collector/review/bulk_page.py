"""The answer to several violations, chosen in their list."""

# Without the future import of annotations: FastAPI could not find `access`, a parameter, by its name.
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from collector.review.access import Access, Login, local_path, require_same_origin
from collector.review.bulk import NoAnswerError, Undecided, answer_for, without_repeats
from collector.review.decision_pages import check_it_is_the_sessions
from collector.review.forms import form_pairs
from collector.review.group_page import is_fingerprint
from collector.review.routes import ReviewRoute
from collector.review.service import ReviewService
from collector.review.site_frame import frame
from collector.review.templating import page
from policybuilder.deciding import Answer
from policybuilder.times import parse_until

Pairs = Annotated[list[tuple[str, str]], Depends(form_pairs)]


def create_bulk_router(service: ReviewService, access: Access) -> APIRouter:
    """`/decide-several`."""
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)

    @router.post("/decide-several", dependencies=[Depends(require_same_origin)])
    def decide_several(
        request: Request, login: Annotated[Login, Depends(access.require_login)], pairs: Pairs
    ) -> Response:
        form = dict(pairs)
        check_it_is_the_sessions(login, form)
        context = frame(request, service, login, form.get("site", ""), "violations")
        site, action = context["site"], form.get("action", "")
        answers: list[Answer] = []
        left: list[Undecided] = []
        chosen = list(dict.fromkeys(value for name, value in pairs if name == "group" and is_fingerprint(value)))
        for fingerprint in chosen:
            detail = service.detail(site, fingerprint)
            if detail is None:
                left.append(Undecided(fingerprint, fingerprint, "it was forgotten meanwhile"))
                continue
            explanation = service.explanation(site, detail)
            try:
                answers.append(answer_for(action, detail.group, explanation, form.get("class", "")))
            except NoAnswerError as error:
                left.append(Undecided(fingerprint, detail.group.blocked, str(error)))
            except ValueError:
                raise HTTPException(400, "That is no answer.") from None
        if answers:
            until = _until(form.get("until", ""))
            service.decide_all(site, without_repeats(answers), note=form.get("note", "").strip(), until=until)
        context |= {
            "chosen": len(chosen),
            "decided": len(answers),
            "action": action,
            "left": left,
            "back_address": f"{local_path(request, '/violations')}?{_query(form.get('query', ''), site)}",
        }
        return page(request, "decided_several.html", context)

    return router


def _until(text: str) -> datetime | None:
    try:
        return parse_until(text, datetime.now(UTC)) if text else None
    except ValueError as error:
        raise HTTPException(409, str(error)) from None


def _query(said: str, site: str) -> str:
    """The list that the reader came from; whatever it says, it is the list of this site."""
    try:
        members = dict(parse_qsl(said, max_num_fields=32))
    except ValueError:
        members = {}
    return urlencode({**members, "site": site})
