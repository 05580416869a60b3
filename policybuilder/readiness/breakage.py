"""Breakage: what of the evidence the policy would still block, and what nobody has answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from policybuilder.csp import Verdict
from policybuilder.evidence import OTHER, EvidenceClass, ViolationGroup
from policybuilder.plurals import plural
from policybuilder.readiness.measures import (
    ACCEPTED_LOSS,
    MAX_BREAK_RATE,
    exposed_views,
    is_reported,
    share_of_views,
    upper_bound,
)
from policybuilder.readiness.values import UNKNOWN, CandidateOrigin, Case, Criterion, CriterionName
from policybuilder.routes import is_beneath, path_of
from policybuilder.suggestion.propose import site_origins
from policybuilder.suggestion.sorting import sort_groups

FULL_LIST = 50
"""So many pages are kept of a group; who came later is left out."""

_INLINE = frozenset({"inline", "self", ""})
"""What browsers name for code in the page itself."""

_PLACES = 5


def break_rate(case: Case) -> Criterion:
    """Nothing may break on a critical path; elsewhere less than a page view in a thousand."""
    broken: Counter[str] = Counter()
    for group in blocked_groups(case):
        broken.update(_pages_of(group))
    critical = sorted(page for page in broken if _is_critical(case, page))
    views = exposed_views(case)
    figures: dict[str, object] = {"critical_pages_broken": critical, "views": views, "upper_bound": None, "pages": []}
    needed = f"none on critical paths, elsewhere at most {MAX_BREAK_RATE:.1%} of page views for certain"
    where = f"critical pages break: {', '.join(critical[:_PLACES])}" if critical else ""
    if views is None:
        return Criterion(
            name=CriterionName.BREAK_RATE, passed=False, value=where or UNKNOWN, needed=needed, figures=figures
        )
    rate = share_of_views(case)
    by_page = case.record.views.by_page
    # Where a log counts pages, each has its own rate; who only says how many views there are says it of all of them.
    bounds = {
        page: upper_bound(reports, round(by_page.get(page, 0) * rate))
        for page, reports in broken.items()
        if by_page and page != OTHER
    }
    bounds = dict(sorted(bounds.items(), key=lambda item: (-item[1], item[0])))
    overall = upper_bound(broken.total(), views)
    bad = [page for page, bound in bounds.items() if bound > MAX_BREAK_RATE]
    pages = f"; too many on {', '.join(bad[:_PLACES])}" if bad else ""
    figures |= {
        "upper_bound": round(overall, 6),
        "pages": [{"page": page, "upper_bound": round(bound, 6)} for page, bound in list(bounds.items())[:100]],
    }
    return Criterion(
        name=CriterionName.BREAK_RATE,
        passed=not critical and not bad and overall <= MAX_BREAK_RATE,
        value=where
        or f"{plural(broken.total(), 'report')} in {plural(views, 'page view')}, at most {overall:.2%}{pages}",
        needed=needed,
        figures=figures,
    )


def contradictions(case: Case) -> Criterion:
    """What the policy allows and is reported all the same: for a script or a form, perhaps a redirect that breaks."""
    found = [
        group
        for group in case.live
        if group.evidence_class is EvidenceClass.CONTRADICTION
        and group.directive.startswith(("script-src", "form-action"))
        and group.decision not in ACCEPTED_LOSS
    ]
    return Criterion(
        name=CriterionName.CONTRADICTIONS,
        passed=not found,
        value=_counted("unexplained", found),
        needed="0 on scripts and form-action",
        figures={"groups": [group.fingerprint for group in found]},
    )


def unprobed(case: Case) -> Criterion:
    """A directive that no policy restricted has told nothing; a trial that names it asks."""
    names = dict.fromkeys(
        finding.directive for finding in case.suggestion.findings if finding.code == "unprobed" and finding.directive
    )
    if case.origin is CandidateOrigin.TRIAL:
        tried = case.candidate.policies
        names = dict.fromkeys(name for name in names if not any(policy.governing(name) for policy in tried))
    return Criterion(
        name=CriterionName.UNPROBED,
        passed=not names,
        value=", ".join(names) or "none",
        needed="every directive restricted by some observed policy",
        figures={"directives": list(names)},
    )


def open_items(case: Case) -> Criterion:
    """What waits for a person, if it is more than a stranger's word."""
    counts = {kind: len(members) for kind, members in _waiting(case).items()}
    return Criterion(
        name=CriterionName.OPEN_ITEMS,
        passed=not any(counts.values()),
        value=", ".join(f"{number} {kind}" for kind, number in counts.items()),
        needed="0: allow, reject or ignore each (cspbuild decide)",
        figures=counts,
    )


def holds_inline(case: Case) -> bool:
    """Whether inline code waits for a person, of more than a stranger's word, that the policy would block."""
    return any(
        group.blocked in _INLINE and group.directive.startswith(("script-src", "style-src"))
        for group in _waiting(case)["held"]
    )


def _waiting(case: Case) -> dict[str, list[ViolationGroup]]:
    groups = [group for group in case.live if group.decision not in ACCEPTED_LOSS]
    found = sort_groups(groups, site_origins(case.record.groups), case.record.grounds)
    waiting = {
        "held": [group for group, _ in found.held],
        "unresolved": [group for group, _ in found.unresolved],
        "doubted": [group for group, _ in found.doubted],
    }
    return {
        kind: [
            group
            for group in members
            if is_reported(case, group) and case.verdicts[group.fingerprint] is not Verdict.ALLOW
        ]
        for kind, members in waiting.items()
    }


def blocked_groups(case: Case) -> list[ViolationGroup]:
    """Genuine ones that the policy would block, unless a person accepted the loss."""
    return [
        group
        for group in case.live
        if group.evidence_class is EvidenceClass.GENUINE
        and group.decision not in ACCEPTED_LOSS
        and case.verdicts[group.fingerprint] is Verdict.BLOCK
    ]


def _pages_of(group: ViolationGroup) -> dict[str, int]:
    """Reports by page; `(other)` where the group's list may have had no room for one."""
    pages = {page.url: page.reports for page in group.pages}
    left = group.reports - sum(pages.values())
    if left > 0 or len(pages) >= FULL_LIST:
        pages[OTHER] = pages.get(OTHER, 0) + max(left, 0)
    return pages


def _is_critical(case: Case, page: str) -> bool:
    """Whether a page is critical, or may be: strangers can fill a list of pages up, to keep one out of it."""
    if page == OTHER:
        return bool(case.critical)
    return any(is_beneath(path_of(page) or "", path) for path in case.critical)


def _counted(what: str, groups: Sequence[ViolationGroup]) -> str:
    named = ", ".join(f"{group.directive} {group.blocked}" for group in groups[:_PLACES])
    return f"{len(groups)} {what}: {named}" if groups else "0"
