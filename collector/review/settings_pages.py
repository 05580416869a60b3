"""The settings of a site: its hosts, aliases, keys and limits, on and off; and all that is kept of it, out or away."""

# Without the future import of annotations: FastAPI could not find `access`, a parameter, by its name.
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from collector.review.access import NO_STORE, Access, Login, require_same_origin
from collector.review.decision_pages import check_it_is_the_sessions
from collector.review.forms import form_fields
from collector.review.keeper import NewKeys, SiteKeeper
from collector.review.routes import ReviewRoute
from collector.review.service import ReviewService
from collector.review.site_frame import address_of, frame
from collector.review.templating import page
from policybuilder.errors import CspbuildError
from policybuilder.store.growth import NEW_GROUPS_PER_HOUR
from policybuilder.store.site_settings import Default, NoHostLeftError, OutOfRangeError, SiteChanges
from policybuilder.store.sites import DEFAULT_RETENTION_DAYS, DEFAULT_SITE, parse_alias

Form = Annotated[dict[str, str], Depends(form_fields)]

_LIMITS = {
    "retention_days": "Days kept",
    "new_groups_per_hour": "New violations an hour",
    "reports_per_second": "Reports a second",
}

_SAVED = {
    "hosts": "The document hosts are saved. Reports that come in from now on are read by them, within five seconds.",
    "aliases": "The aliases are saved. Reports that come in from now on are read by them, within five seconds.",
    "keys": "A new key is made. The old ones stay live until you revoke them.",
    "revoked": "The old keys are revoked: within five seconds they answer 404.",
    "limits": "The limits are saved. A running collector goes by them within five seconds.",
    "on": "The site is on: its keys are answered again.",
    "off": "The site is off: within five seconds its keys answer 404. Its evidence stays.",
    "erased": "All that was kept of the site is erased.",
}


class _UnsureError(CspbuildError):
    """A dangerous step without its tick."""


def create_settings_router(service: ReviewService, access: Access, keeper: SiteKeeper) -> APIRouter:
    """`/settings`, and what it posts to."""
    router = APIRouter(route_class=ReviewRoute, include_in_schema=False)

    @router.api_route("/settings", methods=["GET", "HEAD"])
    def settings(
        request: Request, login: Annotated[Login, Depends(access.require_login)], site: str = "", saved: str = ""
    ) -> Response:
        context = _frame(request, service, login, site)
        return _page(request, keeper, context, saved=_SAVED.get(saved, ""))

    def changing(part: str, change: Callable[[str, dict[str, str]], str]) -> None:
        """The form of a part of the page: `change` makes it, and names what to say then."""

        def post(request: Request, login: Annotated[Login, Depends(access.require_login)], form: Form) -> Response:
            check_it_is_the_sessions(login, form)
            context = _frame(request, service, login, form.get("site", ""))
            try:
                saved = change(context["site"], form)
            except CspbuildError as error:
                return _page(request, keeper, context, part=part, typed=form, problem=_in_our_words(error))
            address = address_of(request, "/settings", context["site"], saved=saved)
            return RedirectResponse(f"{address}#{part}", 303, NO_STORE)

        router.post(f"/settings/{part}", dependencies=[Depends(require_same_origin)])(post)

    changing("hosts", lambda site, form: _change(keeper, site, _hosts(form), "hosts"))
    changing("aliases", lambda site, form: _change(keeper, site, _aliases(form), "aliases"))
    changing("limits", lambda site, form: _change(keeper, site, _limits(form), "limits"))
    changing("keys", lambda site, form: _rotate(keeper, site, form))
    changing("switch", lambda site, form: _switch(keeper, site, form))

    def making(path: str, part: str, make: Callable[[str, dict[str, str]], NewKeys]) -> None:
        """A form whose answer shows a rehearsal key: this once, since only its digest is kept."""

        def post(request: Request, login: Annotated[Login, Depends(access.require_login)], form: Form) -> Response:
            check_it_is_the_sessions(login, form)
            context = _frame(request, service, login, form.get("site", ""))
            try:
                made = make(context["site"], form)
            except CspbuildError as error:
                return _page(request, keeper, context, part=part, typed=form, problem=_in_our_words(error))
            context = _frame(request, service, login, made.site.name) | {
                "made": made,
                "is_new_site": part == "add",
                "report_url": keeper.report_url,
                "address": address_of(request, "/settings", made.site.name),
                "set_up_address": address_of(request, "/setup", made.site.name),
            }
            return page(request, "new_keys.html", context)

        router.post(path, dependencies=[Depends(require_same_origin)])(post)

    making("/settings/rehearsal", "rehearsal", lambda site, form: _rotate_rehearsal(keeper, site, form))
    making("/settings/add", "add", lambda _, form: _add(keeper, form))

    @router.api_route("/settings/erase", methods=["GET", "HEAD"])
    def ask(request: Request, login: Annotated[Login, Depends(access.require_login)], site: str = "") -> Response:
        return _erase_page(request, _frame(request, service, login, site))

    @router.post("/settings/erase", dependencies=[Depends(require_same_origin)])
    def erase(request: Request, login: Annotated[Login, Depends(access.require_login)], form: Form) -> Response:
        check_it_is_the_sessions(login, form)
        context = _frame(request, service, login, form.get("site", ""))
        site = context["site"]
        if form.get("name", "").strip() != site:
            problem = f"{form.get('name', '')!r} is not {site!r}, so nothing was erased"
            return _erase_page(request, context, typed=form.get("name", ""), problem=problem)
        keeper.erase(site)
        return RedirectResponse(address_of(request, "/settings", _left(site, service), saved="erased"), 303, NO_STORE)

    @router.get("/settings/export")
    def export(request: Request, login: Annotated[Login, Depends(access.require_login)], site: str = "") -> Response:
        name = _frame(request, service, login, site)["site"]
        headers = {"Content-Disposition": f'attachment; filename="{name}.jsonl"', **NO_STORE}
        return StreamingResponse(keeper.export(name), media_type="application/x-ndjson", headers=headers)

    return router


