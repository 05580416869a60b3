"""Sorting: what becomes of each violation group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from policybuilder.csp import Policy, Verdict
from policybuilder.decisions import Decided, Decision, DecisionAction, matches, vouches_for
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.replay import Replayer
from policybuilder.scripts import ReportedScript
from policybuilder.suggestion.candidates import (
    LISTABLE,
    PARENTS,
    SCRIPT_LIKE,
    Admit,
    Candidates,
    Exclude,
    Hold,
    Outcome,
    Unresolved,
)
from policybuilder.suggestion.current import Current
from policybuilder.suggestion.exposure import Exposure
from policybuilder.suggestion.inline import NoncePlace, PageForm
from policybuilder.suggestion.trust import (
    NO_PREVALENCE,
    NO_REACH,
    Prevalence,
    Reach,
    Share,
    SourceKey,
    Thresholds,
    Tier,
    missing,
)

_NEVER_ASSUMED = frozenset({"form-action", "frame-ancestors"})
"""Closed only where hardly anybody says that it would refuse something."""

LOADED_BY = "loaded-by"
"""Rule of what strangers alone say of an initiator that a person trusts: whoever forges it chooses the source."""

REDIRECTED = "the policy it was reported under allows this URL: it probably redirects to one that is blocked"

_NEEDS_MORE = "something that strangers cannot write: it is code, or takes the page's data away"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What becomes of what each group asks for."""

    groups: Sequence[ViolationGroup]
    origins: Sequence[str]
    """Of the site's documents."""

    decisions: Sequence[Decision]
    each: Sequence[Outcome]
    """In the order of the groups."""

    def are_of(self, groups: Sequence[ViolationGroup], origins: Sequence[str], decisions: Sequence[Decision]) -> bool:
        """Whether they are of these very groups and decisions; like ones would take as long to compare as to ask."""
        return self.groups is groups and self.decisions is decisions and self.origins == origins


def outcomes_of(
    groups: Sequence[ViolationGroup], origins: Sequence[str], decisions: Sequence[Decision] = ()
) -> Outcomes:
    """What each group asks for on a site whose documents have these origins, as people decided."""
    answers = _Answers(origins, decisions)
    return Outcomes(groups, origins, decisions, [answers.of(group) for group in groups])


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What a suggestion rests on beside the groups."""

    prevalence: Prevalence = NO_PREVALENCE
    thresholds: Thresholds = field(default_factory=Thresholds)
    decisions: Sequence[Decision] = ()
    hosts: Sequence[str] = ()
    """Document hosts that the operator gave the site, `*.` allowed."""

    enforced: Sequence[Policy] = ()
    """What the operator says the site enforces."""

    current: Current | None = None
    """What the site enforces, as far as is known."""

    exposures: Sequence[Exposure] = ()
    """The report-only policies that the operator says were served, the newest first."""

    nonce_places: Mapping[str, Sequence[NoncePlace]] = field(default_factory=dict)
    """By fingerprint, where inline code stands that varies, as the pages' source shows."""

    forms: Sequence[PageForm] = ()
    """The forms of pages whose source was read."""

    scripts: Sequence[ReportedScript] = ()
    """What browsers reported of the digests of external scripts."""

    now: datetime | None = None
    """The clock by which decisions end."""

    outcomes: Outcomes | None = None
    """What the groups ask for, where that was found out on the way to all this."""

    leaked_days: Sequence[str] = ()
    """On which the rehearsal key was used by more networks than an operator has: what it vouched for then is void."""


NO_GROUNDS = Grounds()


@dataclass(frozen=True, slots=True)
class Doubt:
    """A source would answer the group, but only strangers reported it."""

    admit: Admit
    lacks: tuple[str, ...]


@dataclass(slots=True)
class SortedGroups:
    """Groups by what becomes of them."""

    admitted: list[tuple[ViolationGroup, Admit, Tier]] = field(default_factory=list)
    """Believed, and answered by a source."""

    doubted: list[tuple[ViolationGroup, Doubt]] = field(default_factory=list)
    held: list[tuple[ViolationGroup, Hold]] = field(default_factory=list)
    excluded: list[tuple[ViolationGroup, str]] = field(default_factory=list)
    """With the rule that says why."""

    unresolved: list[tuple[ViolationGroup, Unresolved]] = field(default_factory=list)


