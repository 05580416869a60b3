"""Describing: the OpenAPI document of the interface, made when it is first asked for."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from collector.review.access import SECURE_COOKIE
from collector.review.api.gate import CSRF_HEADER

_DESCRIPTION = f"""\
What the review pages show and take, for programs.

Every request needs the admin token of `CSP_ADMIN_TOKEN` as `Authorization: Bearer TOKEN`, or the session cookie of a \
browser that has logged in. A write by session must come from a page of this very origin, and carry the session’s \
token as `{CSRF_HEADER}`. Wrong tokens are counted by client network, and soon answered 429.

Answers are JSON in ASCII and are never stored. Names and keys stay as they are; new keys may be added. Errors are \
`{{"error": "one sentence"}}`, whatever went wrong. Each GET answers HEAD, too.
"""

_TAGS = [
    {"name": "Sites", "description": "Which sites there are, where each stands, and the policy that is suggested."},
    {"name": "Evidence", "description": "What browsers reported."},
    {"name": "Decisions", "description": "What people answered."},
    {"name": "Deployments", "description": "What a site serves, at which stage, since when."},
    {"name": "Interface", "description": "The interface itself."},
]

_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "The admin token, `CSP_ADMIN_TOKEN`."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SECURE_COOKIE,
        "description": "The session of a browser; over plain http on the collector’s own machine, `csp_session`.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": CSRF_HEADER,
        "description": "The session’s own token, from `GET /api/session`.",
    },
}

SCHEMAS = "#/components/schemas/"
RESPONSES = "#/components/responses/"
_UNUSED = ("HTTPValidationError", "ValidationError")
"""The framework's own shape of errors, which nothing here has."""


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, but for where the service is reached."""
    document = get_openapi(
        title="CSP reports",
        version=importlib.metadata.version("cspbuild"),
        description=_DESCRIPTION,
        routes=app.routes,
        tags=_TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    components = document["components"]
    schemas = components["schemas"]
    for name in _UNUSED:
        schemas.pop(name, None)
    for schema in _titled(schemas):
        del schema["title"]
    components["securitySchemes"] = _SCHEMES
    shared: dict[str, Any] = {}
    components["responses"] = shared
    for method, operation in operations_of(document):
        by_session = ["session"] if method == "get" else ["session", "csrf"]
        operation["security"] = [{"token": []}, {scheme: [] for scheme in by_session}]
        summary, _, description = operation.pop("description").partition("\n\n")
        operation["summary"] = " ".join(summary.split()).removesuffix(".")
        if description:
            operation["description"] = " ".join(description.split())
        for schema in _titled(operation):
            del schema["title"]
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _without_null(parameter["schema"])
        operation["responses"] = dict(_responses(operation["responses"], schemas, shared))
    return document


def operations_of(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation with its method."""
    for path in document["paths"].values():
        yield from path.items()


def _responses(
    given: dict[str, Any], schemas: dict[str, Any], shared: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """An operation's responses: what succeeds says what it holds, and errors are said once for all operations."""
    for status, response in given.items():
        schema = response["content"]["application/json"]["schema"]
        name = schema.get("$ref", "").removeprefix(SCHEMAS)
        if name == "Error":
            shared.setdefault(f"Error{status}", response)
            yield status, {"$ref": f"{RESPONSES}Error{status}"}
        elif name not in _UNUSED:
            yield status, {**response, "description": schemas.get(name, {}).get("description", "What was asked for.")}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is not given is left out: an address has no null."""
    match schema.get("anyOf"):
        case [alternative, {"type": "null"}]:
            return {**{name: value for name, value in schema.items() if name != "anyOf"}, **alternative}
        case _:
            return schema


def _titled(node: Any) -> Iterator[dict[str, Any]]:
    """Every schema with a title, which only says again the name that stands before it."""
    if isinstance(node, dict):
        if isinstance(node.get("title"), str):
            yield node
        for member in node.values():
            yield from _titled(member)
    elif isinstance(node, list):
        for member in node:
            yield from _titled(member)
