"""Tightening: the policy that is enforced, less what nobody needs; and, apart from it, what would repair it.

A policy S tightens E where it admits nothing that E does not, under every directive, which `subsumes` shows at the end.
E itself is edited, directive by directive. What E allows gives no reports, so a source goes only after enough page
views carried a report-only policy that refuses it (see `exposure`), and stays, with its use unknown, in any other case.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from policybuilder.csp import (
    ChangeKind,
    Decision,
    Directive,
    HashSource,
    HostSource,
    Keyword,
    KeywordSource,
    Policy,
    SchemeSource,
    SourceList,
    Verdict,
    canonical,
    diff,
    parse_source_expression,
    parse_source_list,
    subsumes,
)
from policybuilder.csp.directives import FALLBACKS
from policybuilder.csp.subsumption import expression_covers
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.replay import Replayer, replay_group
from policybuilder.suggestion.assembly import directive_order, source_order
from policybuilder.suggestion.candidates import PARENTS
from policybuilder.suggestion.drafting import (
    FETCH_DIRECTIVES,
    INLINE_DIRECTIVES,
    NEVER_ASSUMED,
    UNSAFE_HASHES,
    UNSAFE_INLINE,
    Token,
    drop_covered,
)
from policybuilder.suggestion.exposure import Exposure
from policybuilder.suggestion.sorting import Grounds, SortedGroups, is_rejected
from policybuilder.suggestion.trust import NO_REACH, Tier
from policybuilder.suggestion.values import UnknownUse

_UNFETCHED = ("base-uri", *NEVER_ASSUMED)

Tokens = dict[str, Token]
"""By source expression."""

_MAX_SILENCE = timedelta(days=2)
"""Of a report-only policy that refuses what is in use."""


@dataclass(frozen=True, slots=True)
class Repair:
    """What the enforced policy blocks, and believed evidence needs."""

    directive: str
    source: str
    token: Token


@dataclass(slots=True)
class Revision:
    """The enforced policy, revised."""

    tokens: dict[str, Tokens]
    """By the directives to print; a directive without sources matches nothing, or takes none."""

    accepted: tuple[ViolationGroup, ...]
    """Believed groups that it must allow."""

    repairs: tuple[Repair, ...] = ()
    rests_on: dict[str, Exposure] = field(default_factory=dict)
    """By directive, what a narrowing rests on."""

    unknown: tuple[UnknownUse, ...] = ()
    probe: Policy | None = None
    """The report-only policy under which the use of what is unknown would be reported."""

    def shown_by(self, directive: str) -> Exposure | None:
        """What a narrowing of an effective directive rests on."""
        return self.rests_on.get(directive) or self.rests_on.get(PARENTS.get(directive, directive))


def tighten(
    current: Policy, draft: Mapping[str, Tokens], groups: SortedGroups, grounds: Grounds, origins: Sequence[str]
) -> Revision:
    """The policy `current` without what enough exposure shows unused."""
    uses = _Uses(current, groups, grounds, origins)
    lists: dict[str, Tokens] = {}
    rests_on: dict[str, Exposure] = {}
    unknown: list[UnknownUse] = []
    probe: dict[str, tuple[str, ...]] = {}
    settled: set[str] = set()
    for unit in uses.units:
        own = uses.own(unit)
        ideal = None if unit == "default-src" else _ideal(unit, own, uses, draft)
        left = _without_rejected(unit, own, grounds)
        lists[unit] = left
        if ideal is None:
            continue
        if ideal.keys() == own.keys():
            settled.add(unit)
            continue
        shown = _shown(unit, ideal, own, grounds.exposures, uses)
        if isinstance(shown, _Shown):
            lists[unit] = _without_rejected(unit, shown.tokens, grounds)
            rests_on[unit] = shown.exposure
            settled.add(unit)
            open_sources, why = tuple(shown.silent), "the report-only policy allows them too"
        else:
            open_sources, why = tuple(source for source in own if source not in ideal) or ("*",), shown
        if open_sources:
            unknown.append(UnknownUse(directive=unit, sources=open_sources, why=why))
            probe[unit] = tuple(ideal)
    if _may_close_default(current, uses, settled):
        lists["default-src"] = {}
    tokens = _composed(current, lists)
    tokens = _proven(current, tokens, uses)
    return Revision(
        tokens,
        accepted=tuple(group for group, _ in uses.allowed),
        repairs=_repairs(current, uses, draft, grounds),
        rests_on={unit: exposure for unit, exposure in rests_on.items() if _differs(current, tokens, unit)},
        unknown=tuple(unknown),
        probe=_probe_policy(probe),
    )


def repair(
    current: Policy, draft: Mapping[str, Tokens], groups: SortedGroups, grounds: Grounds, origins: Sequence[str]
) -> Revision:
    """The policy `current` with what believed evidence needs besides."""
    uses = _Uses(current, groups, grounds, origins)
    repairs = _repairs(current, uses, draft, grounds)
    lists = {unit: uses.own(unit) for unit in uses.units}
    for each in repairs:
        lists.setdefault(each.directive, {})[each.source] = each.token
    for directive in INLINE_DIRECTIVES:
        if any(source.startswith("'sha") for source in lists.get(directive, {})):
            hashed = next(token for source, token in lists[directive].items() if source.startswith("'sha"))
            reason = "without it digests admit no attributes"
            lists[directive].setdefault(UNSAFE_HASHES, Token("unsafe-hashes", reason, hashed.tier))
    answered = {group.fingerprint for each in repairs for group in each.token.groups}
    accepted = [group for group, _ in uses.allowed]
    accepted += [group for group, _, _ in groups.admitted if group.fingerprint in answered]
    return Revision(_composed(current, lists), accepted=tuple(accepted), repairs=repairs)


def deltas(current: Policy, candidate: Policy) -> Policy | None:
    """The report-only policy that reports what `candidate` refuses and `current` admits, and nothing else, or None.

    A report-only copy of the whole candidate would repeat every report of the enforced policy.
    """
    changes = diff(current, candidate).changes
    narrowed = {change.directive for change in changes if change.kind in {ChangeKind.REMOVED, ChangeKind.NARROWED}}
    lists = {name: governing.values for name in narrowed if (governing := _governing(candidate, name)) is not None}
    return _probe_policy({name: [value for value in lists[name] if value.lower() != "'none'"] for name in lists})


class _Uses:
    """What the evidence shows of the use that pages make of the enforced policy."""

    def __init__(self, current: Policy, groups: SortedGroups, grounds: Grounds, origins: Sequence[str]) -> None:
        self._current = current
        self._origins = origins
        self._groups = [group for group, _, _ in groups.admitted] + [group for group, _ in groups.held]
        self.units = _units(current)
        self.allowed: list[tuple[ViolationGroup, str]] = []
        """Believed groups that it allows, each with the source that the draft has for it."""

        self.refused: list[tuple[ViolationGroup, str, str]] = []
        """Believed groups that it blocks, with directive and source of the draft."""

        self.in_doubt: set[str] = set()
        """Units of which it cannot be said what a use of them rests on."""

        self._by_source: dict[tuple[str, str], list[tuple[ViolationGroup, str | None]]] = defaultdict(list)
        self._uncounted: set[str] = set()
        replayer = Replayer([current], origins)
        for group, admit, _ in groups.admitted:
            decision = replayer.decide(group)
            if decision.verdict is Verdict.BLOCK:
                self.refused.append((group, admit.directive, admit.source))
            else:
                self.allowed.append((group, admit.source))
                self._count(group, decision, admit.source)
        # A stranger or two must not keep open what nobody else needs; for more of them it stays as it is.
        for group in _that_some_report(groups, grounds):
            self._count(group, replayer.decide(group), None)
        redirected = [*(group for group, _ in groups.excluded), *(group for group, _ in groups.unresolved)]
        for group in redirected:
            # Where a load is redirected to no report says, so that any source of the unit may be what lets it through.
            is_some = group.trusted_reports or group.reporters >= grounds.thresholds.min_reporters
            if group.evidence_class is EvidenceClass.CONTRADICTION and is_some:
                self.in_doubt.add(self._unit_of(group))

    def lacks(self, exposure: Exposure) -> str | None:
        """Why a report-only policy seems not to be out, for people; None where its silence is what it should be.

        What it refuses, and the evidence shows in use, must be reported as long as it is.
        """
        named = str(canonical(exposure.policy))
        heard = [count.last_seen_at for group in self._groups for count in group.policies if count.policy == named]
        if max(heard, default=exposure.since_at) >= exposure.until_at - _MAX_SILENCE:
            return None
        refused = (group for group, _ in self.allowed if not self._is_admitted(group, exposure.policy))
        if next(refused, None) is None:
            return None
        return "it refuses what is in use, and nothing was reported under it lately: it seems not to be out"

    def _is_admitted(self, group: ViolationGroup, policy: Policy) -> bool:
        return replay_group(group, [policy], self._origins).verdict is not Verdict.BLOCK

    def of(self, unit: str, source: str) -> list[tuple[ViolationGroup, str | None]]:
        """The groups that `source` admits in the unit, each with the source that the draft has for it, if any."""
        return self._by_source.get((unit, source), [])

    def of_unit(self, unit: str) -> bool:
        """Whether anything in the unit is used."""
        return any(name == unit for name, _ in self._by_source)

    def own(self, unit: str) -> Tokens:
        """The enforced list of a unit, as far as it matters there, each source with what is seen of its use."""
        directive = _governing(self._current, unit)
        values = ("*",) if directive is None else _relevant(unit, directive.values)
        return {value: self._kept(unit, value) for value in values if value.lower() != "'none'"}

    def _kept(self, unit: str, source: str) -> Token:
        groups = [group for group, _ in self.of(unit, source)]
        if groups:
            return Token("enforced-used", "enforced now, and its use was reported", Tier.KEPT, groups)
        return Token("enforced-kept", "enforced now; whether it is used no report has told yet", Tier.KEPT)

    def _count(self, group: ViolationGroup, decision: Decision, source: str | None) -> None:
        unit = self._unit_of(group)
        if decision.verdict is Verdict.UNKNOWN:
            self.in_doubt.add(unit)
        elif decision.verdict is Verdict.ALLOW:
            self._by_source[unit, decision.matched_by or "*"].append((group, source))

    def _unit_of(self, group: ViolationGroup) -> str:
        directive = group.directive
        if directive.endswith("-elem") and self._current.directive(directive) is None:
            return PARENTS[directive]
        return directive


def _that_some_report(groups: SortedGroups, grounds: Grounds) -> Iterator[ViolationGroup]:
    """Groups that are not believed, but that of a source which several networks report, or the operator does.

    By the source, since every visitor may load another file of it. How far a held source was reported nobody counted;
    there the networks of each of its groups are taken for different ones.
    """
    least = grounds.thresholds.min_reporters
    for group, doubt in groups.doubted:
        reach = grounds.prevalence.sources.get((doubt.admit.directive, doubt.admit.source), NO_REACH)
        if max(group.reporters, reach.reporters) >= least:
            yield group
    networks: dict[tuple[str, str], int] = defaultdict(int)
    for group, hold in groups.held:
        networks[hold.directive, hold.source] += group.reporters
    for group, hold in groups.held:
        if group.trusted_reports or networks[hold.directive, hold.source] >= least:
            yield group
    for group, _ in groups.unresolved:
        if group.trusted_reports or group.reporters >= least:
            yield group


def _units(current: Policy) -> tuple[str, ...]:
    """The effective directives whose lists are narrowed one by one."""
    elements = (name for name in ("script-src-elem", "style-src-elem") if current.directive(name) is not None)
    return ("default-src", *FETCH_DIRECTIVES, *elements, *INLINE_DIRECTIVES, *_UNFETCHED)


def _relevant(unit: str, values: Sequence[str]) -> Sequence[str]:
    """The sources of a list that was inherited as far as they admit anything in the unit."""
    found = parse_source_list(values)
    if unit == "worker-src":
        return [text for text, _ in found.url_sources] or ["'none'"]
    if unit not in INLINE_DIRECTIVES:
        return values
    if Keyword.UNSAFE_INLINE in found and not _is_switched_off(found):
        return [UNSAFE_INLINE]
    digests = [text for text, _ in found.hashes]
    return [UNSAFE_HASHES, *digests] if Keyword.UNSAFE_HASHES in found and digests else []


def _is_switched_off(found: SourceList) -> bool:
    """https://w3c.github.io/webappsec-csp/#allow-all-inline"""
    return bool(found.nonces or found.hashes or Keyword.STRICT_DYNAMIC in found)


