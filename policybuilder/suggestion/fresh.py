"""Fresh: a policy made anew of the draft, the silence around it, and what nothing was heard of."""

from __future__ import annotations

from policybuilder.suggestion.assembly import base, directive_order, suggested
from policybuilder.suggestion.drafting import (
    FETCH_DIRECTIVES,
    NEVER_ASSUMED,
    UNSAFE_INLINE,
    Draft,
)
from policybuilder.suggestion.silence import Observed, inline_kept_apart, is_harmless, kept_without_reports
from policybuilder.suggestion.sorting import Grounds, SortedGroups
from policybuilder.suggestion.trust import NO_REACH, Tier, missing, poison_margins
from policybuilder.suggestion.values import SuggestedDirective, SuggestedSource

_WITHOUT_REPORTS = ("sandbox", "upgrade-insecure-requests")
"""They report nothing, so only their presence in what was served can speak for them."""


def fresh_directives(
    draft: Draft, observed: Observed, sorted_groups: SortedGroups, grounds: Grounds
) -> tuple[SuggestedDirective, ...]:
    tokens, unprobed = draft.tokens, draft.unprobed
    margins = poison_margins(grounds.prevalence, grounds.thresholds)
    result = {name: suggested(name, sources, margins) for name, sources in tokens.items() if sources}
    if not draft.open_fetch_directives:
        result["default-src"] = (base("nothing is loaded but what a directive names"),)
    for name in FETCH_DIRECTIVES:
        result |= _inline_apart(name, result.get(name, ()), observed)
    if "object-src" not in result and "object-src" not in unprobed:
        result["object-src"] = (base("no object, embed or applet was seen; plugins are an old way in"),)
    if "script-src" in result and "worker-src" not in result and "worker-src" not in unprobed:
        result["worker-src"] = (base("no worker was seen; without this, script-src would stand in"),)
    result.setdefault("base-uri", (base("a <base> would move every relative URL"),))
    result |= _closed(draft, sorted_groups, grounds)
    for name in _WITHOUT_REPORTS:
        values = kept_without_reports(name, observed)
        if values is not None:
            reason = "part of every observed policy"
            result[name] = tuple(
                SuggestedSource(source=value, rule="unobserved-kept", reason=reason, tier=Tier.KEPT) for value in values
            )
    return tuple(SuggestedDirective(name=name, sources=result[name]) for name in sorted(result, key=directive_order))


def _closed(draft: Draft, sorted_groups: SortedGroups, grounds: Grounds) -> dict[str, tuple[SuggestedSource, ...]]:
    """What no fallback governs, where it was watched and hardly anybody says that it would refuse something."""
    result: dict[str, tuple[SuggestedSource, ...]] = {}
    for name in NEVER_ASSUMED:
        asking = [group for group, unresolved in sorted_groups.unresolved if unresolved.directive == name]
        are_many = not missing(
            grounds.prevalence.sources.get((name, ""), NO_REACH), grounds.prevalence, grounds.thresholds
        )
        is_refusing = any(group.trusted_reports for group in asking) or are_many
        if not (draft.tokens[name] or name in draft.unprobed or is_refusing):
            seen = "few strangers say that it would refuse something" if asking else "nothing was reported"
            result[name] = (base(f"an observed policy named it, and {seen}"),)
    return result


def _inline_apart(
    name: str, sources: tuple[SuggestedSource, ...], observed: Observed
) -> dict[str, tuple[SuggestedSource, ...]]:
    """The -elem or -attr directive that keeps inline code which only one of them was allowed."""
    part = inline_kept_apart(name, observed.policies)
    if part is None or not (observed.are_vouched or is_harmless(UNSAFE_INLINE, name)):
        return {}
    reason = "every observed policy allowed inline code of this kind, and of this kind alone"
    inline = SuggestedSource(source=UNSAFE_INLINE, rule="unobserved-kept", reason=reason, tier=Tier.KEPT)
    if part == "-attr":
        return {f"{name}-attr": (inline,)}
    # A nonce or hash would switch 'unsafe-inline' off; what they admit is inline code, or a URL of the list.
    urls = [source for source in sources if not source.source.startswith(("'nonce-", "'sha"))]
    return {f"{name}-elem": (*urls, inline)}


def split(directives: tuple[SuggestedDirective, ...]) -> tuple[SuggestedDirective, ...]:
    """The same policy with elements and attributes apart: what a list for both says of one of them stands by itself.

    The parents stay, for `eval` and workers, and for browsers that know no others.
    """
    result = {directive.name: directive for directive in directives}
    for parent in ("script-src", "style-src"):
        listed = result.get(parent)
        if listed is None:
            continue
        everything = any(source.source == UNSAFE_INLINE for source in listed.sources)
        elements = tuple(source for source in listed.sources if source.source not in _NOT_OF_ELEMENTS)
        attributes = tuple(source for source in listed.sources if everything and source.source == UNSAFE_INLINE)
        nothing = (base("nothing of this kind was seen"),)
        result.setdefault(f"{parent}-elem", SuggestedDirective(name=f"{parent}-elem", sources=elements or nothing))
        result.setdefault(f"{parent}-attr", SuggestedDirective(name=f"{parent}-attr", sources=attributes or nothing))
    return tuple(result[name] for name in sorted(result, key=directive_order))


_NOT_OF_ELEMENTS = frozenset({"'unsafe-eval'", "'wasm-unsafe-eval'", "'trusted-types-eval'"})