def strangers_sources(outcomes: Outcomes) -> dict[SourceKey, tuple[ViolationGroup, ...]]:
    """The sources that strangers alone ask for, with the groups that do: how far they were reported has to be known.

    What no source can answer stands under an empty one. Where a person trusts an initiator, what it is said to load
    stands by itself too: a few who name it must not be believed for the many who report the source without.
    """
    found: dict[SourceKey, list[ViolationGroup]] = defaultdict(list)
    decisions = outcomes.decisions
    for group, outcome in zip(outcomes.groups, outcomes.each, strict=True):
        if isinstance(outcome, Admit) and not group.trusted_reports:
            found[outcome.directive, outcome.source].append(group)
            if decisions and is_trusted_initiator(group, decisions):
                found[outcome.directive, outcome.source, group.initiator].append(group)
        elif isinstance(outcome, Unresolved) and outcome.directive in _NEVER_ASSUMED:
            found[outcome.directive, ""].append(group)
    return {key: tuple(members) for key, members in found.items()}


def sort_groups(groups: Sequence[ViolationGroup], origins: Sequence[str], grounds: Grounds) -> SortedGroups:
    """By fingerprint, so that the order of reading changes nothing; `origins` are those of the site's documents."""
    result = SortedGroups()
    outcomes, believer = grounds.outcomes, _Believer(grounds)
    if outcomes is None or not outcomes.are_of(groups, origins, grounds.decisions):
        outcomes = outcomes_of(groups, origins, grounds.decisions)
    for group, outcome in sorted(zip(groups, outcomes.each, strict=True), key=lambda pair: pair[0].fingerprint):
        match outcome:
            case Admit() as admit:
                match believer.believe(group, admit):
                    case Doubt() as doubt:
                        result.doubted.append((group, doubt))
                    case believed, tier:
                        result.admitted.append((group, believed, tier))
            case Hold() as hold:
                result.held.append((group, hold))
            case Exclude(rule):
                result.excluded.append((group, rule))
            case Unresolved() as unresolved:
                result.unresolved.append((group, unresolved))
    # The first group of a source says why it is there: let that be one of those that no stranger could forge.
    result.admitted.sort(key=lambda member: _BEST_FIRST.index(member[2]))
    return result


_BEST_FIRST = (Tier.DECIDED, Tier.TRUSTED, Tier.AUTO)


def decided_source(decision: Decision) -> tuple[str, str]:
    """The directive, as it is printed, and the source that a person allowed; both empty for a trusted initiator."""
    if decision.loaded_by:
        return "", ""
    return _printed(decision.directive), decision.subject


def _printed(directive: str) -> str:
    """Where a person's word stands: attributes are told apart from elements, whose digests they must not share."""
    return directive if directive.endswith("-attr") else PARENTS.get(directive, directive)


def is_rejected(directive: str, source: str, decisions: Sequence[Decision]) -> bool:
    """Whether a person wants no such source; whoever allowed it later thought better of it."""
    _, _, rest = source.partition("://")
    authority = rest.partition("/")[0]
    host = authority.rpartition(":")[0] or authority
    for decision in sorted(decisions, key=lambda decision: -decision.number):
        if decision.action is DecisionAction.ALLOW and decided_source(decision) == (directive, source):
            return False
        if (
            decision.action is DecisionAction.REJECT
            and not decision.loaded_by
            and matches(decision, directive, source, authority, host)
        ):
            return True
    return False


class _Believer:
    """Says what is believed of groups. Thousands ask for the same, and each source is thought about once."""

    def __init__(self, grounds: Grounds) -> None:
        self._grounds = grounds
        self._enforced = Replayer(grounds.enforced, ())
        self._found: dict[tuple[object, ...], tuple[Admit, Tier] | Doubt] = {}

    def believe(self, group: ViolationGroup, admit: Admit) -> tuple[Admit, Tier] | Doubt:
        """What of the group is believed, and why; or what it lacks."""
        if admit.rule == "decided":
            return admit, Tier.DECIDED
        if group.trusted_reports:
            return admit, Tier.TRUSTED
        is_uncorroborated = is_script_like(admit.directive, admit.source) and not self._is_corroborated(group, admit)
        decisions = self._grounds.decisions
        is_vouched_for = is_uncorroborated and decisions and is_trusted_initiator(group, decisions)
        trusted = group.initiator if is_vouched_for else ""
        key = (admit.directive, admit.source, admit.rule, admit.reason, is_uncorroborated, trusted)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._believe(admit, trusted, is_uncorroborated=is_uncorroborated)
        return found

    def _believe(self, admit: Admit, initiator: str, *, is_uncorroborated: bool) -> tuple[Admit, Tier] | Doubt:
        """What is believed of strangers; `initiator` is one that a person trusts."""
        prevalence, thresholds = self._grounds.prevalence, self._grounds.thresholds
        key = admit.directive, admit.source
        lacks = missing(prevalence.sources.get(key, NO_REACH), prevalence, thresholds)
        if is_uncorroborated:
            if not initiator:
                return Doubt(admit, (*lacks, _NEEDS_MORE))
            reason = f"{initiator}, which a person trusts, loads it"
            admit = replace(admit, rule=LOADED_BY, reason=reason, is_forgeable=True)
            # Of the whole site: the few who come to a small page are few to outnumber, and this is code.
            reach = replace(prevalence.sources.get((*key, initiator), NO_REACH), best_page=None)
            lacks = missing(reach, prevalence, thresholds, loaded_by=initiator)
        return Doubt(admit, lacks) if lacks else (admit, Tier.AUTO)

    def _is_corroborated(self, group: ViolationGroup, admit: Admit) -> bool:
        """By what no report can say: the page's own origin, a host the operator named, or the enforced policy."""
        if admit.source == "'self'":
            return True
        host = admit.source.partition("://")[2]
        # A host without a port is that of the usual port: other servers may listen beside it.
        if any(_is_host_of(pattern, host) for pattern in self._grounds.hosts):
            return True
        return bool(self._grounds.enforced) and self._enforced.decide(group).verdict is Verdict.ALLOW


