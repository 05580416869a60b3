"""Templates: values of the review pages as HTML."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from collector.review.access import local_path
from collector.review.assets import ASSETS
from policybuilder.rendering.text_safety import visible
from policybuilder.stages import ENFORCED
from policybuilder.times import isoformat

_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'; "
    "report-uri {report_path}"
)
"""What the review pages may load: their stylesheet, icon and one script, which makes no markup of text."""

OWN_REPORT_PATH = "/own-report"

_NONCE_BYTES = 18
"""144 bits; a multiple of three, so that base64 needs no padding."""

PAGE_HEADERS = {
    "Cache-Control": "no-store",
    # The login link has its token in the address.
    "Referrer-Policy": "no-referrer",
}


def _count(number: int) -> str:
    return f"{number:,}"


def _percent(part: int, whole: int) -> str:
    """Whole percents; little is not called nothing."""
    if 0 < part * 100 < whole:
        return "under 1 %"
    return f"{100 * part // whole if whole else 0} %"


def _moment(instant: datetime | None, *, to_the_second: bool = False) -> Markup:
    """An instant in UTC, which the pages' script shows in the reader's zone; a dash for none."""
    if instant is None:
        return Markup('<span class="muted">–</span>')
    at = instant.astimezone(UTC)
    shown = f"{at:%Y-%m-%d %H:%M:%S}" if to_the_second else f"{at:%Y-%m-%d %H:%M}"
    return Markup('<time datetime="{}">{}</time>').format(isoformat(at), shown)


def _sentence(text: str) -> str:
    """A clause as a sentence of its own."""
    text = text.strip()
    if not text:
        return ""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def _visible_lines(text: str) -> str:
    """Text of several lines, what cannot be seen in each made visible."""
    return "\n".join(map(visible, text.splitlines()))


_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals.update(percent=_percent, moment=_moment)
_environment.filters.update(count=_count, visible=visible, visible_lines=_visible_lines, sentence=_sentence)


def render(request: Request, template: str, context: Mapping[str, Any], *, nonce: str = "") -> str:
    """The text of `template`, with `path(…)` for addresses and `asset(…)`, which has an `address` and an `integrity`.

    Without a `nonce` there is no script in it.
    """

    def path(local: str) -> str:
        return local_path(request, local)

    def asset(name: str) -> Mapping[str, str]:
        found = ASSETS[name]
        return {"address": path(f"/static/{found.name}"), "integrity": found.integrity}

    return _environment.get_template(template).render(context, path=path, asset=asset, nonce=nonce)


def page(
    request: Request,
    template: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A review page, under the review pages' own policy and never stored."""
    nonce = secrets.token_urlsafe(_NONCE_BYTES)
    policy = _POLICY.format(nonce=nonce, report_path=local_path(request, OWN_REPORT_PATH))
    given = {ENFORCED: policy, **PAGE_HEADERS, **(headers or {})}
    return HTMLResponse(render(request, template, context, nonce=nonce), status, given)
