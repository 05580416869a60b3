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


def slips(reading: Reading) -> Iterator[Draft]:
    """Schemes without their colon, and stars where they are characters like others."""
    for policy in reading.policies:
        for placed in policy.directives.values():
            for token in counting_sources(placed):
                source = token.source
                if not isinstance(source, HostSource):
                    continue
                # https://w3c.github.io/webappsec-csp/#path-part-match
                if "*" in (source.path_part or ""):
                    code, change = "star-in-path", partial(_up_to_star, placed, token)
                    message = f"{shown(token.text)} in {placed.name} matches only addresses with that * in their path"
                elif token.text.lower() in _SCHEMES:
                    code, change = "scheme-without-colon", partial(_with_colon, placed, token)
                    message = f"{token.text} in {placed.name} is the name of a host: is {token.text}: meant?"
                else:
                    continue
                rating = Rating(code, Severity.LOW, Certainty.CERTAIN)
                dropping = partial(without, placed, placed.alike(token))
                draft = at_value(policy, placed, token, rating, message, change=change, otherwise=dropping)
                # Neither copies a list; both let something count that did not.
                yield replace(draft, copies=False, may_awaken=True)


def _with_colon(placed: PlacedDirective, token: Token) -> Change:
    return tuple(Edit(each.end, each.end, ":") for each in placed.alike(token))


def _up_to_star(placed: PlacedDirective, token: Token) -> Change:
    """The directory in which the star stands: all below it matches."""
    edits = []
    for each in placed.alike(token):
        path = each.text.index("/", each.text.find("://") + 3 if "://" in each.text else 0)
        kept = each.text[: each.text.rindex("/", 0, each.text.index("*", path)) + 1]
        edits.append(Edit(each.start, each.end, kept))
    return tuple(edits)
