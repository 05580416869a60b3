"""Subsumption: whether one expression, or one policy, admits everything another does."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from policybuilder.csp.parsing import as_policies
from policybuilder.csp.policy import Directive, Policy, PolicyList
from policybuilder.csp.representatives import Reading, Scope, find_url, read_alone
from policybuilder.csp.rules import KINDS, Credentials, Kind, Rule, rules_of
from policybuilder.csp.source_list import SourceList
from policybuilder.csp.sources import HostSource, Keyword, KeywordSource, SchemeSource, SourceExpression

_SECURE_UPGRADES = {"http": "https", "ws": "wss"}
_NETWORK_SCHEMES = frozenset({"http", "https", "ws", "wss"})


def expression_covers(wide: SourceExpression, narrow: SourceExpression) -> bool:
    """Whether `wide` admits every URL that `narrow` admits, on any page of the network.

    Sound, not complete: False may also mean that it depends on the page. Nonces, hashes and keywords cover themselves
    alone.
    """
    if wide == narrow:
        return True
    match wide, narrow:
        case HostSource() as host, _ if host.is_star:
            return _star_covers(narrow)
        case _, HostSource() as host if host.is_star:
            # It takes every network scheme, which no other expression does.
            return False
        case SchemeSource(scheme), SchemeSource(other):
            return _scheme_covers(scheme, other)
        case SchemeSource(scheme), HostSource(scheme_part=str(other)):
            return _scheme_covers(scheme, other)
        case HostSource() as outer, HostSource() as inner:
            return (
                _host_scheme_covers(outer.scheme_part, inner.scheme_part)
                and host_part_covers(outer.host_part, inner.host_part)
                and _port_covers(outer, inner)
                and _path_covers(outer.decoded_path, inner.decoded_path)
            )
        case _:
            return False


def host_part_covers(wide: str, narrow: str) -> bool:
    """Whether every host that the pattern `narrow` matches is matched by the pattern `wide`."""
    if wide in {"*", narrow}:
        return True
    return wide.startswith("*.") and narrow.removeprefix("*").endswith(wide[1:])


def _star_covers(narrow: SourceExpression) -> bool:
    match narrow:
        case HostSource(scheme_part=scheme):
            return scheme is None or scheme in _NETWORK_SCHEMES
        case SchemeSource(scheme):
            return scheme in _NETWORK_SCHEMES
        case KeywordSource(keyword):
            return keyword is Keyword.SELF
        case _:
            return False


def _scheme_covers(wide: str, narrow: str) -> bool:
    return wide == narrow or _SECURE_UPGRADES.get(wide) == narrow


def _host_scheme_covers(wide: str | None, narrow: str | None) -> bool:
    """Without a scheme an expression takes the page's and its upgrade: `https` always, `http` only on some pages."""
    if wide is None:
        return narrow is None or narrow == "https"
    if narrow is None:
        return wide == "http"
    return _scheme_covers(wide, narrow)


def _port_covers(wide: HostSource, narrow: HostSource) -> bool:
    """A given port admits no upgrade but that of 80 to 443, so it covers the same port under the same scheme only."""
    if wide.port_part in {None, "*"}:
        return wide.port_part in {"*", narrow.port_part}
    return wide.port_part == narrow.port_part and wide.scheme_part == narrow.scheme_part


def _path_covers(wide: str | None, narrow: str | None) -> bool:
    if wide is None or wide == narrow:
        return True
    return narrow is not None and wide.endswith("/") and narrow.startswith(wide)


