"""Laws of readiness: what strangers, too few to be believed, can do to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from policybuilder.csp import Disposition
from policybuilder.deployments import ServedStage
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.readiness.judging import judge
from policybuilder.readiness.values import Exposure, Seen, SiteRecord
from tests.support.evidence import OBSERVED, ORIGIN, SEEN_AT, make_group
from tests.support.readiness import NOW, POLICY, case_of, every_day, make_deployment, make_record

DAY = timedelta(days=1)
CLASSES = (EvidenceClass.GENUINE, EvidenceClass.CONTRADICTION, EvidenceClass.EXTENSION, EvidenceClass.ATTACK_LIKE)
OWN = make_group()
NEW = make_group("font-src", "https://fonts.example/a.woff2", first_seen_at=NOW - DAY, last_seen_at=NOW)
NOISE = make_group("script-src-elem", "chrome-extension", evidence_class=EvidenceClass.EXTENSION, reports=500)
NARROW = make_deployment("default-src 'none'", ServedStage.ENFORCE, since_at=SEEN_AT - DAY)

RECORDS = [
    make_record(),
    make_record([OWN, NEW]),
    make_record([OWN, NOISE]),
    make_record([OWN], deployments=[]),
    make_record([OWN], deployments=[], page_paths=("/cart", "/help"), audience=20),
    make_record([OWN], exposure=Exposure(days=every_day(3, Seen(2)))),
    make_record([OWN], deployments=[NARROW, make_deployment(number=2, views_per_day=5_000)]),
]


@st.composite
def strangers(draw: st.DrawFn) -> ViolationGroup:
    """A group that four networks reported, however often, with any date and under any policy they claim."""
    first = NOW - draw(st.integers(0, 400)) * DAY
    reports = draw(st.integers(1, 10**6))
    known: dict[str, Any] = {
        "evidence_class": draw(st.sampled_from(CLASSES)),
        "disposition": draw(st.sampled_from([Disposition.ENFORCE, Disposition.REPORT])),
        "policies": draw(st.lists(st.sampled_from([OBSERVED, POLICY, "img-src *", "default-src 'none'"]), max_size=2)),
        "pages": [ORIGIN + draw(st.sampled_from(["/cart", "/help", "/x"]))],
        "estimated_reports": reports * draw(st.integers(1, 1_000)),
        "first_seen_at": first,
        "last_seen_at": draw(st.sampled_from([first, NOW])),
        "reporters": draw(st.integers(1, 4)),
    }
    directive = draw(st.sampled_from(["img-src", "font-src", "script-src-elem", "form-action", "frame-ancestors"]))
    blocked = draw(
        st.sampled_from(["https://img.example/b.png", "https://fonts.example/b.woff2", f"{ORIGIN}/a", "inline"])
    )
    return make_group(directive, blocked, trusted=False, reports=reports, **known)


def failing(record: SiteRecord, groups: list[ViolationGroup]) -> set[str]:
    changed = make_record(
        [*record.groups, *groups],
        deployments=record.deployments,
        prevalence=record.grounds.prevalence,
        exposure=record.exposure,
        page_paths=record.page_paths,
    )
    return set(judge(case_of(changed)).failing)


@given(record=st.sampled_from(RECORDS), forged=st.lists(strangers(), max_size=4))
def test_a_few_strangers_can_make_a_policy_less_ready_and_never_more(
    record: SiteRecord, forged: list[ViolationGroup]
) -> None:
    """Whatever they report: a person can answer what they hold up, but nobody would see what they let through."""
    assert failing(record, []) <= failing(record, forged)


def test_the_records_of_the_law_fail_in_different_ways() -> None:
    """Or the law would say little."""
    found = [frozenset(failing(record, [])) for record in RECORDS]
    assert len(set(found)) == len(found)
