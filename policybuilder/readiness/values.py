"""Readiness: what is judged before a policy is enforced, and the answer."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from policybuilder.csp import PolicyList, Verdict
from policybuilder.deployments import Deployment
from policybuilder.evidence import ViolationGroup
from policybuilder.noticing import NoticedDeployment
from policybuilder.suggestion.sorting import Grounds
from policybuilder.suggestion.trust import Thresholds
from policybuilder.suggestion.values import Suggestion, SuggestionFinding
from policybuilder.times import Window
from policybuilder.views import Views
from policybuilder.waivers import Waiver


class CriterionName(enum.StrEnum):
    """What has to hold, in the order in which it is shown."""

    DIFF_TO_ENFORCED = "diff-to-enforced"
    WINDOW = "window"
    QUIET_PERIOD = "quiet-period"
    SAMPLING_RATE = "sampling-rate"
    REPORTS_BY_CLASS = "reports-by-class"
    REPORTERS = "reporters"
    PAGE_COVERAGE = "page-coverage"
    REHEARSAL_SHARE = "rehearsal-share"
    BREAK_RATE = "break-rate"
    CONTRADICTIONS = "contradictions"
    UNPROBED = "unprobed"
    OPEN_ITEMS = "open-items"
    FINDINGS = "findings"
    HEADER_SIZE = "header-size"
    POISON_MARGIN = "poison-margin"
    ROLLBACK = "rollback"


UNKNOWN = "unknown"
"""The value of a criterion whose figure nothing tells."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How well it is known that a day, or a page, was seen."""

    networks: int = 0
    """Client networks that reported, the operator's own rehearsals left out."""

    is_trusted: bool = False
    """Whether evidence of the operator's own says so."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """When and where reports came from."""

    days: Mapping[date, Seen] = field(default_factory=dict)
    """UTC."""

    pages: Mapping[str, Seen] = field(default_factory=dict)
    """By URL, each on its best day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRecord:
    """All that is known of a site at one instant, of one state of the database."""

    site: str
    window: Window
    groups: Sequence[ViolationGroup]
    """Of the classes that people gave them; none is superseded yet."""

    grounds: Grounds
    deployments: Sequence[Deployment] = ()
    views: Views = field(default_factory=Views)
    """Of access logs, since what is served now began to be."""

    page_paths: Sequence[str] = ()
    """Of all the pages that access logs name."""

    exposure: Exposure = field(default_factory=Exposure)
    waivers: Mapping[str, Waiver] = field(default_factory=dict)
    """Those that hold, by criterion."""

    @property
    def thresholds(self) -> Thresholds:
        return self.grounds.thresholds

    @property
    def has_own(self) -> bool:
        """Whether anything was reported that may be the site's own doing."""
        return any(not group.is_noise for group in self.groups)


class CandidateOrigin(enum.StrEnum):
    """Where the policy that is judged comes from."""

    GIVEN = "given"
    TRIAL = "trial"
    """A deployment says that it is served report-only."""

    SUGGESTION = "suggestion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A policy, and all that speaks for and against enforcing it."""

    record: SiteRecord
    candidate: PolicyList
    origin: CandidateOrigin
    since_at: datetime | None
    """Since when what is served now is watched; None where nothing was reported."""

    suggestion: Suggestion
    live: Sequence[ViolationGroup]
    """The groups, superseded ones marked."""

    verdicts: Mapping[str, Verdict]
    """What the candidate would do with each group, by fingerprint."""

    enforced: Deployment | NoticedDeployment | None
    enforced_policies: PolicyList = field(default_factory=PolicyList)
    critical: Sequence[str] = ()
    """Paths on which nothing may break, with all beneath them."""

    routes: Sequence[str] = ()
    """Paths of the site that are known from elsewhere; none, where nobody said."""

    sample: float | None = None
    """Share of page views that carry the headers, as the operator says."""

    weaknesses: Sequence[SuggestionFinding] = ()
    """What an evaluation of the candidate found that the enforced policy does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One thing that has to hold, with its figure."""

    name: CriterionName
    passed: bool
    value: str
    """For people; `unknown` where nothing tells."""

    needed: str
    figures: Mapping[str, object] = field(default_factory=dict)
    """The same for programs."""

    waiver: Waiver | None = None

    @property
    def holds(self) -> bool:
        return self.passed or self.waiver is not None


@dataclass(frozen=True, slots=True)
class Readiness:
    """May the policy be enforced?"""

    criteria: tuple[Criterion, ...]

    @property
    def is_ready(self) -> bool:
        return all(criterion.holds for criterion in self.criteria)

    @property
    def failing(self) -> tuple[CriterionName, ...]:
        return tuple(criterion.name for criterion in self.criteria if not criterion.holds)

    @property
    def verdict(self) -> str:
        """One sentence that names what fails."""
        waived = [criterion.name.value for criterion in self.criteria if criterion.waiver and not criterion.passed]
        without = f", without {_listed(waived)}, as waived" if waived else ""
        if self.is_ready:
            return f"Ready to be enforced{without}."
        unknown = [each.name.value for each in self.criteria if not each.holds and each.value == UNKNOWN]
        failing = [name.value for name in self.failing if name.value not in unknown]
        parts = [f"{_listed(failing)} {'fails' if len(failing) == 1 else 'fail'}"] if failing else []
        parts += [f"{_listed(unknown)} {'is' if len(unknown) == 1 else 'are'} unknown"] if unknown else []
        return f"Not ready: {', and '.join(parts)}{without}."


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
