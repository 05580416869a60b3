"""Judging: what the peer finds in one policy, all of its checks together, and what we find otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from policybuilder.evaluation.csp_evaluator.corrections import corrections
from policybuilder.evaluation.csp_evaluator.differences import Difference, Side
from policybuilder.evaluation.csp_evaluator.effective import effective_policy
from policybuilder.evaluation.csp_evaluator.findings import PeerFinding
from policybuilder.evaluation.csp_evaluator.host_checks import check_object_hosts, check_script_hosts
from policybuilder.evaluation.csp_evaluator.missing_checks import check_missing
from policybuilder.evaluation.csp_evaluator.reading import PeerPolicy
from policybuilder.evaluation.csp_evaluator.script_checks import check_open_sources, check_strictness, check_switches
from policybuilder.evaluation.csp_evaluator.text_checks import check_names, check_values


class Found(NamedTuple):
    """A finding of ours."""

    finding: PeerFinding
    defect: int | None = None
    """That keeps the peer from finding it in this policy."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What both sides make of one policy."""

    policy: PeerPolicy
    """As written."""

    said: tuple[PeerFinding, ...]
    """The findings of the peer's default run without IGNORED, as though no value made it throw."""

    thrower: tuple[str, str] | None
    """The directive and the first value in it that does; None where none does."""

    corrections: tuple[Difference, ...]

    def found(self) -> Iterator[Found]:
        """What the peer says and we say too, and what we say besides."""
        wrong = {each.finding.identity for each in self.corrections if each.said_by is Side.PEER}
        # Directives are there once, and so are the values of each: nothing that is wrong is said twice.
        yield from (Found(each) for each in self.said if not wrong or each.identity not in wrong)
        yield from (Found(each.finding, each.defect) for each in self.corrections if each.said_by is Side.OURS)


def judge(policy: PeerPolicy) -> Verdict:
    """What both sides make of `policy`."""
    effective = effective_policy(policy)
    said = (
        *check_strictness(policy),
        *check_switches(effective),
        *check_open_sources(effective),
        *check_missing(effective),
        *check_script_hosts(effective),
        *check_object_hosts(effective),
        *check_names(effective),
        *check_values(effective),
    )
    # The peer asks the URL parser about every value, and catches nothing.
    thrower = next(((name, value.text) for name, value in effective.odd_values if value.location is None), None)
    return Verdict(policy, said, thrower, tuple(corrections(effective)))
