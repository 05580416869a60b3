"""Templates: values of the review pages as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from collector.review.access import local_path
from collector.review.assets import ASSETS
from policybuilder.rendering.text_safety import visible
from policybuilder.times import isoformat

REVIEW_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""What the review pages may load: their stylesheet and icon, and no script at all."""

PAGE_HEADERS = {
    "Content-Security-Policy": REVIEW_POLICY,
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


def _minute(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"


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
_environment.globals.update(percent=_percent)
_environment.filters.update(count=_count, minute=_minute, iso=isoformat, visible=visible, sentence=_sentence)
_environment.filters.update(visible_lines=_visible_lines)


def render(request: Request, template: str, context: Mapping[str, Any]) -> str:
    """The text of `template`, with `path(…)` and `asset(…)` for addresses."""

    def path(local: str) -> str:
        return local_path(request, local)

    def asset(name: str) -> str:
        return path(f"/static/{ASSETS[name].name}")

    return _environment.get_template(template).render(context, path=path, asset=asset)


def page(
    request: Request,
    template: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A review page, under the review pages' own policy and never stored."""
    return HTMLResponse(render(request, template, context), status, {**PAGE_HEADERS, **(headers or {})})
