"""Editing: one change of a policy's text, which leaves everything else as it was written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from policybuilder.csp import HostSource, SchemeSource, SourceExpression
from policybuilder.csp.directives import SOURCE_LIST_DIRECTIVES
from policybuilder.csp.grammar import ASCII_WHITESPACE, TOKEN
from policybuilder.csp.sources import SELF
from policybuilder.csp.urls import NETWORK_SCHEMES
from policybuilder.evaluation.reading import PlacedDirective, PlacedPolicy, Token

NOTHING = "'none'"
_LISTS = SOURCE_LIST_DIRECTIVES | {"trusted-types", "require-trusted-types-for"}
"""Directives that are not to be left without a value."""


class Edit(NamedTuple):
    """Characters of the text that give way to others."""

    start: int
    end: int
    by: str


Change = tuple[Edit, ...]
"""Edits that do not overlap."""


def apply(text: str, change: Iterable[Edit]) -> str:
    """The text with the change made."""
    parts: list[str] = []
    position = 0
    for edit in sorted(change):
        parts += text[position : edit.start], edit.by
        position = edit.end
    return "".join((*parts, text[position:]))


def without(placed: PlacedDirective, tokens: Collection[Token], *, stand_in: str = NOTHING) -> Change:
    """The directive without some of its values; a list in which none is left has `stand_in`."""
    gone = {token.start for token in tokens}
    kept = [token for token in placed.values if token.start not in gone]
    if not kept and placed.name in _LISTS:
        return (Edit(placed.values[0].start, placed.values[-1].end, stand_in),)
    before = [placed.start + len(placed.name), *(token.end for token in placed.values)]
    return tuple(Edit(before[index], token.end, "") for index, token in enumerate(placed.values) if token.start in gone)


def added(text: str, placed: PlacedPolicy, directive: str) -> Change:
    """A directive more, at the end of the policy."""
    stands_alone = placed.start == placed.end
    between = "" if stands_alone else " " if text[placed.end : placed.end + 1] == ";" else "; "
    at = placed.end + (between == " ")
    return (Edit(at, at, f"{between}{directive}"),)


def without_directive(text: str, policy: PlacedPolicy, name: str) -> Change:
    """The policy without the directive of that name, however often it stands there."""
    parts = text[policy.start : policy.end].split(";")
    kept = [part for part in parts if next(iter(TOKEN.findall(part)), "").lower() != name]
    return (Edit(policy.start, policy.end, ";".join(kept).strip(ASCII_WHITESPACE)),)


def dropped(text: str, start: int, end: int) -> Change:
    """The text without the directive that stands between `start` and `end`, and without its semicolon."""
    after = end
    while text[after : after + 1].isspace():
        after += 1
    if text[after : after + 1] == ";":
        after += 1
        while text[after : after + 1].isspace():
            after += 1
        return (Edit(start, after, ""),)
    before = start
    while before and text[before - 1].isspace():
        before -= 1
    return (Edit(before - 1 if text[before - 1 : before] == ";" else start, end, ""),)


def narrowing(placed: PlacedDirective, tokens: Sequence[Token]) -> Change:
    """The directive without some of its sources.

    Where these were wide and no other URL is left in the list, the page's own origin takes over, which they covered.
    """
    heir = _succeeded(placed, tokens)
    if heir is None:
        return without(placed, tokens)
    others = [token for token in tokens if token.start != heir.start]
    return (*without(placed, others), Edit(heir.start, heir.end, str(SELF)))


def narrowed_for_scripts(text: str, policy: PlacedPolicy, placed: PlacedDirective, tokens: Sequence[Token]) -> Change:
    """Scripts without some sources of the directive that decides about them.

    Where that is default-src, other things may need the sources: scripts get a list of their own, without them.
    """
    if placed.name != "default-src":
        return narrowing(placed, tokens)
    heir = _succeeded(placed, tokens)
    gone = {token.start for token in tokens}
    kept = [
        str(SELF) if token is heir else token.text
        for token in placed.values
        if token is heir or token.start not in gone
    ]
    return added(text, policy, " ".join(("script-src", *(kept or [NOTHING]))))


def narrowed_itself(placed: PlacedDirective, tokens: Sequence[Token]) -> Change | None:
    """The same of default-src itself, where scripts had better have no copy of it."""
    return narrowing(placed, tokens) if placed.name == "default-src" else None


def _succeeded(placed: PlacedDirective, tokens: Sequence[Token]) -> Token | None:
    """The first of the sources that go in whose place the page's own origin stands, if it has to stand anywhere."""
    gone = {token.start for token in tokens}
    if any(_is_of_network(token.source) for token in placed.values if token.start not in gone):
        return None
    return next((token for token in tokens if _is_wide(token.source)), None)


def _is_of_network(source: SourceExpression | None) -> bool:
    match source:
        case HostSource():
            return True
        case SchemeSource(scheme):
            return scheme in NETWORK_SCHEMES
        case _:
            return source == SELF


def _is_wide(source: SourceExpression | None) -> bool:
    """Whether a source covers more than one host, the page's own among them as like as not."""
    return _is_of_network(source) and not (
        source == SELF or (isinstance(source, HostSource) and not source.host_part.startswith("*"))
    )
