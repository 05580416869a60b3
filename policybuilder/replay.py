"""Replay: every recorded group put to a policy."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from policybuilder.csp import (
    Decision,
    HostSource,
    Policy,
    Question,
    SampleExtent,
    Verdict,
    decide_all,
    parse_serialized_policy,
    question_of,
)
from policybuilder.evidence import EvidenceClass, ViolationGroup


@dataclass(slots=True)
class VerdictCounts:
    """Groups by verdict."""

    allow: int = 0
    block: int = 0
    unknown: int = 0

    def add(self, verdict: Verdict) -> None:
        match verdict:
            case Verdict.ALLOW:
                self.allow += 1
            case Verdict.BLOCK:
                self.block += 1
            case Verdict.UNKNOWN:
                self.unknown += 1


@dataclass(frozen=True, slots=True)
class ReplayedGroup:
    """A group, and what the policy would have done with it."""

    group: ViolationGroup
    decision: Decision


@dataclass(frozen=True, slots=True)
class Replay:
    """What a policy would do with all the evidence."""

    rows: tuple[ReplayedGroup, ...]
    """Genuine blocked groups first, then by verdict and reports."""

    totals: VerdictCounts = field(default_factory=VerdictCounts)
    genuine: VerdictCounts = field(default_factory=VerdictCounts)


_ORDER = {Verdict.BLOCK: 0, Verdict.UNKNOWN: 1, Verdict.ALLOW: 2}


def replay(groups: Iterable[ViolationGroup], policies: Sequence[Policy]) -> Replay:
    """Put every group to the policies, all of which must allow."""
    members = tuple(groups)
    origins = document_origins(members)
    replayer = Replayer(policies, origins)
    rows = [ReplayedGroup(group, replayer.decide(group)) for group in members]
    rows.sort(
        key=lambda row: (
            row.group.evidence_class is not EvidenceClass.GENUINE,
            _ORDER[row.decision.verdict],
            -row.group.reports,
            row.group.fingerprint,
        )
    )
    result = Replay(tuple(rows))
    for row in rows:
        result.totals.add(row.decision.verdict)
        if row.group.evidence_class is EvidenceClass.GENUINE:
            result.genuine.add(row.decision.verdict)
    return result


class Replayer:
    """Puts groups to policies, and URLs of one origin only once where no path is asked about: most are alike."""

    def __init__(self, policies: Sequence[Policy], origins: Collection[str]) -> None:
        self._policies = policies
        self._origins = origins
        self._answers: dict[tuple[object, ...], Decision] = {}
        self._hosts_with_paths = [_hosts_with_paths(policy) for policy in policies]

    def decide(self, group: ViolationGroup) -> Decision:
        """What `replay_group` says of the group."""
        key = self._key(group)
        if key is None:
            return replay_group(group, self._policies, self._origins)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = replay_group(group, self._policies, self._origins)
        return answer

    def _key(self, group: ViolationGroup) -> tuple[object, ...] | None:
        """What the answer depends on; None where that may be more than the origin of what was blocked."""
        blocked = group.blocked
        start = blocked.find("://") + 3
        path = blocked.find("/", start)
        origin = blocked if path < 0 else blocked[:path]
        host = _host_of(origin)
        if not host:
            return None
        recorded = group.vouched_policies or ((_policy_of(group),) if group.directive in _FALLBACKS_OF_MANY else ())
        for with_paths in (*self._hosts_with_paths, *map(_recorded_hosts_with_paths, recorded)):
            if with_paths is None or host in with_paths:
                return None
        document = group.document_origin if "://" in group.document_origin else group.document_uri
        is_genuine = group.evidence_class is EvidenceClass.GENUINE
        return group.directive, group.disposition, document, origin, path < 0, is_genuine, recorded


@lru_cache(maxsize=8_192)
def _host_of(origin: str) -> str:
    authority = origin.partition("://")[2]
    return authority.rpartition(":")[0] or authority


def _hosts_with_paths(policy: Policy) -> frozenset[str] | None:
    """The hosts of which the policy lists paths; None where it lists one of a pattern of hosts."""
    hosts = {
        source.host_part
        for directive in policy.directives
        for _, source in directive.sources.expressions
        if isinstance(source, HostSource) and source.path_part is not None
    }
    return None if any("*" in host for host in hosts) else frozenset(hosts)


@lru_cache(maxsize=1_024)
def _recorded_hosts_with_paths(policy: str) -> frozenset[str] | None:
    return _hosts_with_paths(parse_serialized_policy(policy))


def replay_group(group: ViolationGroup, policies: Sequence[Policy], origins: Collection[str]) -> Decision:
    """Whether the policies would block the group; `origins` are those of the site's documents.

    A document without an origin (a srcdoc frame) lives by the policy of the page that made it: where the site has one
    origin, it is that page's.
    """
    violation = group.violation(_policy_of(group))
    if "://" not in violation.document_uri and len(origins) == 1:
        violation = replace(violation, document_uri=next(iter(origins)))
    question = question_of(violation)
    if group.evidence_class is not EvidenceClass.GENUINE:
        # Only the site's own code carries the nonce that a suggestion asks for.
        question = question._replace(nonce="")
    if any(policy.takes_credentials for policy in policies):
        question = _as_refused(question, group, policies)
    return decide_all(policies, question)


_NO_CODE = "\0"
"""What no inline code is: parsers put another character in its place."""


def _as_refused(question: Question, group: ViolationGroup, policies: Sequence[Policy]) -> Question:
    """The question with what the policies tell that trusted reports came under: they refused the element.

    So it had no nonce where one of them asked for one, and none of the digests that they listed.
    """
    recorded = [
        governing.sources
        for policy in group.vouched_policies
        if (governing := parse_serialized_policy(policy).governing(question.directive)) is not None
    ]
    if not recorded:
        return question
    known = {source.digest for sources in recorded for _, source in sources.hashes}
    asked = {
        source.digest
        for policy in policies
        if (governing := policy.governing(question.directive)) is not None
        for _, source in governing.sources.hashes
    }
    changes: dict[str, Any] = {}
    is_inline = question.blocked == "inline"
    if not is_inline and any(sources.nonces for sources in recorded):
        changes["nonce"] = ""
    if asked and asked <= known:
        # No digest that could match is left: neither of the code, nor in an integrity attribute.
        changes |= {"sample": _NO_CODE, "sample_extent": SampleExtent.WHOLE} if is_inline else {"integrity": ""}
    if not changes:
        return question
    alternatives = tuple(each._replace(**changes) for each in question.alternatives)
    return question._replace(**changes, alternatives=alternatives)


def _policy_of(group: ViolationGroup) -> str:
    """The recorded policy to read the group under: whatever a stranger claims to have been under must not decide.

    What allows the resource it is reported under was redirected, and is of another class; so that a genuine group has
    no need of a policy, but where it is unclear which kind of resource a fallback directive stood for.
    """
    if group.vouched_policies:
        return group.vouched_policies[0]
    if group.evidence_class is EvidenceClass.GENUINE and group.directive not in _FALLBACKS_OF_MANY:
        return ""
    return group.policies[0].policy if group.policies else ""


_FALLBACKS_OF_MANY = frozenset({"default-src", "child-src"})


def document_origins(groups: Iterable[ViolationGroup]) -> tuple[str, ...]:
    """The network origins that genuine evidence came from, sorted."""
    return tuple(
        sorted(
            {
                group.document_origin
                for group in groups
                if group.evidence_class is EvidenceClass.GENUINE and "://" in group.document_origin
            }
        )
    )