def _frame(request: Request, service: ReviewService, login: Login, site: str) -> dict[str, Any]:
    """Other sites have these pages too, but what was posted here is of this one."""
    context = frame(request, service, login, site, "settings")
    context["sites"] = [(name, address_of(request, "/settings", name)) for name, _ in context["sites"]]
    return context


def _left(site: str, service: ReviewService) -> str:
    return site if site in service.sites() else DEFAULT_SITE


def _page(
    request: Request,
    keeper: SiteKeeper,
    context: dict[str, Any],
    *,
    part: str = "",
    typed: dict[str, str] | None = None,
    problem: str = "",
    saved: str = "",
) -> Response:
    """The page; with the `problem` in the part of it whose form was refused, which keeps what was typed."""
    now = datetime.now(UTC)
    context |= {
        "settings": keeper.settings(context["site"]),
        "report_url": keeper.report_url,
        "age": lambda at: _age((now - at).total_seconds()),
        "part": part,
        "typed": lambda of, name, otherwise="": typed.get(name, "") if typed and of == part else otherwise,
        "problem": problem,
        "saved": saved,
        "usual": {"retention_days": DEFAULT_RETENTION_DAYS, "new_groups_per_hour": NEW_GROUPS_PER_HOUR},
        "labels": _LIMITS,
        "is_default": context["site"] == DEFAULT_SITE,
        "set_up_address": address_of(request, "/setup", context["site"]),
        "erase_address": address_of(request, "/settings/erase", context["site"]),
        "export_address": address_of(request, "/settings/export", context["site"]),
    }
    return page(request, "settings.html", context, status=409 if problem else 200)


def _erase_page(request: Request, context: dict[str, Any], *, typed: str = "", problem: str = "") -> Response:
    context |= {
        "typed": typed,
        "problem": problem,
        "is_default": context["site"] == DEFAULT_SITE,
        "address": address_of(request, "/settings", context["site"]),
        "export_address": address_of(request, "/settings/export", context["site"]),
    }
    return page(request, "erase.html", context, status=409 if problem else 200)


