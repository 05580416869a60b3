"""Side by side with csp_evaluator itself, run by node: the same findings, or a difference that is meant and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest

from policybuilder.evaluation.csp_evaluator import Difference, PeerEvaluation, PeerFinding, Side, evaluate_as_peer
from policybuilder.evaluation.csp_evaluator.reading import read_policy
from tests.peers.asking import Identity, PeerAnswer, ask_csp_evaluator
from tests.peers.fuzzing import Fuzzer
from tests.peers.policies import BY_HAND

SEED = 1
FUZZED = 3_000
SOAKED = 50_000


def identity(finding: PeerFinding) -> Identity:
    return finding.code, finding.severity.name, finding.directive, finding.value


def found_in(evaluation: PeerEvaluation) -> Counter[Identity]:
    return Counter(map(identity, evaluation.findings))


# What a difference within one policy may look like, said in another way than by what makes them.
NEWER = {"'report-sha256'", "'report-sha384'", "'report-sha512'", "'trusted-types-eval'", "fenced-frame-src"}
CORRECTIONS: dict[int, Callable[[Identity, Side], bool]] = {
    1: lambda it, side: (it[3] or it[2]).lower() in NEWER and (side is Side.PEER) == (it[0] != "MISSING_SEMICOLON"),
    4: lambda it, side: side is Side.OURS and it[:2] == ("PLAIN_WILDCARD", "HIGH") and "*:" in (it[3] or ""),
    5: lambda it, side: side is Side.OURS and it[0] == "PLAIN_URL_SCHEMES" and it[3] in {"blob:", "filesystem:"},
    6: lambda it, side: (
        side is Side.OURS
        and it[0] == ("INVALID_KEYWORD" if it[3] == "'none'" else it[0])
        and it[0] in {"INVALID_KEYWORD", "SCRIPT_ALLOWLIST_BYPASS", "OBJECT_ALLOWLIST_BYPASS"}
    ),
    9: lambda it, side: side is Side.OURS and it[0] == "INVALID_KEYWORD" and (it[3] or "").startswith("'sha"),
    10: lambda it, side: side is Side.OURS and it[2:] == ("trusted-types", "*"),
}


def is_newer_mistake(it: Identity) -> bool:
    """Whether the peer takes for a mistake what is newer than it is."""
    code, _, directive, value = it
    if code == "INVALID_KEYWORD" and directive not in {"trusted-types", "require-trusted-types-for"}:
        return value is not None and value.startswith("'") and value.lower() in NEWER
    return (code, directive) == ("UNKNOWN_DIRECTIVE", "fenced-frame-src")


def disagreement(policy: str, answer: PeerAnswer) -> str | None:
    """What is not as it is promised to be for one text, if anything is."""
    evaluation = evaluate_as_peer(policy)
    found, differences = found_in(evaluation), evaluation.intended_differences
    after = Counter(answer.findings or ())
    for difference in differences:
        after[identity(difference.finding)] += 1 if difference.said_by is Side.OURS else -1
    if min(after.values(), default=0) < 0 or +after != found:
        return "the differences that are named are not those there are"
    for difference in differences:
        if not is_allowed(difference, policy, answer):
            return f"no difference of this kind is allowed: {difference}"
    if "," not in policy:
        corrected = [identity(each.finding) for each in differences if each.defect in CORRECTIONS]
        unthrown = (it for it in answer.unthrown if not is_newer_mistake(it))
        if answer.findings is None and Counter((*unthrown, *corrected)) != found:
            return "it would not have said that, had it not thrown"
    elif together(policy.split(",")) != found:
        return "not what stands in one policy after the other"
    return None


def is_allowed(difference: Difference, policy: str, answer: PeerAnswer) -> bool:
    if difference.defect == 2:
        return "," in policy and answer.findings is not None
    if difference.defect == 13:
        return answer.findings is None and difference.said_by is Side.OURS
    return difference.defect in CORRECTIONS and CORRECTIONS[difference.defect](
        identity(difference.finding), difference.said_by
    )


def together(parts: Sequence[str]) -> Counter[Identity]:
    """The findings of each policy, each judged by itself; what one has and another lacks is not missing."""
    policies = [part for part in parts if read_policy(part).directives] or [""]
    found = [found_in(evaluate_as_peer(policy)) for policy in policies]
    every = Counter(it for each in found for it in each.elements())
    for it in list(every):
        if it[0] in {"MISSING_DIRECTIVES", "REQUIRE_TRUSTED_TYPES_FOR_SCRIPTS"}:
            is_there = (
                any("base-uri" in read_policy(policy).directives for policy in policies)
                if it[2] == "base-uri"
                else not all(it in each for each in found)
            )
            every[it] = 0 if is_there else 1
    return +every


def campaign(policies: Iterable[str]) -> Iterator[str]:
    """The policies, and whatever their commas separate: the peer is asked about each."""
    for policy in policies:
        yield policy
        if "," in policy:
            yield from policy.split(",")


def run(policies: Sequence[str]) -> str:
    """Compares them all, and says in a line what came of it; fails when the two disagree."""
    disagreements: list[str] = []
    identical = thrown = 0
    by_defect: Counter[int] = Counter()
    for policy, answer in zip(policies, ask_csp_evaluator(policies), strict=True):
        if what := disagreement(policy, answer):
            disagreements.append(f"{policy!r}: {what}")
        differences = evaluate_as_peer(policy).intended_differences
        identical += not differences and answer.findings is not None
        thrown += answer.findings is None
        by_defect.update({difference.defect for difference in differences})
    counts = ", ".join(f"{count:,} of defect {defect}" for defect, count in sorted(by_defect.items()))
    line = (
        f"csp_evaluator 1.1.8 beside ours: {len(policies):,} policies, {identical:,} with identical findings,"
        f" {thrown:,} on which it throws; with intended differences: {counts}; disagreements: {len(disagreements)}"
    )
    assert not disagreements, "\n".join((line, *disagreements[:10]))
    return line


def test_the_findings_are_the_peers_but_for_named_differences(record_property: Callable[[str, object], None]) -> None:
    policies = list(campaign([*BY_HAND, *Fuzzer(SEED, BY_HAND).policies(FUZZED)]))
    record_property("reported", run(policies))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 6))
def test_they_are_over_long_campaigns(seed: int, record_property: Callable[[str, object], None]) -> None:
    record_property("reported", run(list(campaign(Fuzzer(seed, BY_HAND).policies(SOAKED)))))
