"""The page of one group: what happened, why, what would allow it, and the answers a person may give."""

# Without the future import of annotations: FastAPI could not find `access`, a parameter, by its name.
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from collector.review.access import Access, Login
from collector.review.charts import bars
from collector.review.routes import ReviewRoute
from collector.review.service import ReviewService
from collector.review.site_frame import frame
from collector.review.templating import page
from collector.review.wording import what_became_of_it, what_happened, which_browsers
from policybuilder.csp import SampleExtent, Violation
from policybuilder.deciding import CLASSES
from policybuilder.evidence import MEANINGS, EvidenceClass
from policybuilder.store.detail import GroupDetail
from policybuilder.suggestion.candidates import PARENTS
from policybuilder.summary import source_of

_ASKED = frozenset({EvidenceClass.GENUINE, EvidenceClass.CONTRADICTION})
"""Of these a single report is asked why it came; of the others the class says so."""

NO_SUCH_GROUP = "No such violation was reported, or it was forgotten since."


def create_group_router(service: ReviewService, access: Access) -> APIRouter:
    """`/group/{fingerprint}`."""
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)

    @router.api_route("/group/{fingerprint}", methods=["GET", "HEAD"])
    def group(
        request: Request,
        login: Annotated[Login, Depends(access.require_login)],
        fingerprint: str,
        site: str = "",
    ) -> Response:
        context = frame(request, service, login, site, "violations")
        return group_page(request, service, context, fingerprint)

    return router


def group_page(
    request: Request, service: ReviewService, context: dict[str, Any], fingerprint: str, problem: str = ""
) -> Response:
    """The page; with a `problem` where an answer could not be kept. Raises 404 for an unknown group."""
    detail = service.detail(context["site"], fingerprint) if is_fingerprint(fingerprint) else None
    if detail is None:
        raise HTTPException(404, NO_SUCH_GROUP)
    group, explanation = detail.group, service.explanation(context["site"], detail)
    change = explanation.change if group.evidence_class in _ASKED else None
    reports: dict[str, int] = defaultdict(int)
    for count in detail.days:
        reports[count.day] += count.reports
    context |= {
        "group": group,
        "happened": what_happened(group),
        "became": what_became_of_it(group),
        "browsers": which_browsers(_extents(detail)),
        "meaning": MEANINGS[group.evidence_class],
        "explanation": explanation if group.evidence_class in _ASKED else None,
        "change": change,
        "expression": change.sources[0] if change and change.sources else "",
        "directive": PARENTS.get(change.directive, change.directive) if change else "",
        "pattern": source_of(group) if group.blocked else "inline",
        "classes": [each for each in CLASSES if each is not group.evidence_class],
        "bars": bars(reports, datetime.now(UTC).date()),
        "samples": [_text_of(sample) for sample in detail.samples],
        "detail": detail,
        "problem": problem,
        "status": 409 if problem else 200,
    }
    return page(request, "group.html", context, status=context["status"])


def _extents(detail: GroupDetail) -> Iterator[SampleExtent]:
    if not detail.group.blocked.startswith("trusted-types"):  # whose samples are whole in every browser
        yield detail.group.sample_extent
        yield from (sample.sample_extent for sample in detail.samples)


def is_fingerprint(text: str) -> bool:
    """Whether a text can name a group at all."""
    return len(text) == _FINGERPRINT_DIGITS and set(text) <= set("0123456789abcdef")


_FINGERPRINT_DIGITS = 32


def _text_of(sample: Violation) -> str:
    """As JSON, without what is empty."""
    members = {field.name: getattr(sample, field.name) for field in fields(sample)}
    return json.dumps({name: value for name, value in members.items() if value not in {None, ""}}, indent=2)
