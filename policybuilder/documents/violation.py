"""The JSON documents of violations: some in a list, and one with all that is kept of it."""

from __future__ import annotations

from datetime import datetime

from policybuilder.csp import Violation
from policybuilder.documents.decisions import decision_document
from policybuilder.documents.explanation import explanation_document, report_document
from policybuilder.documents.summary import row_document
from policybuilder.evidence import MEANINGS, ViolationGroup
from policybuilder.explaining import Explanation
from policybuilder.listing import ListedViolation, Listing
from policybuilder.store.detail import GroupDetail
from policybuilder.summary import SummaryBy, SummaryRow
from policybuilder.times import isoformat


def violations_document(site: str, listing: Listing) -> dict[str, object]:
    """The keys of `violations/1`: a page of the list; `next` leads to the next."""
    return {
        "site": site,
        "whole": listing.is_whole,
        "as_of": isoformat(listing.as_of) if listing.as_of else None,
        "found": listing.found,
        "rows": [_listed(row) for row in listing.rows],
        "next": listing.following or None,
    }


def _listed(group: ListedViolation) -> dict[str, object]:
    """Of the keys of a summary's row, those by which a list tells one violation from another."""
    return {
        "group": group.fingerprint,
        "directive": group.directive,
        "blocked": group.blocked,
        "disposition": group.disposition,
        "reports": group.reports,
        "estimated_reports": group.estimated_reports,
        "reporters": group.reporters,
        "first_seen": isoformat(group.first_seen_at),
        "last_seen": isoformat(group.last_seen_at),
        "document_origin": group.document_origin,
        "pages": [page.url for page in group.pages],
        "noise": group.is_noise,
        "class": group.evidence_class,
        "rule": group.rule,
        "reason": group.reason or MEANINGS[group.evidence_class],
        "decision": group.decision,
        "sample": group.sample,
    }


def violation_document(site: str, detail: GroupDetail, explanation: Explanation, now: datetime) -> dict[str, object]:
    """The keys of `violation/1`; which decisions have expired is said as of `now`."""
    group = detail.group
    return {
        "site": site,
        "violation": _group(group),
        "meaning": MEANINGS[group.evidence_class],
        "pages": [
            {"page": page.url, "reports": page.reports, "trusted_reports": page.trusted_reports} for page in group.pages
        ],
        "policies": [
            {
                "policy": each.policy,
                "reports": each.reports,
                "trusted_reports": each.trusted_reports,
                "first_seen": isoformat(each.first_seen_at),
                "last_seen": isoformat(each.last_seen_at),
            }
            for each in group.policies
        ],
        "days": [
            {"day": each.day, "reports": each.reports, "estimated_reports": each.estimated_reports}
            for each in detail.days
        ],
        "samples": [_sample(sample) for sample in detail.samples],
        "decisions": [decision_document(decision, now) for decision in detail.decisions],
        "explanation": explanation_document(explanation),
    }


def _group(group: ViolationGroup) -> dict[str, object]:
    """As its row, without what only the other groups tell: whether it is held, and the days of a common trend."""
    row = SummaryRow(
        key=group.fingerprint,
        reports=group.reports,
        estimated_reports=group.estimated_reports,
        reporters=group.reporters,
        first_seen_ms=group.first_seen_ms,
        last_seen_ms=group.last_seen_ms,
        group=group,
    )
    document = row_document(SummaryBy.GROUP, row)
    return {name: value for name, value in document.items() if name not in {"held", "trend"}}


def _sample(sample: Violation) -> dict[str, object]:
    return {
        **report_document(sample),
        "policy": sample.original_policy,
        "referrer": sample.referrer,
        "status_code": sample.status_code,
    }
