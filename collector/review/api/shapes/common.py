"""What the shapes of several answers share.

A shape says what an answer holds, for the OpenAPI document alone: answers are made by `policybuilder.documents`, and a
test holds each against its shape. New keys may be added to answers, so no shape is closed.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-11-23T10:30:00Z"])]
"""UTC, whole seconds."""

Day = Annotated[str, Field(json_schema_extra={"format": "date"}, examples=["2026-11-23"])]
"""UTC."""

Count = Annotated[int, Field(ge=0)]


class Shape(BaseModel):
    """An object of an answer; docstrings of its members are their descriptions."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Window(Shape):
    """A span of evidence."""

    since: Instant | None
    """Without a beginning it is all that is kept."""

    until: Instant


class Remark(Shape):
    """Something to know, and what to do about it."""

    code: str
    message: str
    fix: str


class Problem(Shape):
    """One thing that is wrong with a request."""

    where: str
    """Such as `query limit` or `body directive`."""

    what: str


class Error(Shape):
    """Why a request was not answered."""

    error: str
    """One sentence for people."""

    problems: list[Problem] = Field(default_factory=list)
    """Of a request that does not have its form: what is wrong; bounded."""


class Session(Shape):
    """Who asks, and what a browser's script needs to write."""

    schema_: Literal["session/1"] = Field(alias="schema")
    login: Literal["session", "token"]
    csrf_token: str | None
    """What goes into the header `X-CSRF-Token`; none where the admin token was sent."""

    expires_at: Instant | None
    """When the session ends."""