def is_trusted_initiator(group: ViolationGroup, decisions: Sequence[Decision]) -> bool:
    """Whether a person trusts what, as the reports say, loaded the group's resource."""
    return bool(group.initiator) and any(vouches_for(decision, group) for decision in decisions)


def is_script_like(directive: str, source: str) -> bool:
    """Whether no number of strangers is enough: a connection to a third party takes data away as a script would."""
    return directive in SCRIPT_LIKE or (directive == "connect-src" and source != "'self'")


def is_believed_alone(group: ViolationGroup, grounds: Grounds) -> bool:
    """Whether a group would be believed without the others that ask for the same: trusted, or reported by as many."""
    if group.trusted_reports or group.reporters < grounds.thresholds.min_reporters:
        return bool(group.trusted_reports)
    reach = Reach(
        reporters=group.reporters,
        best_day=Share(group.reporters, grounds.prevalence.audience),
        days=group.days,
        span=timedelta(milliseconds=group.last_seen_ms - group.first_seen_ms),
    )
    return not missing(reach, grounds.prevalence, grounds.thresholds)


def _is_host_of(pattern: str, host: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _answered_under(group: ViolationGroup, decision: Decision) -> str | None:
    """The directive that is printed for what a person allowed; None where none is.

    The group's own: one that stands in for others may not once those are printed.
    """
    own = PARENTS.get(group.directive, group.directive)
    if decision.directive.endswith("-attr"):
        return decision.directive
    return next((name for name in (own, _printed(decision.directive)) if name in LISTABLE), None)


class _Answers:
    """Says what becomes of what groups ask for, as people decided."""

    def __init__(self, origins: Sequence[str], decisions: Sequence[Decision]) -> None:
        self._candidates = Candidates(origins)
        self._newest_first = sorted(decisions, key=lambda decision: -decision.number)
        self._decided = Decided(each for each in self._newest_first if each.action is not DecisionAction.CLASS)
        self._rejected: dict[tuple[str, str], bool] = {}

    def of(self, group: ViolationGroup) -> Outcome:
        for decision in self._decided.about(group):
            match decision.action:
                case DecisionAction.REJECT | DecisionAction.IGNORE:
                    return Exclude("rejected" if decision.action is DecisionAction.REJECT else "ignored")
                case DecisionAction.ALLOW if group.evidence_class is EvidenceClass.GENUINE:
                    directive = _answered_under(group, decision)
                    if directive is not None:
                        return Admit(directive, decision.subject, "decided", decision.note or "a person allowed it")
                case _:
                    continue
        if group.evidence_class is EvidenceClass.GENUINE:
            return self._of_genuine(group)
        if group.evidence_class is EvidenceClass.CONTRADICTION and group.directive.startswith(_MAY_BE_REDIRECTED):
            return Unresolved(group.directive, REDIRECTED, "follow the redirect, and allow its target if you want it")
        return Exclude(group.rule)

    def _of_genuine(self, group: ViolationGroup) -> Outcome:
        # What is beyond the budget is counted by origin, which is what a source names.
        outcome = self._candidates.of(group)
        if self._newest_first and isinstance(outcome, Admit) and self._is_rejected(outcome.directive, outcome.source):
            return Exclude("rejected")
        return outcome

    def _is_rejected(self, directive: str, source: str) -> bool:
        rejected = self._rejected.get((directive, source))
        if rejected is None:
            rejected = self._rejected[directive, source] = is_rejected(directive, source, self._newest_first)
        return rejected


_MAY_BE_REDIRECTED = ("script-src", "form-action")
