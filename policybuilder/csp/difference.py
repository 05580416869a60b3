"""Difference: what one policy admits more and less than another, by meaning and not by text."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from policybuilder.csp.policy import Policy, PolicyList
from policybuilder.csp.rules import INSERTED, KINDS, Kind
from policybuilder.csp.source_list import SourceList
from policybuilder.csp.sources import HostSource, Keyword, parse_source_expression
from policybuilder.csp.subsumption import Loss, as_list, losses


class Relation(enum.StrEnum):
    """What the new policy admits, compared with the old one."""

    SAME = "same"
    TIGHTER = "tighter"
    """Strictly less."""

    LOOSER = "looser"
    """Strictly more."""

    INCOMPARABLE = "incomparable"
    """Less here, more there."""


class ChangeKind(enum.StrEnum):
    """What happened to what an expression admits."""

    ADDED = "added"
    """The new policy admits it, the old one none of it."""

    REMOVED = "removed"
    """The old policy admits it, the new one none of it; of credentials, that they no longer admit by themselves."""

    WIDENED = "widened"
    """The old policy admits only some of it."""

    NARROWED = "narrowed"
    """The new policy admits only some of it."""

    MOVED = "moved"
    """It goes another way; what is admitted stays or is told by other changes."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference, for one effective directive."""

    kind: ChangeKind
    directive: str
    """The effective directive: fallbacks are resolved."""

    source: str | None
    """The expression that admits, in the old policy or the new one; None where nothing restricts."""

    effect: str
    """One sentence for people."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What the new policy admits more and less than the old one."""

    relation: Relation
    changes: tuple[Change, ...]


def diff(old: str | Policy | PolicyList, new: str | Policy | PolicyList) -> Difference:
    """What `new` admits more and less than `old`; never raises.

    Order, case, repetition and sources that others cover make no difference, nor do reporting directives. The relation
    is that of `subsumes`, in both directions.
    """
    before, after = as_list(old), as_list(new)
    lost = list(losses(before, after))
    gained = list(losses(after, before))
    changes = [*_moved(before, after), *_changes(lost, before, is_gain=False), *_changes(gained, after, is_gain=True)]
    changes.sort(key=lambda change: _ORDER[change.directive])
    return Difference(_relation(has_lost=bool(lost), has_gained=bool(gained)), tuple(changes))


_ORDER = {kind.directive: number for number, kind in reversed(list(enumerate(KINDS)))} | {
    "upgrade-insecure-requests": len(KINDS)
}


def _relation(*, has_lost: bool, has_gained: bool) -> Relation:
    if has_lost:
        return Relation.INCOMPARABLE if has_gained else Relation.TIGHTER
    return Relation.LOOSER if has_gained else Relation.SAME


def _moved(before: PolicyList, after: PolicyList) -> Iterator[Change]:
    did, does = (any(policy.setting.upgrades_requests for policy in each.policies) for each in (before, after))
    if did is not does:
        way = "are sent over https instead now" if does else "are no longer sent over https instead"
        effect = f"requests for http URLs {way}, before anything is matched"
        yield Change(ChangeKind.MOVED, "upgrade-insecure-requests", None, effect)


def _changes(found: Iterable[Loss], admitting: PolicyList, *, is_gain: bool) -> Iterator[Change]:
    """The losses as changes: one for each expression, whatever it admitted."""
    grouped: dict[tuple[str, str | None, ChangeKind], list[Loss]] = {}
    for loss in found:
        source = " ".join(loss.admitted_by) or None
        grouped.setdefault((loss.kind.directive, source, _change_kind(loss, is_gain=is_gain)), []).append(loss)
    for (directive, source, change_kind), alike in grouped.items():
        first = alike[0].kind
        if any((other, source, change_kind) in grouped for other in first.echoes if alike[0].kind.directive != other):
            continue
        yield Change(change_kind, directive, source, _effect(alike, admitting, is_gain=is_gain))


def _change_kind(loss: Loss, *, is_gain: bool) -> ChangeKind:
    # A credential is listed or it is not, even where its bearer may pass by its URL.
    if loss.is_partial and (loss.url_source is not None or not loss.credentials):
        return ChangeKind.WIDENED if is_gain else ChangeKind.NARROWED
    return ChangeKind.ADDED if is_gain else ChangeKind.REMOVED


# Words


def _effect(alike: Iterable[Loss], admitting: PolicyList, *, is_gain: bool) -> str:
    """What happens to the subjects of losses of one expression: those to which the same happens in one clause."""
    clauses: dict[tuple[str, str], list[Kind]] = {}
    for loss in alike:
        predicate = _predicate(loss, is_gain=is_gain) + _reason(loss, admitting, is_gain=is_gain)
        clauses.setdefault((_attribute(loss), predicate), []).append(loss.kind)
    return "; ".join(
        f"{_listed(_subjects(kinds), 'and')}{attribute} {predicate}"
        for (attribute, predicate), kinds in clauses.items()
    )