def _may_close_default(current: Policy, uses: _Uses, settled: Collection[str]) -> bool:
    """Whether every kind of load that the default governs has a list of its own now; only hints are left to it then."""
    if current.directive("default-src") is None or "default-src" in uses.in_doubt or uses.of_unit("default-src"):
        return False
    governed = [unit for unit in FETCH_DIRECTIVES if getattr(current.governing(unit), "name", "") == "default-src"]
    return bool(governed) and all(unit in settled for unit in governed)


def _governing(policy: Policy, unit: str) -> Directive | None:
    return policy.governing(unit) if unit in FALLBACKS else policy.directive(unit)


def _ideal(unit: str, own: Tokens, uses: _Uses, draft: Mapping[str, Tokens]) -> Tokens | None:
    """The list that evidence alone needs, of what `own` admits; None to leave it as it is.

    Nonces, digests and 'strict-dynamic' switch other sources off, and what they admit is not told by reports.
    """
    parsed = parse_source_list(own)
    if unit in uses.in_doubt or Keyword.STRICT_DYNAMIC in parsed or parsed.nonces:
        return None
    ideal: Tokens = {}
    for source, token in own.items():
        ideal |= _pieces(unit, source, token, uses, draft)
    has_digests = any(source.startswith("'sha") for source in ideal)
    if has_digests and (unit in INLINE_DIRECTIVES or UNSAFE_HASHES in own):
        ideal.setdefault(UNSAFE_HASHES, Token("unsafe-hashes", "without it digests admit no attributes", Tier.KEPT))
    return dict(sorted(ideal.items(), key=lambda item: source_order(item[0])))


