"""Requests: what may be asked and what may be sent, with its bounds. What is not named here is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StrictInt

from policybuilder.csp import Disposition
from policybuilder.deciding import CLASSES
from policybuilder.decisions import DecisionAction
from policybuilder.deploying import MAX_NOTE_CHARACTERS as MAX_DEPLOYMENT_NOTE_CHARACTERS
from policybuilder.deploying import MAX_VIEWS_PER_DAY
from policybuilder.deployments import ServedStage
from policybuilder.evidence import EvidenceClass
from policybuilder.listing import MAX_CHARACTERS, UNDECIDED
from policybuilder.store.decisions import MAX_NOTE_CHARACTERS as MAX_DECISION_NOTE_CHARACTERS
from policybuilder.summary import SummaryBy

MAX_VIOLATIONS = 1_000
"""In one answer; of more, the rest follows."""

MAX_ROWS = 10_000
"""Of a summary in one answer."""

MAX_POLICY_CHARACTERS = 32 * 1024
"""More than servers send in a header."""

_NO_NUL = r"^[^\x00]*$"
"""No database keeps one."""


def _one_of(values: Sequence[str]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in values:
            raise ValueError(f"write one of {', '.join(values)}")
        return value

    return check


_ANSWERS = [UNDECIDED, *(each.value for each in DecisionAction)]
_CLASSES = [each.value for each in CLASSES]

Text = Annotated[str, Field(max_length=2_048, pattern=_NO_NUL)]
Asked = Annotated[str, Field(max_length=MAX_CHARACTERS, pattern=_NO_NUL)]
Instant = Annotated[str, Field(max_length=40, pattern=_NO_NUL)]
DecisionNote = Annotated[str, Field(max_length=MAX_DECISION_NOTE_CHARACTERS, pattern=_NO_NUL)]
GivenAnswer = Annotated[str, AfterValidator(_one_of(_ANSWERS)), Field(json_schema_extra={"enum": _ANSWERS})]
PersonsClass = Annotated[str, AfterValidator(_one_of(_CLASSES)), Field(json_schema_extra={"enum": _CLASSES})]


class Request(BaseModel):
    """Members of an address or of a body; their docstrings are their descriptions."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


def _with_examples(*examples: dict[str, JsonValue]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class SummaryQuery(Request):
    """Which summary."""

    by: SummaryBy = SummaryBy.GROUP
    """What a row stands for."""

    noise: bool = False
    """With what no site caused, and what else no policy is made of."""

    limit: Annotated[int, Field(ge=1, le=MAX_ROWS)] = 1_000
    """Rows at most; `left_out` says how many there are besides."""


class ViolationsQuery(Request):
    """Which violations; all that is asked must hold."""

    q: Asked = ""
    """Text that stands in it somewhere, in any case: in its address, sample, source, pages, directive or name."""

    host: Asked = ""
    """The host of what was blocked; those below it are meant, too."""

    directive: Asked = ""
    """The effective directive."""

    kind: EvidenceClass | None = None
    """Its class. What is noise is only found with `noise`."""

    disposition: Disposition | None = None
    """Whether it was blocked or only reported, as far as its report tells."""

    decision: GivenAnswer | None = None
    """A person's answer that applies; `none` for those that nobody decided about."""

    page: Asked = ""
    """Text of the address of a page that reported it."""

    seen: Literal["24h", "7d", "30d"] | None = None
    """The span before now in which it was last seen."""

    new: Literal["24h", "7d", "30d"] | None = None
    """The span before now in which it was first seen."""

    noise: bool = False
    """With what no site caused, and what else no policy is made of."""

    after: Annotated[str, Field(max_length=80, pattern=r"^([0-9]+\.[0-9]+\.[0-9a-z]+)?$")] = ""
    """`next` of the answer before, for the violations that follow."""

    limit: Annotated[int, Field(ge=1, le=MAX_VIOLATIONS)] = 100
    """Violations at most."""


class NewsQuery(Request):
    """Since when."""

    since: Annotated[str, Field(min_length=1, max_length=40, pattern=_NO_NUL)]
    """A span before now, such as `7d` or `12h`, or an instant, such as `2026-11-23T10:00:00Z`."""


class DecisionsQuery(Request):
    """Which decisions."""

    all: bool = False
    """With those that were taken back."""


class _Answer(Request):
    note: DecisionNote = ""
    """Why, for whoever asks later."""

    until: Instant | None = None
    """Obeyed until the end of this day, UTC, or until this instant; null for ever."""


class _AboutSources(_Answer):
    subject: Text | None = None
    """A source expression to allow, or the pattern of what to reject or ignore: a URL, origin, host or keyword, `*` for
    anything. Either this or `loaded_by`."""

    loaded_by: Text | None = None
    """The origin whose loads to trust, or the pattern of origins whose loads to reject or ignore."""

    directive: Annotated[str, Field(max_length=40)] = ""
    """The directive it is about, one with a source list; empty for any."""


class ToAllow(_AboutSources):
    """Admit a source expression under a directive, or trust what an origin loads."""

    model_config = _with_examples(
        {"action": "allow", "subject": "https://cdn.example", "directive": "img-src", "note": "our pictures"},
        {"action": "allow", "loaded_by": "https://tags.example"},
    )

    action: Literal["allow"]


class ToRefuse(_AboutSources):
    """Reject or set aside what a pattern means, or all that such an origin loads."""

    model_config = _with_examples({"action": "reject", "subject": "*.evil.example", "until": "2099-01-31"})

    action: Literal["reject", "ignore"]


class ToClass(_Answer):
    """Say of what class a violation is."""

    model_config = _with_examples(
        {"action": "class", "subject": "0123456789abcdef0123456789abcdef", "class": "extension"}
    )

    action: Literal["class"]
    subject: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    """The violation: `group` of its row."""

    evidence_class: PersonsClass = Field(alias="class")


ToDecide = ToAllow | ToRefuse | ToClass


class ToDeploy(Request):
    """A policy that the site serves from now on, or since a time."""

    model_config = _with_examples({"policy": "default-src 'self'; img-src *", "stage": "report-only"})

    policy: Annotated[str, Field(min_length=1, max_length=MAX_POLICY_CHARACTERS, pattern=_NO_NUL)]
    stage: ServedStage
    since: Instant | None = None
    """When it began to be served, such as `2026-11-23T10:00:00Z`; null for now."""

    views_per_day: Annotated[StrictInt, Field(ge=1, le=MAX_VIEWS_PER_DAY)] | None = None
    """Page views a day that get it, where no access log says."""

    note: Annotated[str, Field(max_length=MAX_DEPLOYMENT_NOTE_CHARACTERS, pattern=_NO_NUL)] = ""