def _subjects(kinds: list[Kind]) -> list[str]:
    named = [kind.subject for kind in kinds]
    return [kind.subject for kind in kinds if kind.implied_by not in named]


def _attribute(loss: Loss) -> str:
    """Which ones of the subject: `from https://cdn.example`."""
    words = [] if loss.url_source is None else [loss.kind.preposition, loss.url_source]
    if presented := [each for each in loss.credentials if each != INSERTED]:
        words += [loss.kind.presenting, _listed(presented, "and")]
    if INSERTED in loss.credentials:
        words.append("that other scripts insert")
    return "".join(f" {word}" for word in words)


def _predicate(loss: Loss, *, is_gain: bool) -> str:
    if _depends_on_upgrade(loss):
        return f"requested by http URLs are {'newly' if is_gain else 'no longer'} admitted"
    if not loss.is_partial:
        return "are newly admitted" if is_gain else "are no longer admitted"
    rest = _rest(loss, is_gain=is_gain)
    if not rest:
        return "are newly admitted, not only some of them" if is_gain else "are admitted only in part now"
    return f"are newly admitted, not only those {rest}" if is_gain else f"are admitted only {rest} now"


def _rest(loss: Loss, *, is_gain: bool) -> str:
    """What still admits some: `from 'self' or with 'nonce-abc'`."""
    ways = []
    if loss.remaining_urls:
        ways.append(f"{loss.kind.preposition} {_listed(loss.remaining_urls, 'or')}")
    if presented := [each for each in loss.remaining_credentials if each != INSERTED]:
        ways.append(f"{loss.kind.presenting} {_listed(presented, 'or')}")
    if INSERTED in loss.remaining_credentials:
        ways.append("that other scripts insert" if is_gain else "when other scripts insert them")
    return " or ".join(ways)


def _listed(words: Iterable[str], conjunction: str) -> str:
    """`a, b and c`; the first few of many."""
    several = list(words)
    if len(several) > _MOST_LISTED:
        several[_MOST_LISTED - 1 :] = [f"{len(several) - _MOST_LISTED + 1} more"]
    *others, last = several
    return f"{', '.join(others)} {conjunction} {last}" if others else last


_MOST_LISTED = 4


def _reason(loss: Loss, admitting: PolicyList, *, is_gain: bool) -> str:
    """Why the refusing policy refuses, or refused, where its list does not show it at once."""
    if cause := _switch(loss):
        return f", because {cause[1] if is_gain else cause[0]}"
    if _depends_on_upgrade(loss):
        upgrades = any(policy.setting.upgrades_requests for policy in admitting.policies) is is_gain
        return f", because they are {'upgraded now' if upgrades else 'upgraded no longer'}"
    refusing = loss.refused_by.name
    governing = {rule.name for policy in admitting.policies if (rule := policy.governing(loss.kind.directive))}
    if not governing or refusing in governing:
        return ""
    return f", because {refusing} governs them {'no longer' if is_gain else 'now'}"


def _depends_on_upgrade(loss: Loss) -> bool:
    """Whether the refusing list holds the very expression, and only an upgrade, or the lack of it, makes it refuse."""
    return _switch(loss) is None and _is_listed(loss.url_source, loss.refused_by.sources)


def _is_listed(source: str | None, sources: SourceList) -> bool:
    """Whether the list holds the expression of that canonical spelling."""
    expression = None if source is None else parse_source_expression(source)
    named = sources.host_sources.get(expression.host_part, ()) if isinstance(expression, HostSource) else ()
    return any(str(other) == source for _, other in (*named, *sources.wide_sources, *sources.hashes))


def _switch(loss: Loss) -> tuple[str, str] | None:
    """What in the refusing list switches the expression off there, in the words of a loss and in those of a gain."""
    sources = loss.refused_by.sources
    if loss.kind.is_code:
        if Keyword.UNSAFE_INLINE in sources and not loss.credentials:
            culprit = "a nonce" if sources.nonces else "a digest" if sources.hashes else "'strict-dynamic'"
            off = f"{culprit} switches 'unsafe-inline' off"
            return off, f"{culprit} no longer switches 'unsafe-inline' off"
        if any(_is_listed(digest, sources) for digest in loss.credentials):
            return "'unsafe-hashes' is missing", "'unsafe-hashes' is there"
    elif (
        loss.kind.directive == "script-src-elem"
        and Keyword.STRICT_DYNAMIC in sources
        and _is_listed(loss.url_source, sources)
    ):
        return "'strict-dynamic' switches it off", "'strict-dynamic' no longer switches it off"
    return None