def _pieces(unit: str, source: str, token: Token, uses: _Uses, draft: Mapping[str, Tokens]) -> Tokens:
    """What is used of a source: narrower sources of the draft where all its uses have one, else itself."""
    expression = parse_source_expression(source)
    used = uses.of(unit, source)
    if expression is None or not used:
        # 'report-sample' and its like admit nothing, and make better reports.
        is_reporting = isinstance(expression, KeywordSource) and expression.keyword.value.startswith("'report-")
        return {source: token} if is_reporting else {}
    found: Tokens = {}
    listed = {**draft.get(PARENTS.get(unit, unit), {}), **draft.get(unit, {})}
    for _, asked in used:
        answer = (
            None if asked is None else next((each for each in listed if each == asked or _covers(each, asked)), None)
        )
        if answer is None or not _is_narrower(unit, source, answer):
            return {source: token}
        found[answer] = listed[answer]
    return found


def _is_narrower(unit: str, wide: str, narrow: str) -> bool:
    """Whether a source of the draft admits part of what the enforced one does, and nothing else."""
    expression, other = parse_source_expression(wide), parse_source_expression(narrow)
    if expression is None or other is None:
        return False
    if expression == KeywordSource(Keyword.UNSAFE_INLINE):
        # https://w3c.github.io/webappsec-csp/#external-hash: a script from anywhere may carry the digest as integrity.
        return isinstance(other, HashSource) and (unit in INLINE_DIRECTIVES or unit.startswith("style-src"))
    if isinstance(other, HostSource | SchemeSource) or other == KeywordSource(Keyword.SELF):
        return wide == "*" or expression_covers(expression, other)
    return False


