"""Proposing: evidence, and the silence around it, become a policy whose every token can be defended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from policybuilder.csp import (
    NONCE_PLACEHOLDER,
    Directive,
    HashSource,
    HostSource,
    KeywordSource,
    NonceSource,
    Policy,
    SchemeSource,
    Verdict,
    parse_serialized_policy,
    parse_source_expression,
)
from policybuilder.csp.subsumption import expression_covers
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.replay import document_origins, replay_group
from policybuilder.suggestion.candidates import SCRIPT_LIKE, Admit, Exclude, Hold, Outcome, Unresolved, candidate
from policybuilder.suggestion.silence import Kept, is_harmless, is_named_by_all, kept_sources
from policybuilder.suggestion.values import (
    ExcludedGroup,
    HeldSource,
    ReplayTotals,
    SuggestedDirective,
    SuggestedSource,
    Suggestion,
    SuggestionFinding,
    UnresolvedGroup,
    evidence_of,
)

FETCH_DIRECTIVES = (
    "script-src",
    "style-src",
    "connect-src",
    "font-src",
    "frame-src",
    "img-src",
    "manifest-src",
    "media-src",
    "object-src",
    "worker-src",
)
"""Those a suggestion prints, in its order; default-src stands before and the others between them by name."""

_NEVER_ASSUMED = ("form-action", "frame-ancestors")
_WITHOUT_REPORTS = ("sandbox", "upgrade-insecure-requests")
"""They report nothing, so only their presence in what was served can speak for them."""

LARGE_HEADER_BYTES = 2_560
TOO_LARGE_HEADER_BYTES = 8_192

_GET_TRUST = "visit the site yourself under the headers of  cspbuild header, or import a recording with --trusted"
_NEEDS_TRUST = "it is seen at the rehearsal key, or in a recording of yours: csp-collector import --trusted"


@dataclass(slots=True)
class _Token:
    """A source on its way into the policy."""

    rule: str
    reason: str
    groups: list[ViolationGroup] = field(default_factory=list)


@dataclass(slots=True)
class _Sorted:
    """Groups by what becomes of them."""

    admitted: list[tuple[ViolationGroup, Admit]] = field(default_factory=list)
    untrusted: list[tuple[ViolationGroup, Admit]] = field(default_factory=list)
    held: list[tuple[ViolationGroup, Hold]] = field(default_factory=list)
    excluded: list[tuple[ViolationGroup, str]] = field(default_factory=list)
    unresolved: list[tuple[ViolationGroup, Unresolved]] = field(default_factory=list)


def propose(site: str, groups: Sequence[ViolationGroup]) -> Suggestion:
    """The policy that the groups speak for.

    Only trusted evidence adds sources; what others reported is held. What the observed policies allowed is kept.
    Where there is trusted evidence, nothing that others report changes the policy.
    """
    vouched = [group for group in groups if group.trusted_reports and group.evidence_class is EvidenceClass.GENUINE]
    origins = document_origins(vouched or groups)
    sorted_groups = _sort(groups, origins)
    findings: list[SuggestionFinding] = []
    observed = _observed_policies(groups, findings)
    tokens, unprobed = _tokens(sorted_groups, observed, origins, findings)
    directives = _directives(tokens, unprobed, observed, sorted_groups, findings)
    if not any(tokens.values()):
        directives = ()
        findings.insert(0, _nothing_accepted())
    policy = _policy(directives)
    _judge_size(policy, findings)
    _judge_sources(directives, tokens, findings)
    _judge_groups(sorted_groups, findings)
    _judge_origins(sorted_groups, findings)

    policies = [] if policy is None else [policy]
    verdicts = [(group, replay_group(group, policies, origins).verdict) for group, _ in sorted_groups.admitted]
    # What the policy admits anyway needs no decision.
    uncovered = [
        (group, admit)
        for group, admit in sorted_groups.untrusted
        if policy is None or replay_group(group, policies, origins).verdict is not Verdict.ALLOW
    ]
    return Suggestion(
        site=site,
        policy=policy,
        directives=directives,
        held=_held(sorted_groups.held, uncovered),
        excluded=_excluded(sorted_groups.excluded),
        unresolved=_unresolved(sorted_groups.unresolved),
        needs_nonce=policy is not None and f"'nonce-{NONCE_PLACEHOLDER}'" in str(policy),
        replay=ReplayTotals(
            allow=sum(verdict is Verdict.ALLOW for _, verdict in verdicts),
            block=sum(verdict is Verdict.BLOCK for _, verdict in verdicts),
            unknown=sum(verdict is Verdict.UNKNOWN for _, verdict in verdicts),
            held=len(sorted_groups.held) + len(uncovered) + len(sorted_groups.unresolved),
            excluded=len(sorted_groups.excluded),
        ),
        blocked_groups=tuple(group for group, verdict in verdicts if verdict is Verdict.BLOCK),
        findings=tuple(findings),
        observed_policies=tuple(map(str, observed.policies)),
    )


def _sort(groups: Sequence[ViolationGroup], origins: Sequence[str]) -> _Sorted:
    result = _Sorted()
    for group in sorted(groups, key=lambda group: group.fingerprint):
        match _outcome(group, origins):
            case Admit() as admit:
                (result.admitted if group.trusted_reports else result.untrusted).append((group, admit))
            case Hold() as hold:
                result.held.append((group, hold))
            case Exclude(rule):
                result.excluded.append((group, rule))
            case Unresolved() as unresolved:
                result.unresolved.append((group, unresolved))
    return result


def _outcome(group: ViolationGroup, origins: Sequence[str]) -> Outcome:
    match group.evidence_class:
        case EvidenceClass.GENUINE:
            return candidate(group, origins)
        case EvidenceClass.CONTRADICTION if group.directive.startswith(("script-src", "form-action")):
            return Unresolved(
                group.directive,
                "the policy it was reported under allows this URL: it probably redirects to one that is blocked",
                "follow the redirect, and allow its target if you want it",
            )
        case _:
            return Exclude(group.rule)


@dataclass(frozen=True, slots=True)
class _Observed:
    policies: tuple[Policy, ...]
    are_vouched: bool
    """Whether trusted evidence named them; anybody can claim any policy in a report."""


def _observed_policies(groups: Iterable[ViolationGroup], findings: list[SuggestionFinding]) -> _Observed:
    """The policies whose silence counts: those that trusted evidence named, or, without any, those of the rest."""
    vouched: set[str] = set()
    claimed: set[str] = set()
    for group in groups:
        if group.is_noise or group.evidence_class is EvidenceClass.ATTACK_LIKE:
            continue
        for count in group.policies:
            claimed.add(count.policy)
            if count.trusted_reports:
                vouched.add(count.policy)
    if not vouched:
        findings.append(
            SuggestionFinding(
                code="no-trusted-evidence",
                severity="high",
                directive="",
                value="",
                message="nobody vouches for these reports: anyone can post to a public key",
                fix=_GET_TRUST,
            )
        )
    return _Observed(tuple(map(parse_serialized_policy, sorted(vouched or claimed))), bool(vouched))


def _tokens(
    sorted_groups: _Sorted, observed: _Observed, origins: Sequence[str], findings: list[SuggestionFinding]
) -> tuple[dict[str, dict[str, _Token]], frozenset[str]]:
    """By directive and source, what the policy will hold; and the directives that nothing restricted."""
    tokens: dict[str, dict[str, _Token]] = {
        name: {} for name in (*FETCH_DIRECTIVES, "base-uri", "form-action", "frame-ancestors")
    }
    for group, admit in sorted_groups.admitted:
        token = tokens[admit.directive].setdefault(admit.source, _Token(admit.rule, admit.reason))
        token.groups.append(group)
    unprobed = set()
    for directive, sources in tokens.items():
        kept = kept_sources(directive, observed.policies, origins)
        if not kept.is_probed:
            unprobed.add(directive)
        _keep(directive, kept, sources, observed, findings)
        _drop_covered(sources)
    return tokens, frozenset(unprobed)


def _keep(
    directive: str,
    kept: Kept,
    sources: dict[str, _Token],
    observed: _Observed,
    findings: list[SuggestionFinding],
) -> None:
    for source in kept.sources:
        if source in sources:
            continue
        if not observed.are_vouched and not is_harmless(source, directive):
            findings.append(
                SuggestionFinding(
                    code="unvouched-policy",
                    severity="medium",
                    directive=directive,
                    value=source,
                    message=f"only a policy that strangers' reports name allows {source}: not kept",
                    fix="if you serve that policy, rehearse one visit under it",
                )
            )
            continue
        sources[source] = _Token(
            "unobserved-kept", "every observed policy allowed it, so no report could tell whether it is used"
        )


def _drop_covered(sources: dict[str, _Token]) -> None:
    """Leave out what another source of the list admits anyway; its evidence then speaks for that one."""
    parsed = {source: parse_source_expression(source) for source in sources}
    for source, expression in parsed.items():
        if expression is None:
            continue
        for other, wider in parsed.items():
            if other != source and other in sources and wider is not None and expression_covers(wider, expression):
                sources[other].groups.extend(sources.pop(source).groups)
                break


def _directives(
    tokens: dict[str, dict[str, _Token]],
    unprobed: frozenset[str],
    observed: _Observed,
    sorted_groups: _Sorted,
    findings: list[SuggestionFinding],
) -> tuple[SuggestedDirective, ...]:
    result: dict[str, tuple[SuggestedSource, ...]] = {}
    fetch_unprobed = [name for name in FETCH_DIRECTIVES if name in unprobed and not tokens[name]]
    findings.extend(_unprobed(name) for name in (*fetch_unprobed, *(n for n in _NEVER_ASSUMED if n in unprobed)))
    if not fetch_unprobed:
        result["default-src"] = (_base("nothing is loaded but what a directive names"),)
    for name in FETCH_DIRECTIVES:
        if tokens[name]:
            result[name] = _suggested(tokens[name])
    if "object-src" not in result and "object-src" not in unprobed:
        result["object-src"] = (_base("no object, embed or applet was seen; plugins are an old way in"),)
    if "script-src" in result and "worker-src" not in result and "worker-src" not in unprobed:
        result["worker-src"] = (_base("no worker was seen; without this, script-src would stand in"),)
    result["base-uri"] = _suggested(tokens["base-uri"]) or (_base("a <base> would move every relative URL"),)
    for name in _NEVER_ASSUMED:
        asking = [group for group, unresolved in sorted_groups.unresolved if unresolved.directive == name]
        if tokens[name]:
            result[name] = _suggested(tokens[name])
        elif name not in unprobed and not any(group.trusted_reports or not observed.are_vouched for group in asking):
            seen = "only strangers say that it would refuse something" if asking else "nothing was reported"
            result[name] = (_base(f"an observed policy named it, and {seen}"),)
    for name in _WITHOUT_REPORTS:
        if is_named_by_all(name, observed.policies):
            values = observed.policies[0].directive(name)
            result[name] = tuple(
                SuggestedSource(source=value, rule="unobserved-kept", reason="part of every observed policy")
                for value in (values.values if values else ())
            )
    return tuple(
        SuggestedDirective(name=name, sources=result[name])
        for name in sorted(result, key=lambda name: (_RANK.get(name, len(_RANK)), name))
    )


_RANK = {"default-src": 0, "script-src": 1, "style-src": 2}


def _suggested(sources: dict[str, _Token]) -> tuple[SuggestedSource, ...]:
    return tuple(
        SuggestedSource(
            source=source,
            rule=sources[source].rule,
            reason=sources[source].reason,
            evidence=evidence_of(sources[source].groups),
        )
        for source in sorted(sources, key=_source_order)
    )


def _source_order(source: str) -> tuple[int, str]:
    """By kind, then text: what a reader looks for first stands first."""
    match parse_source_expression(source):
        case KeywordSource():
            return (0 if source == "'self'" else 1, source)
        case SchemeSource():
            return (2, source)
        case HostSource():
            return (3, source)
        case NonceSource():
            return (4, source)
        case HashSource():
            return (5, source)
        case None:
            return (6, source)


def _base(reason: str) -> SuggestedSource:
    return SuggestedSource(source="'none'", rule="base", reason=reason)


def _policy(directives: Sequence[SuggestedDirective]) -> Policy | None:
    """The printed policy. What cannot be read back as it was written is a bug, and Directive refuses it."""
    if not directives:
        return None
    return Policy(
        tuple(
            Directive(directive.name, tuple(source.source for source in directive.sources)) for directive in directives
        )
    )


def _held(
    held: Iterable[tuple[ViolationGroup, Hold]], untrusted: Iterable[tuple[ViolationGroup, Admit]]
) -> tuple[HeldSource, ...]:
    members: dict[tuple[str, str, str, str], list[ViolationGroup]] = defaultdict(list)
    for group, hold in held:
        members[hold.directive, hold.source, hold.why, hold.needs].append(group)
    for group, admit in untrusted:
        members[admit.directive, admit.source, f"{admit.reason}, as strangers say", _NEEDS_TRUST].append(group)
    return tuple(
        HeldSource(directive=directive, source=source, why=why, needs=needs, evidence=evidence_of(alike))
        for (directive, source, why, needs), alike in sorted(members.items(), key=lambda item: item[0])
    )


def _excluded(excluded: Iterable[tuple[ViolationGroup, str]]) -> tuple[ExcludedGroup, ...]:
    counts: dict[tuple[str, str, EvidenceClass, str], int] = defaultdict(int)
    for group, rule in excluded:
        counts[group.directive, group.blocked, group.evidence_class, rule] += group.reports
    return tuple(
        ExcludedGroup(directive=directive, blocked=blocked, evidence_class=evidence_class, rule=rule, reports=reports)
        for (directive, blocked, evidence_class, rule), reports in sorted(counts.items())
    )


def _unresolved(unresolved: Iterable[tuple[ViolationGroup, Unresolved]]) -> tuple[UnresolvedGroup, ...]:
    counts: dict[tuple[str, str, str, str], int] = defaultdict(int)
    for group, found in unresolved:
        counts[found.directive, group.blocked, found.why, found.todo] += group.reports
    return tuple(
        UnresolvedGroup(directive=directive, blocked=blocked, why=why, todo=todo, reports=reports)
        for (directive, blocked, why, todo), reports in sorted(counts.items())
    )


def _unprobed(directive: str) -> SuggestionFinding:
    is_fetch = directive in FETCH_DIRECTIVES
    return SuggestionFinding(
        code="unprobed",
        severity="medium",
        directive=directive,
        value="",
        message=f"no observed policy restricted {directive}, so nothing could be reported: it is left as it is"
        + (", and default-src with it" if is_fetch else ""),
        fix="send the headers of  cspbuild header --stage observe  for a while",
    )


def _nothing_accepted() -> SuggestionFinding:
    return SuggestionFinding(
        code="nothing-accepted",
        severity="high",
        directive="",
        value="",
        message="nothing could be accepted and nothing is known to be in use: any policy would block the whole site",
        fix=f"{_GET_TRUST}; then look at what is held",
    )


def _judge_sources(
    directives: Sequence[SuggestedDirective], tokens: dict[str, dict[str, _Token]], findings: list[SuggestionFinding]
) -> None:
    """What is risky in the policy itself."""
    for directive in directives:
        for source in directive.sources:
            if source.rule == "unobserved-kept" and directive.name == "script-src" and "unsafe-inline" in source.source:
                findings.append(
                    SuggestionFinding(
                        code="unsafe-inline-kept",
                        severity="high",
                        directive=directive.name,
                        value=source.source,
                        message="every observed policy allows inline script, so its use cannot be seen; it stays open",
                        fix="observe under a policy without it: cspbuild header --stage observe",
                    )
                )
            if source.rule == "insecure-origin":
                findings.append(
                    SuggestionFinding(
                        code="insecure-origin",
                        severity="medium",
                        directive=directive.name,
                        value=source.source,
                        message=source.reason,
                        fix="change the URL in the page to https",
                    )
                )
            if source.rule == "other-origin" and directive.name in SCRIPT_LIKE and tokens[directive.name]:
                findings.append(
                    SuggestionFinding(
                        code="rehearsal-only",
                        severity="info",
                        directive=directive.name,
                        value=source.source,
                        message="a third party's code rests on your own rehearsal alone; its whole origin is trusted",
                        fix="check that you meant to load it",
                    )
                )


def _judge_size(policy: Policy | None, findings: list[SuggestionFinding]) -> None:
    size = len(str(policy)) if policy is not None else 0
    if size > LARGE_HEADER_BYTES:
        findings.append(
            SuggestionFinding(
                code="header-size",
                severity="high" if size > TOO_LARGE_HEADER_BYTES else "medium",
                directive="",
                value=f"{size} bytes",
                message="many servers and proxies keep all response headers in a buffer of 4 or 8 KiB",
                fix="fold numbered hosts into a wildcard where you trust all of the domain, or load less",
            )
        )


def _judge_groups(sorted_groups: _Sorted, findings: list[SuggestionFinding]) -> None:
    """What is alarming in the evidence."""
    attacks = [group for group, _ in sorted_groups.excluded if group.evidence_class is EvidenceClass.ATTACK_LIKE]
    if attacks:
        findings.insert(
            0,
            SuggestionFinding(
                code="attack-like",
                severity="high",
                directive="",
                value="",
                message=f"{len(attacks)} groups look like injected markup; somebody may be attacking the site",
                fix="look at the pages they name:  cspbuild suggest --format json  lists them under excluded",
            ),
        )


def _judge_origins(sorted_groups: _Sorted, findings: list[SuggestionFinding]) -> None:
    """One policy for several sites admits on each what only the others need."""
    origins = sorted({group.document_origin for group, _ in sorted_groups.admitted if "://" in group.document_origin})
    if len(origins) > 1:
        findings.append(
            SuggestionFinding(
                code="several-origins",
                severity="low",
                directive="",
                value=", ".join(origins),
                message="the evidence is of pages of several origins, and the policy serves all of them",
                fix="if they are sites of their own, register each:  cspbuild site add NAME --host HOST",
            )
        )
