"""Cases of the oracle: a page with its policy, and the one thing that it tries."""

from __future__ import annotations

import enum
import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random


class Kind(enum.StrEnum):
    """What a resource is served as."""

    SCRIPT = "script"
    WORKER = "worker"
    SHARED_WORKER = "shared worker"
    STYLE = "style"
    IMAGE = "image"
    DOCUMENT = "document"
    EVENTS = "events"
    OTHER = "other"


class Proof(enum.StrEnum):
    """What shows that a browser let something happen; the lack of it, beside a violation, that it did not."""

    REQUESTED = "requested"
    """The request, behind redirects the last one, reached the server."""

    RAN = "ran"
    """The code ran, or the style applied."""

    REQUESTED_AND_RAN = "requested and ran"
    THREW = "threw"
    """The browser read what cannot be read, and said so."""

    LOADED = "loaded"
    """The element said so: for what needs no request."""

    ARRIVED = "arrived"
    """A document of the resource came into being in a frame."""

    BASE = "base"
    """The base URL of the document became another."""

    FRAMED = "framed"
    """The document itself came into being inside the harness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One page, complete."""

    id: str
    """The name of the trial, the seed and a number."""

    headers: tuple[str, ...]
    """Values of Content-Security-Policy, a header each."""

    page: str
    """Without query."""

    question: Mapping[str, object]
    """As `match --batch` takes it."""

    proof: Proof
    trial: Mapping[str, object]
    """What the script of the page does."""

    markup: str = ""
    serves: Kind = Kind.OTHER
    redirect: str | None = None
    redirect_status: int = 302
    harness: str | None = None
    """Origin of the framing page, where that matters."""

    is_silent: bool = False
    """Some browser tells no page that it blocked this: there a failure without a request is the sign."""

    @property
    def kind(self) -> str:
        """The name of the trial, which the id begins with."""
        return self.id.rsplit("-", 2)[0]

    @property
    def url(self) -> str:
        return f"{self.page}?page={self.id}"

    @property
    def directive(self) -> str:
        return str(self.question["directive"])

    def document(self) -> str:
        """The page as served; the trial stands in it as data, which no policy governs."""
        trial = html.escape(json.dumps(self.trial))
        return f'<!doctype html><meta name="trial" content="{trial}"><body>{self.markup}</body>'


# A case from chance and its id.
Maker = Callable[[Random, str], Case]