@dataclass(frozen=True, slots=True)
class _Shown:
    """A narrower list that exposure shows to be enough."""

    tokens: Tokens
    silent: Tokens
    """Those of them that are kept because the report-only policy would not have told."""

    exposure: Exposure


def _shown(unit: str, ideal: Tokens, own: Tokens, exposures: Sequence[Exposure], uses: _Uses) -> _Shown | str:
    """The narrowest list that some exposure shows to be enough, or why none does."""
    found: list[_Shown] = []
    reason = "no report-only policy that refuses them is recorded"
    for exposure in exposures:
        probing = _governing(exposure.policy, unit)
        if probing is None:
            continue
        silent = _silent(probing, ideal, own)
        if silent is None or own.keys() <= {*ideal, *silent}:
            continue
        if (lacks := exposure.lacks or uses.lacks(exposure)) is not None:
            reason = lacks
            continue
        listed = dict(ideal)
        listed |= {
            source: token for source, token in silent.items() if not any(_covers(each, source) for each in ideal)
        }
        drop_covered(listed)
        found.append(_Shown(listed, {each: silent[each] for each in silent if each in listed}, exposure))
    return min(found, key=lambda shown: len(shown.tokens), default=reason)


def _silent(probing: Directive, ideal: Tokens, own: Tokens) -> Tokens | None:
    """What the probing list allows without a report of all that `own` admits; None where that cannot be said."""
    silent: Tokens = {}
    reason = "the report-only policy allowed it too, so no report could tell"
    for value in probing.values:
        expression = parse_source_expression(value)
        if expression is None or value in ideal or value.lower().startswith("'report-"):
            continue
        if any(_covers(other, value) for other in ideal):
            continue
        if value in own or any(_covers(other, value) for other in own):
            silent[value] = Token("unobserved-kept", reason, Tier.KEPT)
        elif isinstance(expression, HostSource | SchemeSource | KeywordSource):
            # It may admit part of what is asked about: `https:` beside an enforced host.
            overlapping = [other for other in own if other not in ideal and _covers(value, other)]
            silent |= {other: own[other] for other in overlapping}
        else:
            return None
    return silent


