"""The frame of a site's pages: which site is shown, and the ways to its other pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from fastapi import HTTPException, Request

from collector.review.access import Login, local_path
from collector.review.service import ReviewService
from policybuilder.listing import ALARMING

_TABS = (
    ("overview", "Overview", "/"),
    ("violations", "Violations", "/violations"),
    ("suggestion", "Policy", "/suggestion"),
    ("initiators", "Initiators", "/initiators"),
    ("scripts", "Scripts", "/scripts"),
    ("decisions", "Decisions", "/decisions"),
    ("deployments", "Deployments", "/deployments"),
    ("settings", "Settings", "/settings"),
)


def site_of(sites: Sequence[str], asked: str) -> str:
    """The site to show, the first where none is asked for; raises 404 for an unknown one, or where there is none."""
    if not sites:
        raise HTTPException(404, "No site is registered. Type: cspbuild site add NAME --host HOST")
    if asked and asked not in sites:
        raise HTTPException(404, f"No site is called {asked!r}.")
    return asked or sites[0]


def address_of(request: Request, path: str, site: str, **more: str) -> str:
    """Where a page of the site is."""
    return f"{local_path(request, path)}?{urlencode({'site': site, **more})}"


def tabs(request: Request, site: str, tab: str) -> Mapping[str, Any]:
    """The ways between a site's pages, for the template; `tab` is the one that is shown."""
    shown = [(name, title, address_of(request, path, site)) for name, title, path in _TABS]
    return {"tab": tab, "tabs": shown, "overview_address": shown[0][2], "violations_address": shown[1][2]}


def frame(request: Request, service: ReviewService, login: Login, asked: str, tab: str) -> dict[str, Any]:
    """What the template of every page of a site needs."""
    sites = tuple(service.sites())
    site = site_of(sites, asked)
    path = request.url.path.removeprefix(request.scope.get("root_path", "").rstrip("/"))
    if request.method == "POST" or path.startswith("/group/"):
        # What is posted to shows nothing when it is asked for, and a group is of one site alone.
        path = next(address for name, _, address in _TABS if name == tab)
    return {
        "site": site,
        "sites": [(name, address_of(request, path, name)) for name in sites],
        "session": login.session,
        **alarming(request, service, site),
        **tabs(request, site, tab),
    }


def alarming(request: Request, service: ReviewService, site: str) -> Mapping[str, Any]:
    """What looks like an attack, for the top of every page; asked for when a page is made of it."""
    return {
        "alarm": partial(service.alarm, site),
        "alarming_address": address_of(request, "/violations", site, noise="1", **ALARMING.query()),
        "group_address": lambda fingerprint: address_of(request, f"/group/{fingerprint}", site),
    }
