"""Errors of the interface: always JSON, one sentence, and for a request of a wrong form what is wrong where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from collector.review.api.answering import json_answer
from policybuilder.decisions import DecisionAction
from policybuilder.errors import CspbuildError, ExitCode

_MAX_SENTENCE = 1_000
"""Characters: a sentence may repeat what was sent."""

_MAX_NAME = 80
"""Characters of a member's name, which may be anybody's."""

_MAX_PROBLEMS = 20
"""A body has room for thousands."""

_FACES = {ExitCode.ENVIRONMENT: HTTPStatus.SERVICE_UNAVAILABLE}


def error_answer(
    status: int, sentence: str, headers: Mapping[str, str] | None = None, **more: Sequence[Mapping[str, str]]
) -> Response:
    """The answer of a request that failed."""
    return json_answer({"error": sentence[:_MAX_SENTENCE], **more}, status, headers)


async def on_http_error(_request: Request, error: HTTPException) -> Response:
    """Of a request that was refused, also for a path or method that there is not."""
    if error.status_code == HTTPStatus.BAD_REQUEST:
        # The framework's, for a body that is not even text.
        return _wrong({"where": "body", "what": "no JSON"})
    own = _SENTENCES.get(error.status_code) if error.detail in _PHRASES else None
    return error_answer(error.status_code, own or str(error.detail), error.headers)


_SENTENCES = {
    404: "there is nothing here; GET /api/openapi.json says what there is",
    405: "this is not answered in that way; Allow says in which",
}
_PHRASES = frozenset(HTTPStatus(status).phrase for status in _SENTENCES)
"""The framework's own words."""


async def on_operators_error(_request: Request, error: CspbuildError) -> Response:
    """Of what an operator can put right: 409 for what cannot be as things are, 503 where the database failed."""
    return error_answer(_FACES.get(error.exit_code, HTTPStatus.CONFLICT), str(error))


class WrongRequestError(Exception):
    """A part of a request that has its form, and still means nothing."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where
        self.what = what


async def on_wrong_request(_request: Request, error: WrongRequestError) -> Response:
    """Of a request that means nothing."""
    return _wrong({"where": error.where, "what": error.what})


async def on_wrong_form(_request: Request, error: RequestValidationError) -> Response:
    """Of a request that does not have its form. What was sent is not repeated: it may hold a secret."""
    return _wrong(*({"where": _where(each), "what": _what(each)} for each in error.errors()[:_MAX_PROBLEMS]))


def _wrong(*problems: Mapping[str, str]) -> Response:
    first = problems[0]
    return error_answer(HTTPStatus.UNPROCESSABLE_ENTITY, f"{first['where']}: {first['what']}", problems=problems)


async def on_our_bug(_request: Request, _error: Exception) -> Response:
    """Of a bug of ours, which is logged."""
    return error_answer(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here; the log says what")


def _where(problem: Mapping[str, Any]) -> str:
    """Such as `query limit`; of an alternative that a body was read as, the name is left out."""
    place, *parts = problem["loc"]
    if place == "body" and parts and parts[0] in set(DecisionAction):
        del parts[0]
    return " ".join([place, *(str(part)[:_MAX_NAME] for part in parts)])


def _what(problem: Mapping[str, Any]) -> str:
    match problem["type"]:
        case "json_invalid":
            return f"no JSON: {problem['ctx']['error']}"
        case "union_tag_invalid":
            return f"write one of {problem['ctx']['expected_tags']}"
        case "union_tag_not_found":
            return "it does not say its action"
        case "extra_forbidden":
            return "there is no such member"
        case _:
            return str(problem["msg"]).removeprefix("Value error, ").replace("Input should", "it should")
