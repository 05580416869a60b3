"""The review service: what the pages need to know, from whoever knows it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from policybuilder.csp import PolicyList
from policybuilder.deciding import Answer
from policybuilder.decisions import Decision
from policybuilder.deployments import Deployment, ServedStage
from policybuilder.evidence import EvidenceClass
from policybuilder.explaining import Explanation
from policybuilder.listing import Alarm, Filter, Listing, Place
from policybuilder.loading import Loader
from policybuilder.noticing import NoticedDeployment
from policybuilder.readiness.values import Readiness
from policybuilder.scripts import ReportedScript
from policybuilder.store.detail import GroupDetail
from policybuilder.store.news import News
from policybuilder.store.sites import Site
from policybuilder.suggestion.values import Suggestion
from policybuilder.summary import Summary, SummaryBy
from policybuilder.workflow import Standing


class ReviewService(Protocol):
    """Reads for the review pages. Every method may wait for a database; pages call them in threads.

    A `CspbuildError` becomes a page saying its sentence.
    """

    def sites(self) -> Sequence[str]:
        """Names of all sites, in the order to show them; the first is shown when none is asked for."""
        ...

    def as_of(self, site: str, *asked: Hashable) -> datetime | None:
        """When such an answer was found that was given last: None where that was just then.

        What is asked is the method and its arguments in their order: "summary", by, include_noise.
        """
        ...

    def summary(self, site: str, *, by: SummaryBy, include_noise: bool) -> Summary:
        """What the browsers of `site` reported."""
        ...

    def listing(self, site: str, wanted: Filter, *, include_noise: bool, after: Place | None, limit: int) -> Listing:
        """The first violations after a place in the list that the filter admits, and how old the list is."""
        ...

    def header_lines(self, site: str) -> Sequence[str]:
        """The header lines to send from `site` now, each as `Name: value`."""
        ...

    def next_command(self, site: str) -> str:
        """The command to type next for `site`."""
        ...

    def snippet_command(self, site: str) -> str:
        """The command that prints the same headers as the lines of a server's configuration."""
        ...

    def alarm(self, site: str) -> Alarm | None:
        """What looks like an attack and waits for a person, if anything does; as far as it is listed."""
        ...

    def standing(self, site: str) -> Standing:
        """Where the site stands on the way, and what comes next."""
        ...

    def readiness(self, site: str) -> Readiness:
        """May the policy on trial, or else the suggested one, be enforced?"""
        ...

    def daily_reports(self, site: str) -> Mapping[tuple[str, EvidenceClass], int]:
        """Reports of the last two months by day and class."""
        ...

    def news(self, site: str, since: datetime) -> News:
        """What was reported for the first time since then."""
        ...

    def last_arrival(self, site: str) -> datetime | None:
        """When a violation was last reported; None where none is stored."""
        ...

    def loaders(self, site: str) -> Sequence[Loader]:
        """What loads what, from the site's pages by way of others' code."""
        ...

    def detail(self, site: str, fingerprint: str) -> GroupDetail | None:
        """All that is kept of a group; None where there is none of this fingerprint."""
        ...

    def explanation(self, site: str, detail: GroupDetail) -> Explanation:
        """Why a group’s reports came, and what it would take to allow what they name."""
        ...

    def suggestion(self, site: str) -> Suggestion | None:
        """The policy that the evidence speaks for; None where there is no evidence."""
        ...

    def scripts(self, site: str) -> Sequence[ReportedScript]:
        """External scripts with the digests that browsers reported, alarming ones first."""
        ...

    def decisions(self, site: str) -> Sequence[Decision]:
        """Every answer that was ever given, newest first."""
        ...

    def decide(
        self, site: str, make: Callable[[Sequence[Decision]], Answer], *, note: str, until: datetime | None
    ) -> Decision:
        """Keep the answer that `make` makes beside those that stand. Raises CspbuildError where it cannot be kept."""
        ...

    def decide_all(self, site: str, answers: Sequence[Answer], *, note: str, until: datetime | None) -> None:
        """Keep answers, all or none. Raises CspbuildError where they cannot be kept."""
        ...

    def undo(self, site: str, number: int) -> Decision:
        """Take an answer back. Raises CspbuildError where none of this number stands."""
        ...

    def registered(self) -> Sequence[Site]:
        """All sites, by name."""
        ...

    def deployments(self, site: str) -> tuple[Sequence[Deployment], Sequence[NoticedDeployment]]:
        """What was recorded, oldest first, and what reports come under besides."""
        ...

    def record_deployment(
        self,
        site: str,
        policies: PolicyList,
        stage: ServedStage,
        *,
        since: str | None,
        views_per_day: int | None,
        note: str,
    ) -> Deployment:
        """Keep that the site serves these policies, now or since a time. Raises CspbuildError where that cannot be."""
        ...
