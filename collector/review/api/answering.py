"""Answering: documents as JSON, in the same text as the commands print it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from collector.review.access import NO_STORE
from policybuilder.rendering.json_text import json_text

JSON_TYPE = "application/json"


def json_answer(document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A document that nobody stores; ASCII, so that no terminal of `curl` takes report text for its own."""
    body = "".join(json_text(document)) + "\n"
    return Response(body, status, {**(headers or {}), **NO_STORE}, JSON_TYPE)


def with_schema(command: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with its name and version, as the command of this name prints it."""
    return {"schema": f"{command}/1", **document}
