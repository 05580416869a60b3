"""Replay: every recorded group put to a policy."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
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
    """Puts groups to policies, and those of which the answer cannot differ only once: most are alike."""

    def __init__(self, policies: Sequence[Policy], origins: Collection[str]) -> None:
        self._policies = policies
        self._origins = origins
        self._answers: dict[tuple[object, ...], Decision | None] = {}
        """By what the answer depends on; None where that may be more than the origin of what was blocked."""

        self._hosts_with_paths = [_hosts_with_paths(policy) for policy in policies]
        self._named = {source.host_part for policy in policies for source in _host_sources(policy)}
        self._named |= set(map(_host_of, origins))
        self._domains = tuple(host[1:] for host in self._named if host.startswith("*."))
        self._places: dict[tuple[str, str], str] = {}

    def decide(self, group: ViolationGroup) -> Decision:
        """What `replay_group` says of the group."""
        blocked = group.blocked
        path = blocked.find("/", blocked.find("://") + 3)
        origin = blocked if path < 0 else blocked[:path]
        document = group.document_origin if "://" in group.document_origin else group.document_uri
        recorded: tuple[str, ...] = ()
        is_genuine = group.evidence_class is EvidenceClass.GENUINE
        if group.trusted_reports or not is_genuine or group.directive in _FALLBACKS_OF_MANY:
            recorded = _read_under(group)
        place = origin if recorded else self._place(origin, document)
        key = place, path < 0, group.directive, document, group.disposition, is_genuine, recorded
        try:
            answer = self._answers[key]
        except KeyError:
            is_alike = self._is_alike(origin, recorded)
            answer = self._answers[key] = replay_group(group, self._policies, self._origins) if is_alike else None
        return replay_group(group, self._policies, self._origins) if answer is None else answer

    def _place(self, origin: str, document: str) -> str:
        """The origin; or what stands for all those that neither the policies nor the documents know."""
        place = self._places.get((origin, document))
        if place is None:
            is_known = self._is_named(origin) or _host_of(origin) == _host_of(document)
            place = self._places[origin, document] = origin if is_known else _UNKNOWN
        return place

    def _is_named(self, origin: str) -> bool:
        """Whether a source may be about the host, or it is one with rules of its own, or not plainly written."""
        host = _host_of(origin)
        if not _PLAIN_ORIGIN.fullmatch(origin) or "xn--" in host or host.endswith(".localhost"):
            return True
        return host in self._named or host.endswith(self._domains)

    def _is_alike(self, origin: str, recorded: Sequence[str]) -> bool:
        """Whether nothing that is asked of a URL depends on more than its origin."""
        host = _host_of(origin)
        asked = (*self._hosts_with_paths, *map(_recorded_hosts_with_paths, recorded))
        return bool(host) and all(with_paths is not None and host not in with_paths for with_paths in asked)


_UNKNOWN = "https://(unknown)"

_PLAIN_ORIGIN = re.compile(r"https://[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*")
"""A name over https at the usual port."""


def _host_of(url: str) -> str:
    authority = url.partition("://")[2].partition("/")[0]
    return authority.rpartition(":")[0] or authority


def _host_sources(policy: Policy) -> Iterator[HostSource]:
    for directive in policy.directives:
        yield from (source for _, source in directive.sources.expressions if isinstance(source, HostSource))


def _hosts_with_paths(policy: Policy) -> frozenset[str] | None:
    """The hosts of which the policy lists paths; None where it lists one of a pattern of hosts."""
    hosts = {source.host_part for source in _host_sources(policy) if source.path_part is not None}
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


def _read_under(group: ViolationGroup) -> tuple[str, ...]:
    """The recorded policies that the question depends on."""
    policy = _policy_of(group)
    return group.vouched_policies or ((policy,) if policy else ())


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
