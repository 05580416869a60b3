"""Forms: what a browser posts from the review pages, read with bounds."""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import HTTPException, Request

from collector.review.access import NO_STORE

MAX_FORM_BYTES = 16 * 1024
MAX_POLICY_FORM_BYTES = 64 * 1024
"""Servers and proxies keep all response headers in 8 KiB or so, of which a form writes some characters as three."""

MAX_FIELDS = 128
"""A page of violations, each chosen, and what is decided of them."""

FORM_TYPE = "application/x-www-form-urlencoded"


async def read_body(request: Request, max_bytes: int = MAX_FORM_BYTES) -> bytes:
    """The body; raises 413 for one that no page of ours sends."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise HTTPException(413, f"the form is larger than {max_bytes} bytes", NO_STORE)
    return bytes(body)


async def form_pairs(request: Request) -> list[tuple[str, str]]:
    """Dependency: the posted fields in their order; raises 415, 413 or 400."""
    return await _read_pairs(request, MAX_FORM_BYTES)


async def _read_pairs(request: Request, max_bytes: int) -> list[tuple[str, str]]:
    """The posted fields in their order; raises 415, 413 or 400.

    Starlette's own reader of forms needs a multipart parser, which nothing here has a use for.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise HTTPException(415, f"post the form as {FORM_TYPE}", NO_STORE)
    body = await read_body(request, max_bytes)
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise HTTPException(400, "the form cannot be read", NO_STORE) from None


async def form_fields(request: Request) -> dict[str, str]:
    """Dependency: the posted fields, the last of equal names; raises as `form_pairs` does."""
    return dict(await form_pairs(request))


async def policy_form_fields(request: Request) -> dict[str, str]:
    """Dependency: the same of a form with a policy in it, which may be longer."""
    return dict(await _read_pairs(request, MAX_POLICY_FORM_BYTES))