def _age(seconds: float) -> str:
    """How old something is, in the largest unit that fits."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if (number := int(seconds // length)) > 0:
            return f"{number:,} {unit}{'' if number == 1 else 's'}"
    return "less than a minute"


def _in_our_words(error: CspbuildError) -> str:
    """What is wrong, without the options of a command line."""
    match error:
        case OutOfRangeError():
            label = _LIMITS.get(error.option.removeprefix("--").replace("-", "_"), error.option)
            return f"{label}: {error.value} is out of range; write a number from {error.least} to {error.most}"
        case NoHostLeftError():
            return "without its last host the site would accept any; if that is meant, say so below"
        case _:
            return str(error)


def _change(keeper: SiteKeeper, site: str, changes: SiteChanges, saved: str) -> str:
    keeper.change(site, changes)
    return saved


def _require_sure(form: dict[str, str], what: str) -> None:
    if form.get("sure") != "yes":
        raise _UnsureError(f"tick the box to {what}")


def _several(text: str) -> tuple[str, ...]:
    """Hosts as people list them: by spaces, commas or lines."""
    return tuple(word for word in re.split(r"[\s,]+", text) if word)


def _hosts(form: dict[str, str]) -> SiteChanges:
    match form.get("action", ""):
        case "add":
            hosts = _several(form.get("host", ""))
            if not hosts:
                raise CspbuildError("write a host, such as shop.example or *.shop.example")
            return SiteChanges(added_hosts=hosts)
        case "remove":
            return SiteChanges(removed_hosts=(form.get("host", ""),))
        case "any":
            _require_sure(form, "take reports from pages of any host")
            return SiteChanges(accepts_any_host=True)
        case _:
            raise HTTPException(400, "That is no change of hosts.")


def _aliases(form: dict[str, str]) -> SiteChanges:
    alias, host = form.get("alias", "").strip(), form.get("host", "").strip()
    match form.get("action", ""):
        case "add":
            if not alias or not host:
                raise CspbuildError("write both: the host that stands in, and the one it stands for")
            return SiteChanges(aliases=(parse_alias(f"{alias}={host}"),))
        case "remove":
            return SiteChanges(removed_aliases=(alias,))
        case _:
            raise HTTPException(400, "That is no change of aliases.")


def _limits(form: dict[str, str]) -> SiteChanges:
    days, groups, reports = (_limit(name, form.get(name, "")) for name in _LIMITS)
    return SiteChanges(retention_days=days, new_groups_per_hour=groups, reports_per_second=reports)


def _limit(name: str, text: str) -> int | Default:
    text = text.strip()
    if not text:
        return Default.DEFAULT
    # Longer ones are out of range too, and Python refuses to read the longest.
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise CspbuildError(f"{_LIMITS[name]}: {text!r} is no whole number; leave it empty for the usual")
    return int(text)


def _rotate(keeper: SiteKeeper, site: str, form: dict[str, str]) -> str:
    match form.get("action", ""):
        case "new":
            keeper.rotate(site, revoke_old=False)
            return "keys"
        case "revoke":
            _require_sure(form, "revoke the old keys")
            keeper.rotate(site, revoke_old=True)
            return "revoked"
        case _:
            raise HTTPException(400, "That is no change of keys.")


def _rotate_rehearsal(keeper: SiteKeeper, site: str, form: dict[str, str]) -> NewKeys:
    _require_sure(form, "end the old rehearsal keys")
    return keeper.rotate_rehearsal(site)


def _switch(keeper: SiteKeeper, site: str, form: dict[str, str]) -> str:
    match form.get("action", ""):
        case "on":
            keeper.switch(site, active=True)
            return "on"
        case "off":
            _require_sure(form, "switch the site off")
            keeper.switch(site, active=False)
            return "off"
        case _:
            raise HTTPException(400, "That is neither on nor off.")


def _add(keeper: SiteKeeper, form: dict[str, str]) -> NewKeys:
    return keeper.add(form.get("name", "").strip(), _several(form.get("hosts", "")), _several(form.get("aliases", "")))
