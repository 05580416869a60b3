"""Login and logout pages."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from collector.review.access import NO_STORE, Access, cookie_name, local_path, require_same_origin
from collector.review.forms import form_fields
from collector.review.routes import ReviewRoute
from collector.review.templating import page

Form = Annotated[dict[str, str], Depends(form_fields)]

WRONG_LINK = "This link has been used already, or is older than ten minutes."
WRONG_TOKEN = "That is not the admin token."  # noqa: S105 -- a sentence, no secret
NO_SAFE_COOKIE = (
    "Open this page over https, or on the collector's own machine: "
    "over plain http anybody on the way could read the session."
)


def create_login_router(access: Access) -> APIRouter:
    """`/login` and `/logout`, for the keys of `access`."""
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)

    def login_page(request: Request, *, problem: str = "", link_token: str = "", status: int = 200) -> Response:
        if cookie_name(request) is None:
            problem, link_token, status = NO_SAFE_COOKIE, "", 403
        context = {
            "problem": problem,
            "link_token": link_token,
            "has_admin_token": access.has_admin_token,
            "can_log_in": cookie_name(request) is not None,
        }
        return page(request, "login.html", context, status=status)

    @router.api_route("/login", methods=["GET", "HEAD"])
    def show_login(request: Request, token: str = "") -> Response:
        if not token and access.session(request) is not None:
            return RedirectResponse(local_path(request, "/"), 303, NO_STORE)
        # Not checked here: only the post may use a link up, and nobody learns from this page whether it is good.
        return login_page(request, link_token=token)

    @router.post("/login", dependencies=[Depends(require_same_origin)])
    def log_in(request: Request, form: Form) -> Response:
        if cookie_name(request) is None:
            return login_page(request)
        if not _is_right(access, form):
            if wait := access.retry_after(request):
                raise HTTPException(
                    429, f"Too many wrong answers. Try again in {wait} seconds.", {"Retry-After": str(wait)}
                )
            access.record_failure(request)
            problem = WRONG_LINK if form.get("link_token") else WRONG_TOKEN
            return login_page(request, problem=problem, status=403)
        response = RedirectResponse(local_path(request, "/"), 303, NO_STORE)
        access.open_session(request, response)
        return response

    @router.post("/logout", dependencies=[Depends(require_same_origin)])
    def log_out(request: Request, form: Form) -> Response:
        session = access.session(request)
        if session and not hmac.compare_digest(form.get("csrf_token", "").encode(), session.csrf_token.encode()):
            raise HTTPException(403, "This form is not of your session. Go back, reload the page, and try again.")
        response = RedirectResponse(local_path(request, "/login"), 303, NO_STORE)
        access.close_session(request, response)
        return response

    return router


def _is_right(access: Access, form: dict[str, str]) -> bool:
    if link_token := form.get("link_token"):
        return access.redeem_login_token(link_token)
    return access.is_admin_token(form.get("admin_token", ""))