def _covers(wide: str, narrow: str) -> bool:
    one, other = parse_source_expression(wide), parse_source_expression(narrow)
    return wide == narrow or (one is not None and other is not None and expression_covers(one, other))


def _without_rejected(unit: str, tokens: Tokens, grounds: Grounds) -> Tokens:
    return {source: token for source, token in tokens.items() if not is_rejected(unit, source, grounds.decisions)}


def _composed(current: Policy, lists: Mapping[str, Tokens]) -> dict[str, Tokens]:
    """The directives to print: those of the enforced policy, and each unit whose list would else be another one."""
    kept = Token("enforced-kept", "part of the enforced policy", Tier.KEPT)
    nothing = {"'none'": Token("base", "nothing that needs it was reported, where it would have been", Tier.BASE)}
    result: dict[str, Tokens] = {}
    for directive in current.directives:
        values = lists.get(directive.name)
        if values is None:
            values = dict.fromkeys(directive.values, kept)
        result[directive.name] = dict(values) or (dict(nothing) if directive.name in lists else {})
    for unit in sorted(lists, key=lambda unit: (unit not in {"script-src", "style-src"}, directive_order(unit))):
        if unit in result or (_governing(current, unit) is None and lists[unit].keys() == {"*"}):
            continue
        by_default = _governing(_policy(result), unit)
        inherited = None if by_default is None else by_default.values
        if inherited is None or _admits(unit, inherited) != _admits(unit, lists[unit]):
            result[unit] = dict(lists[unit]) or dict(nothing)
    return result


