"""Set-up: what tells that each part of the way from a site's pages to its evidence works."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from policybuilder.evidence import EvidenceClass


class Sign(enum.StrEnum):
    """Something that shows in the database once a part of the way works, in the order in which it usually does."""

    HEADER = "header"
    """A report names the policy that it comes under."""

    REPORT_URI = "report-uri"
    """A report of a violation without an age: the Reporting API gives one to each."""

    REPORTING_API = "reporting-api"
    """One with an age, or under the policy that reports by `report-to` alone."""

    FIREFOX = "firefox"
    """A sample marked as whole: only Firefox is believed to mark where it cuts one."""

    OTHER_BROWSER = "other-browser"
    """A short sample without such a mark, or a digest of a script, which Firefox does not send.

    Chromium's or Safari's: no user agent is kept, so which of them is not known.
    """

    SCRIPT_HASH = "script-hash"
    REHEARSAL = "rehearsal"
    """A trusted report: by a rehearsal key, or from a file that was imported as the operator's own."""

    VIEWS = "views"
    """Page views of an access log."""

    DEPLOYMENT = "deployment"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivedTest:
    """What became of the test reports of a site."""

    fingerprint: str
    evidence_class: EvidenceClass
    rule: str
    reports: int
    last_at: datetime
    """When the last one was received."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """What the database shows of a site's set-up; test reports show nothing of it."""

    first_at: Mapping[Sign, datetime]
    """Since when each sign shows; those that do not are left out."""

    test: ArrivedTest | None
