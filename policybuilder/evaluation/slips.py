"""Slips: sources that browsers read, but not as they were meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from policybuilder.csp import HostSource
from policybuilder.evaluation.draft import Draft, Rating, at_value, shown
from policybuilder.evaluation.editing import Change, Edit, without
from policybuilder.evaluation.reading import PlacedDirective, Reading, Token, counting_sources
from policybuilder.evaluation.weakness import Certainty, Severity

_SCHEMES = frozenset({"data", "blob", "filesystem", "mediastream", "http", "https", "ws", "wss"})


def bare_schemes(reading: Reading) -> Iterator[Draft]:
    """A scheme without its colon is the name of a host."""
    for policy in reading.policies:
        for placed in policy.directives.values():
            for token in counting_sources(placed):
                source = token.source
                if not isinstance(source, HostSource) or token.text.lower() not in _SCHEMES:
                    continue
                message = f"{token.text} in {placed.name} is the name of a host: is {token.text}: meant?"
                rating = Rating("scheme-without-colon", Severity.LOW, Certainty.CERTAIN)
                draft = at_value(policy, placed, token, rating, message, change=partial(_with_colon, placed, token))
                yield replace(draft, may_awaken=True, otherwise=partial(without, placed, placed.alike(token)))


def _with_colon(placed: PlacedDirective, token: Token) -> Change:
    return tuple(Edit(each.end, each.end, ":") for each in placed.alike(token))


def stars_in_paths(reading: Reading) -> Iterator[Draft]:
    """A star stands for hosts and ports; in a path it is a character like another.

    https://w3c.github.io/webappsec-csp/#path-part-match
    """
    for policy in reading.policies:
        for placed in policy.directives.values():
            for token in counting_sources(placed):
                source = token.source
                if not isinstance(source, HostSource) or "*" not in (source.path_part or ""):
                    continue
                message = f"{shown(token.text)} in {placed.name} matches only addresses that have the * in their path"
                rating = Rating("star-in-path", Severity.LOW, Certainty.CERTAIN)
                draft = at_value(policy, placed, token, rating, message, change=partial(_up_to_star, placed, token))
                yield replace(draft, may_awaken=True, otherwise=partial(without, placed, placed.alike(token)))


def _up_to_star(placed: PlacedDirective, token: Token) -> Change:
    """The directory in which the star stands: all below it matches."""
    edits = []
    for each in placed.alike(token):
        path = each.text.index("/", each.text.find("://") + 3 if "://" in each.text else 0)
        kept = each.text[: each.text.rindex("/", 0, each.text.index("*", path)) + 1]
        edits.append(Edit(each.start, each.end, kept))
    return tuple(edits)
