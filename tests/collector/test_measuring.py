"""Measuring: what the built-in rules reach on the labelled sets, held so that no change loses it unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.measuring import Measurement, measure, read_labelled
from policybuilder.evidence import NOISE_CLASSES, EvidenceClass
from policybuilder.reports.rules import built_in_rules

SETS = Path(__file__).parents[1] / "data" / "classes"


@pytest.fixture(scope="module", params=["corpus", "made"])
def measured(request: pytest.FixtureRequest) -> tuple[str, Measurement]:
    """A labelled set's name, and the built-in rules against it."""
    name: str = request.param
    return name, measure(read_labelled(SETS / f"{name}.jsonl"), built_in_rules())


# (set, class) → the least precision and recall
REACHED: dict[tuple[str, EvidenceClass], tuple[float, float]] = {
    ("corpus", EvidenceClass.GENUINE): (0.985, 1.0),
    ("corpus", EvidenceClass.EXTENSION): (1.0, 0.88),
    ("corpus", EvidenceClass.CONTRADICTION): (1.0, 1.0),
    ("corpus", EvidenceClass.ATTACK_LIKE): (1.0, 0.92),
    **{
        ("made", evidence_class): (1.0, 1.0)
        for evidence_class in EvidenceClass
        if evidence_class is not EvidenceClass.SUPERSEDED
    },
}


def test_every_class_is_as_precise_and_complete_as_it_was(measured: tuple[str, Measurement]) -> None:
    name, measurement = measured
    found = {(name, line.evidence_class): (line.precision, line.recall) for line in measurement.classes}
    assert found.keys() == {key for key in REACHED if key[0] == name}
    for key, figures in found.items():
        for figure, least in zip(figures, REACHED[key], strict=True):
            assert figure is not None, key
            assert figure >= least, key


def test_what_the_site_did_is_never_taken_for_noise_or_an_attack(measured: tuple[str, Measurement]) -> None:
    _, measurement = measured
    loud = NOISE_CLASSES | {EvidenceClass.ATTACK_LIKE}
    taken = [wrong for wrong in measurement.misjudged if wrong.report.expected is EvidenceClass.GENUINE]
    assert [wrong for wrong in taken if wrong.given in loud] == []


def test_both_sets_are_mostly_the_sites_own_doing_and_cover_every_rule() -> None:
    reports = {name: read_labelled(SETS / f"{name}.jsonl") for name in ("corpus", "made")}
    everything = [report for line in reports.values() for report in line]
    assert len(everything) >= 400
    genuine = [report for report in everything if report.expected is EvidenceClass.GENUINE]
    assert len(genuine) > len(everything) / 2
    decided = measure(everything, built_in_rules()).rules
    assert {rule.rule_id for rule in built_in_rules().rules} - decided.keys() == set()