# Policies


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Something that one policy list admits and another does not."""

    kind: Kind
    admitted_by: tuple[str, ...]
    """The expressions that admitted it, in canonical spelling; several where several policies had to; none where
    nothing restricted it."""

    url_source: str | None
    """The one of them that covered its URL."""

    credentials: tuple[str, ...]
    """Those of them that it presented."""

    is_partial: bool
    """Whether some of it is still admitted."""

    remaining_urls: tuple[str, ...] = ()
    """What covers the rest, where that can be said."""

    remaining_credentials: tuple[str, ...] = ()
    """What the rest presents."""

    refused_by: Directive


def subsumes(wide: str | Policy | PolicyList, narrow: str | Policy | PolicyList) -> bool:
    """Whether `wide` admits everything that `narrow` admits, on any page of the network, as Chromium reads them.

    Never True without being so. It may be False without a page that shows it, for what the text does not tell: whether
    any code has the digests listed, what a sandbox withholds from a page, and whether a host or path is one that URLs
    can have.
    """
    return next(losses(as_list(narrow), as_list(wide)), None) is None


def as_list(policy: str | Policy | PolicyList) -> PolicyList:
    """A policy in any form as the list that Chromium reads; raises TypeError for what is no policy."""
    return PolicyList(tuple(member.as_chromium_reads_it() for member in as_policies(policy)))


def losses(old: PolicyList, new: PolicyList) -> Iterator[Loss]:
    """All that `old` admits and `new` does not, by what admits it there; empty when `new` subsumes `old`."""
    for kind in KINDS:
        yield from _losses_of_kind(kind, rules_of(kind, old), rules_of(kind, new))


def _losses_of_kind(kind: Kind, old: Sequence[Rule], new: Sequence[Rule]) -> Iterator[Loss]:
    # What passes all the old rules passes each of them.
    new = [rule for rule in new if rule not in old]
    if not new:
        return
    passed_freely: list[Credentials] = []
    told: dict[SourceExpression, list[Credentials]] = {}
    for presented in _presentable(kind, old, new):
        refusing = [rule for rule in new if not rule.passes(presented)]
        asking = [rule for rule in old if not rule.passes(presented)]
        if not refusing or any(fewer < presented for fewer in passed_freely):
            continue
        if not asking:
            passed_freely.append(presented)
            yield _whole_loss(kind, old, refusing, presented)
            continue
        for source, loss in _losses_by_url(kind, asking, refusing, presented):
            if not any(fewer < presented for fewer in told.setdefault(source, [])):
                told[source].append(presented)
                yield loss


def _presentable(kind: Kind, old: Sequence[Rule], new: Sequence[Rule]) -> Iterator[Credentials]:
    """Every set of credentials with which something may pass the old rules, fewer first.

    One at a time is enough for one rule, which asks for no second one. Several rules may ask for one each.
    """
    yield frozenset()
    listed = sorted(frozenset[str]().union(*(rule.credentials for rule in old)))
    yield from (frozenset({credential}) for credential in listed)
    if len(old) < 2:
        return
    groups: dict[str, list[str | None]] = {}
    for credential in _undominated(kind, listed, old, new):
        groups.setdefault(_exclusive_group(kind, credential), [None]).append(credential)
    if math.prod(map(len, groups.values())) > _MOST_COMBINATIONS:
        # Nobody writes such lists but to keep us busy. That something presents all at once is never too little.
        yield frozenset(listed)
        return
    combined = (frozenset(filter(None, chosen)) for chosen in itertools.product(*groups.values()))
    yield from sorted((several for several in combined if len(several) > 1), key=len)


_MOST_COMBINATIONS = 2_000


def _undominated(kind: Kind, listed: Iterable[str], old: Sequence[Rule], new: Sequence[Rule]) -> Iterator[str]:
    """The credentials for which no other of their group will do: it passes as many old rules, and no more new ones."""
    alike: dict[tuple[str, frozenset[int], frozenset[int]], str] = {}
    for credential in listed:
        passed_old = frozenset(number for number, rule in enumerate(old) if credential in rule.credentials)
        passed_new = frozenset(number for number, rule in enumerate(new) if credential in rule.credentials)
        alike.setdefault((_exclusive_group(kind, credential), passed_old, passed_new), credential)
    for (group, passed_old, passed_new), credential in alike.items():
        if not any(
            (group, passed_old, passed_new) != (g, o, n) and g == group and o >= passed_old and n <= passed_new
            for g, o, n in alike
        ):
            yield credential


def _exclusive_group(kind: Kind, credential: str) -> str:
    """Credentials of one group are not presented together: an element has one nonce, a text one digest of a kind."""
    group, dash, _ = credential.partition("-")
    if not credential.startswith("'") or not dash:
        return "name"
    return "digest" if group.startswith("'sha") and not kind.is_code else group


def _whole_loss(kind: Kind, old: Sequence[Rule], refusing: Sequence[Rule], presented: Credentials) -> Loss:
    """The loss of what passed whatever its URL."""
    used = dict.fromkeys(rule.blanket or min(rule.credentials & presented) for rule in old)
    blankets = {rule.blanket for rule in old}
    only = refusing[0] if len(refusing) == 1 else None
    return Loss(
        kind=kind,
        admitted_by=tuple(used),
        url_source=None,
        credentials=tuple(expression for expression in used if expression not in blankets),
        is_partial=all(bool(rule.sources.expressions or (rule.credentials and not presented)) for rule in refusing),
        remaining_urls=tuple(str(source) for _, source in only.sources.expressions) if only else (),
        # What presents one credential is not taken to present another.
        remaining_credentials=tuple(sorted(only.credentials)) if only and not presented else (),
        refused_by=refusing[0].directive,
    )


def _losses_by_url(
    kind: Kind, asking: Sequence[Rule], refusing: Sequence[Rule], presented: Credentials
) -> Iterator[tuple[SourceExpression, Loss]]:
    """The losses of what passed by its URL, for each expression that covered it."""
    shortest = min(asking, key=lambda rule: len(rule.sources.expressions))
    others = [rule.reading for rule in asking if rule is not shortest]
    # What one list admits directly it admits after a redirect too; what two do, each by its path, only after one.
    scope = Scope(kind.has_path, may_redirect=kind.is_requested and bool(others))
    for source in dict.fromkeys(source for _, source in shortest.sources.expressions):
        for rule in refusing:
            if _is_covered(source, shortest, rule) or not find_url(
                source, shortest.reading, admitting=others, refusing=rule.reading, scope=scope
            ):
                continue
            remaining = _remaining(kind, source, (shortest.reading, *others), [rule.reading for rule in refusing])
            loss = Loss(
                kind=kind,
                admitted_by=(str(source), *sorted(presented)),
                url_source=str(source),
                credentials=tuple(sorted(presented)),
                is_partial=bool(remaining),
                remaining_urls=remaining,
                refused_by=rule.directive,
            )
            yield source, loss
            break


def _is_covered(source: SourceExpression, old: Rule, new: Rule) -> bool:
    """Whether a single expression of `new` covers `source`, which is quickly seen."""
    return old.upgrades == new.upgrades and any(
        expression_covers(other, source) for other in _sharing_hosts(source, new.sources)
    )


def _sharing_hosts(source: SourceExpression, sources: SourceList) -> Iterator[SourceExpression]:
    """The expressions of `sources` that may cover URLs of the hosts of `source`."""
    if not isinstance(source, HostSource):
        yield from (other for _, other in sources.expressions)
        return
    pattern = source.host_part
    is_wide = pattern.startswith("*")
    named = () if is_wide else sources.host_sources.get(pattern, ())
    for _, other in sources.expressions if is_wide else (*named, *sources.wide_sources):
        if not isinstance(other, HostSource) or (
            host_part_covers(pattern, other.host_part) or host_part_covers(other.host_part, pattern)
        ):
            yield other


def _remaining(kind: Kind, source: SourceExpression, old: Sequence[Reading], new: Sequence[Reading]) -> tuple[str, ...]:
    """The expressions of the first new list that still admit some of what `source`, of the first old one, admitted.

    Whether `'self'` and a host have URLs in common depends on the page, and is not taken for granted.
    """
    scope = Scope(kind.has_path, on_named_pages=False)
    others = [*old[1:], *new[1:]]
    lost = (source, old[0])
    kept = (
        str(other)
        for other in _sharing_hosts(source, new[0].sources)
        if _may_overlap(source, other)
        # Fewer hosts come into question beneath the narrower of the two.
        for narrow, wide in [sorted((lost, (other, new[0])), key=lambda each: _breadth(each[0]))]
        if find_url(*narrow, admitting=[read_alone(*wide), *others], scope=scope)
    )
    return tuple(dict.fromkeys(kept))


def _may_overlap(one: SourceExpression, other: SourceExpression) -> bool:
    """Whether there may be URLs that both cover: schemes, ports and paths show quickly that there are none."""
    schemes = {_scheme_of(one), _scheme_of(other)}
    if None not in schemes and len(schemes) > 1 and schemes not in ({"http", "https"}, {"ws", "wss"}):
        return False
    if not (isinstance(one, HostSource) and isinstance(other, HostSource)):
        return True
    paths, ports = (one.decoded_path, other.decoded_path), {one.port_part, other.port_part}
    if None not in ports and "*" not in ports and len(ports) > 1 and ports != {"80", "443"}:
        return False
    return None in paths or _path_covers(*paths) or _path_covers(*reversed(paths))


def _scheme_of(source: SourceExpression) -> str | None:
    match source:
        case SchemeSource(scheme) | HostSource(scheme_part=str(scheme)):
            return scheme
        case _:
            return None


def _breadth(source: SourceExpression) -> bool:
    return not isinstance(source, HostSource) or source.host_part.startswith("*")
