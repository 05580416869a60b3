"""Reports about the review pages themselves: one is a defect of theirs, or of what stands between them and a reader."""

# Without the future import of annotations: FastAPI could not find `access`, a parameter, by its name.
import logging
from collections.abc import Iterator
from contextlib import suppress

from fastapi import APIRouter, Depends, Request, Response

from collector.review.access import NO_STORE, Access
from collector.review.forms import read_body
from collector.review.routes import ReviewRoute
from collector.review.templating import OWN_REPORT_PATH
from policybuilder.reports.normalization import NormalizedViolation, normalize
from policybuilder.reports.wire import RejectedReportError, decode_body

logger = logging.getLogger(__name__)


def create_own_report_router(access: Access) -> APIRouter:
    """`/own-report`, which the pages' policy names.

    Only a reader's browser is heard, by its session, and nothing is stored: these pages are no site of anybody's.
    """
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)

    @router.post(OWN_REPORT_PATH, dependencies=[Depends(access.require_login)])
    async def own_report(request: Request) -> Response:
        for directive in _directives_in(await read_body(request)):
            # An extension of the reader's may be the cause; the directive is of use, and tells nothing of the reader.
            logger.warning(
                "a review page was kept from something by its own policy: %(directive)s", {"directive": directive}
            )
        return Response(status_code=204, headers=NO_STORE)

    return router


def _directives_in(body: bytes) -> Iterator[str]:
    with suppress(RejectedReportError):
        for report in decode_body(body).reports:
            found = normalize(report)
            if isinstance(found, NormalizedViolation):
                yield found.violation.effective_directive
