"""The JSON document of a summary, as `cspbuild summary` prints it."""

from __future__ import annotations

from policybuilder.evidence import MEANINGS, ViolationGroup
from policybuilder.summary import Apart, Summary, SummaryBy, SummaryRow
from policybuilder.times import isoformat, isoformat_of_ms

WITH_VIEWS = frozenset({SummaryBy.PAGE, SummaryBy.DAY})
"""Of these the page views are known, where something tells."""


def summary_document(summary: Summary) -> dict[str, object]:
    """The keys of `summary/1`; the rows are made while they are read, since there may be a hundred thousand."""
    totals = summary.totals
    return {
        "site": summary.site,
        "by": summary.by,
        "window": {
            "since": isoformat(summary.window.since) if summary.window.since else None,
            "until": isoformat(summary.window.until),
        },
        "totals": {
            "reports": totals.reports,
            "groups": totals.groups,
            "reporters": totals.reporters,
            "noise_reports": totals.noise_reports,
            "estimated_reports": totals.estimated_reports,
            "sampling_rate": None if totals.sampling_rate is None else round(totals.sampling_rate, 6),
            "views": totals.views,
            "views_from": totals.views_from,
        },
        "warnings": [
            {"code": warning.code, "message": warning.message, "fix": warning.fix} for warning in summary.warnings
        ],
        "hidden_noise_groups": summary.hidden_noise_groups,
        "hidden_superseded_groups": summary.hidden_superseded_groups,
        "hidden_contradiction_groups": summary.hidden_contradiction_groups,
        "apart": [_apart(apart) for apart in summary.apart],
        "attack_like": None if summary.attack_like is None else _apart(summary.attack_like),
        "trend_days": summary.trend_days,
        "rows": (row_document(summary.by, row) for row in summary.rows),
    }


def _apart(apart: Apart) -> dict[str, object]:
    return {
        "class": apart.evidence_class,
        "rule": apart.rule,
        "meaning": apart.meaning,
        "groups": apart.groups,
        "reports": apart.reports,
        "estimated_reports": apart.estimated_reports,
    }


def row_document(by: SummaryBy, row: SummaryRow) -> dict[str, object]:
    """A row by what it stands for: a group with all that is known of it, or what several have in common."""
    group = row.group
    return _folded_document(by, row) if group is None else _group_document(row, group)


def _folded_document(by: SummaryBy, row: SummaryRow) -> dict[str, object]:
    document = {
        by.value: row.key,
        "reports": row.reports,
        "estimated_reports": row.estimated_reports,
        "reporters": row.reporters,
        "first_seen": None if row.first_seen_ms is None else isoformat_of_ms(row.first_seen_ms),
        "last_seen": None if row.last_seen_ms is None else isoformat_of_ms(row.last_seen_ms),
        "groups": row.groups,
        "noise_reports": row.noise_reports,
        "attack_like_reports": row.attack_like_reports,
        "apart_reports": row.apart_reports,
    }
    if by not in WITH_VIEWS:
        return {**document, "trend": row.trend}
    return {
        **document,
        "views": row.views,
        "views_from": row.views_from,
        "reports_per_1000_views": per_1000_views(row),
    }


def _group_document(row: SummaryRow, group: ViolationGroup) -> dict[str, object]:
    return {
        "group": group.fingerprint,
        "directive": group.directive,
        "blocked": group.blocked,
        "disposition": group.disposition,
        "reports": row.reports,
        "estimated_reports": row.estimated_reports,
        "reporters": row.reporters,
        "first_seen": isoformat_of_ms(group.first_seen_ms),
        "last_seen": isoformat_of_ms(group.last_seen_ms),
        "trusted_reports": group.trusted_reports,
        "document_origin": group.document_origin,
        "pages": [page.url for page in group.pages],
        "noise": group.is_noise,
        "class": group.evidence_class,
        "rule": group.rule,
        "reason": reason_of(group),
        "decision": group.decision,
        "held": row.is_held,
        "trend": row.trend,
        "sample": group.sample,
        "source_file": group.source_file,
        "loaded_by": group.initiator,
        "line_number": group.line_number,
    }


def reason_of(group: ViolationGroup) -> str:
    """What the rule says of it, or else what its class means."""
    return group.reason or MEANINGS[group.evidence_class]


def per_1000_views(row: SummaryRow) -> float | None:
    """As it is printed."""
    share = row.reports_per_1000_views
    return None if share is None else round(share, 3)
