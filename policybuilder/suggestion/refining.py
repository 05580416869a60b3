"""Refining: what is believed of other origins, named as narrowly as the evidence bears."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from policybuilder.csp.directives import FETCH_DIRECTIVES
from policybuilder.csp.urls import parse_blocked
from policybuilder.decisions import admits
from policybuilder.evidence import OTHER, EvidenceClass, ViolationGroup
from policybuilder.hosting import hosting_of
from policybuilder.suggestion.candidates import OTHER_ORIGIN, PARENTS, SCRIPT_LIKE, Admit
from policybuilder.suggestion.granularity import Granularity, Narrowed, Seen, narrow
from policybuilder.suggestion.sorting import LOADED_BY, Doubt, Grounds, SortedGroups, is_believed_alone
from policybuilder.suggestion.trust import Tier
from policybuilder.suggestion.wildcards import wildcards

_FEW_ON_THE_PATH = "more networks that report it on this path, of a host that is believed on others"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grain:
    """How fine sources may be, where somebody asked for it."""

    by_directive: Mapping[str, Granularity] = field(default_factory=dict)
    allows_script_wildcards: bool = False


def refine(groups: SortedGroups, grounds: Grounds, grain: Grain) -> SortedGroups:
    """The same groups, those of other origins answered by paths, directories and wildcards where these fit better.

    What a single path rests on must be believed by itself: one more report of a believed host, with a path of its own,
    changes nothing, and what only such reports name is doubted.
    """
    members: dict[tuple[str, str], list[tuple[ViolationGroup, Admit, Tier]]] = defaultdict(list)
    result = replace(groups, admitted=[], doubted=list(groups.doubted))
    for member in groups.admitted:
        _, admit, _ = member
        if admit.rule in {OTHER_ORIGIN, LOADED_BY}:
            members[admit.directive, admit.source].append(member)
        else:
            result.admitted.append(member)
    redirecting = _redirecting_origins(groups, grounds)
    for (directive, origin), alike in members.items():
        anchors = [group for group, _, tier in alike if tier is not Tier.AUTO or is_believed_alone(group, grounds)]
        found = narrow(
            directive,
            origin,
            [_seen(group, is_redirected=(directive, origin) in redirecting) for group in anchors],
            grain.by_directive.get(directive),
        )
        _assign(result, alike, found)
    _gather(result, grain)
    # As sorting left them: the first group of a source says why it is there.
    order = {id(group): place for place, (group, _, _) in enumerate(groups.admitted)}
    result.admitted.sort(key=lambda member: order[id(member[0])])
    return result


def _redirecting_origins(groups: SortedGroups, grounds: Grounds) -> set[tuple[str, str]]:
    """Directives and origins of which believable reports were refused after a redirect: paths do not matter then.

    For code only the operator's own reports are believable, and never of a host where anybody publishes: there a script
    that redirects stays by its path, and is blocked until somebody decides.

    https://w3c.github.io/webappsec-csp/#match-url-to-source-expression, redirect count
    """
    found = set()
    for group in (*(group for group, _ in groups.excluded), *(group for group, _ in groups.unresolved)):
        if group.evidence_class is not EvidenceClass.CONTRADICTION or group.directive not in FETCH_DIRECTIVES:
            continue
        url, directive = parse_blocked(group.blocked), PARENTS.get(group.directive, group.directive)
        if url is None:
            continue
        if directive in SCRIPT_LIKE:
            is_believed = bool(group.trusted_reports) and hosting_of(url.host) is None
        else:
            is_believed = is_believed_alone(group, grounds)
        if is_believed:
            found.add((directive, url.origin))
    return found


def _seen(group: ViolationGroup, *, is_redirected: bool) -> Seen:
    has_path = "/" in group.blocked.partition("://")[2] and not group.blocked.endswith(f"/{OTHER}")
    return Seen(group.blocked, is_cut=is_redirected or not has_path)


def _assign(
    result: SortedGroups, alike: Sequence[tuple[ViolationGroup, Admit, Tier]], found: Sequence[Narrowed]
) -> None:
    by_url = {url: each for each in found for url in each.urls}
    # Most are the same one, and a changed copy takes as long as all the rest.
    refined: dict[tuple[int, int], Admit] = {}
    for group, admit, tier in alike:
        narrowed = by_url.get(group.blocked) or next(
            # The origin that the group asks for admits it.
            (each for each in found if each.source == admit.source or admits(group.directive, each.source, group)),
            None,
        )
        if narrowed is not None:
            key = id(admit), id(narrowed)
            if key not in refined:
                refined[key] = _as_narrowed(admit, narrowed)
            result.admitted.append((group, refined[key], tier))
        elif found:
            result.doubted.append((group, Doubt(admit, (_FEW_ON_THE_PATH,))))
        else:
            result.admitted.append((group, admit, tier))


def _as_narrowed(admit: Admit, narrowed: Narrowed) -> Admit:
    if narrowed.source == admit.source and admit.rule == LOADED_BY:
        return admit
    return replace(admit, source=narrowed.source, rule=narrowed.rule, reason=narrowed.reason)


def _gather(result: SortedGroups, grain: Grain) -> None:
    """Put a wildcard in the place of numbered hosts of one domain."""
    origins: dict[str, set[str]] = defaultdict(set)
    for _, admit, _ in result.admitted:
        if admit.source.count("/") == 2:
            origins[admit.directive].add(admit.source)
    gathered = {
        (directive, origin): wildcard
        for directive, found in origins.items()
        for wildcard in wildcards(directive, found, script_wildcards=grain.allows_script_wildcards)
        for origin in wildcard.origins
    }
    wider: dict[int, Admit] = {}
    for place, (group, admit, tier) in enumerate(tuple(result.admitted)):
        wildcard = gathered.get((admit.directive, admit.source))
        if wildcard is not None and admit.rule != "decided":
            if id(admit) not in wider:
                reason = f"{wildcard.reason}; {wildcard.newly_admits}"
                wider[id(admit)] = replace(admit, source=wildcard.source, rule="wildcard", reason=reason)
            result.admitted[place] = (group, wider[id(admit)], tier)