def _admits(unit: str, values: Iterable[str]) -> object:
    """What matters of a list in a unit, to compare it with another."""
    found = parse_source_list(values)
    if unit in INLINE_DIRECTIVES:
        if Keyword.UNSAFE_INLINE in found and not _is_switched_off(found):
            return "all"
        return frozenset(text for text, _ in found.hashes) if Keyword.UNSAFE_HASHES in found else frozenset()
    if unit == "worker-src":
        return frozenset(str(source) for _, source in found.url_sources)
    return frozenset(str(source) for _, source in found.expressions)


def _proven(current: Policy, tokens: dict[str, Tokens], uses: _Uses) -> dict[str, Tokens]:
    """The revision as far as it is shown to admit no more; what is not shown stays as it is enforced."""
    if subsumes(current, _policy(tokens)):
        return tokens
    original = _composed(current, {unit: uses.own(unit) for unit in uses.units})
    for name in list(tokens):
        trial = {each: sources for each, sources in original.items() if each != name} | {name: tokens[name]}
        if not subsumes(current, _policy(trial)):
            del tokens[name]
            tokens |= {name: original[name]} if name in original else {}
    return tokens if subsumes(current, _policy(tokens)) else original


def _differs(current: Policy, tokens: Mapping[str, Tokens], unit: str) -> bool:
    before, after = _governing(current, unit), _governing(_policy(tokens), unit)
    if before is None or after is None:
        return before is not after
    return _admits(unit, before.values) != _admits(unit, after.values)


def _repairs(current: Policy, uses: _Uses, draft: Mapping[str, Tokens], grounds: Grounds) -> tuple[Repair, ...]:
    groups: dict[tuple[str, str], list[ViolationGroup]] = defaultdict(list)
    for group, directive, source in uses.refused:
        groups[directive, source].append(group)
    for directive, sources in draft.items():
        for source, token in sources.items():
            if (
                token.tier is Tier.DECIDED
                and source != "'none'"
                and not token.groups
                and not _is_listed(current, directive, source)
            ):
                groups.setdefault((directive, source), [])
    return tuple(
        Repair(directive, source, _token_of(draft, directive, source, groups[directive, source]))
        for directive, source in sorted(groups)
        if not is_rejected(directive, source, grounds.decisions)
    )


def _is_listed(current: Policy, directive: str, source: str) -> bool:
    governing = _governing(current, directive)
    return governing is None or any(_covers(value, source) for value in governing.values)


def _token_of(draft: Mapping[str, Tokens], directive: str, source: str, groups: Sequence[ViolationGroup]) -> Token:
    known = draft.get(directive, {}).get(source)
    if known is None:
        return Token("repair", "the enforced policy blocks it", Tier.TRUSTED, list(groups))
    return Token(known.rule, known.reason, known.tier, list(groups), known.is_forgeable)


def _probe_policy(lists: Mapping[str, Iterable[str]]) -> Policy | None:
    """A report-only policy that refuses what is in question, and nothing else; samples help to tell what that was."""
    if not lists:
        return None
    return Policy(
        tuple(Directive(name, tuple(_probing(name, lists[name]))) for name in sorted(lists, key=directive_order))
    )


def _probing(name: str, values: Iterable[str]) -> Iterator[str]:
    found = list(values)
    yield from found
    if name.startswith(("script-src", "style-src")) and "'report-sample'" not in found:
        yield "'report-sample'"
    elif not found:
        yield "'none'"


def _policy(tokens: Mapping[str, Iterable[str]]) -> Policy:
    return Policy(tuple(Directive(name, tuple(sources)) for name, sources in tokens.items()))
