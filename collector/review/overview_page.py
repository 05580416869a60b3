"""The overview of a site: where it stands on the way to an enforced policy, what comes next, and what arrives."""

# Without the future import of annotations: FastAPI could not find `access`, a parameter, by its name.
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from collector.review.access import Access, Login, local_path
from collector.review.charts import bars
from collector.review.ingest_health import IngestHealth
from collector.review.routes import ReviewRoute
from collector.review.service import ReviewService
from collector.review.site_frame import frame
from collector.review.templating import page
from collector.review.visits import last_visit, remember_visit
from policybuilder.deployments import Deployment
from policybuilder.summary import APART_CLASSES
from policybuilder.workflow import Standing, Step, WorkflowStage

_STEPS = {
    Step.OBSERVE: "Observe",
    Step.SUGGEST: "Suggest",
    Step.TRY: "Try",
    Step.ENFORCE: "Enforce",
    Step.NARROW: "Narrow",
}

_STAGES = {
    WorkflowStage.NOTHING_ARRIVES: "Nothing arrives yet",
    WorkflowStage.OBSERVING: "Observing",
    WorkflowStage.SUGGESTION_READY: "A policy can be suggested",
    WorkflowStage.TRIAL: "A policy is on trial",
    WorkflowStage.READY: "The policy on trial may be enforced",
    WorkflowStage.ENFORCED: "A policy is enforced",
    WorkflowStage.NARROWING: "The enforced policy can be narrowed",
}


@dataclass(frozen=True, slots=True)
class SetUp:
    """What leads to the first report."""

    header_lines: Sequence[str]
    snippet_command: str
    next_command: str
    try_path: str | None


def create_overview_router(
    service: ReviewService, access: Access, *, try_path: str | None, ingest_health: Callable[[], IngestHealth]
) -> APIRouter:
    """`/`; `try_path` is where the page for a first try is served, if it is."""
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    def overview(request: Request, login: Annotated[Login, Depends(access.require_login)], site: str = "") -> Response:
        context = frame(request, service, login, site, "overview")
        site_shown = context["site"]
        standing = service.standing(site_shown)
        set_up = None
        if standing.stage is WorkflowStage.NOTHING_ARRIVES:
            set_up = SetUp(
                header_lines=service.header_lines(site_shown),
                snippet_command=service.snippet_command(site_shown),
                next_command=service.next_command(site_shown),
                try_path=local_path(request, try_path) if try_path else None,
            )
        own: dict[str, int] = defaultdict(int)
        apart: dict[str, int] = defaultdict(int)
        for (day, kind), reports in service.daily_reports(site_shown).items():
            (apart if kind in APART_CLASSES else own)[day] += reports
        steps = list(Step)
        place = steps.index(standing.step)
        now = datetime.now(UTC)
        seen_at = last_visit(request, site_shown, now)
        context |= {
            "news": None if seen_at is None else service.news(site_shown, seen_at),
            "last_arrival": service.last_arrival(site_shown),
            "health": ingest_health(),
            "standing": standing,
            "as_of": service.as_of(site_shown, "standing"),
            "set_up": set_up,
            "stage": _STAGES[standing.stage],
            "steps": [
                (_STEPS[step], "current" if step is standing.step else "done" if number < place else "to-do")
                for number, step in enumerate(steps)
            ],
            "bars": bars(own, now.date(), apart, _reporters(standing)),
            "served": [
                (title, deployment, isinstance(deployment, Deployment))
                for title, deployment in (("Enforced", standing.enforced), ("On trial", standing.trial))
                if deployment is not None
            ],
        }
        response = page(request, "overview.html", context)
        if request.method == "GET":
            remember_visit(request, response, site_shown, now)
        return response

    return router


def _reporters(standing: Standing) -> dict[str, int]:
    """Client networks by day, those of rehearsals left out."""
    return {f"{day}": seen.networks for day, seen in standing.record.exposure.days.items()}
