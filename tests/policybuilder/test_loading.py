"""The tree of what loads what."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from policybuilder.decisions import Decision, DecisionAction
from policybuilder.evidence import EvidenceClass
from policybuilder.loading import MAX_DEPTH, Loaded, loaders_of
from tests.support.evidence import make_group as group_of

NOW = datetime(2026, 11, 20, tzinfo=UTC)
TAG, VENDOR, PIXEL = "https://tag.example", "https://vendor.example", "https://pixel.example"


def make_group(blocked: str, initiator: str = "", **known: Any) -> Any:
    return group_of(known.pop("directive", "script-src-elem"), blocked, initiator=initiator, **known)


def sources(loads: tuple[Loaded, ...]) -> list[Any]:
    """Nested lists of what is loaded."""
    return [[each.source, *sources(each.loads)] for each in loads]


def test_what_a_loader_brings_in_stands_below_it() -> None:
    groups = [
        make_group(f"{TAG}/t.js", reporters=9),
        make_group(f"{VENDOR}/v.js", TAG, reporters=5),
        make_group(f"{PIXEL}/p.gif", VENDOR, directive="img-src", reporters=4),
        make_group(f"{PIXEL}/q.gif", VENDOR, directive="img-src", reporters=3, reports=7),
    ]
    own, tag = loaders_of(groups, ())
    assert (own.origin, sources(own.loads)) == ("", [[TAG]])
    assert (tag.origin, sources(tag.loads)) == (TAG, [[VENDOR, [PIXEL]]])
    [pixel] = tag.loads[0].loads
    assert (pixel.directives, pixel.violations, pixel.reporters) == (("img-src",), 2, 4)


def test_loaders_that_load_one_another_are_all_shown_once() -> None:
    groups = [
        make_group(f"{VENDOR}/v.js", TAG, reporters=2),
        make_group(f"{TAG}/t.js", VENDOR, reporters=8),
        make_group(f"{PIXEL}/p.js", PIXEL),
    ]
    pixel, vendor = loaders_of(groups, ())
    assert vendor.origin == VENDOR
    [tag] = vendor.loads
    assert sources(vendor.loads) == [[TAG, [VENDOR]]]
    assert tag.loads[0].is_shown_above
    assert (pixel.origin, sources(pixel.loads)) == (PIXEL, [[PIXEL]])


def test_a_forged_chain_ends_somewhere_and_nothing_of_it_is_lost() -> None:
    origins = [f"https://h{number}.example" for number in range(200)]
    groups = [make_group(f"{after}/x.js", before) for before, after in itertools.pairwise(origins)]
    found = loaders_of(groups, ())

    def depth(loads: tuple[Loaded, ...]) -> int:
        return 1 + max(depth(each.loads) for each in loads) if loads else 0

    def named(loads: tuple[Loaded, ...]) -> set[str]:
        return {each.source for each in loads}.union(*(named(each.loads) for each in loads))

    assert max(depth(loader.loads) for loader in found) == MAX_DEPTH
    assert set().union(*(named(loader.loads) for loader in found)) == set(origins[1:])
    assert len({loader.origin for loader in found}) == len(found) < len(groups) / 4


def test_few_strangers_put_nobodys_loader_below_one_of_theirs() -> None:
    groups = [
        make_group(f"{PIXEL}/p.gif", TAG, reporters=40, trusted=False),
        make_group(f"{TAG}/t.js", VENDOR, reporters=2, trusted=False),
    ]
    tag, vendor = loaders_of(groups, ())
    assert (tag.origin, sources(tag.loads)) == (TAG, [[PIXEL]])
    assert (vendor.origin, sources(vendor.loads)) == (VENDOR, [[TAG]])
    assert vendor.loads[0].is_shown_above
    also_forged = make_group(f"{VENDOR}/v.js", TAG, reporters=1, trusted=False)
    [tag] = loaders_of([*groups, also_forged], ())
    assert (tag.origin, sources(tag.loads)) == (TAG, [[PIXEL], [VENDOR, [TAG]]])


def test_what_the_operator_saw_decides_before_any_number_of_strangers() -> None:
    seen = make_group(f"{PIXEL}/p.gif", TAG)
    claimed = make_group(f"{TAG}/t.js", VENDOR, reporters=900, trusted=False)
    assert [each.origin for each in loaders_of([seen, claimed], ())] == [VENDOR, TAG]
    also_seen = make_group(f"{TAG}/t.js", VENDOR, directive="connect-src")
    [vendor] = loaders_of([seen, claimed, also_seen], ())
    assert sources(vendor.loads) == [[TAG, [PIXEL]]]


def test_noise_loads_nothing() -> None:
    groups = [make_group(f"{VENDOR}/v.js", TAG, evidence_class=EvidenceClass.INJECTED)]
    assert loaders_of(groups, ()) == ()


def test_decisions_about_all_it_loads_stand_with_it() -> None:
    def decision(number: int, action: DecisionAction, **known: Any) -> Decision:
        return Decision(number=number, action=action, **{"directive": "", "subject": "", **known}, decided_at=NOW)

    decisions = (
        decision(1, DecisionAction.ALLOW, loaded_by=TAG, until=NOW + timedelta(days=90), note="marketing"),
        decision(2, DecisionAction.REJECT, loaded_by="*.example"),
        decision(3, DecisionAction.REJECT, subject=VENDOR),
        decision(4, DecisionAction.ALLOW, loaded_by=PIXEL),
    )
    [loader] = loaders_of([make_group(f"{VENDOR}/v.js", TAG)], decisions)
    assert [each.number for each in loader.decisions] == [1, 2]
