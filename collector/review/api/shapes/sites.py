"""Shapes of what is known of a site: itself, where it stands, what it serves, what was decided."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from collector.review.api.shapes.common import Count, Instant, Remark, Shape, Window
from policybuilder.decisions import DecisionAction
from policybuilder.deployments import ServedStage
from policybuilder.evidence import EvidenceClass
from policybuilder.readiness.values import CriterionName
from policybuilder.workflow import Step, WorkflowStage

Number = Annotated[int, Field(ge=1)]
"""Counts up within the site."""


class Site(Shape):
    """A site, and what its report URLs hold."""

    name: str
    key: str
    """The newest public key that is answered; empty where all are revoked."""

    hosts: list[str]
    """Document hosts that may report, `*.` allowed; empty for any."""

    created_at: Instant
    live_keys: list[str]
    """Public keys that are answered, oldest first."""

    aliases: dict[str, str]
    """Hosts that stand for others, such as the one of a staging copy."""

    active: bool
    """False where the site is switched off."""

    retention_days: Count
    new_groups_per_hour: Count | None
    """What strangers may report for the first time in an hour; null for the collector's default."""

    reports_per_second: Count | None
    """The site's own rate limit; 0 for none, null for the collector's setting."""


class Sites(Shape):
    """The sites there are, as `cspbuild site list` lists them."""

    schema_: Literal["site/1"] = Field(alias="schema")
    sites: list[Site]


class OneSite(Site):
    """A site, as `cspbuild site show` shows it."""

    schema_: Literal["site/1"] = Field(alias="schema")


class StepOfTheWay(Shape):
    """A part of the way to an enforced policy."""

    name: Step
    state: Literal["done", "current", "to do"]


class Watched(Shape):
    """The evidence that the standing rests on."""

    reports: Count
    groups: Count
    networks: Count
    """Client networks on one day, as far as strangers' reports were counted."""

    watched_since: Instant | None


class Served(Shape):
    """A policy that the site serves."""

    number: Number | None
    """Of the deployment; null where only reports tell of it."""

    policy: str
    since: Instant
    noticed: bool
    """Whether only reports tell of it."""


class Deployment(Shape):
    """A policy that the site began to serve, as somebody recorded it."""

    number: Number
    stage: ServedStage
    policy: str
    """A list of policies where it has commas; empty where nothing was served at that stage any more."""

    since: Instant
    views_per_day: Annotated[int, Field(ge=1)] | None
    note: str
    noticed: Literal[False]


class NoticedDeployment(Shape):
    """A policy that reports come under though nobody recorded it."""

    number: None
    stage: ServedStage
    policy: str
    since: Instant
    """When it was first reported under."""

    views_per_day: None
    note: Literal[""]
    noticed: Literal[True]
    last_seen: Instant
    networks: Count
    """The most client networks that named it on one day."""

    trusted: bool
    """Whether evidence of the operator's own names it."""


class Readiness(Shape):
    """Whether the policy on trial may be enforced."""

    ready: bool
    failing: list[CriterionName]


class Standing(Shape):
    """Where a site stands, as `cspbuild status` tells it."""

    schema_: Literal["status/1"] = Field(alias="schema")
    site: str
    stage: WorkflowStage
    next: str
    """The command to type next."""

    why: str
    then: list[str]
    """The commands after it."""

    steps: list[StepOfTheWay]
    window: Window
    evidence: Watched
    held: Count
    """Sources that the suggestion could have, and a person has to see to first."""

    repairs: Count
    """Sources that believed reports ask for, and the enforced policy blocks."""

    fill_in: dict[str, str]
    """What to write in the commands in place of a word, by that word."""

    enforced: Served | None
    report_only: Served | None
    noticed: list[NoticedDeployment]
    ready: Readiness | None
    """Of the policy on trial; null where there is none."""

    alarms: list[Remark]
    causes: list[Remark]
    """Why nothing arrives, the likeliest first."""


class Deployments(Shape):
    """What was recorded, oldest first, then what reports come under besides; as `cspbuild deploy` lists it."""

    schema_: Literal["deploy/1"] = Field(alias="schema")
    deployments: list[Deployment | NoticedDeployment]


class Decision(Shape):
    """A person's answer about evidence."""

    number: Number
    action: DecisionAction
    directive: str | None
    """The one it is about; null for any."""

    subject: str | None
    """The source expression, the pattern, or the group's fingerprint; null for a decision about an initiator."""

    loaded_by: str | None
    """The origin, or the pattern of origins, whose loads it is about."""

    evidence_class: EvidenceClass | None = Field(alias="class")
    """Of a group, where the action is `class`."""

    note: str
    decided_at: Instant
    undone_at: Instant | None
    until: Instant | None
    """The last moment at which it is obeyed; null for ever."""

    expired: bool


class Decisions(Shape):
    """Decisions, oldest first, as `cspbuild decide` lists them."""

    schema_: Literal["decide/1"] = Field(alias="schema")
    decisions: list[Decision]
