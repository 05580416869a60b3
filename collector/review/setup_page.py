"""The set-up of a site: what works already on the way from its pages to its evidence, and a report that tests it."""

# Without the future import of annotations: FastAPI could not find `access`, a parameter, by its name.
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from collector.review.access import NO_STORE, Access, Login, require_same_origin
from collector.review.decision_pages import check_it_is_the_sessions
from collector.review.forms import form_fields
from collector.review.keeper import SiteKeeper
from collector.review.routes import ReviewRoute
from collector.review.service import ReviewService
from collector.review.site_frame import address_of, frame
from collector.review.templating import page
from policybuilder import self_test
from policybuilder.errors import CspbuildError
from policybuilder.program import site_flag, typed
from policybuilder.set_up import SetUp, Sign

Form = Annotated[dict[str, str], Depends(form_fields)]

SendReport = Callable[[str, bytes], Awaitable[int]]
"""Posts a body to a key by the way that every report takes, and gives the status of the answer."""


@dataclass(frozen=True, slots=True)
class Check:
    """A line of the checklist."""

    title: str
    first_at: datetime | None
    how: str
    """How to get it, and by what it is told."""

    command: str = ""
    address: str = ""
    link: str = ""


_WORDS = {
    Sign.HEADER: (
        "Browsers see the header",
        "Send the headers from your pages, and open one. Told by a report that names its policy.",
    ),
    Sign.REPORT_URI: (
        "Violations arrive by report-uri",
        "So the policies of cspbuild report, in every browser, at once. Told by a report without an age.",
    ),
    Sign.REPORTING_API: (
        "Violations arrive by the Reporting API",
        (
            "Over https the headers hold a second policy, which reports by report-to; Chromium sends after a minute. "
            "Told by the age that the Reporting API gives each report."
        ),
    ),
    Sign.FIREFOX: (
        "Firefox reports",
        "Open a page with inline code in Firefox. Told by how it marks samples, since no user agent is kept.",
    ),
    Sign.OTHER_BROWSER: (
        "Chromium or Safari reports",
        (
            "Open the page in one of these. Told by short samples without Firefox’s mark, or by digests of scripts. "
            "Which of the two it was is not known, since no user agent is kept."
        ),
    ),
    Sign.SCRIPT_HASH: (
        "Digests of scripts arrive",
        "The second policy asks for them. Chromium sends them, over https alone.",
    ),
    Sign.REHEARSAL: (
        "A report of your own, which is trusted",
        "Send headers with the rehearsal key from staging or CI, or to your own browser.",
    ),
    Sign.VIEWS: (
        "Page views are counted",
        "Access logs say how often each page was served, which is what reports are measured against.",
    ),
    Sign.DEPLOYMENT: (
        "A deployment is recorded",
        "Evidence is read by what the site serves, so say what it does, and since when.",
    ),
}
"""Title, and how to get it, by what it is told."""

_REFUSALS = {
    HTTPStatus.NOT_FOUND: "404: the key is not answered, as the site is off or was just changed",
    HTTPStatus.TOO_MANY_REQUESTS: "429: the reports a second are used up; try again soon",
    HTTPStatus.SERVICE_UNAVAILABLE: "503: the database, or the way to it, takes nothing now",
    HTTPStatus.BAD_REQUEST: "400: no reports are taken for the host of the collector’s address; see CSP_INGEST_HOSTS",
}


def create_setup_router(
    service: ReviewService, access: Access, keeper: SiteKeeper, *, send: SendReport | None = None
) -> APIRouter:
    """`/setup`, and the test report that it sends where it knows how to `send` one."""
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)

    @router.api_route("/setup", methods=["GET", "HEAD"])
    def set_up(
        request: Request, login: Annotated[Login, Depends(access.require_login)], site: str = "", tested: str = ""
    ) -> Response:
        context = frame(request, service, login, site, "settings")
        return _page(request, service, context, keeper.set_up(context["site"]), can_test=bool(send), tested=tested)

    if send is None:
        return router

    @router.post("/setup", dependencies=[Depends(require_same_origin)])
    async def test(request: Request, login: Annotated[Login, Depends(access.require_login)], form: Form) -> Response:
        check_it_is_the_sessions(login, form)
        context = await run_in_threadpool(frame, request, service, login, form.get("site", ""), "settings")
        site = context["site"]
        before = await run_in_threadpool(keeper.set_up, site)
        try:
            problem = _problem_of(await send(await run_in_threadpool(keeper.key_to_test, site), self_test.body()))
        except CspbuildError as error:
            problem = str(error)
        found = await run_in_threadpool(keeper.set_up, site)
        if not problem and not _has_more(before, found):
            problem = "the collector took the report, and it is not in the database: it sheds what it has no room for"
        if problem:
            return await run_in_threadpool(_page, request, service, context, found, can_test=True, problem=problem)
        return RedirectResponse(f"{address_of(request, '/setup', site, tested='1')}#test", 303, NO_STORE)

    return router


def _problem_of(status: int) -> str:
    if status == HTTPStatus.NO_CONTENT:
        return ""
    return f"the collector answered {_REFUSALS.get(HTTPStatus(status), status)}"


def _has_more(before: SetUp, after: SetUp) -> bool:
    return after.test is not None and after.test.reports > (before.test.reports if before.test else 0)


def _page(
    request: Request,
    service: ReviewService,
    context: dict[str, Any],
    found: SetUp,
    *,
    can_test: bool,
    tested: str = "",
    problem: str = "",
) -> Response:
    site = context["site"]
    checks = _checks(request, site, found)
    test = found.test
    context |= {
        "checks": checks,
        "done": sum(check.first_at is not None for check in checks),
        "header_lines": service.header_lines(site) if Sign.HEADER not in found.first_at else (),
        "can_test": can_test,
        "test": test,
        "group_address": address_of(request, f"/group/{test.fingerprint}", site) if test else "",
        "is_tested": tested == "1" and test is not None,
        "problem": problem,
    }
    return page(request, "setup.html", context, status=409 if problem else 200)


def _checks(request: Request, site: str, found: SetUp) -> Sequence[Check]:
    flag = site_flag(site)
    header = f"{typed('cspbuild')} header{flag}"
    over_https = f"{header} --base-url https://…"
    commands = {
        Sign.HEADER: header,
        Sign.REPORT_URI: header,
        Sign.REPORTING_API: over_https,
        Sign.SCRIPT_HASH: over_https,
        Sign.REHEARSAL: f"{header} --rehearsal-key KEY",
        Sign.VIEWS: f"{typed('csp-collector')} views import{flag} --origin https://… access.log",
    }
    links = {
        Sign.REHEARSAL: (address_of(request, "/settings", site) + "#rehearsal", "Make a rehearsal key"),
        Sign.DEPLOYMENT: (address_of(request, "/deployments", site) + "#record", "Record what the site serves"),
    }
    return [
        Check(title, found.first_at.get(sign), how, commands.get(sign, ""), *links.get(sign, ("", "")))
        for sign, (title, how) in _WORDS.items()
    ]
